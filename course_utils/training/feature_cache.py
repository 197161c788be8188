"""Compute a frozen prefix once, and train on what comes out of it.

A frozen block gives the same output for the same image in every epoch.  So the frozen blocks at the
start of a network need to run once for each image, not once for each image and epoch.  What is left
to train is a shorter network, a `Tail` that shares its parameters with the whole one, and its
training images are the stored outputs:

    tail, features = training.cache_features(model, plan, data, prepare)
    for epoch in training.epochs(tail, optimizer, features, as_they_are, plan=plan, count=20): ...

The result is the same as training the whole network, which the tests check; only the time differs.
Two things make it wrong, and are refused: batch norm in train mode inside the prefix (its output
then depends on the batch), and nothing frozen at the start.
"""

from __future__ import annotations

from dataclasses import replace

from course_utils.environment import MEGABYTE
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import PrepareFunction
from course_utils.networks.batch_norm import fold_batch_norm
from course_utils.networks.blocks import Block, Tail, split_into_blocks
from course_utils.training.freezing import FreezePlan

import torch
from torch import Tensor, nn

# Images at a time for each thread of a CPU: with more, their maps no longer fit into its cache;
# with fewer, threads spend their time on waiting for each other (benchmarks/races/speed_parts.py).
IMAGES_A_THREAD = 32
IMAGES_ON_A_GPU = 512


def frozen_prefix(model: nn.Module, plan: FreezePlan) -> list[Block]:
    """The unbroken run of frozen blocks at the start of a network; empty if the first learns."""
    prefix = []
    for block in split_into_blocks(model):
        if block.name not in plan.frozen:
            break
        prefix.append(block)
    return prefix


def split_at_prefix(model: nn.Module, plan: FreezePlan) -> tuple[list[Block], list[Block]]:
    """The blocks whose output can be stored, and those that are left to run.

    The frozen prefix, and the pooling behind it where the next block begins with that: a stored
    average of a map takes a fraction of the map's memory.
    """
    prefix = frozen_prefix(model, plan)
    rest = split_into_blocks(model)[len(prefix) :]
    if prefix and rest and rest[0].pool and rest[0].behind_pool:
        prefix.append(Block("pooling", (), rest[0].pool))
        rest[0] = replace(rest[0], forward=rest[0].behind_pool, pool=None, behind_pool=None)
    return prefix, rest


@torch.no_grad()
def compute_features(
    blocks: list[Block], images: Tensor, prepare: PrepareFunction, batch_size: int = 64
) -> Tensor:
    """Outputs of some blocks for all images, float32 `(n, ...)`, computed in eval mode.

    The blocks' modes are put back as they were found.  `no_grad`, not `inference_mode`: tensors
    made in inference mode can never take part in training, not even as inputs.
    """
    modules = [m for block in blocks for module in block.modules for m in module.modules()]
    modes = [module.training for module in modules]
    for module in modules:
        module.training = False
    outputs: Tensor | None = None
    try:
        done = 0
        for part in images.split(batch_size):
            x = prepare(part)
            for block in blocks:
                x = block.forward(x)
            if outputs is None:  # filled in place: twice the memory would be needed to join parts
                outputs = torch.empty(len(images), *x.shape[1:], dtype=x.dtype, device=x.device)
                if x.ndim == 4:
                    outputs = outputs.contiguous(memory_format=torch.channels_last)
            outputs[done : done + len(x)] = x
            done += len(x)
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
    assert outputs is not None, "ImageData is never empty"
    return outputs


def cached_bytes(
    model: nn.Module, plan: FreezePlan, data: ImageData, prepare: PrepareFunction
) -> int:
    """Bytes that `cache_features` would need, found by running the prefix on a single image."""
    one = compute_features(split_at_prefix(model, plan)[0], data.train_images[:1], prepare)
    return one.numel() * one.element_size() * (len(data.train_images) + len(data.test_images))


def cache_features(
    model: nn.Module,
    plan: FreezePlan,
    data: ImageData,
    prepare: PrepareFunction,
    *,
    batch_size: int | None = None,
    fold: bool = False,
    limit: int = 400 * MEGABYTE,
) -> tuple[Tail, ImageData]:
    """Run the frozen prefix once over all images.

    Parameters
    ----------
    model, plan, data, prepare
        As for `training.epochs`.
    batch_size : int, optional
        Images at a time; None takes 32 for each thread on a CPU, and 512 on a GPU.  With the
        training's own batch size the cached training computes the same numbers as the uncached one
        to the bit on a CPU.
    fold : bool
        Fold batch norms into the convolutions before them (see `fold_batch_norm`): faster, with
        other roundings.
    limit : int
        Bytes that the cache may take.

    Returns
    -------
    tuple of (Tail, ImageData)
        The tail (a network of the remaining blocks, sharing their parameters), and the data with
        features in place of images.

    Raises
    ------
    ValueError
        If the first block is not frozen, if every block is, or if frozen batch norms are in train
        mode (then the prefix's output is not fixed).
    MemoryError
        If the cache would exceed `limit`; the message says by how much, and what to do.
    """
    prefix, rest = split_at_prefix(model, plan)
    if not prefix:
        raise ValueError(f"nothing to cache: the first block, {rest[0].name}, is not frozen")
    if not rest:
        raise ValueError("every block is frozen, the head too: there is nothing to train")
    if plan.batch_norm == "train":
        raise ValueError(
            "frozen blocks whose batch norm is in train mode give another output in every batch, "
            "so it cannot be stored; use batch_norm='eval'"
        )
    if (needed := cached_bytes(model, plan, data, prepare)) > limit:
        raise MemoryError(
            f"storing the output of {len(frozen_prefix(model, plan))} frozen blocks for "
            f"{len(data.train_images)} + {len(data.test_images)} images takes "
            f"{needed / MEGABYTE:.0f} MB, over the limit of {limit / MEGABYTE:.0f} MB; "
            f"use fewer images, freeze deeper, or train without a cache"
        )
    if batch_size is None:
        on_cpu = next(model.parameters()).device.type == "cpu"
        batch_size = IMAGES_A_THREAD * torch.get_num_threads() if on_cpu else IMAGES_ON_A_GPU
    if fold:
        prefix, _ = split_at_prefix(fold_batch_norm(model), plan)
    features = replace(
        data,
        train_images=compute_features(prefix, data.train_images, prepare, batch_size),
        test_images=compute_features(prefix, data.test_images, prepare, batch_size),
    )
    return Tail(rest), features
