"""What a Keras file says of its network, as plain data: nothing of it is built or run, and neither Keras nor TensorFlow is imported."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.errors import BadFile
from edgecnn.formats import pickles
from edgecnn.formats.keras import bounded, saved_graph
from edgecnn.formats.keras.saved_graph import SavedGraph

SUFFIXES = (".keras", ".h5", ".hdf5")
WEIGHTS = "model.weights.h5"


@dataclass(frozen=True)
class KerasFile:
    """A model file of Keras, not yet loaded.

    Attributes:
        path: where it is.
        kind: "keras" (a zip), "h5" or "saved_model" (a folder).
        keras_version: of the Keras that wrote it; "" where the file does not say it.
        config: the network as Keras describes it, {"class_name": ..., "config": ...}; None where a SavedModel has its graph alone.
        graph: what a SavedModel's graph is made of; None for the other kinds.
    """

    path: Path
    kind: str
    keras_version: str
    config: dict[str, Any] | None
    graph: SavedGraph | None = None

    @property
    def of_keras2(self) -> bool:
        """Whether Keras 2 (tf.keras, tf_keras) wrote it. tf_keras 2 counts as its TensorFlow does."""
        return not self.keras_version.startswith("3.")


def is_keras(path: Path) -> bool:
    """Whether a path is a Keras model by its suffix, or a SavedModel folder."""
    return path.suffix.lower() in SUFFIXES or is_saved_model(path)


def is_saved_model(path: Path) -> bool:
    """Whether a path is a folder with a SavedModel in it."""
    return (path / "saved_model.pb").is_file()


def inspect_config(path: str | Path) -> KerasFile:
    """Read the network's description of a .keras or .h5 file or a SavedModel folder.

    Raises:
        BadFile: missing, damaged, weights only, or of another kind. UnsafeModelError: a pickle, or made to fill the memory.
    """
    path = Path(path)
    if path.is_dir():
        return _saved_model(path)
    pickles.refuse(path)
    bounded.regular_file(path, "model (.keras)")
    with path.open("rb") as stream:
        start = stream.read(8)
    # Keras looks at the suffix; a .h5 that is a zip, or the other way round, is read as what it is.
    if start.startswith(b"PK\x03\x04"):
        return _archive(path)
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return _hdf5(path)
    raise BadFile(f"{path} is not a Keras model, or is cut off or damaged; expected a .keras, .h5 or .hdf5 file or a SavedModel folder")


def _archive(path: Path) -> KerasFile:
    try:
        with zipfile.ZipFile(path) as archive:
            bounded.check_archive(path, archive)
            names = archive.namelist()
            if "config.json" not in names:
                raise BadFile(_no_config(path, names))
            config = bounded.parse_json(path, bounded.read_member(path, archive, "config.json", bounded.MAX_TEXT), "config.json")
            metadata = {}
            if "metadata.json" in names:
                metadata = bounded.parse_json(path, bounded.read_member(path, archive, "metadata.json", 1 << 20), "metadata.json")
            if WEIGHTS in names:
                _check_weights(path, bounded.read_member(path, archive, WEIGHTS, bounded.unpacked_limit(path)))
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadFile(f"{path} is not a Keras model, or is cut off or damaged ({type(error).__name__}: {str(error)[:100]})") from error
    version = metadata.get("keras_version", "") if isinstance(metadata, dict) else ""
    return KerasFile(path, "keras", str(version)[:40], _described(path, config))


def _no_config(path: Path, names: list[str]) -> str:
    if WEIGHTS in names or any(name.endswith(".weights.h5") for name in names):
        return _weights_only(path)
    return f"{path} is a zip without a config.json; expected a .keras file as Keras 3 saves it"


def _weights_only(path: Path) -> str:
    return f"{path} holds weights only, not the network that they belong to; build the network, load them and save the whole model: model.save('model.keras')"


def _check_weights(path: Path, content: bytes) -> None:
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as stored:
            bounded.check_hdf5(path, stored, len(content))
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise BadFile(f"{path}: the weights in it are cut off or damaged ({str(error)[:100]})") from error


def _hdf5(path: Path) -> KerasFile:
    import h5py

    try:
        with h5py.File(path, "r") as stored:
            bounded.check_hdf5(path, stored, path.stat().st_size)
            raw = stored.attrs.get("model_config")
            version = _text(stored.attrs.get("keras_version", ""))
            if raw is None:
                weights = "layer_names" in stored.attrs or any(name in stored for name in ("layers", "_layer_checkpoint_dependencies", "vars", "model_weights"))
                raise BadFile(_weights_only(path) if weights else f"{path} is an HDF5 file without a Keras model; expected one saved by model.save")
            config = bounded.parse_json(path, _text(raw), "model_config")
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, BadFile):
            raise
        raise BadFile(f"{path} is not a Keras model, or is cut off or damaged ({type(error).__name__}: {str(error)[:100]})") from error
    return KerasFile(path, "h5", version[:40], _described(path, config))


def _text(raw: Any) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _described(path: Path, config: Any) -> dict[str, Any]:
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str) or not isinstance(config.get("config"), (dict, list)):
        raise BadFile(f"{path}: its configuration names no class of model; expected what Keras writes")
    return config


def _saved_model(path: Path) -> KerasFile:
    if not is_saved_model(path):
        raise BadFile(f"{path} is a directory without a saved_model.pb; expected a model file, or a SavedModel folder")
    bounded.check_folder(path)
    try:
        graph = saved_graph.read(path)
        config, version = saved_graph.keras_config(path)
    except (BadFile, OSError) as error:
        if str(path) in str(error):
            raise
        raise BadFile(f"{path}: its saved_model.pb is cut off or damaged ({str(error)[:100]})") from error
    return KerasFile(path, "saved_model", version, config, graph)
