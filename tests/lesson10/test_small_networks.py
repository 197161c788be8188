"""The small networks of other families: their build, and their weights from a file."""

from course_utils.lesson10 import small_networks as small
from course_utils.networks.checkpoint_files import CheckpointError
from course_utils.networks.heads import find_head
from course_utils.training.freezing import block_names

import pytest
import torch
import torchvision.models as zoo
from safetensors.torch import save_file


@pytest.mark.parametrize(("name", "head"), [("resnet18_slim", "fc"), ("vit_tiny", "heads.head")])
def test_a_checkpoint_comes_back_as_it_was_saved(name, head, tmp_path):
    torch.manual_seed(0)
    model = small.BUILDERS[name](7).eval()
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    again = small.load(name, tmp_path / "weights.safetensors").eval()
    images = torch.randn(2, 3, small.SIZE, small.SIZE)
    assert find_head(again)[0] == head
    assert again(images).shape == (2, 7)
    assert torch.equal(again(images), model(images))


def test_half_the_width_is_a_quarter_of_the_parameters_and_the_same_blocks():
    with torch.device("meta"):
        slim_one, whole = small.resnet18_slim(1000), zoo.resnet18()
    convolutions = [
        sum(p.numel() for p in model.parameters() if p.ndim == 4) for model in (slim_one, whole)
    ]
    assert convolutions[0] / convolutions[1] == pytest.approx(0.25, abs=0.01)
    assert block_names(slim_one) == block_names(whole)
    assert list(slim_one.state_dict()) == list(whole.state_dict())


def test_at_full_width_it_is_torchvisions_own_resnet18():
    wide, whole = (
        small.resnet18_slim(5, width=64).eval(),
        zoo.resnet18(num_classes=5).eval(),
    )
    whole.load_state_dict(wide.state_dict())
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(wide(images), whole(images))


def test_a_wrong_name_and_a_wrong_file_are_explained(tmp_path):
    with pytest.raises(ValueError, match="choose from resnet18_slim, vit_tiny"):
        small.load("resnet19")
    with pytest.raises(ValueError, match="no weights of its own"):
        small.weights("resnet18")
    save_file(small.vit_tiny(3).state_dict(), tmp_path / "vit.safetensors")
    with pytest.raises(CheckpointError, match="does not hold the weights of a resnet18_slim"):
        small.load("resnet18_slim", tmp_path / "vit.safetensors")
    save_file(small.resnet18_slim(3, width=16).state_dict(), tmp_path / "narrow.safetensors")
    with pytest.raises(CheckpointError, match="pick another file"):
        small.load("resnet18_slim", tmp_path / "narrow.safetensors")


def test_photographs_get_the_imagenet_resnet18_where_it_lies_on_disk(tmp_path, monkeypatch):
    path = tmp_path / "resnet18-f37072fd.pth"
    found = []
    monkeypatch.setattr(small.torchvision_weights, "on_disk", lambda choice: found.pop())
    found += [path, None]
    name, weights = small.resnet18_at_hand("cifar10")
    assert (name, weights.size) == ("resnet18_slim", 64)
    torch.save(zoo.resnet18(num_classes=6).state_dict(), path)
    name, weights = small.resnet18_at_hand("folder")
    assert (name, weights.path, weights.size) == ("resnet18", path, 224)
    assert small.load(name, weights.path).fc.out_features == 6
    assert small.resnet18_at_hand("shapes")[0] == "resnet18_slim", "and the disk is not asked"
