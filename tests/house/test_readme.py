"""The README's figures are those of the records; its pictures are there, small and described."""

import re
from collections.abc import Callable
from pathlib import Path

from authoring import notebooks
from course_utils import experiments
from course_utils.lesson11 import report
from course_utils.lesson11.claims import CLAIMS

import pandas as pd
import pytest
from PIL import Image

PICTURE = re.compile(
    r'!\[(?P<text>[^\]]+)\]\((?P<path>[^)]+)\)|<img src="(?P<src>[^"]+)"[^>]*alt="(?P<alt>[^"]+)"'
)


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def table(name: str) -> pd.DataFrame:
    return pd.DataFrame(experiments.read_record(name)["rows"])


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def last_epochs(start: str, *, longest: bool) -> float:
    """Return the mean test accuracy at the end of a start's short or long run at its best rate."""
    record, runs = experiments.read_record("two_starts"), table("two_starts")
    runs = runs[(runs["start"] == start) & (runs["rate"] == record["best_rates"][start])]
    length = runs["epochs"].max() if longest else runs["epochs"].min()
    at_the_end = (runs["epochs"] == length) & (runs["epoch"] == length)
    return float(runs.loc[at_the_end, "test_accuracy"].mean())


def two_starts() -> str:
    random, pretrained = (last_epochs(start, longest=False) for start in ("random", "pretrained"))
    return f"random weights {percent(random)}, pretrained {percent(pretrained)}"


def more_epochs() -> str:
    return f"random weights {percent(last_epochs('random', longest=True))}"


def cached_features() -> str:
    medians = experiments.read_record("cached_features")["medians"]
    assert medians["naive_accuracy"] == medians["cached_accuracy"]
    return f"{medians['ratio_of_epochs']:.0f} times, with the same accuracy"


def fine_tuning_rates() -> str:
    runs = table("fine_tuning_rates")
    means = runs.groupby("rate")["accuracy"].mean()
    good, large = means.idxmax(), means.index.max()
    assert round(large / good) == 30
    head = percent(runs["head_only"].mean())
    return f"{percent(means[good])} and {percent(means[large])}; the head alone {head}"


def probes_by_depth() -> str:
    runs = table("probes_by_depth").query(
        "network == 'pretrained' and pooling == 'mean' and task == 'orientation'"
    )
    means = runs.groupby("depth")["accuracy"].mean()
    return f"{percent(means.max())} and {percent(means[means.index.max()])}"


FACTS = [two_starts, more_epochs, cached_features, fine_tuning_rates, probes_by_depth]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_each_answer_comes_from_its_record(fact: Callable[[], str], readme: str) -> None:
    assert f"| {fact()} |" in readme


def test_no_other_number_stands_among_the_answers(readme: str) -> None:
    [part] = re.findall(r"## What was measured\n(.*?)\n## ", readme, flags=re.DOTALL)
    rows = [line for line in part.splitlines() if line.startswith("| ") and "---" not in line]
    assert len(rows) == 1 + len(FACTS)


def test_the_settings_in_the_questions_are_those_of_the_records(readme: str) -> None:
    record = experiments.read_record("two_starts")
    lengths = sorted({row["epochs"] for row in record["rows"]})
    assert "600 training images" in record["data"]
    assert lengths == [8, 32]
    assert "after eight epochs on 600 images" in readme
    assert "four times as long" in readme
    assert len(experiments.read_record("cached_features")["rows"]) == 5
    assert "median of five runs" in readme
    for name in ("two_starts", "cached_features", "fine_tuning_rates", "probes_by_depth"):
        one = experiments.read_record(name)
        assert "2 cores" in one["hardware"], name
        assert "Shapes" in one["data"], name


def test_twenty_claims_with_all_three_verdicts(readme: str) -> None:
    assert len(CLAIMS) == 20
    assert "twenty claims" in readme
    verdicts = {str(finding.verdict) for _, finding in report.findings()}
    assert {"holds", "holds if", "does not hold"} <= verdicts


def test_pictures_are_there_small_and_described(readme: str, root: Path) -> None:
    found = [(m["path"] or m["src"], m["text"] or m["alt"]) for m in PICTURE.finditer(readme)]
    inside = [(root / path, alt) for path, alt in found if "://" not in path]
    assert {path.name for path, _ in inside} == {"lab.png", "shapes.png"} | {
        f"lesson_{lesson.name[:2]}.png" for lesson in notebooks.lessons()
    }
    for path, alt in inside:
        assert len(alt) > 40, path.name
        with Image.open(path) as picture:
            picture.verify()
    assert (root / "lessons" / "images" / "lab.png").stat().st_size < 300_000
    small = [path.stat().st_size for path, _ in inside if path.name.startswith("lesson_")]
    assert sum(small) < 600_000


def test_no_more_checked_exercises_are_promised_than_there_are(readme: str, root: Path) -> None:
    lessons = {lesson.name[:2] for lesson in notebooks.lessons()}
    checks = (root / "course_utils").glob("lesson[0-9][0-9]/check.py")
    there = {path.parent.name[-2:] for path in checks}
    sentence = re.search(r"Exercises look at your live objects(.*?)\. ", readme, flags=re.DOTALL)
    assert sentence
    promised = set(re.findall(r"\b\d\d\b", sentence[1])) or lessons
    assert promised <= there
