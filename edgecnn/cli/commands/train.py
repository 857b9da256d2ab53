"""Train an architecture; writes NAME.keras, its card NAME.json, its learning curves NAME.png and its epochs NAME.csv. What was cut off is resumed."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn import data as data_sets
from edgecnn import zoo
from edgecnn.card import Card
from edgecnn.catalog import COMMON, architecture
from edgecnn.cli import train_options
from edgecnn.cli.class_table import class_table
from edgecnn.cli.options import said_of_input
from edgecnn.cli.parser import like, pair
from edgecnn.cli.text import columns, command, percent
from edgecnn.errors import BadSetting

if TYPE_CHECKING:
    from edgecnn.train.recipe import Recipe


@dataclass(frozen=True)
class Wish:
    """What is to be trained on what: said on the command line, else in the recipe, else usual."""

    architecture: str
    arguments: dict[str, float | int | bool | str]
    data: str
    image_size: int | None
    weights: Path | str | None
    teacher: Path | None


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn train`."""
    parser.add_argument("architecture", nargs="?", metavar="ARCH", help="a name from `edgecnn list architectures`")
    parser.add_argument("--recipe", metavar="FILE", help="a .toml file as in tools/recipes, which says all of this; options overrule it")
    parser.add_argument("--data", metavar="D", help="a name from `edgecnn list datasets`, a folder, an archive or a table of labels, .csv (default: digits)")
    parser.add_argument("--image-size", type=int, metavar="PIXELS", help="height and width of the input (default: the data set's, else the paper's)")
    parser.add_argument("--width", type=float, metavar="ALPHA", help="width multiplier, short for --set width=ALPHA")
    parser.add_argument(
        "--set", dest="arguments", type=pair, action="append", default=[], metavar="KEY=VALUE", help="argument of the architecture, such as dropout=0.2"
    )
    parser.add_argument("--pad-input", type=int, metavar="PIXELS", help="stand the pictures in a frame of zeros of this size, for networks that want more")
    parser.add_argument("--auxiliary", metavar="LAYERS", help="layers that get a classifier of their own in training, separated by commas; `none` for none")
    parser.add_argument("--out", default="models", metavar="FOLDER", help="where to write (default: %(default)s)")
    parser.add_argument("--name", metavar="NAME", help="of the model (default: the architecture's)")
    parser.add_argument("--fresh", action="store_true", help="start over although a training was cut off")
    parser.add_argument("--strict", action="store_true", help="refuse files that are not used, and copies that leak, instead of telling of them")
    train_options.add(parser)


def run(args: argparse.Namespace) -> int:
    """Load the data, train, and print the accuracy."""
    from edgecnn import train
    from edgecnn.cli.progress import progress
    from edgecnn.runtime.startup import load_keras
    from edgecnn.train import recipe as recipes

    recipe = recipes.read(args.recipe) if args.recipe else None
    wish, settings, machine = _wish(args, recipe), train_options.settings(args, recipe), train_options.machine(args)
    told = progress()
    preprocessing = train.preprocessing_for(wish.architecture, image_size=wish.image_size, weights=wish.weights)
    preprocessing = replace(preprocessing, **{**(recipe.input if recipe else {}), **said_of_input(args)})
    data = data_sets.load(wish.data, preprocessing, strict=args.strict, progress=told)
    if args.flip is None and not args.no_augment and not recipe:
        settings = replace(settings, augment=replace(settings.augment, flip=data.flip))
    told.step(class_table(data))
    load_keras()
    card = train.train(
        wish.architecture, data, preprocessing=preprocessing, settings=settings, arguments=wish.arguments, weights=wish.weights, teacher=wish.teacher,
        machine=machine, out=args.out, name=args.name or (recipe.name if recipe else None), progress=told, fresh=args.fresh,
    )  # fmt: skip
    print(_report(card, Path(args.out) / f"{card.name}.keras"))
    return 0


def _wish(args: argparse.Namespace, recipe: Recipe | None) -> Wish:
    if not args.architecture and not recipe:
        raise BadSetting("no architecture given; expected `edgecnn train ARCH` or --recipe FILE; see: edgecnn list architectures")
    name = args.architecture or recipe.architecture
    said = _arguments(args, name)
    if recipe and name == recipe.architecture:
        said = {**recipe.arguments, **said}
    data = args.data or (recipe.data if recipe else "digits")
    weights = args.weights or (recipe.start() if recipe else None)
    size = args.image_size or (recipe.image_size if recipe else _image_size(data, weights))
    teacher = args.teacher or (recipe.teacher if recipe else "")
    return Wish(name, said, data, size, weights, zoo.find(teacher) if teacher else None)


def _arguments(args: argparse.Namespace, name: str) -> dict[str, float | int | bool | str]:
    """The arguments of the architecture, each read as its default's type: version=1.1 is a name, width=1 is a number."""
    row = architecture(name)
    own = {key: getattr(args, key) for key in ("width", "pad_input", "auxiliary")}
    given = dict(args.arguments) | {key: value for key, value in own.items() if value is not None}
    row.with_defaults(given)
    known = {**COMMON, **row.arguments}
    return {key: like(known[key], key, str(text)) for key, text in given.items()}


def _image_size(data: str, weights: Path | str | None) -> int | None:
    """The data set's, or None for that of the weights or the paper."""
    named = data_sets.DATASETS.get(data)
    return None if weights or named is None else named.image_size


def _report(card: Card, model: Path) -> str:
    rows = [
        (name, percent(a["top1"]), f"{a['correct']:.0f} of {a['total']:.0f}; 95 % interval {percent(a['low'])} to {percent(a['high'])}")
        for name, a in card.accuracy.items()
    ]
    return f"{model}\n{columns(rows, right=(1,))}\n\nNext: {command('export', model, '--float32', '--int8')}"
