"""How large some networks are, and how fast: parameters, operations, and milliseconds an image.

    python -m benchmarks.lesson10.model_sizes

Weights are random: neither size nor time depends on them.  The networks are timed in turn, several
rounds of it, so that a slow moment of the machine does not hit one network alone.  A couple of
minutes on two quiet cores; writes the record model_sizes.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from benchmarks import script, timing
from course_utils.networks import inspection

import torch
from torch import nn
from torchvision import models as zoo

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "MobileNetV2": zoo.mobilenet_v2,
    "ResNet-18": zoo.resnet18,
    "ResNet-50": zoo.resnet50,
    "VGG-16": zoo.vgg16,
}
SIZES = (64, 96, 224)


def build(name: str) -> nn.Module:
    """A network with random weights, ready to answer."""
    if name == "VGG-16":  # its own initialisation of 138 million numbers takes seconds
        model: nn.Module = zoo.vgg16(init_weights=False)
    else:
        model = NETWORKS[name]()
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.eval()


def counts(name: str, size: int) -> dict[str, int]:
    """Parameters, and multiply-accumulates for one image, counted without storing a number."""
    with torch.device("meta"):
        table = inspection.cost_by_block(NETWORKS[name](), size)
    return {"parameters": int(table["parameters"].sum()), "macs": int(table["macs"].sum())}


@torch.no_grad()
def milliseconds(model: nn.Module, size: int, batch: int, passes: int) -> float:
    """Median time of a forward pass, in milliseconds an image; one pass to warm up first."""
    x = torch.rand(batch, 3, size, size).contiguous(memory_format=torch.channels_last)
    model(x)
    return (
        1000 * statistics.median(timing.timed(lambda: model(x))[0] for _ in range(passes)) / batch
    )


def rows(
    networks: Sequence[str], sizes: Sequence[int], batches: Sequence[int], runs: int, passes: int
) -> Iterator[dict[str, Any]]:
    """One row for each run, network, image size and batch size."""
    known = {(name, size): counts(name, size) for name in networks for size in sizes}
    built = {name: build(name) for name in networks}
    for run in range(runs):
        for size in sizes:
            for batch in batches:
                for name, model in built.items():
                    yield {
                        "seed": run,
                        "network": name,
                        "size": size,
                        "batch": batch,
                        **known[name, size],
                        "ms_per_image": milliseconds(model, size, batch, passes),
                    }


def main() -> None:
    parser = script.arguments(__doc__, seeds=5, passes=3)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    args = parser.parse_args()
    found = []
    for row in rows(args.networks, args.sizes, args.batches, len(args.seeds), args.passes):
        found.append(row)
        print(
            f"run {row['seed']}  {row['network']:12} {row['size']:4} px, {row['batch']} at a time: "
            f"{row['ms_per_image']:8.2f} ms an image",
            flush=True,
        )
    script.write(
        args,
        "model_sizes",
        found,
        what="Parameters, multiply-accumulates and time of a forward pass, an image",
        data="random numbers in place of images",
        weights="random",
        threads=torch.get_num_threads(),
    )


if __name__ == "__main__":
    main()
