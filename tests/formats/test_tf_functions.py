"""Every function of TensorFlow that a Keras 2 file may name has a translation to Keras 3 that computes the same, and no other has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from edgecnn.formats.keras import allowed, tf_functions

IMAGES = np.random.default_rng(0).uniform(0.1, 2, (2, 6, 6, 3)).astype(np.float32)
OTHER = np.random.default_rng(1).uniform(0.1, 2, IMAGES.shape).astype(np.float32)
_POOL = {"ksize": 2, "strides": [1, 2, 2, 1], "padding": "SAME"}
_PAD = {"paddings": [[0, 0], [1, 2], [0, 1], [0, 0]]}
_BINARY = ("add", "subtract", "multiply", "divide", "truediv", "maximum", "minimum", "pow")
_REDUCED = ("reduce_max", "reduce_mean", "reduce_min", "reduce_sum")

# Function -> its arguments beside the first, as TensorFlow calls them and Keras 2 stores them; those that need none are not here.
ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    **{f"{place}{name}": [{"y": 0.5}, {"y": [0.5, 1.5, 2.5]}, {"y": OTHER}] for place in ("", "math.") for name in _BINARY},
    **{f"{place}{name}": [{}, {"axis": [1, 2]}, {"axis": -1, "keepdims": True}] for place in ("", "math.") for name in _REDUCED},
    "__operators__.add": [{"y": 0.5}, {"y": OTHER}],
    "math.divide_no_nan": [{"y": OTHER}],
    "nn.bias_add": [{"bias": [0.5, 1.0, 1.5]}],
    "keras.backend.mean": [{"axis": [1, 2]}, {"axis": -1, "keepdims": True}],
    "cast": [{"dtype": "float32"}, {"dtype": "int32"}],
    "clip_by_value": [{"clip_value_min": 0.5, "clip_value_max": 1.5}],
    "pad": [_PAD, {**_PAD, "mode": "REFLECT"}, {**_PAD, "constant_values": 1.0}],
    "compat.v1.pad": [_PAD],
    "transpose": [{"perm": [0, 3, 1, 2]}],
    "compat.v1.transpose": [{"perm": [0, 2, 1, 3]}],
    "expand_dims": [{"axis": 1}],
    "reshape": [{"shape": [-1, 36, 3]}, {"shape": [2, 108]}],
    "reverse": [{"axis": [-1]}],
    "image.resize": [{"size": [3, 4]}, {"size": [9, 9], "method": "nearest"}, {"size": [3, 3], "method": "bilinear", "antialias": True}],
    "nn.avg_pool": [_POOL],
    "nn.avg_pool2d": [_POOL],
    "nn.max_pool": [_POOL],
    "nn.max_pool2d": [_POOL],
    "nn.depth_to_space": [{"block_size": 2}],
    "nn.space_to_depth": [{"block_size": 2}],
    "nn.gelu": [{}, {"approximate": True}],
    "nn.l2_normalize": [{"axis": -1}],
    "math.l2_normalize": [{"axis": -1}],
    "nn.leaky_relu": [{}, {"alpha": 0.3}],
    "nn.softmax": [{}, {"axis": 1}],
    "nn.log_softmax": [{}],
    "squeeze": [{"axis": [1]}],
    "compat.v1.squeeze": [{"axis": [1]}],
    "concat": [{"axis": -1}],
    "stack": [{"axis": 1}],
    "math.scalar_mul": [{"x": IMAGES}],
}
# First arguments of another form than images.
FIRST: dict[str, Any] = {
    "squeeze": IMAGES[:, :1],
    "compat.v1.squeeze": IMAGES[:, :1],
    "concat": [IMAGES, OTHER],
    "stack": [IMAGES, OTHER],
    "math.scalar_mul": 1.5,
    "nn.depth_to_space": np.concatenate([IMAGES[..., :2], OTHER[..., :2]], -1),
    "image.grayscale_to_rgb": IMAGES[..., :1],
    "nn.relu": IMAGES - 1,
    "nn.relu6": IMAGES * 8 - 3,
    "nn.elu": IMAGES - 1,
    "nn.selu": IMAGES - 1,
    "nn.leaky_relu": IMAGES - 1,
    "abs": IMAGES - 1,
    "math.abs": IMAGES - 1,
}
CASES = [(name, arguments) for name in sorted(allowed.FUNCTIONS - {"__operators__.getitem"}) for arguments in ARGUMENTS.get(name, [{}])]


def of_tensorflow(name: str) -> Callable[..., Any]:
    """The function itself."""
    if name == "keras.backend.mean":
        return lambda x, axis, keepdims=False: tf.reduce_mean(x, axis=axis, keepdims=keepdims)
    found: Any = tf
    for part in name.split("."):
        found = getattr(found, part)
    return found


def translated(name: str, first: Any, arguments: dict[str, Any]) -> np.ndarray:
    """What the translation computes: a model of the arrays among the arguments, run on them."""
    arrays: list[np.ndarray] = []

    def symbolic(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays.append(value)
            return keras.Input(batch_shape=value.shape)
        return value

    entry = [symbolic(one) for one in first] if isinstance(first, list) else symbolic(first)
    given = {key: symbolic(value) for key, value in arguments.items()}
    inputs = [one for one in (*(entry if isinstance(entry, list) else [entry]), *given.values()) if isinstance(one, keras.KerasTensor)]
    model = keras.Model(inputs, tf_functions.call(name, entry, given))
    return np.asarray(model([keras.ops.convert_to_tensor(one) for one in arrays]))


def test_what_is_allowed_and_what_is_translated_are_the_same() -> None:
    """A name in one table alone is a crash, or a file that is refused for nothing."""
    assert set(tf_functions.TRANSLATIONS) == allowed.FUNCTIONS
    assert set(ARGUMENTS) | set(FIRST) <= allowed.FUNCTIONS


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=[f"{name} {i}" for i, (name, _) in enumerate(CASES)])
def test_the_translation_computes_what_tensorflow_does(name: str, arguments: dict[str, Any]) -> None:
    first = FIRST.get(name, IMAGES)
    expected = of_tensorflow(name)(tf.constant(first) if isinstance(first, np.ndarray) else first, **arguments).numpy()
    found = translated(name, first, arguments)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        ([{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}], (..., slice(None, None, -1))),
        ([{"start": None, "stop": None, "step": None}, {"start": 1, "stop": 4, "step": None}], (slice(None), slice(1, 4))),
        ([{"class_name": "__ellipsis__"}, 0], (..., 0)),
        ([{"start": None, "stop": None, "step": None}, None], (slice(None), None)),
    ],
    ids=str,
)
def test_slices(spec: list[Any], key: tuple[Any, ...]) -> None:
    np.testing.assert_array_equal(translated("__operators__.getitem", IMAGES, {"slice_spec": spec}), IMAGES[key])


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("nn.relu", {"unknown": 1}, r"tf\.nn\.relu with unknown has no translation"),
        ("nn.max_pool", {**_POOL, "data_format": "NCHW"}, "channels-first"),
        ("reshape", {"shape": "computed"}, "a shape that is computed"),
        ("__operators__.getitem", {"slice_spec": [{"start": "x"}]}, "a slice by tensors"),
    ],
)
def test_arguments_without_a_translation_are_told(name: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        translated(name, IMAGES, arguments)
