"""Export: every scheme and format of a trained network is written, run, compared and described; a bad one leaves nothing behind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import snapshot

from edgecnn import card as cards
from edgecnn import runtime
from edgecnn.card import Preprocessing
from edgecnn.errors import BadData, CheckFailed, NoCalibration
from edgecnn.export import Exported, export, record_ranges
from edgecnn.schemes import SCHEMES
from edgecnn.settings import Export

ALL = tuple(SCHEMES)
FILES = Export(schemes=ALL).files()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MobileNet 0.25 at 32 pixels, trained on digits for a few epochs; RGB, batch norms, depthwise convolutions."""
    from edgecnn import data
    from edgecnn.settings import Train
    from edgecnn.train import train

    out = tmp_path_factory.mktemp("mobilenet")
    digits = data.load("digits", Preprocessing(32, 32))
    train("mobilenet", digits, settings=Train(epochs=12, batch_size=64, learning_rate=3e-3, warmup=1), arguments={"width": 0.25}, out=out)
    return out / "mobilenet.keras"


@pytest.fixture(scope="module")
def written(model: Path) -> dict[tuple[str, str], Exported]:
    """All files of that network, by scheme and suffix."""
    made = export(model, settings=Export(schemes=ALL, calibration=64))
    return {(one.scheme, one.path.suffix[1:]): one for one in made}


def test_every_scheme_is_written_in_every_format_that_holds_it(written):
    assert sorted(written) == sorted(FILES)


@pytest.mark.parametrize(("scheme", "fmt"), FILES, ids=[f"{scheme}-{fmt}" for scheme, fmt in FILES])
def test_a_file_does_what_its_original_does(written, scheme: str, fmt: str):
    made = written[scheme, fmt]
    assert made.bytes == made.path.stat().st_size
    assert made.agreement >= {"float32": 1.0, "float16": 0.95}.get(scheme, 0.85)
    if scheme == "float32":
        assert made.difference < 1e-4


@pytest.mark.parametrize(("scheme", "fmt"), FILES, ids=[f"{scheme}-{fmt}" for scheme, fmt in FILES])
def test_a_file_carries_its_card_and_standard_names(written, model: Path, scheme: str, fmt: str):
    runner = runtime.open_model(written[scheme, fmt].path)
    card = cards.read(model)
    assert (runner.input.name, runner.output.name) == ("image", "probabilities")
    assert runner.card.scheme == scheme
    assert runner.card.labels == card.labels
    assert runner.card.weights_sha256 == card.weights_sha256
    assert not runner.card.ranges
    if SCHEMES[scheme].calibrated:
        assert runner.card.calibration["split"] == "train"
        assert runner.card.calibration["digest"] == card.data.digest
    runner.close()


@pytest.mark.parametrize(("io", "dtype", "zero_point"), [("uint8", "uint8", 128), ("int8", "int8", 0)])
def test_a_byte_is_its_own_quantized_input(model: Path, tmp_path: Path, io: str, dtype: str, zero_point: int):
    (made,) = export(model, settings=Export(schemes=("int8",), formats=("tflite",), io=io, calibration=32), out=tmp_path)
    runner = runtime.open_model(made.path)
    assert (runner.input.dtype, runner.input.scale, runner.input.zero_point) == (dtype, 1 / 128, zero_point)
    levels = np.arange(256)
    stored = np.rint((levels - 128) / 128 / runner.input.scale) + runner.input.zero_point
    np.testing.assert_array_equal(stored, levels if io == "uint8" else levels - 128)


def test_float_input_and_output_of_an_int8_file(model: Path, tmp_path: Path):
    (made,) = export(model, settings=Export(schemes=("int8",), formats=("tflite",), io="float32", calibration=32), out=tmp_path)
    runner = runtime.open_model(made.path)
    assert (runner.input.dtype, runner.output.dtype) == ("float32", "float32")
    assert made.agreement >= 0.85


def test_int8_has_no_float_operator_and_no_flex(written):
    info = runtime.describe(written["int8", "tflite"].path)
    assert "DEQUANTIZE" not in {operator.kind for operator in info.operators}
    assert not [operator for operator in info.operators if "FLEX" in operator.kind.upper() or operator.kind == "CUSTOM"]


def test_mobilenet_has_no_pad_and_no_transpose_but_the_first(written):
    assert "PAD" not in {operator.kind for operator in runtime.describe(written["float32", "tflite"].path).operators}
    kinds = [operator.kind for operator in runtime.describe(written["float32", "onnx"].path).operators]
    assert kinds.count("Transpose") == 1
    assert "Pad" not in kinds
    assert "Mul" not in kinds


@pytest.mark.parametrize("scheme", ["float32", "float16", "int8"])
def test_onnx_is_clean_symbolic_and_runs_in_batches(written, scheme: str):
    import onnx

    proto = onnx.load(written[scheme, "onnx"].path)
    onnx.checker.check_model(proto, full_check=True)
    assert [o.version for o in proto.opset_import if o.domain == ""] == [15]
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    runner = runtime.open_model(written[scheme, "onnx"].path)
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    np.testing.assert_allclose(runner(pictures)[3:4], runner(pictures[3:4]), atol=1e-3)


