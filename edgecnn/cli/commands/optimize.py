"""Search number formats, pruning, clustering and fewer channels for the smallest or the fastest file that loses little accuracy.

Writes the winner, NAME-optimize.png with accuracy against bytes and latency, and NAME-optimize.json. A search that was cut off goes on.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from edgecnn.cli import compress_options, options
from edgecnn.cli.text import bytes_of, columns, command
from edgecnn.errors import BadSetting
from edgecnn.settings import GOALS, Search, fine_tuning

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.optimize import Found
    from edgecnn.optimize.front import Candidate
    from edgecnn.optimize.judge import Drop

FORMATS = ("tflite", "onnx")


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn optimize`."""
    default = Search()
    model = "a .keras or .h5 file, a SavedModel folder, the name of a model under models/, or a float .tflite or .onnx of any tool"
    parser.add_argument("model", metavar="MODEL", help=model)
    for name in FORMATS:
        parser.add_argument(f"--{name}", dest="formats", action="append_const", const=name, help=f"search .{name} only (default: both formats)")
    parser.add_argument("--max-drop", type=float, default=default.max_drop, metavar="POINTS", help=f"largest {options.LOSS} (default: %(default)s)")
    parser.add_argument("--proof", action="store_true", help="the whole 95 %% interval of the loss must keep to it")
    goal = "size (after gzip, as an app store ships it) or latency (on one thread)"
    parser.add_argument("--goal", default=default.goal, choices=GOALS, help=f"what the winner has least of: {goal} (default: %(default)s)")
    parser.add_argument("--time", type=float, metavar="MINUTES", help="begin nothing new after so long (default: as long as it takes)")
    parser.add_argument("--data", metavar="D", help="data set: train to fine-tune, val to choose, test to report (default: the one the model was trained on)")
    parser.add_argument("--out", metavar="FOLDER", help="where to write (default: the model's folder)")
    parser.add_argument("--name", metavar="NAME", help="stem of what is written (default: the model's)")
    parser.add_argument("--fresh", action="store_true", help="measure and train again what was done before")
    compress_options.add_fine_tuning(parser, defaults=default.train)
    options.add_preprocessing(parser)
    options.add_label_offset(parser)


def run(args: argparse.Namespace) -> int:
    """Search, then print every candidate, the front and the winner of each format."""
    from edgecnn import card as cards

    formats = tuple(name for name in FORMATS if name in (args.formats or FORMATS))
    search = Search(args.max_drop, args.goal, args.proof, formats=formats, minutes=args.time)
    from edgecnn import zoo

    model = zoo.find(args.model)
    search = _of_model(args, model, search)
    card = cards.read(model) if zoo.is_keras(model) else None
    train = replace(fine_tuning(card.recipe if card else {}), epochs=search.train.epochs)
    search = replace(search, train=compress_options.fine(args, train))
    from edgecnn.cli.progress import progress
    from edgecnn.optimize import optimize
    from edgecnn.runtime.startup import load_keras

    load_keras()
    found = optimize(
        model, search=search, data=args.data, preprocessing=options.given_input(args), labels=options.label_names(args.labels),
        label_offset=args.label_offset, out=args.out, name=args.name, fresh=args.fresh, progress=progress(),
    )  # fmt: skip
    print("\n\n".join(_table(it, search) for it in found))
    print(f"\nplot: {found[0].plot}; all figures: {found[0].figures}")
    print("\nNext: " + command("validate", *(it.exported.path for it in found)))
    return 0


def _of_model(args: argparse.Namespace, model: Path, search: Search) -> Search:
    """The search, of a float .tflite or .onnx within its own format.

    Raises:
        BadSetting: it is such a file, and the other format or a fine-tuning is asked for.
    """
    from edgecnn.export.source import OWN_FORMAT, is_float_file, other_format

    if not is_float_file(model):
        return search
    own = OWN_FORMAT[model.suffix.lower()]
    others = [name for name in args.formats or () if name != own]
    if others:
        raise BadSetting(other_format(model, others[0]))
    trained = [name for name, *_ in compress_options.FINE if getattr(args, name) is not None]
    if trained:
        why = f"{model} is a finished file, which cannot be trained"
        raise BadSetting(f"{why}; expected the .keras model, or no --{trained[0].replace('_', '-')}")
    return replace(search, formats=(own,))


def _table(found: Found, search: Search) -> str:
    """Everything measured in one format by bytes, with what is on the front, and then the winner."""
    by_size = sorted(found.candidates, key=lambda it: it.gzip)
    rows = [("", "gzip", "size", "time", "drop", "95 %", ""), *(_row(it, found) for it in by_size)]
    told = found.candidate.drop
    facts = [
        ("winner:", f"{found.candidate.name}, {bytes_of(found.exported.bytes)}, {bytes_of(found.candidate.gzip)} after gzip"),
        ("val:", _drop(told) + (f"; {told.settled_by(search.max_drop)}" if told.settled_by(search.max_drop) else "; the interval proves it")),
        ("test:", f"{_drop(found.test)}, {found.test.pictures:,} pictures that chose nothing"),
        ("marks:", f"> winner, * on the front of accuracy and {search.goal}; time is of the float32 file's"),
    ]
    if found.untried:
        facts.append(("left out:", f"{found.untried} combinations, for want of time; the same command goes on with them"))
    return f"{found.exported.path}\n{columns(rows, right=(1, 2, 3, 4))}\n\n{columns(facts)}"


def _row(it: Candidate, found: Found) -> tuple[str, ...]:
    drop, low, high = it.drop.points
    mark = ">" if it == found.candidate else "*" if it in found.front else ""
    return mark, bytes_of(it.gzip), bytes_of(it.bytes), f"{it.latency:.2f}", f"{drop:.2f}", f"{low:.2f} to {high:.2f}", it.name


def _drop(drop: Drop) -> str:
    points, low, high = drop.points
    what = "labels right " if drop.labels else ""
    return f"{what}{100 * drop.before:.1f} -> {100 * drop.after:.1f} %, drop {points:.2f} (95 % interval {low:.2f} to {high:.2f})"
