"""Write what an app needs to embed a file: model, pre-processing, labels, and golden vectors that its own tests read."""

from __future__ import annotations

import argparse
import re
import shlex

from edgecnn.cli import options
from edgecnn.cli.text import bytes_of, columns
from edgecnn.errors import BadSetting


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn bundle`."""
    from edgecnn.bundle import TARGETS

    kinds = "; ".join(f"{name}: {row.title} ({', '.join(row.suffixes)})" for name, row in TARGETS.items())
    parser.add_argument("file", metavar="FILE", help="a .tflite or .onnx file")
    parser.add_argument("--for", dest="target", required=True, metavar="TARGET", help=kinds)
    parser.add_argument("--out", metavar="FOLDER", help="where to write (default: FILE_TARGET beside the file); a bundle that stands there is replaced")
    pictures = parser.add_argument_group("golden pictures (default: drawn by edgecnn, CC0)")
    pictures.add_argument("--pictures", metavar="FOLDER", help="a folder or archive of pictures to cut them from")
    pictures.add_argument("--data", metavar="D", help="a data set, from whose test pictures they are cut")
    pictures.add_argument("--count", type=int, default=4, metavar="N", help="how many (default: %(default)s)")
    pictures.add_argument("--picture-license", default="", metavar="TEXT", help="their licence, for the notes in the bundle")
    parser.add_argument("--label-offset", type=int, metavar="N", help="outputs before the first label, such as 1 for a background class")
    options.add_preprocessing(parser)


def run(args: argparse.Namespace) -> int:
    """Write the folder, then list its files."""
    from edgecnn.bundle import TARGETS, bundle
    from edgecnn.cli.progress import progress

    if args.pictures and args.data:
        raise BadSetting("--pictures and --data both name golden pictures: expected one of them")
    file = options.model_file(args.file)
    done = bundle(
        file, args.target, out=args.out, pictures=args.pictures, data=args.data, count=args.count, licence=args.picture_license,
        labels=options.label_names(args.labels), label_offset=args.label_offset, preprocessing=options.given_input(args), progress=progress(),
    )  # fmt: skip
    print(f"{done.folder}\n{columns([(str(path.relative_to(done.folder)), bytes_of(path.stat().st_size)) for path in done.files], right=(1,))}")
    words = {"FOLDER": shlex.quote(str(done.folder)), "NAME": shlex.quote(file.stem)}
    print("\nNext: " + re.sub("FOLDER|NAME", lambda found: words[found[0]], TARGETS[done.target].test))
    return 0
