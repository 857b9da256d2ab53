"""TABLE what the delegates of TensorFlow Lite take, as their sources state it: operators, versions, types, and conditions on their use.

In words of our own, from these files at the commits named:

gpu     operators and versions: tflite/delegates/gpu/common/model_builder.cc (34ec5bad) of https://github.com/google-ai-edge/LiteRT; conditions:
        tensorflow/lite/tools/versioning/gpu_compatibility.cc (03a5e4e1) of https://github.com/tensorflow/tensorflow; integers:
        https://ai.google.dev/edge/litert/performance/gpu. One piece, as its options say by default.
nnapi   NNAPIDelegateKernel::Validate of tensorflow/lite/delegates/nnapi/nnapi_delegate.cc (a version whose commit is not known to us), for Android 11
        (NNAPI 1.3) or later and no accelerator named; three pieces at most: nnapi_delegate.h. Deprecated since Android 15:
        https://developer.android.com/ndk/guides/neuralnetworks/migration-guide
coreml  tensorflow/lite/delegates/coreml/coreml_delegate.mm (1b4a71e3), its README.md and its builders/, for Core ML 3 (iOS 13 or later); pieces of two
        operators or more.

Operators of sequences, logic and control flow are left out, as no network for pictures has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Of an operator whose version is not looked at.
ANY = 1_000_000


@dataclass(frozen=True)
class Entry:
    """An operator of a list: the newest version that is taken, and names of conditions (see `conditions.CONDITIONS`)."""

    version: int
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """One delegate.

    Attributes:
        title: its name.
        types: of activations that it takes.
        operators: kind -> entry.
        whole: whether every activation of an operator must be of these types; else only the one that it reads first.
        most_pieces: pieces of a graph that it takes at most, the largest first; 0 for all.
        least_operators: of a piece; smaller ones stay on the CPU.
        rank: dimensions of an activation at most; 0 for any.
        integers: what an integer file costs there, in words; "" where nothing is known.
        remark: what else to know.
        source: the page to read on.
    """

    title: str
    types: tuple[str, ...]
    operators: Mapping[str, Entry]
    source: str
    whole: bool = False
    most_pieces: int = 0
    least_operators: int = 1
    rank: int = 0
    integers: str = ""
    remark: str = ""


def _list(text: str) -> dict[str, Entry]:
    """`KIND[,KIND] VERSION|any condition ...`, one kind or more a line."""
    found = {}
    for line in text.strip().splitlines():
        kinds, version, *conditions = line.split()
        entry = Entry(ANY if version == "any" else int(version), tuple(conditions))
        found.update(dict.fromkeys(kinds.split(","), entry))
    return found


_GPU = """
    ABS,COS,ELU,EXP,FLOOR,GELU,LOG,LOGISTIC,NEG,RSQRT,SIGN,SIN,SQRT,SQUARE,TANH 2 one-input
    ADD 2 two-inputs ranks
    MUL 3 two-inputs ranks covers
    DIV,SUB,MAXIMUM,MINIMUM,POW,SQUARED_DIFFERENCE,FLOOR_DIV,FLOOR_MOD 2 two-inputs
    AVERAGE_POOL_2D,MAX_POOL_2D 2
    CONCATENATION 2
    CONV_2D 6
    DENSIFY 1
    DEPTHWISE_CONV_2D 6 multiplier
    DEPTH_TO_SPACE any block
    SPACE_TO_DEPTH 2 block
    DEQUANTIZE 3 no-int16
    FULLY_CONNECTED 9 plain-weights same-rank
    HARD_SWISH any one-input
    LEAKY_RELU,RELU,RELU6,RELU_0_TO_1,RELU_N1_TO_1 2
    MEAN,REDUCE_MAX,REDUCE_MIN,REDUCE_PROD,SUM any constant-axes
    MIRROR_PAD 2 reflect pads-3-4
    PAD,PADV2 2 pads-3-4
    PACK,UNPACK,SPLIT,SPLIT_V any
    PRELU 1
    QUANTIZE 2
    RESHAPE 1 one-input
    RESIZE_BILINEAR 3 one-input corners
    RESIZE_NEAREST_NEIGHBOR 3 one-input
    SLICE 2 rank-3-4
    SOFTMAX 2 beta
    STRIDED_SLICE 4 masks rank-3-4
    TILE any one-input
    TRANSPOSE 4 one-input
    TRANSPOSE_CONV 3
