"""Options that several commands share: how pictures become the input of a model whose card does not say it."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.cli.parser import numbers

if TYPE_CHECKING:
    from edgecnn.sources.given_input import GivenInput


_RESIZE = (
    "stretch both sides to the input's (default), crop: scale the short side to it and take the center, or pad: scale the long side and add bars; "
    "and the filter of the training: tf or keras (TensorFlow's bilinear without antialias), pillow (bilinear with antialias, the default), nearest, bicubic, "
    "area or a full name; torchvision is Resize(256) and CenterCrop(224). Such as crop,tf-bilinear"
)


# What a limit on the loss of accuracy is about.
LOSS = "loss of accuracy on val in points: of top-1, or of right decisions where pictures may have several labels"


def add_label_offset(parser: argparse.ArgumentParser) -> None:
    """--label-offset, of commands that name outputs."""
    meaning = "outputs before the first label: 1 for a background class (default: the card's, else 0)"
    parser.add_argument("--label-offset", type=int, metavar="N", help=meaning)


def add_preprocessing(parser: argparse.ArgumentParser, *, image_size: bool = True, labels: bool = True) -> None:
    """--mean, --std, --order, --resize, and --labels and --image-size unless they are switched off."""
    group = parser.add_argument_group("for models without a card, which someone else made")
    add_input(group)
    if image_size:
        group.add_argument("--image-size", type=int, metavar="PIXELS", help="height and width of the input, where the file leaves them open")
    if labels:
        group.add_argument("--labels", metavar="FILE", help="class names, one on each line or a JSON list, in the order of the outputs")


def add_input(group: argparse._ArgumentGroup) -> None:
    """--mean, --std, --order, --resize."""
    group.add_argument("--mean", type=numbers, metavar="M", help="input = (pixel - mean) / std, one value or one a channel, pixels 0 to 255")
    group.add_argument("--std", type=numbers, metavar="S", help="(default of both: what card, metadata, graph or labeled photos show)")
    usual = "the usual ones by name: raw (pixels as they are), unit (/255), tf (/127.5 - 1), torch or caffe (ImageNet's mean)"
    group.add_argument("--preprocess", metavar="NAME", help=f"mean, std and order together, {usual}")
    group.add_argument("--order", metavar="ORDER", help="channel order of the input: rgb, bgr, grey or rgba")
    group.add_argument("--resize", metavar="MODE[,FILTER]", help=_RESIZE)


def said_of_input(args: argparse.Namespace) -> dict[str, object]:
    """What was said of the input, as fields of `Preprocessing`."""
    fields: dict[str, object] = {}
    if getattr(args, "preprocess", None) is not None:
        from edgecnn.sources.given_input import fields_of_mapping

        fields = fields_of_mapping(args.preprocess)
    return fields | {key: getattr(args, key) for key in ("mean", "std", "order", "resize") if getattr(args, key) is not None}


def given_input(args: argparse.Namespace) -> GivenInput:
    """What the options say of the input; what they leave out is taken from evidence."""
    from edgecnn.sources.given_input import GivenInput

    return GivenInput(said_of_input(args), getattr(args, "image_size", None))


def label_names(path: str | None) -> tuple[str, ...]:
    """The names in a label file, () when none was given."""
    from edgecnn.labels import read_labels

    return read_labels(path) if path is not None else ()


def model_file(text: str) -> Path:
    """A path as it is; a bare name such as `squeezenet` as the model of that name under models/."""
    from edgecnn import zoo

    return Path(text) if Path(text).suffix or Path(text).exists() else zoo.find(text)


def add_trust(parser: argparse.ArgumentParser) -> None:
    """--trust-code and --custom-objects, of every command that opens a model."""
    group = parser.add_argument_group("for models with code of their author")
    group.add_argument("--trust-code", action="store_true", help="run code that a model file holds (Lambda layers); only where you trust its author")
    group.add_argument("--custom-objects", metavar="FILE.py", help="a Python file with the layers of the model, which is executed")
    parser.add_argument("--output", metavar="NAME", help="the output with the class scores, of a model that has several")
    parser.add_argument("--signature", metavar="NAME", help="the signature that classifies images, of a .tflite that has several")


@contextlib.contextmanager
def trusted(args: argparse.Namespace) -> Iterator[None]:
    """Open models as --trust-code and --custom-objects say, and say so on stderr."""
    from edgecnn.formats.keras import trust

    path = getattr(args, "custom_objects", None)
    size = getattr(args, "image_size", None)
    chosen = {
        "trust_code": getattr(args, "trust_code", False),
        "custom_objects": str(Path(path).resolve()) if path else None,
        "image_size": (size, size) if size else None,
        "output": getattr(args, "output", None),
        "signature": getattr(args, "signature", None),
    }
    loading = replace(trust.current(), **{key: value for key, value in chosen.items() if value})
    for note in loading.notes():
        print(f"note: {note}", file=sys.stderr)
    with trust.use(loading):
        yield
