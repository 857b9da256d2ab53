"""The command line: picks one small file a command, which parses, calls the library once and prints.

Exit codes: 0 done and passed, 1 failed the check it was asked to make, 2 wrong use or bad input, 3 the data cannot decide,
70 a bug in edgecnn, 130 and 143 stopped by Ctrl-C and by SIGTERM, 141 the reader of the output went away.
"""

from __future__ import annotations

import importlib
import shlex
import sys
from collections.abc import Sequence

from edgecnn.errors import BadSetting, unknown

# command -> what `edgecnn --help` says; the file of the same name in `commands` does it.
COMMANDS: dict[str, str] = {
    "list": "architectures, number formats, data sets and trained models",
    "info": "what an architecture, a model or an exported file is made of",
    "train": "train an architecture on labelled pictures",
    "compress": "prune, cluster or train a model under int8's rounding",
    "optimize": "search the smallest or fastest file within a limit on lost accuracy",
    "export": "write a model as TFLite and ONNX, in one or more number formats",
    "validate": "compare exported files with their original: accuracy, size, latency",
    "compare": "hold two runs of validate side by side, or draw one again",
    "check": "say whether MediaPipe Tasks or ML Kit takes a file, and mend it",
    "benchmark": "measure the latency of files, and nothing else",
    "pack": "make a file smaller for a download, losslessly",
    "unpack": "bring back a file that was packed",
    "bundle": "write what an app needs to embed a file, with tests of its own",
    "predict": "name what is on a picture",
}

# Commands that open a model, which may need to be trusted.
TAKES_MODEL = ("info", "train", "compress", "optimize", "export", "validate", "check", "benchmark", "bundle", "predict")

_EXAMPLES = (
    "edgecnn train mobilenet --width 0.25 --data digits",
    "edgecnn export squeezenet --int8",
    "edgecnn validate models/mobilenet.tflite",
)


def usage() -> str:
    """The text of `edgecnn --help`."""
    commands = "\n".join(f"  {name:<10} {text}" for name, text in COMMANDS.items())
    examples = "\n".join(f"  {line}" for line in _EXAMPLES)
    return (
        "From labelled photos to a model that an app can embed, with proof.\n\n"
        f"usage: edgecnn COMMAND ...\n\n{commands}\n\nedgecnn COMMAND --help lists the options of a command. Examples:\n\n{examples}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line without the program's name; return the exit code. Errors become one line on stderr."""
    from edgecnn.cli.guard import guarded

    words = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: _dispatch(words))


def _dispatch(words: list[str]) -> int:
    if not words:
        print(usage(), file=sys.stderr)
        return 2
    name, *rest = words
    if name in ("-h", "--help", "help"):
        print(usage())
        return 0
    if name == "--version":
        from edgecnn import __version__

        print(f"edgecnn {__version__}")
        return 0
    if name.startswith("-"):
        raise BadSetting(f"'{name}' came before a command; expected: edgecnn COMMAND {name} ..., with one of {', '.join(COMMANDS)}")
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    return _command(name, rest)


def _command(name: str, rest: list[str]) -> int:
    from edgecnn.cli import options
    from edgecnn.cli.parser import Parser

    command = importlib.import_module(f"edgecnn.cli.commands.{name}")
    parser = Parser(prog=f"edgecnn {name}", description=command.__doc__)
    command.add(parser)
    if name in TAKES_MODEL:
        options.add_trust(parser)
    args = parser.parse_args(rest)
    args.typed = shlex.join(["edgecnn", name, *rest])
    with options.trusted(args):
        return command.run(args)
