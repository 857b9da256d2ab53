"""Prune, cluster or train a model under int8's rounding; writes NAME.keras, its card and its curves. The model itself stays as it is."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from edgecnn.cli import compress_options, options
from edgecnn.cli.text import columns, command, percent
from edgecnn.settings import fine_tuning

if TYPE_CHECKING:
    from edgecnn.compress import Compressed


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn compress`."""
    parser.add_argument("model", metavar="MODEL", help="a .keras or .h5 file, a SavedModel folder, or the name of a model under models/")
    compress_options.add_steps(parser, "what is done, in this order")
    compress_options.add_fine_tuning(parser)
    parser.add_argument("--data", metavar="D", help="data set to fine-tune and to judge on (default: the one the model was trained on)")
    parser.add_argument("--out", metavar="FOLDER", help="where to write (default: the model's folder)")
    parser.add_argument("--name", metavar="NAME", help="of the result (default: the model's with what was done, such as mobilenet-prune50-qat)")
    parser.add_argument("--fresh", action="store_true", help="start over although a compression was cut off")
    options.add_preprocessing(parser)
    parser.add_argument("--label-offset", type=int, metavar="N", help="outputs before the first label: 1 for a background class (default: the card's, else 0)")


def run(args: argparse.Namespace) -> int:
    """Compress, then print what it did to the answers."""
    from edgecnn import card as cards
    from edgecnn import zoo

    model = zoo.find_keras(args.model, "compression trains layers")
    card = cards.read(model)
    settings = compress_options.settings(args, fine_tuning(card.recipe if card else {}))
    from edgecnn.cli.progress import progress
    from edgecnn.compress import compress
    from edgecnn.runtime.startup import load_keras

    load_keras()
    preprocessing = options.given_input(args)
    done = compress(
        model, settings=settings, data=args.data, preprocessing=preprocessing, out=args.out, name=args.name, progress=progress(), fresh=args.fresh,
        labels=options.label_names(args.labels), label_offset=args.label_offset,
    )  # fmt: skip
    print(report(done))
    print(f"\nNext: {command('export', done.path, '--int8')}")
    return 0


def report(done: Compressed) -> str:
    """What a compression did to the answers."""
    rows = [("", "pictures", "before", "after", "change", "95 % interval", "agreement")]
    for it in done.changes:
        if it.after is None:
            rows.append((it.split, f"{it.pictures:,}", "-", "-", "-", "-", percent(it.agreement)))
            continue
        change, low, high = (f"{100 * value:+.2f}" for value in (it.after - it.before, it.low, it.high))
        rows.append((it.split, f"{it.pictures:,}", percent(it.before), percent(it.after), change, f"{low} to {high}", percent(it.agreement)))
    about = f"{percent(done.zeros)} of the weights are zero; a kernel has {done.values:,.0f} different values on average"
    counted = "an image counts as right if all its labels are\n" if done.multi_label else ""
    return f"{done.path}\n{columns(rows, right=(1, 2, 3, 4, 6))}\n{counted}{about}"
