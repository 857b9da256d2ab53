"""Elements of HTML and SVG. Text is escaped by construction: only what `element` made goes in as markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping

# What XML 1.0 and HTML cannot hold, and halves of surrogate pairs, which file names that are not UTF-8 bring.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_EMPTY = frozenset({"img", "meta", "link", "br"})

Attributes = Mapping[str, object]


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def clean(text: str) -> str:
    """Text without characters that no document can hold."""
    return _UNPRINTABLE.sub("\ufffd", text)


def escaped(text: str) -> Markup:
    """Text as markup; markup as it is."""
    return text if isinstance(text, Markup) else Markup(html.escape(clean(text), quote=True))


def element(name: str, attributes: Attributes | None, *children: str) -> Markup:
    """One element. Attributes that are None are left out; numbers lose what nobody sees."""
    given = "".join(f' {key}="{escaped(_value(value))}"' for key, value in (attributes or {}).items() if value is not None)
    if name in _EMPTY:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(children)}</{name}>")


def joined(children: Iterable[str]) -> Markup:
    """Several pieces as one."""
    return Markup("".join(map(escaped, children)))


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
