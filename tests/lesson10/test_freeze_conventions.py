"""What each tool's freezing lets move, measured by one step on networks with and without BN."""

from course_utils.lesson10 import freeze_conventions as conventions
from course_utils.networks.blocks import split_into_blocks
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
    kinds = conventions.tensors_by_kind(model)
    assert tuple(kinds) == conventions.KINDS
    ids = [id(t) for kind, ts in kinds.items() if kind != "running statistics" for t in ts]
    assert sorted(ids) == sorted(id(p) for p in model.parameters())
    assert [id(p) for p in kinds["head"]] == [
        id(p) for p in split_into_blocks(model)[-1].parameters()
    ]


def test_weight_decay_and_momentum_leave_what_is_frozen_alone():
    """YOLOv5's optimizer holds the frozen parameters, with weight decay; they must not move."""
    (yolo,) = [c for c in conventions.CONVENTIONS if c.tool.startswith("YOLO")]
    model = resnet()
    before = [p.detach().clone() for p in conventions.tensors_by_kind(model)["backbone weights"]]
    optimizer = yolo.step(model, torch.randn(8, 3, 32, 32), torch.arange(8) % 4)
    optimizer.step()
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    now = conventions.tensors_by_kind(model)["backbone weights"]
    assert all(id(p) in held for p in now)
    assert all(torch.equal(a, b) for a, b in zip(before, now, strict=True))


class Detector(nn.Module):
    """Names its modules as YOLOv5 does; twelve of them, so that 1 and 10 can be mixed up."""

    def __init__(self) -> None:
        super().__init__()
        block = [nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)) for _ in range(12)]
        self.model = nn.Sequential(*block)


def frozen_modules(model: nn.Module) -> set[int]:
    return {int(n.split(".")[-3]) for n, p in model.named_parameters() if not p.requires_grad}


@pytest.mark.parametrize(
    ("option", "frozen"), [([2], {0, 1}), ([1, 11], {1, 11}), ([0], set()), ([12], set(range(12)))]
)
def test_one_number_means_the_first_so_many_and_several_just_these(option, frozen):
    model = Detector()
    model.requires_grad_(False)  # whatever was frozen before is forgotten
    conventions.yolov5_freeze(model, option)
    assert frozen_modules(model) == frozen


def test_a_mark_is_found_anywhere_in_a_name():
    wrapped = nn.ModuleDict({"module": Detector(), "model": nn.Linear(2, 2)})
    conventions.yolov5_freeze(wrapped, [2])  # as DistributedDataParallel wraps a network
    names = [n for n, p in wrapped.named_parameters() if not p.requires_grad]
    assert len(names) == 8
    assert {n.split(".")[2] for n in names} == {"0", "1"}


def test_batch_norm_of_frozen_modules_still_follows_the_batches():
    model = Detector()
    conventions.yolov5_freeze(model, [12])
    norm = model.model[0][1]
    before = norm.running_mean.clone()
    model.train()
    model.model(torch.randn(8, 2, 4, 4))
    assert not torch.equal(norm.running_mean, before)


@pytest.mark.parametrize("numbers", [[], [-1], [2, -1]])
def test_impossible_numbers_are_refused(numbers):
    with pytest.raises(ValueError, match="--freeze takes one number"):
        conventions.yolov5_freeze(Detector(), numbers)


def test_a_network_with_other_names_is_refused_rather_than_left_unfrozen():
    with pytest.raises(ValueError, match="would freeze nothing"):
        conventions.yolov5_freeze(nn.Sequential(nn.Linear(2, 2)), [1])
