"""Networks taken apart: the blocks one after the other compute what the network computes."""

from course_utils import training
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare, as_they_are
from course_utils.networks.blocks import Tail, split_into_blocks
from course_utils.training import freezing
from tests.tiny import BLOCKS, mobilenet, network, resnet

import pytest
import torch
import torchvision.models as zoo
from torch import Tensor, nn

BUILDS = {
    "mobilenet_v2": (lambda: zoo.mobilenet_v2(num_classes=5), 20),
    "narrow mobilenet_v2": (mobilenet, 20),
    "mobilenet_v3": (lambda: zoo.mobilenet_v3_small(num_classes=5), 14),
    "resnet18": (lambda: zoo.resnet18(num_classes=5), 10),
    "resnet50's kind": (
        lambda: zoo.resnet.ResNet(zoo.resnet.Bottleneck, [1, 1, 1, 1], num_classes=5),
        6,
    ),
    "vgg11": (lambda: vgg(zoo.vgg.make_layers(zoo.vgg.cfgs["A"])), 9),
    "vgg11_bn": (lambda: vgg(zoo.vgg.make_layers(zoo.vgg.cfgs["A"], batch_norm=True)), 17),
    "efficientnet_b0": (lambda: zoo.efficientnet_b0(num_classes=5), 10),
    "vision transformer": (lambda: transformer(), 5),
    "nn.Sequential": (network, 4),
}


def vgg(features: nn.Sequential) -> nn.Module:
    """Build a VGG whose classifier is a tenth of the real one's 120 million parameters."""
    with torch.device("meta"):
        model = zoo.VGG(nn.Sequential(), init_weights=False)
    model.features = features
    model.classifier = nn.Sequential(nn.Linear(512 * 49, 16), nn.ReLU(), nn.Linear(16, 5))
    return model


def transformer() -> nn.Module:
    """Build torchvision's vision transformer with three thin blocks, and no head of zeros."""
    torch.manual_seed(0)
    model = zoo.VisionTransformer(64, 16, 3, 2, 16, 32, num_classes=5)
    nn.init.normal_(model.heads.head.weight)
    return model


@pytest.mark.parametrize("name", BUILDS)
def test_stages_in_a_row_are_the_network(name):
    build, count = BUILDS[name]
    torch.manual_seed(0)
    model = build().eval()
    images = torch.randn(2, 3, 64, 64)
    parts = split_into_blocks(model)
    assert len(parts) == count
    with torch.no_grad():
        x = images
        for block in parts:
            x = block.forward(x)
        assert torch.equal(x, model(images))
        assert torch.equal(Tail(parts)(images), x)
        middle = count // 2
        for block in parts[:middle]:
            images = block.forward(images)
        assert torch.equal(Tail(parts[middle:])(images), x)


@pytest.mark.parametrize("name", BUILDS)
def test_every_parameter_and_buffer_belongs_to_one_stage(name):
    model = BUILDS[name][0]()
    parts = split_into_blocks(model)
    names = [block.name for block in parts]
    assert len(set(names)) == len(names)
    parameters = [id(p) for block in parts for p in block.parameters()]
    assert sorted(parameters) == sorted(id(p) for p in model.parameters())
    buffers = [id(b) for block in parts for b in block.buffers()]
    assert sorted(buffers) == sorted(id(b) for b in model.buffers())


def test_names_are_those_of_the_modules():
    assert [s.name for s in split_into_blocks(network())] == list(BLOCKS)
    names = [s.name for s in split_into_blocks(mobilenet())]
    assert names == [*(f"features.{i}" for i in range(19)), "classifier"]
    assert [s.name for s in split_into_blocks(resnet())] == [
        "stem", "layer1.0", "layer2.0", "layer3.0", "layer4.0", "fc",
    ]  # fmt: skip
    kinds = [s.kind for s in split_into_blocks(mobilenet())]
    assert kinds[0] == "Conv2dNormActivation"
    assert kinds[1] == "InvertedResidual"


def test_layers_without_parameters_join_the_one_before():
    shared = nn.ReLU()  # one module in two places
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), shared, nn.Linear(6, 6), shared)
    parts = split_into_blocks(model)
    assert [(s.name, len(s.modules)) for s in parts] == [("0", 1), ("1", 2), ("3", 2)]
    x = torch.randn(5, 3, 2, 2)
    assert torch.equal(Tail(parts)(x), model(x))
    assert not torch.equal(model(x), model[:-1](x)), "the second ReLU must matter here"


