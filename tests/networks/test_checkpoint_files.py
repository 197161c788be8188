"""Checkpoints are read whole and without running anything, or refused with a reason."""

import os
import pickle
import random
import warnings
from pathlib import Path

from course_utils.networks.checkpoint_files import CheckpointError, read_checkpoint
from tests.tiny import network, same, state

import pytest
import torch
from safetensors.torch import save_file

# ---- read_checkpoint


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w.pt"])
def test_what_was_saved_is_read(tmp_path, name):
    expected = state(network())
    (save_file if name.endswith("safetensors") else torch.save)(expected, tmp_path / name)
    assert same(read_checkpoint(tmp_path / name), expected)
    assert same(read_checkpoint(str(tmp_path / name)), expected)


def test_types_are_kept(tmp_path):
    save_file({"a": torch.ones(2, dtype=torch.float16)}, tmp_path / "w.safetensors")
    assert read_checkpoint(tmp_path / "w.safetensors")["a"].dtype == torch.float16


def test_a_state_dict_inside_a_training_checkpoint(tmp_path):
    expected = state(network())
    torch.save({"state_dict": expected, "epoch": 3}, tmp_path / "run.pth")
    assert same(read_checkpoint(tmp_path / "run.pth"), expected)


def refused(path: Path, *words: str) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    for word in (path.name, *words):
        assert word in str(caught.value)
    # torch's own text advises to switch the safety off
    assert "weights_only" not in str(caught.value)
    return str(caught.value)


def test_a_missing_file(tmp_path):
    refused(tmp_path / "absent.pth", "there is no checkpoint")
    (tmp_path / "folder.pth").mkdir()
    refused(tmp_path / "folder.pth", "there is no checkpoint")


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["w.safetensors", "w.pth", "legacy.pth"])
def test_a_truncated_file(tmp_path, kind, part):
    path = tmp_path / kind
    if kind == "w.safetensors":
        save_file(state(network()), path)
    else:
        torch.save(state(network()), path, _use_new_zipfile_serialization=kind == "w.pth")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    refused(path, "again")


@pytest.mark.parametrize("kind", ["w.safetensors", "w.pth", "legacy.pth"])
def test_damaged_bytes_never_raise_anything_else(tmp_path, kind):
    path = tmp_path / kind
    content = {"a": torch.zeros(3, 4), "b": torch.ones(2)}
    if kind == "w.safetensors":
        save_file(content, path)
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "w.pth")
    whole, dice = path.read_bytes(), random.Random(0)
    refusals = []
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 8)):
            damaged[dice.randrange(min(400, len(whole)))] = dice.randrange(256)
        path.write_bytes(damaged)
        try:
            read_checkpoint(path)
        except CheckpointError as error:
            refusals.append(str(error))
    assert len(refusals) > 20
    assert all(kind in message for message in refusals)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    torch.save({}, tmp_path / "w.pth")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(torch, "load", refuse)
    refused(tmp_path / "w.pth", "cannot be read: Permission denied")


@pytest.mark.parametrize("name", ["page.pth", "page.safetensors"])
def test_a_web_page_saved_under_the_name_of_a_checkpoint(tmp_path, name):
    (tmp_path / name).write_text("<!DOCTYPE html><html><body>404 not found</body></html>" * 30)
    message = refused(tmp_path / name, "download or copy it again")
    assert "would run code" not in message


class Trap:
    """Unpickling it writes a file: the code that a checkpoint from a stranger may hold."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("how", ["torch", "inside", "legacy", "pickle"])
def test_code_in_a_pickle_does_not_run(tmp_path, how):
    marker, path = tmp_path / "marker", tmp_path / "trap.pth"
    trap = Trap(marker)
    if how == "pickle":
        path.write_bytes(pickle.dumps(trap, protocol=2))
    elif how == "inside":
        torch.save({**state(network()), "extra": trap}, path)
    else:
        torch.save(trap, path, _use_new_zipfile_serialization=how == "torch")
    refused(path, "would run code", "mkdir", ".safetensors")
    assert not marker.exists()
    with warnings.catch_warnings():  # and the trap is a real one
        warnings.simplefilter("ignore")
        if how == "pickle":
            pickle.loads(path.read_bytes())
        else:
            torch.load(path, weights_only=False)
    assert marker.exists()


def test_a_whole_pickled_network_is_refused_too(tmp_path):
    torch.save(network(), tmp_path / "model.pth")
    refused(tmp_path / "model.pth", "more than weights", "Sequential", "state_dict")


@pytest.mark.parametrize(
    ("content", "word"), [([1, 2], "list"), ({"a": 1}, "dict"), (torch.ones(2), "Tensor")]
)
def test_something_else_than_a_state_dict(tmp_path, content, word):
    torch.save(content, tmp_path / "w.pth")
    refused(tmp_path / "w.pth", f"holds a {word}, not a state_dict")
