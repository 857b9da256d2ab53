"""Name what pictures show, likeliest class first."""

from __future__ import annotations

import argparse
import json

from edgecnn.cli import options
from edgecnn.cli.text import columns, percent


def add(parser: argparse.ArgumentParser) -> None:
    """Options of `edgecnn predict`."""
    parser.add_argument("file", metavar="FILE", help="a .keras, .tflite or .onnx file, or the name of a model under models/")
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="picture files")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="classes to name for each picture (default: %(default)s)")
    parser.add_argument("--label-offset", type=int, metavar="N", help="outputs before the first label, such as 1 for a background class")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--data", metavar="D", help="labeled photos on which is measured what the input wants, where nothing says it")
    options.add_preprocessing(parser)


def run(args: argparse.Namespace) -> int:
    """Print the top classes of every picture."""
    from edgecnn import predict

    file = options.model_file(args.file)
    predictor = predict.load(file, labels=args.labels, label_offset=args.label_offset, preprocessing=options.given_input(args), data=args.data)
    answers = dict(zip(args.pictures, predictor.predict(args.pictures, top=args.top), strict=True))
    if args.json:
        print(json.dumps({name: [[score.label, score.probability] for score in scores] for name, scores in answers.items()}, indent=1))
        return 0
    for name, scores in answers.items():
        print(name)
        print(columns([(percent(score.probability), score.label) for score in scores], right=(0,)))
    return 0
