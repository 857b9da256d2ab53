"""What `edgecnn info` tells of an architecture or a module: facts of its row at once, then layers and a diagram of a sketch, which takes seconds."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path

from edgecnn.arch import diagram, layout
from edgecnn.arch.tree import Chain, layers_of
from edgecnn.catalog import CATALOG, COMMON, MODULES, Architecture, Module, Value, int8_bytes
from edgecnn.cli import layer_table
from edgecnn.cli.parser import like, pair
from edgecnn.cli.rows import input_size, plain
from edgecnn.cli.text import bytes_of, columns, counted
from edgecnn.errors import BadSetting, unknown

PADDING = (
    "of strided convolutions: same is TensorFlow's, uneven where sides are even, and costs no layer; symmetric is PyTorch's, and what XNNPACK's sparse "
    "kernels expect. Weights of one give slightly wrong answers with the other"
)


@dataclass(frozen=True)
class Asked:
    """A row of the catalog with what the command line changes of it."""

    row: Architecture | Module
    arguments: Mapping[str, Value]
    sizes: Mapping[str, int]

    @property
    def changed(self) -> bool:
        """Whether the row's counts no longer hold."""
        return bool(self.arguments or self.sizes)


def add(parser: argparse.ArgumentParser) -> None:
    """Options that only architectures and modules take."""
    group = parser.add_argument_group("for an architecture")
    group.add_argument("--width", type=float, metavar="ALPHA", help="width multiplier, short for --set width=ALPHA")
    group.add_argument("--image-size", type=int, metavar="PIXELS", help="height and width of the input (default: the paper's)")
    group.add_argument("--classes", type=int, metavar="N", help="outputs (default: the paper's)")
    group.add_argument(
        "--set", dest="arguments", type=pair, action="append", default=[], metavar="KEY=VALUE", help="argument of the architecture, such as dropout=0.2"
    )
    group.add_argument("--diagram", type=Path, metavar="FILE", help="draw blocks and branches into a file that ends in .svg or .png")


def refuse_options(args: argparse.Namespace) -> None:
    """Refuse the options of `add` where something else than an architecture is asked about.

    Raises:
        BadSetting: one was given.
    """
    given = [name for name in ("width", "image_size", "classes", "diagram") if getattr(args, name) is not None] + (["set"] if args.arguments else [])
    if given:
        raise BadSetting(f"--{given[0].replace('_', '-')} is for architectures of the catalog; {args.what} is none: see edgecnn list architectures")


def known(name: str) -> bool:
    """Whether this is a row of the catalog or of its modules."""
    return name in CATALOG or name in MODULES


def refuse_name(name: str) -> None:
    """Raise UnknownName with the nearest architecture or module."""
    raise unknown("architecture", name, (*CATALOG, *MODULES))


def run(args: argparse.Namespace) -> int:
    """Print facts and layers of `args.what`, and draw the diagram if one was asked for."""
    asked = _asked(args)
    if args.diagram is not None:
        diagram.check(args.diagram)
    light = args.layers == 0 and args.diagram is None and not asked.changed
    if not args.json and not asked.changed:
        print(_facts(asked), flush=True)  # now: the rest takes seconds
    row, chain = (asked.row, ()) if light else _sketched(asked)
    if args.diagram is not None:
        _draw(args.diagram, row, chain)
    if args.json:
        layers = {"layers": [asdict(layer) for item in chain for layer in layers_of(item)]} if chain else {}
        print(json.dumps(plain(row) | layers, indent=1))
        return 0
    if asked.changed:
        print(_facts(replace(asked, row=row)))
    if chain and args.layers != 0:
        print(f"\n{_layers(chain, args.layers)}\n  total {row.parameters:,} parameters, {row.macs:,} MACs")
    print(f"\nNext: {_next(row, args)}")
    return 0


def _asked(args: argparse.Namespace) -> Asked:
    """The row and its changes, each argument read as its default's type.

    Raises:
        BadSetting: a key that the row does not have, or a value of another type.
    """
    row = CATALOG.get(args.what) or MODULES[args.what]
    types = {**row.arguments, **(COMMON if isinstance(row, Architecture) else {})}
    given = dict(args.arguments) | ({"width": str(args.width)} if args.width is not None else {})
    for key in given:
        if key not in types:
            raise BadSetting(f"{row.name} has no argument '{key}'; it takes: {', '.join(types) or 'none'}")
    arguments = {key: like(types[key], key, text) for key, text in given.items()}
    for key, value in arguments.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise BadSetting(f"{key}={value}: expected a finite number")
    sizes = {key: getattr(args, key) for key in ("image_size", "classes") if getattr(args, key) is not None}
    return Asked(row, arguments, sizes)


def _sketched(asked: Asked) -> tuple[Architecture | Module, Chain]:
    """The row as it is asked for, counted again, and the tree of its graph."""
    from edgecnn.runtime.startup import load_keras

    load_keras()
    from edgecnn.arch import macs, sketch, structure

    model = sketch(asked.row.name, **asked.sizes, **asked.arguments)
    trainable = sum(prod(weight.shape) for weight in model.trainable_weights)
    counts = {"parameters": model.count_params(), "trainable": trainable, "macs": macs.count(model)}
    arguments = {**asked.row.arguments, **asked.arguments}
    return replace(asked.row, **counts, **asked.sizes, arguments=arguments), structure.of(model)


def _facts(asked: Asked) -> str:
    row = asked.row
    facts = [
        ("paper", row.paper),
        ("parameters", f"{row.parameters:,}, {row.trainable:,} of them trainable"),
        ("MACs", f"{row.macs:,} for one {'picture' if isinstance(row, Architecture) else 'input'}"),
        ("int8 file", f"about {bytes_of(int8_bytes(row))}, expected from the counts"),
        *(_picture_facts(row) if isinstance(row, Architecture) else [("input", input_size(row))]),
        ("arguments", " ".join(f"{key}={value}" for key, value in row.arguments.items()) or "none"),
    ]
    if "padding" in row.arguments:
        facts.append(("padding", PADDING))
    return f"{row.name}\n{columns(facts)}"


def _picture_facts(row: Architecture) -> list[tuple[str, str]]:
    twin = f"weights by --weights imagenet: the same as keras.applications.{row.twin}" if row.twin else "no weights: nothing in keras.applications is the same"
    return [
        ("input", f"{input_size(row)}, {row.smallest} pixels or more each way"),
        ("classes", f"{row.classes}; those of the data set in training"),
        ("ImageNet", twin),
    ]


def _layers(chain: Chain, layers: int | str | None) -> str:
    if isinstance(layers, int):
        return layer_table.largest(chain, layers)
    return layer_table.every(chain) if layers == "all" else layer_table.by_block(chain)


def _draw(path: Path, row: Architecture | Module, chain: Chain) -> None:
    facts = f"{row.parameters:,} parameters, {counted(row.macs)} MACs, input {input_size(row)}"
    diagram.write(path, layout.drawing(chain, row.name, facts))


def _next(row: Architecture | Module, args: argparse.Namespace) -> str:
    if args.diagram is not None:
        return f"open {args.diagram}"
    return f"edgecnn train {row.name} --data digits" if isinstance(row, Architecture) else "edgecnn list modules"
