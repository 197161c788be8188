"""Which packages the course needs, which it is tested with, and which are installed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

_NAME = re.compile(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*(.*)")


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, to compare by: "2.13.0+cpu" gives (2, 13, 0)."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def pins(requirements: Path) -> dict[str, str]:
    """The exact versions of a requirements file: name to version, as `name==version` says.

    Raises FileNotFoundError if there is no such file.
    """
    found = {}
    for line in requirements.read_text(encoding="utf-8").splitlines():
        name, equal, version = line.partition("#")[0].partition("==")
        if equal:
            found[name.strip()] = version.strip()
    return found


def needed(pyproject: Path) -> list[str]:
    """Packages without which a lesson does not run: the package's own and JupyterLab's."""
    return list(_least(_project(pyproject), ("lab",)))


def ranges(pyproject: Path) -> dict[str, str]:
    """The least version of every package, developers' tools included: as `name>=version` says."""
    project = _project(pyproject)
    return _least(project, tuple(project.get("optional-dependencies", {})))


def own(pyproject: Path) -> dict[str, str]:
    """The least version of each package that the course itself imports, without JupyterLab."""
    return _least(_project(pyproject), ())


def installed(names: Iterable[str]) -> dict[str, str | None]:
    """The installed version of each package; None where it is absent."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def _project(pyproject: Path) -> dict:
    return tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]


def _least(project: dict, extras: tuple[str, ...]) -> dict[str, str]:
    optional = project.get("optional-dependencies", {})
    lines = [*project["dependencies"], *(line for extra in extras for line in optional[extra])]
    found = {}
    for line in lines:
        if match := _NAME.match(line):
            least = re.search(r">=\s*([\d.]+)", match.group(2))
            found[match.group(1)] = least.group(1) if least else "0"
    return found
