"""Records: each is found by its name alone, and its command can be run as it stands."""

import json
import re

from course_utils.experiments import RECORDS
from tests.conftest import ROOT

import pytest

PATHS = sorted(RECORDS.rglob("*.json"))


def test_a_name_occurs_once() -> None:
    names = [path.stem for path in PATHS]
    assert len(names) > 50
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_command_names_a_script_that_is_there(path) -> None:
    command = json.loads(path.read_text(encoding="utf-8"))["command"]
    found = re.match(r"python -m (benchmarks\.\w+\.\w+)", command)
    assert found, command
    script = ROOT / (found[1].replace(".", "/") + ".py")
    assert script.is_file(), command
    assert script.parent.name == path.parent.name, (
        "a record lies in the folder named as its script's"
    )
