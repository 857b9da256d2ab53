"""Prune, cluster and train under int8's rounding every row of the catalog in miniature, and write into models/README.md what each int8 file is made of.

    python tools/compress_rows.py             every row that the table does not have yet
    python tools/compress_rows.py lenet       this one, again

Each network has an eighth of its filters where the row has a width, and the smallest pictures that it takes; the pictures are noise. What is shown is that
every layer goes through each step, that zeros and shared values are kept to the end, and that the file computes with integers from input to output. A row that
fails is named with its reason.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import markdown
import numpy as np

from edgecnn import zoo
from edgecnn.card import Preprocessing
from edgecnn.catalog import CATALOG, architecture
from edgecnn.cli.guard import guarded
from edgecnn.compress import Compressed, compress
from edgecnn.data import Dataset, Split
from edgecnn.runtime.preprocess import prepare
from edgecnn.settings import FINE_TUNING, Cluster, Compress, Export, Prune, QuantizeAware

HEAD = ("architecture", "pixels", "weights", "zeros asked", "zeros found", "values a channel, most", "operators of the int8 file", "of them float", "green")
WIDTH, CLUSTERS, SHARE = 0.125, 16, 0.3

# Where what a step of compression does to the mean of each layer adds up until one class wins for every picture. Hundreds of steps of fine-tuning take that
# back; here it is taken back after each step of compression: batch norms are measured afresh and the logits' biases set their means.
MENDED = ("resnet110", "densenet_bc_100_12", "resnext50_form_d")


def main() -> int:
    """Each row in a process of its own, so that one that runs out of memory does not end the others."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows of the catalog")
    parser.add_argument("--here", metavar="NAME", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        print(" | ".join(measured(given.here)))
        return 0
    page = zoo.FOLDER / "README.md"
    rows = {row[0]: row for row in markdown.rows_between(page, "rows")}
    for name in given.names or [name for name in CATALOG if name not in rows]:
        rows[name] = _row(architecture(name).name)
        print(" | ".join(rows[name]), flush=True)
        markdown.replace_between(page, "rows", markdown.table(HEAD, [rows[name] for name in CATALOG if name in rows]))
    return 0


def _row(name: str) -> list[str]:
    done = subprocess.run([sys.executable, __file__, "--here", name], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout.strip().splitlines()[-1].split(" | ")
    reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return [name, *[""] * (len(HEAD) - 2), f"no: {re.sub(r'/[^ ]*/', '', reason)}"]


def measured(name: str) -> list[str]:
    """The cells of one row."""
    from edgecnn.runtime.startup import load_keras

    load_keras()
    import keras

    from edgecnn import arch
    from edgecnn.arch.lively import enliven
    from edgecnn.export import export

    row = CATALOG[name]
    small = {key: value for key, value in {"width": WIDTH, "dropout": 0.0}.items() if key in row.arguments}
    net = arch.build(name, classes=7, image_size=max(row.smallest, 32), **small)
    height, width, channels = net.input.shape[1:]
    size = Preprocessing(height, width, "grey" if channels == 1 else "rgb", (128.0,), (128.0,))
    data = _noise(height, width)
    enliven(net, prepare(data.splits["train"].pictures, size))
    share = _share(net, keras)
    train = replace(FINE_TUNING, epochs=1, batch_size=4, learning_rate=1e-5)
    wish = Compress(prune=Prune(share, until=0.5, every=1), cluster=Cluster(CLUSTERS), quantize=QuantizeAware(observe=2), train=train)
    with tempfile.TemporaryDirectory() as folder:
        found = _compressed(net, wish, data, size, Path(folder))
        as_int8 = Export(("int8",), ("tflite",), calibration=8, min_agreement=0.0)
        (written,) = export(found.path, settings=as_int8, data=data, preprocessing=size)
        kinds, floats = _operators(written.path)
        values = _values(keras.saving.load_model(found.path, compile=False), keras)
    lost = [what for what, gone in (("zeros", abs(found.zeros - share) >= 0.02), ("shared values", values > CLUSTERS)) if gone]
    green = "yes" if not floats and not lost else f"no: {', '.join([*floats, *lost])}"
    cells = [name, str(height), f"{net.count_params():,}", f"{share:.2f}", f"{found.zeros:.2f}", str(values), str(kinds.total())]
    return [*cells, str(floats.total()), green]


def _compressed(net, wish: Compress, data: Dataset, size: Preprocessing, folder: Path) -> Compressed:  # noqa: ANN001, Keras' model
    """All steps in one go, or for MENDED each on its own."""
    path = folder / "net.keras"
    net.save(path)
    if net.name not in MENDED:
        return compress(path, settings=wish, data=data, preprocessing=size)
    inputs = prepare(data.splits["train"].pictures, size)
    for step in wish.steps():
        alone = replace(wish, **{other: None for other in wish.steps() if other != step})
        found = compress(path, settings=alone, data=data, preprocessing=size)
        if step != wish.steps()[-1]:
            path = mend(found.path, net, inputs, folder / f"mended-{step}.keras")
    return found


def mend(source: Path, original, inputs: np.ndarray, target: Path) -> Path:  # noqa: ANN001, Keras' model
    """Give a compressed model's batch norms the statistics of `inputs`, and its logits the original's means; kernels stay as they are."""
    import keras

    from edgecnn.train.average import measure_norms

    net = keras.saving.load_model(source, compile=False)
    measure_norms(net, iter([inputs]))
    wanted, has = (np.asarray(keras.Model(it.input, it.layers[-1].input)(inputs)).reshape(len(inputs), -1).mean(0) for it in (original, net))
    last = [layer for layer in net.layers if getattr(layer, "bias", None) is not None][-1]
    last.bias.assign(np.asarray(last.bias) + wanted - has)
    net.save(target)
    return target


def _noise(height: int, width: int) -> Dataset:
    """Noise in seven classes."""
    random = np.random.default_rng(0)

    def split(count: int) -> Split:
        return Split(random.integers(0, 256, (count, height, width, 3), dtype=np.uint8), random.integers(0, 7, count), tuple(map(str, range(count))))

    return Dataset("noise", tuple("abcdefg"), {"train": split(8), "val": split(4), "test": split(4)}, "0" * 64)


def _share(net, keras) -> float:  # noqa: ANN001, both are Keras'
    """SHARE, or less where a miniature has few weights outside of depthwise kernels and batch norms."""
    kernels = [layer.kernel.shape for layer in net.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)]
    pruned = kernels[1:] if len(kernels[0]) == 4 else kernels  # a first convolution is left alone
    return min(SHARE, round(0.8 * sum(int(np.prod(shape)) for shape in pruned) / net.count_params(), 2))


def _values(net, keras) -> int:  # noqa: ANN001, as above
    """Most different values that an output channel of a clustered kernel has; each channel has a scale of its own, so that kernels have more."""
    kernels = [layer.kernel for layer in net.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)]
    flat = [np.asarray(kernel).reshape(-1, kernel.shape[-1]) for kernel in kernels if int(np.prod(kernel.shape)) >= 256 * CLUSTERS]
    return max((len(np.unique(column)) for kernel in flat for column in kernel.T), default=0)


def _operators(path: Path) -> tuple[Counter[str], Counter[str]]:
    """Kinds of all operators, and of those that read or write float tensors."""
    from ai_edge_litert import schema_py_generated as schema

    from edgecnn.export import flatbuffer

    names = {value: key for key, value in vars(schema.BuiltinOperator).items() if not key.startswith("_")}
    model = flatbuffer.read(path.read_bytes())
    kinds, floats = Counter(), Counter()
    for operator in model.subgraphs[0].operators:
        kind = names[model.operatorCodes[operator.opcodeIndex].builtinCode]
        kinds[kind] += 1
        types = {model.subgraphs[0].tensors[index].type for index in (*operator.inputs, *operator.outputs) if index >= 0}
        floats[kind] += schema.TensorType.FLOAT32 in types
    return kinds, +floats


if __name__ == "__main__":
    sys.exit(guarded(main))
