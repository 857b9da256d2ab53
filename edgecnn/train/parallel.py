"""One training on several devices and hosts: Keras' data parallelism over JAX."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edgecnn.errors import BadFile, BadSetting
from edgecnn.settings import Machine

ADDRESS, COUNT, NUMBER = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"


@contextlib.contextmanager
def devices(machine: Machine, batch_size: int) -> Iterator[int]:
    """Networks built inside are the same on every device, and batches are shared among them; yields how many devices there are.

    Processes join where JAX_COORDINATOR_ADDRESS says where the first one listens; JAX_NUM_PROCESSES and JAX_PROCESS_ID say how many there are and which one
    this is, unless a cluster that JAX knows (Slurm, MPI, Kubernetes) says so.

    Raises:
        BadSetting: another backend than JAX, or batches that cannot be shared evenly.
    """
    if not machine.distribute:
        yield 1
        return
    if keras.backend.backend() != "jax":
        raise BadSetting(f"--distribute with the {keras.backend.backend()} backend: expected Keras on JAX; set KERAS_BACKEND=jax")
    _join()
    found = keras.distribution.list_devices()
    if batch_size % len(found):
        raise BadSetting(f"batch size {batch_size} on {len(found)} devices: expected a multiple of {len(found)}")
    with keras.distribution.DataParallel(devices=found).scope():
        yield len(found)


def _join() -> None:
    """Join the other processes, once."""
    import jax

    if ADDRESS not in os.environ or jax.distributed.is_initialized():
        return
    count, number = (int(os.environ[name]) if name in os.environ else None for name in (COUNT, NUMBER))
    keras.distribution.initialize(os.environ[ADDRESS], count, number)


def mesh() -> Any:
    """JAX's mesh of the devices that share batches here; None outside of `devices`."""
    distribution = keras.distribution.distribution()
    return distribution.device_mesh.backend_mesh if distribution else None


def leads() -> bool:
    """Whether this process writes the files: the first one does."""
    if keras.backend.backend() != "jax":
        return True
    import jax

    return jax.process_index() == 0


def agree(epochs: int, folder: Path) -> None:
    """Wait for the other processes, and make sure that all go on after the same epoch; nothing where there is one.

    Raises:
        BadFile: they found different checkpoints, for `folder` is not the same place for all. Unnoticed, they would wait for each other for ever.
    """
    if keras.backend.backend() != "jax":
        return
    import jax

    if jax.process_count() == 1:
        return
    from jax.experimental import multihost_utils

    found = np.ravel(multihost_utils.process_allgather(np.array(epochs))).tolist()
    if len(set(found)) > 1:
        raise BadFile(f"{folder}: the processes find {found} finished epochs there; expected the same; write to a folder that all of them see")
