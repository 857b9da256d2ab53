"""List what edgecnn knows by name: architectures and their modules, number formats, data sets, and the models trained here."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence

from edgecnn import card as cards
from edgecnn import zoo
from edgecnn.catalog import CATALOG, MODULES, Architecture, Module, int8_bytes
from edgecnn.cli.rows import input_size, plain
from edgecnn.cli.text import columns, counted, percent
from edgecnn.data import DATASETS
from edgecnn.errors import BadSetting, EdgeCNNError, unknown
from edgecnn.schemes import SCHEMES

NAME = 25  # longest name that stands in one line with its numbers


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn list`."""
    parser.add_argument("what", nargs="?", metavar="WHAT", help=f"one of {', '.join(TABLES)}; all of them when left out")
    group = parser.add_argument_group("of architectures and modules")
    group.add_argument("--max-params", type=_amount, metavar="N", help="only those with at most so many parameters, such as 5M or 500k")
    group.add_argument("--max-macs", type=_amount, metavar="N", help="only those with at most so many multiply-accumulates, such as 1G")
    group.add_argument("--family", metavar="F", help="only those of this family, such as resnet or mobilenet_v3")
    group.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Print one table or all."""
    if args.what is not None and args.what not in TABLES:
        raise unknown("list", args.what, TABLES)
    if args.json or (args.max_params, args.max_macs, args.family) != (None, None, None):
        return _filtered(args)
    chosen = [args.what] if args.what else list(TABLES)
    print("\n\n".join(TABLES[name]() for name in chosen))
    print("\nNext: edgecnn info " + ("squeezenet" if "models" not in chosen or not zoo.names() else zoo.names()[0]))
    return 0


def _filtered(args: argparse.Namespace) -> int:
    """The rows that the options leave, of architectures when nothing is named."""
    what = args.what or "architectures"
    if what not in ROWS:
        raise BadSetting(f"list {what} takes no --max-params, --max-macs, --family or --json: they are for {' and '.join(ROWS)}")
    rows = list(ROWS[what].values())
    families = {name for row in rows for name in _families(row)}
    if args.family is not None and args.family not in families:
        raise unknown("family", args.family, families)
    rows = [row for row in rows if args.family in (None, *_families(row)) and _within(row.parameters, args.max_params) and _within(row.macs, args.max_macs)]
    if args.json:
        print(json.dumps([plain(row) for row in rows], indent=1))
        return 0
    print(f"{what}, {len(rows)} of {len(ROWS[what])}\n{_table(rows)}" if rows else f"none of the {len(ROWS[what])} {what} is within these limits")
    if rows:
        print(f"\nNext: edgecnn info {rows[0].name}")
    return 0


def _families(row: Architecture | Module) -> tuple[str, ...]:
    """`inception_v4` and what it begins with, `inception`."""
    return row.family, row.family.split("_")[0]


def _within(value: int, limit: float | None) -> bool:
    return limit is None or value <= limit


def _amount(text: str) -> float:
    """`5M`, `500k`, `1.2G` or a plain number."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([kKmMgG]?)", text, re.ASCII)
    if not found:
        raise argparse.ArgumentTypeError(f"'{text}': expected a number, such as 500000, 500k, 5M or 1.2G")
    return float(found[1]) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[found[2].lower()]


def _table(rows: Sequence[Architecture | Module]) -> str:
    """A line for each row; a name that is too long for its column has a line of its own, no line is wider than 80 columns."""
    head = ("", "params", "MACs", "int8", "input", "paper")
    cells = [(row.name, counted(row.parameters), counted(row.macs), counted(int8_bytes(row)), input_size(row), _short(row.paper)) for row in rows]
    lines = columns([head, *((name if len(name) <= NAME else "", *rest) for name, *rest in cells)], right=(1, 2, 3)).splitlines()
    for index in reversed([i for i, (name, *_) in enumerate(cells, start=1) if len(name) > NAME]):
        lines.insert(index, f"  {cells[index - 1][0]}")
    return "\n".join(lines)


def _short(paper: str) -> str:
    """`He et al., 2015, ...` as "He 2015": the first word of the authors and the year."""
    found = re.match(r"([\w-]+).*?, (\d{4})", paper)
    return f"{found[1][:11]} {found[2]}" if found else ""


def _architectures() -> str:
    return "architectures; int8: bytes that an int8 TFLite file is expected to have\n" + _table(list(CATALOG.values()))


def _modules() -> str:
    return "modules of architectures, to be studied, counted and exported\n" + (_table(list(MODULES.values())) if MODULES else "  none")


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


ROWS: Mapping[str, Mapping[str, Architecture | Module]] = {"architectures": CATALOG, "modules": MODULES}

TABLES: dict[str, Callable[[], str]] = {
    "architectures": _architectures,
    "modules": _modules,
    "schemes": _schemes,
    "datasets": _datasets,
    "models": _models,
}
