"""Loads a Keras model of any form for inference: checked first, as a model of Keras 3 wherever its description allows it."""

from __future__ import annotations

import errno
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from edgecnn import files
from edgecnn.errors import BadFile, EdgeCNNError
from edgecnn.formats.keras import check, held_models, layer_configs, rewrite, saved_model, trust, weights
from edgecnn.formats.keras.custom_objects import load_custom_objects
from edgecnn.formats.keras.inspection import WEIGHTS, KerasFile, inspect_config
from edgecnn.formats.keras.rebuild import rebuild


@dataclass(frozen=True)
class LoadedModel:
    """A model and what a user should know of how it was loaded, a line each."""

    model: keras.Model
    notes: tuple[str, ...] = ()


def load_keras_model(
    path: str | Path,
    *,
    trust_code: bool | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    image_size: tuple[int, int] | None = None,
    output: str | None = None,
) -> keras.Model:
    """Load a .keras, .h5 or .hdf5 file of Keras 2 or 3, or a SavedModel folder, for inference. No code in it is run.

    Args:
        path: of the file or folder.
        trust_code: run code that the file holds; None takes the process's `trust.current()`, as for the others.
        custom_objects: the user's own classes and functions by name.
        image_size: height and width where the file leaves them open.
        output: name of the output to take of several.

    Returns:
        A built model with `inputs` and `outputs`, computing in float32.

    Raises:
        UnsafeModelError: it would run code or read other files. BadFile: damaged, weights only, several inputs, or nothing that Keras 3 can build.

    Example:
        >>> load_keras_model("theirs.h5").output_shape
        (None, 10)
    """
    options = trust.current()
    chosen = {"trust_code": trust_code, "image_size": image_size, "output": output}
    return load(path, replace(options, **{key: value for key, value in chosen.items() if value is not None}), custom_objects).model


def load(path: str | Path, options: trust.LoadingOptions | None = None, custom_objects: Mapping[str, Any] | None = None) -> LoadedModel:
    """As `load_keras_model`, with what there is to say about it. The stored copy of a model object is trusted, see `held_models`."""
    options = options or trust.current()
    file = inspect_config(path)
    custom = dict(custom_objects or {}) | (load_custom_objects(options.custom_objects) if options.custom_objects else {})
    held = held_models.held_at(path)
    if held is None and not options.trust_code:
        check.check_config(file, frozenset(custom))
    for layer in rewrite.training_calls(file.config):
        raise BadFile(
            f"{file.path}: layer '{layer}' is called with training=True, so its answer for an image changes with its neighbours in the batch or by chance; "
            "build the network without it and save again"
        )
    notes = list(options.notes()) if options.trust_code or custom else []
    if rewrite.has_half(file.config):
        notes.append(f"{file.path} computes in {rewrite.has_half(file.config)}; loaded in float32")
    try:
        model = _load(file, options, custom) if held is None else _held(file, options, custom, held)
    except EdgeCNNError:
        raise
    except OSError as error:
        if error.errno not in (errno.EFBIG, errno.ENOSPC, errno.EDQUOT):
            raise BadFile(f"{file.path} cannot be loaded by Keras {keras.__version__} ({_reason(error)})") from error
        raise BadFile(f"{file.path}: Keras cannot unpack its weights into the temporary folder: {files.reason(error)}; make room or set TMPDIR") from error
    # Keras hands on whatever zipfile, h5py, json and the layers raise.
    except Exception as error:
        raise BadFile(f"{file.path} cannot be loaded by Keras {keras.__version__} ({_reason(error)})") from error
    _use_valid_names(model)
    return LoadedModel(_one_in_one_out(file, model, options), tuple(notes))


def _use_valid_names(model: keras.Model) -> None:
    """Names that TensorFlow takes as scopes: other backends, and Keras outside of a graph, take spaces too."""
    for layer in (model, *model._flatten_layers(include_self=False)):
        name = re.sub(r"[^A-Za-z0-9_.\\/>-]", "_", layer.name)
        if name != layer.name:
            layer.name = name


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _load(file: KerasFile, options: trust.LoadingOptions, custom: dict[str, Any]) -> keras.Model:
    if file.kind == "saved_model":
        return _saved_model(file, options)
    if options.trust_code and check.config_problem(file, custom):
        return keras.saving.load_model(file.path, custom_objects=custom, compile=False, safe_mode=False)
    if file.kind == "keras" and not file.of_keras2 and (custom or not has_lambda(file.config)):
        return _keras3(file, options, custom)
    if not custom:
        return _rebuilt(file, options)
    return keras.saving.load_model(file.path, custom_objects=custom, compile=False, safe_mode=not options.trust_code)


