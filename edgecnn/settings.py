"""What a verb may be asked for: frozen dataclasses that refuse nonsense where it is said, not hours later."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgecnn.errors import BadSetting
from edgecnn.schemes import SCHEMES, scheme

IO_TYPES = ("uint8", "int8", "float32")
OPTIMIZERS = ("adam", "adamw", "sgd")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def _refuse(wrong: bool, message: str) -> None:
    if wrong:
        raise BadSetting(message)


@dataclass(frozen=True)
class Augment:
    """Random changes to a training picture.

    Attributes:
        rotation: largest turn either way, in degrees.
        shift: largest shift either way, as a share of height and width.
        zoom: largest change of scale either way, as a share.
        brightness, contrast: largest change either way, as a share of the full range.
        flip: mirror left and right. Off unless asked for: a mirrored hand or digit has another meaning.
    """

    rotation: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    flip: bool = False

    def __post_init__(self) -> None:
        _refuse(not 0 <= self.rotation <= 180, f"rotation {self.rotation}: expected degrees from 0 to 180")
        for name in ("shift", "zoom", "brightness", "contrast"):
            _refuse(not 0 <= getattr(self, name) < 1, f"{name} {getattr(self, name)}: expected a share from 0 to below 1")


@dataclass(frozen=True)
class Train:
    """How to train: the schedule is a linear warm-up followed by half a cosine down to zero.

    Attributes:
        epochs: passes over the training split; 0 only evaluates.
        batch_size: pictures a step.
        learning_rate: at the top of the schedule.
        warmup: epochs of linear rise.
        optimizer: one of OPTIMIZERS.
        weight_decay: decoupled; not on biases or batch norms.
        label_smoothing: share of the target spread over all classes.
        patience: stop after so many epochs without a better val accuracy (ties broken by val loss); None never stops early.
        precision: one of PRECISIONS; auto is bfloat16 where the device computes in it, else float32.
        seed: decides initial weights, order, dropout and augmentation.
        augment: random changes to the pictures.
    """

    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup: float = 3.0
    optimizer: str = "adamw"
    weight_decay: float = 0.0
    label_smoothing: float = 0.1
    patience: int | None = None
    precision: str = "auto"
    seed: int = 0
    augment: Augment = field(default_factory=Augment)

    def __post_init__(self) -> None:
        _refuse(self.epochs < 0, f"epochs {self.epochs}: expected 0 or more")
        _refuse(self.batch_size < 1, f"batch size {self.batch_size}: expected 1 or more")
        _refuse(not 0 < self.learning_rate <= 10, f"learning rate {self.learning_rate}: expected above 0 and at most 10")
        _refuse(self.warmup < 0, f"warm-up {self.warmup}: expected epochs, 0 or more")
        _refuse(self.optimizer not in OPTIMIZERS, f"optimizer '{self.optimizer}': expected one of {', '.join(OPTIMIZERS)}")
        _refuse(self.weight_decay < 0, f"weight decay {self.weight_decay}: expected 0 or more")
        _refuse(not 0 <= self.label_smoothing < 1, f"label smoothing {self.label_smoothing}: expected from 0 to below 1")
        _refuse(self.patience is not None and self.patience < 1, f"patience {self.patience}: expected 1 or more epochs")
        _refuse(self.precision not in PRECISIONS, f"precision '{self.precision}': expected one of {', '.join(PRECISIONS)}")
        _refuse(not 0 <= self.seed < 2**31, f"seed {self.seed}: expected a whole number from 0 to 2147483647")


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
    """

    schemes: tuple[str, ...] = ("float32",)
    formats: tuple[str, ...] = ("tflite", "onnx")
    io: str = "uint8"
    calibration: int = 200
    seed: int = 0
    min_agreement: float = 0.25

    def __post_init__(self) -> None:
        for name in self.schemes:
            row = scheme(name)
            _refuse(not set(row.formats) & set(self.formats), f"{name} has no {'/'.join(self.formats)} form; it is written as {', '.join(row.formats)}")
        _refuse(not self.schemes, f"no scheme given: expected some of {', '.join(SCHEMES)}")
        _refuse(not self.formats or bool(set(self.formats) - {"tflite", "onnx"}), f"formats {self.formats}: expected tflite, onnx or both")
        _refuse(self.io not in IO_TYPES, f"input/output type '{self.io}': expected one of {', '.join(IO_TYPES)}")
        _refuse(self.calibration < 1, f"{self.calibration} calibration pictures: expected 1 or more")
        _refuse(not 0 <= self.min_agreement <= 1, f"least agreement {self.min_agreement}: expected a share from 0 to 1")

    def files(self) -> tuple[tuple[str, str], ...]:
        """(scheme, format) of every file to write, in the order of writing."""
        return tuple((name, fmt) for fmt in self.formats for name in self.schemes if fmt in scheme(name).formats)


@dataclass(frozen=True)
class Limits:
    """What `edgecnn validate` is asked to make sure of; None asks nothing.

    Attributes:
        max_drop: largest loss of top-1 accuracy against the original, in percentage points.
        max_size: largest file, in bytes.
        max_latency_ratio: largest median latency over the original's, at the same number of threads.
    """

    max_drop: float | None = None
    max_size: int | None = None
    max_latency_ratio: float | None = None

    def __post_init__(self) -> None:
        _refuse(self.max_drop is not None and not 0 <= self.max_drop <= 100, f"--max-drop {self.max_drop}: expected percentage points from 0 to 100")
        _refuse(self.max_size is not None and self.max_size < 1, f"--max-size {self.max_size}: expected bytes, 1 or more")
        ratio = self.max_latency_ratio
        _refuse(ratio is not None and ratio <= 0, f"--max-latency-ratio {ratio}: expected more than 0")
