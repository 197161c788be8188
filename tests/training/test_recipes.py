"""The recipes do what lesson 05 writes out line by line, and move what they say."""

from course_utils import training
from course_utils.images.augmentation import Augment
from course_utils.images.datasets import ImageData, batches
from course_utils.images.preprocessing import CPU, Prepare
from course_utils.networks import inspection
from course_utils.networks.heads import replace_head
from course_utils.training import freezing, recipes
from tests import tiny

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import mobilenet_v2

prepare = Prepare(32, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), CPU)


@pytest.fixture(scope="module")
def data() -> ImageData:
    generator = torch.Generator().manual_seed(0)

    def images(n: int) -> torch.Tensor:
        return torch.randint(0, 256, (n, 3, 32, 32), generator=generator, dtype=torch.uint8)

    labels = torch.arange(24) % 3
    return ImageData("noise", images(24), labels, images(12), labels[:12], ("a", "b", "c"))


def small_network(classes: int = 3) -> nn.Module:
    torch.manual_seed(0)
    model = mobilenet_v2(num_classes=5, width_mult=0.25)
    replace_head(model, classes)
    return model


def test_classic_is_the_loop_of_the_tutorials(data: ImageData) -> None:
    """Five epochs by hand, with the rates and modes of the tutorials, give the same weights."""
    by_recipe, by_hand = small_network(), small_network()
    torch.manual_seed(1)  # dropout
    events = list(recipes.classic(by_recipe, data, prepare, seed=3, batch_size=8))

    torch.manual_seed(1)
    for parameter in by_hand.features.parameters():
        parameter.requires_grad = False
    optimizer = torch.optim.Adam(by_hand.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.1)
    for epoch in range(1, 6):
        if epoch == 3:
            for parameter in by_hand.features.parameters():
                parameter.requires_grad = True
            for group in optimizer.param_groups:
                group["lr"] *= 0.1
        for images, labels in batches(
            data.train_images, data.train_labels, 8, seed=3 * 10_007 + epoch
        ):
            by_hand.train()
            if epoch < 3:  # the helper's one difference: dropout of frozen blocks, which has none
                assert not any(isinstance(m, nn.Dropout) for m in by_hand.features.modules())
            loss = F.cross_entropy(by_hand(prepare(images)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()

    assert [e.rates[0] for e in events] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-5, 1e-5])
    assert events[0].trainable < events[2].trainable
    for name, tensor in by_hand.state_dict().items():
        assert torch.equal(tensor, by_recipe.state_dict()[name]), name


def test_classic_moves_the_statistics_of_the_frozen_backbone_and_no_weight(data: ImageData) -> None:
    model = small_network()
    before = inspection.state_snapshot(model)
    events = recipes.classic(model, data, prepare, batch_size=8)
    next(events), next(events)
    moved = inspection.movement(model, before).set_index("block")
    backbone = moved.drop("classifier")
    assert (backbone["weights"] == 0).all()
    assert (backbone["statistics"] > 0).all()
    assert moved.loc["classifier", "weights"] > 0


def test_train_head_leaves_the_backbone_alone_and_reduces_the_loss(data: ImageData) -> None:
    model = small_network()
    before = {k: v.clone() for k, v in model.features.state_dict().items()}
    losses = [e.loss for e in recipes.train_head(model, data, prepare, count=8, batch_size=8)]
    assert all(torch.equal(v, before[k]) for k, v in model.features.state_dict().items())
    assert losses[-1] < losses[0]


def test_fine_tune_keeps_the_plan_and_brings_the_rates_to_zero(data: ImageData) -> None:
    model = small_network()
    plan = freezing.freeze_first(model, 10)
    before = inspection.state_snapshot(model)
    events = list(
        recipes.fine_tune(
            model, data, prepare, plan=plan, count=3, batch_size=8, backbone_rate=1e-4
        )
    )
    moved = inspection.movement(model, before)
    assert (moved.loc[:9, ["weights", "statistics"]] == 0).all(axis=None)
    assert (moved.loc[10:, "weights"] > 0).all()
    assert events[0].rates[0] < 1e-4  # warm-up
    assert events[-1].rates[0] < events[1].rates[0]


@pytest.mark.parametrize("images", [24, 17, 16])
def test_steps_per_epoch_counts_the_batches_that_are_taken(data: ImageData, images: int) -> None:
    few = data.subset(train=images)
    taken = list(batches(few.train_images, few.train_labels, 8, seed=0))
    assert training.steps_per_epoch(few, 8) == len(taken)


@pytest.mark.parametrize(("learning", "moved"), [(1, {"head"}), (2, {"deep", "head"})])
def test_fine_tuning_behind_a_cache_moves_what_the_plan_lets_move(learning: int, moved: set[str]):
    model, images = tiny.network(), tiny.data(32)
    before = tiny.state(model)
    plan = freezing.thaw_last(model, learning)
    options = {"plan": plan, "count": 3, "batch_size": 8, "cache": True}
    events = list(recipes.fine_tune(model, images, tiny.prepare, **options))
    assert [event.number for event in events] == [1, 2, 3]
    after = tiny.state(model)
    assert {n.split(".")[0] for n in after if not torch.equal(after[n], before[n])} == moved


def test_behind_a_cache_the_same_is_learnt_but_for_rounding() -> None:
    plain, cached = tiny.network(), tiny.network()
    plan, images = freezing.freeze_first(plain, 2), tiny.data(32)
    for model, cache in ((plain, False), (cached, True)):
        torch.manual_seed(0)  # dropout
        run = recipes.fine_tune(
            model, images, tiny.prepare, plan=plan, count=2, batch_size=8, cache=cache, watch=True
        )
        *_, last = run
    for name, value in tiny.state(plain).items():
        torch.testing.assert_close(tiny.state(cached)[name], value, rtol=1e-2, atol=1e-3)
    assert 0 <= last.test_accuracy <= 1


def test_sizes_are_the_inputs_sides_epoch_by_epoch(data: ImageData) -> None:
    model, sides = tiny.network(), []
    model.stem.register_forward_pre_hook(lambda module, given: sides.append(given[0].shape[-1]))
    options = {"sizes": (8, 8, 16), "batch_size": 12, "augment": Augment()}
    events = list(recipes.fine_tune(model, data, prepare, **options))
    assert [event.number for event in events] == [1, 2, 3]
    assert sides == [8] * 4 + [16] * 2
    assert events[2].rates[0] < events[1].rates[0], "one schedule over all sizes"
    with pytest.raises(ValueError, match="not cached features"):
        next(recipes.fine_tune(model, data, prepare, sizes=(8, 16), cache=True))


def test_unwatched_the_test_images_make_no_difference() -> None:
    given, blank = tiny.data(40), tiny.data(40)
    blank.test_images.fill_(0)  # a recipe that looked at them would now see something else
    losses = [
        [e.loss for e in recipes.train_head(tiny.network(), some, tiny.prepare, count=2)]
        for some in (given, blank)
    ]
    assert losses[0] == losses[1]
