"""Recipes: what a file may say, what is refused in one line, and when its model counts as made."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers import ROOT

from edgecnn import card as cards
from edgecnn import files
from edgecnn.card import Card, DataRef, Preprocessing
from edgecnn.catalog import CATALOG
from edgecnn.errors import BadFile, BadSetting, UnknownName
from edgecnn.settings import Augment, Train
from edgecnn.train import recipe

TEXT = """
command = "python tools/train_zoo.py small"
time = "1 minute"
accuracy = "97 %"
folder = "digits"
name = "small"
data = "digits"
image_size = 32

[model]
architecture = "mobilenet"
arguments = { width = 0.25 }

[train]
epochs = 5
optimizer = "sgd"
schedule = "steps"
drops = [3, 4]

[train.augment]
shift = 0.05
"""

SHIPPED = sorted((ROOT / "tools" / "recipes").glob("*.toml"))


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return path


def made(out, it, **changes):
    """Put a file in the model's place, with the card of a training of the recipe."""
    path = it.path(out)
    files.write_bytes(path, b"weights")
    ref, plain = DataRef(it.data, "", {}), {**it.settings.plain()}
    card = Card(it.name, Preprocessing(32, 32), (), it.architecture, dict(it.arguments), ref, plain, weights_sha256=files.sha256(path))
    cards.write(path, replace(card, **changes))


def test_what_a_file_says(small):
    it = recipe.read(small)
    assert (it.name, it.image_size, it.architecture, it.arguments) == ("small", 32, "mobilenet", {"width": 0.25})
    assert it.settings == Train(epochs=5, optimizer="sgd", schedule="steps", drops=(3, 4), augment=Augment(shift=0.05))
    assert (it.weights, it.teacher, it.ship, it.needs) == ("", "", True, "")
    small.write_text('weights = "imagenet"\nteacher = "digits/large"\nship = false\nneeds = "accelerator"' + TEXT)
    it = recipe.read(small)
    assert (it.weights, it.teacher, it.ship, it.needs) == ("imagenet", "digits/large", False, "accelerator")


