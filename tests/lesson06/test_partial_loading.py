"""The benchmark of partial loading, at a tiny size."""

import json
import sys
from pathlib import Path

from benchmarks.lesson06 import partial_loading

import pytest

NUMBERS = {"--train": 32, "--held-out": 20, "--epochs": 1, "--scratch-epochs": 1, "--seeds": 0}
SIZES = [str(word) for pair in NUMBERS.items() for word in pair]


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str) -> list[dict]:
    words = ["partial_loading.py", *SIZES, "--out", str(folder), *options]
    monkeypatch.setattr(sys, "argv", words)
    partial_loading.main()
    return json.loads((folder / "partial_loading.json").read_text())["rows"]


def test_the_record_says_what_was_loaded_and_can_be_resumed(monkeypatch, tmp_path, capsys):
    number = [(case.change, case.load) for case in partial_loading.CASES].index
    shifted = number((partial_loading.INSERTED, "keys shifted, last norm zero"))
    fourth = number(("4 input channels", "new one zero"))
    rows = run(monkeypatch, tmp_path, "--cases", str(fourth))
    assert [row["treatment"] for row in rows] == ["frozen"]
    assert rows[0]["tensors_matched"] == rows[0]["tensors_total"] == 314
    assert rows[0]["numbers_matched"] == rows[0]["numbers_total"]
    capsys.readouterr()
    more = run(monkeypatch, tmp_path, "--resume", "--cases", str(fourth), str(shifted))
    assert more[0] == rows[0]
    assert "4 input channels" not in capsys.readouterr().out, "measured once, not twice"
    assert [row["treatment"] for row in more[1:]] == ["frozen", "fine-tuned"]
    assert (more[1]["tensors_matched"], more[1]["tensors_total"]) == (314, 332)
    assert all(0 <= row["accuracy"] <= 1 for row in more)


def test_each_case_has_a_name_of_its_own_and_an_untouched_one_to_compare_with():
    names = [(case.change, case.load) for case in partial_loading.CASES]
    assert len(set(names)) == len(names)
    assert names[0] == ("untouched", "as it is")
    changes = {change for change, _ in names}
    for chosen in ("FROM_SCRATCH", "RETRAINED", "RENEWED"):
        assert set(getattr(partial_loading, chosen)) <= changes
