"""Transfer the first k blocks, leave the rest fresh; the transferred ones frozen, or fine-tuned.

    python -m benchmarks.lesson07.first_k_blocks

Writes the record first_k_blocks.  After "How transferable are features in deep neural
networks?", Jason Yosinski, Jeff Clune, Yoshua Bengio and Hod Lipson, 2014.  All runs of a task have
the same images, the same number of steps and the same two rates: 1e-3 for what was transferred,
3e-3 for what is fresh.  k = 0 is training from scratch, k = 19 a new head on the whole backbone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script
from benchmarks.lesson07.data_and_similarity import images
from benchmarks.script import Kept, Row
from course_utils import environment, training, world
from course_utils.images.preprocessing import as_they_are
from course_utils.lesson07.tasks import load_task
from course_utils.networks.blocks import split_into_blocks
from course_utils.training import freezing

import torch
from torch import nn

TASKS = ("near", "orientation")
BLOCKS = (0, 7, 14, 19)
BATCH = 16


def run(
    course: world.Course, *, seed: int, task: str, k: int, mode: str, train: int, test: int,
    epochs: int,
) -> list[Row]:  # fmt: skip
    """One network with k transferred blocks, trained and tested."""
    from torchvision.models import mobilenet_v2

    data, ready = load_task(course, task, train, test, seed), course.prepare
    environment.seed_everything(seed)
    model = mobilenet_v2(num_classes=len(data.class_names))
    pretrained = course.pretrained().cpu()
    for block, theirs in zip(model.features[:k], pretrained.features[:k], strict=True):
        block.load_state_dict(theirs.state_dict())
    model.to(course.device, memory_format=torch.channels_last)
    learner, plan = model, freezing.freeze_first(model, k if mode == "frozen" else 0)
    freezing.apply(model, plan)
    # the optimizer holds frozen blocks too, as long as they are in the network that is trained
    held = k
    if plan.frozen:
        learner, data = training.cache_features(model, plan, data, course.prepare, batch_size=BATCH)
        ready, held = as_they_are, 0
    optimizer = torch.optim.AdamW(rates_by_block(learner, held))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[float(group["lr"]) for group in optimizer.param_groups],
        total_steps=epochs * training.steps_per_epoch(data, BATCH),
        pct_start=0.2,
        cycle_momentum=False,
    )
    taken = list(
        training.epochs(
            learner, optimizer, data, ready, plan=plan, count=epochs, batch_size=BATCH, seed=seed,
            scheduler=schedule, step_schedule=True, watch=False,
        )
    )  # fmt: skip
    return [
        {
            "train": train,
            "epochs": epochs,
            "accuracy": training.evaluate(
                learner, data.test_images, data.test_labels, ready
            ).accuracy,
            "train_accuracy": training.evaluate(
                learner, data.train_images, data.train_labels, ready
            ).accuracy,
            "seconds": sum(event.seconds for event in taken),
        }
    ]


def rates_by_block(model: nn.Module, k: int) -> list[dict[str, Any]]:
    """One rate for the first `k` blocks, another for all that is fresh; norms do not decay."""
    blocks, groups = split_into_blocks(model), []
    for part, rate in ((blocks[:k], 1e-3), (blocks[k:], 3e-3)):
        parameters = [p for block in part for p in block.parameters()]
        matrices, vectors = ([p for p in parameters if (p.ndim > 1) is m] for m in (True, False))
        groups += [
            {"params": matrices, "lr": rate, "weight_decay": 0.05},
            {"params": vectors, "lr": rate, "weight_decay": 0.0},
        ]
    return [group for group in groups if group["params"]]


def measure(
    course: world.Course,
    *,
    seeds: Sequence[int],
    tasks: Sequence[str] = TASKS,
    blocks: Sequence[int] = BLOCKS,
    train: int = 200,
    test: int = 300,
    epochs: int = 6,
    keep: Path | None = None,
) -> list[Row]:
    """All combinations; with k = 0 nothing can be frozen, so that is measured once."""
    settings = [
        {"seed": seed, "task": task, "k": k, "mode": mode}
        for seed in seeds
        for task in tasks
        for k in blocks
        for mode in (("frozen", "fine-tuned") if k else ("fine-tuned",))
    ]
    return Kept(keep).measure(
        settings,
        lambda **setting: run(course, train=train, test=test, epochs=epochs, **setting),
    )


def main() -> None:
    parser = script.arguments(__doc__, data="shapes", keep=True, train=200, epochs=6, test=300)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--blocks", type=int, nargs="+", default=list(BLOCKS))
    args = parser.parse_args()
    course, _ = script.choose_world(args, args.train, args.test)
    rows = measure(
        course,
        seeds=args.seeds,
        tasks=args.tasks,
        blocks=args.blocks,
        train=args.train,
        test=args.test,
        epochs=args.epochs,
        keep=args.keep,
    )
    if not args.only_keep:
        what = f"first k blocks transferred, the rest fresh, {args.train} training images"
        script.write(
            args, "first_k_blocks", rows, course=course, what=what, data=images(args, course)
        )


if __name__ == "__main__":
    main()
