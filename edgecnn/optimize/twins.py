"""Compressed models that a search needs, each made once: they stay in the cache, and one that was cut off goes on."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

from edgecnn import files
from edgecnn.card import Preprocessing
from edgecnn.compress import compress
from edgecnn.data import Dataset
from edgecnn.errors import BadFile
from edgecnn.formats.keras.held_models import derive
from edgecnn.optimize.cache import Cache
from edgecnn.progress import Advance, Progress
from edgecnn.runtime.keras_model import own_card
from edgecnn.settings import Compress
from edgecnn.train.run import versions


class _BarsOnly(Progress):
    """Passes bars on and keeps the rest to itself: what a fine-tuning did to the network that it started from is not what a search compares."""

    def __init__(self, to: Progress) -> None:
        self.to = to

    def track(self, text: str, total: int) -> AbstractContextManager[Advance]:
        """As the other draws it."""
        return self.to.track(text, total)


def compressed(
    model: Path, settings: Compress, data: Dataset, preprocessing: Preprocessing, cache: Cache, otherwise: Path, progress: Progress, *, name: str = "",
    teacher: Path | None = None, labels: tuple[str, ...] = (), label_offset: int = 0,
) -> Path:  # fmt: skip
    """The .keras file of a model that was compressed as `settings` say.

    Args:
        model: to start from.
        data, preprocessing: as in `compress`.
        cache: where it is looked for and kept.
        otherwise: a folder for it where there is no cache.
        name: of the file; what was done when left out.
        teacher, labels, label_offset: as in `compress`.
    """
    key = {
        "what": "model", "weights": files.sha256(model), "data": data.digest, "settings": settings.plain(), "train": settings.train.plain(),
        "preprocessing": asdict(preprocessing), "versions": versions(),
        "teacher": files.sha256(teacher) if teacher else "", **({"labels": list(labels)} if labels else {}),
        **({"label_offset": label_offset} if label_offset else {}),
    }  # fmt: skip
    folder = cache.place(key) or otherwise
    path = folder / f"{name or settings.suffix()}.keras"
    derive(path, model)
    if not cache.fresh and _whole(path):
        progress.step(f"{path.stem}: trained before, taken from {folder.parent}")
        return path
    done = compress(
        model, settings=settings, data=data, preprocessing=preprocessing, out=folder, name=path.stem, progress=_BarsOnly(progress), fresh=cache.fresh,
        teacher=teacher, labels=labels, label_offset=label_offset,
    )  # fmt: skip
    return done.path


def _whole(path: Path) -> bool:
    """Whether a model and its card are there and belong together."""
    try:
        return path.exists() and own_card(path) is not None
    except BadFile:
        return False
