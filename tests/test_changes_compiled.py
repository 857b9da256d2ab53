"""Changes are the same compiled, eager, on every backend and under mixed precision."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from changing import EVERYTHING, changed


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, (64, 12, 10, 3)).astype("float32")


# Prints what one backend makes of the same draws, eagerly and compiled; the pictures are smooth, as neighbours in photographs are.
BACKEND = """
import json, sys
import keras, numpy as np
from keras import ops
from edgecnn.settings import Augment
from edgecnn.train.changes import Changes

y, x = np.mgrid[:20, :24]
waves = [128 + 120 * np.sin(x * (i + 1) / 9 + k) * np.cos(y / (5 + i) + k) for i in range(8) for k in range(3)]
pictures = np.round(np.stack(waves).reshape(8, 3, 20, 24)).transpose(0, 2, 3, 1).astype("float32")
labels = np.eye(8, dtype="float32")
found = {}
for fill in ("nearest", "grey", "reflect"):
    for name, settings in json.loads(sys.argv[1]).items():
        changes = Changes(Augment(**settings, fill=fill))
        given = [pictures, labels, changes.draw(np.random.default_rng(5), 8)]
        kinds = {"eager": changes}
        if fill != "grey":  # compiling takes seconds, and this fill changes shapes
            pass
        elif keras.backend.backend() == "jax":
            import jax
            kinds["compiled"] = jax.jit(changes)
        elif keras.backend.backend() == "tensorflow":
            import tensorflow as tf
            free = [tf.TensorSpec((None, *array.shape[1:])) for array in given]
            kinds["compiled"] = tf.function(changes, input_signature=free)
            kinds["xla"] = tf.function(changes, jit_compile=True)
        for kind, function in kinds.items():
            made = function(*[ops.convert_to_tensor(array) for array in given])
            found[f"{fill} {name} {kind}"], found[f"{fill} {name} {kind} labels"] = map(ops.convert_to_numpy, made)
np.savez(sys.argv[2], **found)
"""
KINDS = {"everything": EVERYTHING, "quick": {"flip": True, "crop": 0.2}, "one mix": {"mixup": 0.4, "rotation": 30}, "cut": {"cutmix": 1.0, "colour": 0.5}}


@pytest.fixture(scope="module")
def of_backend(tmp_path_factory):
    made = {}

    def get(backend):
        if find_spec(backend) is None:
            pytest.skip(f"{backend} is not installed")
        if backend not in made:
            path = tmp_path_factory.mktemp("changes") / f"{backend}.npz"
            command = [sys.executable, "-c", BACKEND, json.dumps(KINDS), str(path)]
            done = subprocess.run(command, env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-2000:]
            made[backend] = dict(np.load(path))
        return made[backend]

    return get


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_compiled_changes_are_those_made_eagerly(of_backend, backend):
    found = of_backend(backend)
    compiled = [key for key in found if "compiled" in key or "xla" in key]
    assert len(compiled) >= 8
    for key in compiled:
        np.testing.assert_allclose(found[key], found[key.replace("compiled", "eager").replace("xla", "eager")], atol=1e-3, err_msg=key)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(of_backend, backend):
    ours, theirs = of_backend("tensorflow"), of_backend(backend)
    eager = [key for key in ours if "eager" in key]
    assert len(eager) == 24
    for key in eager:
        np.testing.assert_allclose(theirs[key], ours[key], atol=1e-3, err_msg=key)


def test_geometry_is_float32_under_mixed_precision(noise):
    wide = np.tile(noise[:4], (1, 8, 8, 1))
    before = changed(wide, rotation=20, zoom=0.1)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        after = changed(wide, rotation=20, zoom=0.1)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(after, before)
