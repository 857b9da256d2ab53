#!/usr/bin/env bash
# Style and tests. Makes .venv first. Tests on real pictures run where EDGECNN_DATA or ../shared/data names a folder of them, else they are skipped.
#   tools/test.sh         everything but the slow tests
#   tools/test.sh --all   everything, on the PyTorch backend and on Ray too, which are installed first
#   further words go to pytest, such as tests/test_cli.py
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
extras="[dev]"
[ "${1:-}" = --all ] && extras="[dev,torch,ray]"
environment "$extras"

cd "$root"
if [ -z "${EDGECNN_DATA:-}" ] && [ -d "$root/../shared/data" ]; then
    EDGECNN_DATA=$(cd "$root/../shared/data" && pwd)
    export EDGECNN_DATA
fi
chosen=(-m "not slow")
if [ "${1:-}" = --all ]; then
    chosen=()
    shift
fi
"$venv/bin/ruff" check .
"$venv/bin/ruff" format --check .
# One process a core, at most four: each holds a TensorFlow of its own. A file stays in one process, for its fixtures.
cores=$(nproc)
exec "$venv/bin/python" -m pytest -n "$((cores < 4 ? cores : 4))" --dist loadfile "${chosen[@]}" "$@"
