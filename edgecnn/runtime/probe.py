"""Opens and runs a stranger's file for the first time in a process of its own, whose death is a message.

A runtime is native code: a file that it was not made for can end the process, or take all time or memory. One child imports the runtime once and tries file
after file until one of them ends it. What came through is remembered by its SHA-256, so that each file is tried once on a machine. Of an .onnx this counts the
files beside it in which it keeps weights.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path

from edgecnn import files, untrusted
from edgecnn.errors import BadFile, BadSetting
from edgecnn.formats.keras import trust
from edgecnn.formats.keras.demanding import is_demanding
from edgecnn.formats.keras.held_models import held_at
from edgecnn.formats.keras.inspection import inspect_config, is_keras
from edgecnn.runtime import model_files
from edgecnn.runtime.probe_child import INSIDE, RAN, REFUSED

# Seconds that loading a file and one run may take; a larger or smaller number may stand in this variable of the environment.
SECONDS, SECONDS_VARIABLE = 120.0, "EDGECNN_PROBE_SECONDS"
# Files that are remembered.
MOST_REMEMBERED = 2000

# Suffix -> package that runs such files.
RUNTIMES = {".tflite": "ai-edge-litert", ".onnx": "onnxruntime", ".ort": "onnxruntime"}
KERAS = "tensorflow"


class Probe:
    """The child and what is known of files; one for the whole process, see `PROBE`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._owner, self._tried_before = 0, False
        self._known: set[str] = set()
        self._parts: dict[tuple[object, ...], tuple[Path, ...]] = {}
        self._digests: dict[tuple[object, ...], str] = {}

    def trust(self, path: str | os.PathLike[str]) -> None:
        """Take the content that a file has now as safe: this process has just written it."""
        self._known.add(self._digest(Path(path)))

    def prepare(self, path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> None:
        """Start the child where `check` will need it, and do not wait: the caller can import its own runtime meanwhile."""
        if self._key(Path(path), size) is not None:
            with self._lock:
                self._start()

    def check(self, path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> None:
        """Try a file in the child, unless its content is known to run; of files that are not native code's to read, nothing is done.

        Args:
            path: a .tflite, .onnx or .ort, a SavedModel folder, or a Keras file.
            size: height and width of the input where the file leaves them open; None takes those of its card.

        Raises:
            BadFile: the child ended, took too long or too much memory, or it found the file to be damaged. What the runtime raises is not told: whoever runs
                the file next meets it.
        """
        path = Path(path)
        key = self._key(path, size)
        if key is None:
            return
        with self._lock:
            runs = self._try(path, size)
        if runs:
            self._known.add(key)
            _remember(key)

    def _key(self, path: Path, size: tuple[int, int] | None) -> str | None:
        """What a try is remembered under; None where none is needed."""
        if os.environ.get(INSIDE) or not _is_tried(path):
            return None
        digest = self._digest(path if path.is_dir() else files.check_file(path, f"{path.suffix} model"))
        options = trust.current()
        tried = [digest, _version(path.suffix.lower()), size, *filter(None, [options.signature, options.image_size])]
        key = hashlib.sha256(json.dumps(tried).encode()).hexdigest()
        return None if digest in self._known or key in self._known or key in _remembered() else key

    def close(self) -> None:
        """End the child."""
        if self._child is not None and self._owner == os.getpid():
            self._pipe.close()
            self._child.kill()
            self._child.wait()
        self._child = self._pipe = None

    def _digest(self, path: Path) -> str:
        own = _state(path)
        if path.is_dir():
            return model_files.digest_of_folder(path)
        try:
            if own not in self._parts:
                self._parts[own] = model_files.model_files(path)
            key = tuple(map(_state, self._parts[own]))
        except (BadFile, OSError):  # damaged, or without its weights: whoever opens it says so
            return files.sha256(path)
        if key not in self._digests:
            self._digests[key] = model_files.digest(path)
        return self._digests[key]

    def _try(self, path: Path, size: tuple[int, int] | None) -> bool:
        """Whether the child ran the file without an exception."""
        message = json.dumps([os.fspath(path.absolute()), os.fspath(path), size, os.environ.get(trust.VARIABLE, "")]).encode()
        used = self._start()
        try:
            answer, text = self._asked(path, message)
        except (EOFError, OSError) as error:
            code = self._child.wait()
            self.close()
            # The file before this one may have damaged the child's memory: a fresh child must end too.
            if used:
                return self._try(path, size)
            raise BadFile(f"{path}: {_ending(code)} while loading it or running it once; it is damaged, or made to do that") from error
        if answer == REFUSED:
            raise BadFile(text)
        return answer == RAN

    def _asked(self, path: Path, message: bytes) -> list[str]:
        seconds = _seconds()
        self._tried_before = True
        self._pipe.send_bytes(message)
        if not self._pipe.poll(seconds):
            self.close()
            raise BadFile(f"{path}: loading it and running it once took more than {seconds:g} s; set {SECONDS_VARIABLE} to allow more")
        # JSON, not pickle: who took over the child must not take over this process.
        return json.loads(self._pipe.recv_bytes(1 << 20))

    def _start(self) -> bool:
        """Start the child unless it runs; whether it has tried a file before."""
        if self._child is not None and self._owner == os.getpid():
            return self._tried_before
        ours, theirs = socket.socketpair()
        environment = {**os.environ, INSIDE: "1", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONSAFEPATH": "1"}
        # The child must find the package that this process runs.
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
        command: Sequence[str] = (sys.executable, "-m", "edgecnn.runtime.probe_child", str(theirs.fileno()))
        nowhere = subprocess.DEVNULL
        self._child = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()], stdin=nowhere, stdout=nowhere, stderr=nowhere)
        theirs.close()
        self._pipe, self._owner, self._tried_before = Connection(ours.detach()), os.getpid(), False
        return False


def _is_tried(path: Path) -> bool:
    """Whether a file is native code's to read: of Keras files those that ask for much, and SavedModels, which are graphs of TensorFlow."""
    suffix = path.suffix.lower()
    if suffix in RUNTIMES and not path.is_dir():
        return True
    if not is_keras(path) or not path.exists() or held_at(path) is not None or trust.current().trust_code:
        return False
    file = inspect_config(path)
    return file.kind == "saved_model" or is_demanding(file.config or {})


def _state(path: Path) -> tuple[object, ...]:
    """What changes when a file's content does."""
    status = path.stat()
    return str(path.absolute()), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


PROBE = Probe()
atexit.register(PROBE.close)


def _seconds() -> float:
    text = os.environ.get(SECONDS_VARIABLE, "")
    try:
        seconds = float(text) if text else SECONDS
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise BadSetting(f"{SECONDS_VARIABLE}={text}: expected seconds, such as {SECONDS:g}")
    return seconds


def _ending(code: int) -> str:
    if code >= 0:
        return f"the runtime ended its process (exit code {code})"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the runtime crashed ({name})"


@cache
def _version(suffix: str) -> str:
    """What runs a file of that suffix, and this package's version: its checks are a part of the try."""
    names = (RUNTIMES.get(suffix, KERAS), "edgecnn")
    found = []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(name)
    return ", ".join(found)


def _place() -> Path:
    return files.cache_folder() / "probed.json"


def _remembered() -> list[str]:
    try:
        keys = untrusted.loads_json(files.read_bytes(_place()), _place(), "a list")
    except ValueError:  # missing or damaged: files are tried again
        return []
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []


def _remember(key: str) -> None:
    try:
        files.write_text(_place(), json.dumps([*_remembered(), key][-MOST_REMEMBERED:]))
    except BadFile:  # a cache that cannot be written only means that the file is tried again
        return
