# Sourced by the scripts beside it: `environment ""` or `environment "[dev]"` makes .venv at the repository root from the lock.
# PYTHON names the interpreter to make it with (default: python3).

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv

environment() {
    local extras=$1 python=${PYTHON:-python3} stamp pins
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
        echo "edgecnn needs Python 3.10 or newer, and $python is $("$python" -V 2>/dev/null || echo not there); set PYTHON=/path/to/python3" >&2
        exit 2
    fi
    [ -x "$venv/bin/python" ] || "$python" -m venv --clear "$venv"
    stamp=$venv/installed$extras
    pins=$(cat "$root/constraints.txt" "$root/pyproject.toml" | sha256sum)
    if [ "$(cat "$stamp" 2>/dev/null)" != "$pins" ]; then
        echo "Installing the packages of constraints.txt into .venv: a minute or two."
        "$venv/bin/python" -m pip install --disable-pip-version-check --quiet --constraint "$root/constraints.txt" --editable "$root$extras"
        echo "$pins" >"$stamp"
    fi
}
