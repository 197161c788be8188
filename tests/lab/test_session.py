"""The lab's session: what it shows, what it keeps, what it refuses."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import weakref

from course_utils import training
from course_utils.images.datasets import ImageData
from course_utils.lab.session import history as history_module
from course_utils.lab.session.errors import LabError
from course_utils.lab.session.session import Session
from course_utils.lab.session.settings import Settings
from course_utils.lab.session.setup import Setup
from course_utils.networks import inspection
from tests.lab.small import BLOCKS, build, small
from tests.tiny import data, prepare, same, state

import pytest
import torch
from torch import nn


def rows(session: Session) -> dict[str, dict]:
    return {row["name"]: row for row in session.snapshot()["blocks"]}


def test_a_session_needs_no_widget_library():
    code = (
        "import sys; import course_utils.lab.session.session as s; "
        "bad = {'anywidget', 'ipywidgets', 'IPython', 'matplotlib'} & set(sys.modules); "
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_wish_is_pending_until_the_next_step():
    session = small()
    session.run(1)
    session.thaw("deep")
    assert rows(session)["deep"]["frozen"] is False
    assert rows(session)["deep"]["pending"] is True
    assert not any(p.requires_grad for p in session.model.deep.parameters())
    session.run(1)
    assert rows(session)["deep"]["pending"] is False
    assert all(p.requires_grad for p in session.model.deep.parameters())
    assert session.snapshot()["marks"] == [[1, "thawed deep"]]


def test_a_double_click_leaves_no_mark():
    session = small()
    session.run(1)
    session.toggle("deep")
    session.toggle("deep")
    session.run(1)
    assert session.snapshot()["marks"] == []


def test_presets_and_marks_speak_the_readers_words():
    session = small()
    session.preset("all")
    session.run(1)
    session.preset("first 2")  # all but the head and the last block of the backbone
    session.set_rates(head=0.01)
    session.set_batch_norm("train")
    session.set_optimizer("sgd")
    session.mark("lunch")
    session.run(1)
    texts = [text for _, text in session.snapshot()["marks"]]
    assert texts == [
        "thawed 3 blocks (all)",
        "lunch",
        "froze 2 blocks (last block)",
        "batch norm in train mode",
        "optimizer sgd",
        "head rate 0.01",
    ]


def test_movement_is_what_inspection_measures_and_exactly_zero_for_frozen_blocks():
    session = small(preset="first 2")
    before = inspection.state_snapshot(session.model)
    session.run(7)
    expected = inspection.movement(session.model, before).set_index("block")
    for name, row in rows(session).items():
        assert row["weights_moved"] == pytest.approx(expected.loc[name, "weights"])
        assert row["statistics_moved"] == pytest.approx(expected.loc[name, "statistics"])
    assert (rows(session)["stem"]["weights_moved"], rows(session)["deep"]["weights_moved"] > 0) == (
        0.0,
        True,
    )


def test_movement_beyond_all_numbers_is_still_a_number():
    session = small()
    session.run(1)
    with torch.no_grad():
        session.model.head[2].bias.fill_(float("inf"))
        session.model.head[2].weight.fill_(float("nan"))
    session._state.evaluation = None
    session.step()
    assert rows(session)["head"]["weights_moved"] == 1e9
    json.dumps(session.snapshot(), allow_nan=False)


def test_the_drift_of_a_frozen_network_is_seen_apart_from_its_weights():
    session = small(batch_norm="train")
    session.run(3)
    stem = rows(session)["stem"]
    assert (stem["frozen"], stem["weights_moved"], stem["batch_norm"]) == (True, 0.0, "train")
    assert stem["statistics_moved"] > 0
    cache = session.snapshot()["cache"]
    assert not cache["active"]
    assert "train mode" in cache["text"]


def test_accuracy_is_looked_at_before_the_first_step_and_matches_the_model():
    session = small()
    assert session.step() is None
    session.run(5)
    looks = session.snapshot()["evaluations"]
    assert [step for step, _ in looks] == [0, 5]
    images = session.setup.data
    truth = training.evaluate(session.model, images.test_images, images.test_labels, prepare)
    assert looks[-1][1] == pytest.approx(truth.accuracy)
    assert session.evaluate() == looks[-1][1], "no second look at the same weights"
    assert len(session.snapshot()["evaluations"]) == 2


def test_a_look_comes_in_slices_and_nothing_moves_meanwhile():
    session = small(test=100, preset="all")
    session.run(3, evaluate=False)
    weights = state(session.model)
    session._state.evaluation_wanted = True
    pieces = 0
    while session.snapshot()["evaluations"][-1][0] < 3:
        assert session.step() is None
        session.toggle("stem")  # wishes are followed between two slices, which changes no weight
        assert same(state(session.model), weights)
        pieces += 1
    assert pieces == 4


def test_looks_follow_the_clock():
    session = small(evaluate_steps=None, evaluate_every=1000.0)
    session.run(30, evaluate=False)
    assert [s for s, _ in session.snapshot()["evaluations"]] == [0]
    session._state.evaluated_at -= 2000
    session.run(2, evaluate=False)
    assert [s for s, _ in session.snapshot()["evaluations"]] == [0, 30]


def test_the_wall_tells_what_has_flipped():
    session = small(test=40, preset="all")
    session.run(40)
    wall = session.snapshot()["wall"]
    assert len(wall) == len(session.images()) == 24
    assert session.images().dtype == torch.uint8
    images = session.setup.data
    for i, entry in enumerate(wall):
        assert entry["truth"] == images.class_names[images.test_labels[i]]
        assert entry["right"] == (entry["truth"] == entry["answer"])
        assert entry["right"] or not entry["flipped"]
    state_ = session._state
    state_.predictions_before = [(label + 1) % 4 for label in state_.truth]
    assert all(e["flipped"] == e["right"] for e in session.snapshot()["wall"])
    assert any(e["flipped"] for e in session.snapshot()["wall"])


def test_snapshots_are_incremental():
    session = small()
    session.run(12)
    curve = session.snapshot(since=10)["curve"]
    assert curve["steps"] == [11, 12]
    assert len(curve["loss"]) == len(curve["train_accuracy"]) == 2
    assert [s for s, _ in session.snapshot(since=10)["evaluations"]] == [10, 12]
    assert session.snapshot(since=12)["curve"]["steps"] == []
    few = session.snapshot(points=4)["curve"]["steps"]
    assert few == [3, 6, 9, 12]


def test_every_change_has_a_version_of_its_own():
    session = small()
    seen = [session.snapshot()["version"]]

    def changed() -> bool:
        seen.append(session.snapshot()["version"])
        return seen[-1] > seen[-2]

    assert not changed()
    for act in (
        lambda: session.run(1),
        lambda: session.toggle("stem"),
        lambda: session.mark("here"),
        lambda: session.reset(),
    ):
        act()
        assert changed()


def test_counts_and_speed():
    session = small(preset="last block")
    session.run(6)
    shot = session.snapshot()
    sizes = {name: row["parameters"] for name, row in rows(session).items()}
    assert shot["total"] == sum(p.numel() for p in session.model.parameters())
    assert shot["trainable"] == shot["trained"] == sizes["deep"] + sizes["head"]
    session.freeze("deep")
    session.run(1)
    assert session.snapshot()["trainable"] == sizes["head"]
    assert session.snapshot()["trained"] == sizes["deep"] + sizes["head"], "it did learn once"
    assert shot["images_per_second"] == pytest.approx(8 / shot["seconds_per_step"])
    assert 0 < shot["compute_seconds"] < 60
    assert shot["memory_mb"] > 50


def test_reset_keeps_the_readers_choices_and_the_old_curve():
    session = small()
    session.toggle("deep")
    session.set_rates(backbone=5e-4)
    session.set_optimizer("sgd")
    session.run(6)
    first = session.snapshot()
    session.reset(seed=3)
    shot = session.snapshot()
    assert (shot["run"], shot["step"], shot["evaluations"]) == (2, 0, [])
    assert shot["earlier"] == [
        {"run": 1, "label": "run 1: head only, adamw, seed 0", "evaluations": first["evaluations"]}
    ]
    assert shot["settings"]["seed"] == 3
    assert shot["settings"]["backbone_rate"] == 5e-4
    assert shot["settings"]["optimizer"] == "sgd"
    assert [n for n, r in rows(session).items() if not r["frozen"]] == ["deep", "head"]
    session.reset(preset="all", network="mobilenet_v2", test=8)
    assert not any(row["frozen"] for row in rows(session).values())
    assert "features.18" in session.block_names
    session.run(1)
    for _ in range(12):
        session.reset()
    assert len(session.snapshot()["earlier"]) == 8


def test_the_same_settings_give_the_same_run_whatever_else_draws_random_numbers():
    first = small(preset="all")
    first.run(10)
    torch.manual_seed(99)
    second = small(preset="all")
    for _ in range(10):
        torch.rand(3)
        second.run(1, evaluate=False)
    assert same(state(first.model), state(second.model))
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    third = small(preset="all", seed=7)
    third.run(3)
    third.reset()
    assert torch.equal(torch.rand(4), expected), "the reader's random numbers are the reader's"
    assert not same(state(third.model), state(first.model))


def test_a_replaced_run_is_let_go():
    session = small()
    session.run(2)
    old = weakref.ref(session._run)
    session.reset()
    assert old() is None, "a circle of references would keep its model for a while"


def test_history_is_a_tidy_table(tmp_path):
    session = small()
    session.run(5)
    session.thaw("deep")
    session.run(5)
    table = session.history()
    assert list(table) == [
        "step",
        "loss",
        "train_accuracy",
        "test_accuracy",
        "trainable",
        "seconds",
        "action",
    ]
    assert table["step"].tolist() == list(range(11))
    assert table["loss"].isna().tolist() == [True] + [False] * 10
    assert table.loc[table["test_accuracy"].notna(), "step"].tolist() == [0, 5, 10]
    assert table.loc[5, "action"] == "thawed deep"
    sizes = {name: row["parameters"] for name, row in rows(session).items()}
    assert table.loc[5, "trainable"] == sizes["head"]
    assert table.loc[6, "trainable"] == sizes["head"] + sizes["deep"]
    path = session.to_csv(tmp_path / "run.csv")
    assert len(path.read_text().splitlines()) == 12
    with pytest.raises(LabError, match="cannot write"):
        session.to_csv(tmp_path / "nowhere" / "run.csv")


def test_very_long_runs_are_thinned(monkeypatch):
    monkeypatch.setattr(history_module, "MOST_POINTS", 16)
    session = small()
    session.run(70, evaluate=False)
    steps = session.snapshot()["curve"]["steps"]
    assert len(steps) < 16
    assert steps == list(range(steps[0], 71, steps[0]))
    assert session.history()["step"].is_monotonic_increasing


def nothing_named(settings: Settings) -> Setup:
    return Setup(nn.Bilinear(2, 2, 2), data(), prepare)


def no_images(settings: Settings) -> Setup:
    empty = torch.empty(0, 3, 8, 8, dtype=torch.uint8)
    none = torch.empty(0, dtype=torch.int64)
    images = ImageData("nothing", empty, none, empty, none, ("a", "b"))
    return Setup(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), images, prepare)


def no_parameters(settings: Settings) -> Setup:
    return Setup(nn.Sequential(nn.Flatten(), nn.ReLU()), data(), prepare)


def one_image(settings: Settings) -> Setup:
    return dataclasses.replace(build(settings), data=data().subset(train=1))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (nothing_named, "cannot take a Bilinear apart into blocks"),
        (no_images, "at least one"),
        (no_parameters, "nothing to train"),
        (one_image, "needs two at least"),
    ],
)
def test_builds_that_cannot_be_trained(bad, message):
    with pytest.raises(LabError, match=message):
        Session(Settings(), build=bad)
    session = small()
    session.run(2)
    session._build = bad
    with pytest.raises(LabError, match=message):
        session.reset()
    session.run(1)
    assert (session.snapshot()["run"], session.snapshot()["step"]) == (1, 3), "untouched"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"head_rate": 0}, "above 0 and at most 10"),
        ({"backbone_rate": -1}, "above 0"),
        ({"head_rate": 1e6}, "at most 10"),
        ({"train": 1}, "2 or more"),
        ({"test": 2.5}, "whole number"),
        ({"seed": -1}, "0 or more"),
        ({"optimizer": "lion"}, "'adamw' or 'adam' or 'sgd'"),
        ({"batch_norm": None}, "'eval' or 'train'"),
        ({"start": "scratch"}, "'pretrained' or 'random'"),
        ({"preset": "none"}, "there are: head only"),
        ({"preset": "first N"}, "needs N"),
        ({"world": ""}, "world must be a name"),
        ({"evaluate_every": 0}, "seconds above 0"),
        ({"evaluate_steps": 0}, "1 or more"),
    ],
)
def test_settings_that_make_no_sense(wrong, message):
    with pytest.raises(LabError, match=message):
        Settings(**wrong)


def test_a_world_or_network_that_is_not_there(machine):
    with pytest.raises(LabError, match="neither one of"):
        Session(Settings(world="no-such-folder"))
    with pytest.raises(LabError, match="network must be"):
        Session(Settings(network="alexnet"))
    with pytest.raises(LabError, match="start='random'"):
        Session(Settings(world="shapes", network="resnet18", train=8, test=4))


def test_the_courses_own_world():
    session = Session(Settings(world="shapes", train=40, test=20, evaluate_steps=100))
    session.run(2)
    shot = session.snapshot()
    json.dumps(shot, allow_nan=False)
    assert shot["blocks"][0]["name"] == "features.0"
    assert shot["blocks"][-1]["name"] == "classifier"
    assert shot["cache"]["blocks"] == 19
    assert "Shapes" in shot["titles"]["world"]
    assert len(session.setup.data.test_images) == 20
    kept = session.setup.data
    session.reset(start="random", network="resnet18")
    assert session.setup.data is kept, "images are loaded once"
    assert session.snapshot()["titles"]["weights"] == "random weights"
    assert session.block_names[0] == "stem"
    session.run(1)


def test_all_blocks_have_one_name_for_the_reader():
    session = small()
    assert session.block_names == list(BLOCKS)
    with pytest.raises(LabError, match="stem, middle, deep, head"):
        session.freeze("features.3")
    with pytest.raises(LabError, match="only block that learns"):
        session.freeze("head")
