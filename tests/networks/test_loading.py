"""Networks built from checkpoints, heads replaced, weights loaded with a report."""

from collections import OrderedDict

from course_utils.networks.checkpoint_files import CheckpointError, read_checkpoint
from course_utils.networks.heads import find_head, replace_head
from course_utils.networks.mobilenet import load_mobilenet_v2
from course_utils.networks.partial_loading import compare_with_checkpoint, load_matching
from course_utils.world import SHAPES_WEIGHTS
from tests.tiny import block, mobilenet, network, resnet, same, state

import pytest
import torch
import torchvision.models as zoo
from torch import nn

# ---- mobilenet_v2


def test_the_courses_own_weights_build_a_network_with_their_head():
    model = load_mobilenet_v2(SHAPES_WEIGHTS)
    assert find_head(model)[1].out_features == 30
    saved, own = read_checkpoint(SHAPES_WEIGHTS), model.state_dict()
    assert saved.keys() == own.keys()
    assert all(torch.equal(saved[k].to(own[k].dtype), own[k]) for k in own)
    assert all(p.dtype == torch.float32 for p in model.parameters())


@pytest.mark.parametrize("build", [resnet, mobilenet, lambda: zoo.squeezenet1_1(num_classes=3)])
def test_weights_of_another_architecture_are_refused(tmp_path, build):
    other = build()
    torch.save(other.state_dict(), tmp_path / "other.pth")
    first = next(iter(other.state_dict()))
    with pytest.raises(CheckpointError, match=rf"other\.pth does not hold.*MobileNetV2.*{first}"):
        load_mobilenet_v2(tmp_path / "other.pth")


# ---- heads


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (mobilenet, "classifier.1"),
        (resnet, "fc"),
        (network, "head.2"),
        (lambda: zoo.efficientnet_b0(num_classes=7), "classifier.1"),
        (lambda: zoo.mobilenet_v3_small(num_classes=7), "classifier.3"),
        (lambda: zoo.VisionTransformer(32, 16, 1, 2, 16, 16, num_classes=7), "heads.head"),
    ],
)
def test_a_new_head_on_several_families(build, name):
    model = build()
    old_name, old = find_head(model)
    assert old_name == name
    before = state(model)
    new = replace_head(model, 5)
    assert model.get_submodule(name) is new
    assert new.out_features == 5
    assert new.in_features == old.in_features
    model.eval()
    with torch.no_grad():
        assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 5)
    for key, tensor in state(model).items():
        if not key.startswith(name):
            assert torch.equal(tensor, before[key]), "only the head may change"
    assert find_head(model) == (name, new)


def test_the_head_of_a_vgg_is_the_last_of_three():
    with torch.device("meta"):
        model = zoo.vgg11()
    assert replace_head(model, 5).in_features == 4096
    assert model.classifier[6].out_features == 5
    assert model.classifier[6].weight.device.type == "meta", "the new head lies where the old did"
    assert model.classifier[3].out_features == 4096


def test_a_new_head_learns_and_has_the_old_ones_type_and_bias():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3, bias=False)).double()
    for p in model.parameters():
        p.requires_grad = False
    new = replace_head(model, 2)
    assert new.weight.dtype == torch.float64
    assert new.bias is None
    assert new.weight.requires_grad


def test_a_seed_repeats_the_new_head():
    weights = []
    for _ in range(2):
        model = network()
        torch.manual_seed(3)
        weights.append(replace_head(model, 6).weight)
    assert torch.equal(*weights)


@pytest.mark.parametrize("classes", [1, 0, -2])
def test_too_few_classes(classes):
    with pytest.raises(ValueError, match=f"at least 2 classes, not {classes}"):
        replace_head(network(), classes)


def test_a_network_without_a_linear_layer():
    with pytest.raises(ValueError, match=r"SqueezeNet has no nn\.Linear"):
        find_head(zoo.squeezenet1_1())


# ---- load_matching


