"""Writes a model object down: as a .keras file whose bytes depend on the model alone, or as the graph of a SavedModel where only that can be read again."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edgecnn import files
from edgecnn.errors import BadFile, BadSetting, EdgeCNNError
from edgecnn.formats.keras import check, held_models, rewrite
from edgecnn.formats.keras.held_models import IN_MEMORY, HeldModel
from edgecnn.formats.keras.inspection import inspect_config
from edgecnn.formats.keras.load import load

# Largest difference of the copy's scores from the model's, over the largest score; that of a model that computes in 16 bits.
TOLERANCE, TOLERANCE_HALF = 1e-3, 5e-2
# Sides of the image on which both are compared, where the model leaves them open.
SIDE = 96


def store(held_model: HeldModel, folder: Path, stem: str) -> Path:
    """Store a model object in `folder` and hold it there, so that loading the path gives an equal model. The object stays as it is.

    Raises:
        BadSetting: it has no weights yet. BadFile: Keras cannot save it, or what it saves is another model.
    """
    model, name = held_model.model, held_model.name + IN_MEMORY
    if not model.built:
        raise BadSetting(f"{name} is not built, so it has no weights yet; expected a trained model: call it on images once, or build it with their shape")
    path = folder / f"{stem}.keras"
    with _in_words(name):
        _save(model, path)
    held_models.hold(path, held_model)
    if isinstance(model, keras.Model):
        if check.config_problem(inspect_config(path)):
            check_equal(path, held_model)
        return path
    return _of_keras2(held_model, path)


def _of_keras2(held_model: HeldModel, path: Path) -> Path:
    """The file where Keras 3 builds the same network from it, else the graph."""
    with contextlib.suppress(EdgeCNNError):
        if check.config_problem(inspect_config(path)) is None:
            check_equal(path, held_model)
            return path
    path.unlink()
    folder = path.with_suffix(".saved_model")
    with _in_words(held_model.name + IN_MEMORY):
        import tf_keras

        tf_keras.models.save_model(held_model.model, folder, save_format="tf", include_optimizer=False)
    held_models.hold(folder, held_model)
    check_equal(folder, held_model)
    return folder


def store_graph(path: Path) -> Path:
    """The graph of a held model as a SavedModel beside its copy, which a process without its classes can run; made once.

    Raises:
        BadSetting: another backend than TensorFlow. BadFile: it cannot be laid out as a graph.
    """
    folder = path.parent / "graph" / f"{path.stem}.saved_model"
    if folder.exists():
        return folder
    name = held_models.source_name(path)
    if keras.backend.backend() != "tensorflow":
        raise BadSetting(
            f"{name} has layers of its own, which another process can run only as a graph of TensorFlow; run with KERAS_BACKEND=tensorflow, or pass the "
            "Python file that defines them as custom_objects"
        )
    with _in_words(name):
        load(path).model.export(folder, format="tf_saved_model", verbose=False)
    return folder


def check_equal(path: Path, held_model: HeldModel) -> None:
    """Run the object and what its copy gives on the same noise.

    Raises:
        BadFile: their scores differ.
    """
    file, copy = inspect_config(path), load(path).model
    shape = [side or SIDE for side in copy.inputs[0].shape[1:]]
    noise = np.random.default_rng(0).integers(0, 256, (copy.inputs[0].shape[0] or 2, *shape)).astype(keras.backend.standardize_dtype(copy.inputs[0].dtype))
    expected, scores = _scores(held_model.model, noise), _scores(copy, noise)
    if len(expected) != len(scores):  # one of several outputs was chosen
        return
    limit = TOLERANCE_HALF if rewrite.has_half(file.config) else TOLERANCE
    for one, other in zip(expected, scores, strict=True):
        if one.shape != other.shape or not np.allclose(one, other, rtol=0, atol=limit * max(1e-6, float(np.abs(one).max(initial=0))), equal_nan=True):
            raise BadFile(
                f"{path}: the model that Keras saves gives other scores than the object; save it, load it with keras.saving.load_model, and mend the "
                "get_config() of its own layers until both agree"
            )


def _scores(model: Any, images: np.ndarray) -> list[np.ndarray]:
    given = model(images, training=False)
    return [np.asarray(keras.ops.convert_to_numpy(value) if keras.ops.is_tensor(value) else value, np.float64) for value in keras.tree.flatten(given)]


def _save(model: Any, path: Path) -> None:
    """A .keras file without the date at which it was made: what is remembered by content is known again."""
    if isinstance(model, keras.Model):
        keras.saving.save_model(model, path)
    else:
        model.save(path)
    dated = path.with_suffix(".dated")
    path.rename(dated)
    with zipfile.ZipFile(dated) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            with source.open(name) as read, target.open(zipfile.ZipInfo(name), "w", force_zip64=True) as written:
                if name == "metadata.json":
                    written.write(json.dumps({**json.load(read), "date_saved": ""}).encode())
                else:
                    shutil.copyfileobj(read, written)
    dated.unlink()


@contextlib.contextmanager
def _in_words(name: str) -> Iterator[None]:
    """Nothing on the terminal, and whatever Keras raises as one line."""
    log, level = logging.getLogger("tensorflow"), logging.getLogger("tensorflow").level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except EdgeCNNError:
        raise
    except OSError as error:
        raise BadFile(f"{name} cannot be stored in the temporary folder: {files.reason(error)}; make room or set TMPDIR") from error
    # Keras hands on whatever the user's own layers raise.
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise BadFile(
            f"{name} cannot be saved by Keras ({type(error).__name__}: {text}); expected a model for which model.save('model.keras') works"
        ) from error
    finally:
        log.setLevel(level)
