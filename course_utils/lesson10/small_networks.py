"""Small networks of other families: a slim ResNet-18 and a small vision transformer.

Both are torchvision's own classes with smaller numbers, so that everything one learns on them holds
for the large ones. `benchmarks/pretraining/pretrain_others.py` trained them on the source classes
of Shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from course_utils import environment
from course_utils.downloads import torchvision_weights
from course_utils.images import shapes
from course_utils.networks.checkpoint_files import CheckpointError, read_checkpoint
from course_utils.world import IMAGENET_MEAN, IMAGENET_STD, SHAPES_MEAN, SHAPES_STD, Weights

from torch import nn
from torchvision.models import ResNet, ResNet18_Weights, VisionTransformer, resnet18
from torchvision.models.resnet import BasicBlock

SIZE = 64  # side in pixels of the images that both were trained on


def resnet18_slim(num_classes: int = 30, *, width: int = 32) -> ResNet:
    """Build torchvision's ResNet-18 with `width` channels in its first layers instead of 64.

    Half the width makes a quarter of the parameters. Takes images of any size; random weights.

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


def vit_tiny(num_classes: int = 30) -> VisionTransformer:
    """Build torchvision's VisionTransformer, small: 4 blocks of 128 numbers a token.

    Takes images of `SIZE` pixels and no others, since it has learned one position for each patch of
    8 x 8 pixels. Random weights.

    "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", Alexey
    Dosovitskiy and others, 2020.
    """
    return VisionTransformer(
        image_size=SIZE,
        patch_size=8,
        num_layers=4,
        num_heads=4,
        hidden_dim=128,
        mlp_dim=512,
        num_classes=num_classes,
    )


BUILDERS: Mapping[str, Callable[[int], nn.Module]] = {
    "resnet18_slim": resnet18_slim,
    "vit_tiny": vit_tiny,
    "resnet18": lambda num_classes: resnet18(num_classes=num_classes),
}
OWN = ("resnet18_slim", "vit_tiny")  # those whose weights come with the course


def weights(name: str) -> Weights:
    """Return the course's own weights of a small network: the file, and how images must look.

    Raises
    ------
    ValueError
        For a name that is not in `OWN`.
    """
    if name not in OWN:
        raise ValueError(
            f"the course has no weights of its own for {name!r}; choose from {', '.join(OWN)}"
        )
    path = environment.PROJECT / "data" / f"{name}-shapes.safetensors"
    title = f"{name} pretrained by this course on 30 other shapes ({path.name})"
    return Weights(title, path, SHAPES_MEAN, SHAPES_STD, SIZE, shapes.class_names("source"))


def resnet18_at_hand(world: str) -> tuple[str, Weights]:
    """Choose the ResNet-18 that suits a world best, without any download.

    For photographs that is torchvision's with its ImageNet weights, if the file lies where
    torchvision looks; else, and for Shapes, the course's slim one.

    Parameters
    ----------
    world : str
        The course's, such as "shapes" or "cifar10".

    Returns
    -------
    tuple of (str, Weights)
        The name for `load`, and the weights.
    """
    choice = ResNet18_Weights.IMAGENET1K_V1
    path = None if world == "shapes" else torchvision_weights.on_disk(choice)
    if path is None:
        return "resnet18_slim", weights("resnet18_slim")
    title = f"ResNet-18 pretrained on ImageNet, 1000 classes ({path.name})"
    names = tuple(choice.meta["categories"])
    return "resnet18", Weights(title, path, IMAGENET_MEAN, IMAGENET_STD, 224, names)


def load(name: str, checkpoint: Path | str | None = None) -> nn.Module:
    """Build a network with pretrained weights, its old head included.

    Parameters
    ----------
    name : str
        As in `BUILDERS`.
    checkpoint : path, optional
        A file of weights; its head decides how many outputs. By default the course's own.

    Raises
    ------
    ValueError
        For a name that is not in `BUILDERS`, or without own weights where no file is given.
    CheckpointError
        If the file cannot be read, or belongs to another network.
    """
    if name not in BUILDERS:
        raise ValueError(f"there is no network {name!r} here; choose from {', '.join(BUILDERS)}")
    path = weights(name).path if checkpoint is None else Path(checkpoint)
    state = read_checkpoint(path)
    head = "heads.head.bias" if name == "vit_tiny" else "fc.bias"
    try:
        model = BUILDERS[name](len(state[head]))
        model.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"{path.name} does not hold the weights of a {name}: its {len(state)} tensors are "
            f"called {', '.join(list(state)[:3])}, ... ; load the network that they were trained "
            "in, or pick another file"
        ) from error
    return model
