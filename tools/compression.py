"""Compress models in several ways and write into models/README.md what each does to accuracy, bytes and latency of the int8 file.

    EDGECNN_DATA=FOLDER python tools/compression.py trashnet/mobilenet [--epochs 5] [--only qat,prune50]

Every way starts from the model itself. Drops are of the int8 TFLite file against the float model, on the whole test split, with the paired 95 % interval; val
chose the epoch. Rows of other models stay.
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

from edgecnn import card as cards
from edgecnn import zoo
from edgecnn.cli.guard import guarded
from edgecnn.cli.progress import progress
from edgecnn.compress import compress
from edgecnn.data import Dataset, load
from edgecnn.export import export
from edgecnn.runtime import open_model
from edgecnn.runtime.pool import evaluate
from edgecnn.settings import Channels, Cluster, Compress, Export, Prune, QuantizeAware, fine_tuning
from edgecnn.statistics import paired_interval
from edgecnn.validate.latency import measure, ratio_interval

WAYS = {
    "int8": {},
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
    "latency of int8's (95 %)",
)
INT8 = Export(("int8",), ("tflite",), min_agreement=0.0)  # a bad file is a result here


def main() -> int:
    """Measure the models named; rows of others stay."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", metavar="NAME", help="of models under models/")
    parser.add_argument("--epochs", type=int, default=5, metavar="N", help="of each fine-tuning (default: %(default)s)")
    parser.add_argument("--only", metavar="WAYS", help=f"some of {', '.join(WAYS)}; int8 is always measured")
    given = parser.parse_args()
    chosen = {"int8", *(given.only.split(",") if given.only else WAYS)}
    page = zoo.FOLDER / "README.md"
    rows = _standing(page)
    for name in given.models:
        rows |= {(name, way): row for way, row in _measured(name, [way for way in WAYS if way in chosen], given.epochs).items()}
        markdown.replace_between(
            page, "compression", markdown.table(HEAD, [rows[key] for key in sorted(rows, key=lambda key: (key[0], list(WAYS).index(key[1])))])
        )
    return 0


def _standing(page: Path) -> dict[tuple[str, str], list[str]]:
    """Rows that are in the page, by model and way."""
    return {(row[0], row[1]): row for row in markdown.rows_between(page, "compression")}


def _measured(name: str, ways: list[str], epochs: int) -> dict[str, list[str]]:
    model = zoo.find(name)
    card = cards.read(model)
    data = load(card.data.name, card.preprocessing, progress=progress())
    test = data.splits["test"]
    right = {"float": evaluate(model, test.pictures).probabilities.argmax(-1) == test.labels}
    with tempfile.TemporaryDirectory() as folder:
        made = {way: _file(model, way, data, epochs, Path(folder)) for way in ways}
        right |= {way: evaluate(path, test.pictures).probabilities.argmax(-1) == test.labels for way, path in made.items()}
        sizes = {way: (path.stat().st_size, len(gzip.compress(path.read_bytes(), 9))) for way, path in made.items()}
        runners = {way: open_model(path, threads=1) for way, path in made.items()}
        times = measure(runners, progress())
        for runner in runners.values():
            runner.close()
    return {way: [name, way, "" if way == "int8" else str(epochs), *_cells(right, way, sizes, times)] for way in ways}


def _cells(right: dict[str, np.ndarray], way: str, sizes: dict[str, tuple[int, int]], times: dict[str, np.ndarray]) -> list[str]:
    before, after = right["float"], right[way]
    low, high = paired_interval(int((after & ~before).sum()), int((before & ~after).sum()), len(before))
    change = f"{100 * (after.mean() - before.mean()):+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"
    raw, packed = sizes[way]
    ratio = np.median(times[way]) / np.median(times["int8"])
    slow, fast = ratio_interval(times[way], times["int8"])
    latency = "" if way == "int8" else f"{ratio:.2f} ({slow:.2f} to {fast:.2f})"
    share = f"{packed / sizes['int8'][1]:.2f}"
    return [f"{100 * before.mean():.1f}", f"{100 * after.mean():.1f}", change, f"{len(before)}", f"{raw:,}", f"{packed:,}", share, latency]


def _file(model: Path, way: str, data: Dataset, epochs: int, folder: Path) -> Path:
    """The int8 file of one way."""
    said, original = progress(), model
    if WAYS[way]:
        train = replace(fine_tuning(cards.read(model).recipe), epochs=epochs)
        model = compress(original, settings=Compress(train=train, **WAYS[way]), data=data, out=folder, name=way, progress=said).path
    (written,) = export(model, settings=INT8, data=data, out=folder, name=way, progress=said)
    return written.path


if __name__ == "__main__":
    sys.exit(guarded(main))
