"""TABLE Operators that TensorFlow Lite Micro has kernels for, as its resolver calls them.

Source: https://github.com/tensorflow/tflite-micro/blob/main/tensorflow/lite/micro/micro_mutable_op_resolver.h
"""

from __future__ import annotations

_KINDS = """
ABS ADD ARG_MAX AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_TO CAST CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV
ELU EXP EXPAND_DIMS FILL FULLY_CONNECTED GATHER HARD_SWISH L2_NORMALIZATION LEAKY_RELU LOG LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM
MIRROR_PAD MUL NEG PACK PAD PADV2 PRELU QUANTIZE REDUCE_MAX RELU RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SHAPE SLICE SOFTMAX
SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH TRANSPOSE TRANSPOSE_CONV UNPACK
"""

# Methods that are not the operator's name in camel case: AVERAGE_POOL_2D is AddAveragePool2D by rule.
_OTHER = {"PADV2": "AddPadV2", "BATCH_MATMUL": "AddBatchMatMul"}


def _method(kind: str) -> str:
    return _OTHER.get(kind) or "Add" + "".join(part if part == "2D" else part.capitalize() for part in kind.split("_"))


KERNELS: dict[str, str] = {kind: _method(kind) for kind in _KINDS.split()}
