"""Runs over seeds and settings as a table; records written whole, read back, and cited."""

import json
from pathlib import Path

from course_utils import environment
from course_utils.experiments import cite, mean_and_std, read_record, repeat, summary, write_record

import numpy as np
import pandas as pd
import pytest
import torch

# ---- repeat


def test_every_seed_meets_every_setting_once():
    calls = []

    def run(seed: int, rate: float, blocks: int) -> dict[str, float]:
        calls.append((seed, rate, blocks))
        return {"score": seed + rate}

    table = repeat(run, seeds=[0, 1], rate=[0.1, 0.2, 0.3], blocks=[5])
    assert sorted(calls) == sorted({(s, r, 5) for s in (0, 1) for r in (0.1, 0.2, 0.3)})
    assert list(table.columns) == ["seed", "rate", "blocks", "score"]
    assert (table.score == table.seed + table.rate).all()


def test_a_run_may_give_many_rows_or_yield_them():
    def epochs(seed: int):
        for number in range(3):
            yield {"epoch": number, "loss": seed - number}

    table = repeat(epochs, seeds=range(2))
    assert table.to_dict("list") == {
        "seed": [0, 0, 0, 1, 1, 1],
        "epoch": [0, 1, 2, 0, 1, 2],
        "loss": [0, -1, -2, 1, 0, -1],
    }


def test_a_bar_changes_nothing(capsys):
    def run(seed: int) -> dict[str, int]:
        return {"double": 2 * seed}

    with_bar = repeat(run, seeds=[1, 2], progress=True)
    assert "runs" in capsys.readouterr().err
    assert with_bar.equals(repeat(run, seeds=[1, 2]))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("seeds", [[], [1, 1], [0, 1, 0]])
def test_seeds_must_differ(seeds):
    with pytest.raises(ValueError, match="different from each other and at least one"):
        repeat(lambda seed: {}, seeds=seeds)


# ---- summary and mean_and_std


def test_summary_by_hand():
    table = pd.DataFrame(
        {"way": ["b", "b", "b", "a"], "seed": [0, 1, 2, 0], "score": [1.0, 2.0, 6.0, 5.0]}
    )
    found = summary(table, "way", "score")
    assert found.way.tolist() == ["b", "a"], "in the order of the table"
    assert found["mean"].tolist() == [3, 5]
    assert found.sd[0] == pytest.approx(7**0.5)
    assert np.isnan(found.sd[1]), "one run has no spread"
    assert found.runs.tolist() == [3, 1]
    two = summary(table, ["way", "seed"], "score")
    assert list(two.columns) == ["way", "seed", "mean", "sd", "runs"]
    assert len(two) == 4


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([0.713, 0.693, 0.733], True, "71.3 ± 2.0 % (3 runs)"),
        ([0.5], True, "50.0 % (1 run)"),
        ([1, 2, 3], False, "2.0 ± 1.0 (3 runs)"),
        (np.array([0.25, 0.25]), True, "25.0 ± 0.0 % (2 runs)"),
        (pd.Series([0.1, 0.3], index=[7, 9]), True, "20.0 ± 14.1 % (2 runs)"),
    ],
)
def test_say(values, percent, expected):
    assert mean_and_std(values, percent) == expected


def test_nothing_to_say():
    with pytest.raises(ValueError, match="nothing was measured"):
        mean_and_std([])


# ---- records

DETAILS = {
    "what": "a test",
    "command": "python benchmarks/x.py",
    "data": "Shapes (target), 300 images",
    "weights": "Shapes weights",
    "seeds": [0, 1, 2],
}


def test_a_record_holds_all_that_is_needed_to_repeat_it(tmp_path):
    rows = [{"epoch": 1, "accuracy": 0.5}, {"epoch": 2, "accuracy": 0.75}]
    path = write_record("run", rows=rows, folder=tmp_path / "new", size=96, **DETAILS)
    assert path == tmp_path / "new" / "run.json"
    found = read_record("run", tmp_path / "new")
    assert found["rows"] == rows
    assert {key: found[key] for key in DETAILS} == DETAILS
    assert found["size"] == 96
    assert found["versions"] == environment.versions()
    assert found["commit"] == environment.commit()
    assert found["hardware"] == environment.hardware()
    assert len(found["date"].split("-")) == 3
    assert [p.name for p in path.parent.iterdir()] == ["run.json"]


def test_tables_and_numbers_of_numpy_and_torch_are_written(tmp_path):
    table = pd.DataFrame({"seed": [0, 1], "accuracy": np.array([0.5, 0.25], dtype=np.float32)})
    write_record("table", rows=table, folder=tmp_path, **DETAILS)
    assert read_record("table", tmp_path)["rows"] == table.to_dict("records")
    rows = [{"n": np.int64(3), "x": torch.tensor(0.5)}]
    write_record("numbers", rows=rows, folder=tmp_path, **DETAILS)
    assert read_record("numbers", tmp_path)["rows"] == [{"n": 3, "x": 0.5}]


@pytest.mark.parametrize("rows", [[], pd.DataFrame()])
def test_a_record_without_rows(tmp_path, rows):
    with pytest.raises(ValueError, match="'empty' has no rows"):
        write_record("empty", rows=rows, folder=tmp_path / "f", **DETAILS)
    assert not (tmp_path / "f").exists()


def test_what_cannot_be_written_leaves_the_old_record(tmp_path, monkeypatch):
    write_record("run", rows=[{"a": 1}], folder=tmp_path, **DETAILS)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(TypeError):
        write_record("run", rows=[{"a": object()}], folder=tmp_path, **DETAILS)

    original = Path.write_text

    def disk_full(self, data, **options):
        original(self, data[:20], **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", disk_full)
    with pytest.raises(OSError, match="No space"):
        write_record("run", rows=[{"a": 2}], folder=tmp_path, **DETAILS)
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]
    assert (tmp_path / "run.json").read_bytes() == before
    with pytest.raises(OSError, match="No space"):
        write_record("other", rows=[{"a": 2}], folder=tmp_path, **DETAILS)
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_an_unknown_record_lists_those_there_are(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no record 'x' in .*; there are: none"):
        read_record("x", tmp_path)
    for name in ("second", "first"):
        write_record(name, rows=[{"a": 1}], folder=tmp_path, **DETAILS)
    with pytest.raises(FileNotFoundError, match="there are: first, second"):
        read_record("x", tmp_path)


def test_a_citation_says_where_figures_come_from(tmp_path):
    write_record("run", rows=[{"a": 1}], folder=tmp_path, **DETAILS)
    record = read_record("run", tmp_path)
    text = cite(record)
    for part in (
        "Record, not this run",
        "Shapes (target), 300 images",
        "Shapes weights",
        "3 seeds",
        "python benchmarks/x.py",
        torch.__version__,
        environment.hardware(),
    ):
        assert part in text
    assert "; 1 seed;" in cite(record | {"seeds": [0]})


def test_records_are_readable_text(tmp_path):
    path = write_record("run", rows=[{"a": 1}], folder=tmp_path, **DETAILS)
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert len(text.splitlines()) > 10
    assert json.loads(text)["what"] == "a test"
