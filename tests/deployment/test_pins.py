"""One list of pins: every other list repeats requirements.txt, and nothing installs past it."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
# Names that differ on conda-forge. The "base" packages are the same code without Qt.
CONDA_NAMES = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base", "seaborn": "seaborn-base"}
NOT_FOR_BINDER = {
    *(
        "jupytext",
        "nbclient",
        "nbconvert",
        "nbformat",
        "sphinx",
        "myst-nb",
        "furo",
        "nbval",
        "pytest",
        "pytest-timeout",
        "pytest-xdist",
    ),
    *("hypothesis", "playwright", "notebook", "ruff", "mypy"),
}
INSTALLS = re.compile(r"\b(?:pip|conda|mamba|npm|uv)\b[^\n]*?\b(?:install|create|update|add)\b.*")
ALLOWED_INSTALLS = {
    # what follows "install", once options are taken away
    "-r requirements.txt",
    "-e .",
    # beside the environment, not into it
    "--upgrade --target=$colab -r tests/colab-pins.txt",
    "--upgrade --target=$binder -r tests/binder-pins.txt",
}


def pins() -> dict[str, str]:
    """Return name -> version, from requirements.txt."""
    found = {}
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if text := line.split("#")[0].strip():
            match = re.fullmatch(r"([a-z0-9-]+)==([0-9.]+)", text)
            assert match, f"not an exact pin: {text!r}"
            assert match[1] not in found, f"pinned twice: {match[1]}"
            found[match[1]] = match[2]
    return found


def conda_pins(path: Path) -> dict[str, str]:
    """Return name -> version under the names of requirements.txt, without python and pip."""
    environment = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge"]
    found = {}
    for entry in environment["dependencies"]:
        if isinstance(entry, dict):
            found.update(text.split("==") for text in entry["pip"])
        elif entry != "pip":
            name, version = entry.split("=")
            found[name] = version
    python = found.pop("python")
    assert Version(python) in SpecifierSet(project()["requires-python"])
    names = {conda: name for name, conda in CONDA_NAMES.items()}
    return {names.get(name, name): version for name, version in found.items()}


def project() -> dict:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]


def test_conda_users_get_the_same_versions() -> None:
    assert conda_pins(ROOT / "environment.yml") == pins()


def test_binder_gets_the_same_versions_without_the_test_tools() -> None:
    assert NOT_FOR_BINDER.issubset(pins()), "a name here is no longer pinned"
    wanted = {name: version for name, version in pins().items() if name not in NOT_FOR_BINDER}
    assert conda_pins(ROOT / "binder" / "environment.yml") == wanted


def test_the_packages_own_ranges_admit_the_pins() -> None:
    groups = [project()["dependencies"], *project()["optional-dependencies"].values()]
    ranges = [Requirement(text) for group in groups for text in group]
    assert sorted(requirement.name for requirement in ranges) == sorted(pins())
    for requirement in ranges:
        assert Version(pins()[requirement.name]) in requirement.specifier, requirement


def test_the_package_is_not_tied_to_one_torch() -> None:
    [torch] = [Requirement(t) for t in project()["dependencies"] if Requirement(t).name == "torch"]
    assert torch.specifier.contains("2.10.0")
    assert torch.specifier.contains("2.11.0")


def test_the_pinned_versions_are_the_installed_ones() -> None:
    from importlib.metadata import version

    installed = {name: version(name).split("+")[0] for name in pins()}  # "2.13.0+cpu"
    assert installed == pins()


INSTALLING_FILES = [
    "Makefile",
    ".ci/run",
    "binder/postBuild",
    "binder/start",
    *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob(".github/workflows/*.yml"))),
]


@pytest.mark.parametrize("name", INSTALLING_FILES)
def test_no_step_installs_anything_else(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    strangers = [what for what in installed_things(text) if what not in ALLOWED_INSTALLS]
    assert not strangers, f"{name} installs {strangers}: pin it in requirements.txt instead"


def installed_things(script: str) -> list[str]:
    """Return what each installing command of a script names, options apart."""
    code = "\n".join(line for line in script.splitlines() if not line.strip().startswith("#"))
    things = []
    for command in INSTALLS.findall(code):
        what = re.split(r"\b(?:install|create|update|add)\b", command, maxsplit=1)[1]
        for option in ("-q", "--disable-pip-version-check", "--no-cache-dir", "$(PIP_ARGS)"):
            what = re.sub(rf"(?<!\S){re.escape(option)}(?!\S)", "", what)
        what = re.sub(r"--no-deps(?=.*(-e|--editable) \.)", "", what).replace("--editable", "-e")
        things.append(" ".join(what.split()))
    return things


def test_strangers_are_noticed() -> None:
    assert installed_things("python -m pip install -q torch==2.0") == ["torch==2.0"]
    assert installed_things("x: pip install -q -r requirements.txt extra") != [
        "-r requirements.txt"
    ]
    assert installed_things("conda install pytorch") == ["pytorch"]


def test_make_and_ci_install_from_the_list() -> None:
    for name in ("Makefile", ".github/workflows/ci.yml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "-r requirements.txt" in installed_things(text), name
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["requirements.txt", "environment.yml", *INSTALLING_FILES])
def test_no_package_index_is_named(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"index-url|find-links|https?://", text), name
