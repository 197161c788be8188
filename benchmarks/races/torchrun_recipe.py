"""Fine-tuning on several GPUs, or several processes of a CPU: the same steps, shared out.

    torchrun --standalone --nproc-per-node 2 benchmarks/races/torchrun_recipe.py \
        --data cifar10 --size 224
    python -m benchmarks.races.torchrun_recipe --data cifar10 --size 224
        one process, same steps

DistributedDataParallel gives every process a copy of the network and a part of each batch, and
averages the gradients, so all copies take the step of the whole batch.  `--batch` is that whole
batch.  Two things would differ from one process: dropout, which each process draws for itself, and
batch norm in train mode, which would see a part of the batch.  On GPUs `SyncBatchNorm` mends the
latter; CPUs have no such thing, so the script says aloud when it matters there.

`--save FILE` keeps the weights.  (After "PyTorch Distributed: Experiences on Accelerating Data
Parallel Training", Shen Li and others, 2020.)
"""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from course_utils import environment, training, world
from course_utils.images.augmentation import Augment
from course_utils.images.datasets import ImageData, batches
from course_utils.lesson10 import small_networks
from course_utils.networks.heads import replace_head
from course_utils.training import freezing
from course_utils.training.freezing import FreezePlan
from course_utils.training.optimizers import one_cycle

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


@contextmanager
def processes(device: torch.device) -> Iterator[tuple[int, int]]:
    """This process's number and how many there are: torchrun's, or (0, 1) without it."""
    if "RANK" not in os.environ:
        yield 0, 1
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield distributed.get_rank(), distributed.get_world_size()
    finally:
        distributed.destroy_process_group()


def own_device(number: int) -> torch.device:
    """The GPU of this process, or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    place = int(os.environ.get("LOCAL_RANK", number))
    torch.cuda.set_device(place)
    return torch.device("cuda", place)


def build(args: argparse.Namespace, course: world.Course, classes: int) -> nn.Module:
    """The pretrained network with a new head, the same in every process."""
    environment.seed_everything(args.seed)
    if args.network == "vit_tiny":
        model = small_networks.load("vit_tiny", small_networks.weights("vit_tiny").path)
    else:
        model = course.pretrained()
    replace_head(model, classes)
    if args.no_dropout:
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    return model


def plan_for(model: nn.Module, learn: int | None) -> FreezePlan:
    """Everything learns, or only the last blocks, head included."""
    return freezing.freeze_nothing() if learn is None else freezing.thaw_last(model, learn)


def learning_norms(model: nn.Module, plan: FreezePlan) -> int:
    """How many batch norms will be in train mode."""
    freezing.apply(model, plan)
    freezing.set_training_mode(model, plan)
    return sum(norm.training for norm in freezing.batch_norms(model))


def own_share(
    data: ImageData, batch_size: int, seed: int, number: int, of: int
) -> Iterator[training.Batch]:
    """This process's part of every batch; parts are equally large, so gradients average rightly."""
    augment, generator = Augment(), torch.Generator().manual_seed(seed)
    for x, y in batches(data.train_images, data.train_labels, batch_size, seed=seed):
        x, fair = augment(x, generator), len(y) // of * of  # the rest is left out of this pass
        yield x[:fair][number::of], y[:fair][number::of]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="shapes", help="shapes, cifar10 or a folder")
    parser.add_argument("--network", choices=("mobilenet_v2", "vit_tiny"), default="mobilenet_v2")
    parser.add_argument("--learn", type=int, help="only so many blocks learn, head included")
    parser.add_argument("--train", type=int, help="training images (default: all there are)")
    parser.add_argument("--test", type=int)
    parser.add_argument("--size", type=int)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=256, help="of all processes together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-dropout", action="store_true")
    parser.add_argument("--save", type=Path, help="where the first process writes the weights")
    args = parser.parse_args()
    device = own_device(0)
    with processes(device) as (number, of):
        train(args, device, number, of)


def train(args: argparse.Namespace, device: torch.device, number: int, of: int) -> None:
    """What each process does."""
    course = world.choose(4, args.data, args.train or 1000, args.test or 1000)
    data = course.load(args.train, args.test).to(device)
    model = build(args, course, len(data.class_names))
    plan = plan_for(model, args.learn)
    if of > 1 and learning_norms(model, plan):
        if device.type == "cuda":
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        elif number == 0:
            print(f"each process's batch norms see 1/{of} of a batch: results will differ a little")
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    freezing.apply(model, plan)
    steps = args.epochs * training.steps_per_epoch(data, args.batch)
    optimizer, schedule = one_cycle(model, steps, 1e-3, 3e-3, 0.05)
    forward = DistributedDataParallel(model) if of > 1 else None
    prepare = replace(course.prepare, device=device, size=args.size or course.size)
    for epoch in range(1, args.epochs + 1):
        begun = time.perf_counter()
        mine = own_share(data, args.batch, args.seed * 10_007 + epoch, number, of)
        taken = training.steps(
            model, optimizer, mine, prepare, plan=plan, scheduler=schedule, forward=forward
        )
        sums = torch.tensor([[step.loss * step.images, step.images] for step in taken]).sum(0)
        if of > 1:
            sums = sums.to(device)
            distributed.all_reduce(sums)
        loss, seconds = float(sums[0] / sums[1]), time.perf_counter() - begun
        if number == 0:
            print(f"epoch {epoch}: loss {loss:.4f}, {seconds:.1f} s", flush=True)
    if number == 0:
        result = training.evaluate(model, data.test_images, data.test_labels, prepare)
        print(f"{of} process{'es' if of > 1 else ''}: test accuracy {result.accuracy:.1%}")
        if args.save:
            torch.save(model.state_dict(), args.save)


if __name__ == "__main__":
    main()
