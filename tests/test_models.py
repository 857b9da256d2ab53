"""The models that come with the project: their files belong together and do what models/README.md says."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import ROOT

from edgecnn import card as cards
from edgecnn import files, runtime
from edgecnn.validate import validate

MODELS = sorted((ROOT / "models").rglob("*.keras"))
IDS = [str(path.relative_to(ROOT / "models").with_suffix("")) for path in MODELS]


@pytest.fixture(params=MODELS, ids=IDS)
def model(request) -> Path:
    return request.param


def _exports(model: Path) -> list[Path]:
    """The files that come with the model: all four for digits, else int8 ones, of which there is a TFLite in any case."""
    found = [model.with_name(f"{model.stem}{end}") for end in ("_int8.tflite", ".tflite", ".onnx", "_int8.onnx")]
    return found if model.parent.name == "models" else [found[0], *(path for path in found[1:] if path.exists())]


def test_the_promised_models_are_there():
    assert IDS == ["mobilenet", "sign-digits/mobilenet", "sign-digits/mobilenet_v3_small", "sign-digits/squeezenet", "squeezenet", "trashnet/mobilenet"]


def test_card_weights_and_curves_belong_together(model: Path):
    card = cards.read(model)
    assert card.weights_sha256 == files.sha256(model)
    assert set(card.ranges) == set(card.means) == {"tflite", "onnx"}
    assert card.calibration["split"] == "train"
    assert model.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_exports_carry_the_card_of_their_model(model: Path):
    for path in _exports(model):
        assert runtime.card_of(path).weights_sha256 == files.sha256(model), path


def test_a_byte_is_its_own_quantized_input(model: Path):
    given = runtime.open_model(_exports(model)[0]).input
    assert (given.dtype, given.scale, given.zero_point) == ("uint8", 1 / 128, 128)


def test_the_repository_stays_small_enough_to_travel():
    total = sum(path.stat().st_size for path in (ROOT / "models").rglob("*") if path.is_file())
    assert total < 50e6


@pytest.mark.parametrize("name", ["mobilenet", "squeezenet"])
def test_digits_models_are_as_good_as_their_card_says(name: str):
    model = ROOT / "models" / f"{name}.keras"
    (group,) = validate(_exports(model), threads=()).groups
    assert abs(group.original.top1.count - cards.read(model).accuracy["test"]["correct"]) <= 2  # another processor may round another way
    for row in group.rows:
        assert row.agreement.value >= 0.99, row.file


@pytest.mark.parametrize("name", ["mobilenet", "mobilenet_v3_small", "squeezenet"])
def test_sign_digits_models_name_98_8_of_100_photos_of_other_students(data_folder: Path, name: str):
    (group,) = validate(_exports(ROOT / "models" / "sign-digits" / f"{name}.keras"), threads=()).groups
    assert group.pictures.count == 420
    assert group.original.top1.value >= 0.988
    for row in group.rows:
        assert row.change.value >= -0.005, row.file
        assert row.agreement.value >= 0.99, row.file
