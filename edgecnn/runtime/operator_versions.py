"""TABLE Versions of TFLite's operators: the first TensorFlow release that knows each, and what a use of an operator needs.

Sources, in https://github.com/tensorflow/tensorflow/tree/master/tensorflow/compiler/mlir/lite/tools/versioning:
`runtime_version.cc` for RELEASES, `op_version.cc` for the rest. Only operators that classifiers use are here.
"""

from __future__ import annotations

# Operator -> first release with its version 1, 2, 3 ...
RELEASES: dict[str, tuple[str, ...]] = {
    kind: tuple(releases.split())
    for kind, releases in {
        "ABS": "1.13 2.4 2.5 2.6 2.12",
        "ADD": "1.5 1.14 2.4 2.6 2.13 2.23",
        "ARG_MAX": "1.9 1.14 2.9",
        "AVERAGE_POOL_2D": "1.5 1.14 2.3",
        "BATCH_MATMUL": "2.3 2.3 2.4 2.5",
        "BATCH_TO_SPACE_ND": "1.6 1.14 2.3 2.12",
        "BROADCAST_TO": "2.5 2.5 2.5",
        "CAST": "1.5 2.7 2.8 2.9 2.12 2.15 2.17 2.21",
        "CONCATENATION": "1.5 1.14 2.3 2.14 2.21",
        "CONV_2D": "1.5 1.14 1.14 2.3 2.4 2.9 2.11 2.15",
        "DENSIFY": "2.2",
        "DEPTHWISE_CONV_2D": "1.5 1.12 1.14 2.2 2.3 2.3 2.11",
        "DEPTH_TO_SPACE": "2.1 2.5",
        "DEQUANTIZE": "1.13.1 1.14 1.15 2.2 2.7 2.18 2.21 2.22",
        "DIV": "1.6 2.3",
        "ELU": "1.14",
        "EXP": "1.7 2.12",
        "EXPAND_DIMS": "1.10",
        "FILL": "1.13 2.3 2.5 2.12",
        "FULLY_CONNECTED": "1.5 1.10 1.14 1.14 2.0 2.1 2.3 2.3 2.3 2.11 2.15 2.17 2.18 2.21",
        "GATHER": "1.6 1.14 1.15 2.4 2.5 2.13 2.15",
        "GELU": "2.9 2.9",
        "HARD_SWISH": "1.15",
        "L2_NORMALIZATION": "1.5 1.14",
        "LEAKY_RELU": "1.13.1 2.3",
        "LOCAL_RESPONSE_NORMALIZATION": "1.5",
        "LOG": "1.14 2.15",
        "LOGISTIC": "1.14 1.14 2.3",
        "LOG_SOFTMAX": "1.14 1.14",
        "MAXIMUM": "1.14 1.14 2.3 2.3",
        "MAX_POOL_2D": "1.5 1.14 2.3",
        "MEAN": "1.6 1.14 2.4",
        "MINIMUM": "1.14 1.14 2.3 2.3",
        "MIRROR_PAD": "1.13.1 2.3 2.12",
        "MUL": "1.5 1.14 1.15 2.3 2.6 2.11 2.13 2.23",
        "NEG": "1.9",
        "PACK": "1.11 1.14 2.3 2.13",
        "PAD": "1.5 1.14 2.4 2.6 2.20",
        "PADV2": "1.9 1.14 2.4 2.6 2.20",
        "POW": "1.10",
        "PRELU": "1.8",
        "QUANTIZE": "1.14 1.15 2.7 2.21 2.21 2.21",
        "REDUCE_MAX": "1.11 1.14 2.5",
        "RELU": "1.5 2.1 2.5",
        "RELU6": "1.5 1.14 2.5",
        "RELU_0_TO_1": "2.10",
        "RELU_N1_TO_1": "1.5",
        "RESHAPE": "1.5",
        "RESIZE_BILINEAR": "1.7 1.14 2.2 2.5",
        "RESIZE_NEAREST_NEIGHBOR": "1.13.1 1.14 2.3 2.4",
        "RSQRT": "1.10 2.5 2.15",
        "SHAPE": "1.10",
        "SLICE": "1.14 1.14 1.14 2.4 2.5 2.14 2.21",
        "SOFTMAX": "1.5 1.14 2.3",
        "SPACE_TO_BATCH_ND": "1.6 1.14 2.3 2.12",
        "SPACE_TO_DEPTH": "1.5 1.14",
        "SPLIT": "1.5 1.14 1.14 2.3",
        "SPLIT_V": "1.13.1 2.3",
        "SQRT": "1.10 2.21",
        "SQUARE": "1.12",
        "SQUARED_DIFFERENCE": "1.13.1 2.5",
        "SQUEEZE": "1.6 2.5",
        "STRIDED_SLICE": "1.6 1.14 2.1 2.2 2.5 2.6 2.14 2.14",
        "SUB": "1.6 1.14 2.3 2.4 2.4",
        "SUM": "1.10 1.15",
        "TANH": "1.14 1.14 2.3",
        "TILE": "1.10.1 2.2 2.8",
        "TOPK_V2": "1.7 1.14 2.13",
        "TRANSPOSE": "1.6 1.14 1.15 2.3 2.4 2.12 2.14.4 2.22",
        "TRANSPOSE_CONV": "1.9 2.2 2.3 2.13 2.15",
        "UNPACK": "1.11 1.14 2.2 2.3 2.22",
    }.items()
}

