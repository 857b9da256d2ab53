"""What each step of post-training quantization does to independent ImageNet networks: how often the int8 file gives its float original's answer.

    EDGECNN_DATA=FOLDER python tools/post_training.py WEIGHTS

WEIGHTS is a folder with mobilenet_025_224_imagenet.keras and squeezenet1_1_imagenet.keras. Steps add up from row to row. Everything is calibrated on the
same 200 training photos of TrashNet and judged on 500 of its test photos, as plain pictures: no label is used, the figure is agreement in top-1. Operators are
kept wide by what each does to the answers to the calibration photos. The table goes into models/README.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import compare_with_guide as guide
import markdown
import numpy as np
import timing

from edgecnn import data, zoo
from edgecnn.cli.guard import guarded
from edgecnn.cli.progress import progress
from edgecnn.data import Dataset
from edgecnn.export.workshop import Workshop, open_model
from edgecnn.optimize.sensitivity import ranking
from edgecnn.runtime.pool import evaluate
from edgecnn.runtime.preprocess import prepare
from edgecnn.runtime.startup import load_keras
from edgecnn.settings import Export, PostTraining
from edgecnn.statistics import wilson

HEAD = ("network", "file", "way to int8, each row with all before it", "top-1 as the float original (95 %)", "pictures", "bytes", "time of the first (95 %)")
STEPS = (
    ("weights to the nearest step, ranges of the extremes", PostTraining(ranges="extremes", correct=False)),
    ("biases corrected", PostTraining(ranges="extremes")),
    ("ranges by the fourth power of the error: `edgecnn export --int8`", PostTraining()),
    ("even channels, which the rows below go without", PostTraining(equalize=True)),
    ("weights reconstructed", PostTraining(rounding="reconstructed")),
    ("scores of the last layer in float", PostTraining(rounding="reconstructed", head="float")),
)
LAST = STEPS[-1][1]
# Numbers of further operators kept wide.
WIDE = (2, 4, 8, 12)


def main() -> int:
    """Measure both networks in both formats."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="WEIGHTS")
    folder = parser.parse_args().folder
    load_keras()
    rows = [row for name in guide.NETWORKS for row in _network(folder / f"{name}.keras")]
    markdown.replace_between(zoo.FOLDER / "README.md", "post-training", markdown.table(HEAD, rows))
    return 0


def _network(model: Path) -> Iterator[list[str]]:
    preprocessing, said = guide.NETWORKS[model.stem], progress()
    dataset = data.load("trashnet", preprocessing)
    test = dataset.splits["test"].pictures[guide.some(len(dataset.splits["test"]))]
    original = evaluate(model, test, preprocessing=preprocessing).probabilities.argmax(1)
    opened = open_model(model, Export(("int8",), calibration=guide.CALIBRATION), data=dataset, preprocessing=preprocessing, progress=said)
    for suffix in ("tflite", "onnx"):
        with tempfile.TemporaryDirectory() as folder:
            made = {}
            if suffix == "tflite":
                made["TensorFlow's guide"] = _guide(model, dataset, Path(folder))
            made |= _ways(Workshop(suffix, opened, said), Path(folder))
            times = timing.times(made)
            first = next(way for way in made if way != "TensorFlow's guide")
            for way, path in made.items():
                yield [model.stem, suffix, way, *_cells(path, test, original, preprocessing), timing.ratio(times[way], times[first]) if way != first else ""]


def _ways(workshop: Workshop, folder: Path) -> dict[str, Path]:
    """The file of each step."""
    made = {}
    for number, (way, how) in enumerate((*STEPS, *_wider(workshop))):
        workshop.progress.step(f"{workshop.format.suffix}: {way}")
        made[way] = folder / f"{number}.{workshop.format.suffix}"
        made[way].write_bytes(workshop.make("int8", how))
    return made


def _wider(workshop: Workshop) -> Iterator[tuple[str, PostTraining]]:
    """More and more operators wide, those first that move the answers to the calibration photos most when they alone are int8."""
    pictures, sure = workshop.material.pictures, workshop.answers
    inner = [name for name in workshop.operators(LAST) if name not in workshop.wide(LAST)]

    def effect(chosen: list[str]) -> float:
        how = replace(LAST, wide=tuple(name for name in inner if name not in chosen))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"some.{workshop.format.suffix}")
            path.write_bytes(workshop.make("int8", how))
            found = evaluate(path, pictures).probabilities
        return float((sure * np.log(np.maximum(sure, 1e-9) / np.maximum(found, 1e-9))).sum(1).mean())

    worst = list(islice(ranking(inner, effect), max(WIDE)))
    for count in WIDE:
        names = ", ".join(f"`{name}`" for name in worst[:count])
        yield (
            f"{count} of {len(inner)} operators before it in float: {names}" if count == WIDE[0] else f"{count} of them",
            replace(LAST, wide=tuple(worst[:count])),
        )


def _guide(model: Path, dataset: Dataset, folder: Path) -> Path:
    preprocessing = guide.NETWORKS[model.stem]
    np.save(folder / "calibration.npy", prepare(data.calibration(dataset, guide.CALIBRATION).pictures, preprocessing))
    script = Path(__file__).with_name("guide_int8.py")
    subprocess.run([sys.executable, script, model, folder / "calibration.npy", folder / "guide.tflite"], check=True, capture_output=True)
    return folder / "guide.tflite"


def _cells(path: Path, test: np.ndarray, original: np.ndarray, preprocessing) -> list[str]:  # noqa: ANN001, a Preprocessing
    scores = evaluate(path, test, preprocessing=preprocessing).scores
    same = int((scores.argmax(1) == original).sum())
    low, high = wilson(same, len(test))
    return [f"{100 * same / len(test):.1f} % ({100 * low:.1f} to {100 * high:.1f})", str(len(test)), f"{path.stat().st_size:,}"]


if __name__ == "__main__":
    sys.exit(guarded(main))
