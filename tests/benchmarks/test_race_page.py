"""The page of the races says what the records say, and its scripts run at a tiny size."""

import json
from pathlib import Path

from course_utils import experiments
from course_utils.environment import PROJECT
from tests.scripts import run

import pytest
from PIL import Image


@pytest.fixture
def page(monkeypatch):
    from benchmarks.races import race_page

    return race_page


def made_up(question: str) -> dict:
    rows = [
        {"seed": seed, "contender": name, "seconds": seconds + seed, "accuracy": accuracy}
        for seed in (0, 1, 2)
        for name, seconds, accuracy in (("classic", 100.0, 0.60), ("ours", 4.0, 0.61))
    ]
    against = {"median_ratio": 20.24, "mean_points_ahead": 1.0}
    return {
        "command": f"python -m benchmarks.races.race {question} --train 9",
        "data": "some images",
        "weights": "some weights",
        "network": "mobilenet_v2",
        "hardware": "a machine",
        "versions": {"torch": "1.2.3"},
        "seeds": [0, 1, 2],
        "size": 96,
        "medians": {
            "seconds": {"ours": 5.0, "classic": 101.0},
            "accuracy": {"ours": 0.61, "classic": 0.60},
            "against": {"classic": against},
        },
        "rows": rows,
    }


def test_the_page_shows_the_records(page) -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.replaced(text) == text, "run python -m benchmarks.races.race_page"


def test_every_picture_of_the_page_is_there_and_is_drawn_from_a_record(page) -> None:
    block = page.block()
    assert ("images/race.png" in block) == bool(page.there(page.PHOTOGRAPHS))
    assert ("images/scaling.png" in block) == bool(page.there(("scaling",)))
    for name in ("race.png", "scaling.png"):
        if f"images/{name}" in block:
            with Image.open(PROJECT / "benchmarks" / "images" / name) as picture:
                assert picture.width >= 800


def test_a_race_becomes_a_table_with_ours_at_the_end(page) -> None:
    lines = page.race_part(made_up("frozen"))
    table = [line for line in lines if line.startswith("|")]
    assert table[-1].startswith("| ours | 5.0 s | 61.0 ± 0.0 %")
    assert "| 20.2 | +1.0 |" in table[-2]
    assert lines[0].startswith("**Head only, MobileNetV2** at 96 pixels, some images")
    assert any("3 seeds" in line and "--train 9" in line for line in lines)


def test_without_a_record_nothing_is_said(page, monkeypatch) -> None:
    def missing(name: str) -> dict:
        raise FileNotFoundError(name)

    monkeypatch.setattr(experiments, "read_record", missing)
    assert page.block() == f"{page.START}\n\n{page.END}"


def test_a_page_without_marks_is_refused(page) -> None:
    with pytest.raises(ValueError, match="needs one"):
        page.replaced("nothing here")


def test_the_figures_show_every_run(page) -> None:
    figure = page.race_figure([made_up("frozen"), made_up("full")])
    left, right = figure.axes
    assert [len(dots.get_offsets()) for dots in left.collections] == [3] * 4
    labels = [label.get_text() for label in left.get_yticklabels()]
    assert labels == ["head only: classic A", "head only: ours",
                      "everything: classic A", "everything: ours"]  # fmt: skip
    assert right.get_xlabel() == "test accuracy (%)"


def test_time_and_memory_are_measured_for_each_setting(page, tmp_path: Path, monkeypatch) -> None:
    from benchmarks.races import scaling

    monkeypatch.setattr(scaling, "ROWS", {"thawed": (0, 19)})
    monkeypatch.setattr(scaling, "MIDDLE", {"images": 64, "size": 32, "thawed": 5})
    options = ["--runs", "1", "--epochs", "1", "--only", "thawed", "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", [scaling.__file__, *options])
    scaling.main()
    record = json.loads((tmp_path / "scaling.json").read_text())
    none, every = record["rows"]
    assert none["thawed"] == 0
    assert every["thawed"] == 19
    assert every["trainable"] > 100 * none["trainable"]
    assert all(row["seconds_an_epoch"] > 0 and row["peak_mb"] > 50 for row in record["rows"])
    assert len(page.scaling_figure({"rows": page_rows(record["rows"])}).axes) == 6


def page_rows(rows: list[dict]) -> list[dict]:
    """The same rows once for each column of the figure."""
    return [{**row, "by": by} for by in ("images", "size", "thawed") for row in rows]


def test_the_parts_of_the_speed_are_measured_one_by_one(page, tmp_path: Path) -> None:
    options = ["--images", "64", "--sizes", "32", "--runs", "1", "--out", str(tmp_path)]
    run("races.speed_parts", *options, cwd=tmp_path)
    record = json.loads((tmp_path / "speed_parts.json").read_text())
    assert {row["kind"] for row in record["medians"]} == {
        "preparing", "looking", "a training step",
    }  # fmt: skip
    assert all(row["ms"] > 0 for row in record["rows"])
    assert "| looking: and 16 at a time |" in "\n".join(page.parts_part(record))
