"""Write a trained model as TFLite and ONNX; every file is run and compared with the model before it gets its name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from edgecnn.cli import options
from edgecnn.cli.text import bytes_of, columns, percent
from edgecnn.schemes import SCHEMES
from edgecnn.settings import Export

if TYPE_CHECKING:
    from edgecnn.export import Exported

FORMATS = ("tflite", "onnx")


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn export`; one flag a row of the scheme table."""
    default = Export()
    parser.add_argument("model", metavar="MODEL", help="a .keras or .h5 file, or the name of a model under models/")
    for name in FORMATS:
        parser.add_argument(f"--{name}", dest="formats", action="append_const", const=name, help=f"write .{name} only (default: both formats)")
    schemes = parser.add_argument_group("number formats (default: float32)")
    for row in SCHEMES.values():
        schemes.add_argument(f"--{row.name}", dest="schemes", action="append_const", const=row.name, help=row.title)
    schemes.add_argument("--all", dest="schemes", action="store_const", const=list(SCHEMES), help="every number format that the file formats can hold")
    parser.add_argument("--io", default=default.io, metavar="TYPE", help="input and output of integer TFLite: uint8, int8 or float32 (default: %(default)s)")
    parser.add_argument("--data", metavar="D", help="data set whose training pictures give activation ranges (default: the one the model was trained on)")
    parser.add_argument("--calibration", type=int, default=default.calibration, metavar="N", help="how many of them (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, metavar="N", help="chooses which ones (default: %(default)s)")
    parser.add_argument("--no-sparse", action="store_true", help="store kernels with many zeros like all others (default: sparse in TFLite, where smaller)")
    parser.add_argument("--strict", action="store_true", help="refuse a data set with a corrupt picture")
    parser.add_argument("--out", metavar="FOLDER", help="where to write (default: the model's folder)")
    parser.add_argument("--name", metavar="NAME", help="stem of the files (default: the model's)")
    options.add_preprocessing(parser)


def run(args: argparse.Namespace) -> int:
    """Export, then print one line a file."""
    settings = Export(_schemes(args), _formats(args), args.io, args.calibration, args.seed, sparse=not args.no_sparse)
    from edgecnn import zoo
    from edgecnn.cli.progress import progress
    from edgecnn.export import export
    from edgecnn.runtime.startup import load_keras

    model = zoo.find(args.model)
    load_keras()
    written = export(
        model,
        settings=settings,
        data=args.data,
        preprocessing=options.preprocessing(args, model),
        labels=options.label_names(args.labels),
        out=args.out,
        name=args.name,
        strict=args.strict,
        progress=progress(),
    )
    print(_table(written))
    print("\nNext: edgecnn validate " + " ".join(str(f.path) for f in written))
    return 0


def _table(written: list[Exported]) -> str:
    """One line a file, then once what the files were compared on."""
    rows = [(str(f.path), bytes_of(f.bytes), percent(f.agreement), f"{f.difference:.1e}" if SCHEMES[f.scheme].lossless else "") for f in written]
    notes: dict[str, list[str]] = {}
    for f in written:
        notes.setdefault(f.note, []).append(f.scheme)
    told = [(f"{', '.join(dict.fromkeys(schemes))}:", f"compared on {note}") for note, schemes in notes.items()]
    told += [(f"{f.path.name}:", f.storage) for f in written if f.storage]
    if any(row[-1] for row in rows):
        told.append(("difference:", "of the log-probabilities, root mean square, over their spread between pictures"))
    head = ("", "size", "agreement", "difference" if any(row[-1] for row in rows) else "")
    return f"{columns([head, *rows], right=(1, 2))}\n\n{columns(told, indent=0)}"


def _schemes(args: argparse.Namespace) -> tuple[str, ...]:
    """The schemes asked for, in the order of the table; with --all only those that a format asked for can hold."""
    asked = args.schemes or ["float32"]
    return tuple(name for name, row in SCHEMES.items() if name in asked and (asked != list(SCHEMES) or set(row.formats) & set(_formats(args))))


def _formats(args: argparse.Namespace) -> tuple[str, ...]:
    return tuple(name for name in FORMATS if name in (args.formats or FORMATS))
