"""Measure what storing pruned models sparse and packing them does, and write it into models/README.md.

    EDGECNN_DATA=FOLDER python tools/sparse.py small.keras --against sign-digits/squeezenet
    python tools/sparse.py --kernels

The first form takes a model that `edgecnn compress` made, and the model that it was made from: bytes of its int8 file, dense and sparse, plain, after gzip
and packed (one row where it stays dense); the change of accuracy on the test split; latency and load time of both forms in turn. The second times LiteRT
on float files with made-up weights, dense and sparse, where XNNPACK has kernels that skip zeros.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import keras
import markdown
import numpy as np

from edgecnn import arch, zoo
from edgecnn import card as cards
from edgecnn.card import Preprocessing
from edgecnn.cli.guard import guarded
from edgecnn.cli.progress import progress
from edgecnn.data import load
from edgecnn.export import export, sparse, tflite_float
from edgecnn.packing import container
from edgecnn.runtime import open_model
from edgecnn.runtime.pool import evaluate
from edgecnn.settings import Export
from edgecnn.statistics import paired_interval
from edgecnn.validate.latency import measure
from edgecnn.validate.latency import ratio as between

HEAD = (
    "model", "zeros", "change on test (paired 95 %)", "form", "bytes", "gzip", "packed", "float32's bytes over bytes, gzip, packed",
    "latency of dense's (95 %)", "ms to load",
)  # fmt: skip
KERNELS = ("padding", "zeros", "bytes", "sparse bytes", "dense ms", "sparse ms", "sparse over dense (95 %)")
SHARES, LOADS = (0.5, 0.7, 0.8, 0.9), 15


def main() -> int:
    """Measure, and replace the rows of the models that were measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", nargs="?", metavar="MODEL.keras", help="a pruned model")
    parser.add_argument("--against", metavar="NAME", help="the model that it was made from")
    parser.add_argument("--kernels", action="store_true", help="time LiteRT's sparse kernels instead")
    given = parser.parse_args()
    page = zoo.FOLDER / "README.md"
    if given.kernels:
        rows = [row for padding in ("same", "symmetric") for row in _kernels(padding)]
        markdown.replace_between(page, "sparse-kernels", markdown.table(KERNELS, rows))
    elif given.model and given.against:
        rows = markdown.rows_between(page, "sparse")
        name, new = _measured(Path(given.model), zoo.find(given.against), given.against)
        kept = [row for row in rows if row[0] != name]
        markdown.replace_between(page, "sparse", markdown.table(HEAD, sorted([*kept, *new], key=lambda row: (row[0], row[3]))))
    else:
        parser.error("expected a model and --against NAME, or --kernels")
    return 0


def _measured(model: Path, original: Path, name: str) -> tuple[str, list[list[str]]]:
    """Name and rows of one model."""
    card = cards.read(model)
    data = load(card.data.name, card.preprocessing, progress=progress())
    test = data.splits["test"]
    with tempfile.TemporaryDirectory() as folder:
        (plain,) = export(original, settings=Export(("float32",), ("tflite",)), data=data, out=folder, name="float", progress=progress())
        made = {}
        for form in ("dense", "sparse"):
            settings = Export(("int8",), ("tflite",), min_agreement=0.0, sparse=form == "sparse")  # a bad file is a result here
            (written,) = export(model, settings=settings, data=data, out=folder, name=form, progress=progress())
            if form == "dense" or written.dense:
                made[form] = written.path
        right = [evaluate(path, test.pictures).probabilities.argmax(-1) == test.labels for path in (original, made["dense"])]
        change = _change(*right)
        times, loads = _latencies(made), _loads(made)
        sizes = {form: _sizes(path) for form, path in made.items()}
    label = f"{name}: {_what(card.compression)}"
    zeros = f"{100 * _zeros(model):.0f} %"
    rows = []
    for form, found in sizes.items():
        middle, low, high = between(times[form], times["dense"])
        ratio = f"{middle:.2f} ({low:.2f} to {high:.2f})" if form == "sparse" else ""
        factors = ", ".join(f"{plain.bytes / size:.1f}" for size in found)
        rows.append([label, zeros, change, form, *(f"{size:,}" for size in found), factors, ratio, f"{1000 * loads[form]:.1f}"])
    return label, rows