def test_a_tail_shares_its_parameters_and_has_the_same_stages():
    model = network()
    parts = split_into_blocks(model)[2:]
    tail = Tail(parts)
    assert split_into_blocks(tail) == parts
    owned = {id(p) for p in tail.parameters()}
    assert owned == {id(p) for s in parts for p in s.parameters()}
    tail.eval()
    assert not model.deep.training
    assert model.stem.training


def test_a_transformers_lone_parameters_have_a_block_and_freeze_with_it():
    model = transformer()
    assert [s.name for s in split_into_blocks(model)] == [
        "tokens", *(f"encoder.layers.encoder_layer_{i}" for i in range(3)), "heads",
    ]  # fmt: skip
    freezing.apply(model, freezing.freeze_first(model, 1))
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {
        "class_token", "encoder.pos_embedding", "conv_proj.weight", "conv_proj.bias"
    }  # fmt: skip
    freezing.apply(model, freezing.freeze_backbone(model))
    assert [n for n, p in model.named_parameters() if p.requires_grad] == [
        "heads.head.weight", "heads.head.bias",
    ]  # fmt: skip
    assert not model.encoder.dropout.training
    assert model.heads.training


def test_a_transformer_refuses_another_image_size_in_parts_as_in_whole():
    model = transformer()
    with pytest.raises(AssertionError, match="Wrong image"):
        model(torch.zeros(1, 3, 48, 48))
    with pytest.raises(AssertionError, match="Wrong image"):
        split_into_blocks(model)[0].forward(torch.zeros(1, 3, 48, 48))


def test_a_cached_prefix_of_a_transformer_trains_as_the_whole_does():
    torch.manual_seed(0)
    images = torch.randint(0, 256, (24, 3, 64, 64), dtype=torch.uint8)
    few = ImageData(
        "noise", images, torch.arange(24) % 5, images[:4], torch.arange(4), tuple("abcde")
    )
    results = []
    for cached in (False, True):
        model = transformer()
        plan = freezing.freeze_first(model, 2)
        freezing.apply(model, plan)
        learner, data, ready = model, few, Prepare(64, (0.5,) * 3, (0.5,) * 3)
        if cached:
            learner, data = training.cache_features(model, plan, few, ready, batch_size=8)
            ready = as_they_are
        optimizer = torch.optim.SGD(learner.parameters(), lr=0.1)
        options = {"plan": plan, "count": 2, "batch_size": 8, "watch": False}
        assert len(list(training.epochs(learner, optimizer, data, ready, **options))) == 2
        results.append(model.state_dict())
    assert results[0]["conv_proj.weight"].equal(transformer().conv_proj.weight)
    assert not results[0]["heads.head.weight"].equal(transformer().heads.head.weight)
    for name, tensor in results[0].items():
        torch.testing.assert_close(tensor, results[1][name], rtol=1e-4, atol=1e-6)


class Odd(nn.Module):
    """A build of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Residual(nn.Sequential):
    """Looks like a chain and is none."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class Rewired(zoo.MobileNetV2):
    """Has MobileNetV2's parts and does something else with them."""

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).amax((2, 3)))


class Renamed(zoo.MobileNetV2):
    """Adds nothing to what MobileNetV2 computes."""


@pytest.mark.parametrize(
    ("build", "children"),
    [
        (Odd, "body"),
        (lambda: Residual(nn.Linear(2, 2)), "0"),
        (lambda: Rewired(num_classes=3), "features, classifier"),
        # its ReLU between features and classifier stands in forward() alone
        (lambda: zoo.densenet121(num_classes=3), "features, classifier"),
        (lambda: zoo.squeezenet1_1(num_classes=3), "features, classifier"),
        (lambda: zoo.convnext_tiny(num_classes=3), "features, avgpool, classifier"),
        (nn.ReLU, "none"),
        (nn.Sequential, "none"),
    ],
)
def test_other_builds_are_refused_rather_than_taken_apart_wrongly(build, children):
    with pytest.raises(TypeError) as caught:
        split_into_blocks(build())
    message = str(caught.value)
    assert message.startswith(f"cannot take a {type(build()).__name__} apart")
    assert message.endswith(f"children are {children}")
    assert "nn.Sequential" in message
    assert "ResNet" in message


def test_a_subclass_that_computes_the_same_is_welcome():
    assert len(split_into_blocks(Renamed(num_classes=3, width_mult=0.25))) == 20
