"""Findings as a table, and beside a reader's guesses."""

from course_utils import plots
from course_utils.lesson11 import figures as figures_11
from course_utils.lesson11 import report
from course_utils.lesson11.claims import CLAIMS
from course_utils.lesson11.comparisons import Tables
from course_utils.lesson11.findings import Finding, Verdict
from tests.lesson11.made_up import tables

import pytest

PAIRS = [
    (claim, claim.judge(tables(claim.number, true=claim.number % 2 == 0)))
    for claim in CLAIMS
    if claim.number < 20
]
PAIRS.append((CLAIMS[19], CLAIMS[19].judge(Tables({}))))


def test_the_table_has_a_row_for_each_claim_and_counts_settings() -> None:
    table = report.table(PAIRS).set_index("no.")
    assert table["verdict"][1] == table["Shapes"][1] == "does not hold"
    assert table["verdict"][2] == "holds"
    assert table["verdict"][20] == "not measured yet"
    assert table["settings for it"][20] == table["Shapes"][20] == table["photographs"][2] == "-"
    settings = len(PAIRS[1][1].solid)
    assert table["settings for it"][2] == f"{settings} of {settings}"


def test_findings_come_by_number_and_an_unknown_one_is_refused() -> None:
    assert [claim.number for claim, _ in report.findings([7, 3])] == [3, 7]
    with pytest.raises(ValueError, match="no claim 21"):
        report.findings([21])


def test_blanks_are_not_attempted() -> None:
    blank = dict.fromkeys(range(1, 21), ...)
    assert report.score(blank, PAIRS).empty
    assert report.score_in_words(blank, PAIRS).startswith("Not attempted yet")
    assert report.score_in_words({}, PAIRS).startswith("Not attempted yet")


def test_only_what_was_guessed_and_measured_is_scored() -> None:
    guesses = {1: "holds", 2: "holds", 3: ..., 20: "holds if"}
    result = report.score(guesses, PAIRS)
    assert result["no."].tolist() == [1, 2]
    assert result["same"].tolist() == [False, True]
    assert "1 of 2" in report.score_in_words(guesses, PAIRS)


def test_a_misspelt_verdict_is_refused_with_the_possible_ones() -> None:
    with pytest.raises(ValueError, match="claim 1: 'true' is none of 'holds', 'holds if', 'does"):
        report.score({1: "true"}, PAIRS)


def test_links_lead_to_the_lesson_of_each_claim() -> None:
    lines = report.links(PAIRS).splitlines()
    assert len(lines) == 20
    assert "[lesson 04](04_freezing.ipynb)" in lines[11]


def test_a_panel_for_each_measured_claim_and_unit_with_the_verdict_in_its_title() -> None:
    figure = figures_11.effects(PAIRS[1:3] + PAIRS[19:])
    titles = [ax.get_title(loc="right") for ax in figure.axes]
    assert titles == [
        "2 · shortcuts make depth trainable: HOLDS",
        "",  # the same claim, in times instead of points
        "3 · MobileNetV2 is small and fast: DOES NOT HOLD",
    ]
    words = [text.get_text() for text in figure.axes[2].texts]
    assert set(words) == {"the contrary"}
    assert len(plots.as_png(figure)) > 1000


def test_worlds_differ_by_marker_and_outcomes_by_filling() -> None:
    figure = figures_11.effects([(CLAIMS[3], CLAIMS[3].judge(tables(4, true=False)))])
    marks = [line for line in figure.axes[0].lines if line.get_marker() not in ("None", "")]
    assert {mark.get_marker() for mark in marks} == {"o", "s"}
    assert {mark.get_markerfacecolor() for mark in marks} == {"white"}


def test_nothing_measured_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        figures_11.effects([(CLAIMS[0], Finding(Verdict.NOT_MEASURED, "no record"))])


def test_the_overview_shows_every_claim_measured_or_not() -> None:
    figure = figures_11.overview(PAIRS)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("not measured yet") == 1
    assert sum(text.startswith(f"{n} · ") for n in range(1, 21) for text in texts) == 20
    assert len(plots.as_png(figure)) > 1000
