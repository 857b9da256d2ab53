"""What `edgecnn train` can be told, and the settings that come of it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from edgecnn.cli.options import add_input
from edgecnn.cli.parser import counts
from edgecnn.settings import CLASS_WEIGHTS, FILLS, OPTIMIZERS, PLACES, PRECISIONS, SCHEDULES, Augment, Machine, Train

if TYPE_CHECKING:
    from edgecnn.train.recipe import Recipe

# What a photo of a hand-held phone differs by; recipes that were measured are in tools/recipes.
AUGMENT = Augment(rotation=10.0, shift=0.1, zoom=0.1, brightness=0.2, contrast=0.2)

Rows = tuple[tuple[str, type, str, str], ...]

# (field of Train, type, metavar, meaning)
SCHEDULE: Rows = (
    ("epochs", int, "N", "passes over the training pictures; 0 judges the weights as they are"),
    ("batch_size", int, "N", "pictures a step, over all devices"),
    ("learning_rate", float, "R", "at its top"),
    ("warmup", float, "EPOCHS", "linear rise at the start"),
    ("schedule", str, "NAME", f"what follows: one of {', '.join(SCHEDULES)}"),
    ("drops", counts, "EPOCHS", "after which the rate drops, for the schedule `steps`: 150,225"),
    ("drop_factor", float, "F", "by which it drops"),
    ("optimizer", str, "NAME", f"one of {', '.join(OPTIMIZERS)}"),
    ("weight_decay", float, "D", "decoupled; not on biases and batch norms"),
    ("label_smoothing", float, "S", "share of the target spread over all classes"),
    ("ema", float, "SHARE", "keep the moving average of the weights, with this share of the past: 0.999"),
    ("norm_batches", int, "N", "measure batch norms afresh on so many batches before judging"),
    ("class_weights", str, "KIND", f"one of {', '.join(CLASS_WEIGHTS)}: balanced for classes of unequal size"),
    ("patience", int, "EPOCHS", "stop after so many without a better val accuracy"),
    ("precision", str, "TYPE", f"one of {', '.join(PRECISIONS)}"),
    ("seed", int, "N", "decides weights, order and changes"),
)

TRANSFER: Rows = (
    ("freeze", int, "EPOCHS", "at first only layers that took no weights learn"),
    ("thaw_rate", float, "F", "factor on the learning rate once all layers learn"),
    ("temperature", float, "T", "softens the teacher's answers"),
    ("teacher_share", float, "SHARE", "of the teacher in the loss; the labels have the rest"),
)

# Fields of Augment.
CHANGES: Rows = (
    ("rotation", float, "DEGREES", "largest turn either way"),
    ("shift", float, "SHARE", "of the picture's side"),
    ("zoom", float, "SHARE", "larger or smaller"),
    ("crop", float, "SHARE", "shift in whole pixels, as on CIFAR: 0.125"),
    ("area", float, "SHARE", "least area that a random crop keeps: 0.25"),
    ("fill", str, "KIND", f"what comes in from outside: {', '.join(FILLS)}"),
    ("brightness", float, "SHARE", ""),
    ("contrast", float, "SHARE", ""),
    ("colour", float, "SHARE", "saturation"),
    ("operations", int, "N", "of RandAugment for each picture"),
    ("strength", float, "SHARE", "of these"),
    ("erase", float, "SHARE", "of the pictures that lose a rectangle"),
    ("mixup", float, "ALPHA", "mix two pictures: 0.2"),
    ("cutmix", float, "ALPHA", "paste a piece of another picture: 1"),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of all groups; whatever is left out is None."""
    _add(parser.add_argument_group("schedule"), SCHEDULE, Train())
    transfer = parser.add_argument_group("from other models")
    transfer.add_argument("--weights", metavar="FILE", help="a .keras or .h5 file to start from, or `imagenet` for Keras' own; what fits is taken")
    transfer.add_argument("--teacher", metavar="FILE", help="a .keras file with the same labels, whose answers are learnt beside the labels")
    _add(transfer, TRANSFER, Train())
    add_input(parser.add_argument_group("for weights without a card, which someone else made"))
    changes = parser.add_argument_group("random changes to the training pictures")
    _add(changes, CHANGES, AUGMENT)
    changes.add_argument("--flip", action=argparse.BooleanOptionalAction, default=None, help="mirror (default: where the data set's labels allow it)")
    changes.add_argument("--no-augment", action="store_true", help="leave the pictures as they are, but for the options above")
    machine = parser.add_argument_group("machine")
    machine.add_argument("--distribute", action="store_true", help="share batches among all devices, and hosts that jax.distributed joins (KERAS_BACKEND=jax)")
    machine.add_argument("--steps-per-execution", type=int, metavar="N", help="steps that the device is given at once (default: what suits it)")
    machine.add_argument("--place", choices=PLACES, default="auto", help="where training pictures lie (default: on the device where they fit)")
    machine.add_argument("--tensorboard", default="", metavar="FOLDER", help="write TensorBoard's event files there")


def _add(group: argparse._ArgumentGroup, rows: Rows, defaults: Train | Augment) -> None:
    for name, kind, metavar, meaning in rows:
        default = getattr(defaults, name)
        said = f"{meaning} (default: {default})" if default not in (None, ()) else meaning
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=said.strip())


def settings(args: argparse.Namespace, recipe: Recipe | None) -> Train:
    """What was said, then what the recipe says, then the defaults."""
    start = recipe.settings if recipe else Train(augment=AUGMENT)
    changes = _said(args, CHANGES) | ({"flip": args.flip} if args.flip is not None else {})
    augment = replace(Augment() if args.no_augment else start.augment, **changes)
    return replace(start, augment=augment, **_said(args, SCHEDULE), **_said(args, TRANSFER))


def _said(args: argparse.Namespace, rows: Rows) -> dict[str, object]:
    return {name: getattr(args, name) for name, *_ in rows if getattr(args, name) is not None}


def machine(args: argparse.Namespace) -> Machine:
    """Where and how it runs."""
    return Machine(args.distribute, args.steps_per_execution, args.place, args.tensorboard)
