"""Remove channels of a model, more and more, and write into models/README.md what that does to accuracy and latency in LiteRT and ONNX Runtime.

    EDGECNN_DATA=FOLDER python tools/narrow.py sign-digits/mobilenet 0.3,0.4 --epochs 10 [--keep FOLDER]

Each share starts from the model itself and is fine-tuned with it as the teacher; val chooses the epoch, and figures are of the whole test split. Latency is
that of one thread beside the original's file of the same kind, in alternating rounds, measured three times over. Rows of other models and shares stay.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import keras
import markdown
import numpy as np
import onnx
import onnxruntime
import timing

from edgecnn import card as cards
from edgecnn import zoo
from edgecnn.arch import macs
from edgecnn.cli.guard import guarded
from edgecnn.cli.progress import progress
from edgecnn.compress import compress
from edgecnn.data import Dataset, load
from edgecnn.export import export
from edgecnn.runtime.pool import evaluate
from edgecnn.settings import Channels, Compress, Export, fine_tuning
from edgecnn.statistics import paired_interval
from edgecnn.validate.latency import ratio_interval

HEAD = (
    "model", "MACs gone", "epochs", "files", "float top-1", "pictures", "LiteRT change (paired 95 %)", "LiteRT latency of the original's, three times (95 %)",
    "ONNX change (paired 95 %)", "ORT latency of the original's, three times (95 %)", "0.8 or less in both, 1 point or less", "processor",
)  # fmt: skip
SPENT = "Of the time that ONNX Runtime spends in the operators of"
SCHEMES, TIMES, RATIO, POINTS, RUNS = ("int8", "float32"), 3, 0.8, 1.0, 200


def main() -> int:
    """Measure the shares of one model; other rows stay."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", metavar="NAME", help="of a model under models/, or a .keras file")
    parser.add_argument("shares", metavar="SHARES", help="of the multiply-accumulates to remove: 0.3,0.4")
    parser.add_argument("--epochs", type=int, default=10, metavar="N", help="of each fine-tuning (default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where narrow models go, and are found again")
    given = parser.parse_args()
    page = zoo.FOLDER / "README.md"
    shares = [float(share) for share in given.shares.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        new, said = measured(zoo.find(given.model), shares, given.epochs, Path(given.keep or folder), Path(folder))
    old = page.read_text().partition("<!-- narrow:begin")[2].partition("<!-- narrow:end")[0]
    markdown.replace_between(page, "narrow", section(markdown.rows_between(page, "narrow"), new, [*old.splitlines(), said]))
    return 0


def section(old: list[list[str]], new: list[list[str]], lines: list[str]) -> str:
    """The table, new rows in the place of old ones of the same model, share, files and processor, and the last sentence of `lines` about each model."""
    rows = {(row[0], row[1], row[3], row[-1]): row for row in (*old, *new)}
    about = {line.partition(" own ")[0]: line for line in lines if line.startswith(SPENT)}
    return "\n\n".join([markdown.table(HEAD, [rows[key] for key in sorted(rows)]), *(about[name] for name in sorted(about))])


def measured(model: Path, shares: list[float], epochs: int, keep: Path, folder: Path) -> tuple[list[list[str]], str]:
    """Rows of a model, and where the time of its int8 ONNX file goes."""
    card = cards.read(model)
    data = load(card.data.name, card.preprocessing, progress=progress())
    test = data.splits["test"]
    nets = {"whole": model} | {f"{share:g}": _narrow(model, share, epochs, data, keep) for share in shares}
    before = evaluate(model, test.pictures).probabilities.argmax(-1) == test.labels
    whole = macs.count(_net(model))
    rows, name = [], f"{model.parent.name}/{model.stem}"
    for scheme in SCHEMES:
        settings = Export((scheme,), min_agreement=0.0)  # a bad file is a result here
        made = {key: _files(path, settings, data, folder, key) for key, path in nets.items()}
        latency = {suffix: [timing.times({key: found[suffix] for key, found in made.items()}) for _ in range(TIMES)] for suffix in ("tflite", "onnx")}
        for key in list(nets)[1:]:
            gone = 1 - macs.count(_net(nets[key])) / whole
            cells, fine = [name, f"{100 * gone:.0f} %", str(epochs), scheme, f"{100 * before.mean():.1f}", str(len(before))], []
            for suffix, times in latency.items():
                after = evaluate(made[key][suffix], test.pictures).probabilities.argmax(-1) == test.labels
                ratios = [float(np.median(found[key]) / np.median(found["whole"])) for found in times]
                cells += [_change(before, after), ", ".join(map(_ratio, ratios, times, [key] * TIMES))]
                fine.append(float(np.median(ratios)) <= RATIO and 100 * (before.mean() - after.mean()) <= POINTS)
            rows.append([*cells, "yes" if all(fine) else "no", timing.processor()])
            print(" | ".join(rows[-1]), flush=True)
        if scheme == "int8":
            said = f"{SPENT} {name}'s own int8 file, {shares_of_time(made['whole']['onnx'])}."
    return rows, said


def _narrow(model: Path, share: float, epochs: int, data: Dataset, keep: Path) -> Path:
    """The model without so much of its arithmetic; found again where it was made in the same way before."""
    card, name = cards.read(model), f"{model.parent.name}-{model.stem}-channels{100 * share:g}"
    train = replace(fine_tuning(card.recipe), epochs=epochs)
    settings, path = Compress(channels=Channels(share), train=train), keep / f"{name}.keras"
    if path.exists() and (found := cards.read(path)) and json.loads(json.dumps([settings.plain(), train.plain()])) == [found.compression, found.recipe]:
        return path
    return compress(model, settings=settings, data=data, out=keep, name=name, progress=progress()).path


def _net(path: Path) -> keras.Model:
    return keras.saving.load_model(path, compile=False)


def _files(model: Path, settings: Export, data: Dataset, folder: Path, name: str) -> dict[str, Path]:
    return {made.path.suffix[1:]: made.path for made in export(model, settings=settings, data=data, out=folder, name=name, progress=progress())}


def _change(before: np.ndarray, after: np.ndarray) -> str:
    low, high = paired_interval(int((after & ~before).sum()), int((before & ~after).sum()), len(before))
    return f"{100 * (after.mean() - before.mean()):+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"


def _ratio(ratio: float, times: dict[str, np.ndarray], key: str) -> str:
    low, high = ratio_interval(times[key], times["whole"])
    return f"{ratio:.2f} ({low:.2f} to {high:.2f})"


def shares_of_time(path: Path) -> str:
    """`53 % are those of 1x1 convolutions, ...`: an ONNX file's time by kind of operator, from the medians of ONNX Runtime's own profile."""
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling, options.intra_op_num_threads, options.profile_file_prefix = True, 1, str(Path(folder, "profile"))
        session = onnxruntime.InferenceSession(path, options)
        (given,) = session.get_inputs()
        shape = [size if isinstance(size, int) else 1 for size in given.shape]
        for _ in range(RUNS):
            session.run(None, {given.name: np.zeros(shape, np.uint8 if "uint8" in given.type else np.float32)})
        events = json.loads(Path(session.end_profiling()).read_text())
    times: dict[tuple[str, str], list[float]] = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            times.setdefault((event["name"], event["args"]["op_name"]), []).append(event["dur"])
    known = kinds(path)
    spent: Counter[str] = Counter()
    for (event, _), found in times.items():
        spent[next((kind for name, kind in known.items() if event.startswith(f"{name}_")), "the rest")] += float(np.median(found))
    return ", ".join(f"{100 * part / spent.total():.0f} % are those of {kind}" for kind, part in spent.most_common())


def kinds(path: Path) -> dict[str, str]:
    """Kind of each convolution by its name, which operators keep when ONNX Runtime fuses them."""
    graph = onnx.load(path).graph
    sizes = {weight.name: tuple(weight.dims) for weight in graph.initializer}
    sizes |= {node.output[0]: sizes[node.input[0]] for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in sizes}
    found = {}
    for node in graph.node:
        if node.op_type == "Conv":
            _, inside, *kernel = sizes[node.input[1]]
            found[node.name] = "depthwise convolutions" if inside == 1 else "1x1 convolutions" if kernel == [1, 1] else "the first convolution"
    return found


if __name__ == "__main__":
    sys.exit(guarded(main))
