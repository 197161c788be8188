"""What the two spawners make of the shipped settings, without systemd and without a cluster."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.hub.conftest import ROOT, program, setting

import pytest

HERE = Path(__file__).parent
GIB = 1024**3
# KubeSpawner insists on a cluster's address; nobody listens at this one, and nobody is asked.
NO_CLUSTER = """
apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: none, user: {}}]
"""


def output(script: str, *arguments: str, **variables: str) -> Any:
    done = subprocess.run(
        [str(program("python")), str(HERE / script), *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_systemd_gets_the_limits_and_starts_the_copying() -> None:
    limits = setting("limits.memory"), setting("limits.cpu")
    unit = output("units.py", str(ROOT / "hub" / "jupyterhub_config.py"), *limits)
    assert unit["cmd"] == ["python3", str(ROOT / "hub" / "start.py"), "jupyterhub-singleuser"]
    properties = unit["properties"]
    assert properties["MemoryMax"] == 2 * GIB
    assert properties["CPUQuota"] == "200%"
    assert properties["OOMPolicy"] == "continue"
    assert properties["PrivateTmp"] == "yes"


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    config = tmp_path_factory.mktemp("kube") / "config"
    config.write_text(NO_CLUSTER)
    values = str(ROOT / "hub" / "values.yaml")
    return output("pods.py", values, KUBECONFIG=str(config))


def test_pods_are_limited_by_their_profile(pods: dict[str, Any]) -> None:
    resources = {name: pod["spec"]["containers"][0]["resources"] for name, pod in pods.items()}
    assert resources["Lessons"] == {
        "requests": {"memory": 1.5 * GIB, "cpu": 0.5},
        "limits": {"memory": 2 * GIB, "cpu": 2.0},
    }
    assert resources["Photographs"] == {
        "requests": {"memory": 3 * GIB, "cpu": 1.0},
        "limits": {"memory": 4 * GIB, "cpu": 2.0},
    }


def test_pods_start_the_copying_and_keep_the_image_s_entry_point(pods: dict[str, Any]) -> None:
    for pod in pods.values():
        [container] = pod["spec"]["containers"]
        assert "command" not in container, "binder/start would be passed over"
        assert container["args"][:3] == [
            "python3", "/srv/transfer-learning/hub/start.py", "jupyterhub-singleuser"
        ]  # fmt: skip


def test_pods_share_data_read_only(pods: dict[str, Any]) -> None:
    for pod in pods.values():
        [container] = pod["spec"]["containers"]
        [mount] = [m for m in container["volumeMounts"] if m["name"] == "course-data"]
        assert mount["readOnly"] is True
        [volume] = [v for v in pod["spec"]["volumes"] if v["name"] == "course-data"]
        assert volume["persistentVolumeClaim"]["readOnly"] is True


def test_a_profile_changes_one_variable_and_keeps_the_others(pods: dict[str, Any]) -> None:
    variables = {
        name: {e["name"]: e.get("value") for e in pod["spec"]["containers"][0]["env"]}
        for name, pod in pods.items()
    }
    assert variables["Lessons"]["COURSE_DATA"] == "shapes"
    assert variables["Photographs"]["COURSE_DATA"] == "auto"
    for found in variables.values():
        assert found["COURSE_CACHE"] == "/srv/course-data"
        assert found["OMP_NUM_THREADS"] == "1"
    # start.py makes its cap of this
    assert variables["Photographs"]["MEM_LIMIT"] == str(4 * GIB)
