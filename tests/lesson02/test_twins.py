"""The twins have the same tensors, and differ by the addition alone."""

from course_utils.lesson02 import twins
from course_utils.training.freezing import block_names

import pytest
import torch
from torch import nn


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_twins_start_from_the_same_tensors(batch_norm: bool) -> None:
    plain, residual = (twins.twin(kind, 16, 5, batch_norm=batch_norm) for kind in twins.KINDS)
    ours, theirs = plain.state_dict(), residual.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    x = torch.randn(4, 3, 32, 32)
    assert plain(x).shape == (4, 5)
    assert not torch.allclose(plain(x), residual(x))


@pytest.mark.parametrize("depth", [10, 22])
def test_depth_counts_the_layers_with_weights(depth: int) -> None:
    net = twins.twin("plain", depth, 10)
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in net.modules()) == depth


def test_another_seed_gives_other_weights_and_leaves_torchs_generator_alone() -> None:
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    first, second = (twins.twin("plain", 10, 10, seed=seed) for seed in (0, 1))
    assert torch.equal(torch.rand(1), wanted)
    assert not torch.equal(first.stem[0].weight, second.stem[0].weight)


def test_a_residual_block_adds_its_input_and_a_plain_one_does_not() -> None:
    x = torch.randn(2, 8, 6, 6).abs()
    for shortcut in (True, False):
        block = twins.Block(8, shortcut, batch_norm=False)
        for p in block.parameters():
            nn.init.zeros_(p)
        assert torch.equal(block(x), x if shortcut else torch.zeros_like(x))


def test_the_blocks_are_named_from_the_input_to_the_head() -> None:
    names = ["stem", "block1", "halve1", "block2", "halve2", "block3", "head"]
    assert block_names(twins.twin("residual", 10, 10)) == names


@pytest.mark.parametrize("depth", [4, 11, 26, -2])
def test_a_depth_that_cannot_be_is_refused_with_one_that_can(depth: int) -> None:
    with pytest.raises(ValueError, match=r"4 \+ 6 n layers") as caught:
        twins.twin("plain", depth, 10)
    twins.twin("plain", int(str(caught.value).split()[-1]), 10)  # the advice works


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="plain, residual"):
        twins.twin("resnet", 10, 10)  # type: ignore[arg-type]


def test_a_nudge_grows_with_its_size_and_is_nothing_without_one() -> None:
    net, x = twins.twin("plain", 10, 10), torch.randn(8, 3, 32, 32)
    none, small, large = (twins.nudge(net, x, size=size) for size in (0.0, 0.001, 0.1))
    assert [row["block"] for row in small] == [1, 2, 3, 4, 5, 6]
    assert all(row["change"] == 0 for row in none)
    assert all(0 < a["change"] < b["change"] for a, b in zip(small, large, strict=True))


def test_the_nudge_of_a_layer_that_only_scales_stays_as_it_is() -> None:
    layer = nn.Conv2d(3, 3, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(5 * torch.eye(3).view(3, 3, 1, 1))
    net = nn.Sequential(layer, nn.Conv2d(3, 3, 1))  # the last block counts as the head
    x = torch.randn(50, 3, 16, 16)
    (row,) = twins.nudge(net, x, size=0.01)
    assert row["change"] == pytest.approx(0.01, rel=0.05)
