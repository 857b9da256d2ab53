"""Small apps of plain numpy and Pillow that feed a network wrongly: they read the pictures, make the input and run the file without a line of edgecnn."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class File:
    """A file, and what its documentation tells an app developer.

    Attributes:
        path: of the file.
        archive, splits: of its pictures, below EDGECNN_DATA.
        side: pixels.
        order, mean, std: of its input.
        scale, zero: of an input of bytes; 0 for one of floats.
        labels: names of its answers; empty where they are numbers.
        offset: outputs before the first answer.
    """

    path: Path
    archive: str
    splits: str
    side: int
    order: str = "rgb"
    mean: tuple[float, ...] = (128.0,)
    std: tuple[float, ...] = (128.0,)
    scale: float = 0.0
    zero: int = 0
    labels: tuple[str, ...] = ()
    offset: int = 0

    def stored(self, real: np.ndarray) -> np.ndarray:
        """Real numbers as the input takes them."""
        if not self.scale:
            return real.astype(np.float32)
        return np.clip(np.round(real / self.scale) + self.zero, 0, 255).astype(np.uint8)

    def normal(self, pixels: np.ndarray) -> np.ndarray:
        """What the documentation says."""
        return self.stored((pixels.astype(np.float32) - np.float32(self.mean)) / np.float32(self.std))

    def resized(self, image: Image.Image) -> np.ndarray:
        """uint8 [side, side, 3], in the channel order of the input."""
        pixels = np.array(image.resize((self.side, self.side), Image.Resampling.BILINEAR))
        return pixels[:, :, [2, 1, 0]] if self.order == "bgr" else pixels


# What each app writes into the input for an upright RGB picture: the mistakes as their makers would write them.
APPS: dict[str, Callable[[Image.Image, File], np.ndarray]] = {
    "right pre-processing": lambda image, file: file.normal(file.resized(image)),
    "BGR for RGB": lambda image, file: file.normal(file.resized(image)[:, :, [2, 1, 0]]),
    "RGB for BGR": lambda image, file: file.normal(file.resized(image)[:, :, [2, 1, 0]]),
    "grey for colour": lambda image, file: file.normal(file.resized(image.convert("L").convert("RGB"))),
    "pixel / 255": lambda image, file: file.stored(file.resized(image) / 255.0),
    "pixel / 127.5 - 1": lambda image, file: file.stored(file.resized(image) / 127.5 - 1),
    "no scaling, 0..255": lambda image, file: file.stored(file.resized(image) * 1.0),
    "scaled twice": lambda image, file: file.stored((file.resized(image) / 255.0 - np.array(file.mean)) / np.array(file.std)),
    "Caffe's means, BGR": lambda image, file: file.stored(_rgb(file, image)[:, :, ::-1] - np.array([103.939, 116.779, 123.68])),
    "ImageNet mean and std": lambda image, file: file.stored(_torch(_rgb(file, image))),
    "0..1 cast to integers": lambda image, file: (file.resized(image) / 255.0).astype(np.uint8),
    "128 off (int8 / uint8)": lambda image, file: (file.resized(image).astype(np.int16) - 128).astype(np.int8).view(np.uint8),
    "signed bytes": lambda image, file: file.normal(np.frombuffer(file.resized(image).tobytes(), np.int8).reshape(file.side, file.side, 3)),
    "NCHW / NHWC mixed up": lambda image, file: np.concatenate([c.ravel() for c in np.moveaxis(file.normal(file.resized(image)), 2, 0)]),
    "rows for columns": lambda image, file: file.normal(np.swapaxes(file.resized(image), 0, 1)),
    "turned by 90": lambda image, file: file.normal(file.resized(image.rotate(-90, expand=True))),
    "turned by 180": lambda image, file: file.normal(file.resized(image.rotate(180))),
    "mirrored": lambda image, file: file.normal(file.resized(ImageOps.mirror(image))),
    "upside down": lambda image, file: file.normal(file.resized(ImageOps.flip(image))),
    "nearest pixel": lambda image, file: file.normal(_nearest(image, file)),
    "centre 87.5 % only": lambda image, file: file.normal(_centre(image, file)),
    "labels one too late": lambda image, file: file.normal(file.resized(image)),
    "labels one too early": lambda image, file: file.normal(file.resized(image)),
}  # fmt: skip
SHIFTS = {"labels one too late": 1, "labels one too early": -1}

# Ten that their users would meet, by the kind of input.
BYTES = (
    "BGR for RGB", "pixel / 255", "Caffe's means, BGR", "ImageNet mean and std", "0..1 cast to integers", "128 off (int8 / uint8)", "NCHW / NHWC mixed up",
    "turned by 90", "mirrored", "labels one too early",
)  # fmt: skip
FLOATS = (
    "BGR for RGB", "pixel / 255", "no scaling, 0..255", "ImageNet mean and std", "signed bytes", "NCHW / NHWC mixed up", "turned by 180", "mirrored",
    "grey for colour", "labels one too early",
)  # fmt: skip
MOBILENET = (
    "BGR for RGB", "pixel / 255", "no scaling, 0..255", "scaled twice", "ImageNet mean and std", "signed bytes", "NCHW / NHWC mixed up", "turned by 90",
    "nearest pixel", "labels one too late",
)  # fmt: skip
SQUEEZENET = (
    "RGB for BGR", "pixel / 255", "pixel / 127.5 - 1", "ImageNet mean and std", "signed bytes", "NCHW / NHWC mixed up", "turned by 180", "upside down",
    "centre 87.5 % only", "grey for colour",
)  # fmt: skip


def sign_digits(name: str) -> File:
    """One of models/sign-digits."""
    byte = (1 / 128, 128) if name.endswith("_int8.tflite") else (0.0, 0)
    digits = tuple("0123456789")
    path = ROOT / "models" / "sign-digits" / name
    return File(path, "sign-language-digits.tar", "sign-language-digits.splits.json", 96, scale=byte[0], zero=byte[1], labels=digits)


def imagenet(folder: Path) -> dict[File, tuple[str, ...]]:
    """The independent networks, and the mistakes to plant."""
    of = ("trashnet-224x168.tar", "trashnet.splits.json")
    mobilenet = File(folder / "mobilenet_025_224_imagenet.keras", *of, 224, mean=(127.5,), std=(127.5,), offset=1)
    squeezenet = File(folder / "squeezenet1_1_imagenet.keras", *of, 227, "bgr", (104.0, 117.0, 123.0), (1.0,))
    return {mobilenet: MOBILENET, squeezenet: SQUEEZENET}


def pictures(file: File, names: Sequence[str]) -> list[Image.Image]:
    """The pictures of these names, upright and RGB."""
    with tarfile.open(Path(os.environ["EDGECNN_DATA"], file.archive)) as archive:
        found = {m.name.partition("/")[2]: archive.extractfile(m).read() for m in archive if m.isfile()}
    return [ImageOps.exif_transpose(Image.open(io.BytesIO(found[name]))).convert("RGB") for name in names]


def test_names(file: File) -> list[str]:
    """Names of the test pictures, as class/file."""
    return json.loads(Path(os.environ["EDGECNN_DATA"], file.splits).read_text())["splits"]["test"]


def answers(run: Callable[[np.ndarray], np.ndarray], file: File, images: Sequence[Image.Image], app: str) -> list[tuple[str, float]]:
    """What the app shows for each picture: a label, or its number, and its probability."""
    shown = []
    for image in images:
        stored = APPS[app](image, file).reshape(1, file.side, file.side, 3)
        scores = run(stored)[file.offset :]
        place = int(scores.argmax()) + SHIFTS.get(app, 0)
        label = (file.labels[place] if 0 <= place < len(file.labels) else "background") if file.labels else str(place)
        shown.append((label, float(scores.max())))
    return shown


def opened(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Runs one input [1, side, side, 3] through the runtime itself; gives the row of scores."""
    if path.suffix == ".tflite":
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path))
        interpreter.allocate_tensors()
        given, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
        scale, zero = interpreter.get_output_details()[0]["quantization"]

        def invoke(stored: np.ndarray) -> np.ndarray:
            interpreter.set_tensor(given, stored)
            interpreter.invoke()
            return (interpreter.get_tensor(result)[0].astype(np.float32) - zero) * (scale or 1.0)

        return invoke
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return lambda stored: session.run(None, {session.get_inputs()[0].name: stored})[0][0]
    import keras

    model = keras.saving.load_model(path, compile=False)
    return lambda stored: np.asarray(model.predict_on_batch(stored))[0]


def _rgb(file: File, image: Image.Image) -> np.ndarray:
    return np.array(image.resize((file.side, file.side), Image.Resampling.BILINEAR), np.float32)


def _torch(pixels: np.ndarray) -> np.ndarray:
    return (pixels / 255.0 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])


def _nearest(image: Image.Image, file: File) -> np.ndarray:
    pixels = np.array(image)
    rows, columns = (((np.arange(file.side) + 0.5) * n / file.side).astype(int) for n in pixels.shape[:2])
    return pixels[rows][:, columns][:, :, :: -1 if file.order == "bgr" else 1]


def _centre(image: Image.Image, file: File) -> np.ndarray:
    """Resize the short side to 8/7 of the input's, take the middle: torchvision's Resize(256), CenterCrop(224)."""
    wide = round(file.side / 0.875)
    scale = wide / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
    left, top = (image.width - file.side) // 2, (image.height - file.side) // 2
    pixels = np.array(image.crop((left, top, left + file.side, top + file.side)))
    return pixels[:, :, ::-1] if file.order == "bgr" else pixels
