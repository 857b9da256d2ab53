"""What a .tflite says of itself to apps, as lines of `edgecnn info`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from edgecnn.export import metadata
from edgecnn.export.metadata import Metadata, TensorNotes


def read(path: Path) -> Metadata | None:
    """The metadata of a file; None of another format, or where there is none."""
    return metadata.read(path.read_bytes(), path) if path.suffix.lower() == ".tflite" else None


def facts(found: Metadata | None) -> Iterator[tuple[str, str]]:
    """Pairs of what and its value."""
    if found is None:
        yield "metadata", "none: an app must know labels and pixel mapping; edgecnn check --repair adds it"
        return
    by = [part for part in (found.version and f"version {found.version}", found.author and f"by {found.author}", found.license) if part]
    yield "metadata", "; ".join(part for part in (found.name, found.description, ", ".join(by)) if part) or "nothing in words"
    for what, notes in (*(("app's input", one) for one in found.inputs), *(("app's output", one) for one in found.outputs)):
        yield what, "; ".join(part for part in _tensor(notes) if part) or "nothing"
    if found.others:
        yield "other files inside", ", ".join(f"{name} {len(content):,} bytes" for name, content in found.others.items())


def _tensor(notes: TensorNotes) -> Iterator[str]:
    size = f" {notes.size[0]}x{notes.size[1]}" if notes.size else ""
    yield f"{notes.name} {' '.join(part for part in (notes.color, notes.content) if part)}{size}".strip()
    if notes.mean:
        yield f"(pixel - {_values(notes.mean)}) / {_values(notes.std)}"
    if notes.low or notes.high:
        yield f"stored {_values(notes.low)} to {_values(notes.high)}"
    for one in notes.labels:
        shown = ", ".join(one.names[:4]) + (", ..." if len(one.names) > 4 else "")
        yield f"{one.name}{f' ({one.locale})' if one.locale else ''} {len(one.names)}: {shown}"
    if notes.calibration is not None:
        known = sum(one is not None for one in notes.calibration.parameters)
        yield f"score calibration of {known} of {len(notes.calibration.parameters)} classes ({notes.calibration.transformation})"
    if notes.threshold is not None:
        yield f"scores below {notes.threshold:g} are of no worth"


def _values(values: Sequence[float]) -> str:
    if not values:
        return "?"
    return f"{values[0]:.4g}" if len(set(values)) == 1 else "(" + ", ".join(f"{v:.4g}" for v in values) + ")"


def plain(found: Metadata | None) -> dict[str, object] | None:
    """As JSON can hold it; of other files the sizes."""
    if found is None:
        return None
    return {**asdict(found), "others": {name: len(content) for name, content in found.others.items()}}
