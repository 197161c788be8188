"""Findings as text, as a table, and beside a reader's own guesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from course_utils import experiments
from course_utils.lesson11.claims import CLAIMS, Claim
from course_utils.lesson11.findings import PHOTOS, SHAPES, Finding, Verdict
from course_utils.lesson11.rules import combine

import pandas as pd

Pairs = Sequence[tuple[Claim, Finding]]
ANSWERS = tuple(v.value for v in Verdict if v != Verdict.NOT_MEASURED)


def findings(numbers: Sequence[int] | None = None, folder: Path = experiments.RECORDS) -> Pairs:
    """Return claims with their findings, all or some, in the order of the numbers.

    Raises
    ------
    ValueError
        If there is no claim of such a number.
    """
    known = {claim.number: claim for claim in CLAIMS}
    wanted = sorted(known if numbers is None else numbers)
    if unknown := [n for n in wanted if n not in known]:
        raise ValueError(f"there is no claim {unknown[0]}; they are numbered 1 to {len(CLAIMS)}")
    return [(known[n], known[n].finding(folder)) for n in wanted]


def table(pairs: Pairs) -> pd.DataFrame:
    """Return a row a claim: number, claim, verdict, settings for it, either world, lesson."""
    rows = []
    for claim, finding in pairs:
        yes = sum(effect.outcome == "yes" for effect in finding.solid)
        worlds = {
            world: combine([e for e in finding.solid if e.world == world])
            for world in (SHAPES, PHOTOS)
        }
        rows.append(
            {
                "no.": claim.number,
                "claim": claim.short,
                "verdict": str(finding.verdict),
                "settings for it": f"{yes} of {len(finding.solid)}" if finding.solid else "-",
                **{w: "-" if v == Verdict.NOT_MEASURED else str(v) for w, v in worlds.items()},
                "lesson": claim.lesson[:2],
            }
        )
    return pd.DataFrame(rows)


def links(pairs: Pairs) -> str:
    """List the claims in Markdown, each with a link to the lesson in which it was shown."""
    return "\n".join(
        f"- **{claim.number} · {claim.short}**: {finding.verdict} "
        f"([lesson {claim.lesson[:2]}]({claim.lesson}.ipynb))"
        for claim, finding in pairs
    )


def score(guesses: Mapping[int, object], pairs: Pairs) -> pd.DataFrame:
    """Put a reader's guesses beside the findings: only what was guessed and has been measured.

    Parameters
    ----------
    guesses : mapping of int to object
        By the claim's number one of "holds", "holds if", "does not hold"; `...` is a blank.
    pairs : sequence of (Claim, Finding)
        What came of the claims.

    Raises
    ------
    ValueError
        For any other answer; it says which are possible.
    """
    rows = []
    for claim, finding in pairs:
        guess = guesses.get(claim.number, ...)
        if guess is ...:
            continue
        if guess not in ANSWERS:
            possible = ", ".join(repr(answer) for answer in ANSWERS)
            raise ValueError(f"claim {claim.number}: {guess!r} is none of {possible}")
        if finding.verdict != Verdict.NOT_MEASURED:
            right = guess == finding.verdict.value
            rows.append(
                {
                    "no.": claim.number, "claim": claim.short, "your verdict": guess,
                    "ours": str(finding.verdict), "same": right,
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=["no.", "claim", "your verdict", "ours", "same"])


def score_in_words(guesses: Mapping[int, object], pairs: Pairs) -> str:
    """Say how many verdicts were foreseen; "not attempted yet" if all are blank."""
    result = score(guesses, pairs)
    if result.empty:
        return "Not attempted yet: write verdicts into the form above, and run this cell again."
    return (
        f"You foresaw {int(result['same'].sum())} of {len(result)} verdicts. Guessing blindly "
        f"among three words gives about {len(result) / 3:.0f}."
    )
