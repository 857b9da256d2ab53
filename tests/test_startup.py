"""Loading Keras quickly must not take anything away for good."""

from __future__ import annotations

from helpers import python


def test_packages_that_keras_does_without_can_be_imported_afterwards():
    said = python(
        "import os; os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\n"
        "from edgecnn.runtime.startup import UNUSED, load_keras\n"
        "load_keras()\n"
        "import gc, sys\n"
        "print([name for name in UNUSED if name in sys.modules], gc.isenabled())\n"
        "import sklearn.datasets, matplotlib.pyplot\n"
        "print('both imported')\n"
    )
    assert said.split("\n")[:2] == ["[] True", "both imported"]


def test_what_was_imported_before_stays():
    said = python(
        "import os; os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\n"
        "import sys, sklearn\n"
        "from edgecnn.runtime.startup import load_keras\n"
        "load_keras()\n"
        "print(sys.modules['sklearn'] is sklearn)\n"
    )
    assert said.startswith("True")