_COMMON = {"int8": 2, "int16": 3}
_INT8, _BOTH, _LATE = {"int8": 2}, {"int8": 2, "int16": 2}, {"int8": 2, "int16": 4}
_PAD = {**_COMMON, "bool": 5}

# Operator -> type of its first input -> version that it needs; others need 1.
BY_TYPE: dict[str, dict[str, int]] = {
    **dict.fromkeys(("MAX_POOL_2D", "AVERAGE_POOL_2D", "MEAN", "SOFTMAX", "RELU6", "LOGISTIC", "TANH"), _COMMON),
    **dict.fromkeys(("MIRROR_PAD", "REDUCE_MAX", "RSQRT", "BATCH_MATMUL"), _COMMON),
    **dict.fromkeys(("SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "SUM", "LOG_SOFTMAX", "SQUARED_DIFFERENCE", "L2_NORMALIZATION"), _INT8),
    **dict.fromkeys(("MAXIMUM", "MINIMUM", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SLICE"), _LATE),
    **dict.fromkeys(("EXP", "LOG", "SQRT"), _BOTH),
    **dict.fromkeys(("PAD", "PADV2"), _PAD),
    "ABS": {"int8": 2, "uint8": 2, "int16": 3, "int32": 5},
    "ADD": {**_COMMON, "int64": 4, "float16": 6},
    "ARG_MAX": {"int8": 2, "bool": 3},
    "BROADCAST_TO": {"float32": 2, "int8": 3, "int16": 3},
    "CONCATENATION": {**_COMMON, "uint32": 4, "int4": 5},
    "DEQUANTIZE": {"int8": 2, "int16": 3, "float16": 3, "int4": 6, "int2": 7, "uint4": 8},
    "GATHER": {"int8": 2, "bool": 3, "int16": 4, "int4": 7},
    "GELU": {"int8": 2, "uint8": 2},
    "LEAKY_RELU": {"int16": 2},
    "MUL": {"int8": 2, "int16": 4, "int64": 5, "float16": 8},
    "PACK": {**_COMMON, "uint32": 4},
    "RELU": {"int8": 2, "uint8": 2, "int16": 3},
    "STRIDED_SLICE": {"int8": 2, "bool": 3, "uint32": 7},
    "SUB": {"int8": 2, "int64": 4, "int16": 5},
    "TILE": {"string": 2, "int8": 3},
    "TRANSPOSE": {"int8": 2, "bool": 3, "int16": 5, "int4": 7},
    "UNPACK": {"int8": 2, "uint8": 2, "bool": 3, "int16": 4, "float16": 5},
}

# Operator -> dimensions of its first input, from which on -> version that it needs.
BY_RANK: dict[str, tuple[tuple[int, int], ...]] = {
    "TRANSPOSE": ((5, 4), (6, 6), (7, 8)),
    "PAD": ((5, 4),),
    "PADV2": ((5, 4),),
    "SLICE": ((5, 5),),
    "STRIDED_SLICE": ((5, 4),),
}

# Operator with weights -> (type of the input, type of the weights) -> version that it needs, one scale for all of the weights and one a channel.
BY_WEIGHTS: dict[str, dict[tuple[str, str], tuple[int, int]]] = {
    "CONV_2D": {
        ("int8", "int8"): (3, 3), ("float32", "int8"): (2, 5), ("int16", "int8"): (4, 4), ("int8", "int4"): (7, 7), ("float32", "int4"): (7, 7),
        ("int16", "int4"): (7, 7),
    },
    "DEPTHWISE_CONV_2D": {
        ("int8", "int8"): (3, 3), ("float32", "int8"): (4, 6), ("int16", "int8"): (5, 5), ("int8", "int4"): (7, 7), ("float32", "int4"): (7, 7),
        ("int16", "int4"): (7, 7),
    },
    "FULLY_CONNECTED": {
        ("int8", "int8"): (4, 4), ("float32", "int8"): (3, 12), ("int16", "int8"): (7, 7), ("int8", "int4"): (10, 10), ("float32", "int4"): (10, 12),
        ("int16", "int4"): (13, 13), ("float32", "int2"): (14, 14), ("int8", "int2"): (14, 14),
    },
    "TRANSPOSE_CONV": {("int8", "int8"): (2, 2), ("int16", "int8"): (2, 2)},
}  # fmt: skip

# Operator -> option that is not zero -> version that it needs.
BY_OPTION: dict[str, dict[str, int]] = {
    "CONV_2D": {"quantizedBiasType": 8},
    "FULLY_CONNECTED": {"quantizedBiasType": 11, "keepNumDims": 5, "weightsFormat": 2},
    "RESIZE_BILINEAR": {"halfPixelCenters": 3},
    "RESIZE_NEAREST_NEIGHBOR": {"halfPixelCenters": 3, "alignCorners": 3},
    "STRIDED_SLICE": {"ellipsisMask": 6, "newAxisMask": 6, "offset": 8},
    "TRANSPOSE_CONV": {"fusedActivationFunction": 4, "quantizedBiasType": 5},
    "GATHER": {"batchDims": 5},
}
