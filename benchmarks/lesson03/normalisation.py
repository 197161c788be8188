"""Does it matter which normalisation is used in front of a frozen network?

    python -m benchmarks.lesson03.normalisation
    python -m benchmarks.lesson03.normalisation --data FOLDER \
        --networks mobilenet_v2

The recipe is the one that is often given for ResNet-18: the backbone frozen, a new head trained by
SGD with rate 0.001 and momentum 0.9 for 10 epochs in batches of 32.  Each network once with the
mean and standard deviation its weights were trained with, and once with 0.5 and 0.5.  Both with
batch norm in eval mode (truly frozen) and in train mode (what `model.train()` alone leaves behind).
Writes the record normalisation.
"""

from collections.abc import Callable
from dataclasses import replace

from benchmarks import script
from course_utils import environment, experiments, training, world
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare, PrepareFunction, as_they_are
from course_utils.lesson10 import small_networks
from course_utils.networks.heads import replace_head
from course_utils.training import freezing

import torch
from torch import nn

HALF = (0.5, 0.5, 0.5)
NETWORKS = ("resnet18_slim", "vit_tiny", "mobilenet_v2")


def source(course: world.Course, network: str) -> tuple[Callable[[], nn.Module], Prepare]:
    """How to make a network with its weights, and the preparation that belongs to them."""
    if network == "mobilenet_v2":
        return course.pretrained, course.prepare
    own = small_networks.weights(network)
    prepare = Prepare(own.size, own.mean, own.std, course.device)
    return lambda: small_networks.load(network).to(course.device), prepare


def head_accuracy(
    model: nn.Module, data: ImageData, prepare: Prepare, *, batch_norm: str, epochs: int, seed: int
) -> float:
    """Train a new head on the frozen network by the recipe; accuracy on the test images."""
    replace_head(model, len(data.class_names))
    plan = freezing.freeze_backbone(model, "train" if batch_norm == "train" else "eval")
    freezing.apply(model, plan)
    learner: nn.Module = model
    ready: PrepareFunction = prepare
    if batch_norm == "eval":  # nothing moves in front of the head: compute it once
        learner, data = training.cache_features(model, plan, data, prepare, batch_size=32)
        ready = as_they_are
    learnable = [p for p in learner.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learnable, lr=1e-3, momentum=0.9)
    for _ in training.epochs(
        learner, optimizer, data, ready, plan=plan, count=epochs, batch_size=32, seed=seed,
        watch=False,
    ):  # fmt: skip
        pass
    return training.evaluate(learner, data.test_images, data.test_labels, ready).accuracy


def run(
    course: world.Course, network: str, normalisation: str, batch_norm: str, epochs: int, seed: int
) -> dict[str, float]:
    """One row: a network, a normalisation, a mode of batch norm, a seed."""
    environment.seed_everything(seed)
    build, prepare = source(course, network)
    if normalisation == "0.5 / 0.5":
        prepare = replace(prepare, mean=HALF, std=HALF)
    score = head_accuracy(
        build(), course.draw(seed), prepare, batch_norm=batch_norm, epochs=epochs, seed=seed
    )
    return {"accuracy": score}


def main() -> None:
    parser = script.arguments(__doc__, data="shapes", train=500, test=1000, epochs=10)
    parser.add_argument(
        "--networks", nargs="+", choices=NETWORKS, default=["resnet18_slim", "mobilenet_v2"]
    )
    args = parser.parse_args()
    course, _ = script.choose_world(args, args.train, args.test)
    titles = [
        course.weights.title if name == "mobilenet_v2" else small_networks.weights(name).title
        for name in args.networks
    ]
    rows = []
    for seed in args.seeds:
        for network in args.networks:
            modes = ["eval"] if network.startswith("vit") else ["eval", "train"]
            table = experiments.repeat(
                lambda seed, normalisation, batch_norm, network=network: run(
                    course, network, normalisation, batch_norm, args.epochs, seed
                ),
                seeds=[seed],
                normalisation=["own", "0.5 / 0.5"],
                batch_norm=modes,
            )
            found = [{**row, "network": network} for row in table.to_dict("records")]
            rows += found
            for row in found:
                print(row, flush=True)
        script.write(
            args,
            "normalisation",
            rows,
            what="A head trained on a frozen network, with its weights' own normalisation and "
            "with 0.5 / 0.5",
            data=f"{script.images(args, course)}, {args.train} training and {args.test} test "
            "images",
            weights=args.weights_name or "; ".join(titles),
            seeds=args.seeds[: args.seeds.index(seed) + 1],
            size=course.size,
            epochs=args.epochs,
        )


if __name__ == "__main__":
    main()
