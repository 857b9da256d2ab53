"""TABLE of mistakes: what app developers get wrong between a picture and an answer, and how each is mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from edgecnn.resize_rules import FILTERS
from edgecnn.validate.doctor import levels, views
from edgecnn.validate.doctor.levels import Input, Levels
from edgecnn.validate.doctor.views import View


@dataclass(frozen=True)
class Way:
    """One way from a picture to an answer, wrong in one thing; whatever is left out is right.

    Attributes:
        name: in the report.
        advice: how to mend it.
        view: picture -> pixels.
        levels: pixel -> stored number.
        order: channel order that the app hands on, "other" is BGR for RGB or RGB for BGR; "" is the network's.
        memory: the buffer is filled plane by plane where the file wants pixel by pixel, or the other way round.
        label: how far the name that the app shows lies from the right one in the list of labels; None where the app sorted them by the alphabet.
        orders, rules: channel orders and resize modes of the networks for which this is a mistake; empty for all.
        right_for: resize filters, or `crop FRACTION`, of the networks for which this is no mistake.
    """

    name: str
    advice: str
    view: View = views.right
    levels: Levels = levels.right
    order: str = ""
    memory: bool = False
    label: int | None = 0
    orders: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    right_for: tuple[str, ...] = ()


RIGHT = Way("right pre-processing", "")
_COLOUR = ("rgb", "bgr")
_SMOOTH = "shrink with antialias (INTER_AREA, antialias=True): createScaledBitmap, INTER_LINEAR and drawImage look at four pixels and skip the rest"

_NEAREST, _CUBIC = ("pillow-nearest", "tf-nearest"), ("pillow-bicubic", "tf-bicubic", "tf-bicubic-antialias")
_SMOOTH_ONES = tuple(name for name, row in FILTERS.items() if row.antialias)
_ROUGH = tuple(name for name, row in FILTERS.items() if not row.antialias)

WAYS: tuple[Way, ...] = (
    # --- channels ---
    Way("BGR for RGB", "hand on R, G, B: OpenCV reads B, G, R (cv2.COLOR_BGR2RGB)", order="other", orders=("rgb", "grey", "rgba")),
    Way("RGB for BGR", "hand on B, G, R: the network was trained by Caffe's or OpenCV's order", order="other", orders=("bgr",)),
    Way("grey for colour", "decode in colour (cv2.IMREAD_COLOR, not IMREAD_GRAYSCALE)", view=views.grey, orders=_COLOUR),
    Way("U for V", "read the camera's frame as what it is: NV21 has V before U, NV12 U before V", view=views.chroma_swapped, orders=_COLOUR),
    Way("dark for light", "hand on the pixels, not 255 - pixel", view=views.inverted),
    # --- scale ---
    Way("pixel / 255", "scale by the mean and std of the card, not to 0..1", levels=levels.fixed((0.0,), (255.0,))),
    Way("pixel / 127.5 - 1", "scale by the mean and std of the card, not to -1..1", levels=levels.fixed((127.5,), (127.5,))),
    Way("(pixel - 128) / 128", "scale by the mean and std of the card", levels=levels.fixed((128.0,), (128.0,))),
    Way("no scaling, 0..255", "scale by the mean and std of the card before the network", levels=levels.fixed((0.0,), (1.0,))),
    Way("scaled twice", "divide by 255 or scale by mean and std, not both: ToTensor, Rescaling and the file each may do it", levels=levels.twice),
    Way("Caffe's means, BGR", "Caffe's means belong to other networks: take the card's", levels=levels.fixed(levels.CAFFE_MEAN, (1.0,) * 3), order="bgr"),
    Way("ImageNet mean and std", "torchvision's Normalize belongs to other networks", levels=levels.fixed(levels.TORCH_MEAN, levels.TORCH_STD), order="rgb"),
    # --- types ---
    Way("0..1 cast to integers", "scale floats, and cast to the input's type last of all", levels=levels.truncated),
    Way("cast, not quantized", "store round(real / scale) + zero point, both from the file", levels=levels.cast),
    Way("bytes, not quantized", "store round(real / scale) + zero point, both from the file: here a byte is not the input", levels=levels.unquantized),
    Way("128 off (int8 / uint8)", "uint8 holds the byte, int8 the byte less 128: convert, do not reinterpret", levels=levels.unshifted),
    Way("signed bytes", "Java's bytes are signed: (b & 0xFF) before scaling", levels=levels.signed),
    # --- memory ---
    Way("NCHW / NHWC mixed up", "fill the buffer in the file's layout, transposing it, not reshaping", memory=True, orders=_COLOUR),
    Way("rows for columns", "the first index is the row: input[y][x]", view=views.transposed),
    # --- geometry ---
    Way("turned by 90", "turn the frame by the sensor's or EXIF's orientation", view=views.turned(1)),
    Way("turned by 180", "turn the frame by the sensor's or EXIF's orientation", view=views.turned(2)),
    Way("turned by 270", "turn the frame by the sensor's or EXIF's orientation", view=views.turned(3)),
    Way("EXIF ignored", "turn pictures by EXIF's orientation (ImageOps.exif_transpose)", view=views.as_stored),
    Way("mirrored", "front cameras mirror what they show: flip it back", view=views.mirrored),
    Way("upside down", "begin with the top row: OpenGL's buffers begin at the bottom", view=views.upside_down),
    # --- size ---
    Way("cropped, not stretched", "stretch the whole picture to the input's size", view=views.in_mode("crop"), rules=("stretch",)),
    Way("stretched, not cropped", "scale the short side and take the centre", view=views.in_mode("stretch"), rules=("crop",)),
    Way("stretched, not padded", "scale the long side and add the card's bars", view=views.in_mode("stretch"), rules=("pad",)),
    Way("cropped, not padded", "scale the long side and add the card's bars", view=views.in_mode("crop"), rules=("pad",)),
    Way("centre 87.5 % only", "leave out CenterCrop: hand on what the card's resize rule keeps", view=views.centre_only, right_for=("crop 0.875",)),
    Way(
        "all of the centre",
        "scale the short side beyond the input, then take the centre: the card's crop fraction",
        view=views.in_mode("crop"),
        rules=("crop",),
        right_for=("crop 1",),
    ),
    Way("letterboxed", "hand on no bars: resize by the card's rule", view=views.letterboxed, rules=("stretch", "crop")),
    Way("nearest pixel", "shrink with the card's filter, which mixes pixels", view=views.resized_by(Image.Resampling.NEAREST), right_for=_NEAREST),
    Way("resized without antialias", _SMOOTH, view=views.unsmoothed, right_for=_ROUGH),
    Way(
        "resized with antialias",
        "shrink as the training did: between the four nearest pixels, or the nearest one, however far they lie from each other",
        view=views.resized_by(Image.Resampling.BILINEAR),
        right_for=_SMOOTH_ONES,
    ),
    Way("bicubic", "resize by the card's filter", view=views.resized_by(Image.Resampling.BICUBIC), right_for=_CUBIC),
    Way("area", "resize by the card's filter", view=views.resized_by(Image.Resampling.BOX), right_for=("pillow-box", "tf-area")),
    # --- labels ---
    Way("labels one too late", "skip the outputs before the first label (background), and count the labels from 0", label=1),
    Way("labels one too early", "leave out a line before the labels (background) that the file does not have, and count them from 0", label=-1),
    Way("labels sorted", "keep the labels in the order of the outputs, not by the alphabet", label=None),
)


def ways(into: Input, labels: tuple[str, ...]) -> Iterator[Way]:
    """The right way, then the mistakes that can be made with such an input and such labels."""
    yield RIGHT
    said = into.preprocessing
    for way in WAYS:
        fits = (not way.orders or said.order in way.orders) and (not way.rules or said.resize in way.rules)
        fits = fits and not {said.resize_filter, f"{said.resize} {said.crop_fraction:g}"} & set(way.right_for)
        if fits and way.levels(into) is not None and (way.label is not None or tuple(sorted(labels)) != labels):
            yield way
