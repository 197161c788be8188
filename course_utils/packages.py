"""Which packages the course needs, which it is tested with, and which are installed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PYPROJECT = PROJECT / "pyproject.toml"
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)(?:.*>=\s*([\d.]+))?")


def version_numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, to compare by: "2.13.0+cpu" gives (2, 13, 0)."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def pinned(requirements: Path = PROJECT / "requirements.txt") -> dict[str, str]:
    """The version of each package that the course is tested with, as `name==version` says."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("#")[0].partition("==") for line in lines)
    return {name.strip(): version.strip() for name, equal, version in pairs if equal}


def required(extras: Sequence[str] | None = (), pyproject: Path = PYPROJECT) -> dict[str, str]:
    """The least version of each package that the course itself imports, as `name>=version` says.

    Parameters
    ----------
    extras : sequence of str or None, optional
        Optional groups to include, such as `["lab"]` for JupyterLab; None for all of them.
    pyproject : Path, optional
        Where it stands.
    """
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    optional = project.get("optional-dependencies", {})
    groups = [
        project["dependencies"],
        *(optional[e] for e in (optional if extras is None else extras)),
    ]
    found = (_REQUIREMENT.match(line) for group in groups for line in group)
    return {match[1]: match[2] or "0" for match in found if match}


def installed(names: Iterable[str]) -> dict[str, str | None]:
    """The installed version of each package; None where it is absent."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found
