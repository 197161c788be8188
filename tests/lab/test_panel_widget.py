"""What the page is told, and what it may ask for."""

import asyncio
import base64
import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from course_utils.lab import Lab
from course_utils.lab.drivers import SYNCHRONOUS_STEPS
from course_utils.lab.panel_widget import PERIOD, PanelWidget, json_safe, script, thumbnails
from course_utils.lab.session.errors import LabError
from tests.lab.page import Page
from tests.lab.scenes import play, until
from tests.lab.small import build, small

import pytest
import torch
from PIL import Image

BLOCKS = ["stem", "middle", "deep", "head"]


def lab_of(**options: Any) -> Lab:
    return Lab(session=small(), **options)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    made = lab_of()
    yield Page(made, monkeypatch)
    made.close()


def test_a_whole_picture_holds_all_that_the_panel_draws(page: Page) -> None:
    page.lab.run(6)
    page.say(kind="hello")
    picture = page.sent[-1]["part"]
    assert picture["whole"] is True
    assert [block["name"] for block in picture["blocks"]] == BLOCKS
    assert picture["curve"] == {"from": 0, **page.lab.session.snapshot()["curve"]}
    assert picture["curve"]["steps"] == [1, 2, 3, 4, 5, 6]
    assert picture["evaluations"][-1][0] == 6
    assert set(picture["choices"]) == {"optimizer", "network", "batch_norm", "start"}
    json.dumps(picture, allow_nan=False)


def test_the_state_that_a_reloaded_page_asks_for_is_of_that_moment(page: Page) -> None:
    assert page.lab.widget.get_state()["picture"]["step"] == 0
    page.lab.run(3)
    assert page.lab.widget.get_state()["picture"]["step"] == 3
    assert page.lab.widget.get_state("picture")["picture"]["step"] == 3
    assert page.lab.widget.get_state(["picture"])["picture"]["whole"] is True
    assert "picture" not in page.lab.widget.get_state("photos")


def test_parts_put_together_give_the_whole_and_nothing_comes_twice(page: Page) -> None:
    page.say(kind="hello")
    shown: dict[str, Any] = {}
    steps: list[int] = []
    losses: list[float] = []
    looks: list[list[float]] = []
    for action in (lambda: None, lambda: page.lab.freeze("deep"), lambda: page.lab.mark("here")):
        action()
        page.lab.run(4)
    for part in page.parts[1:]:
        curve = part.pop("curve", None)
        if curve:
            assert curve["from"] == (steps[-1] if steps else 0)
            steps += curve["steps"]
            losses += curve["loss"]
        looks += part.pop("evaluations", [])
        shown.update(part)
    whole = page.lab.widget.full_state()
    assert steps == whole["curve"]["steps"] == list(range(1, 13))
    assert losses == whole["curve"]["loss"]
    assert looks == whole["evaluations"]
    for key in ("blocks", "marks", "step", "settings", "wall"):
        assert shown[key] == whole[key], key


def test_parts_hold_only_what_changed(page: Page) -> None:
    page.lab.run(2)
    page.sent.clear()
    page.lab.widget.push(now=True)
    assert all(part.keys() <= {"run", "memory_mb"} for part in page.parts)
    page.sent.clear()
    page.lab.thaw("deep")
    assert {"blocks"} <= page.parts[-1].keys()
    assert not {"curve", "titles", "class_names", "presets", "earlier"} & page.parts[-1].keys()


def test_the_page_is_not_flooded(page: Page) -> None:
    page.lab.widget.push(now=True)
    page.sent.clear()
    begun = time.monotonic()
    while time.monotonic() - begun < 3.5 * PERIOD:
        page.lab.session.step()
        page.lab.widget.push()
    assert 1 <= len(page.sent) <= 4


def test_another_run_begins_with_an_empty_curve(page: Page) -> None:
    page.lab.run(3)
    page.sent.clear()
    page.lab.reset(seed=1)
    assert page.parts[-1]["run"] == 2
    page.lab.run(2)
    curves = [part["curve"] for part in page.parts if "curve" in part]
    assert curves[0]["from"] == 0
    assert [step for curve in curves for step in curve["steps"]] == [1, 2]
    assert page.lab.widget.full_state()["earlier"][0]["run"] == 1


