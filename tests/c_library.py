"""The C bundle as tests compile it: its own test, and the code as a shared library."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np


def outcome(folder: Path) -> tuple[int, str]:
    """Exit code and text of the bundle's own test, compiled with every warning an error."""
    done = subprocess.run(["make", "-C", folder, "test"], capture_output=True, text=True, check=False)
    assert "warning" not in done.stderr + done.stdout
    assert "error:" not in done.stderr, done.stderr
    return done.returncode, done.stdout


class Image8(ctypes.Structure):
    """edgecnn_image of edgecnn.h."""

    _fields_ = [("pixels", ctypes.c_void_p), *((name, ctypes.c_int) for name in ("width", "height", "stride", "step", "orientation"))]


def library(folder: Path, name: str, *, whole: bool = False) -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """The bundle as a shared library, and its model; without its bytes, whose compilation takes seconds, unless it is to be `whole`."""
    made, stub = folder / "shared.so", folder / "stub.c"
    stub.write_text(f'#include "{name}.h"\nconst unsigned char {name}_data[1] = {{0}};\n')
    sources = [folder / "edgecnn.c", folder / f"{name}.c", folder / f"{name}_data.c" if whole else stub]
    subprocess.run(["gcc", "-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", made, *sources, "-lm"], check=True)
    loaded = ctypes.CDLL(str(made))
    loaded.edgecnn_scratch_bytes.restype = ctypes.c_size_t
    return loaded, ctypes.byref(ctypes.c_char.in_dll(loaded, name))


def run(loaded: ctypes.CDLL, model: object, stored: np.ndarray, orientation: int, out: np.ndarray, function: str) -> np.ndarray:
    """`out` filled by a function of the library from uint8 [h, w, 3 or 4] as it lies in memory."""
    image = Image8(stored.ctypes.data, stored.shape[1], stored.shape[0], stored.strides[0], stored.shape[2], orientation)
    size = loaded.edgecnn_scratch_bytes(model, ctypes.byref(image))
    scratch = np.full(size // 8 + 3, 0x5A5A5A5A5A5A5A5A, np.int64)
    assert getattr(loaded, function)(model, ctypes.byref(image), ctypes.c_void_p(scratch.ctypes.data), ctypes.c_void_p(out.ctypes.data)) == 0
    assert (scratch[-(-size // 8) :] == 0x5A5A5A5A5A5A5A5A).all(), "more working memory was used than was asked for"
    return out
