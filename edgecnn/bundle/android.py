"""ROOM for Android: Kotlin with LiteRT and with MediaPipe Tasks, and golden tests with and without a device."""

from __future__ import annotations

from pathlib import Path

from edgecnn import files
from edgecnn.bundle import Context, apps
from edgecnn.bundle import golden as vectors
from edgecnn.bundle.golden import Golden
from edgecnn.data.geometry import short_sides
from edgecnn.runtime.contract import Tensor

_MAIN, _SHARED = "app/src/main", "app/src/sharedTest"
# Template -> where it goes.
PLACES = {
    "README.md": "./",
    "build.gradle.kts": "blocks.gradle.kts",
    **dict.fromkeys(("Model.kt", "Pixels.kt", "Pictures.kt", "Classifier.kt"), f"{_MAIN}/kotlin/edgecnn/"),
    "Golden.kt": f"{_SHARED}/kotlin/edgecnn/",
    "PixelsTest.kt": "app/src/test/kotlin/edgecnn/",
    "GoldenTest.kt": "app/src/androidTest/kotlin/edgecnn/",
}
# MediaPipe hands on R, G, B and nothing else.
TASKS = {"TasksClassifier.kt": f"{_MAIN}/kotlin/edgecnn/", "TasksTest.kt": "app/src/androidTest/kotlin/edgecnn/"}


def write(context: Context, folder: Path) -> list[Path]:
    """Write the Android bundle of a .tflite file into an empty folder; returns its files.

    Raises:
        BadFile: an input or output of a type that the app cannot hold.
    """
    golden = context.golden
    apps.check_types(golden)
    with_tasks, tasks = _tasks(golden)
    written = apps.lay(folder, "android", PLACES | (TASKS if with_tasks else {}), {**apps.about(golden), "MODEL": spec(golden), "TASKS": tasks})
    written.append(files.write_bytes(folder / _MAIN / "assets" / golden.model, context.path.read_bytes()))
    return written + vectors.write(golden, folder / _SHARED / "assets" / "golden", sources=True)


def _tasks(golden: Golden) -> tuple[bool, str]:
    """Whether MediaPipe Tasks can run the file, and what the README says of it: it feeds RGB only and hands on scores as they are."""
    if golden.preprocessing.order != "rgb":
        return False, f"MediaPipe Tasks cannot feed {golden.preprocessing.order}"
    if not golden.gives_probabilities:
        return False, f"MediaPipe Tasks makes no probabilities of scores of the kind {golden.score_kind.value}"
    return True, "or TasksClassifier(context), by MediaPipe Tasks"


def spec(golden: Golden) -> str:
    """The arguments of Model in Model.kt."""
    said = golden.preprocessing
    labels = "".join(f"\n        {apps.string(name, 'kotlin')}," for name in apps.names(golden))
    fields = {
        "file": apps.string(golden.model, "kotlin"), "sha256": f'"{golden.sha256}"', "width": said.width, "height": said.height,
        "order": f"Order.{said.order.upper()}", "mean": _list(said.mean), "std": _list(said.std), "resize": f"Resize.{said.resize.upper()}",
        "filter": f"ResizeFilter.{said.resize_filter.upper().replace('-', '_')}", "scaled": _whole(short_sides(said)) if said.crop_fraction < 1 else "null",
        "bars": _whole(said.pad_color),
        "input": _tensor(golden.input, golden.channels_first), "output": _tensor(golden.output, False), "scoreKind": f"ScoreKind.{golden.score_kind.name}",
        "labelOffset": golden.label_offset, "labels": f"listOf({labels}\n    )", "outputs": golden.num_scores,
    }  # fmt: skip
    return "\n".join(f"    {name} = {value}," for name, value in fields.items())


def _tensor(tensor: Tensor, channels_first: bool) -> str:
    scale = "null" if tensor.scale is None else apps.real(tensor.scale)
    return f"Tensor(DType.{tensor.dtype.upper()}, scale = {scale}, zeroPoint = {tensor.zero_point or 0}, channelsFirst = {_bool(channels_first)})"


def _list(values: tuple[float, ...]) -> str:
    return f"listOf({', '.join(apps.real(value) for value in values)})"


def _whole(values: tuple[int, ...]) -> str:
    return f"listOf({', '.join(map(str, values))})"


def _bool(value: bool) -> str:
    return str(value).lower()
