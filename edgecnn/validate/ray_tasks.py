"""Evaluation as Ray tasks: the same scores as on one machine, from as many as the cluster has. Needs the extra `edgecnn[ray]`."""

from __future__ import annotations

import logging
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.errors import BadSetting, EdgeCNNError
from edgecnn.formats.keras import trust
from edgecnn.formats.keras.held_models import held_at, source_name
from edgecnn.runtime import model_files, open_model
from edgecnn.runtime.pool import Pictures, usable_cores
from edgecnn.runtime.remote import environment

try:
    import ray
except ImportError as error:
    raise BadSetting("--ray needs the package ray; install it with: pip install 'edgecnn[ray]'") from error

LOCAL = "local"
# Pictures of a task: seconds of work for a large network, and few enough for the object store to hold a task a core and some in waiting.
CHUNK = 256
# Tasks in flight for each core: one at work, one waiting.
AHEAD = 2
# Seconds to wait for the cluster's door.
PATIENCE = 10.0

# In a worker: digest of a file and its preprocessing -> runner. One process runs many tasks, and opens a file once.
_OPEN: dict[str, Any] = {}


@contextmanager
def cluster(address: str) -> Iterator[None]:
    """Join the cluster at `address`, or start one on this machine where it is "local", with a worker for each usable core.

    Raises:
        BadSetting: nobody answers at the address.
    """
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "runtime_env": {"env_vars": _variables()}}
    if address == LOCAL:
        options |= {"num_cpus": usable_cores(), "include_dashboard": False}
    else:
        _knock(address)
        options["address"] = address
    try:
        ray.init(**options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _nobody(address, str(error).splitlines()[0][:160]) from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Ray itself tries for minutes before it says that nobody is there."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon and address == "auto":
        return
    if not host or not port.isdigit():
        raise _nobody(address, "not an address")
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise _nobody(address, str(error)) from error


def _nobody(address: str, why: str) -> BadSetting:
    return BadSetting(f"no Ray cluster answers at '{address}' ({why}); expected host:port, ray://host:port, auto or local")


def stream(
    path: Path, preprocessing: Preprocessing, pictures: Pictures, take: Callable[[int, np.ndarray], None], advance: Callable[[int, str], None] | None = None
) -> None:
    """`pool.stream` on the cluster that `cluster` joined; chunks come back in any order, and no more are under way than its cores can hold.

    Raises:
        BadFile, BadData: as the runner raises in a worker. BadSetting: workers die, or the model is an object in memory.
    """
    if held_at(path) is not None:
        raise BadSetting(f"{source_name(path)} is a model object, and Ray's workers open files; save it and validate the file, or leave out --ray")
    task = ray.remote(num_cpus=1, max_retries=2)(_scores)
    file = ray.put((path.absolute().name, model_files.read_contents(path)))
    most = max(1, int(AHEAD * ray.cluster_resources().get("CPU", 1)))
    waiting: dict[Any, int] = {}
    starts = iter(range(0, len(pictures), CHUNK))
    try:
        while True:
            while len(waiting) < most and (start := next(starts, None)) is not None:
                waiting[task.remote(file, preprocessing, np.ascontiguousarray(pictures[start : start + CHUNK]))] = start
            if not waiting:
                return
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            rows = ray.get(done)
            take(waiting.pop(done), rows)
            if advance is not None:
                advance(len(rows), "")
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, EdgeCNNError) else BadSetting(f"a Ray worker failed: {_reason(error)}") from error
    except ray.exceptions.RayError as error:
        raise BadSetting(f"Ray's workers were lost: {_reason(error)}") from error


def _scores(file: tuple[str, dict[str, bytes]], preprocessing: Preprocessing, pictures: np.ndarray) -> np.ndarray:
    """One task: scores [n, outputs] as the model gives them; `file` is its name and all of its files."""
    import hashlib

    name, contents = file
    digests = [f"{part} {hashlib.sha256(content).hexdigest()}" for part, content in contents.items()]
    key = f"{name} {digests} {preprocessing}"
    if key not in _OPEN:
        folder = tempfile.TemporaryDirectory(prefix="edgecnn-ray-")
        model_files.write_contents(contents, Path(folder.name))
        _OPEN[key] = (open_model(Path(folder.name) / name, preprocessing=preprocessing, threads=1), folder)
    return _OPEN[key][0].scores(pictures)


def _variables() -> dict[str, str]:
    """One thread a worker: there is a worker a core."""
    own = environment(1)
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "TF_CPP_MIN_LOG_LEVEL", trust.VARIABLE)
    return {name: own[name] for name in names if name in own}


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:200]
