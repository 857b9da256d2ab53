"""What an export says of a model beyond its card."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgecnn.settings.refuse import refuse

_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


@dataclass(frozen=True)
class About:
    """Words for the metadata of exported files; "" where nothing is to be said.

    Attributes:
        author, license: of the model.
        version: of the model; a digest of its weights when left out.
        translations: (locale, class names in the order of the card's labels), such as ("de", ("Hund", "Katze")).
    """

    author: str = ""
    license: str = ""
    version: str = ""
    translations: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for locale, names in self.translations:
            refuse(not _LOCALE.fullmatch(locale), f"locale '{locale}': expected a language code, such as de or pt-BR")
            refuse(locale.lower() in seen, f"locale '{locale}' came twice; expected one label file each")
            refuse(not names, f"locale '{locale}' has no class names; expected one a class")
            seen.add(locale.lower())
