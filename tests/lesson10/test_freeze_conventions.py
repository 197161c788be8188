"""What each tool's freezing lets move, measured by one step on networks with and without BN."""

from course_utils.lesson10 import freeze_conventions as conventions
from course_utils.networks.stages import stages
from tests.tiny import mobilenet, resnet

import pandas as pd
import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer


def transformer() -> nn.Module:
    torch.manual_seed(0)
    model = VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=4)
    nn.init.normal_(model.heads.head.weight)  # a head of zeros would let nothing behind it move
    return model


def measured(build) -> pd.DataFrame:
    torch.manual_seed(0)
    return conventions.table(build, torch.randn(8, 3, 32, 32), torch.arange(8) % 4)


@pytest.fixture(scope="module")
def on_resnet() -> pd.DataFrame:
    return measured(resnet)


def row(table: pd.DataFrame, tool: str, phase: str) -> pd.Series:
    (found,) = [r for _, r in table.iterrows() if tool in r.tool and r.phase == phase]
    return found


def everything(text: str) -> bool:
    """Whether "n of n" tensors moved."""
    moved, total = text.split(" of ")
    return moved == total != "0"


def nothing(text: str) -> bool:
    return text.startswith("0 of ") and text != "0 of 0"


@pytest.mark.parametrize(
    ("tool", "norms_learn", "statistics_move"),
    [("PyTorch", False, True), ("Keras", False, False), ("fastai", True, True),
     ("YOLOv5", False, True)],
)  # fmt: skip
def test_frozen_means_something_else_in_each_tool(on_resnet, tool, norms_learn, statistics_move):
    found = row(on_resnet, tool, "frozen")
    assert nothing(found["backbone weights"])
    assert (everything if norms_learn else nothing)(found["backbone norms"])
    assert (everything if statistics_move else nothing)(found["running statistics"])
    assert everything(found["head"])
    assert found["backbone rate"] == "-"


@pytest.mark.parametrize("tool", ["PyTorch", "Keras", "fastai"])
def test_the_second_phase_lets_everything_learn_and_keras_keeps_the_statistics(on_resnet, tool):
    found = row(on_resnet, tool, "all")
    assert everything(found["backbone weights"])
    assert everything(found["backbone norms"])
    assert (nothing if tool == "Keras" else everything)(found["running statistics"])


def test_rates_are_read_off_the_optimizer(on_resnet):
    assert row(on_resnet, "fastai", "frozen")["norm rate"] == "0.0002"
    assert row(on_resnet, "fastai", "frozen")["head rate"] == "0.002"
    assert row(on_resnet, "fastai", "all")["backbone rate"] == "1e-05"
    assert row(on_resnet, "Keras", "all")["head rate"] == "1e-05"
    assert row(on_resnet, "YOLOv5", "frozen")["head rate"] == "0.01"
    assert on_resnet.optimizer.tolist() == ["SGD", "SGD", "Adam", "Adam", "AdamW", "AdamW", "SGD"]


def test_a_transformer_has_no_statistics_and_the_tools_differ_less():
    table = measured(transformer)
    assert set(table["running statistics"]) == {"none there"}
    frozen = table[table.phase == "frozen"].set_index("tool")
    assert everything(frozen.loc["fastai fine_tune", "backbone norms"])
    others = frozen.drop("fastai fine_tune")["backbone norms"]
    assert all(nothing(text) for text in others)


@pytest.mark.parametrize("build", [resnet, mobilenet, transformer])
def test_every_parameter_is_of_one_kind(build):
    model = build()
    kinds = conventions.parts(model)
    assert tuple(kinds) == conventions.KINDS
    ids = [id(t) for kind, ts in kinds.items() if kind != "running statistics" for t in ts]
    assert sorted(ids) == sorted(id(p) for p in model.parameters())
    assert [id(p) for p in kinds["head"]] == [id(p) for p in stages(model)[-1].parameters()]


def test_weight_decay_and_momentum_leave_what_is_frozen_alone():
    """YOLOv5's optimizer holds the frozen parameters, with weight decay; they must not move."""
    (yolo,) = [c for c in conventions.CONVENTIONS if c.tool.startswith("YOLO")]
    model = resnet()
    before = [p.detach().clone() for p in conventions.parts(model)["backbone weights"]]
    optimizer = conventions.step(yolo, model, torch.randn(8, 3, 32, 32), torch.arange(8) % 4)
    optimizer.step()
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    now = conventions.parts(model)["backbone weights"]
    assert all(id(p) in held for p in now)
    assert all(torch.equal(a, b) for a, b in zip(before, now, strict=True))
