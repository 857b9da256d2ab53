"""Say whether MediaPipe Tasks or ML Kit takes a .tflite, and mend what can be mended; or what a delegate or accelerator would refuse."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.cli import delegate_lines, options
from edgecnn.cli.text import columns, command
from edgecnn.errors import BadSetting, unknown

if TYPE_CHECKING:
    from edgecnn.export.tasks import Finding

MOBILE = "ort-mobile"

OF_A_REPAIR = ("out", "labels", "mean", "std", "preprocess", "order", "resize", "image_size", "data", "append_softmax")


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
    group.add_argument("--image-size", type=int, metavar="PIXELS", help="height and width of the input, where the file leaves them open")
    group.add_argument("--data", metavar="D", help="labeled photos on which is measured what the input wants, where nothing says it")
    group.add_argument("--append-softmax", action="store_true", default=None, help="put a softmax behind scores that are logits")


def run(args: argparse.Namespace) -> int:
    """Print one line a reason; 0 where the library takes the file, or all of it would run on the delegate, else 1."""
    from edgecnn.export import tasks
    from edgecnn.runtime.delegates import TARGETS

    if args.library == MOBILE:
        return _mobile(args)
    if args.library not in (*tasks.LIBRARIES, *TARGETS):
        raise unknown("library", args.library, (*tasks.LIBRARIES, *TARGETS, MOBILE))
    given = [
        name
        for name in ("out", "labels", "mean", "std", "preprocess", "order", "resize", "image_size", "data", "append_softmax")
        if getattr(args, name) is not None
    ]
    if given and not args.repair:
        raise BadSetting(f"--{given[0].replace('_', '-')} is of a repair: expected --repair beside it")
    path = Path(args.file)
    if args.library in TARGETS:
        if args.repair:
            raise BadSetting(f"--repair is for {' and '.join(tasks.LIBRARIES)}; a file is made for --for {args.library} by exporting it in another format")
        return delegate_lines.run(path, args.library)
    name = tasks.LIBRARIES[args.library]
    if args.repair:
        out = Path(args.out) if args.out else path.with_name(f"{path.stem}_{args.library}.tflite")
        found = tasks.repair(
            path, out, library=args.library, labels=options.label_names(args.labels), preprocessing=options.given_input(args),
            data=args.data, append_softmax=bool(args.append_softmax),
        )  # fmt: skip
        print(f"wrote {out}: run beside {path.name}, with {'the softmax of its scores' if args.append_softmax else 'the same answers'}")
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
