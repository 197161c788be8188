"""hub/: both set-ups parse, agree with the code and each other, and leave room for a lesson."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from traitlets.config import Config, PyFileConfigLoader

ROOT = Path(__file__).resolve().parents[2]
HUB = ROOT / "hub"
IMAGE = "REGISTRY/transfer-learning"
# Variables of other programs. Those of the course must be known to its code.
OTHERS = {
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY"),
    *("MALLOC_ARENA_MAX", "TORCH_HOME"),
}


@pytest.fixture(scope="module")
def one_server() -> Config:
    return PyFileConfigLoader("jupyterhub_config.py", str(HUB)).load_config()


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    return yaml.safe_load((HUB / "values.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def shared_data() -> dict[str, dict[str, Any]]:
    text = (HUB / "shared-data.yaml").read_text(encoding="utf-8")
    return {part["kind"]: part for part in yaml.safe_load_all(text)}


def tljh_settings() -> dict[str, str]:
    """What tljh.sh gives to The Littlest JupyterHub."""
    text = (HUB / "tljh.sh").read_text(encoding="utf-8")
    return dict(re.findall(r"^tljh-config set (\S+) (\S+)$", text, re.MULTILINE))


def in_bytes(size: str) -> int:
    """A size as JupyterHub reads it: 2G are 2 * 1024 ** 3 bytes."""
    factor = {"K": 1024, "M": 1024**2, "G": 1024**3}[size[-1]]
    return int(float(size[:-1]) * factor)


def course_variables() -> set[str]:
    """Every COURSE_... variable that the course's code asks for."""
    found: set[str] = set()
    for path in (ROOT / "course_utils").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(re.findall(r"^COURSE_[A-Z]+$", node.value))
    return found


def test_the_code_s_own_variables_are_found() -> None:
    assert {
        "COURSE_DATA",
        "COURSE_CACHE",
        "COURSE_OFFLINE",
        "COURSE_PROGRESS",
    } <= course_variables()


def test_both_set_the_same_variables_and_the_code_knows_them(
    one_server: Config, cluster: dict[str, Any]
) -> None:
    first, second = dict(one_server.Spawner.environment), cluster["singleuser"]["extraEnv"]
    assert set(first) - OTHERS <= course_variables()
    # On a cluster the profile "Photographs" turns to "auto"; on one server it depends on the data.
    assert {**first, "COURSE_DATA": "shapes"} == second
    assert all(isinstance(value, str) for value in second.values()), "YAML made a number of it"


def test_each_student_computes_on_one_thread(one_server: Config) -> None:
    threads = {k: v for k, v in one_server.Spawner.environment.items() if k.endswith("_THREADS")}
    assert len(threads) == 3
    assert set(threads.values()) == {"1"}


