#!/usr/bin/env bash
# Sets The Littlest JupyterHub up for this course. Run it once, from anywhere, as root:
#     sudo hub/tljh.sh                        sudo hub/tljh.sh --close-solutions
# It can be run again: nothing is lost, and no student's file is touched.
set -euo pipefail
case "${1:-}" in
    "" | --close-solutions) ;;
    *) echo "usage: $0 [--close-solutions]" >&2; exit 2 ;;
esac
cd "$(dirname "$(readlink -f "$0")")/.."
course="$PWD"
data=/srv/course-data

# The course for all students, in the environment that their notebooks run in.
/opt/tljh/user/bin/python -m pip install -r requirements.txt
/opt/tljh/user/bin/python -m pip install --no-deps -e .
chmod -R u+rwX,go+rX,go-w .  # everybody may read it, and only you may change it
[ ! -e lessons/INSTRUCTORS.md ] || chmod go-rwx lessons/INSTRUCTORS.md
[ -z "${1:-}" ] || chmod -R go-rwx lessons/solutions

# The shared folder: root writes, everybody reads.
install -d -m 755 "$data" "$data/torch"

# What one student may use.
tljh-config set limits.memory 2G
tljh-config set limits.cpu 2

# A server that nobody used for an hour ends. The files stay.
tljh-config set services.cull.timeout 3600
tljh-config set services.cull.every 300

tljh-config set user_environment.default_app jupyterlab
ln -sfn "$course/hub/jupyterhub_config.py" /opt/tljh/config/jupyterhub_config.d/course.py
tljh-config reload
