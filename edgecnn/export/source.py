"""Where an export starts from: a Keras model, which is converted, or a float file of another tool, which stays in its own format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edgecnn import zoo
from edgecnn.card import ORIGINAL, OUTPUT, Card
from edgecnn.errors import BadFile, BadSetting
from edgecnn.export import memory
from edgecnn.export.formats import FORMATS, Format
from edgecnn.export.interface import Interface, Signature
from edgecnn.runtime import describe
from edgecnn.runtime.model_files import digest
from edgecnn.runtime.scores import ScoreKind
from edgecnn.runtime.tensor_shapes import input_layout
from edgecnn.settings import Export

if TYPE_CHECKING:
    import numpy as np

    from edgecnn.runtime.contract import Runner
    from edgecnn.runtime.keras_model import KerasRunner

# Suffix of a float file -> the format in which everything that is derived from it is written.
OWN_FORMAT = {".tflite": "tflite", ".onnx": "onnx"}


class ExportSource(Protocol):
    """What is exported.

    Attributes:
        path: of the model or file.
        can_equalize: whether channels can be made even, which needs the layers of a Keras model.
        precision: scheme by whose rules its float32 form is held against it; float16 for a file that computes in 16 bits.
    """

    path: Path
    can_equalize: bool
    precision: str

    def writer(self, suffix: str) -> Format:
        """The writer of a format, with the ends that its files will have."""
        ...

    def convert(self, writer: Format) -> Any:
        """The float32 form that `writer` derives everything from."""
        ...

    def equalized(self, writer: Format, inputs: np.ndarray) -> Any:
        """The same with even channels, measured on inputs as the network takes them."""
        ...


@dataclass
class KerasSource:
    """A Keras model that is open; any format is converted from it."""

    runner: KerasRunner
    precision = "float32"

    @cached_property
    def can_equalize(self) -> bool:
        from edgecnn.export.equalize import can_equalize

        return can_equalize(self.runner.model)

    @property
    def path(self) -> Path:
        return self.runner.path

    def writer(self, suffix: str) -> Format:
        layout, kind = input_layout(self.path, self.runner.input), self.runner.score_kind
        output = "logits" if kind is not None and kind.are_logits else "percent" if kind is ScoreKind.PERCENT else OUTPUT
        return FORMATS[suffix](Interface(output=output, layout=replace(layout, batch=1), signature=Signature(output=output)))

    def convert(self, writer: Format) -> Any:
        content = writer.convert(self.runner.model)
        memory.release(self.runner.model.count_params())
        return content

    def equalized(self, writer: Format, inputs: np.ndarray) -> Any:
        from edgecnn.export.equalize import equalized

        return writer.convert(equalized(self.runner.model, inputs))


@dataclass
class FileSource:
    """A float .tflite or .onnx that is open; files of its own format are derived from it, with its own names of input and output."""

    runner: Runner
    can_equalize = False

    @property
    def path(self) -> Path:
        return self.runner.path

    @property
    def precision(self) -> str:
        # LiteRT expands such weights and computes in 32 bits all the same.
        is_half = self.path.suffix.lower() == ".onnx" and {"float16", "bfloat16"} & set(describe(self.path).weight_bytes)
        return "float16" if is_half else "float32"

    def writer(self, suffix: str) -> Format:
        self._check(suffix)
        return FORMATS[suffix](self._reader(suffix).interface(self.runner))

    def convert(self, writer: Format) -> Any:
        return self._reader(writer.suffix).read(self.runner, writer.interface)

    def equalized(self, writer: Format, inputs: np.ndarray) -> Any:
        raise _no_equalize(self.path)

    def _check(self, suffix: str) -> None:
        if suffix != OWN_FORMAT[self.path.suffix.lower()]:
            raise BadSetting(other_format(self.path, suffix))

    def _reader(self, suffix: str) -> Any:
        import importlib

        return importlib.import_module(f"edgecnn.export.{suffix}_source")


def source_of(runner: Runner) -> ExportSource:
    """The source behind a model that is open."""
    return KerasSource(runner) if zoo.is_keras(Path(runner.path)) else FileSource(runner)


def derived_card(runner: Runner) -> Card:
    """The card of what is derived from an open float file: it names that file as the original, so that `validate` finds it, and nothing that was recorded.

    Activations are called otherwise in files of other tools, and ranges of another conversion would not fit.
    """
    path = Path(runner.path)
    sources = {**runner.card.sources, ORIGINAL: path.name}
    told = {"scheme": "", "ranges": {}, "means": {}, "calibration": {}, "quantization": {}}
    return replace(runner.card, name=path.stem, weights_sha256=digest(path), sources=sources, **told)


def is_float_file(path: Path) -> bool:
    """Whether a path is a file of a format that edgecnn writes, which can only be exported within it."""
    return path.suffix.lower() in OWN_FORMAT and not zoo.is_keras(path)


def other_format(path: Path, suffix: str) -> str:
    """Why a file is not written in another format, in words."""
    own = OWN_FORMAT[path.suffix.lower()]
    model = "the model from which it was made (.keras, .h5 or a SavedModel folder)"
    return f"{path} is exported within its own format, .{own}, which is not translated into .{suffix}; expected --{own}, or {model} for a .{suffix}"


def _no_equalize(path: Path) -> BadSetting:
    reason = f"--equalize scales the layers of a Keras model, and {path} is a finished file"
    return BadSetting(f"{reason}; export it without --equalize, or give the .keras model from which it was made")


def settle_formats(path: Path, settings: Export) -> Export:
    """The settings with the formats that the model can give: of a float file its own one, where nobody asked for the other alone.

    Raises:
        BadSetting: only the other format is asked for, a number format that its own does not have, or a step that needs a Keras model.
        BadFile: an .ort file, from which nothing is made.
    """
    if path.suffix.lower() == ".ort":
        raise BadFile(f"{path} is an .onnx that was packed for ONNX Runtime Mobile; expected that .onnx, or the model from which it was made")
    if not is_float_file(path):
        return settings
    own = OWN_FORMAT[path.suffix.lower()]
    if own not in settings.formats:
        raise BadSetting(other_format(path, settings.formats[0]))
    if settings.int8.equalize:
        raise _no_equalize(path)
    limits = {f"min_{name}": "" for name, fmt in (("tflite", "tflite"), ("onnxruntime", "onnx")) if fmt != own}
    return replace(settings, formats=(own,), **limits)
