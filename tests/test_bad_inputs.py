"""Bad inputs of every kind: one line on stderr, exit code 2, no traceback, nothing damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers import edgecnn, onnx_file, picture, process, refused, snapshot

Case = Callable[[Path, Path], list[object]]


def missing_file(here: Path, model: Path) -> list[object]:
    return ["validate", here / "nothing.tflite"]


def directory(here: Path, model: Path) -> list[object]:
    (here / "folder.tflite").mkdir()
    return ["validate", here / "folder.tflite"]


def empty_folder(here: Path, model: Path) -> list[object]:
    (here / "pictures").mkdir()
    return ["train", "lenet", "--data", here / "pictures", "--out", here / "out"]


def one_class(here: Path, model: Path) -> list[object]:
    for i in range(10):
        picture(here / f"pictures/cat/{i}.png", shade=20 * i)
    return ["train", "lenet", "--data", here / "pictures", "--out", here / "out"]


def text_renamed_to_jpg(here: Path, model: Path) -> list[object]:
    (here / "note.jpg").write_text("this is no picture\n" * 50)
    return ["predict", model, here / "note.jpg"]


def zero_byte_picture(here: Path, model: Path) -> list[object]:
    (here / "zero.png").touch()
    return ["predict", model, here / "zero.png"]


def corrupt_picture_under_strict(here: Path, model: Path) -> list[object]:
    for kind in ("cat", "dog"):
        for i in range(60):
            picture(here / f"pictures/{kind}/{i}.png", shade=4 * i)
    (here / "pictures/cat/zero.png").touch()
    return ["train", "lenet", "--data", here / "pictures", "--strict", "--out", here / "out"]


def truncated_tflite(here: Path, model: Path) -> list[object]:
    whole = (model.parent / "lenet.tflite").read_bytes()
    (here / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    return ["validate", here / "cut.tflite", "--data", "digits"]


def truncated_onnx(here: Path, model: Path) -> list[object]:
    whole = (model.parent / "lenet.onnx").read_bytes()
    (here / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    return ["validate", here / "cut.onnx", "--data", "digits"]


def truncated_keras(here: Path, model: Path) -> list[object]:
    whole = model.read_bytes()
    (here / "cut.keras").write_bytes(whole[: len(whole) // 2])
    return ["export", here / "cut.keras"]


def regressor(here: Path, model: Path) -> list[object]:
    import keras

    net = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    net.save(here / "regressor.keras")
    return ["export", here / "regressor.keras", "--data", "digits"]


def nan_weights(here: Path, model: Path) -> list[object]:
    import keras

    net = keras.saving.load_model(model, compile=False)
    net.set_weights([np.full_like(w, np.nan) for w in net.get_weights()])
    net.save(here / "nan.keras")
    return ["export", here / "nan.keras", "--data", "digits"]


def two_inputs(here: Path, model: Path) -> list[object]:
    return ["predict", onnx_file(here / "two.onnx", inputs=2), picture(here / "a.png")]


def external_data_missing(here: Path, model: Path) -> list[object]:
    path = onnx_file(here / "split.onnx", external=True)
    (here / "split.bin").unlink()
    return ["predict", path, picture(here / "a.png")]


def wrong_dtype(here: Path, model: Path) -> list[object]:
    return ["predict", onnx_file(here / "uint16.onnx", dtype="UINT16"), picture(here / "a.png")]


def fewer_labels_than_outputs(here: Path, model: Path) -> list[object]:
    (here / "labels.txt").write_text("cat\ndog\n")
    return ["predict", model, picture(here / "a.png"), "--labels", here / "labels.txt"]


def fewer_labels_in_export(here: Path, model: Path) -> list[object]:
    return ["export", foreign(here, model), "--data", "digits", "--labels", labels_file(here, 3)]


def read_only_folder(here: Path, model: Path) -> list[object]:
    # Below /proc nobody can write, not even root, whom a folder's mode would not stop.
    return ["export", model, "--out", "/proc/edgecnn"]


def file_as_folder(here: Path, model: Path) -> list[object]:
    (here / "out").write_text("a file")
    return ["train", "lenet", "--epochs", 1, "--out", here / "out"]


def int8_without_data(here: Path, model: Path) -> list[object]:
    return ["export", foreign(here, model), "--int8"]


def int8_with_unknown_data(here: Path, model: Path) -> list[object]:
    return ["export", foreign(here, model), "--int8", "--data", "digist"]


def external_data_in_a_circle(here: Path, model: Path) -> list[object]:
    line = external_data_missing(here, model)
    (here / "loop.data").symlink_to("loop.data")
    path = Path(str(line[1]))
    proto = onnx.load(path, load_external_data=False)
    for tensor in proto.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "loop.data"
    path.write_bytes(proto.SerializeToString())
    return line


def name_that_is_a_path(here: Path, model: Path) -> list[object]:
    return ["export", model, "--name", "../elsewhere", "--out", here / "out"]


def more_calibration_than_numbers_go(here: Path, model: Path) -> list[object]:
    return ["export", model, "--int8", "--calibration", 10**20, "--out", here / "out"]


def report_over_a_photo(here: Path, model: Path) -> list[object]:
    for i in range(4):
        picture(here / f"photos/{'ab'[i % 2]}/{i}.png", shade=60 * i)
    return ["validate", model, "--data", here / "photos", "--report", here / "photos/a/0.png"]


CASES = {
    missing_file: "no such",
    directory: "is a directory",
    empty_folder: "pictures",
    one_class: "class",
    text_renamed_to_jpg: "note.jpg",
    zero_byte_picture: "zero.png",
    corrupt_picture_under_strict: "zero.png",
    truncated_tflite: "cut.tflite",
    truncated_onnx: "cut.onnx",
    truncated_keras: "cut.keras",
    regressor: "regressor.keras",
    nan_weights: "NaN",
    two_inputs: "2 inputs",
    external_data_missing: "split.",
    external_data_in_a_circle: "loop.data",
    name_that_is_a_path: "is a path",
    more_calibration_than_numbers_go: "calibration pictures: expected 10,000,000 or fewer",
    report_over_a_photo: "over a file of the data",
    wrong_dtype: "uint16",
    fewer_labels_than_outputs: "10 outputs and 2 labels",
    fewer_labels_in_export: "labels",
    read_only_folder: "cannot write",
    file_as_folder: "out",
    int8_without_data: "--data",
    int8_with_unknown_data: "digits",
}


def foreign(here: Path, model: Path) -> Path:
    """The model without its card, as someone else would have made it."""
    return Path(shutil.copy(model, here / "foreign.keras"))


def labels_file(here: Path, count: int) -> Path:
    path = here / "labels.txt"
    path.write_text("".join(f"kind {i}\n" for i in range(count)))
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_refused(case: Case, tmp_path: Path, exported: Path) -> None:
    line = case(tmp_path, exported / "lenet.keras")
    before, models = snapshot(tmp_path), snapshot(exported)
    refused(edgecnn(*line), CASES[case])
    assert snapshot(tmp_path) == before
    assert snapshot(exported) == models


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("exprot squeezenet", "'export'"),
        ("train mobilnet", "'mobilenet'"),
        ("info squezenet", "'squeezenet'"),
        ("export squeezenet --itn8", "'--int8'"),
        ("train lenet --epohcs 3", "'--epochs'"),
        ("train lenet --data digist", "'digits'"),
        ("train lenet --set dropuot=0.5", "dropout"),
        ("list architecture", "'architectures'"),
    ],
)
def test_misspelt_names_get_the_nearest(line: str, hint: str) -> None:
    refused(edgecnn(*line.split()), hint)


def test_misspelt_file_gets_the_nearest(exported: Path) -> None:
    refused(edgecnn("validate", exported / "lennet.tflite"), "lenet.tflite")


def test_onnx_of_a_fixed_batch_answers_as_one_of_an_open_batch(tmp_path: Path) -> None:
    """Its batch is filled up, which is better than being refused."""
    shown = picture(tmp_path / "a.png", shade=200)
    open_batch, fixed = (edgecnn("predict", onnx_file(tmp_path / f"{n}.onnx", batch=n), shown, "--json", "--preprocess", "tf") for n in (None, 4))
    assert (fixed.code, fixed.out) == (0, open_batch.out)


def test_native_code_cannot_write_to_the_terminal(exported: Path, tmp_path: Path) -> None:
    result = process("predict", exported / "lenet.tflite", picture(tmp_path / "a.png"))
    assert (result.code, result.err) == (0, "")
