"""Compressed models that a search needs, each made once: they stay in the cache, and one that was cut off goes on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from edgecnn import files
from edgecnn.card import Preprocessing
from edgecnn.compress import compress
from edgecnn.data import Dataset
from edgecnn.errors import BadFile
from edgecnn.optimize.cache import Cache
from edgecnn.progress import Progress
from edgecnn.runtime.keras_model import own_card
from edgecnn.settings import Compress
from edgecnn.train.run import versions


def compressed(
    model: Path, settings: Compress, data: Dataset, preprocessing: Preprocessing, cache: Cache, otherwise: Path, progress: Progress, name: str = ""
) -> Path:
    """The .keras file of a model that was compressed as `settings` say.

    Args:
        model: to start from.
        data, preprocessing: as in `compress`.
        cache: where it is looked for and kept.
        otherwise: a folder for it where there is no cache.
        name: of the file; what was done when left out.
    """
    key = {
        "what": "model", "weights": files.sha256(model), "data": data.digest, "settings": settings.plain(), "train": settings.train.plain(),
        "preprocessing": asdict(preprocessing), "versions": versions(),
    }  # fmt: skip
    folder = cache.place(key) or otherwise
    path = folder / f"{name or settings.suffix()}.keras"
    if not cache.fresh and _whole(path):
        progress.step(f"{settings.suffix()} of {model.stem}: trained before, taken from {folder}")
        return path
    return compress(model, settings=settings, data=data, preprocessing=preprocessing, out=folder, name=path.stem, progress=progress, fresh=cache.fresh).path


def _whole(path: Path) -> bool:
    """Whether a model and its card are there and belong together."""
    try:
        return path.exists() and own_card(path) is not None
    except BadFile:
        return False
