"""Write into models/README.md what each recipe of tools/recipes came to, from the cards that tools/train_zoo.py left: shipped, measured only, or not trained.

python tools/zoo_table.py
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import markdown

from edgecnn import card as cards
from edgecnn import zoo
from edgecnn.card import Card
from edgecnn.cli.guard import guarded
from edgecnn.train import recipe as recipes
from edgecnn.train.recipe import Recipe

RECIPES = Path(__file__).parent / "recipes"
HEAD = ("recipe", "network", "pixels", "data set", "seed", "epochs", "test top-1 (95 %)", "pictures", "weights")


def main() -> int:
    """Write the section."""
    markdown.replace_between(zoo.FOLDER / "README.md", "zoo", text())
    return 0


def text() -> str:
    """The table of all recipes that have been trained, and the names of those that have not."""
    known, rows, missing = recipes.read_all(RECIPES), [], []
    for name, recipe in known.items():
        found = [_row(name, path) for path in _cards(recipe)]
        rows += found
        if not found:
            missing.append(f"`{name}`" + (" (needs an accelerator)" if recipe.needs else ""))
    said = f"\n\nNot trained yet: {', '.join(missing)}." if missing else ""
    return markdown.table(HEAD, rows) + said


def _cards(recipe: Recipe) -> list[Path]:
    """Cards that the recipe has left, its other seeds among them."""
    own = recipe.path(zoo.FOLDER)
    pattern = re.compile(re.escape(own.stem) + r"(-seed\d+)?\.json")
    found = [path for path in own.parent.glob("*.json") if pattern.fullmatch(path.name)]
    return sorted(found, key=lambda path: cards.read(path).seed)


def _row(name: str, path: Path) -> list[str]:
    card = cards.read(path)
    test, size = card.accuracy["test"], card.preprocessing
    top1, low, high = (f"{100 * test[key]:.1f}" for key in ("top1", "low", "high"))
    pixels = f"{size.height}" if size.height == size.width else f"{size.height}x{size.width}"
    shipped = "in `models/`" if path.with_suffix(".keras").exists() else "not shipped"
    epochs = str(card.recipe.get("epochs", ""))
    return [name, _network(card), pixels, card.data.name, str(card.seed), epochs, f"{top1} ({low} to {high})", f"{test['total']:.0f}", shipped]


def _network(card: Card) -> str:
    width = card.arguments.get("width")
    source = card.sources.get("weights", "").split(" ")[0].removesuffix(".keras")
    return card.architecture + (f" {width}" if width not in (None, 1.0) else "") + (f", from `{source}`" if source else "")


if __name__ == "__main__":
    sys.exit(guarded(main))
