"""The hub of these tests: the shipped configuration on loopback, real Unix users, real limits.

What differs from a class: a password for all, free ports, a shared folder for the test, and, in
place of systemd, a spawner that puts each student into a memory group of the kernel itself.
"""

import json
import os
from pathlib import Path

from jupyterhub.spawner import LocalProcessSpawner

c = get_config()  # noqa: F821  JupyterHub provides it and load_subconfig
SETTINGS = json.loads(os.environ["COURSE_HUB_SETTINGS"])

load_subconfig(SETTINGS["config"])  # noqa: F821


class LimitedSpawner(LocalProcessSpawner):
    """A student's server, started as the student, in a memory group where there is one."""

    def make_preexec_fn(self, name):
        become_student = super().make_preexec_fn(name)
        group = SETTINGS["groups"].get(name)
        if group is None:
            return become_student
        (Path(group["folder"]) / group["limit_file"]).write_text(str(self.mem_limit))

        def enter_and_become():
            (Path(group["folder"]) / "cgroup.procs").write_text(str(os.getpid()))
            become_student()

        return enter_and_become


c.JupyterHub.spawner_class = LimitedSpawner
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = SETTINGS["password"]
c.Authenticator.allowed_users = set(SETTINGS["students"])
c.JupyterHub.bind_url = SETTINGS["url"]
c.JupyterHub.hub_port = SETTINGS["hub_port"]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{SETTINGS['proxy_port']}"
c.ConfigurableHTTPProxy.command = SETTINGS["proxy"]
c.JupyterHub.db_url = f"sqlite:///{SETTINGS['state']}/hub.sqlite"
c.JupyterHub.cookie_secret_file = f"{SETTINGS['state']}/cookie_secret"
c.JupyterHub.services = [{"name": "teacher", "api_token": SETTINGS["token"]}]
c.JupyterHub.load_roles = [
    {
        "name": "teacher",
        "services": ["teacher"],
        "scopes": ["admin:users", "admin:servers", "tokens"],
    }
]
c.Spawner.mem_limit = SETTINGS["mem_limit"]  # as tljh.sh says
c.Spawner.environment.update(SETTINGS["environment"])
