"""What `edgecnn compress` can be told, and `edgecnn export` and `optimize` beside it, and the settings that come of it."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from dataclasses import replace

from edgecnn.settings import FINE_TUNING, IMPORTANCES, OPTIMIZERS, PATTERNS, Channels, Cluster, Compress, Prune, QuantizeAware, Train

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


def add_steps(parser: argparse.ArgumentParser, title: str) -> None:
    """--channels, --prune, --cluster, --qat, and what belongs to them."""
    what = parser.add_argument_group(title)
    what.add_argument("--channels", type=float, metavar="SHARE", help="remove whole filters until this share of the multiply-accumulates is gone: 0.3")
    what.add_argument("--importance", choices=IMPORTANCES, help="how filters are ranked (default: taylor)")
    what.add_argument("--prune", type=float, metavar="SHARE", help="make this share of all weights zero, those of least magnitude: 0.5")
    what.add_argument("--pattern", choices=PATTERNS, help="which zeros: any weights, two of four in a row, or blocks of 1x4 (default: weights)")
    what.add_argument("--bits", type=int, metavar="N", help="round the weights that pruning leaves to so many bits: 4 to 8 (default: 6)")
    what.add_argument("--cluster", type=int, metavar="N", help="let each kernel have N different values: 16")
    what.add_argument("--qat", action="store_true", help="train with int8's rounding, which a later `edgecnn export --int8` then does not feel")
    what.add_argument("--skip", action="append", default=[], metavar="LAYER", help="neither prune nor cluster this layer; may be said several times")


def add_fine_tuning(parser: argparse.ArgumentParser, *, defaults: Train = FINE_TUNING, without: Collection[str] = ()) -> None:
    """Options of a fine-tuning, but for those whose name means something else in this command."""
    fine = parser.add_argument_group("fine-tuning")
    for name, kind, metavar, meaning in FINE:
        if name not in without:
            fine.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=f"{meaning} (default: {getattr(defaults, name)})")


def asked(args: argparse.Namespace) -> bool:
    """Whether any step of compression is asked for, an option that belongs to one included."""
    numbers = (args.channels, args.prune, args.bits, args.cluster)
    return bool(args.qat or args.importance or args.pattern or args.skip) or any(number is not None for number in numbers)


def fine(args: argparse.Namespace, train: Train) -> Train:
    """`train` with what was said of the fine-tuning."""
    return replace(train, **{name: getattr(args, name) for name, *_ in FINE if getattr(args, name) is not None})


def settings(args: argparse.Namespace, train: Train) -> Compress:
    """What was asked for; BadSetting where that is nothing, or an option belongs to a step that is not asked for."""
    prune = _prune(args) if args.prune is not None or args.pattern or args.bits is not None else None
    cluster = Cluster(args.cluster, tuple(args.skip)) if args.cluster is not None else None
    channels = _channels(args) if args.channels is not None or args.importance else None
    return Compress(channels=channels, prune=prune, cluster=cluster, quantize=QuantizeAware() if args.qat else None, train=fine(args, train))


def _channels(args: argparse.Namespace) -> Channels:
    default = Channels()
    return Channels(args.channels if args.channels is not None else default.share, args.importance or default.importance)


def _prune(args: argparse.Namespace) -> Prune:
    default = Prune()
    share, bits = (getattr(default, name) if given is None else given for name, given in (("share", args.prune), ("bits", args.bits)))
    return Prune(share, pattern=args.pattern or default.pattern, bits=bits, skip=tuple(args.skip))
