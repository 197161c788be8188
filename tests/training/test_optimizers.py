"""Model, plan and optimizer must belong together; parameter groups hold each parameter once."""

import math

from course_utils import training
from course_utils.images.datasets import batches
from course_utils.networks.heads import replace_head
from course_utils.training import freezing, optimizers
from course_utils.training.freezing import freeze_nothing
from tests.tiny import data, mobilenet, network, prepare, same, state

import pytest
import torch
from torch.nn.functional import cross_entropy

NOTHING = freeze_nothing()


def momentum(model: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def test_an_optimizer_built_before_the_head_was_replaced():
    model = network()
    optimizer = momentum(model)
    replace_head(model, 4)
    before = state(model)
    images = data(8)
    with pytest.raises(ValueError, match=r"holds 2 parameters that the model does not have.*head"):
        next(
            training.steps(
                model, optimizer, batches(images.train_images, images.train_labels, 8), prepare,
                plan=NOTHING,
            )
        )  # fmt: skip
    assert same(state(model), before)


def test_epochs_refuse_a_stale_optimizer_and_a_plan_that_was_not_applied():
    model = network()
    options = {"plan": freezing.freeze_backbone(model), "count": 1, "batch_size": 8}
    for optimizer, message in ((momentum(network(1)), "does not have"), (momentum(model), "stem")):
        with pytest.raises(ValueError, match=message):
            next(training.epochs(model, optimizer, data(8), prepare, **options))


def test_everything_frozen():
    model = network()
    freezing.apply(model, freezing.freeze_first(model, 4))
    with pytest.raises(ValueError, match="every parameter is frozen, the head too"):
        training.check_optimizer(model, momentum(model))


def test_trainable_parameters_that_the_optimizer_lacks():
    model = network()
    freezing.apply(model, freezing.freeze_backbone(model))
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    training.check_optimizer(model, optimizer)
    freezing.apply(model, freezing.thaw_last(model, 2))
    with pytest.raises(ValueError, match=r"3 trainable.*deep\.0\.weight, deep\.1\.weight"):
        training.check_optimizer(model, optimizer)
    optimizer.add_param_group({"params": list(model.deep.parameters())})
    training.check_optimizer(model, optimizer)
    freezing.apply(model, NOTHING)
    with pytest.raises(ValueError, match=r"6 trainable .*, \.\.\.$"):
        training.check_optimizer(model, optimizer)


def test_an_optimizer_may_hold_frozen_parameters():
    model = network()
    freezing.apply(model, freezing.freeze_backbone(model))
    training.check_optimizer(model, momentum(model))


def test_a_plan_that_was_never_applied():
    model, images = network(), data(8)
    before = state(model)
    passes = batches(images.train_images, images.train_labels, 8)
    plan = freezing.freeze_backbone(model)
    run = training.steps(model, momentum(model), passes, prepare, plan=plan)
    with pytest.raises(ValueError, match=r"freezes stem.*freezing\.apply\(model, plan\)"):
        next(run)
    assert same(state(model), before)


def test_thawing_a_block_behind_the_back_of_a_running_loop():
    model, images = network(), data(24)
    plan = freezing.freeze_backbone(model)
    freezing.apply(model, plan)
    passes = batches(images.train_images, images.train_labels, 8)
    run = training.steps(model, momentum(model), passes, prepare, plan=plan)
    next(run)
    freezing.apply(model, NOTHING)
    before = state(model)
    with pytest.raises(ValueError, match="can learn"):
        next(run)
    assert same(state(model), before)


# ---- parameter groups


@pytest.mark.parametrize("build", [network, mobilenet])
def test_groups_hold_each_parameter_once_at_its_rate(build):
    model = build()
    names = freezing.block_names(model)
    groups = training.parameter_groups(model, backbone_rate=1e-4, head_rate=1e-2, weight_decay=0.05)
    held = [id(p) for group in groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())
    head = {id(p) for p in model.get_submodule(names[-1]).parameters()}
    for group in groups:
        for p in group["params"]:
            assert group["lr"] == (1e-2 if id(p) in head else 1e-4)
            assert group["weight_decay"] == (0.05 if p.ndim > 1 else 0.0)
    assert [g["name"] for g in groups] == [
        "backbone", "backbone, no decay", "head", "head, no decay",
    ]  # fmt: skip
    optimizer = torch.optim.AdamW(groups)
    training.check_optimizer(model, optimizer)


def test_frozen_parameters_are_in_the_groups_and_lie_still_until_thawed():
    model, images = network(), data(16)
    plan = freezing.freeze_backbone(model)
    freezing.apply(model, plan)
    optimizer = torch.optim.AdamW(
        training.parameter_groups(model, backbone_rate=1e-2, head_rate=1e-2, weight_decay=0.5)
    )
    start = state(model.stem)
    for now, still in ((plan, True), (NOTHING, False)):
        freezing.apply(model, now)
        passes = batches(images.train_images, images.train_labels, 8)
        list(training.steps(model, optimizer, passes, prepare, plan=now))
        assert same(state(model.stem), start) == still


@pytest.mark.parametrize("rate", [0, 0.0, -1e-3, math.inf, math.nan])
@pytest.mark.parametrize("which", ["backbone_rate", "head_rate"])
def test_impossible_rates(which, rate):
    rates = {"backbone_rate": 0.1, "head_rate": 0.1, which: rate}
    with pytest.raises(ValueError, match=f"{which} must be a positive number, not"):
        training.parameter_groups(network(), **rates)


@pytest.mark.parametrize("decay", [-0.1, math.nan, math.inf])
def test_impossible_weight_decay(decay):
    with pytest.raises(ValueError, match="weight_decay must be 0 or more"):
        training.parameter_groups(network(), backbone_rate=0.1, head_rate=0.1, weight_decay=decay)


# ---- one cycle


@pytest.mark.parametrize("steps", range(1, 12))
def test_the_schedule_works_for_any_number_of_steps(steps: int) -> None:
    model = network()
    optimizer, schedule = optimizers.one_cycle(model, steps, 1e-3, 3e-3)
    for _ in range(steps):
        assert all(0 <= group["lr"] <= 3e-3 + 1e-12 for group in optimizer.param_groups)
        optimizer.step()
        schedule.step()


def test_the_schedule_ends_at_nothing_and_spares_norms():
    model = network()
    optimizer, schedule = optimizers.one_cycle(model, 10, 0.01, 0.03, 0.1)
    highest = [0.0] * len(optimizer.param_groups)
    for step in range(10):
        highest = [max(h, g["lr"]) for h, g in zip(highest, optimizer.param_groups, strict=True)]
        optimizer.step()
        if step < 9:
            schedule.step()
    assert highest == pytest.approx([0.01, 0.01, 0.03, 0.03], rel=0.05)
    assert all(group["lr"] < 1e-6 for group in optimizer.param_groups)
    for group in optimizer.param_groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])


def test_a_fused_update_is_the_plain_one() -> None:
    fused, plain = network().eval(), network().eval()
    x = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    groups = training.parameter_groups(plain, backbone_rate=1e-3, head_rate=3e-3, weight_decay=0.01)
    ours, _ = optimizers.one_cycle(fused, 10, 1e-3, 3e-3)
    for group, other in zip(groups, ours.param_groups, strict=True):
        other["lr"] = group["lr"]
    for model, optimizer in ((fused, ours), (plain, torch.optim.AdamW(groups, fused=False))):
        for _ in range(4):
            optimizer.zero_grad()
            cross_entropy(model(x), torch.arange(8) % 3).backward()
            optimizer.step()
    assert ours.defaults["fused"]
    for one, other in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
