"""The soak of the live lab, for a few seconds instead of ten minutes."""

import asyncio
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def soak() -> ModuleType:
    from benchmarks.lesson09 import lab_soak

    return lab_soak


def run(soak: ModuleType, monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[int, dict]:
    """Run the script as from a shell, quickly; give its exit status and its record."""
    monkeypatch.setattr(soak, "PAUSE", 0.05)
    monkeypatch.setitem(soak.WEIGHTS, "reset", 0.2)  # or a busy machine gets to no step in between
    words = [soak.__file__, "--minutes", "0.1", "--train", "16", "--out", str(folder)]
    monkeypatch.setattr(sys, "argv", words)
    status = asyncio.run(asyncio.to_thread(soak.main))  # in a thread: other tests may have a loop
    return status, json.loads((folder / "lab_soak.json").read_text())


def test_random_clicks_leave_nothing_behind(
    soak: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(soak, "ALLOWANCE_MB", 2000)  # it only warms up in so short a time
    status, record = run(soak, monkeypatch, tmp_path)
    assert record["faults"] == []
    assert status == 0
    assert (record["threads_left"], record["tasks_left"]) == (0, 0)
    assert record["rows"][-1]["steps"] > 0, "it trained meanwhile"
    assert len(record["actions"]) > 5
    assert record["commands"] >= sum(record["actions"].values()) / 2
    assert record["memory_end_mb"] > 50


def test_what_must_not_happen_is_noticed(
    soak: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(soak, "unanswered", lambda page: [7])
    monkeypatch.setattr(soak, "PATIENCE", 0.5)
    monkeypatch.setattr(soak, "ALLOWANCE_MB", -10_000)
    status, record = run(soak, monkeypatch, tmp_path)
    assert status == 1
    assert any("not answered exactly once: [7]" in fault for fault in record["faults"])
    assert any("memory grew" in fault for fault in record["faults"])


def test_a_leak_has_a_slope(soak: ModuleType) -> None:
    used = [500 + 20 * i for i in range(9)]
    notes = [{"memory_mb": mb + 100, "in_use_mb": mb, "threads": 3} for mb in used]
    rows = [{"seconds": 60.0 * i, **note} for i, note in enumerate(notes)]
    found = soak.summary(rows)
    assert found["slope_mb_per_minute"] == 20
    assert found["memory_last_quarter_mb"] - found["memory_second_quarter_mb"] > 80
    assert found["memory_most_mb"] == 760
