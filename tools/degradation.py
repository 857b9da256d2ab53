"""The degradation experiment: a deeper plain net learns its own training pictures worse, a deeper residual net does not.

Kaiming He et al., 2015, Deep residual learning, sections 1 and 4.2, Figures 1 and 6, https://arxiv.org/abs/1512.03385.

    python tools/degradation.py                               digits at 16 pixels: what a processor can do in minutes
    EDGECNN_DATA=FOLDER python tools/degradation.py --data cifar10 --image-size 32 --epochs 160 --batch-size 128

Trains plain20, plain56, resnet20 and resnet56 with the same settings, several seeds each, without random changes to the pictures: it is about fitting them.
Goes on where it was cut off. Writes degradation.json, .png and .md below models/studies.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from dataclasses import asdict, replace
from pathlib import Path

import markdown

from edgecnn import arch, data, files, zoo
from edgecnn.card import Preprocessing
from edgecnn.cli.guard import guarded
from edgecnn.cli.progress import progress
from edgecnn.data import Dataset
from edgecnn.runtime.startup import load_keras
from edgecnn.settings import Train
from edgecnn.statistics import wilson

NETS = ("plain20", "plain56", "resnet20", "resnet56")
COLOURS = {"plain20": "#f4a582", "plain56": "#b2182b", "resnet20": "#92c5de", "resnet56": "#2166ac"}


def main() -> int:
    """Train what is missing, then write the three files."""
    args = _parsed()
    load_keras()
    preprocessing = Preprocessing(args.image_size, args.image_size, "rgb", (128.0,), (128.0,))
    settings = Train(epochs=args.epochs, batch_size=args.batch_size, learning_rate=args.learning_rate, warmup=args.warmup, optimizer="sgd", weight_decay=1e-4)
    pictures = data.load(args.data, preprocessing, progress=progress())
    args.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, dict] = _finished(args.out / "degradation.json", pictures, preprocessing, settings)
    for seed in range(args.seeds):
        for net in NETS:
            if f"{net}/{seed}" not in found["runs"]:
                found["runs"][f"{net}/{seed}"] = _trained(net, seed, pictures, preprocessing, settings, args.out)
                files.write_text(args.out / "degradation.json", json.dumps(found, indent=1) + "\n")
    _plot(found, args.out / "degradation.png")
    text = _report(found, args.seeds)
    files.write_text(args.out / "degradation.md", text)
    print(text)
    return 0


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits", help="data set (default: %(default)s)")
    parser.add_argument("--image-size", type=int, default=16, help="pixels of both sides (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=40, help="(default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=64, help="(default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=0.1, help="the paper's (default: %(default)s)")
    parser.add_argument("--warmup", type=float, default=2.0, help="epochs (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each net (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=zoo.FOLDER / "studies", help="(default: %(default)s)")
    return parser.parse_args()


def _finished(path: Path, pictures: Dataset, preprocessing: Preprocessing, settings: Train) -> dict[str, dict]:
    """What an earlier call of the same kind has measured, or the frame of a new one."""
    about = {"data": pictures.name, "digest": pictures.digest, "train": len(pictures.splits["train"]), "image_size": preprocessing.height}
    about |= {"processor": platform.processor() or platform.machine(), "recipe": json.loads(json.dumps(asdict(settings)))}
    if path.exists():
        before = json.loads(path.read_text())
        if before["about"] == about:
            return before
    return {"about": about, "runs": {}}


def _trained(net: str, seed: int, pictures: Dataset, preprocessing: Preprocessing, settings: Train, out: Path) -> dict[str, object]:
    """Training error after each epoch as the net saw its pictures, and at the end as it answers, counted in pictures."""
    import keras

    from edgecnn.train import fit, initial, run
    from edgecnn.train.checkpoint import Checkpoint, digest

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = arch.build(net, classes=len(pictures.classes), image_size=preprocessing.height)
    initial.draw(model, seed)
    settings = replace(settings, seed=seed)
    checkpoint = Checkpoint(out / f"{net}-{seed}.keras", digest({"net": net, "data": pictures.digest, **asdict(settings)}))
    state = fit.fit(fit.Task(model, pictures, preprocessing, settings), checkpoint, progress())
    # `model` holds the weights of the last epoch, not those that were best on val: the question is what was learnt.
    count = run.evaluator(model, pictures, preprocessing, settings.batch_size)
    right = {name: count(split) for name, split in pictures.splits.items()}
    checkpoint.remove()
    return {
        "errors": [round(1 - epoch["accuracy"], 5) for epoch in state.history],
        "wrong": {name: len(split) - right[name] for name, split in pictures.splits.items()},
        "total": {name: len(split) for name, split in pictures.splits.items()},
    }


def _plot(found: dict[str, dict], path: Path) -> None:
    """Training error after each epoch: one line a training, one colour a net."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for axis, kind in zip(axes, ("plain", "resnet"), strict=True):
        for name, run in found["runs"].items():
            net, seed = name.split("/")
            if net.startswith(kind):
                line = [100 * error for error in run["errors"]]
                axis.plot(range(1, len(line) + 1), line, color=COLOURS[net], linewidth=1.2, label=net if seed == "0" else None)
        axis.set_xlabel("epoch")
        axis.grid(alpha=0.3)
        axis.legend()
    axes[0].set_ylabel("training error, %")
    axes[0].set_title("without shortcuts")
    axes[1].set_title("with shortcuts")
    figure.tight_layout()
    with files.replacing(path) as staged:
        figure.savefig(staged, dpi=110, format="png")
    pyplot.close(figure)


