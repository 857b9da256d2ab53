"""Python environments beside this one, made when a slow test asks: packages that do not install beside ours, and releases of years ago."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# The models of sign-digits as the tests with MediaPipe export them.
SCHEMES = ("float32", "float16", "dynamic", "int8")
LABELS = tuple("0123456789")
GERMAN = ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")


def python_with(folder: Path, *packages: str) -> Path:
    """A Python that has `packages`, in `folder`, or under EDGECNN_TEST_ENVIRONMENTS where it is kept from run to run. Skips where no index has them."""
    kept = os.environ.get("EDGECNN_TEST_ENVIRONMENTS")
    place = Path(kept or folder) / "-".join(packages).replace("=", "").replace("<", "_")
    python = place / "bin" / "python"
    if not (place / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True, capture_output=True)
        done = subprocess.run([python, "-m", "pip", "install", "-q", *packages], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{' '.join(packages)} cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
        (place / "ready").touch()
    return python


def run(python: Path, script: str, *words: object) -> object:
    """What a script prints as its last line, JSON; it fails where the script does."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([python, "-c", script, *(str(word) for word in words)], capture_output=True, text=True, check=False, timeout=900, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])
