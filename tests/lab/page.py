"""A stand-in for the page that shows a panel."""

from typing import Any

from course_utils.lab import Lab

import pytest


class Page:
    """Sends messages as the page does, and keeps what comes back."""

    def __init__(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lab, self.sent, self.number = lab, [], 0
        self.states: list[Any] = []
        monkeypatch.setattr(lab.widget, "send", self.sent.append)
        monkeypatch.setattr(lab.widget, "send_state", self.states.append)

    def say(self, **message: Any) -> None:
        self.lab.widget._receive(self.lab.widget, message, [])

    def ask(self, name: str, /, **arguments: Any) -> int:
        """Send a command; where a worker does it, the answer comes later."""
        self.number += 1
        self.say(kind="command", id=self.number, name=name, args=arguments)
        return self.number

    def answers(self, number: int) -> list[dict[str, Any]]:
        return [m for m in self.sent if m["kind"] == "answer" and m["id"] == number]

    def command(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        answers = self.answers(self.ask(name, **arguments))
        assert len(answers) == 1, "every command is answered, and once"
        return answers[0]

    @property
    def parts(self) -> list[dict[str, Any]]:
        return [message["part"] for message in self.sent if message.get("part")]

    @property
    def shown(self) -> dict[str, Any]:
        """What the panel shows: all parts so far, put together (curves apart)."""
        together: dict[str, Any] = {}
        for part in self.parts:
            together.update(part)
        return together
