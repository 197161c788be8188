"""JupyterHub for a class on one server. `tljh.sh` puts it where The Littlest JupyterHub reads it.

It stays inside the course's folder, and finds the course by its own place. Limits of memory and CPU
are set in `tljh.sh`, by The Littlest JupyterHub's own command.
"""

from pathlib import Path

c = get_config()  # noqa: F821  JupyterHub provides it

COURSE = Path(__file__).resolve().parents[1]
DATA = Path("/srv/course-data")  # written by root alone: `tljh.sh` makes it

# --- What every student's server starts with -----------------------------------------------------
# start.py runs as the student: own copies of the lessons, a cap on memory, then the server.
c.Spawner.cmd = ["python3", str(COURSE / "hub" / "start.py"), "jupyterhub-singleuser"]
c.Spawner.default_url = "/lab/tree/transfer-learning/00_start_here.ipynb"
c.Spawner.environment = {
    # Data and weights: one folder for all, read-only, fetched once by the instructor.
    "COURSE_CACHE": str(DATA),
    "TORCH_HOME": str(DATA / "torch"),
    "COURSE_OFFLINE": "1",  # or thirty students would each try to fetch what is missing
    "COURSE_DATA": "auto",  # photographs if they were fetched, else the built-in Shapes world
    # What a student solved stays in the student's home.
    "COURSE_PROGRESS": "~/.transfer-learning",
    # One computing thread a student, asleep while it waits. Else each kernel starts a thread for
    # every core, and thirty kernels spend their time getting in each other's way.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_ARENA_MAX": "2",  # freed memory goes back to the system sooner
}
c.Spawner.args = [
    f"--LabApp.app_settings_dir={COURSE / 'course_utils' / 'lab_settings'}",  # no news, no pop-ups
    # A kernel that nobody used for 45 minutes ends, though its page is still open: it holds as
    # much memory as one that computes.
    "--MappingKernelManager.cull_idle_timeout=2700",
    "--MappingKernelManager.cull_interval=120",
    "--MappingKernelManager.cull_connected=True",
]

# --- Thirty people who press the button in the same minute ---------------------------------------
c.JupyterHub.concurrent_spawn_limit = 8  # the others wait in a queue, and see that they do
c.Spawner.start_timeout = 180
c.Spawner.http_timeout = 120

# --- The Littlest JupyterHub's spawner -----------------------------------------------------------
c.SystemdSpawner.isolate_tmp = True  # a /tmp of one's own
# A kernel that exceeds the hard limit is ended alone; the student's server goes on.
c.SystemdSpawner.unit_extra_properties = {"OOMPolicy": "continue"}
