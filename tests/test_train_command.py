"""`edgecnn train`: what is said overrules the recipe, and the recipe what is usual."""

from __future__ import annotations

import argparse
from dataclasses import fields

import pytest
from helpers import edgecnn, refused

from edgecnn import card as cards
from edgecnn.cli import train_options
from edgecnn.settings import Augment, Machine, Train

RECIPE = """
command = "edgecnn train --recipe small.toml"
time = "seconds"
accuracy = "little"
folder = "."
name = "small"
data = "digits"
image_size = 32

[model]
architecture = "lenet"
arguments = { dropout = 0.3 }

[train]
epochs = 1
warmup = 0.0
optimizer = "sgd"
weight_decay = 1e-2

[train.augment]
crop = 0.125
mixup = 0.2
"""


def said(*words):
    parser = argparse.ArgumentParser()
    train_options.add(parser)
    return parser.parse_args([str(word) for word in words])


def test_every_setting_has_an_option():
    named = {name for rows in (train_options.SCHEDULE, train_options.TRANSFER, train_options.CHANGES) for name, *_ in rows}
    assert named | {"augment", "flip"} == {f.name for kind in (Train, Augment) for f in fields(kind)}


def test_nothing_said_is_what_is_usual():
    args = said()
    assert train_options.settings(args, None) == Train(augment=train_options.AUGMENT)
    assert train_options.machine(args) == Machine()


def test_no_augment_leaves_what_was_asked_for():
    assert train_options.settings(said("--no-augment", "--cutmix", 1), None).augment == Augment(cutmix=1)


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(RECIPE)
    return path


def test_a_recipe_says_all_and_options_overrule_it(recipe, tmp_path):
    result = edgecnn("train", "--recipe", recipe, "--weight-decay", 0, "--set", "dropout=0.1", "--out", tmp_path)
    assert result.code == 0, result.err
    card = cards.read(tmp_path / "small.keras")
    assert (card.architecture, card.data.name, card.arguments["dropout"]) == ("lenet", "digits", 0.1)
    made = Train.read(dict(card.recipe))
    assert made == Train(epochs=1, warmup=0, optimizer="sgd", weight_decay=0, augment=Augment(crop=0.125, mixup=0.2))


def test_a_recipe_that_is_not_there_is_refused(tmp_path):
    refused(edgecnn("train", "--recipe", tmp_path / "none.toml"), "no such recipe (.toml)")


def test_neither_architecture_nor_recipe_is_refused():
    refused(edgecnn("train"), "expected `edgecnn train ARCH` or --recipe FILE")


def test_input_of_weights_without_a_card_is_what_was_said(folder, tmp_path):
    words = ("--order", "bgr", "--mean", "104,117,123", "--std", 1, "--epochs", 0, "--out", tmp_path)
    assert edgecnn("train", "mobilenet", "--width", 0.25, "--image-size", 32, "--data", folder, *words).code == 0
    made = cards.read(tmp_path / "mobilenet.keras").preprocessing
    assert (made.order, made.mean, made.std) == ("bgr", (104, 117, 123), (1, 1, 1))


def test_no_epochs_judge_a_model_as_it_is(lenet, tmp_path):
    assert edgecnn("train", "lenet", "--weights", lenet, "--epochs", 0, "--out", tmp_path).code == 0
    assert cards.read(tmp_path / "lenet.keras").accuracy == cards.read(lenet).accuracy
