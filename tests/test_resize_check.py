"""`validate` says when another resize rule is certainly better; the figures are held against a bare loop over the image files."""

from __future__ import annotations

import io
import json
import math
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, edgecnn
from PIL import Image
from sources.color_nets import color_folder, color_net

from edgecnn import data as datasets
from edgecnn.card import Preprocessing
from edgecnn.data import pictures
from edgecnn.runtime import card_of
from edgecnn.sources.mappings import UNIT
from edgecnn.sources.measure_resize import RULES, says_measured

SIDE, COUNT = 32, 1024
MEASURING = "measuring how images are resized"
NOTE = re.compile(
    r"resize: (\S+) scores (\S+) % against (\S+) % by (\S+) on ([\d,]+) train and val images of trashnet \(p = (\S+)\); (.*)$",
)


@pytest.fixture(scope="module")
def network(tmp_path_factory, data_folder) -> Path:
    """A Keras model without a card that was trained on images resized by TensorFlow's bilinear filter."""
    import keras
    from keras import layers

    train = datasets.load("trashnet", Preprocessing(SIDE, SIDE, resize="tf-bilinear")).splits["train"]
    keras.utils.set_random_seed(0)
    blocks = [(16, 2), (32, 2), (48, 1)]
    convolutions = [
        one
        for filters, strides in blocks
        for one in (layers.Conv2D(filters, 3, strides, "same", use_bias=False), layers.BatchNormalization(momentum=0.7), layers.ReLU())
    ]
    head = [layers.GlobalAveragePooling2D(), layers.Dense(6, activation="softmax")]
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Rescaling(1 / 255), *convolutions, *head])
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(np.array(train.pictures, np.float32), train.labels, batch_size=32, epochs=10, verbose=0)
    path = tmp_path_factory.mktemp("network") / "net.keras"
    model.save(path)
    return path


def export(network: Path, out: Path, *words: object) -> Path:
    result = edgecnn("export", network, "--tflite", "--out", out, *words)
    assert result.code == 0, result.err
    return out / "net.tflite"


@pytest.fixture(scope="module")
def blurred(network, tmp_path_factory) -> Path:
    """The network as a file whose card says the default rule, which nobody measured."""
    return export(network, tmp_path_factory.mktemp("blurred"))


def validate(*words: object) -> tuple[list[str], str]:
    """Notes on the resize, and stderr."""
    out = Path(words[0]).parent / "report.json"
    result = edgecnn("validate", *words, "--no-latency", "--json", out)
    assert result.code == 0, result.err
    return [note for group in json.loads(out.read_text())["groups"] for note in group["notes"] if note.startswith("resize:")], result.err


def by_tensorflow(image: Image.Image) -> np.ndarray:
    import tensorflow as tf

    return np.rint(tf.image.resize(np.asarray(image), (SIDE, SIDE)).numpy())


def by_pillow(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float32)