def _held(file: KerasFile, options: trust.LoadingOptions, custom: dict[str, Any], held: held_models.HeldModel) -> keras.Model:
    """The copy of an object: as any other file where nothing of it is the user's own, else with the object's own classes and functions."""
    if file.kind == "keras" and not file.of_keras2 and check.config_problem(file, frozenset(custom)):
        from edgecnn.formats.keras.live_objects import bound

        file, live = bound(file, held.model)
        return _keras3(file, replace(options, trust_code=True), custom | live)
    return _load(file, options, custom)


def has_lambda(value: Any) -> bool:
    """Whether plain data of a configuration has a Lambda layer in it."""
    if isinstance(value, dict):
        return value.get("class_name") == "Lambda" or any(has_lambda(inner) for inner in value.values())
    return isinstance(value, list) and any(has_lambda(inner) for inner in value)


def _rebuilt(file: KerasFile, options: trust.LoadingOptions) -> keras.Model:
    config = layer_configs.mark_hard_sigmoid(file.config) if file.of_keras2 else file.config
    network = rebuild(rewrite.clean(config), options.image_size)
    weights.restore(file, network)
    return network.model


def _saved_model(file: KerasFile, options: trust.LoadingOptions) -> keras.Model:
    """A model of Keras 3 where Keras 2 described one that can be built, else its graph."""
    if file.config is not None and check.config_problem(file) is None:
        try:
            return _rebuilt(file, options)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, StopIteration):
            return saved_model.wrap(file, options.image_size)
    return saved_model.wrap(file, options.image_size)


def _keras3(file: KerasFile, options: trust.LoadingOptions, custom: dict[str, Any]) -> keras.Model:
    config = rewrite.with_image_size(rewrite.clean(file.config), options.image_size)
    with keras.saving.custom_object_scope(custom):
        model = keras.saving.deserialize_keras_object(config, safe_mode=not options.trust_code)
        if not getattr(model, "inputs", None):
            model = _functional(file, model, options.image_size)
    with zipfile.ZipFile(file.path) as archive, tempfile.TemporaryDirectory() as folder:
        model_with_weights = next(iter(_inner(model)), model)
        model_with_weights.load_weights(archive.extract(WEIGHTS, folder))
    return model


def _inner(model: keras.Model) -> Iterator[keras.Model]:
    """The subclassed model inside of the functional one that was built around it."""
    if getattr(model, "_edgecnn_wrapped", False):
        yield from (layer for layer in model.layers if isinstance(layer, keras.Model))


def _functional(file: KerasFile, model: keras.Model, image_size: tuple[int, int] | None) -> keras.Model:
    """A subclassed model behind an input of its own, for which its size has to be known."""
    shape = file.config.get("build_config", {}).get("input_shape") if isinstance(file.config, dict) else None
    shape = layer_configs.plain(shape) if isinstance(layer_configs.plain(shape), list) else None
    sides = layer_configs.fixed(shape if shape and len(shape) == 4 else [None, None, None, 3], image_size)
    if None in sides[1:]:
        raise BadFile(f"{file.path} holds a {type(model).__name__} without a declared input; say the size of its images: --image-size PIXELS")
    image = keras.Input(batch_shape=(None, *sides[1:]))
    wrapped = keras.Model(image, model(image, training=False))
    wrapped._edgecnn_wrapped = True
    return wrapped


def _one_in_one_out(file: KerasFile, model: keras.Model, options: trust.LoadingOptions) -> keras.Model:
    if not getattr(model, "inputs", None):
        raise BadFile(f"{file.path} holds a {type(model).__name__} without a declared input; expected a functional or sequential image classifier")
    if len(model.inputs) > 1:
        raise BadFile(f"{file.path} has {len(model.inputs)} inputs ({', '.join(t.name for t in model.inputs)[:200]}); expected one image")
    if options.output is None or len(model.outputs) == 1:
        return model
    names = list(model.output_names)
    if names.count(options.output) != 1:
        raise BadFile(f"{file.path} has no output '{options.output}'; choose one of {', '.join(names)[:300]}")
    return keras.Model(model.inputs, model.outputs[names.index(options.output)], name=model.name)
