"""Train an architecture; writes NAME.keras, its card NAME.json and its learning curves NAME.png. A training that was cut off is resumed."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path

from edgecnn import data as data_sets
from edgecnn.card import Card
from edgecnn.catalog import COMMON, architecture
from edgecnn.cli.parser import like, pair
from edgecnn.cli.text import columns, percent
from edgecnn.settings import OPTIMIZERS, PRECISIONS, Augment, Train

# What a photo of a hand-held phone differs by; a recipe that was measured is in tools/recipes.
AUGMENT = Augment(rotation=10.0, shift=0.1, zoom=0.1, brightness=0.2, contrast=0.2)


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn train`."""
    parser.add_argument("architecture", metavar="ARCH", help="a name from `edgecnn list architectures`")
    parser.add_argument("--data", default="digits", metavar="D", help="a name from `edgecnn list datasets`, a folder or an archive (default: %(default)s)")
    parser.add_argument("--image-size", type=int, metavar="PIXELS", help="height and width of the input (default: the data set's, else the paper's)")
    parser.add_argument("--width", type=float, metavar="ALPHA", help="width multiplier, short for --set width=ALPHA")
    parser.add_argument(
        "--set", dest="arguments", type=pair, action="append", default=[], metavar="KEY=VALUE", help="argument of the architecture, such as dropout=0.2"
    )
    parser.add_argument("--pad-input", type=int, metavar="PIXELS", help="stand the pictures in a frame of zeros of this size, for networks that want more")
    parser.add_argument("--auxiliary", metavar="LAYERS", help="layers that get a classifier of their own in training, separated by commas; `none` for none")
    parser.add_argument("--weights", metavar="FILE", help="a .keras or .h5 file to start from, or `imagenet` for Keras' own; what fits is taken")
    parser.add_argument("--out", default="models", metavar="FOLDER", help="where to write (default: %(default)s)")
    parser.add_argument("--name", metavar="NAME", help="of the model (default: the architecture's)")
    parser.add_argument("--fresh", action="store_true", help="start over although a training was cut off")
    parser.add_argument("--strict", action="store_true", help="refuse a data set with a corrupt picture instead of skipping it")
    _add_schedule(parser.add_argument_group("schedule"))
    _add_augment(parser.add_argument_group("random changes to the training pictures"))


def _add_schedule(group: argparse._ArgumentGroup) -> None:
    default = Train()
    group.add_argument("--epochs", type=int, default=default.epochs, metavar="N", help="passes over the training pictures (default: %(default)s)")
    group.add_argument("--batch-size", type=int, default=default.batch_size, metavar="N", help="pictures a step (default: %(default)s)")
    group.add_argument("--learning-rate", type=float, default=default.learning_rate, metavar="R", help="at its top (default: %(default)s)")
    group.add_argument("--warmup", type=float, default=default.warmup, metavar="EPOCHS", help="linear rise; a cosine follows (default: %(default)s)")
    group.add_argument("--optimizer", default=default.optimizer, metavar="NAME", help=f"one of {', '.join(OPTIMIZERS)} (default: %(default)s)")
    group.add_argument("--weight-decay", type=float, default=default.weight_decay, metavar="D", help="decoupled (default: %(default)s)")
    group.add_argument("--label-smoothing", type=float, default=default.label_smoothing, metavar="S", help="(default: %(default)s)")
    group.add_argument("--patience", type=int, default=default.patience, metavar="EPOCHS", help="stop after so many without a better val accuracy")
    group.add_argument("--precision", default=default.precision, metavar="TYPE", help=f"one of {', '.join(PRECISIONS)} (default: %(default)s)")
    group.add_argument("--seed", type=int, default=default.seed, metavar="N", help="decides weights, order and changes (default: %(default)s)")


def _add_augment(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--rotation", type=float, metavar="DEGREES", help=f"(default: {AUGMENT.rotation})")
    for name in ("shift", "zoom", "brightness", "contrast"):
        group.add_argument(f"--{name}", type=float, metavar="SHARE", help=f"(default: {getattr(AUGMENT, name)})")
    group.add_argument("--flip", action=argparse.BooleanOptionalAction, default=None, help="mirror (default: where the data set's labels allow it)")
    group.add_argument("--no-augment", action="store_true", help="leave the pictures as they are, but for the options above")


def run(args: argparse.Namespace) -> int:
    """Load the data, train, and print the accuracy."""
    arguments = _arguments(args)
    settings = _settings(args)
    from edgecnn import train
    from edgecnn.cli.progress import progress
    from edgecnn.runtime.startup import load_keras

    told = progress()
    preprocessing = train.preprocessing_for(args.architecture, image_size=_image_size(args), weights=args.weights)
    data = data_sets.load(args.data, preprocessing, strict=args.strict, progress=told)
    if args.flip is None and not args.no_augment:
        settings = replace(settings, augment=replace(settings.augment, flip=data.flip))
    load_keras()
    card = train.train(
        args.architecture, data, preprocessing=preprocessing, settings=settings, arguments=arguments, weights=args.weights, out=args.out, name=args.name,
        progress=told, fresh=args.fresh,
    )  # fmt: skip
    print(_report(card, Path(args.out) / f"{card.name}.keras"))
    return 0


def _arguments(args: argparse.Namespace) -> dict[str, float | int | bool | str]:
    """The arguments of the architecture, each read as its default's type: version=1.1 is a name, width=1 is a number."""
    row = architecture(args.architecture)
    own = {key: getattr(args, key) for key in ("width", "pad_input", "auxiliary")}
    given = dict(args.arguments) | {key: value for key, value in own.items() if value is not None}
    row.with_defaults(given)
    known = {**COMMON, **row.arguments}
    return {key: like(known[key], key, str(text)) for key, text in given.items()}


def _settings(args: argparse.Namespace) -> Train:
    start = Augment() if args.no_augment else AUGMENT
    changes = {f.name: getattr(args, f.name) for f in fields(Augment) if getattr(args, f.name) is not None}
    plain = {f.name: getattr(args, f.name) for f in fields(Train) if f.name != "augment"}
    return Train(**plain, augment=replace(start, **changes))


def _image_size(args: argparse.Namespace) -> int | None:
    """What was asked for, else the data set's, else None for that of the weights or the paper."""
    named = data_sets.DATASETS.get(args.data)
    if args.image_size is not None or args.weights or named is None:
        return args.image_size
    return named.image_size


def _report(card: Card, model: Path) -> str:
    rows = [
        (name, percent(a["top1"]), f"{a['correct']:.0f} of {a['total']:.0f}; 95 % interval {percent(a['low'])} to {percent(a['high'])}")
        for name, a in card.accuracy.items()
    ]
    return f"{model}\n{columns(rows, right=(1,))}\n\nNext: edgecnn export {model} --float32 --int8"
