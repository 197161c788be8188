"""Frozen means frozen: parameters and buffers, to the bit, whatever happens around them."""

from course_utils import training
from course_utils.images.datasets import batches
from course_utils.networks.blocks import split_into_blocks
from course_utils.training import freezing
from course_utils.training.freezing import FreezePlan
from tests.tiny import (
    BLOCKS,
    by_stage,
    data,
    equal,
    mobilenet,
    network,
    prepare,
    resnet,
    same,
    state,
)

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

plans = st.builds(
    FreezePlan,
    frozen=st.frozensets(st.sampled_from(BLOCKS), max_size=3),  # something must be left to learn
    batch_norm=st.sampled_from(["eval", "train"]),
)
OPTIMIZERS = {
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
}


def modes(model: nn.Module) -> list[bool]:
    return [module.training for module in model.modules()]


@settings(max_examples=40, deadline=None)
@given(
    phases=st.lists(plans, min_size=1, max_size=4),
    kind=st.sampled_from(sorted(OPTIMIZERS)),
    meddle=st.sampled_from(["nobody", "train", "eval"]),
    seed=st.integers(0, 3),
)
def test_only_what_the_plan_lets_learn_moves(phases, kind, meddle, seed):
    """Plans change while momentum has built up, and somebody else switches modes in between."""
    model, images = network(seed), data(24)
    optimizer = OPTIMIZERS[kind](model.parameters())
    for number, plan in enumerate(phases):
        freezing.apply(model, plan)
        before = by_stage(model)
        passes = batches(images.train_images, images.train_labels, 8, seed=number)
        taken = 0
        for _ in training.steps(model, optimizer, passes, prepare, plan=plan):
            taken += 1
            if meddle != "nobody":
                model.train(meddle == "train")
        assert taken == 3
        after = by_stage(model)
        for name in BLOCKS:
            (parameters, buffers), (now, now_buffers) = before[name], after[name]
            if name in plan.frozen:
                assert equal(parameters, now), f"{name} is frozen, but its parameters moved"
                follows = plan.batch_norm == "train"
            else:
                assert not equal(parameters, now), f"{name} learns, but did not move"
                follows = True
            if buffers:
                assert equal(buffers, now_buffers) != follows, f"{name}: running statistics"


@settings(max_examples=25, deadline=None)
@given(first=plans, second=plans)
def test_a_plan_says_everything_whatever_was_applied_before(first, second):
    def flags(model: nn.Module) -> tuple[list[bool], list[bool]]:
        return [p.requires_grad for p in model.parameters()], modes(model)

    fresh, used = network(), network()
    freezing.apply(fresh, second)
    freezing.apply(used, first)
    untouched = state(used)
    freezing.apply(used, second)
    once = flags(used)
    assert once == flags(fresh)
    freezing.apply(used, second)
    assert flags(used) == once
    assert same(state(used), untouched), "applying a plan moves nothing"


def test_freezing_drops_gradients_so_that_no_optimizer_can_use_them():
    model = network()
    model(torch.randn(4, 3, 16, 16)).sum().backward()
    freezing.apply(model, freezing.freeze(model, ["middle"]))
    assert all(p.grad is None for p in model.middle.parameters())
    assert all(p.grad is not None for p in model.stem.parameters())
    before = [p.detach().clone() for p in model.middle.parameters()]
    OPTIMIZERS["momentum"](model.parameters()).step()
    assert equal(before, list(model.middle.parameters()))


def test_training_mode_is_eval_for_frozen_blocks_and_their_dropout():
    model = network()
    freezing.apply(model, FreezePlan(frozenset({"stem"})))
    assert not any(m.training for m in model.stem.modules())
    assert all(m.training for m in model.deep.modules())
    freezing.apply(model, FreezePlan(frozenset({"stem"}), "train"))
    kinds = {type(m).__name__: m.training for m in model.stem}
    assert kinds["BatchNorm2d"]
    assert not kinds["Dropout"]


