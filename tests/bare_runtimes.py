"""Exported files in LiteRT and ONNX Runtime alone, by the evaluator of tools/own_models.py, and folders of images whose right answers are known."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from helpers import ROOT
from PIL import Image

if str(ROOT / "tools") not in sys.path:
    sys.path.append(str(ROOT / "tools"))

from own_model_study import evaluation


def digits_folder(folder: Path) -> Path:
    """scikit-learn's 1,797 digits as PNG files of 8x8 pixels in ten class folders."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    for i, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        _save(folder / str(label) / f"{i:04}.png", np.rint(image * (255 / 16)).astype(np.uint8))
    return folder


def levels_folder(folder: Path, classes: int, images: int, spread: float) -> Path:
    """Class folders 0, 1, ...: images of 16x16 pixels whose gray is that of `level_of` plus noise of standard deviation `spread` an image."""
    random = np.random.default_rng(0)
    for label in range(classes):
        for i in range(images):
            gray = level_of(label, classes) + random.normal(0, spread)
            _save(folder / str(label) / f"{i:03}.png", np.clip(random.normal(gray, 4, (16, 16, 3)), 0, 255).astype(np.uint8))
    return folder


def level_of(label: int, classes: int) -> float:
    """The gray of a class of `levels_folder`, from dark to bright."""
    return 240 * (label + 0.5) / classes + 8


def level_weights(classes: int, scale: float, offset: float, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights [3, classes] and bias [classes] that score the mean color of an input (pixel * scale + offset) by its nearness to each level."""
    level = np.array([level_of(label, classes) for label in range(classes)]) * scale + offset
    return (np.repeat(2 * level[None] / 3, 3, 0) * sharpness).astype(np.float32), (-level * level * sharpness).astype(np.float32)


def split_of(path: Path) -> str:
    """The split of an image in a folder without split folders: 70 % train, 10 % val, 20 % test by the first 8 bytes of the SHA-256 of the file."""
    share = int.from_bytes(hashlib.sha256(path.read_bytes()).digest()[:8], "big") % 100
    return "train" if share < 70 else "val" if share < 80 else "test"


def images_of(folder: Path, split: str) -> tuple[list[Path], np.ndarray]:
    """Files and class indices (folders sorted by name) of a split."""
    classes = sorted(path.name for path in folder.iterdir())
    paths = [path for path in sorted(folder.rglob("*.png")) if split_of(path) == split]
    return paths, np.array([classes.index(path.parent.name) for path in paths])


def pixels_of(paths: Sequence[Path], size: int, *, gray: bool = False) -> np.ndarray:
    """Images as a Keras user decodes and resizes them: float32 0..255 [N, size, size, 3], or [N, size, size] in gray."""
    rows = [np.asarray(Image.open(path).convert("L" if gray else "RGB")) for path in paths]
    rows = [evaluation.tf_bilinear(row.reshape(*row.shape[:2], -1), size, size) for row in rows]
    return np.stack(rows)[..., 0] if gray else np.stack(rows)


def scores_of(path: Path, images: Sequence[Path]) -> np.ndarray:
    """Scores [N, outputs] of a file in its runtime alone, fed as its card says."""
    return np.array(evaluation.answer(path, list(images))["scores"], np.float32)


def scores_of_bytes(path: Path, pixels: np.ndarray) -> np.ndarray:
    """Scores [N, outputs] of a .tflite in LiteRT, each byte of uint8 images [N, ...] as it is; less 128 where the input is int8."""
    file = evaluation.open_tflite(path)
    stored = pixels if file.dtype == "uint8" else (pixels.astype(np.int16) - 128).astype(np.int8)
    return np.stack([file.run(image[None]) for image in stored])


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
