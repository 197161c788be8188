"""Print what SystemdSpawner would start a student's server with, as JSON. Nothing is started.

Run by JupyterHub's own Python: `units.py CONFIG MEMORY CPU`. The limits are what The Littlest
JupyterHub takes from `tljh-config`.
"""

import asyncio
import json
import os
import pwd
import sys
from pathlib import Path
from unittest import mock

from systemdspawner import SystemdSpawner, systemd
from traitlets.config import PyFileConfigLoader


async def main() -> None:
    path = Path(sys.argv[1])
    config = PyFileConfigLoader(path.name, str(path.parent)).load_config()
    config.Spawner.mem_limit, config.Spawner.cpu_limit = sys.argv[2], float(sys.argv[3])
    config.SystemdSpawner.username_template = pwd.getpwuid(os.getuid()).pw_name
    running = mock.AsyncMock(side_effect=[False, True])  # not yet; then it is up
    started = mock.AsyncMock()
    with (
        mock.patch.object(systemd, "service_running", running),
        mock.patch.object(systemd, "service_failed", mock.AsyncMock(return_value=False)),
        mock.patch.object(systemd, "start_transient_service", started),
        mock.patch.object(systemd, "get_systemd_version", return_value=252, create=True),
        mock.patch.object(SystemdSpawner, "get_env", lambda spawner: dict(spawner.environment)),
        mock.patch.object(SystemdSpawner, "get_args", lambda spawner: list(spawner.args)),
    ):
        user = mock.Mock()
        user.name = user.escaped_name = "ann"
        spawner = SystemdSpawner(config=config, hub=mock.Mock(), user=user)
        await spawner.start()
    asked = started.call_args.kwargs
    print(json.dumps({name: asked[name] for name in ("cmd", "args", "properties")}))


asyncio.run(main())
