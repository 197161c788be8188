"""Training on cached features is training the whole network, only faster."""

import copy

from course_utils import training
from course_utils.images.preprocessing import Prepare, as_they_are
from course_utils.networks.blocks import split_into_blocks
from course_utils.training import feature_cache, freezing
from tests.tiny import data, lived_in, mobilenet, network, prepare, resnet, same, state

import pytest
import torch

prepare32 = Prepare(32, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
OPTIMIZERS = {
    "sgd": lambda model: torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9),
    "adamw": lambda model: torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1),
}


def both_ways(model, plan, images, kind: str, ready, batch_size: int = 8):
    """Train once on images and once on cached features: two models and their epochs."""
    twin = copy.deepcopy(model)
    options = {"count": 2, "batch_size": batch_size, "seed": 5}

    freezing.apply(model, plan)
    torch.manual_seed(0)  # for the head's dropout
    optimizer = OPTIMIZERS[kind](model)
    naive = list(training.epochs(model, optimizer, images, ready, plan=plan, **options))

    freezing.apply(twin, plan)
    tail, features = training.cache_features(twin, plan, images, ready, batch_size=batch_size)
    torch.manual_seed(0)
    optimizer = OPTIMIZERS[kind](tail)
    cached = list(training.epochs(tail, optimizer, features, as_they_are, plan=plan, **options))
    return model, twin, naive, cached


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize(
    ("build", "cut"),
    [
        (mobilenet, 1),
        (mobilenet, 7),
        (mobilenet, 18),
        (mobilenet, 19),
        (resnet, 1),
        (resnet, 3),
        (resnet, 5),
        (network, 1),
        (network, 3),
    ],
)
def test_cached_training_is_uncached_training_to_the_bit(build, cut, kind):
    model = build()
    start = state(model)
    plan = freezing.freeze_first(model, cut)
    model, twin, naive, cached = both_ways(model, plan, data(24, 8), kind, prepare32)
    assert not same(state(model), start), "something must have been learnt"
    assert same(state(model), state(twin))
    assert [(e.loss, e.accuracy) for e in naive] == [(e.loss, e.accuracy) for e in cached]
    assert [e.test_loss for e in naive] == pytest.approx([e.test_loss for e in cached], rel=1e-5)
    assert [e.trainable for e in naive] == [e.trainable for e in cached]


def test_a_last_smaller_batch_gives_the_same_to_rounding():
    model = mobilenet()
    plan = freezing.freeze_first(model, 7)
    model, twin, naive, cached = both_ways(model, plan, data(21, 8), "sgd", prepare32)
    for name, tensor in state(model).items():
        torch.testing.assert_close(state(twin)[name], tensor, rtol=1e-3, atol=1e-4)
    assert naive[-1].loss == pytest.approx(cached[-1].loss, rel=1e-3)


def test_frozen_blocks_behind_the_cut_stay_frozen():
    """Frozen: the first block and the third; only the first can be cached."""
    model = network()
    plan = freezing.freeze(model, ["stem", "deep"])
    before = state(model.deep)
    model, twin, *_ = both_ways(model, plan, data(24, 8), "adamw", prepare)
    assert same(state(model), state(twin))
    assert same(state(twin.deep), before)
    assert not same(state(twin.middle), state(network().middle))


def test_training_the_tail_trains_the_model():
    model, images = network(), data(16, 8)
    plan = freezing.freeze_backbone(model)
    freezing.apply(model, plan)
    tail, features = training.cache_features(model, plan, images, prepare)
    assert [s.name for s in tail.blocks] == ["head"]
    own = {id(p) for p in model.parameters()}
    assert all(id(p) in own for p in tail.parameters())
    with torch.no_grad():
        next(tail.parameters()).add_(1)
    whole = training.evaluate(model, images.test_images, images.test_labels, prepare)
    short = training.evaluate(tail, features.test_images, features.test_labels, as_they_are)
    assert short.loss == pytest.approx(whole.loss, rel=1e-5)
    assert torch.equal(short.predictions, whole.predictions)


