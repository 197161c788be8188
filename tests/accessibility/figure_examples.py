"""One small example of every figure that the course can draw."""

from collections.abc import Callable

from course_utils import plots
from course_utils.lab import still_picture
from course_utils.lesson00 import figures as figures_00
from course_utils.lesson01 import figures as figures_01
from course_utils.lesson02 import figures as figures_02
from course_utils.lesson03 import figures as figures_03
from course_utils.lesson06 import figures as figures_06
from course_utils.lesson07 import figures as figures_07
from course_utils.lesson08 import figures as figures_08
from course_utils.lesson10 import figures as figures_10
from course_utils.lesson11 import figures as figures_11
from course_utils.lesson11 import report

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import nn

NAMES = ["heart", "star", "moon", "house", "tree", "fish"]


def images(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)


def runs(**columns: list) -> pd.DataFrame:
    """A row for every combination of the columns' values and three seeds, with an accuracy."""
    table = pd.DataFrame({"seed": [0, 1, 2]})
    for name, values in columns.items():
        table = table.merge(pd.DataFrame({name: values}), how="cross")
    steps = torch.arange(len(table), dtype=torch.float64).numpy()
    return table.assign(accuracy=0.2 + 0.6 * ((steps * 7) % 11) / 11, gain=0.1 + steps / 99)


def ways(count: int = 6) -> list[str]:
    return [f"way {number}" for number in range(count)]


def live_accuracy() -> Figure:
    live = object.__new__(figures_00.LiveAccuracy)
    live.steps, live.chance, live.accuracies = 9, 0.1, [0.1, 0.4, 0.6]
    return live.figure()


def block() -> nn.Module:
    layers = [nn.Conv2d(4, 24, 1), nn.Conv2d(24, 24, 3, groups=24), nn.Conv2d(24, 4, 1)]
    return nn.Sequential(*layers)


def pretrainings() -> pd.DataFrame:
    sources = ["fabric", "shapes"]
    return runs(source=sources, source_images=[100, 400], treatment=["frozen", "fine-tuned"])


def four_cases() -> Figure:
    strategies = ["head only", "earlier block", "everything", "scratch", "scratch, small network"]
    table = runs(task=["near", "grain"], train=[30, 1000], strategy=strategies)
    sizes, tasks = {"little": 30, "much": 1000}, {"near": "near", "far": "grain"}
    return figures_07.accuracy_by_case(
        table, figures_07.four_cases(table, sizes=sizes, tasks=tasks)
    )


def what_moved() -> Figure:
    table = pd.DataFrame({"tool": ["A", "B", "C"], "phase": "frozen"})
    table["weights"] = ["0 of 3", "3 of 3", "none there"]
    return figures_10.what_moved(table, ["weights"])


def of_lab() -> Figure:
    rows = [(0.0, 0.0, True), (0.3, 0.02, False), (1e-5, 0.4, True)]
    blocks = [
        {"name": f"features.{i}", "frozen": frozen, "batch_norm": "eval"}
        | {"weights_moved": weights, "statistics_moved": statistics}
        for i, (weights, statistics, frozen) in enumerate(rows)
    ]
    looks = [(0, 0.1), (10, 0.5)]
    return still_picture.draw(
        {
            "blocks": blocks, "trainable": 3, "total": 9, "titles": {"world": "Shapes"},
            "evaluations": looks, "earlier": [{"evaluations": looks}],
            "marks": [(5, "thawed 2 blocks")], "run": 2, "step": 10,
            "curve": {"steps": [1, 5, 9], "train_accuracy": [0.1, 0.3, 0.6]},
        }
    )  # fmt: skip