def right_by_hand(network: Path, data_folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Whether each of the images is right by TensorFlow's filter and by Pillow's, [N] each."""
    import keras

    splits = datasets.load("trashnet", Preprocessing(SIDE, SIDE)).splits
    names = [*splits["train"].names, *splits["val"].names]
    chosen = {names[i] for i in np.random.default_rng(0).permutation(len(names))[:COUNT]}
    classes = sorted({name.split("/")[0] for name in names})
    images, truth = [], []
    with tarfile.open(data_folder / "trashnet-224x168.tar") as archive:
        for member in archive:
            name = "/".join(member.name.split("/")[-2:])
            if name in chosen:
                image = Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB")
                images.append((by_tensorflow(image), by_pillow(image)))
                truth.append(classes.index(name.split("/")[0]))
    assert len(images) == COUNT
    model = keras.models.load_model(network, compile=False)
    first, second = (model.predict(np.stack(one), verbose=0).argmax(1) == truth for one in zip(*images, strict=True))
    return first, second


def test_the_note_has_the_figures_of_a_bare_loop(network, blurred, data_folder):
    tensorflow, pillow = right_by_hand(network, data_folder)
    result = edgecnn(
        "validate", blurred, "--data", "trashnet", "--no-latency", *(f"--{kind}={blurred.parent / kind}" for kind in ("json", "report", "markdown"))
    )
    assert result.code == 0, result.err
    (note,) = [one for one in json.loads((blurred.parent / "json").read_text())["groups"][0]["notes"] if one.startswith("resize:")]
    best, share, used_share, used, count, p, advice = NOTE.match(note).groups()
    assert (best, used, count, advice) == ("tf-bilinear", "pillow-bilinear", "1,024", "export again with --resize tf-bilinear")
    assert (share, used_share) == (f"{100 * tensorflow.mean():.1f}", f"{100 * pillow.mean():.1f}")
    gained, lost = int((tensorflow & ~pillow).sum()), int((pillow & ~tensorflow).sum())
    sign_test = 2 * sum(math.comb(gained + lost, k) for k in range(lost + 1)) / 2 ** (gained + lost)
    assert 0.99 * sign_test < float(p) < 1.01 * len(RULES) * sign_test
    assert note in " ".join(result.out.split())
    assert "tf-bilinear scores" in (blurred.parent / "report").read_text()
    assert "tf-bilinear scores" in (blurred.parent / "markdown").read_text()


def test_an_earlier_comparison_is_remembered_and_can_be_left_out(blurred):
    first, _ = validate(blurred, "--data", "trashnet")
    again, err = validate(blurred, "--data", "trashnet")
    assert len(first) == 1
    assert again == first
    assert MEASURING not in err
    fresh, err = validate(blurred, "--data", "trashnet", "--fresh")
    assert fresh == first
    assert MEASURING in err
    assert validate(blurred, "--data", "trashnet", "--no-check-resize")[0] == []


def test_several_files_of_one_original_are_measured_once(network, blurred, tmp_path):
    other = export(network, tmp_path, "--name", "net").rename(tmp_path / "other.tflite")
    notes, err = validate(blurred, other, "--data", "trashnet", "--against", network, "--fresh")
    assert len(notes) == 1
    assert err.count(f"{MEASURING}: {COUNT}/{COUNT}") == 1


def test_no_note_where_the_rule_is_the_right_one(network, tmp_path):
    sharp = export(network, tmp_path, "--resize", "tf-bilinear")
    notes, err = validate(sharp, "--data", "trashnet")
    assert notes == []
    assert MEASURING in err
    (note,) = validate(sharp, "--data", "trashnet", "--check-resize")[0]
    assert re.fullmatch(r"resize: no other usual rule is certainly better than tf-bilinear on [\d,]+ (of 1,024 )?train and val images of trashnet", note)


def test_what_an_export_measured_is_not_measured_again(network, tmp_path):
    file = export(network, tmp_path, "--data", "trashnet")
    card = card_of(file)
    assert card.preprocessing.resize_filter == "tf-bilinear"
    notes, err = validate(file, "--data", "trashnet", "--fresh")
    assert (notes, MEASURING in err) == ([], False)


def test_an_option_is_the_users_choice(network):
    words = (network, "--data", "trashnet", "--resize", "pillow-bilinear")
    notes, err = validate(*words)
    assert (notes, MEASURING in err) == ([], False)
    (note,) = validate(*words, "--check-resize")[0]
    assert note.endswith("; give --resize tf-bilinear, or export again with it")


def test_models_of_the_project_have_the_rule_of_their_training(tmp_path):
    file = tmp_path / "mobilenet.tflite"
    file.write_bytes((ROOT / "models" / "mobilenet.tflite").read_bytes())
    notes, err = validate(file, "--against", ROOT / "models" / "mobilenet.keras")
    assert (notes, MEASURING in err) == ([], False)
    (note,) = validate(file, "--against", ROOT / "models" / "mobilenet.keras", "--check-resize")[0]
    assert "no other usual rule is certainly better than pillow-bilinear" in note


def test_slow_networks_are_not_compared_unasked(blurred, monkeypatch):
    monkeypatch.setattr("edgecnn.validate.resize_check.SECONDS", 0)
    (note,) = validate(blurred, "--data", "trashnet", "--fresh")[0]
    assert note.endswith("; --check-resize compares them")
    (note,) = validate(blurred, "--data", "trashnet", "--fresh", "--check-resize")[0]
    assert NOTE.match(note)


def test_few_images_tell_nothing(tmp_path):
    net, few = color_net(tmp_path / "net.onnx", UNIT), color_folder(tmp_path / "few", per_class=12)
    assert validate(net, "--data", few, "--preprocess", "unit")[0] == []
    (note,) = validate(net, "--data", few, "--preprocess", "unit", "--check-resize")[0]
    assert note == "resize: rules were not compared: fewer than 64 images of classes that net.onnx knows"


def test_a_measured_rule_stands_in_the_evidence():
    assert says_measured("pixel / 255; resize stretch,tf-bilinear measured: 62.6 % right against 56.5 % by stretch on 1,024 images (p = 3.7e-05)")
    assert says_measured("the card: measured on 64 images; resize stretch measured: no other usual rule is certainly better on 64 images")
    assert not says_measured("measured on 256 of 290 train and val images of colors: pixel / 255, RGB 100.0 % right")


def test_a_file_is_decoded_once_for_all_rules():
    image, stream = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8), io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    rules = [Preprocessing(16, 16, resize=rule) for rule in RULES]
    for one, decoded in zip(rules, pictures.decode_by_rules(stream.getvalue(), rules), strict=True):
        np.testing.assert_array_equal(decoded, pictures.decode_bytes(stream.getvalue(), one))
