"""ROOM for the web: TypeScript with ONNX Runtime, a page with file input and camera, and a golden test for Node and the browser."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from edgecnn import files
from edgecnn.bundle import Context, apps
from edgecnn.bundle import golden as vectors
from edgecnn.bundle.golden import Golden
from edgecnn.data.geometry import short_sides
from edgecnn.runtime.contract import Tensor

# Template -> where it goes.
PLACES = {
    **dict.fromkeys(("README.md", "package.json", "tsconfig.json", "build.mjs", "serve.mjs", "index.html", "page.css"), "./"),
    **dict.fromkeys(("model.ts", "pixels.ts", "classifier.ts", "pictures.ts", "runtime.ts", "page.ts", "golden.ts", "golden.test.ts"), "./"),
    "npmrc": ".npmrc",
}


def write(context: Context, folder: Path) -> list[Path]:
    """Write the web bundle of an .onnx file into an empty folder; returns its files.

    Raises:
        BadFile: an input or output of a type that the page cannot hold.
    """
    golden = context.golden
    apps.check_types(golden)
    about = apps.about(golden)
    words = {**about, "MODEL": apps.visible(json.dumps(spec(golden), indent=2, ensure_ascii=False)), "TITLE": html.escape(about["STEM"])}
    written = apps.lay(folder, "web", PLACES, words)
    written.append(files.write_bytes(folder / golden.model, context.path.read_bytes()))
    return written + vectors.write(golden, folder / "golden", sources=True)


def spec(golden: Golden) -> dict[str, Any]:
    """The `Model` of model.ts."""
    said = golden.preprocessing
    return {
        "file": golden.model, "sha256": golden.sha256, "width": said.width, "height": said.height, "order": said.order,
        "mean": list(said.mean), "std": list(said.std), "resize": said.resize, "filter": said.resize_filter,
        "scaled": list(short_sides(said)) if said.crop_fraction < 1 else None, "bars": list(said.pad_color),
        "input": {
            "name": golden.input.name, "dims": list(golden.pictures[0].input.shape), "dtype": golden.input.dtype, **_scale(golden.input),
            "channelsFirst": golden.channels_first,
        },
        "output": {"name": golden.output.name, **_scale(golden.output)},
        "scoreKind": golden.score_kind.value, "labelOffset": golden.label_offset, "labels": list(apps.names(golden)),
    }  # fmt: skip


def _scale(tensor: Tensor) -> dict[str, float | int | None]:
    return {"scale": tensor.scale, "zeroPoint": tensor.zero_point or 0}