EXAMPLES: dict[str, Callable[[], Figure]] = {
    "plots.image_grid": lambda: plots.image_grid(images(4), NAMES[:4], right=[True, False] * 2),
    "plots.class_sheet": lambda: plots.class_sheet(images(6), torch.arange(6), NAMES),
    "plots.lines": lambda: plots.lines(
        runs(epoch=[1, 2], way=ways()), "epoch", "accuracy", "way", xlabel="x", ylabel="y",
        chance=0.1, marks={1.5: "thawed"},
    ),
    "plots.dots": lambda: plots.dots(runs(way=ways()), "accuracy", "way", xlabel="x"),
    "plots.block_bars": lambda: plots.block_bars(
        pd.DataFrame({"block": NAMES, "n": [5, 4, 3, 2, 1, 0], "m": [1] * 6}), {"n": "n", "m": "m"}
    ),
    "lesson00.figures.confusion": lambda: figures_00.confusion(
        torch.tensor([0] * 9 + [1] * 6 + [2] * 6),
        torch.tensor([0] * 9 + [1] * 5 + [2] + [2] * 4 + [0] * 2), NAMES[:3],
    ),
    "lesson00.figures.LiveAccuracy": live_accuracy,
    "lesson01.figures.filters": lambda: figures_01.filters({"random": torch.randn(8, 3, 3, 3)}),
    "lesson01.figures.feature_maps": lambda: figures_01.feature_maps(
        {"random": {"features.0": torch.rand(6, 8, 8)}}
    ),
    "lesson01.figures.patches": lambda: figures_01.patches({"channel 1": images(3)}),
    "lesson01.figures.planes": lambda: figures_01.planes(
        {"block 1": torch.rand(12, 2)}, torch.arange(12) % 6, NAMES
    ),
    "lesson02.figures.panels": lambda: figures_02.panels(
        runs(layer=[1, 2], kind=ways(2), norm=["with", "without"]), "layer", "accuracy", "kind",
        "norm", xlabel="x", ylabel="y", chance=0.1,
    ),
    "lesson02.figures.without_blocks": lambda: figures_02.without_blocks(
        runs(net=["one"], block=["a", "b"], kept=["all", "x", "F(x)"]), "net", ["x", "F(x)"],
        xlabel="block",
    ),
    "lesson03.figures.connections": lambda: figures_03.connections(
        {"depthwise": nn.Conv2d(4, 4, 3)}
    ),
    "lesson03.figures.block_from_the_side": lambda: figures_03.block_from_the_side(block(), True),
    "lesson06.figures.tensors_by_block": lambda: figures_06.tensors_by_block(
        {"one": pd.DataFrame({"block": NAMES, **dict.fromkeys(figures_06.LOOKS, range(1, 7))})},
        list(figures_06.LOOKS),
    ),
    "lesson06.figures.accuracy_by_change": lambda: figures_06.accuracy_by_change(
        runs(change=ways(2), load=["as it is"], treatment=list(figures_06.TREATMENTS)),
        {name: name for name in figures_06.TREATMENTS}, chance=0.1,
    ),
    "lesson06.figures.accuracy_by_protocol": lambda: figures_06.accuracy_by_protocol(
        runs(architecture=["A", "B"], start=["scratch"]),
        {"fair": {"A": "scratch", "B": "scratch"}}, names={"A": "A", "B": "B"},
    ),
    "lesson07.figures.accuracy_by_block": lambda: figures_07.accuracy_by_block(
        runs(block=list(range(6)), task=ways(3)), "task", chance=0.1
    ),
    "lesson07.figures.accuracy_by_case": four_cases,
    "lesson07.figures.accuracy_by_size": lambda: figures_07.accuracy_by_size(
        runs(train=[30, 300], strategy=ways(), task=["near"]), {"near": "near task"}, 0.1
    ),
    "lesson08.figures.loss_curve": lambda: figures_08.loss_curve(
        [3.0, 2.5, 2.7, 2.0], 10, window=2
    ),
    "lesson08.figures.by_number": lambda: figures_08.by_number(
        {"images": (pretrainings(), "source_images")}, [0.2, 0.3], "y"
    ),
    "lesson08.figures.by_kind": lambda: figures_08.by_kind(pretrainings(), [0.2, 0.3], "x"),
    "lesson08.figures.two_accuracies": lambda: figures_08.two_accuracies(
        runs(label=ways(4)).assign(source_accuracy=0.5), "y"
    ),
    "lesson08.figures.gain_by_distance": lambda: figures_08.gain_by_distance(
        runs(group=ways(2), d=[1, 2, 3]), {"d": "distance"}, "gain", "y"
    ),
    "lesson10.figures.time_by_cost": lambda: figures_10.time_by_cost(
        runs(network=ways(4), macs=[1e9, 2e9]).assign(ms_per_image=lambda t: t["macs"] / 4e8)
    ),
    "lesson10.figures.what_moved": what_moved,
    "lesson11.figures.effects": lambda: figures_11.effects(report.findings([1, 5, 20])),
    "lesson11.figures.overview": lambda: figures_11.overview(report.findings()),
    "lab.still_picture": of_lab,
}  # fmt: skip