def test_the_same_call_writes_the_same_bytes(model: Path, written, tmp_path: Path):
    again = export(model, settings=Export(schemes=("int8",), calibration=64), out=tmp_path)
    for one in again:
        assert one.path.read_bytes() == written["int8", one.path.suffix[1:]].path.read_bytes()


def test_recorded_ranges_serve_where_no_pictures_are(model: Path, tmp_path: Path):
    copy = tmp_path / model.name
    copy.write_bytes(model.read_bytes())
    card = cards.read(model)
    cards.write(copy, card)
    recorded = record_ranges(copy, "digits", count=64)
    cards.write(copy, replace(recorded, data=replace(card.data, name="no-such-data-set")))
    made = export(copy, settings=Export(schemes=("int8",)))
    assert [one.path.name for one in made] == ["mobilenet_int8.tflite", "mobilenet_int8.onnx"]
    assert all("recorded" in one.note for one in made)
    assert runtime.open_model(made[0].path).card.calibration["count"] == 64
    with pytest.raises(NoCalibration):
        export(copy, settings=Export(schemes=("int8",)), preprocessing=Preprocessing(32, 32, mean=(100.0,)))


def test_no_pictures_and_no_records_is_refused(model: Path, tmp_path: Path):
    copy = tmp_path / "bare.keras"
    copy.write_bytes(model.read_bytes())
    with pytest.raises(NoCalibration, match="--data"):
        export(copy, settings=Export(schemes=("int8",)), preprocessing=Preprocessing(32, 32))
    assert snapshot(tmp_path).keys() == {"bare.keras"}


def test_a_failed_comparison_leaves_nothing_under_the_name(model: Path, tmp_path: Path):
    strict = Export(schemes=("int8",), formats=("tflite",), calibration=300, min_agreement=1.0)
    with pytest.raises(CheckFailed, match="agrees"):
        export(model, settings=strict, out=tmp_path, data=_noise(tmp_path / "noise"))
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_wrong_number_of_labels_is_refused(model: Path):
    with pytest.raises(BadData, match="3 labels for the 10 outputs"):
        export(model, labels=("a", "b", "c"))


def test_the_embedded_card_is_plain_json(written):
    import onnx

    proto = onnx.load(written["int8", "onnx"].path)
    (text,) = [prop.value for prop in proto.metadata_props if prop.key == cards.EMBEDDED]
    assert json.loads(text)["scheme"] == "int8"


def test_an_untrained_constant_network_is_refused(tmp_path: Path):
    import keras

    image = keras.Input((16, 16, 3), name="image")
    row = keras.layers.Dense(3, activation="softmax", kernel_initializer="zeros")(keras.layers.GlobalAveragePooling2D()(image))
    path = tmp_path / "constant.keras"
    keras.Model(image, row).save(path)
    with pytest.raises(CheckFailed, match="same answer to every picture"):
        export(path, preprocessing=Preprocessing(16, 16))


@pytest.mark.parametrize("fmt", ["tflite", "onnx"])
def test_bias_correction_brings_the_means_back(model: Path, fmt: str):
    """Rounded weights shift the mean of every channel, and corrected biases take part of that back: of most layers, not of each."""
    import keras

    from edgecnn import data
    from edgecnn.export.formats import FORMATS

    size = Preprocessing(32, 32)
    pictures = data.calibration(data.load("digits", size), 64).pictures
    writer = FORMATS[fmt]()
    exact = writer.convert(keras.saving.load_model(model, compile=False))
    means = writer.means(exact, pictures, size)
    off = {}
    for kind, known in (("corrected", means), ("rounded", {})):
        found = writer.means(writer.snap(exact, known, {}), pictures, size)
        off[kind] = np.array([np.abs(found[name] - means[name]).mean() for name in means])
    moved = off["rounded"] > 1e-7
    assert (off["corrected"][moved] / off["rounded"][moved]).mean() < 0.95


def _noise(root: Path) -> Path:
    """Pictures of pure noise in two classes: on hundreds of these, no integer file gives its original's answer every time."""
    from PIL import Image

    random = np.random.default_rng(0)
    for i in range(400):
        path = root / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)).save(path)
    return root


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "preprocessing"),
    [
        ("squeezenet1_1_imagenet", Preprocessing(227, 227, "bgr", (104.0, 117.0, 123.0), (1.0,))),
        ("mobilenet_025_224_imagenet", Preprocessing(224, 224, "rgb", (127.5,), (127.5,))),
    ],
)
def test_independent_weights_export_to_everything(weights_folder: Path, tmp_path: Path, name: str, preprocessing: Preprocessing):
    made = export(weights_folder / f"{name}.keras", settings=Export(schemes=ALL, calibration=50), data="trashnet", preprocessing=preprocessing, out=tmp_path)
    assert sorted((one.scheme, one.path.suffix[1:]) for one in made) == sorted(FILES)
    assert all(one.agreement == 1.0 for one in made if one.scheme == "float32")
