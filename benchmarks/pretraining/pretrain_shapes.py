"""Pretrain the course's own MobileNetV2 on the 30 source classes of the Shapes world.

    python -m benchmarks.pretraining.pretrain_shapes

writes data/mobilenet_v2-shapes.safetensors (float16, about 4.6 MB) and its record,
the record pretrain_shapes.  It is an ordinary training script: no image is ever seen twice,
so there is nothing to overfit and no augmentation to choose.
"""

import argparse
import hashlib
import json
import math
import platform
import subprocess
import time
from pathlib import Path

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from course_utils.images import shapes

import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parents[2]
SIZE = 64  # 32 px images are enlarged to this: the network halves its input five times
MEAN = (0.40, 0.40, 0.40)  # of the source images, to two digits
STD = (0.23, 0.23, 0.23)
VALIDATION_SEED = 1_000_003  # training uses seed * 1000, seed * 1000 + 1, ... one a chunk
CHUNK = 6400  # images drawn at a time


def prepare(images: Tensor) -> Tensor:
    """Turn uint8 `(n, 3, 32, 32)` into normalised float32 `(n, 3, 64, 64)` in channels_last."""
    x = images.float().div_(255)
    x = F.interpolate(x, size=(SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True)
    x = (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of images whose largest output is the right one, in percent."""
    model.eval()
    hits = sum(
        int((model(prepare(x)).argmax(1) == y).sum())
        for x, y in zip(images.split(256), labels.split(256), strict=True)
    )
    return 100 * hits / len(labels)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weight decay for the weights of convolutions and the head, none for norms and biases."""
    decay = [p for p in model.parameters() if p.ndim > 1]
    spare = [p for p in model.parameters() if p.ndim <= 1]
    return [
        {"params": decay, "weight_decay": weight_decay},
        {"params": spare, "weight_decay": 0.0},
    ]


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up over the first twentieth, then half a cosine down to zero."""
    warm = max(1, steps // 20)
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


def half_precision(model: nn.Module) -> dict[str, Tensor]:
    """The state with floats as float16: half the bytes, and no loss that we could measure."""
    return {
        name: value.detach().half().contiguous() if value.is_floating_point() else value.clone()
        for name, value in model.state_dict().items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=384_000)
    parser.add_argument("--validation", type=int, default=3000, help="images to validate on")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "data")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    names = shapes.class_names("source")
    model = torchvision.models.mobilenet_v2(num_classes=len(names))
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(parameter_groups(model, args.weight_decay), lr=args.rate)
    val_images, val_labels, _ = shapes.make("source", args.validation, VALIDATION_SEED)

    args.out.mkdir(parents=True, exist_ok=True)
    steps = args.images // args.batch
    start, curve, running = time.perf_counter(), [], 0.0
    step = 0
    while step < steps:
        chunk_seed = args.seed * 1000 + step * args.batch // CHUNK
        images, labels, _ = shapes.make("source", min(CHUNK, args.images), chunk_seed)
        for x, y in zip(images.split(args.batch), labels.split(args.batch), strict=True):
            if step == steps:
                break
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, args.rate)
            model.train()
            loss = F.cross_entropy(model(prepare(x)), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            running = loss.item() if step == 0 else 0.98 * running + 0.02 * loss.item()
            step += 1
            if step % 500 == 0 or step == steps:
                score = accuracy(model, val_images, val_labels)
                minutes = (time.perf_counter() - start) / 60
                curve.append({"images": step * args.batch, "loss": running, "validation": score})
                print(
                    f"{step}/{steps}  loss {running:.3f}  val {score:.1f}%  {minutes:.1f} min",
                    flush=True,
                )
                if step % 1000 == 0:  # something to look at while the rest is trained
                    save_file(half_precision(model), args.out / "partial.safetensors")

    state = half_precision(model)
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    final = accuracy(model, val_images, val_labels)  # of the rounded weights: those that ship
    args.out.mkdir(parents=True, exist_ok=True)
    weights = args.out / "mobilenet_v2-shapes.safetensors"
    metadata = {"classes": ",".join(names), "size": str(SIZE), "mean": str(MEAN), "std": str(STD)}
    save_file(state, weights, metadata=metadata)
    (args.out / "partial.safetensors").unlink(missing_ok=True)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    record = {
        "what": "MobileNetV2 (width 1.0) pretrained on the 30 source classes of Shapes",
        "command": "python -m benchmarks.pretraining.pretrain_shapes",
        "arguments": {k: v for k, v in vars(args).items() if k != "out"},
        "data": f"Shapes source, 32 px enlarged to {SIZE} px, every training image fresh",
        "validation": f"{args.validation} images, seed {VALIDATION_SEED}",
        "accuracy": final,
        "curve": curve,
        "minutes": (time.perf_counter() - start) / 60,
        "bytes": weights.stat().st_size,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "commit": commit,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
        },
        "hardware": f"CPU, {torch.get_num_threads()} threads",
    }
    path = args.out / "records" / "pretraining" / "pretrain_shapes.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{final:.2f}% of validation images; wrote {weights.name} and {path.name}")


if __name__ == "__main__":
    main()
