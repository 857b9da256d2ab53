"""Run by tests in a process of its own: trains a few steps on the backend that KERAS_BACKEND names and prints what came out as JSON.

    python tests/other_backend.py OUT [train | steps] [settings as JSON]

`train` writes OUT/lenet.keras and prints the epochs; `steps` prints the loss of every step. Also printed: which frameworks were loaded.
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgecnn.data import Split
from edgecnn.settings import Augment, Machine, Train
from edgecnn.train import preprocessing_for, train

AUGMENT = Augment(rotation=10, shift=0.1, zoom=0.1, brightness=0.2, contrast=0.2, mixup=0.2)


def main(out: Path, what: str, wish: dict) -> dict:
    from edgecnn import data

    machine = Machine(**wish.pop("machine", {}))
    network = wish.pop("network", "lenet")
    settings = Train(**{"epochs": 2, "warmup": 1, **wish}, augment=AUGMENT)
    digits = data.load("digits", preprocessing_for("lenet"))
    if what == "steps":
        split = digits.splits["train"]
        digits = replace(digits, splits={**digits.splits, "train": Split(split.pictures[:256], split.labels[:256], split.names[:256])})
    found = steps(digits, settings, machine, network) if what == "steps" else epochs(digits, settings, machine, out)
    return {**found, "loaded": [name for name in ("tensorflow", "torch", "jax") if name in sys.modules]}


def epochs(digits, settings, machine, out):
    card = train("lenet", digits, settings=settings, machine=machine, out=out)
    rows = list(csv.DictReader((out / "lenet.csv").read_text().splitlines())) if (out / "lenet.csv").exists() else []
    return {"epochs": [{key: float(value) for key, value in row.items()} for row in rows], "right": card.accuracy["test"]["correct"]}


def steps(digits, settings, machine, network):
    from edgecnn import arch
    from edgecnn.train import fit, initial, parallel
    from edgecnn.train.engine import engine
    from edgecnn.train.meter import Meter

    seen = []
    with parallel.devices(machine, settings.batch_size) as count:
        net = arch.build(network, classes=10, image_size=32)
        initial.draw(net, settings.seed)
        task = fit.Task(net, digits, preprocessing_for(network, image_size=32), settings, machine)
        model = fit.compiled(task)
        works = engine(model, task.feed, 10, machine, Meter())
        for epoch in range(settings.epochs):
            means: list[float] = []
            works.train(epoch, lambda first, losses, accuracies, means=means: means.extend(losses.tolist()))
            totals = np.array(means) * np.arange(1, len(means) + 1)
            seen += np.diff(totals, prepend=0).tolist()
        val = works.evaluate(digits.splits["val"])
    return {"devices": count, "losses": seen, "val": val}


if __name__ == "__main__":
    words = sys.argv[1:]
    print(json.dumps(main(Path(words[0]), words[1], json.loads(words[2]) if len(words) > 2 else {})))