"""

_NNAPI = """
    ADD,MUL 2
    ABS,EXP,LOG,RSQRT,POW,SIN,SQRT,DIV,ELU,LOG_SOFTMAX,REDUCE_PROD,SUM 1 float
    NEG 2 float
    ARG_MAX 2
    AVERAGE_POOL_2D 2 window
    MAX_POOL_2D 2
    BATCH_TO_SPACE_ND 2 crops
    SPACE_TO_BATCH_ND 2
    CAST,EXPAND_DIMS,FLOOR,LEAKY_RELU,PRELU,SQUEEZE,TILE,LOCAL_RESPONSE_NORMALIZATION 1
    CONCATENATION 2 no-activation rank-4
    CONV_2D 5 bias
    DENSIFY any
    DEPTHWISE_CONV_2D 3
    DEPTH_TO_SPACE any
    SPACE_TO_DEPTH 2
    DEQUANTIZE 2
    FULLY_CONNECTED 5
    GATHER,PACK,STRIDED_SLICE,SLICE,SPLIT_V,PAD,PADV2,TANH,REDUCE_MAX,REDUCE_MIN 2
    QUANTIZE 2 to-8-bit
    HARD_SWISH any
    L2_NORMALIZATION 2 no-activation
    MAXIMUM,MINIMUM,SPLIT 3
    MEAN 2 no-scalar
    RELU,RELU6,RELU_N1_TO_1,LOGISTIC 2
    RESHAPE 1 constant-shape
    RESIZE_BILINEAR 3 rank-is-4 constant-shape
    RESIZE_NEAREST_NEIGHBOR 3 constant-shape
    SOFTMAX 2 rank-4
    SQUARED_DIFFERENCE 2 rank-4
    SUB 3 rank-4
    TRANSPOSE 2 constant-shape
    TRANSPOSE_CONV 3 constant-kernel
"""

_COREML = """
    ADD,MUL 1 layout
    AVERAGE_POOL_2D,MAX_POOL_2D 1 no-activation
    CONCATENATION 1 no-activation by-channel
    CONV_2D 1 constant-kernel
    DEPTHWISE_CONV_2D 2 constant-kernel
    TRANSPOSE_CONV 1 constant-kernel
    FULLY_CONNECTED 6 plain-weights constant-kernel float-kernel one-row
    HARD_SWISH,LOGISTIC,RELU,RELU6,RELU_N1_TO_1,TANH 1
    MEAN 1 keeps-dimensions over-picture
    MIRROR_PAD 1 reflect pads-picture
    PAD,PADV2 1 pads-picture
    RESHAPE 1 core-ml-2
    RESIZE_BILINEAR 1 constant-shape
    SOFTMAX 1 beta
"""

TARGETS: dict[str, Target] = {
    "gpu": Target(
        title="GPU delegate",
        types=("float32", "float16", "int8", "uint8"),
        operators=_list(_GPU),
        source="https://ai.google.dev/edge/litert/performance/gpu",
        whole=True,
        most_pieces=1,
        rank=4,
        integers="the GPU counts in float only: of an integer file it imitates the rounding between operators, and the CPU converts input and output at each "
        "run. A float file of the same network is spared both, so do not expect integers to be faster there; they are for the CPU",
    ),
    "nnapi": Target(
        title="NNAPI delegate",
        types=("float32", "float16", "int8", "uint8"),
        operators=_list(_NNAPI),
        source="https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/delegates/nnapi/nnapi_delegate.cc",
        most_pieces=3,
        remark="NNAPI is deprecated since Android 15; the list is for Android 11 or later, and a driver may refuse more",
    ),
    "coreml": Target(
        title="Core ML delegate",
        types=("float32",),
        operators=_list(_COREML),
        source="https://github.com/tensorflow/tensorflow/tree/master/tensorflow/lite/delegates/coreml",
        least_operators=2,
        remark="the list is for Core ML 3 (iOS 13 or later); coreml_version = 2 also takes RESHAPE to 3 or 4 dimensions",
    ),
}
