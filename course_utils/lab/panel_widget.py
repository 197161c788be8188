"""The panel on the page: an anywidget that shows snapshots and passes commands on.

The page gets a whole picture first, and from then on only what changed, at most ten times a second.
`picture` is computed whenever somebody asks for the widget's state, so that a page that is loaded
again in mid-training starts with what is true then.  Only what ipywidgets 7.7 and 8 share is used.
"""

from __future__ import annotations

import base64
import io
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from course_utils.lab.drivers import Answer

import anywidget
import traitlets
from PIL import Image
from torch import Tensor

STATIC = Path(__file__).with_name("static")
SCRIPTS = ("base", "store", "chart", "blocks", "wall", "controls", "drawers", "lab")
PERIOD = 0.1  # seconds between two messages to the page
PHOTO = 64  # pixels: side of an image on the wall
CURVE = ("steps", "loss", "train_accuracy")

Snapshot = Callable[[int], dict[str, Any]]
Command = Callable[[str, dict[str, Any], Answer], None]


def script() -> str:
    """The panel's JavaScript: one module, put together from its files."""
    return "\n".join((STATIC / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)


class PanelWidget(anywidget.AnyWidget):
    """Shows what `snapshot` says.

    Parameters
    ----------
    snapshot : callable
        The state as a dict of plain values; its argument is the last step already shown.
    command : callable
        Carries out what the reader asked for, and answers once it is done.
    tick : callable
        Trains for a slice, where the page drives.
    left : callable
        Called when no page shows the panel any more.
    """

    _esm = script()
    _css = STATIC / "lab.css"
    picture = traitlets.Dict().tag(sync=True)
    photos = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self,
        snapshot: Snapshot,
        command: Command,
        tick: Callable[[], None],
        left: Callable[[], None],
    ) -> None:
        self._snapshot, self._command, self._tick, self._left = snapshot, command, tick, left
        self._shown: dict[str, Any] = {}  # what the page knows
        self._last_step, self._last_evaluation, self._pushed = 0, -1, 0.0
        super().__init__()
        self.on_msg(self._receive)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The widget's state, with a picture of this very moment."""
        state = super().get_state(key=key, drop_defaults=drop_defaults)
        if key is None or key == "picture" or (not isinstance(key, str) and "picture" in key):
            state["picture"] = self.full_state()
        return state

    def full_state(self) -> dict[str, Any]:
        """Everything that the page must know to draw the panel from nothing."""
        picture = dict(self._snapshot(0))
        picture["curve"] = {"from": 0, **picture["curve"]}
        return json_safe({**picture, "whole": True})

    def push(self, *, now: bool = False) -> None:
        """Tell the page what changed.

        Parameters
        ----------
        now : bool, optional
            Even if it has been told something less than `PERIOD` ago.
        """
        if now or time.monotonic() - self._pushed >= PERIOD:
            part = self._changes()
            if part is not None:
                self.send({"kind": "push", "part": part})

    def _changes(self) -> dict[str, Any] | None:
        self._pushed = time.monotonic()
        seen = max(0, min(self._last_step, self._last_evaluation))
        news = self._snapshot(seen)
        if news["run"] != self._shown.get("run"):
            # another run's curve: everything is new
            self._shown, self._last_step, self._last_evaluation = {}, 0, -1
            news = self._snapshot(0)
        curve, evaluations = news.pop("curve"), news.pop("evaluations")
        fresh = [i for i, step in enumerate(curve["steps"]) if step > self._last_step]
        evaluations = [item for item in evaluations if item[0] > self._last_evaluation]
        # None is news too, where the page still shows the error of the run before
        part = {key: value for key, value in news.items() if self._shown.get(key, ...) != value}
        if fresh:
            points = {name: [curve[name][i] for i in fresh] for name in CURVE}
            part["curve"] = {"from": self._last_step, **points}
            self._last_step = points["steps"][-1]
        if evaluations:
            part["evaluations"] = evaluations
            self._last_evaluation = evaluations[-1][0]
        self._shown.update(news)
        return json_safe({**part, "run": news["run"]}) if part else None

    def refresh(self) -> None:
        """Bring the state that is stored with the page up to date, as when training pauses."""
        self.push(now=True)
        self.send_state("picture")

    def _receive(self, _: Any, message: Mapping[str, Any], __: Any) -> None:
        kind = message.get("kind")
        if kind == "command":
            number, name = message.get("id"), str(message.get("name"))

            def answer(result: Any, error: Exception | None) -> None:
                self._answer(number, name, result, error)

            self._command(name, dict(message.get("args") or {}), answer)
        elif kind == "hello":
            self.send({"kind": "push", "part": self.full_state()})
        elif kind == "tick":
            self._tick()
            self.send({"kind": "push", "part": self._changes(), "ticked": True})
        elif kind == "closed":
            self._left()

    def _answer(self, number: Any, name: str, result: Any, error: Exception | None) -> None:
        reply: dict[str, Any] = {"kind": "answer", "id": number, "name": name, "ok": error is None}
        if error is None:
            reply["result"] = result if isinstance(result, str) else None
        else:
            reply["error"] = str(error) or type(error).__name__
            if not isinstance(error, ValueError):  # a refusal explains itself
                reply["traceback"] = "".join(traceback.format_exception(error))
        self.send({**reply, "part": self._changes()})


def json_safe(value: Any) -> Any:
    """The same with None for numbers that JSON cannot hold, such as the loss of a diverged step."""
    if isinstance(value, dict):
        return {key: json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value


def thumbnails(images: Tensor) -> list[str]:
    """Images as small PNG pictures in data URLs.

    Parameters
    ----------
    images : Tensor
        uint8 `(n, 3, h, w)`.

    Returns
    -------
    list of str
    """
    addresses = []
    for image in images:
        picture = Image.fromarray(image.permute(1, 2, 0).cpu().numpy())
        if max(picture.size) > PHOTO:
            picture.thumbnail((PHOTO, PHOTO))
        stored = io.BytesIO()
        picture.save(stored, format="PNG")
        code = base64.b64encode(stored.getvalue()).decode("ascii")
        addresses.append(f"data:image/png;base64,{code}")
    return addresses
