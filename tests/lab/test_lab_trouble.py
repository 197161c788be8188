"""Hasty readers and bad luck, seen from the panel: no hang, nothing half done, nothing silent."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path

from course_utils.lab import Lab
from course_utils.lab.session.errors import LabError
from course_utils.lab.session.session import Session
from course_utils.lab.session.settings import Settings
from course_utils.training import TrainingDiverged
from tests.lab.page import Page
from tests.lab.scenes import play, until
from tests.lab.small import BLOCKS, small
from tests.lab.test_session import no_images, no_parameters, nothing_named, one_image

import pytest
import torch


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("live-lab")]


def at_rest(lab: Lab) -> bool:
    return not lab.running and not lab._driver._tasks and threads() == []


class Scene:
    """Labs that train in the background, each with its page; they must come to rest."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch, self.pages = monkeypatch, list[Page]()

    def lab(self, **options: str) -> Page:
        lab = Lab(session=small(), driver=options.get("driver", "background"))
        self.pages.append(Page(lab, self.monkeypatch))
        return self.pages[-1]

    async def training(self, page: Page, steps: int = 3) -> None:
        goal = page.lab.session.snapshot()["step"] + steps
        if not page.lab.running:
            page.command("start")
        await until(lambda: page.lab.session.snapshot()["step"] >= goal)

    async def end(self) -> None:
        for page in self.pages:
            page.lab.close()
        await until(lambda: all(at_rest(page.lab) for page in self.pages))
        for page in self.pages:
            asked = range(1, page.number + 1)
            assert [len(page.answers(n)) for n in asked] == [1] * page.number


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    yield Scene(monkeypatch)
    assert threads() == []


def test_toggles_during_start_and_stop(scene: Scene) -> None:
    async def act() -> None:
        page, rng = scene.lab(), random.Random(0)
        wished = {row["name"] for row in page.lab.session.snapshot()["blocks"] if row["frozen"]}
        for _ in range(150):
            page.command(rng.choice(["start", "pause"]))
            name = rng.choice(BLOCKS[:-1])
            page.command("toggle", name=name)
            wished ^= {name}
            if rng.random() < 0.3:
                await until(lambda: True)
        page.lab.freeze("stem")
        wished |= {"stem"}
        await scene.training(page)
        page.command("pause")
        await until(lambda: at_rest(page.lab))
        rows = page.lab.session.snapshot()["blocks"]
        assert {row["name"] for row in rows if row["frozen"]} == wished
        assert not any(row["pending"] for row in rows)
        for name, child in page.lab.session.model.named_children():
            assert {p.requires_grad for p in child.parameters()} <= {name not in wished}
        await scene.end()

    play(act)


def test_two_labs_in_one_notebook_keep_apart(scene: Scene) -> None:
    async def act() -> None:
        first, second = scene.lab(), scene.lab()
        await scene.training(first)
        await scene.training(second)
        assert not first.lab.running
        await until(lambda: first.shown["running"] is False)
        taken = first.lab.session.snapshot()["step"]
        second.command("thaw", name="deep")
        second.command("set_rates", head=0.01)
        await scene.training(second, 10)
        kept = first.lab.session.snapshot()
        assert kept["step"] == taken, "the first one stands still"
        assert [row["frozen"] for row in kept["blocks"]] == [True, True, True, False]
        assert kept["settings"]["head_rate"] == 3e-3
        assert not {"thawed deep"} & {text for _, text in kept["marks"]}
        first.command("start")
        assert not second.lab.running
        await until(lambda: second.shown["running"] is False)
        await scene.end()

    play(act)


def test_resetting_one_lab_lets_the_other_train_on(scene: Scene) -> None:
    async def act() -> None:
        first, second = scene.lab(), scene.lab()
        await scene.training(first)
        number = second.ask("reset", seed=4)
        await until(lambda: len(second.answers(number)) == 1)
        assert second.lab.session.snapshot()["run"] == 2
        assert first.lab.running
        second.ask("step")
        assert not first.lab.running, "one step is training too: one lab at a time"
        await scene.end()

    play(act)


def test_a_cell_that_is_run_again_leaves_one_lab_training(scene: Scene) -> None:
    async def act() -> None:
        old = scene.lab()
        await scene.training(old)
        new = scene.lab()  # the cell makes its lab anew ...
        assert not old.lab.running
        old.say(kind="closed")  # ... and the page drops the old output
        await until(lambda: at_rest(old.lab))
        await scene.training(new)
        old.say(kind="closed")
        assert new.lab.running, "what the old page says is nothing to the new lab"
        assert len(threads()) == 1
        await scene.end()

    play(act)


