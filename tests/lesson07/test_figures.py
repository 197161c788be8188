"""The verdicts of lesson 07, and that its figures show every run."""

from course_utils.lesson07 import figures as figures_07
from course_utils.lesson07 import strategies

import pandas as pd
import pytest

NAMES = list(strategies.STRATEGIES)
SIZES, TASKS = {"little": 30, "much": 1000}, {"near": "near", "far": "grain"}


def table(**raised: float) -> pd.DataFrame:
    """Three seeds at 50 % plus a little noise; `raised` lifts strategies in every case."""
    lift = {name.replace("_", " "): points for name, points in raised.items()}
    return pd.DataFrame(
        {
            "seed": seed,
            "task": task,
            "train": size,
            "strategy": name,
            "accuracy": 0.5 + lift.get(name, 0.0) + 0.01 * ((seed * (place + 1)) % 3),
        }
        for seed in range(3)
        for task in ("near", "grain")
        for size in (30, 1000)
        for place, name in enumerate(NAMES)
    )


def four(rows: pd.DataFrame) -> list[figures_07.Case]:
    return figures_07.four_cases(rows, sizes=SIZES, tasks=TASKS)


def test_every_advised_strategy_exists():
    assert {name for names in figures_07.ADVICE.values() for name in names} <= set(NAMES)


def test_a_winner_by_far_is_named_in_each_case():
    rows = table(everything=0.3)
    found = figures_07.compare_advice(rows, four(rows)).set_index(["amount", "similarity"])
    assert found.loc[("much", "near"), "verdict"] == "advice ahead"
    assert found.loc[("much", "far"), "verdict"] == "advice ahead"
    assert found.loc[("little", "near"), "verdict"] == "other ahead"
    assert found.loc[("little", "near"), "best_other"] == "everything"
    assert found.loc[("much", "far"), "advised"] == "everything"
    assert found.loc[("little", "near"), "lead"] == pytest.approx(-30, abs=2)


def test_a_lead_within_the_spread_is_no_lead():
    rows = table()
    assert set(figures_07.compare_advice(rows, four(rows))["verdict"]) == {"no clear difference"}


def test_differences_are_taken_seed_by_seed():
    rows = table(head_only=0.05)
    rows["accuracy"] += 0.1 * rows["seed"]  # some draws are harder for all alike
    found = figures_07.compare_advice(rows, four(rows)).iloc[0]
    assert found["spread"] < 3
    assert found["verdict"] == "advice ahead"


def test_a_record_without_one_of_the_cases_is_refused():
    rows = table()
    with pytest.raises(ValueError, match="no row has 1000 training images of the task 'grain'"):
        four(rows[~((rows["train"] == 1000) & (rows["task"] == "grain"))])


def test_the_four_panels_show_each_run_and_mark_the_advice():
    rows = table()
    axes = figures_07.accuracy_by_case(rows, four(rows)).axes
    assert [len(ax.collections) for ax in axes] == [len(NAMES)] * 4
    assert all(len(c.get_offsets()) == 3 for ax in axes for c in ax.collections)
    marked = [[t.get_text()[2:] for t in ax.get_yticklabels() if t.get_text()[0] == "→"]
              for ax in axes]  # fmt: skip
    assert [set(m) for m in marked] == [set(a) for a in figures_07.ADVICE.values()]
    assert "30 images" in axes[0].get_title()
    assert "near" in axes[0].get_title()


def test_one_panel_a_task_and_one_line_a_strategy():
    figure = figures_07.accuracy_by_size(table(), {"near": "near task", "grain": "far task"}, 0.1)
    assert [ax.get_title() for ax in figure.axes] == ["near task", "far task"]
    assert all(len(ax.containers) == len(NAMES) for ax in figure.axes)
    heights = figure.axes[0].containers[0].lines[0].get_ydata()
    assert list(heights) == pytest.approx([51, 51])


def test_blocks_have_whole_numbers_and_accuracies_the_whole_scale():
    rows = pd.DataFrame(
        {"block": b, "accuracy": 0.05 * b, "task": task} for b in range(19) for task in ("a", "b")
    )
    axis = figures_07.accuracy_by_block(rows, "task").axes[0]
    assert list(axis.get_xticks()) == [0, 3, 6, 9, 12, 15, 18]
    assert axis.get_ylim() == (0, 102)
    assert len(axis.lines) == 2
