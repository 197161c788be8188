"""The loops that ours is measured against, written the way they are commonly written.

Images are PIL images that a DataLoader resizes and normalises one by one; batches are float32 in
PyTorch's default memory order; frozen layers are frozen by `requires_grad` alone, and the network
is in train mode.  Nothing is done to make them slow, and nothing to make them fast.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare
from course_utils.networks.blocks import split_into_blocks
from course_utils.training import freezing

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Pictures(Dataset[tuple[Tensor, int]]):
    """PIL images with their labels, transformed one at a time."""

    def __init__(self, images: Tensor, labels: Tensor, transform: transforms.Compose) -> None:
        self.images = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
        self.labels = labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return self.transform(self.images[place]), self.labels[place]


@dataclass(frozen=True)
class Loop:
    """How a common loop trains: optimizer, rate, schedule, batch size.

    normalise : "weights" takes the weights' own mean and deviation, "half" takes 0.5 and 0.5
    step, gamma : StepLR's; 0 keeps the rate
    augment : crop a random part of each image and mirror it at random, as torchvision's own
        recipes do
    """

    optimizer: str = "adam"
    rate: float = 1e-3
    batch: int = 64
    normalise: str = "weights"
    step: int = 0
    gamma: float = 0.1
    augment: bool = False


CLASSIC_A = Loop()
CLASSIC_B = Loop(optimizer="sgd", batch=32, normalise="half")
# "Transfer Learning for Computer Vision Tutorial", PyTorch's documentation
TUTORIAL = Loop(optimizer="sgd", batch=4, step=7, augment=True)


def loader(
    images: Tensor, labels: Tensor, prepare: Prepare, loop: Loop, workers: int
) -> DataLoader[tuple[Tensor, int]]:
    """Shuffled batches: resized, made a tensor, normalised."""
    half = (0.5, 0.5, 0.5)
    mean, std = (half, half) if loop.normalise == "half" else (prepare.mean, prepare.std)
    shape = (
        [transforms.RandomResizedCrop(prepare.size), transforms.RandomHorizontalFlip()]
        if loop.augment
        else [transforms.Resize((prepare.size, prepare.size))]
    )
    transform = transforms.Compose([*shape, transforms.ToTensor(), transforms.Normalize(mean, std)])
    return DataLoader(
        Pictures(images, labels, transform),
        loop.batch,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=prepare.device.type == "cuda",
        drop_last=len(labels) % loop.batch == 1,  # batch norm cannot take a lone image
    )


def freeze_all_but_last(model: nn.Module, learning: int | None) -> None:
    """Freeze by `requires_grad` alone; `learning` blocks stay, head included; None: all of them."""
    names = freezing.block_names(model)
    learns = set(names if learning is None else names[len(names) - learning :])
    for block in split_into_blocks(model):
        for parameter in block.parameters():
            parameter.requires_grad_(block.name in learns)


def train(
    model: nn.Module,
    data: ImageData,
    prepare: Prepare,
    loop: Loop,
    *,
    epochs: int,
    workers: int,
    rates: Sequence[float] | None = None,
) -> None:
    """Train for some epochs; `rates` sets the rate of each epoch, else the loop's own holds."""
    model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    batches = loader(data.train_images.cpu(), data.train_labels.cpu(), prepare, loop, workers)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer: torch.optim.Optimizer = (
        torch.optim.SGD(learning, lr=loop.rate, momentum=0.9)
        if loop.optimizer == "sgd"
        else torch.optim.Adam(learning, lr=loop.rate)
    )
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, loop.step or epochs + 1, loop.gamma)
    for epoch in range(epochs):
        model.train()
        if rates is not None:
            for group in optimizer.param_groups:
                group["lr"] = rates[epoch]
        for images, labels in batches:
            images, labels = images.to(prepare.device), labels.to(prepare.device)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            loss.item()  # shown by every such loop
        scheduler.step()
