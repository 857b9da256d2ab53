"""`validate` on a small trained network and labelled pictures of our own making, whose right figures the test counts itself."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx as onnx_package
import pytest
import tiny_nets
from PIL import Image

from edgecnn import card as cards
from edgecnn import data, files
from edgecnn.card import Card, DataRef, Preprocessing
from edgecnn.errors import BadData, BadFile, BadSetting
from edgecnn.settings import Limits
from edgecnn.validate import validate
from edgecnn.validate.report import Verdict

# What the tiny nets want.
WANTED = {"mean": (128,), "std": (128,)}
CLASSES = ("blue", "green", "red", "white")
PREPROCESSING = Preprocessing(16, 16)
TINTS = {"blue": (60, 60, 90), "green": (60, 90, 60), "red": (90, 60, 60), "white": (85, 85, 85)}


def write_pictures(folder: Path, split: str, count: int, seed: int) -> None:
    """Noisy tinted pictures, hard enough for a tiny network to be wrong now and then."""
    rng = np.random.default_rng(seed)
    for name, tint in TINTS.items():
        (folder / split / name).mkdir(parents=True)
        for i in range(count):
            light = rng.normal(0, 18, 3)
            pixels = rng.normal(tint + light, 20, (16, 16, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / split / name / f"{i:03}.png")


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """Labelled pictures under `colors`, and a model with card and exports under `models`; to be read only."""
    import keras

    from edgecnn.export.shipping import finished
    from edgecnn.settings import About

    folder = tmp_path_factory.mktemp("shop")
    write_pictures(folder / "colors", "train", 40, 0)
    write_pictures(folder / "colors", "val", 5, 1)
    write_pictures(folder / "colors", "test", 30, 2)
    loaded = data.load(folder / "colors", PREPROCESSING)
    assert loaded.classes == CLASSES
    net = tiny_nets.keras_net()
    net.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    train = loaded.splits["train"]
    net.fit((train.pictures.astype(np.float32) - 128) / 128, train.labels, epochs=40, verbose=0)

    models = folder / "models"
    models.mkdir()
    net.save(models / "net.keras")
    card = Card("net", PREPROCESSING, labels=CLASSES, data=loaded.ref(), weights_sha256=files.sha256(models / "net.keras"))
    cards.write(models / "net.keras", card)
    for name, scheme, options in (("net", "float32", {}), ("net_int8", "int8", {"integer": True, "io": "uint8"})):
        path = tiny_nets.tflite(net, models / f"{name}.tflite", **options)
        path.write_bytes(finished(path.read_bytes(), card.for_export(scheme), About()))
    embed(tiny_nets.onnx(net, models / "net.onnx"), card.for_export("float32"))
    (folder / "bare").mkdir()
    tiny_nets.onnx(net, folder / "bare" / "net.onnx")
    return folder


def embed(path: Path, card: Card) -> Path:
    """Put a card into an .onnx file."""
    model = onnx_package.load(path)
    onnx_package.helper.set_model_props(model, {cards.EMBEDDED: card.dumps()})
    onnx_package.save(model, path)
    return path


def reordered(source: Path, path: Path, order: list[int], *, background: bool = False) -> Path:
    """A copy of the .onnx net whose outputs stand in another order, optionally after a background output."""
    model = onnx_package.load(source)
    for tensor in model.graph.initializer:
        if tensor.name in ("matrix", "offset"):
            values = onnx_package.numpy_helper.to_array(tensor)[..., order]
            if background:
                values = np.concatenate([np.zeros_like(values[..., :1]) + (tensor.name == "offset"), values], axis=-1)
            tensor.CopyFrom(onnx_package.numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = len(order) + background
    onnx_package.save(model, path)
    return path


def test_everything_is_found_from_the_cards(shop):
    paths = [shop / "models" / name for name in ("net.tflite", "net_int8.tflite", "net.onnx")]
    report = validate(paths, data=shop / "colors")
    (group,) = report.groups
    assert group.original.file == str(shop / "models" / "net.keras")
    assert [row.file for row in group.rows] == [str(p) for p in paths]
    assert [row.scheme for row in group.rows] == ["float32", "int8", "float32"]
    assert (group.pictures.split, group.pictures.count, group.pictures.classes) == ("test", 120, 4)
    assert group.notes == ()
    for row in (group.original, *group.rows):
        assert row.bytes == Path(row.file).stat().st_size > row.gzip_bytes
        assert [latency.threads for latency in row.latencies] == [1, 2]
        assert all(0 < latency.median <= latency.p90 for latency in row.latencies)
    assert all(latency.ratio > 0 for row in group.rows for latency in row.latencies)
    assert group.rows[0].agreement.count == group.rows[2].agreement.count == 120
    assert report.exit_code == 0
    assert json.loads(json.dumps(report.to_dict()))["groups"][0]["rows"][1]["top1"]["total"] == 120


def test_figures_are_those_counted_by_hand(shop):
    import keras

    from edgecnn.runtime import open_model

    test = data.load(shop / "colors", PREPROCESSING).splits["test"]
    original = np.asarray(keras.saving.load_model(shop / "models" / "net.keras")((test.pictures.astype(np.float32) - 128) / 128)).argmax(1)
    answers = open_model(shop / "models" / "net_int8.tflite")(test.pictures).argmax(1)
    row = validate(shop / "models" / "net_int8.tflite", against=shop / "models" / "net.onnx", data=shop / "colors", threads=()).groups[0].rows[0]
    right, was_right = answers == test.labels, original == test.labels
    assert 60 < was_right.sum() < 120, "a net that is never or always wrong would prove nothing"
    assert row.top1.count == right.sum()
    assert (row.change.gained, row.change.lost) == ((right & ~was_right).sum(), (~right & was_right).sum())
    assert row.agreement.count == (answers == original).sum()
    assert row.top1.low < row.top1.value < row.top1.high
    assert row.top5 is None
    assert row.latencies == ()


class TestForeignFiles:
    def test_alone_with_data_in_the_order_of_the_outputs(self, shop):
        report = validate(shop / "bare" / "net.onnx", data=shop / "colors", threads=(1,), mean=(128,), std=(128,))
        assert report.groups[0].original is None
        assert report.groups[0].rows[0].change is None
        assert (
            report.groups[0].rows[0].top1
            == validate(shop / "models" / "net.tflite", against=shop / "bare" / "net.onnx", data=shop / "colors", threads=()).groups[0].rows[0].top1
        )

    def test_wrong_preprocessing_shows(self, shop):
        right = validate(shop / "bare" / "net.onnx", data=shop / "colors", threads=(), **WANTED)
        wrong = validate(shop / "bare" / "net.onnx", data=shop / "colors", threads=(), order="bgr", mean=(128,), std=(20,))
        assert wrong.groups[0].rows[0].top1.count < right.groups[0].rows[0].top1.count

    def test_against_lends_its_card(self, shop):
        report = validate(shop / "bare" / "net.onnx", against=shop / "models" / "net.tflite", data=shop / "colors", threads=())
        assert report.groups[0].rows[0].agreement.value == 1.0
        assert report.groups[0].original.file.endswith("net.tflite")

    def test_labels_in_another_order_are_matched_by_name(self, shop, tmp_path):
        turned = reordered(shop / "bare" / "net.onnx", tmp_path / "turned.onnx", [2, 0, 3, 1])
        (tmp_path / "labels.txt").write_text("red\nblue\nwhite\ngreen\n")
        expected = validate(shop / "bare" / "net.onnx", data=shop / "colors", threads=(), **WANTED).groups[0].rows[0].top1
        named = validate(turned, data=shop / "colors", threads=(), labels=tmp_path / "labels.txt", **WANTED)
        assert named.groups[0].rows[0].top1 == expected
        assert validate(turned, data=shop / "colors", threads=(), **WANTED).groups[0].rows[0].top1.count < expected.count

    def test_a_background_class_is_never_an_answer(self, shop, tmp_path):
        path = reordered(shop / "bare" / "net.onnx", tmp_path / "five.onnx", [0, 1, 2, 3], background=True)
        expected = validate(shop / "bare" / "net.onnx", data=shop / "colors", threads=(), **WANTED).groups[0].rows[0].top1
        assert validate(path, data=shop / "colors", threads=(), label_offset=1, **WANTED).groups[0].rows[0].top1 == expected
        with pytest.raises(BadData, match=r"4 classes.*5 scores.*--label-offset 1"):
            validate(path, data=shop / "colors", threads=(), **WANTED)

    def test_other_classes_leave_agreement_only(self, shop):
        labels = ("apple", "pear", "plum", "fig")
        options = {"against": shop / "models" / "net.tflite", "data": shop / "colors", "threads": (), "labels": labels}
        group = validate(shop / "bare" / "net.onnx", **options, **WANTED).groups[0]
        assert group.rows[0].top1 is None
        assert group.rows[0].agreement.value == 1.0
        assert "agreement only" in group.notes[0]
        with pytest.raises(BadData, match="accuracy cannot be measured"):
            validate(shop / "bare" / "net.onnx", limits=Limits(max_drop=1), **options, **WANTED)


class TestRefusals:
    def test_fewer_labels_than_outputs(self, shop):
        with pytest.raises(BadData, match="4 outputs and 2 labels"):
            validate(shop / "bare" / "net.onnx", data=shop / "colors", labels=("a", "b"), **WANTED)

    def test_files_of_other_classes(self, shop, tmp_path):
        path = reordered(shop / "bare" / "net.onnx", tmp_path / "three.onnx", [0, 1, 2])
        with pytest.raises(BadData, match=r"net\.onnx"):
            validate(path, against=shop / "bare" / "net.onnx", data=shop / "colors", threads=(), **WANTED)

    def test_no_pictures_named(self, shop):
        with pytest.raises(BadData, match="--data"):
            validate(shop / "bare" / "net.onnx", **WANTED)
        with pytest.raises(BadData, match=r"'colors'.*--data"):
            validate(shop / "models" / "net.onnx")

    def test_a_split_that_is_not_there(self, shop):
        with pytest.raises(BadData, match=r"test \(120\)"):
            validate(shop / "bare" / "net.onnx", data=shop / "colors", split="holdout", **WANTED)

    @pytest.mark.parametrize("limits", [Limits(max_drop=1), Limits(max_latency_ratio=1)])
    def test_limits_that_need_an_original(self, shop, limits):
        with pytest.raises(BadSetting, match="--against"):
            validate(shop / "bare" / "net.onnx", data=shop / "colors", limits=limits, **WANTED)

    def test_an_original_that_changed(self, shop, tmp_path):
        export = embed(tiny_nets.onnx(tiny_nets.keras_net(), tmp_path / "net.onnx"), Card("net", PREPROCESSING, labels=CLASSES, weights_sha256="0" * 64))
        (tmp_path / "net.keras").write_bytes((shop / "models" / "net.keras").read_bytes())
        with pytest.raises(BadFile, match=r"has changed since.*--against"):
            validate(export, data=shop / "colors")

    def test_preprocessing_for_files_that_bring_their_own(self, shop):
        with pytest.raises(BadSetting, match="has one that says its preprocessing"):
            validate(shop / "models" / "net.onnx", data=shop / "colors", mean=(0,))

    @pytest.mark.parametrize("wrong", [{"threads": (0,)}, {"count": 0}, {"label_offset": -1}, {"threads": (), "limits": Limits(max_latency_ratio=1)}])
    def test_numbers_that_cannot_be(self, shop, wrong):
        with pytest.raises(BadSetting):
            validate(shop / "bare" / "net.onnx", data=shop / "colors", **wrong, **WANTED)

    def test_no_files(self):
        with pytest.raises(BadSetting):
            validate([])


class TestNotes:
    def test_an_original_out_of_reach_is_told(self, shop, tmp_path):
        copy = tmp_path / "net.onnx"
        copy.write_bytes((shop / "models" / "net.onnx").read_bytes())
        group = validate(copy, data=shop / "colors", threads=()).groups[0]
        assert group.original is None
        assert "net.keras is not in" in group.notes[0]

    def test_pictures_that_changed_since_training_are_told(self, shop, tmp_path):
        card = Card("other", PREPROCESSING, labels=CLASSES, data=DataRef("colors", "0" * 64, {}))
        path = embed(tiny_nets.onnx(tiny_nets.keras_net(), tmp_path / "other.onnx"), card)
        assert any("another digest" in note for note in validate(path, data=shop / "colors", threads=()).groups[0].notes)


def test_fewer_pictures_are_drawn_from_all_classes(shop):
    first = validate(shop / "bare" / "net.onnx", data=shop / "colors", threads=(), count=40, **WANTED).groups[0]
    again = validate(shop / "bare" / "net.onnx", data=shop / "colors", threads=(), count=40, **WANTED).groups[0]
    assert (first.pictures.count, first.pictures.available) == (40, 120)
    assert first.rows == again.rows


def test_an_original_is_looked_for_beside_the_file_and_one_folder_up(shop, tmp_path):
    from edgecnn.validate.subjects import Said, pair

    (tmp_path / "exports").mkdir()
    export = tmp_path / "exports" / "net.onnx"
    export.write_bytes((shop / "models" / "net.onnx").read_bytes())
    assert pair(export, Said()).original is None
    for name in ("net.keras", "net.json"):
        (tmp_path / name).write_bytes((shop / "models" / name).read_bytes())
    assert pair(export, Said()).original.path == tmp_path / "net.keras"
    assert pair(shop / "models" / "net.onnx", Said()).original.path == shop / "models" / "net.keras"


def test_files_with_and_without_an_original_are_two_groups(shop, tmp_path):
    other = tmp_path / "net.tflite"
    other.write_bytes((shop / "models" / "net.tflite").read_bytes())
    report = validate([shop / "bare" / "net.onnx", other], against=other, data=shop / "colors", threads=(), **WANTED)
    assert [group.original is None for group in report.groups] == [False, True]


def test_limits_decide_the_exit_code(shop):
    path, size = shop / "bare" / "net.onnx", (shop / "bare" / "net.onnx").stat().st_size
    options = {"against": shop / "models" / "net.tflite", "data": shop / "colors", "threads": ()}
    assert validate(path, limits=Limits(max_size=size, max_drop=50), **options).exit_code == 0
    assert validate(path, limits=Limits(max_size=size - 1, max_drop=50), **options).exit_code == 1
    undecided = validate(path, limits=Limits(max_drop=0.1), **options)
    assert undecided.exit_code == 3
    assert undecided.verdict is Verdict.INCONCLUSIVE
    assert "pictures would decide" in undecided.checks[0].text


def test_a_network_that_got_worse_fails(shop, tmp_path):
    worse = reordered(shop / "bare" / "net.onnx", tmp_path / "worse.onnx", [1, 2, 3, 0])
    report = validate(worse, against=shop / "models" / "net.tflite", data=shop / "colors", threads=(), limits=Limits(max_drop=5))
    assert report.exit_code == 1
    assert report.groups[0].rows[0].change.p < 0.001


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_fits_its_columns_and_shows_what_was_measured(shop, columns):
    import io

    from rich.console import Console

    from edgecnn.validate import table

    report = validate(shop / "models" / "net_int8.tflite", data=shop / "colors", limits=Limits(max_size=10), against=shop / "models" / "net.tflite")
    drawn = io.StringIO()
    table.render(dataclasses.replace(report), Console(file=drawn, width=columns))
    lines, row = drawn.getvalue().splitlines(), report.groups[0].rows[0]
    assert max(map(len, lines)) <= columns
    shown = " ".join(lines)
    for figure in (f"{100 * row.top1.value:.2f}", f"{100 * row.agreement.value:.2f}", f"{row.latencies[1].ratio:.2f}", "FAIL", "120 pictures", "…"):
        assert (figure in shown) == (figure != "…"), figure
