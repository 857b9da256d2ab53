"""Say whether MediaPipe Tasks or ML Kit takes a .tflite, and mend what can be mended; or what a delegate or accelerator would refuse."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.card import Preprocessing
from edgecnn.cli import delegate_lines, options
from edgecnn.cli.text import columns, command
from edgecnn.errors import BadSetting, unknown

if TYPE_CHECKING:
    from edgecnn.export.tasks import Finding

MOBILE = "ort-mobile"


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn check`."""
    parser.add_argument("file", metavar="FILE", help="a .tflite file, or an .onnx for ort-mobile, whoever made it")
    parser.add_argument(
        "--for",
        dest="library",
        default="mediapipe",
        metavar="LIBRARY",
        help="mediapipe or mlkit, a delegate (gpu, nnapi or coreml), or ort-mobile (default: %(default)s)",
    )
    parser.add_argument("--repair", action="store_true", help="write a copy with types, batch and metadata as the library wants them; it is run and compared")
    parser.add_argument("--out", metavar="FILE", help="where to write the copy (default: beside the file, with _LIBRARY after its name)")
    group = parser.add_argument_group("with --repair, for files that do not say it")
    options.add_input(group)
    group.add_argument("--labels", metavar="FILE", help="class names, one on each line or a JSON list, in the order of the outputs")


def run(args: argparse.Namespace) -> int:
    """Print one line a reason; 0 where the library takes the file, or all of it would run on the delegate, else 1."""
    from edgecnn.export import tasks
    from edgecnn.runtime.delegates import TARGETS

    if args.library == MOBILE:
        return _mobile(args)
    if args.library not in (*tasks.LIBRARIES, *TARGETS):
        raise unknown("library", args.library, (*tasks.LIBRARIES, *TARGETS, MOBILE))
    given = [name for name in ("out", "labels", "mean", "std", "order", "resize") if getattr(args, name) is not None]
    if given and not args.repair:
        raise BadSetting(f"--{given[0]} is of a repair: expected --repair beside it")
    path = Path(args.file)
    if args.library in TARGETS:
        if args.repair:
            raise BadSetting(f"--repair is for {' and '.join(tasks.LIBRARIES)}; a file is made for --for {args.library} by exporting it in another format")
        return delegate_lines.run(path, args.library)
    name = tasks.LIBRARIES[args.library]
    if args.repair:
        out = Path(args.out) if args.out else path.with_name(f"{path.stem}_{args.library}.tflite")
        found = tasks.repair(path, out, library=args.library, labels=options.label_names(args.labels), preprocessing=_preprocessing(args, path))
        print(f"wrote {out}: run beside {path.name}, with the same answers")
        path = out
    else:
        found = tasks.check(path, args.library)
    refused = [one for one in found if one.refused]
    print(f"{path}: {name} {'takes it' if not refused else 'does not take it, or would answer wrongly'}")
    for one in found:
        print(_line(one, path))
    if not refused:
        print(f"\nNext: {command('info', path)}")
    return 1 if refused else 0


def _mobile(args: argparse.Namespace) -> int:
    """Print one line an accelerator; 0, because what they leave runs on the processor."""
    if args.repair:
        raise BadSetting(f"--repair mends .tflite files; for {MOBILE} write one with: edgecnn bundle {args.file} --for ort")
    from edgecnn.export import ort_mobile

    found = ort_mobile.takers(args.file)
    rows = [(one.name, f"{one.taken}", f"{one.taken_fixed} in {one.parts} part(s)", one.verdict, ", ".join(one.lacking)) for one in found]
    print(f"{args.file}: accelerators would take, of {found[0].nodes} nodes, by ONNX Runtime's own lists of operators")
    print(columns([("", "as it is", "with a batch of 1", "worth trying", "lacking"), *rows]))
    print(f"\nThe rest runs on the processor. Next: {command('bundle', args.file, '--for', 'ort')}")
    return 0


def _line(one: Finding, path: Path) -> str:
    return f"  {'' if one.refused else 'note: '}{one.problem}: {one.remedy.replace('FILE', str(path), 1)}"


def _preprocessing(args: argparse.Namespace, path: Path) -> Preprocessing | None:
    """What the options say of the input, at the size that the file has; None where they say nothing."""
    said = options.said_of_input(args)
    if not said:
        return None
    from edgecnn.runtime import tflite_file

    shape = tflite_file.describe(path).inputs[0].shape
    if len(shape) != 4 or None in shape[1:]:
        raise BadSetting(f"{path}: its input is not a picture of one size; --mean, --std, --order and --resize cannot be of use to it")
    height, width, channels = (side or 1 for side in shape[1:])
    values = {"order": "grey" if channels == 1 else "rgb", "mean": (128.0,), "std": (128.0,), **said}
    return Preprocessing(height, width, **values)
