"""What to export."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from edgecnn.schemes import SCHEMES, scheme
from edgecnn.settings.about import About
from edgecnn.settings.post_training import PostTraining
from edgecnn.settings.refuse import refuse

IO_TYPES = ("uint8", "int8", "float32")

# More than any data set has.
MOST_CALIBRATION = 10_000_000
_RELEASE = re.compile(r"\d+\.\d+(\.\d+)?")


@dataclass(frozen=True)
class Export:
    """What to write.

    Attributes:
        schemes: names from `edgecnn.schemes`.
        formats: `tflite`, `onnx` or both; a scheme that a format cannot hold is written in the other only.
        io: type of input and output of integer TFLite files: uint8 for apps, int8 for microcontrollers, float32 for callers that
            want to feed and read real numbers.
        calibration: how many training pictures to take activation ranges from.
        seed: chooses which pictures.
        min_agreement: least agreement with the original beyond chance (Cohen's kappa) on the calibration pictures, for a lossy file to be kept. The
            default catches broken files, not poor ones: how good a file is, is what `edgecnn validate` says.
        int8: how int8 is reached.
        sparse: store kernels with many zeros sparse in TFLite, where that is smaller and LiteRT gives the same answers.
        about: what files say of the model beyond its card.
        min_tflite, min_onnxruntime: oldest release of TensorFlow Lite and of ONNX Runtime that must run the files, such as "2.9"; "" for any.
    """

    schemes: tuple[str, ...] = ("float32",)
    formats: tuple[str, ...] = ("tflite", "onnx")
    io: str = "uint8"
    calibration: int = 200
    seed: int = 0
    min_agreement: float = 0.25
    int8: PostTraining = field(default_factory=PostTraining)
    sparse: bool = True
    about: About = field(default_factory=About)
    min_tflite: str = ""
    min_onnxruntime: str = ""

    def __post_init__(self) -> None:
        for name in self.schemes:
            row = scheme(name)
            refuse(not set(row.formats) & set(self.formats), f"{name} has no {'/'.join(self.formats)} form; it is written as {', '.join(row.formats)}")
        refuse(not self.schemes, f"no scheme given: expected some of {', '.join(SCHEMES)}")
        refuse(not self.formats or bool(set(self.formats) - {"tflite", "onnx"}), f"formats {self.formats}: expected tflite, onnx or both")
        refuse(self.io not in IO_TYPES, f"input/output type '{self.io}': expected one of {', '.join(IO_TYPES)}")
        refuse(self.calibration < 1, f"{self.calibration} calibration pictures: expected 1 or more")
        refuse(self.calibration > MOST_CALIBRATION, f"{self.calibration} calibration pictures: expected {MOST_CALIBRATION:,} or fewer")
        refuse(not 0 <= self.min_agreement <= 1, f"least agreement {self.min_agreement}: expected a share from 0 to 1")

        for release in (self.min_tflite, self.min_onnxruntime):
            refuse(bool(release) and not _RELEASE.fullmatch(release), f"release '{release}': expected numbers with points between, such as 2.9")
        refuse(
            bool(self.min_tflite) and "tflite" not in self.formats,
            f"release {self.min_tflite} is of TensorFlow Lite, and no .tflite is written",
        )
        refuse(
            bool(self.min_onnxruntime) and "onnx" not in self.formats,
            f"release {self.min_onnxruntime} is of ONNX Runtime, and no .onnx is written",
        )

    def oldest(self, suffix: str) -> str:
        """The oldest release that must run files with that suffix, "" for any."""
        return {"tflite": self.min_tflite, "onnx": self.min_onnxruntime}[suffix]

    def files(self) -> tuple[tuple[str, str], ...]:
        """(scheme, format) of every file to write, in the order of writing."""
        return tuple((name, fmt) for fmt in self.formats for name in self.schemes if fmt in scheme(name).formats)
