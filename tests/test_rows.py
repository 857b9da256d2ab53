"""Every row of the catalog and of its modules, in miniature: forward shape, no dead weights. A new row is tested by existing."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from miniatures import deep_ones_slow, miniature
from published import PUBLISHED

from edgecnn.arch import sketch
from edgecnn.catalog import CATALOG, MODULES
from edgecnn.errors import BadSetting
from edgecnn.train import processor

ROWS = (*CATALOG, *MODULES)


@pytest.mark.parametrize("name", ROWS)
def test_counts_are_those_that_its_source_states(name):
    assert name in PUBLISHED, f"write the count that the source of {name} states into tests/published.py"
    stated, row = PUBLISHED[name], CATALOG.get(name) or MODULES[name]
    assert stated.source
    pairs = [(got, said) for got, said in ((row.trainable, stated.trainable), (row.parameters, stated.parameters)) if said is not None]
    assert pairs, "a source must state something"
    for got, said in pairs:
        assert abs(got - said) <= stated.within * said


def test_nothing_is_published_of_rows_that_are_not_there():
    assert PUBLISHED.keys() == set(ROWS)


@pytest.mark.parametrize("name", deep_ones_slow(CATALOG))
def test_answers_are_probabilities_of_the_classes(name):
    model = miniature(name)
    assert model.input.name == "image"
    assert model.output_names == ["probabilities"]
    assert model.get_layer("logits").output.shape == (None, 7)
    answer = model(np.random.default_rng(0).normal(size=(2, *model.input.shape[1:])).astype("float32"), training=False)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(answer).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", deep_ones_slow(ROWS))
def test_one_training_step_changes_every_trainable_weight(name):
    model = miniature(name)
    body = keras.Model(model.input, model.get_layer("logits").output) if name in CATALOG else model
    if processor.wanted(body):
        body = processor.for_processor(body)  # as `edgecnn train` does where there is no GPU
    rng = np.random.default_rng(0)
    examples = rng.normal(size=(4, *model.input.shape[1:])).astype("float32")
    with tf.GradientTape() as tape:
        # Every output is wanted to be something of its own, so that no gradient cancels out.
        answers = body(examples, training=True)
        loss = tf.reduce_mean(answers * rng.normal(size=answers.shape).astype("float32"))
    gradients = tape.gradient(loss, [variable.value for variable in body.trainable_variables])
    dead = [v.path for v, g in zip(body.trainable_variables, gradients, strict=True) if g is None or not np.abs(g).max() > 0]
    assert not dead


@pytest.mark.parametrize("name", CATALOG)
def test_smallest_size_is_the_smallest(name):
    row = CATALOG[name]
    assert sketch(name, classes=7, image_size=row.smallest).count_params()
    with pytest.raises(BadSetting, match=f"{name} expects {row.smallest} pixels"):
        sketch(name, classes=7, image_size=(row.smallest - 1, row.smallest))


@pytest.mark.parametrize("name", CATALOG)
def test_small_pictures_can_stand_in_a_frame(name):
    row = CATALOG[name]
    small = max(row.smallest // 2, 8)
    model = sketch(name, classes=7, image_size=small, pad_input=row.smallest)
    assert model.input.shape[1:3] == (small, small)


@pytest.mark.parametrize("name", CATALOG)
def test_oblong_pictures_fit(name):
    row = CATALOG[name]
    assert sketch(name, classes=7, image_size=(row.smallest + 1, row.smallest + 18)).output.shape == (None, 7)
