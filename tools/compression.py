"""Compress models in several ways and write into models/README.md what each does to accuracy, bytes and latency of the int8 file.

    EDGECNN_DATA=FOLDER python tools/compression.py trashnet/mobilenet [--epochs 5] [--only qat,prune50]
    EDGECNN_DATA=FOLDER python tools/compression.py FOLDER/cifar10/short-mobilenet.keras    # one that is not under models/

Every way starts from the model itself. Drops are of the int8 TFLite file against the float model, on the whole test split, with the paired 95 % interval; val
chose the epoch, and of `max-drop0.4` the way to int8 without training. Rows of other models stay.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import markdown
import numpy as np
import timing

from edgecnn import card as cards
from edgecnn import zoo
from edgecnn.cli.guard import guarded
from edgecnn.cli.progress import progress
from edgecnn.compress import compress
from edgecnn.data import Dataset, load
from edgecnn.export import export
from edgecnn.optimize import within
from edgecnn.runtime.pool import evaluate
from edgecnn.settings import Budget, Channels, Cluster, Compress, Export, Prune, QuantizeAware, fine_tuning
from edgecnn.statistics import paired_interval

WAYS = {
    "int8": {},
    "max-drop0.4": Budget(0.4, quantize=None),
    "qat": {"quantize": QuantizeAware()},
    "prune50": {"prune": Prune(0.5)},
    "prune50-cluster32": {"prune": Prune(0.5), "cluster": Cluster(32)},
    "prune80": {"prune": Prune(0.8)},
    "channels30": {"channels": Channels(0.3)},
}
HEAD = (
    "model",
    "what was done",
    "epochs",
    "float top-1",
    "int8 top-1",
    "change (paired 95 %)",
    "pictures",
    "bytes",
    "gzip",
    "of int8's gzip",
    "LiteRT latency of int8's (95 %)",
    "ONNX top-1",
    "ONNX change (paired 95 %)",
    "ORT latency of int8's (95 %)",
)
INT8 = Export(("int8",), min_agreement=0.0)  # a bad file is a result here


def main() -> int:
    """Measure the models named; rows of others stay."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", metavar="NAME", help="of models under models/, or .keras files")
    parser.add_argument("--epochs", type=int, default=5, metavar="N", help="of each fine-tuning (default: %(default)s)")
    parser.add_argument("--only", metavar="WAYS", help=f"some of {', '.join(WAYS)}; int8 is always measured")
    given = parser.parse_args()
    chosen = {"int8", *(given.only.split(",") if given.only else WAYS)}
    page = zoo.FOLDER / "README.md"
    rows = {(row[0], row[1]): row for row in markdown.rows_between(page, "compression")}
    for name in given.models:
        rows |= {(_label(name), way): row for way, row in _measured(name, [way for way in WAYS if way in chosen], given.epochs).items()}
        markdown.replace_between(
            page, "compression", markdown.table(HEAD, [rows[key] for key in sorted(rows, key=lambda key: (key[0], list(WAYS).index(key[1])))])
        )
    return 0


def _label(name: str) -> str:
    """What the table calls a model: its name under models/, or its folder and name elsewhere."""
    path = Path(name)
    return f"{path.parent.name}/{path.stem}" if path.suffix else name


def _measured(name: str, ways: list[str], epochs: int) -> dict[str, list[str]]:
    model = zoo.find(name)
    card = cards.read(model)
    data = load(card.data.name, card.preprocessing, progress=progress())
    test = data.splits["test"]
    before = evaluate(model, test.pictures).probabilities.argmax(-1) == test.labels
    with tempfile.TemporaryDirectory() as folder:
        made = {way: _files(model, way, data, epochs, Path(folder)) for way in ways}
        cells = {way: [_label(name), way, str(epochs) if _trains(way) else "", f"{100 * before.mean():.1f}"] for way in ways}
        for suffix in ("tflite", "onnx"):
            paths = {way: found[suffix] for way, found in made.items()}
            times = timing.times(paths)
            packed = {way: len(gzip.compress(path.read_bytes(), 9)) for way, path in paths.items()}
            for way, path in paths.items():
                after = evaluate(path, test.pictures).probabilities.argmax(-1) == test.labels
                cells[way] += _accuracy(before, after)
                if suffix == "tflite":
                    cells[way] += [f"{len(before)}", f"{path.stat().st_size:,}", f"{packed[way]:,}", f"{packed[way] / packed['int8']:.2f}"]
                cells[way].append("" if way == "int8" else timing.ratio(times[way], times["int8"]))
    return cells


def _accuracy(before: np.ndarray, after: np.ndarray) -> list[str]:
    """Top-1 of the file, and its change against the float model."""
    low, high = paired_interval(int((after & ~before).sum()), int((before & ~after).sum()), len(before))
    return [f"{100 * after.mean():.1f}", f"{100 * (after.mean() - before.mean()):+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"]


def _trains(way: str) -> bool:
    return bool(WAYS[way]) and not isinstance(WAYS[way], Budget)


def _files(model: Path, way: str, data: Dataset, epochs: int, folder: Path) -> dict[str, Path]:
    """The int8 files of one way, by their suffix."""
    said, original = progress(), model
    if isinstance(WAYS[way], Budget):
        found = within(model, WAYS[way], settings=INT8, data=data, out=folder, name=way, progress=said)
        return {made.exported.path.suffix[1:]: made.exported.path for made in found}
    if _trains(way):
        train = replace(fine_tuning(cards.read(model).recipe), epochs=epochs)
        model = compress(original, settings=Compress(train=train, **WAYS[way]), data=data, out=folder, name=way, progress=said).path
    return {made.path.suffix[1:]: made.path for made in export(model, settings=INT8, data=data, out=folder, name=way, progress=said)}


if __name__ == "__main__":
    sys.exit(guarded(main))