def test_everything_fits():
    source, model = network(1), network(2)
    report = load_matching(model, source.state_dict())
    assert same(state(model), state(source))
    assert report.matched == list(source.state_dict())
    assert (report.reshaped, report.missing, report.unexpected) == ({}, [], [])
    assert str(report).startswith(f"transferred {len(state(model))} of the model's")


def test_the_table_by_block_counts_every_tensor_once():
    source, model = network(1), network(2)
    saved = state(source)
    replace_head(model, 7)
    del saved["deep.1.running_mean"]
    saved["stem.9.weight"] = torch.ones(2)
    saved["backbone.0.weight"] = torch.ones(2)
    report = compare_with_checkpoint(model, saved)
    table = report.table(model).set_index("block")
    assert list(table.index) == ["stem", "middle", "deep", "head", "backbone"]
    assert table.loc["stem", "unexpected"] == 1, "its name says that it belongs there"
    assert table.loc["backbone", "unexpected"] == 1
    assert table.loc["head"].to_dict() == {
        "matched": 0, "reshaped": 2, "missing": 0, "unexpected": 0, "numbers": 0.0,
    }  # fmt: skip
    assert table.loc["deep", "missing"] == 1
    assert 0.9 < table.loc["deep", "numbers"] < 1
    assert table.loc["middle", "numbers"] == 1
    assert table[["matched", "reshaped", "missing"]].to_numpy().sum() == len(state(model))


def test_comparing_loads_nothing_and_does_not_refuse():
    model = network(2)
    before = state(model)
    wrapped = {f"module.{name}": tensor for name, tensor in state(network(1)).items()}
    report = compare_with_checkpoint(model, wrapped)
    assert same(state(model), before)
    assert (report.matched, report.unexpected) == ([], list(wrapped))


def test_each_tensor_is_accounted_for():
    source, model = network(1), network(2)
    saved = state(source)
    replace_head(model, 7)
    before = state(model)
    del saved["deep.1.running_mean"]
    saved["bonus"] = torch.ones(1)
    report = load_matching(model, saved)
    assert report.reshaped == {"head.2.weight": ((4, 8), (7, 8)), "head.2.bias": ((4,), (7,))}
    assert report.missing == ["deep.1.running_mean"]
    assert report.unexpected == ["bonus"]
    assert len(report.matched) == len(before) - 3
    now = state(model)
    for name in now:
        expected = saved[name] if name in report.matched else before[name]
        assert torch.equal(now[name], expected)
    total = len(before)
    assert str(report) == (
        f"transferred {total - 3} of the model's {total} tensors; "
        "2 of another shape, 1 missing, 1 unexpected in the checkpoint"
    )
    blocks = report.by_block(model)
    assert list(blocks) == ["stem", "middle", "deep", "head"]
    assert blocks == {"stem": (6, 6), "middle": (6, 6), "deep": (5, 6), "head": (0, 2)}


def test_an_inserted_block_shifts_the_names_of_those_behind_it():
    """`strict=False` would pass this silently: half of the network keeps its random values."""

    def chain(n: int) -> nn.Sequential:
        return nn.Sequential(block(3, 6), *(block(6, 6) for _ in range(n)), nn.Linear(6, 4))

    report = load_matching(chain(3), chain(2).state_dict())
    assert report.by_block(chain(3)) == dict.fromkeys("01234", (0, 0)) | {
        "0": (6, 6), "1": (6, 6), "2": (6, 6), "3": (0, 6), "4": (0, 2),
    }  # fmt: skip
    assert report.unexpected == ["3.weight", "3.bias"]


def test_a_prefix_in_front_of_every_name_is_pointed_out():
    saved = OrderedDict((f"module.{k}", v) for k, v in network().state_dict().items())
    model = network(2)
    before = state(model)
    with pytest.raises(CheckpointError) as caught:
        load_matching(model, saved)
    for word in ("module.stem.0.weight", "'stem.0.weight'", "rename"):
        assert word in str(caught.value)
    assert same(state(model), before)
    with pytest.raises(CheckpointError, match="not one of the checkpoint's 0 tensors"):
        load_matching(model, {})
