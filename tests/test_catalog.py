"""The catalog's golden numbers, counted again on what each row builds."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from math import prod

import pytest

from edgecnn.arch import build, macs, sketch
from edgecnn.catalog import CATALOG, COMMON, architecture
from edgecnn.errors import BadSetting, UnknownName


@pytest.mark.parametrize("name", CATALOG)
def test_parameters_and_macs_are_what_the_row_says(name):
    row, model = CATALOG[name], sketch(name)
    trainable = sum(prod(weight.shape) for weight in model.trainable_weights)
    assert (model.count_params(), trainable, macs.count(model)) == (row.parameters, row.trainable, row.macs)


@pytest.mark.parametrize("name", CATALOG)
def test_row_and_builder_have_the_same_arguments(name):
    family = import_module(f"edgecnn.arch.{CATALOG[name].family}")
    assert set(inspect.signature(family.network).parameters) == {"x", "classes", *CATALOG[name].arguments} - COMMON.keys()


@pytest.mark.parametrize("name", CATALOG)
def test_row_names_authors_year_and_address(name):
    assert "https://" in CATALOG[name].paper
    assert re.search(r", (19|20)\d\d, ", CATALOG[name].paper)


def test_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'mobilenet'"):
        architecture("mobilnet")


def test_a_module_is_no_architecture_to_train():
    with pytest.raises(UnknownName, match="mlp_regressor is a module, which takes no pictures"):
        architecture("mlp_regressor")


def test_unknown_argument_is_answered_with_the_known_ones():
    with pytest.raises(BadSetting, match="has no argument 'with'; it takes: width, dropout, bias, act, padding, pad_input, auxiliary"):
        build("mobilenet", **{"with": 0.5})
