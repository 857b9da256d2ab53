"""Times files on a phone: pushes each, runs benchmark_model once for the time and once for the operators, and takes the file away again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from edgecnn import files
from edgecnn.errors import BadFile
from edgecnn.runtime import tflite_file
from edgecnn.validate.phone import log
from edgecnn.validate.phone.adb import FOLDER, TOOL, Device
from edgecnn.validate.phone_figures import Phone, PhoneRun, PhoneRuns


def measure(device: Device, paths: Sequence[Path], threads: Sequence[int], *, runs: int = 50, warmup: int = 5, told: Callable[[PhoneRun], None]) -> PhoneRuns:
    """Every file at every number of threads; `told` hears of each run as it ends.

    Raises:
        BadFile: a file is no .tflite, cannot be pushed, does not run there, or what the tool printed is not understood.
    """
    for path in paths:
        tflite_file.describe(path)
    found = []
    for path in paths:
        for run in _file(device, path, threads, runs, warmup):
            found.append(run)
            told(run)
    return PhoneRuns(datetime.now(timezone.utc).isoformat(timespec="seconds"), tuple(found))


def _file(device: Device, path: Path, threads: Sequence[int], runs: int, warmup: int) -> Iterator[PhoneRun]:
    digest = files.sha256(path)
    remote = f"{FOLDER}/edgecnn_{digest[:16]}.tflite"
    device.push(path, remote)
    try:
        for count in threads:
            asked = f"{TOOL} --graph={remote} --num_threads={count} --warmup_runs={warmup} --num_runs={runs}"
            # Profiling costs time at every operator, so that it has a run of its own.
            plain, profiled = (_run(device, f"{asked} --enable_op_profiling={on}", path) for on in ("false", "true"))
            one = log.timing(plain, str(path))
            yield PhoneRun(str(path), digest, Phone(device.model, device.system, count, **vars(one), kinds=log.kinds(profiled)))
    finally:
        device.shell(f"rm -f {remote}")


def _run(device: Device, command: str, path: Path) -> str:
    code, said = device.shell(f"{command} 2>&1")
    if code:
        last = next((line.strip()[:200] for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
        raise BadFile(f"benchmark_model failed on {path} with exit code {code}: {last}; see whether its operators and its release suit: edgecnn info {path}")
    return said
