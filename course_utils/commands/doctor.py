"""`python -m course_utils doctor`: is everything here that the lessons need?"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence

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
    ("network", doctor_machine.network),
    ("JupyterLab", doctor_machine.jupyterlab),
    ("widgets", doctor_machine.widgets),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments: there are none."""


def main(args: argparse.Namespace) -> int:
    """Print all findings; 1 when there is a problem, else 0."""
    findings = doctor_machine.all_findings(CHECKS)
    print("\n".join(lines(findings)))
    return 1 if any(finding.status == "problem" for _, finding in findings) else 0


def lines(findings: Sequence[tuple[str, Finding]]) -> list[str]:
    """The report: a line for what was found, one with an arrow for what to do, and a verdict."""
    text = []
    for title, finding in findings:
        text += wrapped(f"{finding.status:<8} {title:<12} ", finding.found)
        if finding.advice:
            text += wrapped(f"{'':<22}-> ", finding.advice)
    count = {word: sum(f.status == word for _, f in findings) for word in ("problem", "note")}
    said = ", ".join(f"{n} {word}{'s' * (n != 1)}" for word, n in count.items() if n)
    verdict = "Lessons will run." if not count["problem"] else "See to the problems first."
    return [*text, "", f"{verdict} {said or 'Nothing to note'}."]


def wrapped(first: str, text: str) -> list[str]:
    """A text behind a label, its further lines indented; paths are never broken."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
