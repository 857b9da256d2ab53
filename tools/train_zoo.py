"""Train the models that the project ships, each from its recipe in tools/recipes.

    python tools/train_zoo.py                      every recipe that a processor is quick enough for and that has no finished model yet
    python tools/train_zoo.py --all                every recipe: a night on one accelerator
    python tools/train_zoo.py mobilenet-digits     this one
    python tools/train_zoo.py --list               the recipes, their time and the accuracy to expect

A training that was cut off goes on where it stood when the same command is given again. Afterwards the activation ranges of the model are
measured on training pictures and written into its card, so that it can be exported to int8 with no pictures at hand.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from dataclasses import replace
from pathlib import Path

from edgecnn import card as cards
from edgecnn import data, export, zoo
from edgecnn.cli.guard import guarded
from edgecnn.cli.progress import progress
from edgecnn.errors import BadFile, EdgeCNNError, unknown
from edgecnn.progress import Progress
from edgecnn.train import preprocessing_for, train
from edgecnn.train import recipe as recipes
from edgecnn.train.recipe import Recipe

RECIPES = Path(__file__).parent / "recipes"


def make(name: str, recipe: Recipe, out: Path, *, fresh: bool, ranges: bool) -> None:
    """Train one recipe, and write down its ranges where its model goes with the project."""
    said = progress()
    said.step(f"{name} -> {recipe.path(out)}")
    began = time.monotonic()
    weights = recipe.start(out)
    preprocessing = replace(preprocessing_for(recipe.architecture, image_size=recipe.image_size, weights=weights), **recipe.input)
    pictures = data.load(recipe.data, preprocessing, progress=said)
    train(
        recipe.architecture,
        pictures,
        preprocessing=preprocessing,
        settings=recipe.settings,
        arguments=recipe.arguments,
        weights=weights,
        teacher=out / f"{recipe.teacher}.keras" if recipe.teacher else None,
        out=recipe.path(out).parent,
        name=recipe.name,
        progress=said,
        fresh=fresh,
    )
    if ranges and recipe.ship:
        record(recipe, out, pictures, said)
    said.step(f"{name}: done in {(time.monotonic() - began) / 60:.1f} minutes")


def record(recipe: Recipe, out: Path, pictures: data.Dataset, said: Progress) -> None:
    """Write the activation ranges of a finished model into its card."""
    if importlib.util.find_spec("tensorflow") is None:
        said.step(f"no TensorFlow here: give {recipe.path(out)} its activation ranges where there is one, with --ranges")
        return
    export.record_ranges(recipe.path(out), pictures, progress=said)


def late_ranges(recipe: Recipe, out: Path) -> None:
    """The same for a model that was trained where there is no TensorFlow."""
    said, size = progress(), preprocessing_for(recipe.architecture, image_size=recipe.image_size)
    record(recipe, out, data.load(recipe.data, size, progress=said), said)


def wanted(given: argparse.Namespace, known: dict[str, Recipe]) -> list[str]:
    """Names of the recipes to train: those that were named, else all that this machine is quick enough for.

    Raises:
        UnknownName: no such recipe.
    """
    for name in given.names:
        if name not in known:
            raise unknown("recipe", name, known)
    return given.names or [name for name, recipe in known.items() if not recipe.needs or given.all]


def counts_from_0(text: str) -> tuple[int, ...]:
    """`0,1,2`."""
    return tuple(int(part) for part in text.split(","))


def seeded(recipe: Recipe, seeds: tuple[int, ...] | None) -> list[Recipe]:
    """The recipe with each of the seeds, under a name of its own."""
    own = recipe.settings.seed
    others = {seed: replace(recipe, name=f"{recipe.name}-seed{seed}", train={**recipe.train, "seed": seed}) for seed in seeds or () if seed != own}
    return [others.get(seed, recipe) for seed in seeds or (own,)]


def main() -> int:
    """Parse, train, say what comes next."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="recipes to train (default: those that need no accelerator)")
    parser.add_argument("--all", action="store_true", help="also those that need an accelerator")
    parser.add_argument("--seeds", type=counts_from_0, metavar="N,N", help="train each recipe with these seeds; all but the recipe's own are called NAME-seedN")
    parser.add_argument("--list", action="store_true", help="list the recipes and stop")
    parser.add_argument("--out", type=Path, default=zoo.FOLDER, metavar="FOLDER", help="folder of all models (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="train again what is finished, and start over what was cut off")
    parser.add_argument("--ranges", action="store_true", help="give finished models the activation ranges that their cards lack")
    parser.add_argument("--no-ranges", action="store_true", help="leave the activation ranges out of the cards")
    given = parser.parse_args()
    known = recipes.read_all(RECIPES)
    if given.list:
        for name, recipe in known.items():
            print(f"{name:<32} {recipe.time:<46} {recipe.accuracy}")
        return 0
    failed = []
    for recipe in (each for name in wanted(given, known) for each in seeded(known[name], given.seeds)):
        name = str(Path(recipe.folder) / recipe.name)
        if recipe.done(given.out) and not given.force:
            print(f"{name}: {recipe.path(given.out)} is finished; --force trains it again")
            if given.ranges and recipe.ship and not cards.read(recipe.path(given.out)).ranges:
                late_ranges(recipe, given.out)
            continue
        try:
            make(name, recipe, given.out, fresh=given.force, ranges=not given.no_ranges)
        except EdgeCNNError as error:
            if len(given.names) == 1:
                raise
            print(f"{name}: {error}", file=sys.stderr)  # a night of trainings does not end with the first that fails
            failed.append(name)
    if failed:
        raise BadFile(f"{len(failed)} recipes failed: {', '.join(failed)}; the others are done")
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
