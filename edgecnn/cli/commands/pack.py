"""Write FILE.edgez, which is smaller than the file after gzip; `edgecnn unpack` brings the very same bytes back."""

from __future__ import annotations

import argparse

from edgecnn.cli.text import columns, command


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn pack`."""
    parser.add_argument("file", metavar="FILE", help="a .tflite or .onnx file; any other is packed too, less well")
    parser.add_argument("--out", metavar="PLACE", help="file or folder to write to (default: FILE.edgez)")


def run(args: argparse.Namespace) -> int:
    """Pack, then print what that came to."""
    from edgecnn.packing import SUFFIX, pack

    done = pack(args.file, out=args.out)
    sizes = (("bytes", done.bytes), ("after gzip", done.gzipped), ("packed", done.packed))
    rows = [(name, f"{size:,}", f"{done.bytes / size:.2f}") for name, size in sizes]
    written = "\n".join(str(part.path) for part in (done, *done.parts))
    print(f"{written}\n{columns([('', 'bytes', 'times smaller'), *rows], right=(1, 2))}")
    if done.packed >= done.gzipped:
        print("\ngzip does as well here: ship that")
    print(f"\nsha256 {done.sha256}\n\nNext: {command('unpack', done.path, *([] if done.path.suffix == SUFFIX else ['--out', 'FILE']))}")
    return 0