@pytest.mark.parametrize("build", [network, mobilenet, resnet])
def test_ways_to_write_a_plan_agree(build):
    model = build()
    names = freezing.block_names(model)
    assert names == [block.name for block in split_into_blocks(model)]
    assert freezing.freeze_first(model, 0) == freezing.freeze_nothing()
    assert freezing.freeze_first(model, len(names) - 1) == freezing.freeze_backbone(model)
    assert freezing.freeze_first(model, len(names)).frozen == set(names)
    for k in range(len(names) + 1):
        plan = freezing.freeze_first(model, k)
        assert plan == freezing.thaw_last(model, len(names) - k)
        assert plan == freezing.freeze(model, names[:k])
        assert plan.frozen == set(names[:k])
    for plan in (
        freezing.freeze_first(model, 2, "train"),
        freezing.thaw_last(model, 2, "train"),
        freezing.freeze(model, names[:1], "train"),
        freezing.freeze_backbone(model, "train"),
    ):
        assert plan.batch_norm == "train"
    assert names[-1] not in freezing.freeze_backbone(model).frozen


def test_a_single_name_may_stand_alone():
    assert freezing.freeze(network(), "deep").frozen == {"deep"}


@pytest.mark.parametrize("k", [-1, 5, True, False, 1.0, 1.5, "2", None])
@pytest.mark.parametrize("way", [freezing.freeze_first, freezing.thaw_last])
def test_impossible_counts(way, k):
    with pytest.raises(ValueError, match=f"{k!r} blocks of Sequential: it has 4.* 0 to 4"):
        way(network(), k)


def test_an_unknown_block_is_named_with_those_there_are():
    model = network()
    before = [p.requires_grad for p in model.parameters()], modes(model)
    with pytest.raises(ValueError, match=r"no block 'features\.3'.*stem, middle, deep, head"):
        freezing.freeze(model, ["stem", "features.3"])
    with pytest.raises(ValueError, match="no block 'other'"):
        freezing.apply(model, FreezePlan(frozenset({"stem", "other"})))
    after = [p.requires_grad for p in model.parameters()], modes(model)
    assert before == after, "nothing may change when an error is raised"


def test_an_unknown_batch_norm_mode():
    with pytest.raises(ValueError, match="'eval' or 'train', not 'frozen'"):
        FreezePlan(batch_norm="frozen")  # type: ignore[arg-type]


def test_count_trainable():
    model = network()
    assert freezing.count_trainable(model) == sum(p.numel() for p in model.parameters())
    freezing.apply(model, freezing.freeze_backbone(model))
    assert freezing.count_trainable(model) == 8 * 4 + 4
    freezing.apply(model, freezing.freeze_first(model, 4))
    assert freezing.count_trainable(model) == 0


def test_the_block_table_tells_the_truth():
    model = network()
    freezing.apply(model, freezing.freeze_first(model, 2))
    table = freezing.block_table(model).set_index("block")
    assert list(table.index) == list(BLOCKS)
    assert table.state.to_dict() == {
        "stem": "frozen", "middle": "frozen", "deep": "learns", "head": "learns",
    }  # fmt: skip
    assert table.batch_norm.to_dict() == {
        "stem": "eval", "middle": "eval", "deep": "train", "head": "-",
    }  # fmt: skip
    assert table.kind.unique().tolist() == ["Sequential"]
    assert table.parameters["stem"] == 3 * 6 * 9 + 12
    assert table.buffers["stem"] == 6 + 6 + 1
    assert table.parameters.sum() == sum(p.numel() for p in model.parameters())
    assert table.buffers["head"] == 0


def test_the_block_table_reads_the_live_model_not_a_plan():
    """The classic mistake, requires_grad alone and then `model.train()`, shows in the table."""
    model = network()
    freezing.apply(model, freezing.freeze_first(model, 1))
    model.train()
    next(model.middle.parameters()).requires_grad = False
    table = freezing.block_table(model).set_index("block")
    assert table.state["stem"] == "frozen"
    assert table.batch_norm["stem"] == "train"
    assert table.state["middle"] == "mixed"
    two = nn.Sequential(nn.Flatten(), nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3).eval()))
    table = freezing.block_table(two)
    assert table.state.tolist() == ["-", "learns"]
    assert table.batch_norm.tolist() == ["-", "mixed"]
