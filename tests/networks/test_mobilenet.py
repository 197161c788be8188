"""MobileNetV2 built from a checkpoint, and from what is none."""

from course_utils.networks.checkpoint_files import CheckpointError, read_checkpoint
from course_utils.networks.heads import find_head
from course_utils.networks.mobilenet import load_mobilenet_v2
from course_utils.world import SHAPES_WEIGHTS
from tests.tiny import mobilenet, resnet

import pytest
import torch
import torchvision.models as zoo


def test_the_courses_own_weights_build_a_network_with_their_head():
    model = load_mobilenet_v2(SHAPES_WEIGHTS)
    assert find_head(model)[1].out_features == 30
    saved, own = read_checkpoint(SHAPES_WEIGHTS), model.state_dict()
    assert saved.keys() == own.keys()
    assert all(torch.equal(saved[k].to(own[k].dtype), own[k]) for k in own)
    assert all(p.dtype == torch.float32 for p in model.parameters())


@pytest.mark.parametrize("build", [resnet, mobilenet, lambda: zoo.squeezenet1_1(num_classes=3)])
def test_weights_of_another_architecture_are_refused(tmp_path, build):
    other = build()
    torch.save(other.state_dict(), tmp_path / "other.pth")
    first = next(iter(other.state_dict()))
    with pytest.raises(CheckpointError, match=rf"other\.pth does not hold.*MobileNetV2.*{first}"):
        load_mobilenet_v2(tmp_path / "other.pth")
