"""Where a training stands after its last whole epoch, in one file that is replaced as one step."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgecnn import files

Arrays = list[np.ndarray]
Epoch = dict[str, float]


@dataclass
class State:
    """All that decides how a training goes on.

    Attributes:
        history: figures of each finished epoch: loss, accuracy, val_loss, val_accuracy.
        variables: of the training model and the optimizer, random seeds included.
        best: weights of the network at the best epoch.
        best_epoch: index into history; -1 before the first epoch.
        phase: of the training in which the last epoch was; the optimizer's variables are of that phase.
    """

    history: list[Epoch] = field(default_factory=list)
    variables: Arrays = field(default_factory=list)
    best: Arrays = field(default_factory=list)
    best_epoch: int = -1
    phase: int = 0


def digest(job: dict[str, object]) -> str:
    """Digest of everything that a training depends on, as plain values."""
    return hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()


class Checkpoint:
    """The folder `.NAME.training` beside the model that is being made."""

    def __init__(self, model: Path, digest: str) -> None:
        self.folder = model.parent / f".{model.stem}.training"
        self.path = self.folder / "state.npz"
        self.table = self.folder / "log.csv"
        self.last_good = model.with_name(f"{model.stem}-last-good.keras")
        self.name = model.stem
        self.digest = digest

    def save(self, state: State) -> None:
        """Write the state; a kill in the middle leaves the one before it."""
        about = {"digest": self.digest, "history": state.history, "best_epoch": state.best_epoch, "phase": state.phase}
        arrays = {f"variable{i}": value for i, value in enumerate(state.variables)} | {f"best{i}": value for i, value in enumerate(state.best)}
        with files.replacing(self.path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, about=np.array(json.dumps(about)), **arrays)

    def load(self) -> State | None:
        """The state of this very training; None when there is none, when it belongs to other settings, or cannot be read."""
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                about = json.loads(str(stored["about"]))
                if about["digest"] != self.digest:
                    return None
                numbered = {kind: sum(key.startswith(kind) for key in stored.files) for kind in ("variable", "best")}
                variables, best = ([stored[f"{kind}{i}"] for i in range(number)] for kind, number in numbered.items())
                return State(about["history"], variables, best, about["best_epoch"], about["phase"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    def exists(self) -> bool:
        """Whether some training was cut off here."""
        return self.path.exists()

    def remove(self) -> None:
        """Forget the training."""
        shutil.rmtree(self.folder, ignore_errors=True)
