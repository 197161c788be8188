"""Training as an iterator: the same numbers as by hand, and errors before harm is done."""

import copy
import itertools
import math

from course_utils import training
from course_utils.images.augmentation import Augment
from course_utils.images.datasets import ImageData, batches
from course_utils.images.preprocessing import as_they_are
from course_utils.training import freezing
from course_utils.training.freezing import FreezePlan, freeze_nothing
from course_utils.training.loop import TrainingDiverged
from tests.tiny import CLASSES, data, network, prepare, same, state

import pytest
import torch
from torch import nn
from torch.nn import functional as F

NOTHING = freeze_nothing()
OPTIMIZERS = {
    "sgd": lambda model: torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
    "adamw": lambda model: torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1),
}


# ---- steps


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_steps_are_the_loop_one_writes_by_hand(kind, smoothing):
    model, images = network(), data(40)
    twin = copy.deepcopy(model)

    torch.manual_seed(1)  # for dropout
    optimizer = OPTIMIZERS[kind](twin)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    expected = []
    twin.train()
    for x, y in batches(images.train_images, images.train_labels, 16, seed=3):
        optimizer.zero_grad()
        scores = twin(prepare(x))
        loss = F.cross_entropy(scores, y, label_smoothing=smoothing)
        loss.backward()
        optimizer.step()
        schedule.step()
        expected.append((loss.item(), (scores.argmax(1) == y).float().mean().item(), len(y)))

    torch.manual_seed(1)
    optimizer = OPTIMIZERS[kind](model)
    events = list(
        training.steps(
            model,
            optimizer,
            batches(images.train_images, images.train_labels, 16, seed=3),
            prepare,
            plan=NOTHING,
            scheduler=torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step)),
            label_smoothing=smoothing,
            start=10,
        )
    )
    assert same(state(model), state(twin))
    assert [(e.loss, pytest.approx(e.accuracy), e.images) for e in events] == expected
    assert [e.number for e in events] == [11, 12, 13]
    assert optimizer.param_groups[0]["lr"] == pytest.approx((0.05 if kind == "sgd" else 0.01) / 4)
    assert all(e.seconds > 0 for e in events)
    assert {e.trainable for e in events} == {freezing.count_trainable(model)}


def test_the_network_learns():
    model, images = network(), data(64)
    accuracies = [
        epoch.test_accuracy
        for epoch in training.epochs(
            model, OPTIMIZERS["adamw"](model), images, prepare, plan=NOTHING, count=25,
            batch_size=16,
        )
    ]  # fmt: skip
    assert accuracies[-1] > 0.9
    assert accuracies[0] < accuracies[-1]


def test_leftover_gradients_do_not_count():
    model, images = network(), data(16)
    twin = copy.deepcopy(model)
    for p in model.parameters():
        p.grad = torch.full_like(p, 100.0)
    for each in (model, twin):
        torch.manual_seed(0)
        passes = batches(images.train_images, images.train_labels, 16)
        list(training.steps(each, OPTIMIZERS["sgd"](each), passes, prepare, plan=NOTHING))
    assert same(state(model), state(twin))


def test_taking_three_events_and_stopping_does_three_steps():
    images = data(64)
    short, long = network(), network()
    for model, offered in (
        (short, 8),
        (long, 3),
    ):  # of eight batches three are taken; three of three
        torch.manual_seed(0)
        optimizer = OPTIMIZERS["sgd"](model)
        passes = batches(images.train_images, images.train_labels, 8, seed=0)
        run = training.steps(
            model, optimizer, itertools.islice(passes, offered), prepare, plan=NOTHING
        )
        assert [event.number for event in itertools.islice(run, 3)] == [1, 2, 3]
        run.close()
    assert same(state(short), state(long))
    # and the model can be trained on, and evaluated
    optimizer = OPTIMIZERS["sgd"](short)
    run = training.epochs(short, optimizer, images, prepare, plan=NOTHING, count=5, batch_size=8)
    first = next(run)
    del run
    assert first.number == 1
    assert math.isfinite(
        training.evaluate(short, images.test_images, images.test_labels, prepare).loss
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_before_the_weights_are_touched(bad):
    model, images = network(), data(24)
    optimizer = OPTIMIZERS["adamw"](model)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    calls = 0

    def spoilt(x):
        nonlocal calls
        calls += 1
        return prepare(x) * (bad if calls == 3 else 1.0)

    passes = batches(images.train_images, images.train_labels, 8)
    run = training.steps(model, optimizer, passes, spoilt, plan=NOTHING, scheduler=schedule)
    next(run), next(run)
    parameters = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(TrainingDiverged, match=r"at step 3.*now 0\.0025.*a tenth"):
        next(run)
    assert all(torch.equal(a, b) for a, b in zip(parameters, model.parameters(), strict=True))
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.0025)
    assert optimizer.state[next(model.parameters())]["step"] == 2


