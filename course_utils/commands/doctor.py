"""`python -m course_utils doctor`: is everything here that the lessons need?"""

from __future__ import annotations

import argparse
import textwrap

from course_utils.commands import doctor_data, doctor_machine
from course_utils.commands.doctor_machine import Check, Finding

HELP = "check this machine and say what to do about each finding"
WIDTH = 100
CHECKS: tuple[tuple[str, Check], ...] = (
    ("python", doctor_machine.python),
    ("packages", doctor_machine.installed_packages),
    ("device", doctor_machine.device),
    ("torchvision", doctor_machine.torchvision),
    ("threads", doctor_machine.threads),
    ("memory", doctor_machine.memory),
    ("disk", doctor_machine.disk),
    ("weights", doctor_data.built_in_weights),
    ("ImageNet", doctor_data.imagenet_weights),
    ("CIFAR-10", doctor_data.cifar10),
    ("COURSE_DATA", doctor_data.course_data),
    ("JupyterLab", doctor_machine.jupyterlab),
    ("widgets", doctor_machine.widgets),
    ("network", doctor_machine.network),  # last, since it may wait for an answer
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments: there are none."""


def main(args: argparse.Namespace) -> int:
    """Print each finding as soon as there is one; 1 when there is a problem, else 0.

    One check after the other: two threads that import torch at the same time can crash Python.
    """
    count = {"ok": 0, "problem": 0, "note": 0}
    for title, check in CHECKS:
        finding = examine(check)
        count[finding.status] += 1
        print(wrapped(f"{finding.status:<8} {title:<12} ", finding.found), flush=True)
        if finding.advice:
            print(wrapped(f"{'':<22}-> ", finding.advice), flush=True)
    del count["ok"]
    said = ", ".join(f"{n} {word}{'s' * (n != 1)}" for word, n in count.items() if n)
    verdict = "See to the problems first." if count["problem"] else "Lessons will run."
    print(f"\n{verdict} {said or 'Nothing to note'}.")
    return 1 if count["problem"] else 0


def examine(check: Check) -> Finding:
    """Run one check; whatever goes wrong inside it becomes a finding."""
    try:
        return check()
    except Exception as error:  # a doctor does not faint: the patient must hear the rest
        text = str(error).splitlines()
        return doctor_machine.problem(
            f"this could not be checked: {type(error).__name__}: {text[0] if text else ''}",
            "first see to the other problems, such as missing packages, then run doctor again",
        )


def wrapped(label: str, text: str) -> str:
    """A text behind a label, its further lines indented; paths are never broken."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )
