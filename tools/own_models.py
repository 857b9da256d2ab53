"""Export other people's classifiers with no option given, and compare every file with plain Keras in the runtimes alone.

    EDGECNN_DATA=FOLDER python tools/own_models.py                          every model that is not measured yet
    EDGECNN_DATA=FOLDER python tools/own_models.py --only vgg16 rgba --again    these, anew

Trains each shape of `own_model_study` for a minute at most, then runs edgecnn as a user does, each command as a process of its own. Goes on where it was cut
off. Writes own_models.json and .md below models/studies. Exit code 1 where a file answers worse than plain Keras or a command crashed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from own_model_study import report, steps
from own_model_study.judgement import CRASH, RESIZE, WRONG
from own_model_study.shape import SHAPES

from edgecnn import files, zoo
from edgecnn.cli.guard import guarded
from edgecnn.errors import unknown

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("tensorflow", "keras", "tf-keras", "ai-edge-litert", "onnxruntime", "numpy", "pillow")

for _module in ("tutorials", "families", "keras2"):
    importlib.import_module(f"own_model_study.{_module}")


def main() -> int:
    """Do what is missing, model by model; the page is written after every step."""
    args = _parsed()
    for name in args.only:
        if name not in SHAPES:
            raise unknown("shape", name, SHAPES)
    args.work = args.work.resolve()
    page = args.out / "own_models.json"
    study = json.loads(page.read_text()) if page.exists() else {"rows": {}}
    study["versions"] = {package: metadata.version(package) for package in PACKAGES}
    for name in args.only or list(SHAPES):
        if args.again:
            study["rows"].pop(name, None)
        for step, row in _measured(name, args, study["rows"].setdefault(name, {})):
            study["rows"][name][step] = row
            files.write_text(page, json.dumps(study, indent=1) + "\n")
            files.write_text(page.with_suffix(".md"), report.render(study))
            print(f"{name} {step}: {_short(row)}", flush=True)
    verdicts = [row["export"]["verdict"] for row in study["rows"].values() if "export" in row]
    return int(any(verdict.startswith((RESIZE, WRONG, CRASH)) for verdict in verdicts))


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="models of the study (default: all)")
    parser.add_argument("--steps", nargs="+", default=list(steps.STEPS), choices=steps.STEPS, help="(default: all)")
    parser.add_argument("--again", action="store_true", help="measure anew; trainings are kept")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "own_models", help="folder for images, trainings and files (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that a command may take (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=zoo.FOLDER / "studies", help="(default: %(default)s)")
    return parser.parse_args()


def _measured(name: str, args: argparse.Namespace, row: dict[str, Any]) -> Any:
    """Pairs (step, what it found) of the steps that a row lacks; a model that cannot be trained has an error instead."""
    study = steps.Study(name, SHAPES[name], args.work, args.timeout)
    wanted = [step for step in args.steps if step not in row]
    if not wanted:
        return
    if error := study.train():
        yield "error", error
        return
    row.pop("error", None)
    for step in wanted:
        yield step, study.step(step, steps.options_of(row))


def _short(row: Any) -> str:
    if isinstance(row, str):
        return row
    figures = ", ".join(f"{100 * entry['accuracy']:.1f}" for entry in row.get("files", {}).values() if "accuracy" in entry)
    words = (row.get("verdict", ""), f"Keras {100 * row['keras']:.1f}" if "keras" in row else "", figures, str(row["code"]), row["line"][:160])
    return " | ".join(filter(None, words))


if __name__ == "__main__":
    sys.exit(guarded(main))
