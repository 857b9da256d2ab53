"""List what edgecnn knows by name: architectures, number formats, data sets, and the models trained here."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from edgecnn import card as cards
from edgecnn import zoo
from edgecnn.catalog import CATALOG
from edgecnn.cli.text import columns, counted, percent
from edgecnn.data import DATASETS
from edgecnn.errors import EdgeCNNError, unknown
from edgecnn.schemes import SCHEMES


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn list`."""
    parser.add_argument("what", nargs="?", metavar="WHAT", help=f"one of {', '.join(TABLES)}; all of them when left out")


def run(args: argparse.Namespace) -> int:
    """Print one table or all."""
    if args.what is not None and args.what not in TABLES:
        raise unknown("list", args.what, TABLES)
    chosen = [args.what] if args.what else list(TABLES)
    print("\n\n".join(TABLES[name]() for name in chosen))
    print("\nNext: edgecnn info " + ("squeezenet" if "models" not in chosen or not zoo.names() else zoo.names()[0]))
    return 0


def _architectures() -> str:
    head = ("", "parameters", "MACs", "input", "arguments")
    rows = [
        (
            row.name,
            f"{row.parameters:,}",
            counted(row.macs),
            f"{row.image_size}x{row.image_size}x{row.channels}",
            " ".join(f"{key}={value}" for key, value in row.arguments.items()),
        )
        for row in CATALOG.values()
    ]
    return "architectures\n" + columns([head, *rows], right=(1, 2))


def _schemes() -> str:
    return "schemes (number formats)\n" + columns([(row.name, " ".join(row.formats), row.title) for row in SCHEMES.values()])


def _datasets() -> str:
    rows = [(row.name, f"{row.title}; licence: {row.licence}") for row in DATASETS.values()]
    return "datasets, besides any folder, .tar or .zip of pictures in class folders\n" + columns(rows)


def _models() -> str:
    rows = [(name, _model(name)) for name in zoo.names()]
    return f"models under {zoo.FOLDER}/\n" + (columns(rows) if rows else "  none yet; make one with: edgecnn train mobilenet --width 0.25")


def _model(name: str) -> str:
    path = zoo.FOLDER / f"{name}.keras"
    try:
        card = cards.read(path)
    except EdgeCNNError as error:
        return str(error)
    if card is None:
        return "no card beside it"
    test = card.accuracy.get("test")
    measured = f"; {percent(test['top1'])} of {test['total']:.0f} test pictures" if test else ""
    size = f"{card.preprocessing.height}x{card.preprocessing.width}"
    return f"{card.architecture or 'imported'} at {size} on {card.data.name if card.data else 'unknown data'}{measured}"


TABLES: dict[str, Callable[[], str]] = {"architectures": _architectures, "schemes": _schemes, "datasets": _datasets, "models": _models}
