"""Outputs of the frozen blocks at the start of a network, kept from the first time they are needed.

`cache_features` computes them all at once, which takes a while; the lab must not stand still that
long.  Here each image's features are kept when training first meets it: the first pass costs what
it would cost anyway, and all later ones are fast.
"""

from __future__ import annotations

from collections.abc import Callable

from course_utils.environment import MEGABYTE
from course_utils.images.datasets import ImageData
from course_utils.networks.blocks import Block, Tail
from course_utils.training import feature_cache

import torch
from torch import Tensor

LIMIT = 400 * MEGABYTE


class BehindPrefix(Tail):
    """A whole network that enters behind its first `skip` blocks.

    Unlike a plain `Tail` it still owns every block, so plans and optimizers of the whole network
    fit it.
    """

    def __init__(self, blocks: list[Block], skip: int) -> None:
        super().__init__(blocks)
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:
        """Run the blocks behind the skipped ones."""
        for block in self.blocks[self.skip :]:
            x = block.forward(x)
        return x


class FeatureStore:
    """Features of some images, computed when they are first asked for."""

    def __init__(self, images: Tensor, one: Tensor, compute: Callable[[Tensor], Tensor]) -> None:
        self._images, self._compute = images, compute
        shape = (len(images), *one.shape[1:])
        self._features = torch.empty(shape, dtype=one.dtype, device=one.device)
        if one.ndim == 4:
            self._features = self._features.contiguous(memory_format=torch.channels_last)
        self._known = torch.zeros(len(images), dtype=torch.bool)

    def get(self, chosen: Tensor) -> Tensor:
        """Features of the images with these indices (int64, on the CPU).

        If one is missing, the whole batch is computed: a batch of the usual size gives the same
        numbers to the bit as it would without a store, which one of another size need not.
        """
        place = chosen.to(self._features.device)
        if not bool(self._known[chosen].all()):
            self._features[place] = self._compute(self._images[chosen])
            self._known[chosen] = True
        return self._features[place]

    @property
    def share(self) -> float:
        """How much is filled, from 0 to 1."""
        return float(self._known.float().mean())


class LazyFeatureCache:
    """Features of all images behind the frozen blocks at the start of a network.

    Valid as long as these blocks stay frozen, with batch norm in eval mode: the owner drops it
    otherwise.

    Parameters
    ----------
    blocks : list of Block
        All of the network.
    count : int
        How many of them, from the start, are frozen.
    data : ImageData
    prepare : callable
        From stored images to the network's input.
    limit : int, optional
        Bytes that the features may take.

    Attributes
    ----------
    network : BehindPrefix
        Takes features instead of images.
    train, test : FeatureStore
        Features of the training images and of the held-out ones.

    Raises
    ------
    MemoryError
        If the features would take more than `limit` bytes; the message says how many.
    """

    def __init__(
        self,
        blocks: list[Block],
        count: int,
        data: ImageData,
        prepare: Callable[[Tensor], Tensor],
        limit: int = LIMIT,
    ) -> None:
        self.count = count
        self.network = BehindPrefix(blocks, count)

        def compute(images: Tensor) -> Tensor:
            return feature_cache.compute_features(blocks[:count], images, prepare, len(images))

        one = compute(data.train_images[:1])
        images = len(data.train_images) + len(data.test_images)
        needed = one.numel() * one.element_size() * images
        if needed > limit:
            raise MemoryError(
                f"the outputs of {count} frozen blocks would take {needed / MEGABYTE:.0f} "
                f"MB, over the limit of {limit / MEGABYTE:.0f} MB"
            )
        self.train = FeatureStore(data.train_images, one, compute)
        self.test = FeatureStore(data.test_images, one, compute)

    def describe(self) -> str:
        """What the cache does, in a sentence for the panel."""
        count, share = self.count, self.train.share
        what = f"the {count} frozen blocks" if count > 1 else "the frozen first block"
        if share < 1:
            return f"keeping the outputs of {what}: {share:.0%} of the training images so far"
        return f"{what} at the start ran once for each image; training reuses their outputs"
