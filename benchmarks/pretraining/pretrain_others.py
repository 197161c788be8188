"""Pretrain a slim ResNet-18 or a small vision transformer on the 30 source classes of Shapes.

    python -m benchmarks.pretraining.pretrain_others resnet18_slim
    python -m benchmarks.pretraining.pretrain_others vit_tiny

writes data/NETWORK-shapes.safetensors (float16) and the record pretrain_others_NETWORK.  The
same images as for MobileNetV2 (`pretrain_shapes.py`), each seen once.  The transformer has that
MobileNetV2 as its teacher (see `teaching.py`); `--alone` leaves it without.  A run that was stopped
goes on with `--resume` from its last checkpoint.
"""

import argparse
import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks.pretraining.pretrain_shapes import (
    CHUNK,
    MEAN,
    STD,
    VALIDATION_SEED,
    half_precision,
    learning_rate,
)
from benchmarks.teaching import Teaching
from course_utils import experiments, world
from course_utils.images import shapes
from course_utils.images.preprocessing import Prepare
from course_utils.lesson10 import small_networks
from course_utils.networks.mobilenet import load_mobilenet_v2
from course_utils.training import evaluate

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parents[2]
PREPARE = Prepare(small_networks.SIZE, MEAN, STD)
# images and peak learning rate: what a quarter of an hour or so on one core allows
SETTINGS = {"resnet18_slim": (64_000, 3e-3), "vit_tiny": (64_000, 1e-3)}


@dataclass
class Run:
    """A pretraining that can be stopped and resumed: network, optimizer, and how far it came."""

    name: str
    images: int
    batch: int
    rate: float
    seed: int = 0
    alone: bool = False
    step: int = 0
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        self.model = small_networks.BUILDERS[self.name](len(shapes.class_names("source")))
        self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        groups = parameter_groups(self.model, 0.05)
        self.teaching: Teaching | None = None
        if self.name.startswith("vit") and not self.alone:
            teacher = load_mobilenet_v2(world.SHAPES_WEIGHTS)
            teacher = teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.teaching = Teaching(teacher, self.model)
            groups.append({"params": list(self.teaching.parameters()), "weight_decay": 0.0})
        self.optimizer = torch.optim.AdamW(groups, lr=self.rate)

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return max(1, self.images // self.batch)

    def save(self, path: Path) -> None:
        """Keep all that is needed to go on."""
        state: dict[str, Any] = {name: getattr(self, name) for name in ("step", "seconds", "curve")}
        state |= {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        if self.teaching:
            state["teaching"] = self.teaching.state_dict()
        draft = path.with_suffix(".part")
        torch.save(state, draft)
        draft.replace(path)

    def load(self, path: Path) -> None:
        """Go back to where `save` was called."""
        state = torch.load(path, weights_only=True)
        self.step, self.seconds, self.curve = state["step"], state["seconds"], state["curve"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.teaching:
            self.teaching.load_state_dict(state["teaching"])

    def loss(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """What is made small for a batch of prepared images, and the cross-entropy within it."""
        if self.teaching:
            return self.teaching.loss(self.model, x, y)
        plain = F.cross_entropy(self.model(x), y)
        return plain, plain


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weight decay for the weights of layers, none for norms, biases, and what marks positions."""
    decay: list[nn.Parameter] = []
    spare: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        marks = name.endswith(("class_token", "pos_embedding"))
        (spare if marks or parameter.ndim <= 1 else decay).append(parameter)
    return [
        {"params": decay, "weight_decay": weight_decay},
        {"params": spare, "weight_decay": 0.0},
    ]


def train_on_chunk(run: Run) -> float:
    """Draw the next images, take a step for each batch of them; the mean loss."""
    per_chunk = max(1, CHUNK // run.batch)
    images, labels, _ = shapes.make("source", CHUNK, run.seed * 1000 + run.step // per_chunk)
    run.model.train()
    losses = []
    for x, y in zip(images.split(run.batch), labels.split(run.batch), strict=True):
        if run.step == run.steps:
            break
        for group in run.optimizer.param_groups:
            group["lr"] = learning_rate(run.step, run.steps, run.rate)
        loss, plain = run.loss(PREPARE(x), y)
        run.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
        run.optimizer.step()
        run.step += 1
        losses.append(plain.item())
    return sum(losses) / len(losses)


def pretrain(run: Run, checkpoint: Path, validation: int = 3000) -> float:
    """Train to the end, with a checkpoint after every chunk; accuracy of the weights that ship."""
    images, labels, _ = shapes.make("source", validation, VALIDATION_SEED)
    while run.step < run.steps:
        begun = time.perf_counter()
        loss = train_on_chunk(run)
        run.seconds += time.perf_counter() - begun
        score = evaluate(run.model, images, labels, PREPARE).accuracy
        seen = run.step * run.batch
        run.curve.append({"seed": run.seed, "images": seen, "loss": loss, "validation": score})
        print(f"{seen:7} {loss:.3f} {100 * score:.1f} % {run.seconds / 60:.1f} min", flush=True)
        run.save(checkpoint)
    rounded = {k: v.float() if v.is_floating_point() else v
               for k, v in half_precision(run.model).items()}  # fmt: skip
    run.model.load_state_dict(rounded)
    return evaluate(run.model, images, labels, PREPARE).accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=sorted(SETTINGS))
    parser.add_argument("--images", type=int, help="in all; the default depends on the network")
    parser.add_argument("--rate", type=float, help="highest learning rate; as above")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--validation", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", action="store_true", help="a transformer without a teacher")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "data")
    args = parser.parse_args()
    images, rate = SETTINGS[args.network]
    run = Run(
        args.network, args.images or images, args.batch, args.rate or rate, args.seed, args.alone
    )
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / f"partial-{args.network}.pt"
    if args.resume:
        run.load(checkpoint)
    accuracy = pretrain(run, checkpoint, args.validation)
    weights = args.out / f"{args.network}-shapes.safetensors"
    names = shapes.class_names("source")
    metadata = {
        "classes": ",".join(names), "size": str(PREPARE.size), "mean": str(MEAN), "std": str(STD)
    }  # fmt: skip
    save_file(half_precision(run.model), weights, metadata=metadata)
    path = experiments.write_record(
        f"pretrain_others_{args.network}",
        folder=args.out / "records" / "pretraining",
        what=f"{args.network} pretrained on the {len(names)} source classes of Shapes",
        command=f"python -m benchmarks.pretraining.pretrain_others {args.network}",
        data=f"Shapes (source), 32 px enlarged to {PREPARE.size} px, every training image fresh",
        weights="random at the start"
        + ("; taught by the course's MobileNetV2" if run.teaching else ""),
        seeds=[args.seed],
        validation=f"{args.validation} images, seed {VALIDATION_SEED}",
        images=run.images,
        batch=run.batch,
        rate=run.rate,
        accuracy=accuracy,
        minutes=run.seconds / 60,
        bytes=weights.stat().st_size,
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        rows=run.curve,
    )
    checkpoint.unlink()
    print(f"{100 * accuracy:.2f} % of validation images; wrote {weights.name} and {path.name}")


if __name__ == "__main__":
    main()
