"""The race at a tiny size: both sides really run, and the classic loop is what it says it is."""

import json
import sys
from pathlib import Path

from course_utils.images.preprocessing import Prepare
from tests.scripts import run
from tests.tiny import data, network, same, state

import pytest
import torch

PREPARE = Prepare(16, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


@pytest.fixture
def contenders(monkeypatch):
    from benchmarks.races import contenders

    return contenders


@pytest.mark.parametrize("question", ["frozen", "partly", "full"])
def test_a_race_has_a_row_for_each_side_and_seed(tmp_path: Path, question: str) -> None:
    tiny = ["--train", "70", "--test", "20", "--size", "32", "--epochs", "1", "--our-epochs", "2"]
    run("races.race", question, *tiny, "--seeds", "0", "1", "--out", str(tmp_path), cwd=tmp_path)
    record = json.loads((tmp_path / f"race_{question}.json").read_text())
    rows = record["rows"]
    assert [(r["seed"], r["contender"]) for r in rows] == [
        (0, "classic"), (0, "ours"), (1, "ours"), (1, "classic"),
    ]  # fmt: skip
    assert all(r["seconds"] > 0 and 0 <= r["accuracy"] <= 1 for r in rows)
    against = record["medians"]["against"]["classic"]
    assert against["median_ratio"] > 0
    assert len(against["points_ahead"]) == 2
    assert set(record["medians"]["seconds"]) == {"classic", "ours"}
    assert record["command"].startswith(f"python -m benchmarks.races.race {question} --train 70")


def test_the_other_common_loops_race_as_well(tmp_path: Path) -> None:
    tiny = ["--train", "70", "--test", "10", "--size", "32", "--epochs", "1", "--our-epochs", "1"]
    who = ["--contenders", "classic-b", "tutorial", "ours", "--network", "resnet18_slim"]
    to = ["--seeds", "0", "--out", str(tmp_path), "--record", "others"]
    run("races.race", "frozen", *tiny, *who, *to, cwd=tmp_path)
    record = json.loads((tmp_path / "others.json").read_text())
    assert set(record["medians"]["against"]) == {"classic-b", "tutorial"}
    assert "resnet18_slim" in record["weights"]


def test_fastai_says_what_to_do_where_it_is_missing(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "fastai", None)  # what import finds is then an ImportError
    monkeypatch.setitem(sys.modules, "fastai.data.block", None)
    from benchmarks.races import fastai_loop

    with pytest.raises(ImportError, match="pip install fastai"):
        fastai_loop.train(network(), data(8), PREPARE, epochs=2, frozen=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from within fastai
@pytest.mark.parametrize("frozen", [True, False])
def test_fastai_trains_what_it_is_told(monkeypatch, frozen: bool) -> None:
    pytest.importorskip("fastai")
    from benchmarks.races import fastai_loop

    model = network()
    before = {n: p.clone() for n, p in model.named_parameters() if p.ndim > 1}
    fastai_loop.train(model, data(70), PREPARE, epochs=2, frozen=frozen)
    after = dict(model.named_parameters())
    moved = {n.split(".")[0] for n, p in before.items() if not torch.equal(p, after[n])}
    assert moved == {"head"} if frozen else len(moved) == 4


def test_choosing_settings_writes_no_record_and_sees_no_test_image(tmp_path: Path) -> None:
    options = ["--train", "90", "--test", "20", "--size", "32", "--our-epochs", "1"]
    more = ["--contenders", "ours", "--seeds", "0", "--out", str(tmp_path), "--validate"]
    said = run("races.race", "frozen", *options, *more, cwd=tmp_path)
    assert "held-out training images" in said
    assert not list(tmp_path.glob("*.json"))


def test_the_classic_loader_prepares_as_the_course_does(contenders) -> None:
    images = data(8)
    loop = contenders.CLASSIC_A
    batches = contenders.loader(images.train_images, images.train_labels, PREPARE, loop, 0)
    (x, y), *rest = batches
    assert not rest
    wanted = PREPARE(images.train_images)
    for one, label in zip(x, y, strict=True):
        distances = (wanted - one).abs().amax(dim=(1, 2, 3))
        nearest = int(distances.argmin())
        assert distances[nearest] < 0.03  # PIL resizes in whole numbers of 0 to 255
        assert images.train_labels[nearest] == label


def test_half_and_half_is_another_normalisation(contenders) -> None:
    images = data(8)
    loop = contenders.CLASSIC_B
    ((x, _),) = contenders.loader(images.train_images, images.train_labels, PREPARE, loop, 0)
    assert -1 <= float(x.min()) < 0 < float(x.max()) <= 1


@pytest.mark.parametrize(("learning", "moved"), [(1, {"head"}), (2, {"deep", "head"}), (None, 4)])
def test_the_classic_loop_trains_what_it_is_told(contenders, learning, moved) -> None:
    model = network()
    contenders.freeze_all_but_last(model, learning)
    before = {n: p.clone() for n, p in model.named_parameters()}
    buffers = state(model)
    contenders.train(model, data(16), PREPARE, contenders.CLASSIC_A, epochs=1, workers=0)
    changed = {
        n.split(".")[0] for n, p in model.named_parameters() if not torch.equal(p, before[n])
    }
    assert changed == moved if isinstance(moved, set) else len(changed) == moved
    statistics = {n: b for n, b in state(model).items() if "running" in n}
    # frozen by requires_grad alone: batch norm's statistics move all the same
    assert not same(statistics, {n: buffers[n] for n in statistics})


def test_rates_by_epoch(contenders) -> None:
    model, rates = network(), []
    step = torch.optim.Adam.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            torch.optim.Adam,
            "step",
            lambda self: (rates.append(self.param_groups[0]["lr"]), step(self))[1],
        )
        contenders.train(
            model, data(64), PREPARE, contenders.CLASSIC_A, epochs=2, workers=0, rates=[0.1, 0.01]
        )
    assert rates == [0.1, 0.01]
