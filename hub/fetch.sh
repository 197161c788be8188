#!/usr/bin/env bash
# Fetches CIFAR-10 and the ImageNet weights once for the whole class (about 200 MB), as root:
#     sudo hub/fetch.sh            sudo COURSE_MIRROR=/media/stick hub/fetch.sh
# Without it every lesson runs in the built-in Shapes world. PYTHON and DATA are for other set-ups.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
data="${DATA:-/srv/course-data}"
umask 022
COURSE_CACHE="$data" TORCH_HOME="$data/torch" \
    "${PYTHON:-/opt/tljh/user/bin/python}" -m course_utils fetch "$@"
chmod -R go+rX,go-w "$data"
