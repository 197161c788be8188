"""Two processes take the steps that one takes with the same batches."""

import re
import subprocess
import sys
from pathlib import Path

from tests.scripts import ROOT

import pytest
import torch

OPTIONS = ["--train", "42", "--test", "20", "--size", "64", "--batch", "16", "--epochs", "2"]


def weights(tmp_path: Path, processes: int, *more: str) -> tuple[dict[str, torch.Tensor], str]:
    script, file = (
        str(ROOT / "benchmarks" / "races" / "torchrun_recipe.py"),
        tmp_path / f"{processes}.pt",
    )
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launch if processes > 1 else []), script, *OPTIONS, *more]
    done = subprocess.run(
        [*command, "--no-dropout", "--save", str(file)],
        cwd=tmp_path, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return torch.load(file, weights_only=True), done.stdout


def losses(said: str) -> list[float]:
    found = [float(loss) for loss in re.findall(r"loss ([\d.]+)", said)]
    assert len(found) == 2, said
    return found


@pytest.mark.slow
def test_two_processes_end_where_one_does(tmp_path: Path) -> None:
    # A transformer, since it has no batch norm; a MobileNetV2 agrees as well when its head learns.
    # 42 images are batches of 16, 16 and 10: parts of equal size, and of five each
    one, said = weights(tmp_path, 1, "--network", "vit_tiny")
    two, said_of_two = weights(tmp_path, 2, "--network", "vit_tiny")
    losses = [
        [line for line in text.splitlines() if "loss" in line] for text in (said, said_of_two)
    ]
    assert [line.split(",")[0] for line in losses[0]] == [line.split(",")[0] for line in losses[1]]
    assert one.keys() == two.keys()
    moved = 0
    for name, value in one.items():
        if name.endswith("in_proj_bias"):
            # A key's bias changes no attention, so its gradient is rounding alone, of any sign; and
            # Adam takes steps of full length whatever the size of the gradient.
            third = len(value) // 3
            value[third : 2 * third] = two[name][third : 2 * third]
        assert torch.allclose(two[name], value, rtol=1e-3, atol=2e-5), name
        moved += not torch.equal(two[name], value)
    assert "2 processes" in said_of_two
    assert moved, "no rounding differs at all: were there really two processes?"