def test_features_are_what_the_prefix_computes_in_eval_mode():
    model, images = mobilenet(), data(10, 6)
    plan = freezing.freeze_first(model, 7)
    model.train()
    model.features[2].eval()
    modes = [m.training for m in model.modules()]
    before = state(model)
    _tail, features = training.cache_features(model, plan, images, prepare32, batch_size=4)
    assert [m.training for m in model.modules()] == modes
    assert same(state(model), before), "batch norm must not follow the images"
    model.eval()
    with torch.no_grad():
        expected = model.features[:7](prepare32(images.train_images))
    torch.testing.assert_close(features.train_images, expected, rtol=1e-4, atol=1e-5)
    assert features.train_images.is_contiguous(memory_format=torch.channels_last)
    assert not features.train_images.requires_grad
    assert not features.train_images.is_inference(), "such a tensor could not be trained on"
    assert torch.equal(features.train_labels, images.train_labels)
    assert torch.equal(features.test_labels, images.test_labels)
    assert len(features.test_images) == 6
    assert features.class_names == images.class_names


def test_modes_are_put_back_after_an_error():
    model, images = network(), data(8, 8)
    model.train()

    def broken(x):
        raise RuntimeError("no such device")

    with pytest.raises(RuntimeError, match="no such device"):
        feature_cache.compute_features(split_into_blocks(model)[:2], images.train_images, broken)
    assert all(m.training for m in model.modules())


def test_the_frozen_prefix_ends_at_the_first_block_that_learns():
    model = network()

    def names(*frozen: str) -> list[str]:
        return [s.name for s in feature_cache.frozen_prefix(model, freezing.freeze(model, frozen))]

    assert names() == []
    assert names("middle", "deep") == []
    assert names("stem", "deep") == ["stem"]
    assert names("stem", "middle") == ["stem", "middle"]


@pytest.mark.parametrize(
    ("frozen", "mode", "message"),
    [
        ((), "eval", "the first block, stem, is not frozen"),
        (("middle",), "eval", "the first block, stem, is not frozen"),
        (("stem", "middle", "deep", "head"), "eval", "every block is frozen"),
        (("stem",), "train", "use batch_norm='eval'"),
    ],
)
def test_plans_that_cannot_be_cached(frozen, mode, message):
    model = network()
    with pytest.raises(ValueError, match=message):
        training.cache_features(model, freezing.freeze(model, frozen, mode), data(8, 8), prepare)


def test_a_cache_over_the_limit_says_how_large_it_would_be():
    model, images = network(), data(1000, 500)
    plan = freezing.freeze(model, ["stem"])
    needed = feature_cache.cached_bytes(model, plan, images, prepare)
    assert needed == 1500 * 6 * 8 * 8 * 4
    with pytest.raises(MemoryError, match=r"1 frozen blocks.*1000 \+ 500.*2 MB.*limit of 1 MB"):
        training.cache_features(model, plan, images, prepare, limit=2**20)
    _, features = training.cache_features(model, plan, images, prepare, limit=needed)
    stored = features.train_images.nbytes + features.test_images.nbytes
    assert stored == needed


def test_a_plan_for_the_whole_network_can_be_applied_to_its_tail():
    model = network()
    plan = freezing.freeze(model, ["stem", "deep"])
    tail, _ = training.cache_features(model, plan, data(8, 8), prepare)
    freezing.apply(tail, plan)
    table = freezing.block_table(tail).set_index("block")["state"]
    assert "stem" not in table.index
    assert table["deep"] == "frozen"
    assert table["head"] == "learns"


@pytest.mark.parametrize("build", [network, mobilenet, resnet])
@pytest.mark.parametrize("blocks", [1, 3])
def test_folded_features_are_the_plain_ones_but_for_rounding(build, blocks):
    model, images = lived_in(build()), data(24)
    plan = freezing.freeze_first(model, blocks)
    freezing.apply(model, plan)
    before = state(model)
    plain_tail, plain = training.cache_features(model, plan, images, prepare32)
    tail, folded = training.cache_features(model, plan, images, prepare32, fold=True)
    for split in ("train_images", "test_images"):
        one, other = getattr(folded, split), getattr(plain, split)
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    assert not torch.equal(folded.train_images, plain.train_images), "nothing was folded"
    assert same(state(model), before)
    learned = [id(p) for p in tail.parameters()]
    assert learned == [id(p) for p in plain_tail.parameters()], "the tail trains the model itself"


def test_by_default_a_cpus_threads_get_32_images_each():
    model, images, seen = network(), data(200, 8), []
    plan = freezing.freeze(model, ["stem"])

    def counted(x):
        seen.append(len(x))
        return prepare(x)

    training.cache_features(model, plan, images, counted)
    assert max(seen) == min(200, 32 * torch.get_num_threads())
