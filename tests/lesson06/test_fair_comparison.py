"""The benchmark of fair and unfair comparisons, at a tiny size."""

import json
import sys

from benchmarks.lesson06 import fair_comparison
from benchmarks.lesson06.fair_comparison import begin, network
from course_utils import experiments
from course_utils.networks.heads import find_head

import pandas as pd
import torch

NUMBERS = {
    "--source": 64, "--source-epochs": 1, "--train": 64, "--epochs": 1, "--tune": 40, "--test": 40,
}  # fmt: skip
TINY = [*(str(word) for pair in NUMBERS.items() for word in pair), "--seeds", "0", "1"]


def test_a_row_for_each_architecture_start_and_seed(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", [fair_comparison.__file__, *TINY, "--out", str(tmp_path)])
    monkeypatch.setattr(fair_comparison, "RATES", (1e-3, 1e-2))
    fair_comparison.main()
    record = json.loads((tmp_path / "fair_comparison.json").read_text())
    rows = {(r["seed"], r["architecture"], r["start"]): r for r in record["rows"]}
    assert len(rows) == len(record["rows"]) == 2 * 9
    assert all(row["rate"] in (1e-3, 1e-2) for row in rows.values())
    for seed in (0, 1):
        assert rows[seed, "B", "scratch"]["tensors_matched"] == 0
        whole = rows[seed, "B", "pretrained alike"]
        assert whole["tensors_matched"] == whole["tensors_total"]
        fits = rows[seed, "B", "what fits of A's"]
        assert 0 < fits["tensors_matched"] < fits["tensors_total"]


@torch.no_grad()
def test_refitted_weights_let_b_compute_what_a_does():
    a = network("A", 30).train()
    for _ in range(3):
        a(torch.randn(16, 3, 32, 32))
    b, matched, total = begin("B", "A's, refitted", {"A": a.state_dict()}, 0, classes=10)
    head, own = find_head(a)[1], find_head(b)[1]
    assert (matched, total) == (len(a.state_dict()), len(b.state_dict()))
    own.weight.copy_(head.weight[:10])
    own.bias.copy_(head.bias[:10])
    x = torch.randn(4, 3, 32, 32)
    assert torch.allclose(b.eval()(x), a.eval()(x)[:, :10], atol=1e-5)


def test_only_the_named_part_differs_between_the_architectures():
    sizes = {name: sum(p.numel() for p in network(name, 10).parameters()) for name in "ABC"}
    assert sizes["A"] < sizes["B"] < sizes["C"]
    assert len(network("B", 10)) == len(network("A", 10)) + 1 == len(network("C", 10)) + 1


def test_a_resumed_run_keeps_rows_and_rates(monkeypatch, tmp_path, capsys):
    words = [fair_comparison.__file__, *TINY[:-1], "--out", str(tmp_path)]
    monkeypatch.setattr(fair_comparison, "RATES", (1e-3, 1e-2))
    monkeypatch.setattr(sys, "argv", words)
    fair_comparison.main()
    first = json.loads((tmp_path / "fair_comparison.json").read_text())["rows"]
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", [*words[:-2], "1", "--resume", *words[-2:]])
    fair_comparison.main()
    record = json.loads((tmp_path / "fair_comparison.json").read_text())
    assert record["rows"][:9] == first
    assert record["seeds"] == [0, 1]
    rates = [[row["rate"] for row in record["rows"][i : i + 9]] for i in (0, 9)]
    assert rates[0] == rates[1]
    assert "tuned" not in capsys.readouterr().out


def test_the_record_s_clouds_overlap_as_exercise_6_4_says():
    rows = pd.DataFrame(experiments.read_record("fair_comparison")["rows"])
    alike = rows[rows["start"] == "pretrained alike"].groupby("architecture")["accuracy"]
    low, high = alike.min(), alike.max()
    assert max(low["A"], low["C"]) <= min(high["A"], high["C"])
