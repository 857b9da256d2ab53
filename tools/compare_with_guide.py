"""int8 exports of independent ImageNet networks, by edgecnn and by TensorFlow's guide: how often each gives its float original's answer.

    python tools/compare_with_guide.py FOLDER

FOLDER holds mobilenet_025_224_imagenet.keras and squeezenet1_1_imagenet.keras. Both ways are calibrated on the same 200 training photos of TrashNet
and judged on 500 of its test photos, as plain pictures: no label is used, the figure is agreement in top-1. EDGECNN_DATA names the folder with TrashNet.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from edgecnn import data
from edgecnn.card import Preprocessing
from edgecnn.export import export
from edgecnn.runtime.pool import evaluate
from edgecnn.runtime.preprocess import prepare
from edgecnn.schemes import SCHEMES
from edgecnn.settings import Export
from edgecnn.statistics import wilson

NETWORKS = {
    "squeezenet1_1_imagenet": Preprocessing(227, 227, "bgr", (104.0, 117.0, 123.0), (1.0,)),
    "mobilenet_025_224_imagenet": Preprocessing(224, 224, "rgb", (127.5,), (127.5,)),
}
CALIBRATION, TEST = 200, 500


def main() -> None:
    """Export both networks to all formats, make the guide's file, and print one row a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print(f"top-1 agreement with the float original, TrashNet test, {TEST} photos, 95 % Wilson interval; {CALIBRATION} training photos for calibration")
    print(f"{'file':<44} {'agreement':>9}  {'interval':<13} {'ties':>6}")
    for name, preprocessing in NETWORKS.items():
        with tempfile.TemporaryDirectory() as out:
            compare(folder / f"{name}.keras", preprocessing, Path(out))


def compare(model: Path, preprocessing: Preprocessing, out: Path) -> None:
    """One network: every export of edgecnn's, then the guide's."""
    dataset = data.load("trashnet", preprocessing)
    calibration = data.calibration(dataset, CALIBRATION)
    test = dataset.splits["test"].pictures[some(len(dataset.splits["test"]))]
    original = evaluate(model, test, preprocessing=preprocessing).probabilities
    settings = Export(schemes=tuple(SCHEMES), calibration=CALIBRATION)
    files = [made.path for made in export(model, settings=settings, data=dataset, preprocessing=preprocessing, out=out)]
    np.save(out / "calibration.npy", prepare(calibration.pictures, preprocessing))
    guide = out / "guide_int8.tflite"
    script = Path(__file__).with_name("guide_int8.py")
    subprocess.run([sys.executable, script, model, out / "calibration.npy", guide], check=True, capture_output=True)
    for path in [*files, guide]:
        report(path, test, preprocessing, original)


def some(total: int) -> np.ndarray:
    """Indices of TEST pictures, evenly over a split in class order."""
    return np.linspace(0, total - 1, min(TEST, total)).round().astype(int)


def report(path: Path, test: np.ndarray, preprocessing: Preprocessing, original: np.ndarray) -> None:
    """Print agreement, its interval and the share of pictures whose two best scores are equal. 16-bit files run slowly: fewer pictures."""
    if "int16x8" in path.name:
        test, original = test[::10], original[::10]
    scores = evaluate(path, test, preprocessing=preprocessing).scores
    same = int((scores.argmax(1) == original.argmax(1)).sum())
    best = np.sort(scores, axis=1)
    low, high = wilson(same, len(test))
    ties = float((best[:, -1] == best[:, -2]).mean())
    print(f"{path.name:<44} {same / len(test):>8.1%}  {low:.1%}-{high:.1%}  {ties:>5.1%}  n={len(test)}", flush=True)


if __name__ == "__main__":
    main()
