"""What the benchmarks share: a fresh network, one timed training, medians."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from course_utils import environment, training
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import PrepareFunction
from course_utils.networks.heads import replace_head
from course_utils.training import freezing
from course_utils.training.freezing import FreezePlan
from course_utils.world import Course

import torch
from torch import nn

T = TypeVar("T")
RATE = 1e-3
BATCH = 64


def fresh(course: Course, data: ImageData, blocks: int, seed: int) -> tuple[nn.Module, FreezePlan]:
    """A pretrained network with a new head, its first `blocks` blocks frozen."""
    environment.seed_everything(seed)
    model = course.pretrained()
    replace_head(model, len(data.class_names))
    plan = freezing.freeze_first(model, blocks)
    freezing.apply(model, plan)
    return model, plan


def train(
    model: nn.Module,
    plan: FreezePlan,
    data: ImageData,
    prepare: PrepareFunction,
    *,
    epochs: int,
    seed: int,
) -> float:
    """Train without looking at the test images; seconds of wall time."""
    torch.manual_seed(seed)  # dropout draws from it
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=RATE)
    passes = training.epochs(
        model,
        optimizer,
        data,
        prepare,
        plan=plan,
        count=epochs,
        batch_size=BATCH,
        seed=seed,
        watch=False,
    )
    return timed(lambda: list(passes))[0]


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of wall time that some work took, and its result."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


def median(rows: Sequence[dict[str, float]], column: str) -> float:
    """The median of one column."""
    return statistics.median(row[column] for row in rows)
