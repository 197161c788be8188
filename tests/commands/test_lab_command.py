"""``python -m course_utils lab``: what it refuses, and what it tells JupyterLab."""

import argparse
import asyncio
import importlib.util
import json
import socket
import webbrowser
from pathlib import Path

from course_utils.commands import lab, lab_files

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "00_start_here.ipynb").write_text("{}")
    return tmp_path


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    lab.configure(parser)
    return parser.parse_args(words)


def test_a_taken_port_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind((lab.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        assert lab.main(parse("--port", str(port), "--root", str(folder))) == 2
    assert f"Port {port} is taken" in capsys.readouterr().err


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_an_impossible_port_is_named(port: int) -> None:
    with pytest.raises(lab.LabError, match="from 1 to 65535"):
        lab.choose_port(port)


def test_a_busy_port_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind((lab.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setattr(lab, "PORTS", range(port, port + 1))
        with pytest.raises(lab.LabError, match="No free port"):
            lab.choose_port(None)
    assert lab.choose_port(None) == port


@pytest.mark.parametrize("notebook", ["lessons/99_no.ipynb", "../elsewhere.ipynb"])
def test_a_notebook_outside_is_refused(folder: Path, notebook: str) -> None:
    (folder.parent / "elsewhere.ipynb").write_text("{}")
    with pytest.raises(lab.LabError, match=r"There are: lessons/00_start_here\.ipynb"):
        lab.page_of(notebook, folder)


def test_missing_jupyterlab_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert lab.main(parse("--root", str(folder))) == 2
    assert "make lab" in capsys.readouterr().err


def test_without_a_display_no_browser_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.sys, "platform", "linux")
    monkeypatch.setattr(webbrowser, "get", lambda: object())
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not lab.has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert lab.has_display()


def test_the_server_keeps_to_itself(folder: Path) -> None:
    options = lab.arguments(folder, "lessons/00_start_here.ipynb", 8888, "secret", True)
    assert "--ServerApp.ip=127.0.0.1" in options
    assert "--IdentityProvider.token=secret" in options
    assert "--LabApp.default_url=/lab/tree/lessons/00_start_here.ipynb" in options


def test_settings_keep_news_and_updates_off() -> None:
    settings = json.loads((lab.SETTINGS / "overrides.json").read_text(encoding="utf-8"))
    notification = settings["@jupyterlab/apputils-extension:notification"]
    assert notification["fetchNews"] == "false"
    assert notification["checkForUpdates"] is False


def test_the_list_of_files_shows_lessons_and_hides_only_what_stands_beside_them(
    folder: Path,
) -> None:
    for name in ("lessons/notes", "lessons/solutions", "lessons/my own", "notes"):
        (folder / name).mkdir()
    files = lab_files.LessonsFirst(root_dir=str(folder))

    def listed(path: str) -> list[str]:
        return sorted(at["name"] for at in asyncio.run(files.get(path))["content"])

    assert listed("lessons") == listed("/lessons/") == ["00_start_here.ipynb", "my own"]
    assert listed("") == ["lessons", "notes"]
    assert listed("lessons/notes") == [], "a hidden folder opens by its path"
    chosen = f"--ServerApp.contents_manager_class={lab_files.__name__}.LessonsFirst"
    assert chosen in lab.arguments(folder, "lessons/00_start_here.ipynb", 8888, "secret", True)
