"""One bundle from end to end: golden vectors, the target's room, notes on licences, and the list of files."""

from __future__ import annotations

import contextlib
import importlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from edgecnn import files, runtime
from edgecnn.bundle import TARGETS, Bundled, Context, golden, place
from edgecnn.data import DATASETS
from edgecnn.export import metadata
from edgecnn.progress import Progress
from edgecnn.runtime.model_files import model_files, whole


def run(
    path: Path, target: str, folder: Path, pictures: str | PathLike[str] | Sequence[str | PathLike[str]] | None, asked: Mapping[str, Any], progress: Progress
) -> Bundled:
    """See `edgecnn.bundle.bundle`; `asked` goes to `golden.make` as it is."""
    files.check_file(path, f"{path.suffix} model")
    place.check_free(folder)
    progress.step(f"running {path.name} on golden pictures")
    made = golden.make(path, pictures, progress=progress, **asked)
    info = runtime.describe(path)
    room = importlib.import_module(TARGETS[target].room)
    with _single_file(path) as single, place.replacing(folder) as building:
        made = made if single == path else replace(made, sha256=files.sha256(single))
        context = Context(single, program_name(path.stem), made, info, info.card, _licence(path))
        room.write(context, building)
        files.write_text(building / "LICENCES.md", licences(context))
        place.write_list(building, {"target": target, "model": path.name, "sha256": made.sha256})
    return Bundled(folder, target, tuple(sorted(p for p in folder.rglob("*") if p.is_file())))


@contextlib.contextmanager
def _single_file(path: Path) -> Iterator[Path]:
    """The model in one file: an .onnx whose weights lie in others gets them inside, in a temporary copy of the same name."""
    if len(model_files(path)) == 1:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        copy.write_bytes(whole(path).SerializeToString())
        yield copy


def program_name(stem: str) -> str:
    """A file's stem as a name in programs: `mobilenet-prune50` becomes `mobilenet_prune50`, `1st` becomes `model_1st`."""
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
    return name if name[:1].isalpha() else f"model_{name}".rstrip("_")


def licences(context: Context) -> str:
    """LICENCES.md: whose the parts of a bundle are."""
    origins = sorted({picture.origin for picture in context.golden.pictures})
    data = context.card.data.name if context.card and context.card.data else ""
    known = f" ({DATASETS[data].licence})" if data in DATASETS else ""
    lines = [
        "# Licences",
        "",
        f"- `{context.path.name}`, the model: {context.licence or 'not stated in the file; ask who trained it'}"
        + (f". It was trained on the data set {data}{known}, whose licence may matter too." if data else "."),
        f"- golden pictures ({'; '.join(origins)}): {context.golden.licence}",
        "- all code in this folder, written by edgecnn: Apache-2.0",
    ]
    return "\n".join(lines) + "\n"


def _licence(path: Path) -> str:
    """Of the model, as its metadata states it."""
    if path.suffix.lower() == ".tflite":
        told = metadata.read(path.read_bytes(), path)
        return told.license if told else ""
    return runtime.describe(path).metadata.get("model_license", b"").decode(errors="replace")
