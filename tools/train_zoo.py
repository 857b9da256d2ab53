"""Train the models that the project ships, each from its recipe in tools/recipes.

    python tools/train_zoo.py                      every recipe that has no finished model yet
    python tools/train_zoo.py mobilenet-digits     this one
    python tools/train_zoo.py --list               the recipes, their time and the accuracy to expect

A training that was cut off goes on where it stood when the same command is given again. Afterwards the activation ranges of the model are
measured on training pictures and written into its card, so that it can be exported to int8 with no pictures at hand.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from edgecnn import card as cards
from edgecnn import data, export, files, zoo
from edgecnn.cli.guard import guarded
from edgecnn.cli.progress import progress
from edgecnn.errors import BadFile, unknown
from edgecnn.settings import Augment, Train
from edgecnn.train import preprocessing_for, train

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Recipe:
    """One file of tools/recipes: what to train, how, and what to expect of it.

    Attributes:
        command, time, accuracy: how it was run, how long that took and what came out, as text.
        folder, name: where the model goes, below the folder of all models.
        data: name of the data set.
        image_size: height and width of the input in pixels.
        model: {"architecture": catalog row, "arguments": {...}}.
        train: fields of `Train`, with those of `Augment` in "augment".
    """

    command: str
    time: str
    accuracy: str
    folder: str
    name: str
    data: str
    image_size: int
    model: dict
    train: dict

    @property
    def settings(self) -> Train:
        """The settings that [train] says."""
        return Train(**{**self.train, "augment": Augment(**self.train.get("augment", {}))})

    def path(self, out: Path) -> Path:
        """The model file below `out`."""
        return out / self.folder / f"{self.name}.keras"

    def done(self, out: Path) -> bool:
        """Whether this very recipe has made the model that lies there."""
        path = self.path(out)
        card = cards.read(path) if path.exists() else None
        return card is not None and card.weights_sha256 == files.sha256(path) and card.recipe == asdict(self.settings)


def recipes() -> dict[str, Recipe]:
    """All recipes, by the name of their file."""
    if sys.version_info < (3, 11):
        raise BadFile(f"this tool reads TOML and runs on Python 3.11 or newer; this is {sys.version.split()[0]}")
    import tomllib

    return {path.stem: Recipe(**tomllib.loads(path.read_text())) for path in sorted(RECIPES.glob("*.toml"))}


def make(name: str, recipe: Recipe, out: Path, *, fresh: bool, ranges: bool) -> None:
    """Train one recipe and write down its ranges."""
    said = progress()
    said.step(f"{name} -> {recipe.path(out)}")
    began = time.monotonic()
    architecture = recipe.model["architecture"]
    preprocessing = preprocessing_for(architecture, image_size=recipe.image_size)
    pictures = data.load(recipe.data, preprocessing, progress=said)
    train(
        architecture,
        pictures,
        preprocessing=preprocessing,
        settings=recipe.settings,
        arguments=recipe.model.get("arguments", {}),
        out=recipe.path(out).parent,
        name=recipe.name,
        progress=said,
        fresh=fresh,
    )
    if ranges:
        export.record_ranges(recipe.path(out), pictures, progress=said)
    said.step(f"{name}: done in {(time.monotonic() - began) / 60:.1f} minutes")


def main() -> int:
    """Parse, train, say what comes next."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="recipes to train; all when left out")
    parser.add_argument("--list", action="store_true", help="list the recipes and stop")
    parser.add_argument("--out", type=Path, default=zoo.FOLDER, metavar="FOLDER", help="folder of all models (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="train again what is finished, and start over what was cut off")
    parser.add_argument("--no-ranges", action="store_true", help="leave the activation ranges out of the cards")
    wanted = parser.parse_args()
    known = recipes()
    if wanted.list:
        for name, recipe in known.items():
            print(f"{name:<24} {recipe.time:<28} {recipe.accuracy}")
        return 0
    for name in wanted.names or known:
        if name not in known:
            raise unknown("recipe", name, known)
        if known[name].done(wanted.out) and not wanted.force:
            print(f"{name}: {known[name].path(wanted.out)} is finished; --force trains it again")
        else:
            make(name, known[name], wanted.out, fresh=wanted.force, ranges=not wanted.no_ranges)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
