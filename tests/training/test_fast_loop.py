"""The fast loop takes the steps of the lessons' loop, to the bit, as long as nothing is asked."""

import copy
import math

from course_utils import training
from course_utils.images.augmentation import Augment, flip_some
from course_utils.images.preprocessing import as_they_are
from course_utils.training import fast_recipes as recipes
from course_utils.training import freezing, optimizers
from course_utils.training.fast_loop import Speed, epochs, on_device
from course_utils.training.loop import TrainingDiverged
from tests.tiny import data, network, prepare, same, state

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def both(loop, model, images, *, change=False, seed=3, plan=None, **named):
    """Train with one of the two loops; its events and the state it leaves."""
    plan = plan or freezing.freeze_nothing()
    freezing.apply(model, plan)
    torch.manual_seed(7)  # for dropout
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    options = {"plan": plan, "count": 2, "batch_size": 8, "seed": seed, "scheduler": schedule}
    if loop is training.epochs:
        options |= {"flip": change, "step_schedule": True}
    elif change:
        options["change"] = flip_some
    events = list(loop(model, optimizer, images, prepare, **options, **named))
    return events, state(model)


@pytest.mark.parametrize("change", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("blocks", [0, 2])
def test_the_same_steps_as_the_lessons_loop(change, smoothing, blocks):
    images, model = data(36), network()
    twin = copy.deepcopy(model)
    plan = freezing.freeze_first(model, blocks)
    plain, wanted = both(
        training.epochs, twin, images, change=change, plan=plan, label_smoothing=smoothing
    )
    fast, found = both(
        epochs, model, images, change=change, plan=plan, label_smoothing=smoothing, watch=True
    )
    assert same(found, wanted)
    for one, other in zip(plain, fast, strict=True):
        assert (one.number, one.rates, one.trainable) == (
            other.number,
            other.rates,
            other.trainable,
        )
        assert other.loss == pytest.approx(one.loss, rel=1e-6)
        assert other.accuracy == pytest.approx(one.accuracy)
        assert other.test_accuracy == one.test_accuracy


def test_compiled_or_not_it_is_the_model_that_learns():
    images, model = data(16), network()
    seen = []

    class Through(torch.nn.Module):
        def forward(self, x):
            seen.append(len(x))
            return model(x)

    before = state(model)
    both(epochs, model, images, speed=Speed(forward=Through()))
    assert seen == [8] * 4
    assert not same(state(model), before)


def test_lower_precision_is_used_where_asked():
    images, model = data(16), network()
    kinds = []
    model.head[2].register_forward_hook(lambda module, given, out: kinds.append(out.dtype))
    both(epochs, model, images, speed=Speed(precision=torch.bfloat16))
    assert set(kinds) == {torch.bfloat16}
    assert all(p.dtype == torch.float32 for p in model.parameters())


def test_an_average_follows_and_is_what_is_watched():
    images, model = data(36), network()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5), use_buffers=True)
    before = state(average.module)
    events, after = both(epochs, model, images, average=average, watch=True)
    moved = state(average.module)
    assert not same(moved, before)
    assert not same(moved, after)
    own = training.evaluate(average.module, images.test_images, images.test_labels, prepare)
    assert events[-1].test_loss == pytest.approx(own.loss)


def test_a_loss_that_is_no_number_is_noticed():
    images, model = data(36), network()
    with torch.no_grad():
        model.head[2].bias.fill_(math.inf)
    with pytest.raises(TrainingDiverged, match="a tenth"):
        both(epochs, model, images)


def test_features_are_not_changed_at_random():
    images = data(16).with_images(lambda x: x.float())
    model = network()
    with pytest.raises(ValueError, match="cached features"):
        next(
            epochs(
                model,
                torch.optim.SGD(model.parameters(), lr=0.1),
                images,
                as_they_are,
                plan=freezing.freeze_nothing(),
                count=1,
                change=Augment(),
            )
        )


def test_a_stale_optimizer_is_refused():
    images, model = data(16), network()
    optimizer = torch.optim.SGD(network(1).parameters(), lr=0.1)
    with pytest.raises(ValueError, match="does not have"):
        next(epochs(model, optimizer, images, prepare, plan=freezing.freeze_nothing(), count=1))


def test_on_device_moves_all_and_changes_nothing():
    images = data(16)
    moved = on_device(images, torch.device("meta"))
    assert moved.train_images.device.type == moved.test_labels.device.type == "meta"
    assert moved.train_images.shape == images.train_images.shape
    assert torch.equal(on_device(images, torch.device("cpu")).train_images, images.train_images)


# ---- recipes


@pytest.mark.parametrize("mirrored", [False, True])
def test_partly_frozen_trains_the_last_blocks_and_no_others(mirrored):
    images, model = data(32), network()
    before = state(model)
    events = list(
        recipes.partly_frozen(
            model, images, prepare, blocks=1, count=3, batch_size=8, mirrored=mirrored
        )
    )
    assert [event.number for event in events] == [1, 2, 3]
    moved = {
        name.split(".")[0]
        for name, value in state(model).items()
        if not torch.equal(value, before[name])
    }
    assert moved == {"deep", "head"}


def test_frozen_trains_the_head_alone():
    images, model = data(32), network()
    before = state(model)
    first, *_, last = recipes.frozen(model, images, prepare, count=8, batch_size=8, rate=0.05)
    assert last.loss < first.loss
    after = state(model)
    assert {n.split(".")[0] for n in after if not torch.equal(after[n], before[n])} == {"head"}


def test_everything_trains_at_the_sizes_it_is_told():
    images, model, sides = data(32), network(), []
    model.stem.register_forward_pre_hook(lambda module, given: sides.append(given[0].shape[-1]))
    events = list(
        recipes.everything(
            model, images, prepare, sizes=(8, 8, 16), batch_size=16, change=Augment()
        )
    )
    assert [event.number for event in events] == [1, 2, 3]
    assert sides == [8] * 4 + [16] * 2
    assert events[-1].rates[0] < events[0].rates[0] or events[1].rates[0] > events[2].rates[0]


def test_the_schedule_ends_at_nothing_and_spares_norms():
    model = network()
    optimizer, schedule = optimizers.one_cycle(model, 10, 0.01, 0.03, 0.1)
    highest = [0.0] * len(optimizer.param_groups)
    for _ in range(10):
        highest = [max(h, g["lr"]) for h, g in zip(highest, optimizer.param_groups, strict=True)]
        optimizer.step()
        if _ < 9:
            schedule.step()
    assert highest == pytest.approx([0.01, 0.01, 0.03, 0.03], rel=0.05)
    assert all(group["lr"] < 1e-6 for group in optimizer.param_groups)
    for group in optimizer.param_groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])