def test_a_loss_that_is_no_number_is_told_and_reset_recovers(scene: Scene) -> None:
    async def act() -> None:
        page = scene.lab()
        await scene.training(page)
        with torch.no_grad():
            page.lab.session.model.head[2].bias.fill_(float("nan"))
        await until(lambda: page.shown.get("status") == "failed" and not page.lab.running)
        assert "the loss became nan" in page.shown["error"]
        assert "TrainingDiverged" in page.shown["traceback"]
        refused = page.command("start")
        assert not refused["ok"]
        assert "reset() starts a new one" in refused["error"]
        assert isinstance(page.lab.error, TrainingDiverged)
        with pytest.raises(LabError, match="reset"):
            page.lab.start()
        number = page.ask("reset")
        await until(lambda: len(page.answers(number)) == 1)
        assert page.shown["error"] is None
        assert page.lab.error is None
        await scene.training(page)
        await scene.end()

    play(act)


def test_memory_that_runs_out_is_told_and_training_goes_on(scene: Scene) -> None:
    async def act() -> None:
        page, left = scene.lab(), [1]

        def hook(*_: object) -> None:
            if left[0] and torch.is_grad_enabled():  # in a step, not in a look at test images
                left[0] -= 1
                raise torch.OutOfMemoryError("out of memory")

        await scene.training(page)
        page.lab.session.model.head.register_forward_hook(hook)
        await until(lambda: any("out of memory" in text for _, text in page.shown["marks"]))
        await scene.training(page)
        await until(lambda: page.shown["settings"]["batch_size"] == 4)
        assert page.shown["status"] == "ready"
        await scene.end()

    play(act)


def test_a_reset_while_it_trains_begins_a_run_that_stands_still(scene: Scene) -> None:
    async def act() -> None:
        page = scene.lab()
        for seed in range(8):
            await scene.training(page)
            numbers = [page.ask("reset", seed=seed), page.ask("reset", seed=seed + 100)]
            await until(lambda: all(page.answers(n) for n in numbers))  # noqa: B023  called here
            shot = page.lab.session.snapshot()
            assert (shot["run"], shot["step"]) == (2 * seed + 3, 0)
            assert not page.lab.running
        await scene.training(page)
        await scene.end()

    play(act)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (nothing_named, "cannot take a Bilinear apart into blocks"),
        (no_images, "at least one"),
        (no_parameters, "nothing to train"),
        (one_image, "needs two at least"),
    ],
)
@pytest.mark.parametrize("driver", ["background", "foreground"])
def test_a_run_that_cannot_be_built_leaves_the_old_one_training(
    scene: Scene, driver: str, bad: object, message: str
) -> None:
    async def act() -> None:
        page = scene.lab(driver=driver)
        page.command("start")
        page.say(kind="tick")
        good, page.lab.session._build = page.lab.session._build, bad
        number = page.ask("reset", seed=1)
        await until(lambda: len(page.answers(number)) == 1)
        answer = page.answers(number)[0]
        assert not answer["ok"]
        assert message in answer["error"]
        assert "traceback" not in answer, "a refusal, not a failure"
        with pytest.raises(LabError, match=message):
            page.lab.reset(seed=1)
        page.lab.session._build = good
        assert page.lab.running, "untouched: it trains on"
        before = page.lab.session.snapshot()["step"]
        page.say(kind="tick")
        await until(lambda: page.lab.session.snapshot()["step"] > before)
        assert page.lab.session.snapshot()["run"] == 1
        await scene.end() if driver == "background" else page.lab.close()

    play(act)


def test_a_refused_reset_of_a_lab_that_stands_still_starts_nothing(scene: Scene) -> None:
    async def act() -> None:
        page = scene.lab()
        number = page.ask("reset", seed=-1)
        await until(lambda: len(page.answers(number)) == 1)
        assert not page.lab.running
        page.lab.start(10**6)
        left = page.lab._driver.remaining
        with pytest.raises(LabError, match="seed"):
            page.lab.reset(seed=-1)
        assert page.lab.running
        assert 0 < page.lab._driver.remaining <= left, "and no step is forgotten or added"
        await scene.end()

    play(act)


def test_folders_without_images_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train" / "cat").mkdir(parents=True)
    with pytest.raises(LabError, match="cannot be used"):
        Session(Settings(world=str(tmp_path), train=8, test=4))
