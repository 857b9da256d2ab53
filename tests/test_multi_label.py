"""Average precision, F1 and agreement of independent labels, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from edgecnn.validate.multi_label import average_precision, f1, measure_multi_label


@pytest.mark.parametrize("digits", [1, 8])
def test_figures_are_scikit_learns(digits):
    random = np.random.default_rng(0)
    truth = random.random((300, 4)) < (0.1, 0.3, 0.5, 0.9)
    scores = np.clip(0.4 * truth + random.random((300, 4)) * 0.6, 0, 1).round(digits)
    figures = measure_multi_label(scores, truth.astype(np.uint8), ("a", "b", "c", "d"), None)
    for i, one in enumerate(figures.labels):
        assert one.average_precision == pytest.approx(average_precision_score(truth[:, i], scores[:, i]))
        assert one.f1 == pytest.approx(f1_score(truth[:, i], scores[:, i] > 0.5))
    assert figures.map == pytest.approx(average_precision_score(truth, scores, average="macro"))
    assert figures.f1_micro == pytest.approx(f1_score(truth, scores > 0.5, average="micro"))
    assert figures.map_low < figures.map < figures.map_high


def test_a_worse_file_has_a_negative_change():
    random = np.random.default_rng(1)
    truth = random.random((400, 3)) < 0.4
    good = np.clip(0.6 * truth + random.random((400, 3)) * 0.4, 0, 1)
    worse = np.clip(0.3 * truth + random.random((400, 3)) * 0.7, 0, 1)
    figures = measure_multi_label(worse, truth.astype(np.uint8), ("a", "b", "c"), good)
    assert figures.change_high < 0
    assert figures.labels[0].agreement == pytest.approx(((worse[:, 0] > 0.5) == (good[:, 0] > 0.5)).mean())


def test_a_label_that_never_holds_has_no_precision():
    assert np.isnan(average_precision(np.array([0.1, 0.2]), np.array([False, False])))
    assert f1(np.array([False]), np.array([False])) == 1.0