@pytest.mark.parametrize(
    ("name", "arguments", "shows"),
    [
        ("freeze", {"name": "deep"}, lambda s: s["blocks"][2]["frozen"]),
        ("thaw", {"name": "deep"}, lambda s: not s["blocks"][2]["frozen"]),
        ("preset", {"name": "all"}, lambda s: not any(b["frozen"] for b in s["blocks"])),
        ("preset", {"name": "first N", "n": 2}, lambda s: s["blocks"][1]["frozen"]),
        ("set_batch_norm", {"mode": "train"}, lambda s: s["settings"]["batch_norm"] == "train"),
        ("set_rates", {"head": 0.5}, lambda s: s["settings"]["head_rate"] == 0.5),
        ("set_optimizer", {"name": "sgd"}, lambda s: s["settings"]["optimizer"] == "sgd"),
        ("reset", {"seed": 5}, lambda s: s["settings"]["seed"] == 5 and s["run"] == 2),
        ("step", {}, lambda s: s["step"] == 1),
    ],
)
def test_every_command_of_the_page_is_carried_out(
    page: Page, name: str, arguments: dict[str, Any], shows: Callable[[Any], bool]
) -> None:
    answer = page.command(name, **arguments)
    assert answer["ok"], answer
    assert shows(page.lab.session.snapshot())


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("freeze", {"name": "cellar"}, "cellar"),
        ("preset", {"name": "everything"}, "everything"),
        ("thaw", {"name": 3}, "3"),
        ("toggle", {"name": None}, "None"),
        ("preset", {"name": "first N"}, "needs N"),
        ("preset", {"name": "first N", "n": 9}, "first 9 blocks"),
        ("set_rates", {"head": 0}, "above 0"),
        ("set_rates", {"backbone": -1}, "above 0"),
        ("set_rates", {"backbone": "fast"}, "fast"),
        ("set_rates", {"head": 1e6}, "at most"),
        ("reset", {"head_rate": 0}, "head_rate must be above 0"),
        ("reset", {"backbone_rate": 1e6}, "at most"),
        ("reset", {"preset": "none"}, "there are: head only"),
        ("set_optimizer", {"name": "lion"}, "lion"),
        ("set_batch_norm", {"mode": "maybe"}, "maybe"),
        ("reset", {"seed": -1}, "seed"),
        ("reset", {"weather": "fine"}, "weather"),
        ("__init__", {}, "no command"),
        ("session", {}, "no command"),
    ],
)
def test_a_refusal_explains_itself_and_changes_nothing(
    page: Page, name: str, arguments: dict[str, Any], words: str
) -> None:
    page.lab.run(2)
    before = page.lab.session.snapshot()
    answer = page.command(name, **arguments)
    assert not answer["ok"]
    assert words in answer["error"]
    assert "traceback" not in answer
    after = page.lab.session.snapshot()
    for key in ("run", "step", "status", "settings", "blocks"):
        assert after[key] == before[key]


def test_arguments_that_no_command_knows_are_answered_too(page: Page) -> None:
    answer = page.command("freeze", colour="red")
    assert not answer["ok"]
    assert "colour" in answer["error"]
    assert "Traceback" in answer["traceback"]


def test_code_and_record_come_as_text(page: Page) -> None:
    page.lab.run(3)
    code = page.command("code")["result"]
    compile(code, "panel", "exec")
    assert "train(3)" in code
    record = page.command("csv")["result"].splitlines()
    assert record[0].startswith("step,loss,train_accuracy,test_accuracy")
    assert record[-1].startswith("3,")


def test_start_without_a_reader_is_over_when_it_returns(page: Page) -> None:
    page.lab.start()
    assert not page.lab.running
    assert page.lab.session.snapshot()["step"] == SYNCHRONOUS_STEPS
    page.lab.start(3)
    page.lab.wait()
    assert page.lab.session.snapshot()["step"] == SYNCHRONOUS_STEPS + 3