def _change(before: np.ndarray, after: np.ndarray) -> str:
    low, high = paired_interval(int((after & ~before).sum()), int((before & ~after).sum()), len(before))
    return f"{100 * before.mean():.2f} {100 * (after.mean() - before.mean()):+.2f} ({100 * low:+.2f} to {100 * high:+.2f}), {len(before):,} pictures"


def _what(compression: dict[str, dict[str, object]]) -> str:
    """`prune 0.8, cluster 16, quantize`."""
    value = {"prune": "share", "cluster": "clusters", "channels": "share"}
    return ", ".join(f"{step} {settings[value[step]]}" if step in value else step for step, settings in compression.items())


def _zeros(model: Path) -> float:
    weights = keras.saving.load_model(model, compile=False).get_weights()
    return sum(int((value == 0).sum()) for value in weights) / sum(value.size for value in weights)


def _sizes(path: Path) -> tuple[int, int, int]:
    """Bytes of a file, after gzip -9, and packed."""
    content = path.read_bytes()
    return len(content), len(gzip.compress(content, 9)), len(container.pack(path, content))


def _latencies(files: dict[str, Path], preprocessing: Preprocessing | None = None) -> dict[str, np.ndarray]:
    runners = {form: open_model(path, preprocessing=preprocessing, threads=1) for form, path in files.items()}
    try:
        return measure(runners, progress())
    finally:
        for runner in runners.values():
            runner.close()


def _loads(files: dict[str, Path]) -> dict[str, float]:
    """Seconds from the file to its first answer, the median of runs in turn."""
    seconds: dict[str, list[float]] = {form: [] for form in files}
    for _ in range(LOADS):
        for form, path in files.items():
            start = time.perf_counter()
            with closing(open_model(path, threads=1)) as runner:
                runner.latencies(1)
            seconds[form].append(time.perf_counter() - start)
    return {form: float(np.median(found)) for form, found in seconds.items()}


def _kernels(padding: str) -> list[list[str]]:
    """Rows of MobileNet 1.0 at 224 pixels in float32, the smallest weights of its 1x1 kernels set to zero."""
    rows = []
    for share in SHARES:
        keras.utils.set_random_seed(0)
        net = arch.build("mobilenet", classes=1000, image_size=224, padding=padding)
        for layer in net.layers:
            if type(layer).__name__ == "Conv2D" and layer.kernel_size == (1, 1):
                kernel = layer.kernel.numpy()
                layer.kernel.assign(np.where(np.abs(kernel) <= np.quantile(np.abs(kernel), share), 0, kernel))
        with tempfile.TemporaryDirectory() as folder:
            contents = {"dense": tflite_float.convert(net)}
            contents["sparse"] = sparse.sparse(contents["dense"])
            paths = {form: Path(folder, f"{form}.tflite") for form in contents}
            for form, path in paths.items():
                path.write_bytes(contents[form])
            times = _latencies(paths, Preprocessing(224, 224))
        middle, low, high = between(times["sparse"], times["dense"])
        dense, spread = (1000 * float(np.median(times[form])) for form in ("dense", "sparse"))
        ratio = f"{middle:.2f} ({low:.2f} to {high:.2f})"
        rows.append([padding, f"{100 * share:.0f} %", *(f"{len(contents[form]):,}" for form in contents), f"{dense:.1f}", f"{spread:.1f}", ratio])
        progress().step(" ".join(rows[-1]))
    return rows


if __name__ == "__main__":
    sys.exit(guarded(main))
