"""A network as a row of blocks: the blocks that are frozen and thawed, in forward order.

Most image networks are a chain: the output of one block is all that the next one sees.  Naming the
links of the chain gives everything else its footing.  Freezing names blocks; the prefix cache cuts
the chain in two; figures count from the shallow end to the deep one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Block:
    """One link: its name, the modules it owns, and the function it computes.

    Parameters
    ----------
    name : str
        Its path in the network, such as `features.3`.
    modules : tuple of nn.Module
        What it owns.
    forward : callable
        What it computes.
    pool, behind_pool : callable, optional
        Where `forward` begins with pooling, its two halves; pooling learns nothing, so it can be
        done ahead of time, and leaves far fewer numbers to store.
    """

    name: str
    modules: tuple[nn.Module, ...]
    forward: Callable[[Tensor], Tensor]
    pool: Callable[[Tensor], Tensor] | None = None
    behind_pool: Callable[[Tensor], Tensor] | None = None

    def parameters(self) -> list[nn.Parameter]:
        """All parameters of the block."""
        return [p for module in self.modules for p in module.parameters()]

    def buffers(self) -> list[Tensor]:
        """All buffers of the block: batch norm's running statistics, mostly."""
        return [b for module in self.modules for b in module.buffers()]

    @property
    def kind(self) -> str:
        """The class name of the block's first module."""
        return type(self.modules[0]).__name__


def _chain(modules: tuple[nn.Module, ...]) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        for module in modules:
            x = module(x)
        return x

    return forward


def _sequence(name: str, modules: nn.Sequential) -> list[Block]:
    """One block for each child with parameters; children without any join the one before."""
    groups: list[tuple[str, list[nn.Module]]] = []
    # not named_children(): that skips a module's second place, such as a ReLU used twice
    for child_name, child in modules._modules.items():
        assert child is not None  # an nn.Sequential with a None in it cannot run either
        has_parameters = any(True for _ in child.parameters())
        if has_parameters or not groups:
            groups.append((f"{name}.{child_name}" if name else child_name, [child]))
        else:
            groups[-1][1].append(child)
    return [Block(label, tuple(group), _chain(tuple(group))) for label, group in groups]


def _features_and_classifier(model: nn.Module) -> list[Block]:
    """MobileNet's, VGG's and EfficientNet's build: `features`, pooling, `classifier`."""
    features, classifier = model.get_submodule("features"), model.get_submodule("classifier")
    # torchvision's MobileNetV2 pools inside forward() and has no module for it
    pool = getattr(model, "avgpool", None) or nn.AdaptiveAvgPool2d(1)

    assert isinstance(features, nn.Sequential)  # seen to by `split_into_blocks`
    return [*_sequence("features", features), _head("classifier", pool, classifier)]


def _head(name: str, pool: Callable[[Tensor], Tensor], layers: nn.Module) -> Block:
    """Pooling, flattening, and the layers that give the scores."""

    def pool_and_flatten(x: Tensor) -> Tensor:
        return torch.flatten(pool(x), 1)

    def forward(x: Tensor) -> Tensor:
        return layers(pool_and_flatten(x))

    return Block(name, (layers,), forward, pool_and_flatten, layers)


def _resnet(model: nn.Module) -> list[Block]:
    """ResNet's build: a stem, four layers of blocks, pooling, `fc`."""
    stem = tuple(model.get_submodule(n) for n in ("conv1", "bn1", "relu", "maxpool"))
    found = [Block("stem", stem, _chain(stem))]
    for name, layer in model.named_children():
        if name.startswith("layer") and isinstance(layer, nn.Sequential):
            found += _sequence(name, layer)
    pool, fc = model.get_submodule("avgpool"), model.get_submodule("fc")
    return [*found, _head("fc", pool, fc)]