def test_an_error_of_the_panel_itself_is_shown_too() -> None:
    lab = lab_of()
    lab._ended(OSError("the page is gone"))
    shown = lab.widget.full_state()
    assert shown["error"] == "the page is gone"
    assert "OSError" in shown["traceback"]
    lab.close()


def test_nobody_looks_so_nothing_trains() -> None:
    async def scene() -> None:
        lab = lab_of(driver="background")
        lab.start()
        await until(lambda: lab.session.snapshot()["step"] > 0)
        lab.widget._receive(lab.widget, {"kind": "closed"}, [])
        assert not lab.running
        await until(lambda: not lab._driver._tasks)
        lab.close()

    play(scene)


def test_where_the_page_drives_each_tick_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = lab_of(driver="foreground")
    page = Page(lab, monkeypatch)
    page.command("start")
    assert lab.running
    page.sent.clear()
    page.say(kind="tick")
    assert page.sent[-1]["ticked"] is True
    assert sum(message.get("ticked", False) for message in page.sent) == 1
    assert lab.session.snapshot()["step"] > 0
    page.command("pause")
    page.say(kind="tick")
    assert page.sent[-1]["ticked"] is True
    assert not lab.running
    lab.close()


def test_training_without_end_cannot_be_waited_for() -> None:
    async def scene() -> None:
        lab = lab_of(driver="background")
        lab.start()
        with pytest.raises(LabError, match="no end"):
            lab.wait()
        lab.pause()
        lab.wait()
        await until(lambda: not lab._driver._tasks)
        before = lab.session.snapshot()["step"]
        lab.start(12)
        await asyncio.sleep(0)
        lab.wait()
        assert lab.session.snapshot()["step"] >= before + 12
        lab.close()
        await until(lambda: not lab._driver._tasks)

    play(scene)


def test_a_closed_lab_says_so() -> None:
    lab = lab_of()
    lab.close()
    assert lab.widget.full_state()["closed"] is True
    for act in (lab.start, lab.step, lab.reset, lambda: lab.freeze("deep")):
        with pytest.raises(LabError, match="closed"):
            act()
    lab.close()


def test_a_setting_that_does_not_exist_is_named() -> None:
    with pytest.raises(LabError, match="weather"):
        Lab(build=build, weather="fine")


def test_pages_without_a_kernel_get_a_picture_with_words(page: Page) -> None:
    page.lab.run(4)
    page.lab.mark("halfway")
    data, metadata = page.lab._repr_mimebundle_()
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.size[0] > 600
    alt = metadata["image/png"]["alt"]
    assert "4 blocks of the network, 3 of them frozen" in alt
    assert "step 4" in alt
    assert data["text/plain"].startswith("<Lab: run 1, step 4, held-out accuracy")
    assert "application/vnd.jupyter.widget-view+json" in data


def test_the_images_of_the_wall_travel_as_small_pictures() -> None:
    images = torch.randint(0, 256, (2, 3, 200, 100), dtype=torch.uint8)
    first, _ = thumbnails(images)
    picture = Image.open(io.BytesIO(base64.b64decode(first.removeprefix("data:image/png;base64,"))))
    assert picture.size == (32, 64)
    small_one = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8)
    address = thumbnails(small_one)[0].removeprefix("data:image/png;base64,")
    again = Image.open(io.BytesIO(base64.b64decode(address)))
    pixels = torch.frombuffer(bytearray(again.tobytes()), dtype=torch.uint8).view(16, 16, 3)
    assert torch.equal(pixels.permute(2, 0, 1), small_one[0])


def test_numbers_that_json_lacks_become_none() -> None:
    assert json_safe({"a": [float("nan"), 1.5, (float("inf"),)], "b": "x", "c": True}) == {
        "a": [None, 1.5, [None]],
        "b": "x",
        "c": True,
    }


def test_the_script_is_one_module_without_anything_from_outside() -> None:
    text = script()
    assert text.count("export default") == 1
    assert "import " not in text.replace("important", "")
    assert text.count("http") == text.count("http://www.w3.org/2000/svg")
    assert PanelWidget._esm.strip().startswith("//")
