"""What a training step costs with more and more blocks frozen: processor time and memory.

    python -m benchmarks.lesson11.claims_costs

The plain loop, no cache: the frozen blocks run forward for every batch.  Processor time is measured
and not time on the clock, so that other programs disturb little.  Memory is what autograd keeps of
one batch for its way back.  Writes the record freezing_costs.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from benchmarks.lesson11 import drawing
from course_utils import environment, training
from course_utils.images.datasets import ImageData, batches
from course_utils.images.preprocessing import Prepare
from course_utils.networks.heads import replace_head
from course_utils.training import freezing

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FROZEN = (0, 7, 14, 19)
BATCH = 32
Row = dict[str, Any]


def kept_bytes(model: nn.Module, images: Tensor, labels: Tensor, prepare: Prepare) -> int:
    """Bytes that autograd keeps for the way back through one batch, the weights not counted."""
    weights = {p.data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = F.cross_entropy(model(prepare(images)), labels.to(prepare.device))
    del loss
    return sum(kept.values())


def measure(course: Any, data: ImageData, prepare: Prepare, seeds: Sequence[int]) -> Iterator[Row]:
    """One row for each seed and number of frozen blocks; the depths take turns."""
    for seed in seeds:
        for frozen in FROZEN:
            environment.seed_everything(seed)
            model = course.pretrained()
            replace_head(model, len(data.class_names))
            plan = freezing.freeze_first(model, frozen)
            freezing.apply(model, plan)
            passes = list(batches(data.train_images, data.train_labels, BATCH, seed=seed))
            kept = kept_bytes(model, *passes[0], prepare)
            optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
            loop = training.steps(model, optimizer, passes, prepare, plan=plan)
            next(loop)  # the first step also prepares buffers
            begun = time.process_time()
            steps = sum(1 for _ in loop)
            seconds = (time.process_time() - begun) / steps
            yield {
                "seed": seed, "frozen_blocks": frozen, "cpu_seconds": seconds,
                "kept_mb": kept / 1e6, "trainable": freezing.count_trainable(model),
            }  # fmt: skip


def main() -> None:
    args = drawing.arguments(__doc__, train=320, held_out=10).parse_args()
    course, prepare = script.choose_world(args, args.train, 10)
    data = drawing.drawer(course, args.task, args.train, args.held_out)(0)
    list(measure(course, data.subset(64), prepare, seeds=[0]))  # warm up
    rows = []
    for row in measure(course, data, prepare, args.seeds):
        print(row, flush=True)
        rows.append(row)
    script.write(
        args,
        "freezing_costs",
        rows,
        course=course,
        what=f"processor seconds of a step, and megabytes kept for its way back, batch {BATCH}",
        data=drawing.images(args, course, prepare.size),
    )


if __name__ == "__main__":
    main()
