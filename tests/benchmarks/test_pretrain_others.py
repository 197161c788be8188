"""Pretraining of the small networks: resumable, and read back by the course."""

import json

from benchmarks.pretraining import pretrain_others
from course_utils.lesson10 import small_networks
from tests.scripts import run

import pytest
import torch


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(pretrain_others, "CHUNK", 16)


def test_a_run_that_was_stopped_and_resumed_ends_where_one_that_was_not_does(tmp_path):
    whole = pretrain_others.Run("resnet18_slim", images=48, batch=8, rate=1e-3)
    pretrain_others.pretrain(whole, tmp_path / "whole.pt", validation=8)

    first = pretrain_others.Run("resnet18_slim", images=48, batch=8, rate=1e-3)
    pretrain_others.train_on_chunk(first)
    first.save(tmp_path / "part.pt")
    second = pretrain_others.Run("resnet18_slim", images=48, batch=8, rate=1e-3)
    second.load(tmp_path / "part.pt")
    assert second.step == 2
    pretrain_others.pretrain(second, tmp_path / "part.pt", validation=8)
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[name]), name


def test_a_teacher_shows_its_maps_and_stays_as_it_is(tmp_path):
    run = pretrain_others.Run("vit_tiny", images=32, batch=8, rate=1e-3)
    (teacher,) = run.teaching.teacher
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    maps, scores = run.teaching.lesson(torch.randn(2, 3, 64, 64))
    assert [tuple(m.shape) for m in maps] == [(2, 32, 8, 8), (2, 96, 4, 4), (2, 1280, 2, 2)]
    assert scores.shape == (2, 30)
    pretrain_others.train_on_chunk(run)
    assert all(torch.equal(t, before[name]) for name, t in teacher.state_dict().items())
    held = [p for group in run.optimizer.param_groups for p in group["params"]]
    assert len(held) == len(list(run.model.parameters())) + 6, "three maps, and not the teacher"
    total, plain = run.loss(torch.randn(4, 3, 64, 64), torch.arange(4))
    assert total > plain
    assert pretrain_others.Run("vit_tiny", 32, 8, 1e-3, alone=True).teaching is None


def test_marks_of_position_are_spared_from_weight_decay():
    groups = pretrain_others.parameter_groups(small_networks.vit_tiny(3), 0.05)
    spared = {tuple(p.shape) for p in groups[1]["params"]}
    assert groups[1]["weight_decay"] == 0
    assert (1, 1, 128) in spared, "the class token"
    assert (1, 65, 128) in spared, "the positions"


@pytest.mark.parametrize("network", ["resnet18_slim", "vit_tiny"])
def test_the_script_writes_weights_that_the_course_reads_and_their_record(network, tmp_path):
    small = ["--images", "16", "--batch", "8", "--validation", "16", "--out", str(tmp_path)]
    run("pretraining.pretrain_others", network, *small, cwd=tmp_path)
    path = tmp_path / f"{network}-shapes.safetensors"
    assert small_networks.load(network, path).eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 30)
    record = json.loads(
        (tmp_path / "records" / "pretraining" / f"pretrain_others_{network}.json").read_text()
    )
    assert record["bytes"] == path.stat().st_size < 6_000_000
    assert record["rows"][-1]["images"] == 16
    assert not list(tmp_path.glob("partial*"))
