"""A second validation of the same original against the first, and memory from a thousandfold of pictures; a part of tools/benchmark.py.

The files are those under models/ that were trained on the embedded digits. Pictures of the memory part are generated: small PNG files in one tar.
"""

from __future__ import annotations

import io
import os
import statistics
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

MODELS = Path(__file__).resolve().parents[1] / "models"
FEW, MANY = 2_000, 200_000
SIZE, CLASSES = 16, 10
SPLITS = {0: "train", 1: "val"}

Measured = Callable[..., tuple[float, float]]


def measure(folder: Path, rounds: int, measured: Measured) -> None:
    """Print both; `measured(command, env)` gives seconds and peak MiB of one process."""
    again(folder, rounds, measured)
    memory(folder, measured)


def again(folder: Path, rounds: int, measured: Measured) -> None:
    """The same command twice with a new memory of answers each round; the pictures are decoded before."""
    times: dict[str, list[float]] = {"first": [], "second": []}
    for i in range(rounds + 1):
        env = {**os.environ, "EDGECNN_CACHE": str(folder / f"again{i}"), "TF_CPP_MIN_LOG_LEVEL": "3"}
        measured(_validate(MODELS / "mobilenet.onnx", "--against", MODELS / "mobilenet.tflite", "--data", "digits"), env)
        for name in times:
            times[name].append(measured(_validate(MODELS / "mobilenet_int8.tflite"), env)[0])
    first, second = (statistics.median(column[1:]) for column in times.values())
    print(f"  mobilenet_int8.tflite against mobilenet.keras, digits: first {first:.2f} s, second {second:.2f} s, {second / first:.2f} of the first")


def memory(folder: Path, measured: Measured) -> None:
    """Peak memory of a whole validation, decoding included and from the cache, of 2,000 and of 200,000 pictures."""
    peaks = {}
    for count in (FEW, MANY):
        data = pictures(folder / f"generated{count}.tar", count)
        env = {**os.environ, "EDGECNN_CACHE": str(folder / "memory"), "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = _validate(MODELS / "mobilenet_int8.tflite", "--against", MODELS / "mobilenet.onnx", "--data", data)
        for name in ("decoding", "cached"):
            seconds, peaks[name, count] = measured(command, env)
            print(f"  {count:>7,} pictures, {name:<9} {seconds:7.1f} s   peak {peaks[name, count]:6.0f} MiB")
    for name in ("decoding", "cached"):
        print(f"  {name}: {MANY // FEW} times the pictures, {peaks[name, MANY] / peaks[name, FEW]:.2f} times the memory")


def pictures(path: Path, count: int) -> Path:
    """A tar of `count` generated test pictures in ten classes, and one picture a class for train and for val."""
    from PIL import Image

    rng = np.random.default_rng(0)
    with tarfile.open(path, "w") as archive:
        for i in range(count + 2 * CLASSES):
            stream = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)).save(stream, "PNG", compress_level=0)
            member = tarfile.TarInfo(f"{SPLITS.get(i // CLASSES, 'test')}/{i % CLASSES}/{i:07}.png")
            member.size = stream.tell()
            stream.seek(0)
            archive.addfile(member, stream)
    return path


def _validate(*words: object) -> list[str]:
    return [sys.executable, "-m", "edgecnn", "validate", *map(str, words), "--no-latency"]