def _report(found: dict[str, dict], seeds: int) -> str:
    """The table, with the verdict that the figures give."""
    about, recipe = found["about"], found["about"]["recipe"]
    rows, middle = [], {}
    for net in NETS:
        runs = [found["runs"][f"{net}/{seed}"] for seed in range(seeds)]
        wrong, total = (sum(run[key]["train"] for run in runs) for key in ("wrong", "total"))
        middle[net] = wrong / total
        last = sorted(run["errors"][-1] for run in runs)
        tested = sum(run["wrong"]["test"] for run in runs), sum(run["total"]["test"] for run in runs)
        spread = f"{_percent(last[0])} to {_percent(last[-1])}"
        rows.append([net, _with_interval(wrong, total), spread, _with_interval(*tested)])
    head = ["net", "training error (95 %)", "while training, least to most", "test error (95 %)"]
    lines = [
        "# Depth without shortcuts",
        "",
        f"Data set {about['data']} (digest {about['digest'][:12]}), {about['image_size']} pixels, {about['train']} training pictures.",
        f"{seeds} seeds each; the pictures of all seeds are pooled in the intervals (Wilson).",
        f"{recipe['epochs']} epochs, batch {recipe['batch_size']}, SGD at {recipe['learning_rate']}, no random changes to the pictures.",
        "Made by `python tools/degradation.py`.",
        "",
        markdown.table(head, rows),
        "",
        _verdict("plain", middle),
        _verdict("resnet", middle),
        "",
        "![training error after each epoch](degradation.png)",
    ]
    return "\n".join(lines) + "\n"


def _verdict(kind: str, middle: dict[str, float]) -> str:
    shallow, deep = middle[f"{kind}20"], middle[f"{kind}56"]
    word = "higher" if deep > shallow else "not higher"
    return f"{kind}56 ends with a training error {word} than {kind}20's: {_percent(deep)} against {_percent(shallow)} %."


def _with_interval(wrong: int, total: int) -> str:
    low, high = wilson(wrong, total)
    return f"{_percent(wrong / total)} % ({_percent(low)} to {_percent(high)})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


if __name__ == "__main__":
    sys.exit(guarded(main))
