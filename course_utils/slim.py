"""Two small networks of other families: a slim ResNet-18 and a small vision transformer.

Both are torchvision's own classes with smaller numbers, so that everything one learns on them holds
for the large ones.  `benchmarks/pretrain_others.py` trained them on the source classes of Shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor, nn
from torchvision.models import ResNet, VisionTransformer
from torchvision.models.resnet import BasicBlock

from . import environment, shapes
from .models import CheckpointError, read_checkpoint
from .world import SHAPES_MEAN, SHAPES_STD, Weights

SIZE = 64  # side in pixels of the images that both were trained on


def resnet18_slim(num_classes: int = 30, *, width: int = 32) -> ResNet:
    """torchvision's ResNet-18 with `width` channels in its first layers instead of 64.

    Half the width makes a quarter of the parameters.  Takes images of any size; random weights.

    "Deep Residual Learning for Image Recognition", Kaiming He, Xiangyu Zhang, Shaoqing Ren and
    Jian Sun, 2015.
    """
    model = ResNet(BasicBlock, [2, 2, 2, 2], num_classes=num_classes)
    # BasicBlock knows one width only, so the layers are exchanged; forward() stays torchvision's
    model.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
    model.bn1 = nn.BatchNorm2d(width)
    inputs = width
    for number in range(4):
        outputs, stride = width * 2**number, 1 if number == 0 else 2
        first = BasicBlock(inputs, outputs, stride, _shortcut(inputs, outputs, stride))
        setattr(model, f"layer{number + 1}", nn.Sequential(first, BasicBlock(outputs, outputs)))
        inputs = outputs
    model.fc = nn.Linear(inputs, num_classes)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):  # as torchvision's own constructor does
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module | None:
    if stride == 1 and inputs == outputs:
        return None  # input and output have one shape: they can be added as they are
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


def vit_tiny(
    num_classes: int = 30, *, size: int = SIZE, patch: int = 8, width: int = 128, depth: int = 6
) -> VisionTransformer:
    """torchvision's VisionTransformer, small: `depth` blocks of `width` numbers a token.

    Takes images of `size` x `size` pixels and no others, since it has learned one position for each
    patch of `patch` x `patch` pixels.  Random weights.

    "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", Alexey
    Dosovitskiy and others, 2020.

    Raises ValueError if `size` is no multiple of `patch`, or `width` none of 32.
    """
    if size % patch:
        raise ValueError(f"{size} pixels cannot be cut into patches of {patch}: choose a multiple")
    if width % 32:
        raise ValueError(f"width must be a multiple of 32 (one attention head each), not {width}")
    return VisionTransformer(
        image_size=size,
        patch_size=patch,
        num_layers=depth,
        num_heads=width // 32,
        hidden_dim=width,
        mlp_dim=4 * width,
        num_classes=num_classes,
    )


BUILD: Mapping[str, Callable[[int], nn.Module]] = {
    "resnet18_slim": resnet18_slim,
    "vit_tiny": vit_tiny,
}


def weights(name: str) -> Weights:
    """The course's own weights of one of these networks: the file, and how images must look.

    Raises ValueError for a name that is not in `BUILD`.
    """
    if name not in BUILD:
        raise ValueError(f"there is no network {name!r} here; choose from {', '.join(BUILD)}")
    path = environment.PROJECT / "data" / f"{name}-shapes.safetensors"
    title = f"{name} pretrained by this course on 30 other shapes ({path.name})"
    return Weights(title, path, SHAPES_MEAN, SHAPES_STD, SIZE, shapes.class_names("source"))


def load(name: str, checkpoint: Path | str | None = None) -> nn.Module:
    """A network of `BUILD` with pretrained weights, its old head included.

    Parameters
    ----------
    name : as in `BUILD`
    checkpoint : another file of weights than the course's own; its head decides how many outputs

    Raises
    ------
    ValueError
        For a name that is not in `BUILD`.
    CheckpointError
        If the file cannot be read (see `models.read_checkpoint`) or belongs to another network.
    """
    path = Path(checkpoint or weights(name).path)
    if name not in BUILD:
        raise ValueError(f"there is no network {name!r} here; choose from {', '.join(BUILD)}")
    state = read_checkpoint(path)
    head = {"resnet18_slim": "fc.bias", "vit_tiny": "heads.head.bias"}[name]
    try:
        model = BUILD[name](len(state[head]))
        model.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(_belongs_elsewhere(path.name, name, state)) from error
    return model


def _belongs_elsewhere(file: str, wanted: str, state: Mapping[str, Tensor]) -> str:
    some = ", ".join(list(state)[:3])
    return (
        f"{file} does not hold the weights of a {wanted}: its {len(state)} tensors are called "
        f"{some}, ... ; load the network that they were trained in, or pick another file"
    )