def test_too_large_a_rate_is_said_to_be_one():
    model, images = nn.Sequential(nn.Flatten(), nn.Linear(768, 4)), data(32)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e38)
    with pytest.raises(TrainingDiverged, match=r"learning rate.*1e\+38"):
        list(
            training.epochs(
                model, optimizer, images, prepare, plan=NOTHING, count=5, batch_size=8, watch=False
            )
        )


# ---- epochs


def run(model, optimizer, images, ready=prepare, **options):
    torch.manual_seed(0)  # for dropout, which no seed of ours governs
    return list(training.epochs(model, optimizer, images, ready, plan=NOTHING, **options))


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_two_and_two_epochs_are_four(kind):
    images = data(40)
    options = {"batch_size": 8, "seed": 3, "augment": Augment()}
    whole, parts = network(), network()
    for model in (whole, parts):
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    optimizer = OPTIMIZERS[kind](whole)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    expected = run(whole, optimizer, images, count=4, scheduler=schedule, **options)
    optimizer = OPTIMIZERS[kind](parts)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    found = run(parts, optimizer, images, count=2, scheduler=schedule, **options)
    assert not same(state(whole), state(parts))
    found += run(parts, optimizer, images, count=2, start=2, scheduler=schedule, **options)
    assert same(state(whole), state(parts))
    assert [e.number for e in found] == [1, 2, 3, 4]
    assert [(e.loss, e.test_loss, e.rates) for e in found] == [
        (e.loss, e.test_loss, e.rates) for e in expected
    ]


def test_epochs_see_other_batches_by_number_and_by_seed():
    seen = []

    def spy(x):
        seen.append(x.clone())
        return prepare(x)

    def passes(**options) -> list[torch.Tensor]:
        seen.clear()
        model, images = network(), data(16)
        list(
            training.epochs(
                model, OPTIMIZERS["sgd"](model), images, spy, plan=NOTHING, batch_size=8,
                watch=False, **options,
            )
        )  # fmt: skip
        return [torch.cat(seen[i : i + 2]) for i in range(0, len(seen), 2)]

    one, two = passes(count=2, seed=0)
    assert not torch.equal(one, two)
    assert torch.equal(passes(count=1, start=1, seed=0)[0], two)
    assert not torch.equal(passes(count=1, seed=1)[0], one)
    assert sorted(one.flatten(1).sum(1).tolist()) == sorted(two.flatten(1).sum(1).tolist())
    # mirrored anew in each pass
    a, b = passes(count=2, seed=0, augment=Augment())
    assert not torch.equal(a, one)
    assert torch.equal(a.sort(-1).values, one.sort(-1).values)
    assert not torch.equal((a == one).flatten(1).all(1), (b == two).flatten(1).all(1))


def test_an_epoch_sums_up_its_steps():
    images = data(20)  # batches of 8, 8 and 4: the mean must weigh them
    model, twin = network(), network()
    optimizer = OPTIMIZERS["sgd"](model)
    epoch = run(model, optimizer, images, count=1, batch_size=8, seed=2)[0]
    torch.manual_seed(0)
    steps = list(
        training.steps(
            twin, OPTIMIZERS["sgd"](twin),
            batches(images.train_images, images.train_labels, 8, seed=2 * 10_007 + 1),
            prepare, plan=NOTHING,
        )
    )  # fmt: skip
    assert [s.images for s in steps] == [8, 8, 4]
    assert epoch.loss == pytest.approx(sum(s.loss * s.images for s in steps) / 20)
    assert epoch.accuracy == pytest.approx(sum(s.accuracy * s.images for s in steps) / 20)
    after = training.evaluate(twin, images.test_images, images.test_labels, prepare)
    assert (epoch.test_loss, epoch.test_accuracy) == (after.loss, after.accuracy)
    assert epoch.trainable == freezing.count_trainable(model)
    assert epoch.rates == (0.05,)
    assert epoch.seconds > 0
    assert same(state(model), state(twin))


def test_unwatched_epochs_do_not_touch_the_test_images():
    images = data(16)
    unusable = ImageData(
        "d", images.train_images, images.train_labels, torch.zeros(1), torch.zeros(1), CLASSES
    )
    model = network()
    epoch = run(model, OPTIMIZERS["sgd"](model), unusable, count=1, batch_size=8, watch=False)[0]
    assert math.isnan(epoch.test_loss)
    assert math.isnan(epoch.test_accuracy)


