"""Features of a frozen prefix, as `cache_features` computes them, with batch norms folded away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from course_utils.environment import MEGABYTE
from course_utils.images.datasets import ImageData
from course_utils.networks.blocks import Tail
from course_utils.networks.folding import folded
from course_utils.training import feature_cache
from course_utils.training.freezing import FreezePlan

import torch
from torch import Tensor, nn

# Images at a time for each thread of a CPU: with more, their maps no longer fit into its cache;
# with fewer, threads spend their time on waiting for each other (benchmarks/races/speed_parts.py).
A_THREAD = 32


def cache(
    model: nn.Module,
    plan: FreezePlan,
    data: ImageData,
    prepare: Callable[[Tensor], Tensor],
    *,
    batch_size: int | None = None,
    mirrored: bool = False,
    limit: int = 1000 * MEGABYTE,
) -> tuple[Tail, ImageData]:
    """Run the frozen prefix once over all images.

    Parameters
    ----------
    model, plan, data, prepare : as for `feature_cache.cache_features`
    batch_size : images at a time; None takes 32 for each thread on a CPU, and 512 on a
        GPU
    mirrored : also store the features of each training image mirrored left to right, behind those
        of all images as they are: features cannot be mirrored afterwards
    limit : bytes that the cache may take

    Returns
    -------
    the tail (sharing its parameters with the model), and the data with features in place of images;
    with `mirrored` it has twice as many training images

    Raises
    ------
    ValueError, MemoryError
        As `cache_features` does.
    """
    if mirrored:
        images = torch.cat([data.train_images, data.train_images.flip(-1)])
        data = replace(data, train_images=images, train_labels=data.train_labels.repeat(2))
    feature_cache.check_cache(model, plan, data, prepare, limit)
    if batch_size is None:
        on_cpu = next(model.parameters()).device.type == "cpu"
        batch_size = A_THREAD * torch.get_num_threads() if on_cpu else 512
    looks, _ = feature_cache.split_at_prefix(folded(model), plan)
    _, rest = feature_cache.split_at_prefix(model, plan)
    features = replace(
        data,
        train_images=feature_cache.compute_features(looks, data.train_images, prepare, batch_size),
        test_images=feature_cache.compute_features(looks, data.test_images, prepare, batch_size),
    )
    return Tail(rest), features
