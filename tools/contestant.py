"""A contestant of tools/benchmark_training.py, seen from the process that asks it for rounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).resolve().parent
PATIENCE = 300  # seconds that a contestant may take to start, or for a round
Found = dict[str, Any]


class Contestant:
    """A process of tools/training_contestants.py; it begins to work when it is made."""

    def __init__(self, name: str, case: Found) -> None:
        self.name, self.found, self.failed = name, {}, ""
        self.rounds: list[float] = []
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by `close`)
        backend = os.environ.get("KERAS_BACKEND", "jax")
        # Three processes share the device: none may take most of its memory beforehand, or keep a core busy while it waits.
        shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true", "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_WAIT_POLICY": "passive"}
        paths = os.pathsep.join(filter(None, [str(TOOLS.parent), os.environ.get("PYTHONPATH", "")]))
        self.process = subprocess.Popen(
            [sys.executable, str(TOOLS / "training_contestants.py"), name, json.dumps(case)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, **shared, "KERAS_BACKEND": backend, "PYTHONPATH": paths},
        )

    def answer(self) -> Found:
        """The next thing it tells; {} once it failed, which is then written in `failed`."""
        if self.failed:
            return {}
        late = threading.Timer(PATIENCE, self.process.kill)
        late.start()
        line = self.process.stdout.readline()
        late.cancel()
        found = json.loads(line) if line else {"failed": self._end()}
        self.failed = found.get("failed", "")
        return {} if self.failed else found

    def prepare(self) -> None:
        """Wait until it told its facts and trained its first round, which compiles."""
        self.found = self.answer()
        self.found |= self.answer()

    def round(self, pictures: int) -> None:
        """Let it train one round of so many pictures; what it told of the device stays the latest."""
        if self.failed:
            return
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.failed = self._end()
            return
        found = self.answer()
        if found:
            self.rounds.append(pictures / found["seconds"])
            self.found["memory"] = found["memory"]

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.errors.close()

    def _end(self) -> str:
        status = self.process.wait()
        self.errors.seek(0)
        last = (self.errors.read().split("\n")[-2:] or [""])[0][:200]
        killed = f" (out of memory, or longer than {PATIENCE} s)" if status == -9 else ""
        return f"ended with status {status}{killed} {last}".strip()
