"""`--freeze` of YOLOv5: by name, with the dot, and everything else is reset."""

from course_utils.lesson10 import yolo_freeze

import pytest
import torch
from torch import nn


class Detector(nn.Module):
    """Names its modules as YOLOv5 does; twelve of them, so that 1 and 10 can be mixed up."""

    def __init__(self) -> None:
        super().__init__()
        block = [nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)) for _ in range(12)]
        self.model = nn.Sequential(*block)


def frozen_modules(model: nn.Module) -> set[int]:
    return {int(n.split(".")[1]) for n, p in model.named_parameters() if not p.requires_grad}


def test_one_number_means_the_first_so_many_and_not_the_tenth():
    model = Detector()
    names = yolo_freeze.freeze(model, [2])
    assert frozen_modules(model) == {0, 1}
    assert names == [n for n, p in model.named_parameters() if not p.requires_grad]
    assert len(names) == 2 * 4


def test_several_numbers_mean_just_these():
    model = Detector()
    yolo_freeze.freeze(model, [1, 11])
    assert frozen_modules(model) == {1, 11}


def test_all_others_are_reset_to_trainable():
    model = Detector()
    model.requires_grad_(False)
    yolo_freeze.freeze(model, [1])
    assert frozen_modules(model) == {0}
    yolo_freeze.freeze(model, [0])
    assert frozen_modules(model) == set()


def test_without_the_dot_the_tenth_is_caught_as_well():
    model = Detector()
    yolo_freeze.freeze_by_name(model, yolo_freeze.frozen_marks([0, 1], ending=""))
    assert frozen_modules(model) == {0, 1, 10, 11}


def test_a_mark_is_found_anywhere_in_a_name():
    wrapped = nn.ModuleDict({"module": Detector()})  # as DistributedDataParallel wraps a network
    assert len(yolo_freeze.freeze_by_name(wrapped, yolo_freeze.frozen_marks([1]))) == 4


def test_batch_norm_of_frozen_modules_still_follows_the_batches():
    model = Detector()
    yolo_freeze.freeze(model, [12])
    norm = model.model[0][1]
    before = norm.running_mean.clone()
    model.train()
    model.model(torch.randn(8, 2, 4, 4))
    assert not any(p.requires_grad for p in model.parameters())
    assert not torch.equal(norm.running_mean, before)


@pytest.mark.parametrize("layers", [[], [-1], [2, -1]])
def test_impossible_numbers_are_refused(layers):
    with pytest.raises(ValueError, match="--freeze takes one number"):
        yolo_freeze.freeze(Detector(), layers)


def test_a_network_with_other_names_is_refused_rather_than_left_unfrozen():
    with pytest.raises(ValueError, match="would freeze nothing"):
        yolo_freeze.freeze(nn.Sequential(nn.Linear(2, 2)), [1])
