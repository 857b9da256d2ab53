"""TABLE What a .tflite says of itself to apps, as dataclasses of the standard library."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgecnn.errors import BadSetting
from edgecnn.formats.tflite.metadata.tables import COLORS, TRANSFORMATIONS


@dataclass(frozen=True)
class Sigmoid:
    """How one class's score is calibrated: scale / (1 + exp(-(slope * g(score) + offset))), where g is the calibration's transformation.

    Attributes:
        scale: 0 or more; the largest score that can come out.
        slope, offset: of the line under the exponent.
        least: scores of this or less become the calibration's default score; None for no such limit.
    """

    scale: float
    slope: float
    offset: float
    least: float | None = None

    def __post_init__(self) -> None:
        values = [value for value in (self.scale, self.slope, self.offset, self.least) if value is not None]
        if not all(math.isfinite(value) for value in values) or self.scale < 0:
            raise BadSetting(f"score calibration {values}: expected finite numbers, and a scale of 0 or more")


@dataclass(frozen=True)
class ScoreCalibration:
    """How an app turns the scores of a file into calibrated ones.

    Attributes:
        parameters: one an output, background classes included; None for a class that always gets the default score.
        transformation: g of a score s: "identity" s, "log" log(s), "inverse_logistic" log(s) - log(1 - s).
        default_score: of classes without parameters, and of scores that are too low.
        file: name inside the .tflite.
    """

    parameters: tuple[Sigmoid | None, ...]
    transformation: str = "identity"
    default_score: float = 0.0
    file: str = "score_calibration.csv"

    def __post_init__(self) -> None:
        if self.transformation not in TRANSFORMATIONS:
            raise BadSetting(f"score transformation '{self.transformation}': expected one of {', '.join(TRANSFORMATIONS)}")


@dataclass(frozen=True)
class LabelFile:
    """Names of the classes, one an output, background classes included.

    Attributes:
        names: in the order of the outputs.
        locale: of the names, such as "de" or "pt-BR"; "" for the names that code goes by.
        file: name inside the .tflite; "" for `labels.txt`, or `labels_LOCALE.txt`.
    """

    names: tuple[str, ...]
    locale: str = ""
    file: str = ""

    @property
    def name(self) -> str:
        """The file's name inside the .tflite."""
        return self.file or (f"labels_{self.locale}.txt" if self.locale else "labels.txt")


@dataclass(frozen=True)
class TensorNotes:
    """What is said of one input or output.

    Attributes:
        name, description: in words.
        content: "image", "feature", "bounding box", "audio", or "" where it is not said.
        color: of an image: "rgb", "grayscale" or "".
        size: of an image, (width, height) in pixels.
        mean, std: an input is (pixel - mean) / std, one value or one a channel; of integer inputs before they are quantized.
        low, high: least and largest value that the tensor stores, one value or one a channel.
        labels: of an output; the first are the names, further ones translations.
        calibration: of an output's scores.
        threshold: scores below are of no worth.
    """

    name: str = ""
    description: str = ""
    content: str = ""
    color: str = ""
    size: tuple[int, int] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    labels: tuple[LabelFile, ...] = ()
    calibration: ScoreCalibration | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.color not in COLORS:
            raise BadSetting(f"colour space '{self.color}': expected one of {', '.join(COLORS[1:])}")


@dataclass(frozen=True)
class Metadata:
    """What a .tflite says of itself.

    Attributes:
        name, description, version, author, license: in words, "" where not known.
        inputs, outputs: one a tensor, in the order of the file.
        others: files at the end of the .tflite that are neither labels nor calibration, name -> content.
        min_parser_version: of the reader that understands all of it.
    """

    name: str = ""
    description: str = ""
    version: str = ""
    author: str = ""
    license: str = ""
    inputs: tuple[TensorNotes, ...] = ()
    outputs: tuple[TensorNotes, ...] = ()
    others: Mapping[str, bytes] = field(default_factory=dict)
    min_parser_version: str = "1.0.0"
