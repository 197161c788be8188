"""The fast recipes train what they say, and fused updates are the plain ones but for rounding."""

from course_utils.images.augmentation import Augment
from course_utils.images.preprocessing import Prepare
from course_utils.training import fast_recipes as recipes
from course_utils.training import optimizers
from tests.tiny import data, network

import pytest
import torch
from torch.nn import functional as F

PREPARE = Prepare(16, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


def moved(run) -> set[str]:
    """Names of the blocks whose weights a recipe changed."""
    model = network()
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    list(run(model))
    return {n.split(".")[0] for n, p in model.named_parameters() if not torch.equal(p, before[n])}


def test_a_frozen_backbone_stays_and_the_head_learns() -> None:
    run = moved(lambda model: recipes.frozen(model, data(40), PREPARE, count=1, batch_size=8))
    assert run == {"head"}


def test_the_last_block_learns_with_the_head() -> None:
    run = moved(
        lambda model: recipes.partly_frozen(
            model, data(40), PREPARE, blocks=1, count=1, batch_size=8
        )
    )
    assert run == {"deep", "head"}


def test_everything_learns() -> None:
    run = moved(
        lambda model: recipes.everything(
            model, data(40), PREPARE, sizes=[8, 16], batch_size=8, change=Augment()
        )
    )
    assert len(run) == 4


def test_the_test_images_make_no_difference() -> None:
    given, blank = data(40), data(40)
    blank.test_images.fill_(0)  # a recipe that looked at them would now see something else
    losses = [
        [e.loss for e in recipes.frozen(network(), some, PREPARE, count=2, batch_size=8)]
        for some in (given, blank)
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("steps", range(1, 12))
def test_the_schedule_works_for_any_number_of_steps(steps: int) -> None:
    model = network()
    optimizer, schedule = optimizers.one_cycle(model, steps, 1e-3, 3e-3)
    for _ in range(steps):
        assert all(0 <= group["lr"] <= 3e-3 + 1e-12 for group in optimizer.param_groups)
        optimizer.step()
        schedule.step()


def test_a_fused_update_is_the_plain_one() -> None:
    steps, models = 4, (network(), network())
    models[1].load_state_dict(models[0].state_dict())
    x = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    y = torch.arange(8) % 3
    for model, fused in zip(models, (False, True), strict=True):
        model.eval()
        optimizer, schedule = optimizers.one_cycle(model, steps, 1e-3, 3e-3, fused=fused)
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            schedule.step()
    for one, other in zip(*(m.parameters() for m in models), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
