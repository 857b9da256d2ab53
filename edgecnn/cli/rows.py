"""Rows of the catalog as `edgecnn list` and `edgecnn info` tell them."""

from __future__ import annotations

from dataclasses import asdict, replace

from edgecnn.catalog import Architecture, Module, int8_bytes


def input_size(row: Architecture | Module) -> str:
    """`224x224x3`."""
    shape = row.input_shape if isinstance(row, Module) else (row.image_size, row.image_size, row.channels)
    return "x".join(map(str, shape))


def plain(row: Architecture | Module) -> dict[str, object]:
    """The row and its expected bytes as JSON can hold them."""
    return {**asdict(replace(row, arguments={})), "arguments": dict(row.arguments), "int8_bytes": int8_bytes(row)}
