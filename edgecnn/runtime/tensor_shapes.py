"""Shapes of an image classifier's input and output, read off what a file declares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecnn.card import Card, Preprocessing
from edgecnn.errors import BadFile, UnknownInputError
from edgecnn.formats.keras import trust
from edgecnn.runtime.contract import RawPixels, Tensor

# Pixels of an input from which on a file is taken to be damaged: one picture as floats would fill a gigabyte.
MOST_PIXELS = 1 << 26

# Gray, RGB, RGBA.
CHANNELS = (1, 3, 4)

# An output of these holds the number of a class, not scores; int8 and uint8 are quantized scores.
INDEX_TYPES = ("int32", "int64", "bool", "string")

# How to say what an input wants.
CHOICES = (
    "say it with --mean 0 --std 1 (pixels 0 to 255 as they are: the model scales them itself), --mean 0 --std 255 (pixel / 255) or "
    "--mean 127.5 --std 127.5 (pixel / 127.5 - 1), or give labelled photos with --data FOLDER to measure it"
)


@dataclass(frozen=True)
class Layout:
    """How an input tensor holds images; None where the file leaves a dimension open. Gray images may lack the axis of channels: [batch, height, width]."""

    batch: int | None
    height: int | None
    width: int | None
    channels: int
    channels_first: bool
    has_channel_axis: bool = True

    def shape(self, batch: int, height: int, width: int) -> tuple[int, ...]:
        """The whole shape with its open dimensions filled."""
        if not self.has_channel_axis:
            return (batch, height, width)
        return (batch, self.channels, height, width) if self.channels_first else (batch, height, width, self.channels)


def words(tensor: Tensor) -> str:
    """A tensor as errors and `info` show it, such as `image uint8 [?, 96, 96, 3]`."""
    return f"{tensor.name} {tensor.dtype} [{', '.join('?' if d is None else str(d) for d in tensor.shape)}]"


def only(path: Path, tensors: list[Tensor], what: str) -> Tensor:
    """The single input of an image classifier; BadFile when there are several or none."""
    if len(tensors) != 1:
        found = "; ".join(words(t) for t in tensors) or "none"
        raise BadFile(f"{path} has {len(tensors)} {what}s ({found}); expected an image classifier with one {what}")
    return tensors[0]


def select_output(path: Path, tensors: list[Tensor]) -> int:
    """Index of the output with the class scores: the single one, else the one that --output names.

    Raises:
        BadFile: there are several and none was named, or none of that name.
    """
    if len(tensors) == 1:
        return 0
    wanted = trust.current().output
    named = [i for i, tensor in enumerate(tensors) if tensor.name == wanted]
    if len(named) == 1:
        return named[0]
    found = "; ".join(words(t) for t in tensors) or "none"
    missing = f"no output '{wanted}'" if wanted and tensors else f"{len(tensors)} outputs"
    raise BadFile(f"{path} has {missing} ({found}); say which has the class scores: --output NAME")


def input_layout(path: Path, tensor: Tensor) -> Layout:
    """Read the layout off an input's shape; BadFile when it does not hold images of one, three or four channels."""
    shape = tensor.shape
    if len(shape) == 4:
        first = shape[1] in CHANNELS and shape[3] not in CHANNELS
        batch, (height, width, channels) = shape[0], (shape[2], shape[3], shape[1]) if first else shape[1:]
        if channels in CHANNELS:
            return Layout(batch, height, width, channels, first)
    if len(shape) == 3 and shape[2] not in CHANNELS:
        return Layout(shape[0], shape[1], shape[2], 1, False, has_channel_axis=False)
    kinds = "[batch, height, width, 1, 3 or 4], [batch, 1, 3 or 4, height, width] or gray [batch, height, width]"
    raise BadFile(f"{path}: input {words(tensor)}; expected images {kinds}")


def output_scores(path: Path, tensor: Tensor) -> int | None:
    """Length of the row of scores; None when the file leaves it open; BadFile when the output is no row of scores of real numbers.

    One score is enough: the probability or the logit of the second of two classes.
    """
    row = [d for d in (tensor.shape[1:] if len(tensor.shape) > 1 else tensor.shape) if d != 1]
    if tensor.dtype in INDEX_TYPES:
        hint = "it gives the number of a class and no scores; export the network without the final ArgMax"
        raise BadFile(f"{path}: output {words(tensor)}: {hint}")
    if len(row) > 1 or (not row and len(tensor.shape) < 2):
        raise BadFile(f"{path}: output {words(tensor)}; expected an image classifier that gives one row of class scores an image")
    return row[0] if row else 1


def settle(path: Path, layout: Layout, card: Card | None, given: Preprocessing | RawPixels | None) -> Preprocessing:
    """The preprocessing to use: the one given, else the card's; never an assumption. `RawPixels` take the size from the card, else from the file.

    Raises:
        UnknownInputError: neither says it; `edgecnn.sources` finds evidence where there is some.
        BadFile: it does not fit the file's input.
    """
    if (layout.height or 1) * (layout.width or 1) > MOST_PIXELS:
        raise BadFile(f"{path} takes pictures of {layout.width:,}x{layout.height:,} pixels; expected {MOST_PIXELS:,} pixels at most")
    if isinstance(given, RawPixels):
        return given.at_size_of(path, layout, card)
    chosen = given or (card.preprocessing if card else None)
    if chosen is None:
        raise UnknownInputError(f"{path} does not say how a pixel becomes its input, and nothing was given; {CHOICES}")
    takes = (layout.height or chosen.height, layout.width or chosen.width, layout.channels)
    says = (chosen.height, chosen.width, chosen.channels)
    if takes != says:
        raise BadFile(f"{path} takes pictures of {describe_size(takes)}; the preprocessing {'given' if given else 'in its card'} says {describe_size(says)}")
    return chosen


def describe_size(size: tuple[int, int, int]) -> str:
    """Height, width and channels in words."""
    return "{}x{} pixels with {} channel(s)".format(*size)
