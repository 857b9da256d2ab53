"""Files that go into a bundle as they are, with @WORDS@ filled in."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping

_WORD = re.compile(r"@([A-Z]+)@")


def filled(name: str, words: Mapping[str, object]) -> str:
    """The template `name`, such as `c/README.md`, with each @WORD@ replaced; KeyError for a word that is not given."""
    place = importlib.resources.files("edgecnn.bundle").joinpath("templates", *name.split("/"))
    return _WORD.sub(lambda found: str(words[found[1]]), place.read_text(encoding="utf-8"))
