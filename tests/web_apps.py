"""Node and its packages for tests of the web bundle: from the npm registry, kept under EDGECNN_TEST_ENVIRONMENTS where that is set."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE = 600  # seconds


def installed(app: Path, folder: Path) -> Path:
    """The app with its node_modules. Skips where there is no Node 20, no npm, or no registry."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no node and npm here: the web bundle is neither built nor run")
    if int(_asked("node", "--version").lstrip("v").split(".")[0]) < 20:
        pytest.skip("this node is older than 20: the web bundle is neither built nor run")
    kept = os.environ.get("EDGECNN_TEST_ENVIRONMENTS")
    place = Path(kept or folder) / "web-bundle"
    wanted = (app / "package.json").read_text()
    ready = place / "ready"
    if not ready.exists() or ready.read_text() != wanted:
        place.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", ".npmrc"):
            shutil.copy(app / name, place)
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=place, capture_output=True, text=True, check=False, timeout=PATIENCE)
        if done.returncode:
            pytest.skip(f"npm cannot install the web bundle's packages here: {done.stderr.strip().splitlines()[-1]}")
        ready.write_text(wanted)
    (app / "node_modules").symlink_to(place / "node_modules")
    return app


def npm(app: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one of the app's scripts."""
    return subprocess.run(["npm", *words], cwd=app, capture_output=True, text=True, check=False, timeout=PATIENCE)


def built(app: Path) -> None:
    """Build without asking the type checker."""
    subprocess.run(["node", "build.mjs"], cwd=app, check=True, capture_output=True, timeout=PATIENCE)


def golden_test(app: Path) -> subprocess.CompletedProcess[str]:
    """Build and run the golden test in Node."""
    built(app)
    return subprocess.run(["node", "--test", "build/"], cwd=app, capture_output=True, text=True, check=False, timeout=PATIENCE)


@contextlib.contextmanager
def served(app: Path) -> Iterator[str]:
    """The app's own server on a free port; its address."""
    process = subprocess.Popen(["node", "serve.mjs", "0"], cwd=app, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def run_script(app: Path, script: str, folder: Path) -> None:
    """Run a module that imports the app's sources, with a folder as its argument."""
    words = ["node_modules/.bin/esbuild", "--bundle", "--format=esm", "--platform=node", "--loader=ts", "--log-level=error"]
    done = subprocess.run(words, cwd=app, input=script, text=True, check=True, capture_output=True)
    (folder / "script.mjs").write_text(done.stdout)
    subprocess.run(["node", folder / "script.mjs", folder], check=True, timeout=PATIENCE)


def _asked(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout.strip()