@pytest.mark.parametrize(("by_step", "rate"), [(False, 0.05 / 4), (True, 0.05 / 2**6)])
def test_the_schedule_moves_by_epoch_or_by_step(by_step, rate):
    model = network()
    optimizer = OPTIMIZERS["sgd"](model)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    epochs = run(
        model, optimizer, data(24), count=2, batch_size=8, scheduler=schedule,
        step_schedule=by_step, watch=False,
    )  # fmt: skip
    assert optimizer.param_groups[0]["lr"] == pytest.approx(rate)
    assert epochs[0].rates == (0.05,)
    assert epochs[1].rates == pytest.approx((0.05 / (8 if by_step else 2),))


def test_a_batch_larger_than_the_data():
    model = network()
    with pytest.raises(ValueError, match=r"a batch of 64 images cannot be taken from 16.*1 to 16"):
        run(model, OPTIMIZERS["sgd"](model), data(16), count=1)


def test_cached_features_are_not_augmented():
    images = data(16)
    features = images.with_images(lambda x: x.float())
    model = network()
    with pytest.raises(ValueError, match="cached features"):
        next(
            training.epochs(
                model, OPTIMIZERS["sgd"](model), features, as_they_are, plan=NOTHING, count=1,
                batch_size=8, augment=Augment(),
            )
        )  # fmt: skip


def test_a_loss_is_looked_at_now_and_then_where_looking_means_waiting():
    images = data(24)
    for every, when in ((1, "at step 2"), (2, "in the 2 steps to 2"), (50, "in the 50 steps to 3")):
        model, calls = network(), []

        def spoilt(x, calls=calls):
            calls.append(len(x))
            return prepare(x) * (math.nan if len(calls) == 2 else 1.0)

        optimizer = OPTIMIZERS["adamw"](model)
        with pytest.raises(TrainingDiverged, match=f"became nan {when}.*a tenth"):
            run(
                model, optimizer, images, ready=spoilt, count=1, batch_size=8, check_every=every,
                watch=False,
            )  # fmt: skip
        finite = all(p.isfinite().all() for p in model.parameters())
        assert finite == (every == 1), "looked at every step, the bad one is not applied"


def test_compiled_or_not_it_is_the_model_that_learns():
    model, twin, seen = network(), network(), []

    class Through(nn.Module):
        def forward(self, x):
            seen.append(len(x))
            return model(x)

    options = {"count": 2, "batch_size": 8, "watch": False}
    run(model, OPTIMIZERS["sgd"](model), data(16), forward=Through(), **options)
    run(twin, OPTIMIZERS["sgd"](twin), data(16), **options)
    assert seen == [8] * 4
    assert same(state(model), state(twin))


def test_lower_precision_is_used_where_asked():
    model, kinds = network(), []
    model.head[2].register_forward_hook(lambda module, given, out: kinds.append(out.dtype))
    options = {"count": 1, "batch_size": 8}
    run(model, OPTIMIZERS["sgd"](model), data(16), precision=torch.bfloat16, **options)
    assert set(kinds) == {torch.bfloat16}
    assert all(p.dtype == torch.float32 for p in model.parameters())


# ---- evaluate


@pytest.mark.parametrize("size", [1, 5, 12, 50])
def test_each_image_counts_once_whatever_the_batch_size(size):
    model, images = network(), data(8, 12)
    model.eval()
    with torch.no_grad():
        scores = model(prepare(images.test_images))
    result = training.evaluate(model, images.test_images, images.test_labels, prepare, size)
    expected = F.cross_entropy(scores, images.test_labels).item()
    assert result.loss == pytest.approx(expected, rel=1e-5)
    assert torch.equal(result.predictions, scores.argmax(1))
    hits = (scores.argmax(1) == images.test_labels).float().mean().item()
    assert result.accuracy == pytest.approx(hits)


def test_evaluation_leaves_no_trace():
    model, images = network(), data(8, 12)
    freezing.apply(model, FreezePlan(frozenset({"stem", "deep"}), "train"))
    model.middle[1].eval()
    modes = [m.training for m in model.modules()]
    assert len(set(modes)) == 2
    before = state(model)
    training.evaluate(model, images.test_images, images.test_labels, prepare, 5)
    assert [m.training for m in model.modules()] == modes
    assert same(state(model), before), "batch norm must not follow test images"
    assert all(p.grad is None for p in model.parameters())

    def broken(x):
        raise RuntimeError("no such device")

    with pytest.raises(RuntimeError, match="no such device"):
        training.evaluate(model, images.test_images, images.test_labels, broken)
    assert [m.training for m in model.modules()] == modes
