"""Functions that take the path of a model take a model of Keras too: it is stored for as long as they work, and they see its path."""

from __future__ import annotations

import contextlib
import dataclasses
import operator
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from edgecnn import zoo
from edgecnn.errors import BadSetting, EdgeCNNError
from edgecnn.formats.keras import held_models
from edgecnn.formats.keras.held_models import IN_MEMORY, HeldModel
from edgecnn.progress import SILENT, Advance, Progress

if TYPE_CHECKING:
    import keras

Value = TypeVar("Value")
# Characters of a file's name that is made from a model's.
LONGEST = 80


def is_model_object(value: object) -> bool:
    """Whether a value is a model of Keras 3 or of Keras 2 (tf_keras); imports neither."""
    kinds = [getattr(sys.modules.get(name), "Model", None) for name in ("keras", "tf_keras")]
    return isinstance(value, tuple(kind for kind in kinds if isinstance(kind, type)))


def refuse_object(value: object, why: str) -> None:
    """Refuse a model object where only a file will do; `why` says for what, and what to do.

    Raises:
        BadSetting: it is one.
    """
    if is_model_object(value):
        raise BadSetting(f"{value.name}{IN_MEMORY} is a model object, and {why}")  # type: ignore[attr-defined]


def file_stem(name: str) -> str:
    """A file's name for the name of a model.

    Example:
        >>> file_stem("my net/v2")
        'my_net_v2'
    """
    return re.sub(r"[^\w.+-]+", "_", name)[:LONGEST].strip("._ ") or "model"


class ModelStore:
    """Stores model objects in a temporary folder, and says their names wherever that folder would be named.

    Attributes:
        progress: passes on what is told to it.

    Example:
        with ModelStore(progress) as store:
            return store.renamed(job.run(store.path(model), out=store.folder(model, out), progress=store.progress))
    """

    def __init__(self, progress: Progress = SILENT) -> None:
        self.progress: Progress = _Renaming(self, progress)
        self._stack = contextlib.ExitStack()
        self._paths: dict[int, Path] = {}
        self._names: dict[str, str] = {}

    def __enter__(self) -> ModelStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._stack.close()
        if isinstance(error, EdgeCNNError) and self._names:
            error.args = tuple(self.renamed(part) for part in error.args)

    def path(self, model: str | os.PathLike[str] | keras.Model) -> Path | str | os.PathLike[str]:
        """The path of a model: as it came, or where an object is stored until the end of the block.

        Raises:
            BadSetting: neither a path nor a model of Keras, or one without weights. BadFile: Keras cannot save it.
        """
        if isinstance(model, (str, os.PathLike)):
            return model
        if not is_model_object(model):
            raise BadSetting(f"a model is given as {type(model).__module__}.{type(model).__qualname__}; expected a path, a name or a keras.Model")
        if id(model) not in self._paths:
            self._paths[id(model)] = self._stored(model)
        return self._paths[id(model)]

    def folder(self, model: str | os.PathLike[str] | keras.Model, out: str | os.PathLike[str] | None) -> str | os.PathLike[str] | None:
        """Where to write to: what the user said; `models/` for an object, which lies in no folder; None, the model's own, for a path."""
        return zoo.FOLDER if out is None and is_model_object(model) else out

    def renamed(self, value: Value) -> Value:
        """The same value with the names of objects in place of their paths, in whatever texts, paths and dataclasses it is made of."""
        return _replaced(value, self._names) if self._names else value

    def _stored(self, model: keras.Model) -> Path:
        from edgecnn.formats.keras.stored_copy import store

        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="edgecnn-model-", ignore_cleanup_errors=True)))
        stem = file_stem(str(model.name))
        object_of_user = HeldModel(model, stem)
        self._stack.callback(held_models.release, object_of_user)
        for suffix in (".keras", ".saved_model"):
            self._names[str(folder / f"{stem}{suffix}")] = self._names[str(folder / "graph" / f"{stem}{suffix}")] = f"{stem}{IN_MEMORY}"
        self._names[str(folder)] = stem
        self.progress.step(f"storing {folder / stem}.keras")
        return store(object_of_user, folder, stem)


class _Renaming(Progress):
    def __init__(self, store: ModelStore, to: Progress) -> None:
        self._store, self._to = store, to

    def step(self, text: str) -> None:
        """As the other says it, with names in place of paths."""
        self._to.step(self._store.renamed(text))

    @contextlib.contextmanager
    def track(self, text: str, total: int) -> Iterator[Advance]:
        """As the other draws it, with names in place of paths."""
        with self._to.track(self._store.renamed(text), total) as advance:
            yield advance


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    """The value itself where no path is in it."""
    if type(value) is str:
        for path, name in names.items():
            value = value.replace(path, name)
        return value
    if isinstance(value, Path):
        text = _replaced(str(value), names)
        return value if text == str(value) else Path(text)
    if type(value) in (list, tuple):
        changed = [_replaced(inner, names) for inner in value]
        return value if all(map(operator.is_, changed, value)) else type(value)(changed)
    if type(value) is dict:
        return {key: _replaced(inner, names) for key, inner in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        fields = {name: changed for name, inner in fields.items() if (changed := _replaced(inner, names)) is not inner}
        return dataclasses.replace(value, **fields) if fields else value
    return value