class Tokens(nn.Module):
    """The start of a vision transformer: an image becomes a row of tokens, one for each patch.

    Gathers what torchvision keeps in three places, sharing its parameters: the convolution that
    reads the patches, the class token in front of them, and the positions added to all.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        encoder = model.get_submodule("encoder")
        self.conv_proj = model.get_submodule("conv_proj")
        self.class_token = model.get_parameter("class_token")
        self.pos_embedding = encoder.get_parameter("pos_embedding")
        self.dropout = encoder.get_submodule("dropout")
        # a method, not a module: it cuts the image, and refuses one of another size
        self._cut: Callable[[Tensor], Tensor] = model._process_input  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        """Turn `(n, 3, size, size)` into `(n, 1 + patches, width)`."""
        patches = self._cut(x)
        first = self.class_token.expand(len(patches), -1, -1)
        tokens: Tensor = self.dropout(torch.cat([first, patches], dim=1) + self.pos_embedding)
        return tokens


def _vision_transformer(model: nn.Module) -> list[Block]:
    """The vision transformer's build: tokens, equal blocks, and `heads` on the class token."""
    tokens = Tokens(model)
    layers = model.get_submodule("encoder.layers")
    assert isinstance(layers, nn.Sequential)  # torchvision builds nothing else
    blocks = _sequence("encoder.layers", layers)
    # the norm behind the last block is small and belongs to the backbone: it joins that block
    last = (*blocks[-1].modules, model.get_submodule("encoder.ln"))
    blocks[-1] = Block(blocks[-1].name, last, _chain(last))
    head = _head("heads", lambda x: x[:, 0], model.get_submodule("heads"))
    return [Block("tokens", (tokens,), tokens), *blocks, head]


class Tail(nn.Module):
    """The last blocks of a network, sharing its parameters: what runs behind a cached prefix."""

    def __init__(self, blocks: list[Block]) -> None:
        super().__init__()
        self.blocks = blocks
        # registering the modules gives parameters(), train() and eval() their usual meaning
        self.owned = nn.ModuleList(module for block in blocks for module in block.modules)

    def forward(self, x: Tensor) -> Tensor:
        """Run the blocks one after the other."""
        for block in self.blocks:
            x = block.forward(x)
        return x


def split_into_blocks(model: nn.Module) -> list[Block]:
    """Take a network apart: its blocks from the input to the head, which comes last.

    Running them one after the other computes exactly what the network computes.

    Known builds: torchvision's MobileNets, VGG, AlexNet and EfficientNet (`features` and
    `classifier`), its ResNets (`layer1` to `layer4` and `fc`), its VisionTransformer (`encoder` and
    `heads`), and any `nn.Sequential`.  A build is known by its `forward`: others have children of
    the same names, such as DenseNet's `features`, and do something else with them.

    Raises
    ------
    TypeError
        If the build is none of these; the message names the model's own children.
    """
    from torchvision.models import (
        AlexNet,
        EfficientNet,
        MobileNetV2,
        MobileNetV3,
        ResNet,
        VisionTransformer,
    )
    from torchvision.models.vgg import VGG

    if isinstance(model, Tail):
        return model.blocks
    if _runs_as(model, nn.Sequential) and len(list(model.children())):
        assert isinstance(model, nn.Sequential)
        return _sequence("", model)
    if _runs_as(model, AlexNet, EfficientNet, MobileNetV2, MobileNetV3, VGG):
        return _features_and_classifier(model)
    if _runs_as(model, ResNet):
        return _resnet(model)
    if _runs_as(model, VisionTransformer):
        return _vision_transformer(model)
    children = ", ".join(name for name, _ in model.named_children())
    raise TypeError(
        f"cannot take a {type(model).__name__} apart into blocks: expected torchvision's "
        f"MobileNet, VGG, AlexNet, EfficientNet, ResNet or VisionTransformer, or an nn.Sequential; "
        f"this one's children are {children or 'none'}"
    )


def _runs_as(model: nn.Module, *builds: type[nn.Module]) -> bool:
    """Whether the model is of one of these classes and computes what that class computes."""
    return any(
        isinstance(model, build) and type(model).forward is build.forward for build in builds
    )
