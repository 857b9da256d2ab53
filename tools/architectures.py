"""Export every architecture of the catalog at full size, and write what came out into models/README.md.

    python tools/architectures.py                    every row that has not been measured with these versions yet
    python tools/architectures.py mobilenet vgg16    these rows, again
    python tools/architectures.py --table            write the table again from what was measured

Weights are made up (`edgecnn.arch.lively`): bytes and latency do not depend on them, accuracy is not asked. Each row runs in a process of its own, because
TensorFlow does not give memory back. What was measured is kept in models/architectures.json, so that a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

import markdown
import numpy as np

from edgecnn import files, zoo
from edgecnn.catalog import CATALOG, architecture
from edgecnn.cli.guard import guarded
from edgecnn.cli.text import bytes_of, counted
from edgecnn.errors import CheckFailed

FOUND = zoo.FOLDER / "architectures.json"
FILES = ("tflite", "int8.tflite", "onnx", "int8.onnx")
PICTURES = 8


def main() -> int:
    """Measure what is missing, each row in a process of its own, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows to measure again; all that are missing when left out")
    parser.add_argument("--table", action="store_true", help="measure nothing, write the table")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.names[0])))
        return 0
    found = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    names = [architecture(name).name for name in args.names] or [name for name in CATALOG if found.get(name, {}).get("of") != _counts(name)]
    failed = []
    for name in [] if args.table else sorted(names, key=lambda name: CATALOG[name].parameters):
        try:
            found[name] = _in_a_process(name)
        except CheckFailed as error:
            print(error, file=sys.stderr)
            failed.append(name)
            continue
        files.write_text(FOUND, _dumps({key: found[key] for key in CATALOG if key in found}))
        print(f"{name:<32} {found[name]['seconds']:6.1f} s", flush=True)
    markdown.replace_between(zoo.FOLDER / "README.md", "architectures", _table(found))
    if failed:
        raise CheckFailed(f"not exported: {', '.join(failed)}")
    return 0


def _counts(name: str) -> list[int]:
    row = architecture(name)
    return [row.parameters, row.macs]


def _in_a_process(name: str) -> dict[str, object]:
    began = time.monotonic()
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, __file__, "--one", name], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise CheckFailed(f"{name}: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}")
    return {**json.loads(done.stdout.splitlines()[-1]), "seconds": round(time.monotonic() - began, 1)}


def measure(name: str) -> dict[str, object]:
    """Build, export to four files, time them in turn on one thread; bytes, seconds and what the exporter found."""
    from edgecnn.runtime.startup import load_keras

    load_keras()
    import keras

    from edgecnn import arch, card, data, export
    from edgecnn.arch.lively import enliven
    from edgecnn.card import Card
    from edgecnn.export.check import generated
    from edgecnn.runtime.preprocess import prepare
    from edgecnn.settings import Export
    from edgecnn.train import preprocessing_for

    row = architecture(name)
    preprocessing = preprocessing_for(name)
    pictures = generated(preprocessing, PICTURES)
    model = arch.build(name)
    enliven(model, prepare(pictures, preprocessing), seed=0)
    split = data.Split(pictures, np.arange(PICTURES) % 2, tuple(map(str, range(PICTURES))))
    made = data.Dataset("generated", ("even", "odd"), {"train": split, "val": split, "test": split}, digest="generated")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.keras")
        model.save(path)
        card.write(path, Card(name, preprocessing, architecture=name, weights_sha256=files.sha256(path)))
        keras.backend.clear_session()
        del model
        written = export.export(path, settings=Export(schemes=("float32", "int8"), calibration=PICTURES, min_agreement=0.0), data=made)
        size = {file.path.name.removeprefix(name).lstrip("_."): file.bytes for file in written}
        float_difference = max(file.difference for file in written if file.scheme == "float32")
        latency = _latencies(Path(folder), name)
    return {"of": [row.parameters, row.macs], "bytes": size, "milliseconds": latency, "difference": float(f"{float_difference:.2g}")}


def _latencies(folder: Path, name: str) -> dict[str, float]:
    """Median milliseconds of each file on one thread, timed in alternating rounds."""
    from edgecnn.progress import SILENT
    from edgecnn.runtime import open_model
    from edgecnn.validate import latency

    with ExitStack() as stack:
        runners = {kind: stack.enter_context(closing(open_model(_file(folder, name, kind), threads=1))) for kind in FILES}
        times = latency.measure(runners, SILENT)
    return {kind: float(f"{1000 * np.median(times[kind]):.3g}") for kind in FILES}


def _file(folder: Path, name: str, kind: str) -> Path:
    return folder / (f"{name}_{kind}" if kind.startswith("int8") else f"{name}.{kind}")


def _dumps(found: dict[str, dict]) -> str:
    """JSON with one row a line, for diffs."""
    return "{\n" + ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in found.items()) + "\n}\n"


def _table(found: dict[str, dict]) -> str:
    rows = []
    for name, row in CATALOG.items():
        if name not in found:
            continue
        size, spent = found[name]["bytes"], found[name]["milliseconds"]
        cells = [name, f"{row.image_size}", counted(row.parameters), counted(row.macs)]
        rows.append([*cells, *(bytes_of(size[kind]) for kind in FILES), *(f"{spent[kind]:.3g}" for kind in FILES)])
    kinds = ("TFLite", "TFLite int8", "ONNX", "ONNX int8")
    head = ["architecture", "pixels", "parameters", "MACs", *kinds, *(f"ms, {kind}" for kind in kinds)]
    worst = max(found[name]["difference"] for name in found)
    about = (
        f"{len(rows)} of {len(CATALOG)} architectures at the size of their paper, with made-up weights: bytes of the files, and the median time of one\n"
        f"picture on one thread, timed while the machine had other work, too: compare within a row.\n"
        f"Float files differ from the Keras model by {worst:.1g} of the spread of its log-probabilities at most.\n"
    )
    return f"{about}\n{markdown.table(head, rows)}"


if __name__ == "__main__":
    sys.exit(guarded(main))
