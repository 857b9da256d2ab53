"""TABLE What the operators of classifiers must have, or a runtime divides by zero or reads beyond the end.

Sources: the kernels in https://github.com/tensorflow/tensorflow/tree/master/tensorflow/lite/kernels, which check most of it themselves, and
XNNPACK's delegate beside them, which trusts a file more.
"""

from __future__ import annotations

# Operator -> least inputs; every operator that is not named takes any number. Outputs: one or more for all of them.
INPUTS: dict[str, int] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL", "PRELU"), 2),
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "POW", "SQUARED_DIFFERENCE", "FLOOR_DIV", "FLOOR_MOD"), 2),
    **dict.fromkeys(("PAD", "MIRROR_PAD", "TRANSPOSE", "MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "GATHER", "TILE", "ARG_MAX", "ARG_MIN"), 2),
    **dict.fromkeys(("SPLIT", "EXPAND_DIMS", "TOPK_V2", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "BROADCAST_TO", "FILL"), 2),
    **dict.fromkeys(("TRANSPOSE_CONV", "PADV2", "SLICE", "SPLIT_V", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"), 3),
    "STRIDED_SLICE": 4,
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "SOFTMAX", "LOG_SOFTMAX", "LOGISTIC", "TANH", "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "ELU"), 1),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D", "L2_NORMALIZATION", "LOCAL_RESPONSE_NORMALIZATION", "CONCATENATION"), 1),
    **dict.fromkeys(("QUANTIZE", "DEQUANTIZE", "DENSIFY", "CAST", "HARD_SWISH", "GELU", "LEAKY_RELU", "PACK", "UNPACK", "SHAPE"), 1),
    **dict.fromkeys(("EXP", "LOG", "SQRT", "RSQRT", "SQUARE", "ABS", "NEG", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH"), 1),
}  # fmt: skip

_STRIDES = ("strideW", "strideH")
_DILATIONS = ("dilationWFactor", "dilationHFactor")
_FILTER = ("filterWidth", "filterHeight")

# Operator -> fields of its options that are 1 or more; the options must be there, because a runtime fills what is missing with zeros.
POSITIVE: dict[str, tuple[str, ...]] = {
    "CONV_2D": (*_STRIDES, *_DILATIONS),
    "DEPTHWISE_CONV_2D": (*_STRIDES, *_DILATIONS),
    "TRANSPOSE_CONV": _STRIDES,
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), (*_STRIDES, *_FILTER)),
    **dict.fromkeys(("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"), ("blockSize",)),
    "SPLIT": ("numSplits",),
    "SPLIT_V": ("numSplits",),
}

# Largest of these: more pixels than any input has.
MOST = 1 << 16

# Operators whose first input and second input have four dimensions.
FOUR_SIDED = ("CONV_2D", "DEPTHWISE_CONV_2D")