@pytest.mark.parametrize(
    ("old", "new", "kind", "words"),
    [
        ("image_size = 32", "image_size = = 32", BadFile, r"is not TOML \(Invalid value \(at line 8, column 14\)\)"),
        ("image_size = 32", "imagesize = 32", BadSetting, "unknown key 'imagesize': expected one of command, "),
        ('name = "small"\ndata = "digits"\n', "", BadSetting, "no name and no data: expected"),
        ("image_size = 32", 'image_size = "32"', BadSetting, "image_size is '32': expected a whole number"),
        ("image_size = 32", "image_size = true", BadSetting, "image_size is True: expected a whole number"),
        ("image_size = 32", "image_size = 0", BadSetting, "image size 0: expected 1 pixel or more"),
        ("image_size = 32", 'image_size = 32\nneeds = "luck"', BadSetting, "needs 'luck': expected accelerator, or nothing"),
        ("image_size = 32", 'image_size = 32\nship = "no"', BadSetting, "ship is 'no': expected true or false"),
        ('"mobilenet"', '"mobilenets"', UnknownName, "unknown architecture 'mobilenets': did you mean 'mobilenet'?"),
        ('"mobilenet"', "1", BadSetting, "architecture is 1: expected text"),
        ("architecture =", "network =", BadSetting, r"\[model\] has network, arguments: expected architecture"),
        ("width = 0.25", "wide = 0.25", BadSetting, "mobilenet has no argument 'wide'"),
        ("arguments = {", "arguments = 3 # {", BadSetting, "arguments is 3: expected a table"),
        ("epochs = 5", "epoch = 5", BadSetting, r"\[train\] has 'epoch': expected one of epochs, "),
        ("epochs = 5", "epochs = -5", BadSetting, "epochs -5: expected 0 or more"),
        ("epochs = 5", 'epochs = "5"', BadSetting, r"\[train\] has a value of the wrong type"),
        ("shift = 0.05", "shifts = 0.05", BadSetting, r"\[augment\] has 'shifts': expected one of rotation, "),
        ("shift = 0.05", "shift = 2", BadSetting, "shift 2: expected a share"),
        ("[model]", "[input]\nmeans = [0.0]\n[model]", BadSetting, r"\[input\] has means: expected order, mean, std or resize$"),
        (
            "[model]",
            '[input]\nresize = "crop"\nresize_filter = "tf-bilinear"\ncrop_fraction = 0.875\n[model]',
            BadSetting,
            r'\[input\] has resize_filter, crop_fraction: expected .* resize, the whole rule, such as resize = "crop,0.875,tf-bilinear"$',
        ),
        ("[model]", '[input]\nresize = "crop,tf-bilinear,pillow-box"\n[model]', BadSetting, "says both tf-bilinear and pillow-box"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(small, old, new, kind, words):
    assert old in TEXT
    small.write_text(TEXT.replace(old, new))
    with pytest.raises(kind, match=words) as caught:
        recipe.read(small)
    assert str(caught.value).startswith(str(small))
    assert "\n" not in str(caught.value)


def test_a_whole_resize_rule_is_what_the_weights_want(small):
    small.write_text(TEXT.replace("[model]", '[input]\nresize = "crop,0.875,tf-bilinear"\n[model]'))
    wanted = replace(Preprocessing(32, 32), **recipe.read(small).input)  # as tools/train_zoo.py does
    assert (wanted.resize, wanted.crop_fraction, wanted.resize_filter) == ("crop", 0.875, "tf-bilinear")


def test_no_file_and_bytes_that_are_no_text(tmp_path):
    with pytest.raises(BadFile, match="no such recipe"):
        recipe.read(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(BadFile, match="is not TOML"):
        recipe.read(tmp_path / "bytes.toml")


def test_weights_lie_beside_the_data(small, tmp_path, monkeypatch):
    it = recipe.read(small)
    assert it.start() is None
    assert replace(it, weights="imagenet").start() == "imagenet"
    named = replace(it, weights="net.keras")
    monkeypatch.delenv("EDGECNN_DATA", raising=False)
    with pytest.raises(BadFile, match="set EDGECNN_DATA"):
        named.start()
    monkeypatch.setenv("EDGECNN_DATA", str(tmp_path / "data"))
    with pytest.raises(BadFile, match="no such weights file"):
        named.start()
    files.write_bytes(tmp_path / "weights" / "net.keras", b"weights")
    assert named.start() == tmp_path / "weights" / "net.keras"


def test_a_second_cycle_starts_from_a_model_of_the_zoo(small, tmp_path):
    named = replace(recipe.read(small), weights="trashnet/first")
    with pytest.raises(BadFile, match=r"no such model that .* starts from"):
        named.start(tmp_path)
    files.write_bytes(tmp_path / "trashnet" / "first.keras", b"weights")
    assert named.start(tmp_path) == tmp_path / "trashnet" / "first.keras"


def test_it_is_done_when_its_own_model_lies_there(small, tmp_path):
    it = recipe.read(small)
    assert not it.done(tmp_path)
    made(tmp_path, it)
    assert it.done(tmp_path)
    it.path(tmp_path).write_bytes(b"other weights")
    assert not it.done(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": {**Train(epochs=6).plain()}},
        {"recipe": {"of another": "version"}},
        {"architecture": "mobilenet_v2"},
        {"arguments": {"width": 0.5}},
        {"preprocessing": Preprocessing(64, 64)},
        {"data": DataRef("cifar10", "", {})},
        {"data": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_it_is_not_done_when_the_model_is_of_another_recipe(small, tmp_path, changes):
    it = recipe.read(small)
    made(tmp_path, it, **changes)
    assert not it.done(tmp_path)


def test_a_card_older_than_a_field_is_taken_to_have_its_default(small, tmp_path):
    it = recipe.read(small)
    plain = it.settings.plain()
    older = {key: value for key, value in plain.items() if key not in ("ema", "class_weights")}
    older["augment"] = {key: value for key, value in plain["augment"].items() if key != "mixup"}
    made(tmp_path, it, recipe=older)
    assert it.done(tmp_path)
    del older["drops"], older["schedule"]  # whose defaults are not the recipe's
    made(tmp_path, it, recipe=older)
    assert not it.done(tmp_path)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_recipes_of_the_project_can_be_read_and_their_networks_take_the_size(path):
    it = recipe.read(path)
    assert f"train_zoo.py {path.stem}" in it.command
    assert max(it.image_size, it.arguments.get("pad_input", 0)) >= CATALOG[it.architecture].smallest


def test_no_two_recipes_make_the_same_file():
    paths = [it.path(ROOT) for it in recipe.read_all(ROOT / "tools" / "recipes").values()]
    assert len(paths) == len(SHIPPED) == len(set(paths))
