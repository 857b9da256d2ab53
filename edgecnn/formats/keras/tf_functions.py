"""What a TFOpLambda of Keras 2 becomes in Keras 3: for each function of TensorFlow that it may name, the same computation by layers and `keras.ops`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

Arguments = dict[str, Any]


def call(function: str, first: Any, arguments: Arguments) -> Any:
    """The result of a TensorFlow function on Keras tensors.

    Args:
        function: its name, one of `allowed.FUNCTIONS`.
        first: its first argument.
        arguments: the others, by the names that TensorFlow gives them.

    Raises:
        ValueError: an argument that has no translation.
    """
    given = {key: value for key, value in arguments.items() if key not in ("name", "type") and value is not None}
    result = TRANSLATIONS[function](first, given)
    if given:
        raise ValueError(f"tf.{function} with {', '.join(sorted(given))} has no translation to Keras 3")
    return result


def affine(x: Any, scale: Any = 1.0, offset: Any = 0.0) -> Any:
    """x * scale + offset by a layer, where both are numbers or one number a channel of a float tensor."""
    return keras.layers.Rescaling(scale, offset)(x)


def _is_plain(value: Any, x: Any) -> bool:
    """Whether a value is a number, or a list with one number for each channel of x."""
    if isinstance(value, bool):
        return False
    numbers = isinstance(value, list) and len(x.shape) > 1 and len(value) == x.shape[-1] and all(isinstance(v, int | float) for v in value)
    return isinstance(value, int | float) or numbers


def _constant(value: Any) -> Any:
    return np.asarray(value, np.float32) if isinstance(value, list) else value


def _floating(x: Any) -> bool:
    return isinstance(x, keras.KerasTensor) and "float" in str(x.dtype)


def _listed(value: Any, change: Callable[[float], float]) -> Any:
    return [change(v) for v in value] if isinstance(value, list) else change(value)


def _add(x: Any, a: Arguments) -> Any:
    y = a.pop("y", a.pop("bias", None))
    if _floating(x) and _is_plain(y, x):
        return affine(x, 1.0, y)
    return keras.layers.Add()([x, y]) if _same(x, y) else ops.add(_constant(x), _constant(y))


def _subtract(x: Any, a: Arguments) -> Any:
    y = a.pop("y")
    if _floating(x) and _is_plain(y, x):
        return affine(x, 1.0, _listed(y, lambda v: -v))
    if _floating(y) and _is_plain(x, y):
        return affine(y, -1.0, x)
    return keras.layers.Subtract()([x, y]) if _same(x, y) else ops.subtract(_constant(x), _constant(y))


def _multiply(x: Any, a: Arguments) -> Any:
    y = a.pop("y", a.pop("scalar", None)) if "y" in a or "scalar" in a else a.pop("x")
    if _floating(y) and not isinstance(x, keras.KerasTensor):
        x, y = y, x
    if _floating(x) and _is_plain(y, x):
        return affine(x, y)
    both = isinstance(x, keras.KerasTensor) and isinstance(y, keras.KerasTensor) and len(x.shape) == len(y.shape)
    return keras.layers.Multiply()([x, y]) if both else ops.multiply(_constant(x), _constant(y))


def _divide(x: Any, a: Arguments) -> Any:
    y = a.pop("y")
    if isinstance(x, keras.KerasTensor) and _is_plain(y, x):
        # TensorFlow divides integers of up to 16 bits as float32, and the larger ones as float64.
        return affine(x, _listed(y, lambda v: 1 / v))
    return ops.divide(_constant(x), _constant(y))


def _same(x: Any, y: Any) -> bool:
    return isinstance(x, keras.KerasTensor) and isinstance(y, keras.KerasTensor) and tuple(x.shape) == tuple(y.shape)


def _unary(function: Callable[[Any], Any], *ignored: str) -> Callable[[Any, Arguments], Any]:
    def apply(x: Any, a: Arguments) -> Any:
        for key in ignored:
            a.pop(key, None)
        return function(x)

    return apply


def _activation(name: str) -> Callable[[Any, Arguments], Any]:
    return lambda x, a: keras.layers.Activation(name)(x)


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[Any, Arguments], Any]:
    return lambda x, a: function(_constant(x), _constant(a.pop("y")))


def _reduce(function: Callable[..., Any]) -> Callable[[Any, Arguments], Any]:
    return lambda x, a: function(x, axis=a.pop("axis", None), keepdims=bool(a.pop("keepdims", False)))


def _mean(x: Any, a: Arguments) -> Any:
    axis, keepdims = a.pop("axis", None), bool(a.pop("keepdims", False))
    if len(x.shape) == 4 and axis in ([1, 2], [-3, -2]):
        return keras.layers.GlobalAveragePooling2D(keepdims=keepdims, data_format="channels_last")(x)
    return ops.mean(x, axis=axis, keepdims=keepdims)


def _pad(x: Any, a: Arguments) -> Any:
    widths, mode, value = a.pop("paddings"), str(a.pop("mode", "CONSTANT")).lower(), a.pop("constant_values", 0)
    if len(widths) == 4 and mode == "constant" and value == 0 and widths[0] == widths[3] == [0, 0]:
        return keras.layers.ZeroPadding2D(tuple(map(tuple, widths[1:3])), data_format="channels_last")(x)
    return ops.pad(x, widths, mode=mode, **({"constant_values": value} if mode == "constant" else {}))


def _pool(layer: type) -> Callable[[Any, Arguments], Any]:
    def apply(x: Any, a: Arguments) -> Any:
        sides = [_sides(a.pop(key)) for key in ("ksize", "strides")]
        if a.pop("data_format", "NHWC") != "NHWC":
            raise ValueError("pooling of channels-first tensors has no translation to Keras 3")
        return layer(sides[0], sides[1], str(a.pop("padding")).lower(), data_format="channels_last")(x)

    return apply


def _sides(value: Any) -> Any:
    return tuple(value[1:3]) if isinstance(value, list) and len(value) == 4 else tuple(value) * (2 // len(value)) if isinstance(value, list) else value


def _resize(x: Any, a: Arguments) -> Any:
    height, width = a.pop("size")
    method, antialias = a.pop("method", "bilinear"), bool(a.pop("antialias", False))
    if antialias or method not in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"):
        return ops.image.resize(x, (height, width), interpolation=method, antialias=antialias)
    return keras.layers.Resizing(height, width, interpolation=method, data_format="channels_last")(x)


def _getitem(x: Any, a: Arguments) -> Any:
    """x[...] with constant numbers; the channels reversed are a flip, which every converter knows."""
    spec = a.pop("slice_spec")
    key = tuple(_index(s) for s in (spec if isinstance(spec, list) else [spec]))
    if key == (Ellipsis, slice(None, None, -1)) or key == (slice(None),) * (len(x.shape) - 1) + (slice(None, None, -1),):
        return ops.flip(x, axis=-1)
    return x[key]


def _index(spec: Any) -> Any:
    if spec is None or type(spec) is int:
        return spec
    if isinstance(spec, dict) and spec.get("class_name") == "__ellipsis__":
        return Ellipsis
    if isinstance(spec, dict) and set(spec) <= {"start", "stop", "step"} and all(v is None or type(v) is int for v in spec.values()):
        return slice(spec.get("start"), spec.get("stop"), spec.get("step"))
    raise ValueError("a slice by tensors has no translation to Keras 3")


def _standardize(x: Any, a: Arguments) -> Any:
    """tf.image.per_image_standardization: (x - mean) / max(standard deviation, 1 / sqrt(number of values))."""
    mean = ops.mean(x, axis=(-3, -2, -1), keepdims=True)
    deviation = ops.std(x, axis=(-3, -2, -1), keepdims=True)
    return ops.divide(ops.subtract(x, mean), ops.maximum(deviation, float(np.prod(x.shape[-3:])) ** -0.5))


def _leaky(x: Any, a: Arguments) -> Any:
    return keras.layers.LeakyReLU(negative_slope=a.pop("alpha", 0.2))(x)


def _softmax(x: Any, a: Arguments) -> Any:
    return keras.layers.Softmax(a.pop("axis", -1))(x)


def _gelu(x: Any, a: Arguments) -> Any:
    return ops.gelu(x, approximate=bool(a.pop("approximate", False)))


def _relu(x: Any, a: Arguments) -> Any:
    return keras.layers.ReLU()(x)


def _cast(x: Any, a: Arguments) -> Any:
    kind = a.pop("dtype")
    kind = "float32" if kind in ("float16", "bfloat16", "float64", "half") else kind
    return x if str(x.dtype) == kind else ops.cast(x, kind)


def _reshape(x: Any, a: Arguments) -> Any:
    shape = a.pop("shape")
    if not isinstance(shape, list) or not all(type(side) is int for side in shape):
        raise ValueError("tf.reshape to a shape that is computed has no translation to Keras 3")
    return keras.layers.Reshape(shape[1:])(x) if shape[:1] == [-1] and -1 not in shape[1:] else ops.reshape(x, shape)


def _clip(x: Any, a: Arguments) -> Any:
    return ops.clip(x, a.pop("clip_value_min"), a.pop("clip_value_max"))


def _concat(x: Any, a: Arguments) -> Any:
    return keras.layers.Concatenate(axis=a.pop("axis", -1))(x)


def _transpose(x: Any, a: Arguments) -> Any:
    a.pop("conjugate", None)
    return ops.transpose(x, a.pop("perm", None))


_NORMALIZE = lambda x, a: ops.normalize(x, axis=a.pop("axis", -1), order=2, epsilon=a.pop("epsilon", 1e-12) ** 0.5)  # noqa: E731 - a row of the table

_PURE: dict[str, Callable[[Any, Arguments], Any]] = {
    "__operators__.add": _add, "__operators__.getitem": _getitem, "add": _add, "nn.bias_add": lambda x, a: (a.pop("data_format", None), _add(x, a))[1],
    "subtract": _subtract, "multiply": _multiply, "math.scalar_mul": _multiply, "divide": _divide, "truediv": _divide,
    "maximum": _binary(ops.maximum), "minimum": _binary(ops.minimum), "pow": _binary(ops.power), "math.divide_no_nan": _binary(ops.divide_no_nan),
    "abs": _unary(ops.abs), "exp": _unary(ops.exp), "math.log": _unary(ops.log), "negative": lambda x, a: affine(x, -1.0), "math.rsqrt": _unary(ops.rsqrt),
    "sqrt": _unary(ops.sqrt), "square": _unary(ops.square), "sigmoid": _activation("sigmoid"), "tanh": _activation("tanh"),
    "reduce_max": _reduce(ops.max), "reduce_min": _reduce(ops.min), "reduce_sum": _reduce(ops.sum), "reduce_mean": _mean, "keras.backend.mean": _mean,
    "cast": _cast, "clip_by_value": _clip, "compat.v1.pad": _pad, "pad": _pad, "transpose": _transpose, "compat.v1.transpose": _transpose, "concat": _concat,
    "stack": lambda x, a: ops.stack(x, axis=a.pop("axis", 0)), "convert_to_tensor": _unary(lambda x: x, "dtype", "dtype_hint"), "identity": _unary(lambda x: x),
    "stop_gradient": _unary(lambda x: x), "expand_dims": lambda x, a: ops.expand_dims(x, a.pop("axis")), "reshape": _reshape,
    "squeeze": lambda x, a: ops.squeeze(x, a.pop("axis", None)), "compat.v1.squeeze": lambda x, a: ops.squeeze(x, a.pop("axis", None)),
    "reverse": lambda x, a: ops.flip(x, a.pop("axis")), "image.resize": _resize, "image.per_image_standardization": _standardize,
    "image.rgb_to_grayscale": _unary(ops.image.rgb_to_grayscale), "image.grayscale_to_rgb": _unary(lambda x: keras.layers.Concatenate()([x, x, x])),
    "nn.avg_pool": _pool(keras.layers.AveragePooling2D), "nn.max_pool": _pool(keras.layers.MaxPooling2D), "nn.elu": _activation("elu"), "nn.gelu": _gelu,
    "nn.relu": _relu, "nn.relu6": lambda x, a: keras.layers.ReLU(6.0)(x), "nn.selu": _activation("selu"), "nn.silu": _activation("silu"),
    "nn.softplus": _activation("softplus"), "nn.softmax": _softmax, "nn.leaky_relu": _leaky, "nn.l2_normalize": _NORMALIZE,
    "nn.log_softmax": lambda x, a: ops.log_softmax(x, a.pop("axis", -1)),
    "nn.depth_to_space": lambda x, a: ops.depth_to_space(x, a.pop("block_size"), data_format="channels_last"),
    "nn.space_to_depth": lambda x, a: ops.space_to_depth(x, a.pop("block_size"), data_format="channels_last"),
}  # fmt: skip
_ALIASES = {
    "nn.avg_pool2d": "nn.avg_pool", "nn.max_pool2d": "nn.max_pool", "nn.swish": "nn.silu", "nn.sigmoid": "sigmoid", "nn.tanh": "tanh",
    "math.softplus": "nn.softplus", "math.l2_normalize": "nn.l2_normalize",
}  # fmt: skip
_IN_MATH = ("abs", "add", "divide", "exp", "maximum", "minimum", "multiply", "negative", "pow", "reduce_max", "reduce_mean", "reduce_min", "reduce_sum",
            "sigmoid", "sqrt", "square", "subtract", "tanh", "truediv")  # fmt: skip

TRANSLATIONS = {**_PURE, **{name: _PURE[other] for name, other in _ALIASES.items()}, **{f"math.{name}": _PURE[name] for name in _IN_MATH}}
