"""DOOR to the catalog: every architecture and module by its name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edgecnn.catalog import modules, networks
from edgecnn.catalog.row import COMMON, PIXELS, Architecture, Module, Value
from edgecnn.catalog.size import int8_bytes
from edgecnn.errors import UnknownName, unknown

__all__ = ["CATALOG", "COMMON", "MODULES", "PIXELS", "Architecture", "Module", "Value", "architecture", "int8_bytes"]

CATALOG: Mapping[str, Architecture] = MappingProxyType({row.name: row for row in networks.ROWS})
MODULES: Mapping[str, Module] = MappingProxyType({row.name: row for row in modules.ROWS})


def architecture(name: str) -> Architecture:
    """Look an architecture up by its name; a misspelt one raises UnknownName with the nearest, and so does a module."""
    if name in MODULES:
        raise UnknownName(f"{name} is a module, which takes no pictures: it can be listed, described and built (edgecnn.build), not trained on photos")
    try:
        return CATALOG[name]
    except KeyError:
        raise unknown("architecture", name, CATALOG) from None