def test_the_documented_variables_reach_the_places_they_are_meant_for(
    one_server: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from course_utils.downloads import cifar10, network
    from course_utils.exercises.own_folder import own_folder

    import torch.hub

    for name, value in one_server.Spawner.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    data = Path(one_server.Spawner.environment["COURSE_CACHE"])
    assert cifar10.cache_folder() == data
    assert data in Path(torch.hub.get_dir()).parents
    assert network.offline()
    assert own_folder() == tmp_path / ".transfer-learning"


def test_programs_and_folders_that_are_named_exist(
    one_server: Config, cluster: dict[str, Any]
) -> None:
    python, script, server = one_server.Spawner.cmd
    assert (python, server) == ("python3", "jupyterhub-singleuser")
    assert Path(script) == HUB / "start.py"
    assert cluster["singleuser"]["cmd"] == [
        python, "/srv/transfer-learning/hub/start.py", server
    ]  # fmt: skip
    for page in (one_server.Spawner.default_url, cluster["singleuser"]["defaultUrl"]):
        assert page.startswith("/lab/tree/transfer-learning/")
        assert (ROOT / "lessons" / Path(page).name).is_file()
    [folder] = [a.split("=")[1] for a in one_server.Spawner.args if "app_settings_dir" in a]
    assert (Path(folder) / "overrides.json").is_file()


def test_idle_kernels_and_servers_end_alike(one_server: Config, cluster: dict[str, Any]) -> None:
    kernels = [a for a in one_server.Spawner.args if "MappingKernelManager" in a]
    assert kernels == cluster["hub"]["config"]["KubeSpawner"]["args"]
    cull = cluster["cull"]
    assert cull["enabled"] is True
    assert tljh_settings()["services.cull.timeout"] == str(cull["timeout"])
    assert tljh_settings()["services.cull.every"] == str(cull["every"])


def test_limits_leave_room_for_the_hungriest_lesson(cluster: dict[str, Any]) -> None:
    record = json.loads((ROOT / "data/records/costs/lesson_costs.json").read_text(encoding="utf-8"))
    memory = json.loads(
        (ROOT / "data/records/costs/class_of_students_memory.json").read_text(encoding="utf-8")
    )
    server = max(row["peak_mb"] for row in memory["rows"] if row["what"] == "server") * 1e6
    allowed = record["limits"]["peak_mb"] * 1e6  # more than any lesson takes
    assert max(row["peak_mb"] for row in record["medians"]) * 1e6 <= allowed
    resting = max(r["unique_mb"] for r in memory["rows"] if r["what"] not in {"server", "steps"})

    student = cluster["singleuser"]
    limit, guarantee = (in_bytes(student["memory"][what]) for what in ("limit", "guarantee"))
    assert tljh_settings()["limits.memory"] == student["memory"]["limit"]
    assert float(tljh_settings()["limits.cpu"]) == student["cpu"]["limit"]
    assert guarantee < limit
    assert guarantee >= allowed + server, "a lesson does not fit into what a student is sure of"
    assert limit >= allowed + server + 0.5 * resting * 1e6
    share = float(re.findall(r"^SHARE = ([0-9.]+)", (HUB / "start.py").read_text(), re.M)[0])
    assert allowed < share * limit < limit, "the cap must spare lessons, and come before the limit"
    assert student["cpu"]["guarantee"] < student["cpu"]["limit"]


def test_every_profile_has_at_least_the_default(cluster: dict[str, Any]) -> None:
    student = cluster["singleuser"]
    default, *others = student["profileList"]
    assert default["default"] is True
    assert "kubespawner_override" not in default
    for profile in others:
        override = profile["kubespawner_override"]
        assert in_bytes(override["mem_limit"]) > in_bytes(student["memory"]["limit"])
        assert in_bytes(override["mem_guarantee"]) <= in_bytes(override["mem_limit"])
        assert set(override["environment"]) <= set(student["extraEnv"])


def test_the_shared_folder_is_read_only_where_students_are(
    one_server: Config, cluster: dict[str, Any], shared_data: dict[str, dict[str, Any]]
) -> None:
    data = one_server.Spawner.environment["COURSE_CACHE"]
    [volume] = cluster["singleuser"]["storage"]["extraVolumes"]
    [mount] = cluster["singleuser"]["storage"]["extraVolumeMounts"]
    assert mount == {"name": volume["name"], "mountPath": data, "readOnly": True}
    claim = volume["persistentVolumeClaim"]
    assert claim == {"claimName": shared_data["PersistentVolumeClaim"]["metadata"]["name"],
                     "readOnly": True}  # fmt: skip
    pod = shared_data["Job"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["volumeMounts"] == [{"name": pod["volumes"][0]["name"], "mountPath": data}]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["claimName"]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert environment == {
        name: one_server.Spawner.environment[name] for name in ("COURSE_CACHE", "TORCH_HOME")
    }
    for name in ("tljh.sh", "fetch.sh"):
        assert data in (HUB / name).read_text(encoding="utf-8"), name


def test_one_image_everywhere(
    cluster: dict[str, Any], shared_data: dict[str, dict[str, Any]]
) -> None:
    image = cluster["singleuser"]["image"]
    [container] = shared_data["Job"]["spec"]["template"]["spec"]["containers"]
    assert image["name"] == IMAGE
    assert container["image"] == f"{IMAGE}:{image['tag']}"
    page = (HUB / "README.md").read_text(encoding="utf-8")
    assert f"{IMAGE}:{image['tag']}" in page
    assert "--target-repo-dir /srv/transfer-learning" in page


@pytest.mark.parametrize("name", ["tljh.sh", "fetch.sh"])
@pytest.mark.skipif(sys.platform == "win32", reason="a hub runs on Linux")
def test_scripts_parse_and_can_be_started(name: str) -> None:
    subprocess.run(["bash", "-n", str(HUB / name)], check=True, timeout=30)
    assert (HUB / name).stat().st_mode & 0o111


@pytest.mark.skipif(sys.platform == "win32", reason="a hub runs on Linux")
def test_fetch_asks_the_course_to_fetch_into_the_shared_folder(tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\necho "$@ $COURSE_CACHE $TORCH_HOME"\n')
    fake.chmod(0o755)
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    done = subprocess.run(
        [str(HUB / "fetch.sh"), "weights"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(fake), "DATA": str(data)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == f"-m course_utils fetch weights {data} {data}/torch\n"
    assert data.stat().st_mode & 0o777 == 0o755, "students could not read it"


def test_the_page_shows_what_the_records_say(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.costs import class_page

    page = class_page.PAGE.read_text(encoding="utf-8")
    assert class_page.replaced(page) == page, "run: python -m benchmarks.costs.class_page"


def test_the_page_quotes_the_limits_that_are_set(cluster: dict[str, Any]) -> None:
    page = (HUB / "README.md").read_text(encoding="utf-8")
    for name in ("tljh.sh", "fetch.sh", "start.py", "jupyterhub_config.py", "values.yaml",
                 "shared-data.yaml"):  # fmt: skip
        assert f"`{name}`" in page or f"hub/{name}" in page, name
        assert (HUB / name).is_file()
    for name in re.findall(r"COURSE_[A-Z]+", page):
        assert name in course_variables() | {"COURSE_HUB"}, name


def test_solutions_that_an_instructor_closed_to_the_class_are_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from course_utils.exercises import solutions

    assert solutions.of(0)

    def refuse(path: Path, **_: object) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)
    assert solutions.of(0) == {}
