"""Float .tflite -> every other scheme, by ai-edge-quantizer. One short function a scheme; `QUANTIZERS` is the list."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np
from ai_edge_quantizer import qtyping, quantizer, recipe, recipe_manager
from ai_edge_quantizer.algorithms.uniform_quantize import uniform_quantize_tensor

from edgecnn.card import INPUT, OUTPUT
from edgecnn.export import flatbuffer, tflite_fuse, tflite_layers
from edgecnn.export.ranges import Ranges

_Op = qtyping.TFLOperationName
_NO_QUANTIZE = quantizer.AlgorithmName.NO_QUANTIZE

# Symmetric 16 bit: 32767 steps up to this value make a step of exactly 1/32768, a multiple of which every byte of (pixel - 128) / 128 is.
_INT16_ONE = 32767 / 32768

# Bytes of float weights that ai-edge-quantizer rounds at once. What is larger it takes apart in a way that fails for convolutions.
_AT_ONCE = 32 * 1024 * 1024


def float16(content: bytes, ranges: Ranges | None, io: str) -> bytes:
    """Weights in float16, expanded when the file is loaded; activations float32."""
    manager = recipe_manager.RecipeManager()
    config = qtyping.OpQuantizationConfig(
        weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
        compute_precision=qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=True,
    )
    manager.add_quantization_config(".*", _Op.ALL_SUPPORTED, config, quantizer.AlgorithmName.FLOAT_CASTING)
    return _apply(content, manager.get_quantization_recipe(), None)


def dynamic(content: bytes, ranges: Ranges | None, io: str) -> bytes:
    """int8 weights, one scale a channel; activations float32, quantized as they come by the kernels that can."""
    return _apply(content, recipe.dynamic_wi8_afp32(), None)


def int8(content: bytes, ranges: Ranges | None, io: str, wide: Collection[str] = ()) -> bytes:
    """int8 weights, one scale a channel, and int8 activations; input and output as `io` says.

    The activations of the operators `wide` stay in float, and so does an output that one of them gives.
    """
    limits = {name: found.clipped for name, found in ranges.items()}
    wish = recipe.static_wi8_ai8()
    if wide:
        weighted = [name for name, weights in tflite_layers.operators(content) if weights]
        wish = _with_float_activations(wish, wide, weighted[-1] if weighted else "")
    if io == "float32":
        return _apply(content, _with_float_ends(wish), limits)
    quantized = _apply(content, wish, limits)
    return flatbuffer.with_uint8_interface(quantized) if io == "uint8" else quantized


def int16x8(content: bytes, ranges: Ranges | None, io: str) -> bytes:
    """int8 weights and int16 activations. Input and output are float32 whatever `io` says: no mobile library feeds 16-bit pictures."""
    limits = {name: (found.low, found.high) for name, found in ranges.items()}
    low, high = limits[INPUT]
    if low >= -1.0 and high < 1.0:
        limits[INPUT] = (-_INT16_ONE, _INT16_ONE)
    return _apply(content, _with_float_ends(recipe.static_wi8_ai16()), limits)


QUANTIZERS: dict[str, Callable[[bytes, Ranges | None, str], bytes]] = {"float16": float16, "dynamic": dynamic, "int8": int8, "int16x8": int16x8}


def _with_float_activations(base: qtyping.ModelQuantizationRecipe, wide: Collection[str], last: str) -> qtyping.ModelQuantizationRecipe:
    """Operators by the name of their output: int8 weights that are expanded when the file is loaded, and float arithmetic.

    `last`, the last layer with weights, computes with integers all the same where it is wide: it rounds its float input anew for each picture and gives float
    scores, in the time of an int8 layer. SqueezeNet 1.1 agrees with its original as often so (91 % of 500 photos), and takes 1.0 instead of 1.7 ms.
    """
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(base)
    per_channel = qtyping.TensorQuantizationConfig(num_bits=8, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE)
    expanded = qtyping.OpQuantizationConfig(weight_tensor_config=per_channel, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True)
    hybrid = qtyping.OpQuantizationConfig(weight_tensor_config=per_channel, compute_precision=qtyping.ComputePrecision.INTEGER)
    for name in wide:
        scope = f"(^|;){re.escape(name)};"
        manager.add_quantization_config(scope, _Op.ALL_SUPPORTED, algorithm_key=_NO_QUANTIZE)
        for operator in (_Op.CONV_2D, _Op.DEPTHWISE_CONV_2D, _Op.FULLY_CONNECTED):
            manager.add_quantization_config(scope, operator, hybrid if name == last else expanded)
        if name == OUTPUT:
            manager.add_quantization_config(".*", _Op.OUTPUT, algorithm_key=_NO_QUANTIZE)
    return manager.get_quantization_recipe()


def _with_float_ends(base: qtyping.ModelQuantizationRecipe) -> qtyping.ModelQuantizationRecipe:
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(base)
    for end in (_Op.INPUT, _Op.OUTPUT):
        manager.add_quantization_config(".*", end, algorithm_key=_NO_QUANTIZE)
    return manager.get_quantization_recipe()


def _apply(content: bytes, scheme: qtyping.ModelQuantizationRecipe, limits: Mapping[str, tuple[float, float]] | None) -> bytes:
    worker = quantizer.Quantizer(bytearray(content), scheme)
    statistics = None if limits is None else {name: _statistics(*ends) for name, ends in limits.items()}
    # It draws a progress bar for large networks, whatever it is told.
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()), _large_weights():
        # The quantizer opens the float file with every tensor kept, and is warned of the memory.
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
        result = worker.quantize(statistics, enable_progress_bar=False, enable_progress_report=False)
    return bytes(result.quantized_model) if limits is None else tflite_fuse.integers(result.quantized_model)


@contextlib.contextmanager
def _large_weights() -> Iterator[None]:
    """Have the quantizer round large weights a few output channels at a time.

    Its own way of doing that (version 0.10) gives a convolution's scales [outputs, 1, 1, 1] to weights that it has made two-dimensional: an error for every
    convolution of more than 8.4 million weights, such as one of SENet-154.
    """
    original = uniform_quantize_tensor.uniform_quantize

    def in_parts(data: np.ndarray, params: qtyping.UniformQuantParams, is_blockwise_quant: bool = False) -> np.ndarray:
        if data.ndim < 2 or data.nbytes <= _AT_ONCE or is_blockwise_quant:
            return original(data, params, is_blockwise_quant)
        params = uniform_quantize_tensor.fix_quantization_params_rank(data, params)
        count = min(len(data), -(-data.nbytes // _AT_ONCE))
        parts = np.array_split(np.arange(len(data)), count)
        return np.concatenate([original(data[part[0] : part[-1] + 1], _of_channels(params, part)) for part in parts])

    uniform_quantize_tensor.uniform_quantize = in_parts
    try:
        yield
    finally:
        uniform_quantize_tensor.uniform_quantize = original


def _of_channels(params: qtyping.UniformQuantParams, part: np.ndarray) -> qtyping.UniformQuantParams:
    """The scales of some output channels, where each has its own."""
    if len(params.scale) == 1:
        return params
    return dataclasses.replace(params, scale=params.scale[part], zero_point=params.zero_point[part])


def _statistics(low: float, high: float) -> dict[str, np.ndarray]:
    shape = (1, 1, 1, 1)
    return {"min": np.full(shape, low, np.float32), "max": np.full(shape, high, np.float32)}
