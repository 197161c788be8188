"""Networks and images small enough to train in milliseconds, for the tests beside this file."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare
from course_utils.networks.batch_norm import batch_norms
from course_utils.networks.blocks import split_into_blocks

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import mobilenet_v2
from torchvision.models.resnet import BasicBlock, ResNet

CLASSES = ("cat", "dog", "owl", "elk")
prepare = Prepare(16, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def block(channels_in: int, channels: int) -> nn.Sequential:
    """Give a convolution, batch norm and dropout: all that freezing must deal with."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Dropout(0.1),
    )


def network(seed: int = 0) -> nn.Sequential:
    """Build three blocks and a head."""
    torch.manual_seed(seed)
    return nn.Sequential(
        OrderedDict(
            stem=block(3, 6),
            middle=block(6, 8),
            deep=block(8, 8),
            head=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)),
        )
    )


BLOCKS = ("stem", "middle", "deep", "head")


def mobilenet(seed: int = 0, classes: int = 4) -> nn.Module:
    """Build torchvision's MobileNetV2 at a quarter of its width."""
    torch.manual_seed(seed)
    model = mobilenet_v2(width_mult=0.25, num_classes=classes)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def resnet(seed: int = 0, classes: int = 4) -> nn.Module:
    """Build a ResNet with one block a layer."""
    torch.manual_seed(seed)
    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes=classes)


def data(train: int = 32, test: int = 12, size: int = 16, seed: int = 0) -> ImageData:
    """Make images whose brightness tells their class, noisy enough to leave something to learn."""
    generator = torch.Generator().manual_seed(seed)

    def draw(n: int) -> tuple[Tensor, Tensor]:
        labels = torch.arange(n) % len(CLASSES)
        noise = torch.randint(0, 60, (n, 3, size, size), generator=generator)
        return (noise + 60 * labels.view(-1, 1, 1, 1)).clamp(max=255).to(torch.uint8), labels

    return ImageData("tiny", *draw(train), *draw(test), CLASSES)


def state(model: nn.Module) -> dict[str, Tensor]:
    """Copy all parameters and buffers."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether two states are equal to the bit."""
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def by_stage(model: nn.Module) -> dict[str, tuple[list[Tensor], list[Tensor]]]:
    """Copy each block's parameters and buffers."""
    return {
        block.name: (
            [p.detach().clone() for p in block.parameters()],
            [b.clone() for b in block.buffers()],
        )
        for block in split_into_blocks(model)
    }


def equal(first: list[Tensor], second: list[Tensor]) -> bool:
    """Whether all tensors are equal to the bit."""
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def write_image(path: Path, size: tuple[int, int] = (20, 20), value: int = 0) -> None:
    """Write an image of one grey value plus noise; `size` is width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(value).integers(0, 10, (size[1], size[0], 3))
    Image.fromarray((noise + value % 240).astype(np.uint8)).save(path)


def image_folder(
    root: Path, counts: dict[str, int], size: tuple[int, int] = (20, 20), kind: str = "png"
) -> Path:
    """Write `counts[class]` images into one folder a class."""
    for i, (name, n) in enumerate(counts.items()):
        for j in range(n):
            write_image(root / name / f"{j:03}.{kind}", size, value=50 * i + j)
    return root


def lived_in(model: nn.Module) -> nn.Module:
    """Norms that have seen something: statistics and weights other than a new network's."""
    generator = torch.Generator().manual_seed(1)
    for norm in batch_norms(model):
        norm.running_mean.copy_(torch.randn(norm.num_features, generator=generator) * 0.1)
        norm.running_var.copy_(torch.rand(norm.num_features, generator=generator) + 0.5)
        with torch.no_grad():
            norm.weight.copy_(torch.rand(norm.num_features, generator=generator) + 0.5)
            norm.bias.copy_(torch.randn(norm.num_features, generator=generator) * 0.1)
    return model
