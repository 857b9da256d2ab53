"""Write a trained model as TFLite and ONNX, or quantize a float .tflite or .onnx; every file is run and compared before it gets its name."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from edgecnn.cli import about_options, compress_options, ladder_table, options
from edgecnn.cli.commands.compress import report
from edgecnn.cli.text import bytes_of, columns, command, percent
from edgecnn.errors import BadSetting
from edgecnn.schemes import SCHEMES
from edgecnn.settings import HEADS, RANGES, ROUNDINGS, Budget, Compress, Export, PostTraining, fine_tuning

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.export import Exported

FORMATS = ("tflite", "onnx")


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn export`; one flag a row of the scheme table."""
    default = Export()
    parser.add_argument(
        "model", metavar="MODEL", help="a .keras or .h5 file, a SavedModel folder, the name of a model under models/, or a float .tflite or .onnx of any tool"
    )
    for name in FORMATS:
        parser.add_argument(f"--{name}", dest="formats", action="append_const", const=name, help=f"write .{name} only (default: both formats)")
    schemes = parser.add_argument_group("number formats (default: float32)")
    for row in SCHEMES.values():
        schemes.add_argument(f"--{row.name}", dest="schemes", action="append_const", const=row.name, help=row.title)
    schemes.add_argument("--all", dest="schemes", action="store_const", const=list(SCHEMES), help="every number format that the file formats can hold")
    parser.add_argument("--io", default=default.io, metavar="TYPE", help="input and output of integer TFLite: uint8, int8 or float32 (default: %(default)s)")
    parser.add_argument("--data", metavar="D", help="data set whose training pictures give activation ranges (default: the one the model was trained on)")
    parser.add_argument("--calibration", type=int, default=default.calibration, metavar="N", help="how many of them (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, metavar="N", help="chooses which ones, and decides a fine-tuning (default: %(default)s)")
    parser.add_argument("--no-sparse", action="store_true", help="store kernels with many zeros like all others (default: sparse in TFLite, where smaller)")
    parser.add_argument("--strict", action="store_true", help="refuse a data set with a corrupt picture")
    parser.add_argument("--out", metavar="FOLDER", help="where to write (default: the model's folder)")
    parser.add_argument("--name", metavar="NAME", help="stem of the files (default: the model's)")
    _add_post_training(parser.add_argument_group("how --int8 is reached without training, where --max-drop does not choose it"))
    budget = parser.add_argument_group("a budget for --int8")
    climb = f"largest {options.LOSS}: ways to int8 are tried, then some operators in float, then --qat, until it fits"
    budget.add_argument("--max-drop", type=float, metavar="POINTS", help=climb)
    budget.add_argument("--proof", action="store_true", help="the whole 95 %% interval of the loss must keep to it")
    budget.add_argument("--fresh", action="store_true", help="measure and train again what was done before")
    compress_options.add_steps(parser, "done to the model first, as by `edgecnn compress`, in this order")
    compress_options.add_fine_tuning(parser, without=("seed",))
    about_options.add(parser)
    options.add_preprocessing(parser, labels=False)
    options.add_label_offset(parser)


def _add_post_training(group: argparse._ArgumentGroup) -> None:
    default = PostTraining()
    group.add_argument("--ranges", choices=RANGES, default=default.ranges, help="what eight bits span of activations (default: %(default)s power of the error)")
    group.add_argument(
        "--rounding", choices=ROUNDINGS, default=default.rounding, help="of weights; reconstructed keeps a layer's output (default: %(default)s)"
    )
    group.add_argument("--equalize", action="store_true", help="scale channels so that each uses all steps of its tensor")
    group.add_argument("--head", choices=HEADS, default=default.head, help="activations of the last layer (default: %(default)s); with float no scores tie")
    group.add_argument("--wide", action="append", default=[], metavar="OPERATOR", help="keep its activations in float, weights int8; may be said several times")


def run(args: argparse.Namespace) -> int:
    """Compress where that is asked for, export, then print one line a file."""
    int8 = PostTraining(args.ranges, args.rounding, args.equalize, head=args.head, wide=tuple(args.wide))
    said = {"about": about_options.about(args), **about_options.oldest(args)}
    settings = Export(_schemes(args), _formats(args), args.io, args.calibration, args.seed, int8=int8, sparse=not args.no_sparse, **said)
    _check(args, settings)
    model = _find(args)
    settings = Export(_schemes(args), _formats(args), args.io, args.calibration, args.seed, int8=int8, sparse=not args.no_sparse, **said)
    _check(args, settings)
    from edgecnn import card as cards
    from edgecnn import zoo

    card = cards.read(model) if zoo.is_keras(model) else None
    train = compress_options.fine(args, fine_tuning(card.recipe if card else {}))
    compression = compress_options.settings(args, train) if compress_options.asked(args) else None
    budget = Budget(args.max_drop, args.proof, train=train) if args.max_drop is not None else None
    if zoo.is_keras(model) or budget is not None:
        from edgecnn.runtime.startup import load_keras

        load_keras()
    written = _written(args, model, settings, compression, budget)
    # Only a card of edgecnn's own training names the images; other files are validated on those that were given.
    data = [] if card is not None and card.data is not None else ["--data", args.data or "FOLDER"]
    print("\nNext: " + command("validate", *written, *data))
    return 0


def _find(args: argparse.Namespace) -> Path:
    """The model; of a float .tflite or .onnx, files of its own format are written.

    Raises:
        BadSetting: it is a float file, and what is asked for needs a Keras model.
    """
    from edgecnn import zoo
    from edgecnn.export.source import OWN_FORMAT, is_float_file, other_format

    model = zoo.find(args.model)
    if not is_float_file(model):
        return model
    own = OWN_FORMAT[model.suffix.lower()]
    others = [name for name in args.formats or () if name != own]
    if others:
        raise BadSetting(other_format(model, others[0]))
    args.formats = [own]
    steps = compress_options.asked(args) or any(name != "seed" and getattr(args, name) is not None for name, *_ in compress_options.FINE)
    if steps:
        raise BadSetting(f"{model} is a finished file, which cannot be pruned, clustered or trained; expected the .keras model, or no such options")
    return model


def _check(args: argparse.Namespace, settings: Export) -> None:
    """Refuse options that would not be heeded."""
    trains = compress_options.asked(args) or args.max_drop is not None
    given = [name for name, *_ in compress_options.FINE if name != "seed" and getattr(args, name) is not None]
    if given and not trains:
        raise BadSetting(f"--{given[0].replace('_', '-')} is of a fine-tuning: expected --channels, --prune, --cluster, --qat or --max-drop beside it")
    if args.fresh and not trains:
        raise BadSetting("--fresh is of a fine-tuning or a budget: expected --channels, --prune, --cluster, --qat or --max-drop beside it")
    if args.proof and args.max_drop is None:
        raise BadSetting("--proof is of a budget: expected --max-drop POINTS beside it")
    if settings.int8 != PostTraining() and "int8" not in settings.schemes:
        raise BadSetting("--ranges, --rounding, --equalize, --head and --wide are ways to int8: expected --int8 beside them")
    if args.max_drop is not None and "int8" not in settings.schemes:
        raise BadSetting(f"--max-drop {args.max_drop:g} is a budget for int8: expected --int8 beside it")


def _written(args: argparse.Namespace, model: Path, settings: Export, compression: Compress | None, budget: Budget | None) -> list[Path]:
    """Do it, print what was measured, and return the files."""
    from edgecnn.cli.progress import progress
    from edgecnn.export import export

    said, original, preprocessing = progress(), model, options.given_input(args)
    common = {
        "data": args.data, "labels": about_options.labels(args), "label_offset": args.label_offset, "out": args.out, "name": args.name, "progress": said,
    }  # fmt: skip
    if compression is not None:
        from edgecnn.compress import compress

        done = compress(model, settings=compression, preprocessing=preprocessing, fresh=args.fresh, **common)
        print(f"{report(done)}\n")
        model, preprocessing = done.path, None
    common |= {"preprocessing": preprocessing, "strict": args.strict}
    plain = tuple(name for name in settings.schemes if budget is None or name != "int8")
    files = export(model, settings=replace(settings, schemes=plain), **common) if plain else []
    if files:
        print(_table(files))
    if budget is None:
        return [f.path for f in files]
    from edgecnn.optimize import within

    fitted = within(model, budget, settings=replace(settings, schemes=("int8",)), against=original, fresh=args.fresh, **common)
    print("\n".join(ladder_table.render(it, budget.max_drop) for it in fitted))
    return [*(f.path for f in files), *(it.exported.path for it in fitted)]


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
