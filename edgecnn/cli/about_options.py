"""Options of `edgecnn export` for what files say of a model, and for the runtimes that must run them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from edgecnn.cli import options
from edgecnn.errors import BadSetting
from edgecnn.settings import About

# Before the = of --min-runtime.
RUNTIMES = ("tflite", "onnxruntime")


def add(parser: argparse.ArgumentParser) -> None:
    """--labels, --locale, --author, --license, --model-version and --min-runtime."""
    group = parser.add_argument_group("what the files say of the model")
    group.add_argument(
        "--labels",
        action=_Labels,
        default=[],
        metavar="FILE",
        help="class names in the order of the outputs, one on each line or a JSON list (default: its own)",
    )
    group.add_argument("--locale", action=_Locale, metavar="CODE", help="the --labels before it are translations, such as de; may be said several times")
    group.add_argument("--author", default="", metavar="TEXT", help="who made the model")
    group.add_argument("--license", default="", metavar="TEXT", help="under which it may be used")
    group.add_argument("--model-version", default="", metavar="TEXT", help="(default: a digest of its weights)")
    group.add_argument(
        "--min-runtime", action="append", default=[], metavar="RELEASE",
        help="refuse a file that TensorFlow Lite of that release, such as 2.9, would not run; onnxruntime=1.8 for .onnx",
    )  # fmt: skip


class _Labels(argparse.Action):
    """Gathers [file, locale] pairs."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: str | Sequence[Any] | None, option: str | None = None) -> None:
        namespace.labels = [*namespace.labels, (str(values), "")]


class _Locale(argparse.Action):
    """Gives the last pair its locale."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: str | Sequence[Any] | None, option: str | None = None) -> None:
        if not namespace.labels or namespace.labels[-1][1]:
            raise BadSetting(f"--locale {values} came without label names; expected --labels FILE --locale {values}")
        namespace.labels = [*namespace.labels[:-1], (namespace.labels[-1][0], str(values))]


def labels(args: argparse.Namespace) -> tuple[str, ...]:
    """The names without a locale, () when none were given.

    Raises:
        BadSetting: they came twice.
    """
    own = [file for file, locale in args.labels if not locale]
    if len(own) > 1:
        raise BadSetting(f"--labels {own[1]} is a second file of names; expected --locale CODE after one of them")
    return options.label_names(own[0] if own else None)


def about(args: argparse.Namespace) -> About:
    """What is to be said."""
    translations = tuple((locale, options.label_names(file)) for file, locale in args.labels if locale)
    return About(args.author, args.license, args.model_version, translations)


def oldest(args: argparse.Namespace) -> dict[str, str]:
    """`min_tflite` and `min_onnxruntime` of the settings.

    Raises:
        BadSetting: a runtime that there is none of.
    """
    found = {}
    for text in args.min_runtime:
        name, equals, release = text.rpartition("=")
        name = name if equals else "tflite"
        if name not in RUNTIMES or not release:
            raise BadSetting(f"--min-runtime {text}: expected a release of TensorFlow Lite such as 2.9, or onnxruntime=1.8")
        found[f"min_{name}"] = release
    return found
