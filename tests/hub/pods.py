"""Print the pods that KubeSpawner would make from hub/values.yaml, one a profile, as JSON.

Run by JupyterHub's own Python. No cluster is asked: the pod's description is made locally.
"""

import asyncio
import json
import sys
from pathlib import Path

import yaml
from kubernetes_asyncio.client import ApiClient
from kubespawner import KubeSpawner
from traitlets.config import Config


def settings(values: dict) -> Config:
    """What the Helm chart hands to KubeSpawner of the values used here."""
    student, config = values["singleuser"], Config()
    spawner = config.KubeSpawner
    spawner.image = f"{student['image']['name']}:{student['image']['tag']}"
    spawner.cmd = student["cmd"]
    spawner.default_url = student["defaultUrl"]
    spawner.start_timeout = student["startTimeout"]
    for kind, name in (("memory", "mem"), ("cpu", "cpu")):
        for what in ("limit", "guarantee"):
            spawner[f"{name}_{what}"] = student[kind][what]
    spawner.environment = student["extraEnv"]
    spawner.profile_list = student["profileList"]
    spawner.volumes = student["storage"]["extraVolumes"]
    spawner.volume_mounts = student["storage"]["extraVolumeMounts"]
    spawner.update(values["hub"]["config"]["KubeSpawner"])
    return config


async def pod(config: Config, profile: str) -> dict:
    spawner = KubeSpawner(config=config, _mock=True)
    spawner.port = 8888
    spawner.user_options = {"profile": profile.lower()}
    await spawner.load_user_options()
    return ApiClient().sanitize_for_serialization(await spawner.get_pod_manifest())


async def main() -> None:
    values = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    names = [profile["display_name"] for profile in values["singleuser"]["profileList"]]
    print(json.dumps({name: await pod(settings(values), name) for name in names}))


asyncio.run(main())
