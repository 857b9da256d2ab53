"""Prune, cluster or train a model under int8's rounding; writes NAME.keras, its card and its curves. The model itself stays as it is."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from edgecnn.cli import options
from edgecnn.cli.text import columns, percent
from edgecnn.settings import FINE_TUNING, IMPORTANCES, OPTIMIZERS, PATTERNS, Channels, Cluster, Compress, Prune, QuantizeAware, Train, fine_tuning

if TYPE_CHECKING:
    from edgecnn.compress import Compressed

# (field of Train, type, metavar, meaning)
FINE: tuple[tuple[str, type, str, str], ...] = (
    ("epochs", int, "N", "passes over the training pictures, for each of the steps"),
    ("batch_size", int, "N", "pictures a step"),
    ("learning_rate", float, "R", "of --qat, at its top; clustering takes 2, removing filters 5 and pruning 10 times as much"),
    ("warmup", float, "EPOCHS", "linear rise at the start"),
    ("optimizer", str, "NAME", f"one of {', '.join(OPTIMIZERS)}"),
    ("weight_decay", float, "D", "decoupled; not on biases and batch norms"),
    ("teacher_share", float, "SHARE", "of the original's answers in what is learnt; the labels have the rest"),
    ("temperature", float, "T", "softens the original's answers"),
    ("seed", int, "N", "decides order and changes of the pictures"),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn compress`."""
    parser.add_argument("model", metavar="MODEL", help="a .keras or .h5 file, or the name of a model under models/")
    what = parser.add_argument_group("what is done, in this order")
    what.add_argument("--channels", type=float, metavar="SHARE", help="remove whole filters until this share of the multiply-accumulates is gone: 0.3")
    what.add_argument("--importance", choices=IMPORTANCES, help="how filters are ranked (default: taylor)")
    what.add_argument("--prune", type=float, metavar="SHARE", help="make this share of all weights zero, those of least magnitude: 0.5")
    what.add_argument("--pattern", choices=PATTERNS, help="which zeros: any weights, two of four in a row, or blocks of 1x4 (default: weights)")
    what.add_argument("--bits", type=int, metavar="N", help="round the weights that pruning leaves to so many bits: 4 to 8 (default: 6)")
    what.add_argument("--cluster", type=int, metavar="N", help="let each kernel have N different values: 16")
    what.add_argument("--qat", action="store_true", help="train with int8's rounding, which a later `edgecnn export --int8` then does not feel")
    what.add_argument("--skip", action="append", default=[], metavar="LAYER", help="neither prune nor cluster this layer; may be said several times")
    fine = parser.add_argument_group("fine-tuning")
    for name, kind, metavar, meaning in FINE:
        fine.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=f"{meaning} (default: {getattr(FINE_TUNING, name)})")
    parser.add_argument("--data", metavar="D", help="data set to fine-tune and to judge on (default: the one the model was trained on)")
    parser.add_argument("--out", metavar="FOLDER", help="where to write (default: the model's folder)")
    parser.add_argument("--name", metavar="NAME", help="of the result (default: the model's with what was done, such as mobilenet-prune50-qat)")
    parser.add_argument("--fresh", action="store_true", help="start over although a compression was cut off")
    options.add_preprocessing(parser, labels=False)


def run(args: argparse.Namespace) -> int:
    """Compress, then print what it did to the answers."""
    from edgecnn import card as cards
    from edgecnn import zoo

    model = zoo.find(args.model)
    card = cards.read(model)
    settings = _settings(args, fine_tuning(card.recipe if card else {}))
    from edgecnn.cli.progress import progress
    from edgecnn.compress import compress
    from edgecnn.runtime.startup import load_keras

    load_keras()
    preprocessing = options.preprocessing(args, model)
    done = compress(model, settings=settings, data=args.data, preprocessing=preprocessing, out=args.out, name=args.name, progress=progress(), fresh=args.fresh)
    print(_report(done))
    return 0


def _settings(args: argparse.Namespace, train: Train) -> Compress:
    """What was asked for; BadSetting where that is nothing, or an option belongs to a step that is not asked for."""
    said = {name: getattr(args, name) for name, *_ in FINE if getattr(args, name) is not None}
    prune = _prune(args) if args.prune is not None or args.pattern or args.bits is not None else None
    cluster = Cluster(args.cluster, tuple(args.skip)) if args.cluster is not None else None
    channels = _channels(args) if args.channels is not None or args.importance else None
    return Compress(channels=channels, prune=prune, cluster=cluster, quantize=QuantizeAware() if args.qat else None, train=replace(train, **said))


def _channels(args: argparse.Namespace) -> Channels:
    default = Channels()
    return Channels(args.channels if args.channels is not None else default.share, args.importance or default.importance)


def _prune(args: argparse.Namespace) -> Prune:
    default = Prune()
    share, bits = (getattr(default, name) if given is None else given for name, given in (("share", args.prune), ("bits", args.bits)))
    return Prune(share, pattern=args.pattern or default.pattern, bits=bits, skip=tuple(args.skip))


def _report(done: Compressed) -> str:
    rows = [("", "pictures", "before", "after", "change", "95 % interval", "agreement")]
    for it in done.changes:
        change, low, high = (f"{100 * value:+.2f}" for value in (it.after - it.before, it.low, it.high))
        rows.append((it.split, f"{it.pictures:,}", percent(it.before), percent(it.after), change, f"{low} to {high}", percent(it.agreement)))
    about = f"{percent(done.zeros)} of the weights are zero; a kernel has {done.values:,.0f} different values on average"
    return f"{done.path}\n{columns(rows, right=(1, 2, 3, 4, 6))}\n{about}\n\nNext: edgecnn export {done.path} --int8"
