"""ROOM for iOS: Swift with TensorFlow Lite, and a golden XCTest."""

from __future__ import annotations

from pathlib import Path

from edgecnn import files
from edgecnn.bundle import Context, apps
from edgecnn.bundle import golden as vectors
from edgecnn.bundle.golden import Golden
from edgecnn.data.geometry import short_sides
from edgecnn.runtime.contract import Tensor
from edgecnn.runtime.scores import ScoreKind

# Template -> where it goes.
PLACES = {
    **dict.fromkeys(("README.md", "Podfile"), "./"),
    **dict.fromkeys(("Model.swift", "Pixels.swift", "Labels.swift", "Pictures.swift", "Classifier.swift"), "Sources/"),
    **dict.fromkeys(("Golden.swift", "GoldenTests.swift"), "Tests/"),
}


def write(context: Context, folder: Path) -> list[Path]:
    """Write the iOS bundle of a .tflite file into an empty folder; returns its files.

    Raises:
        BadFile: an input or output of a type that the app cannot hold.
    """
    golden = context.golden
    apps.check_types(golden)
    written = apps.lay(folder, "ios", PLACES, {**apps.about(golden), "MODEL": spec(golden)})
    written.append(files.write_bytes(folder / "Resources" / golden.model, context.path.read_bytes()))
    return written + vectors.write(golden, folder / "Tests" / "golden", sources=True)


def spec(golden: Golden) -> str:
    """The arguments of Model in Model.swift."""
    said = golden.preprocessing
    labels = ", ".join(f"\n            {apps.string(name, 'swift')}" for name in apps.names(golden)).replace(", \n", ",\n")
    fields = {
        "file": apps.string(golden.model, "swift"), "sha256": f'"{golden.sha256}"', "width": said.width, "height": said.height,
        "order": f".{said.order}", "mean": _list(said.mean), "std": _list(said.std), "resize": f".{said.resize}",
        "filter": f".{_case(said.resize_filter)}", "scaled": str(list(short_sides(said))) if said.crop_fraction < 1 else "nil",
        "bars": str(list(said.pad_color)),
        "input": _tensor(golden.input, golden.channels_first), "output": _tensor(golden.output, False), "scoreKind": f".{_swift_case(golden.score_kind)}",
        "labelOffset": golden.label_offset, "labels": f"[{labels},\n        ]",
    }  # fmt: skip
    return ",\n".join(f"        {name}: {value}" for name, value in fields.items())


def _tensor(tensor: Tensor, channels_first: bool) -> str:
    scale = "nil" if tensor.scale is None else apps.real(tensor.scale)
    return f"TensorFacts(dtype: .{tensor.dtype}, scale: {scale}, zeroPoint: {tensor.zero_point or 0}, channelsFirst: {_bool(channels_first)})"


def _case(name: str) -> str:
    """The case of ResizeFilter: tf-bilinear is tfBilinear."""
    first, *others = name.split("-")
    return first + "".join(word.capitalize() for word in others)


def _list(values: tuple[float, ...]) -> str:
    return f"[{', '.join(apps.real(value) for value in values)}]"


def _swift_case(kind: ScoreKind) -> str:
    """`MULTI_LABEL` is `multiLabel` in Swift."""
    first, *rest = kind.value.split("-")
    return first + "".join(part.capitalize() for part in rest)


def _bool(value: bool) -> str:
    return str(value).lower()
