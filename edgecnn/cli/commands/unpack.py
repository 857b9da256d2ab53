"""Bring back the file that `edgecnn pack` packed, bit by bit; its SHA-256 is checked before it gets its name."""

from __future__ import annotations

import argparse

from edgecnn.cli.text import command


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn unpack`."""
    parser.add_argument("file", metavar="FILE", help="an .edgez file")
    parser.add_argument("--out", metavar="PLACE", help="file or folder to write to (default: FILE without .edgez)")


def run(args: argparse.Namespace) -> int:
    """Unpack, then print what came out."""
    from edgecnn.packing import unpack

    done = unpack(args.file, out=args.out)
    written = "\n".join(str(part.path) for part in (done, *done.parts))
    print(f"{written}\n  {done.bytes:,} bytes, sha256 {done.sha256}")
    known = done.path.suffix.lower() in (".tflite", ".onnx")
    print(f"\nNext: {command('validate' if known else 'info', done.path)}")
    return 0
