"""The C sources that are made for one model: its constants, its bytes, and the golden vectors as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from edgecnn.bundle import Context
from edgecnn.bundle.arena import Arena
from edgecnn.bundle.golden import Golden
from edgecnn.bundle.traps import GRID
from edgecnn.data.geometry import short_sides

_TYPES = {"float32": "float", "uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t"}
_ORDERS = {"rgb": "EDGECNN_RGB", "bgr": "EDGECNN_BGR", "grey": "EDGECNN_GREY", "rgba": "EDGECNN_RGBA"}
_BYTES = tuple(str(value) for value in range(256))
_IN_LINE = 24
# Probability by which kernels of another runtime, or without XNNPACK, may be off for the very same input: TensorFlow Lite Micro was 0.031 off at most, in int8
# on a picture between two classes (tests/test_tflm.py).
RUNTIME = 0.04


def header(name: str, context: Context, memory: Arena) -> str:
    """NAME.h."""
    guard, made = f"{name.upper()}_H", context.golden
    return (
        f"/* {_comment(context.path.name)}, sha256 {made.sha256}. Made by edgecnn. */\n#ifndef {guard}\n#define {guard}\n\n"
        f'#include "edgecnn.h"\n\n#ifdef __cplusplus\nextern "C" {{\n#endif\n\n'
        f"extern const edgecnn_model {name};\nextern const unsigned char {name}_data[];\n\n"
        f"/* Activations alive at once; TensorFlow Lite Micro's arena to begin with, its tables included. Both computed from the file. */\n"
        f"#define {name.upper()}_ACTIVATION_BYTES {memory.activations}\n#define {name.upper()}_ARENA_BYTES {memory.arena}\n\n"
        f"#ifdef __cplusplus\n}}\n#endif\n#endif\n"
    )


def model(name: str, context: Context, table: np.ndarray) -> str:
    """NAME.c: the constant `edgecnn_model`, its labels, and `table`, [256, 1 or channels]."""
    made, said, output = context.golden, context.golden.preprocessing, context.golden.output
    labels = ",\n".join(f"    {string(label)}" for label in made.labels)
    scaled = short_sides(said) if said.crop_fraction < 1 else (0, 0)
    fields = {
        "name": string(context.path.name), "data": f"{name}_data", "bytes": context.info.bytes, "width": said.width, "height": said.height,
        "channels": said.channels, "channels_first": int(made.channels_first), "order": _ORDERS[said.order], "resize": f"EDGECNN_{said.resize.upper()}",
        "filter": f"EDGECNN_{said.resize_filter.upper().replace('-', '_')}", "scaled_width": scaled[0], "scaled_height": scaled[1],
        "bars": "{" + ", ".join(map(str, said.pad_color)) + "}",
        "input_type": f"EDGECNN_{made.input.dtype.upper()}", "output_type": f"EDGECNN_{output.dtype.upper()}", "table": "table", "tables": table.shape[1],
        "output_scale": real(output.scale or 1.0), "output_zero_point": output.zero_point or 0, "score_kind": f"EDGECNN_{made.score_kind.name}",
        "scores": made.num_scores, "classes": len(made.labels), "labels": "labels",
    }  # fmt: skip
    return (
        f'#include "{name}.h"\n\nstatic const char *const labels[{len(made.labels)}] = {{\n{labels},\n}};\n\n'
        f"/* What the input stores for the bytes 0 to 255{' of each channel in turn' if table.shape[1] > 1 else ''}. */\n"
        f"static const {_TYPES[made.input.dtype]} table[{table.size}] = {{\n{_lines(_number(v) for v in table.T.ravel())}\n}};\n\n"
        f"const edgecnn_model {name} = {{\n" + "".join(f"    .{key} = {value},\n" for key, value in fields.items()) + "};\n"
    )


def data(name: str, content: bytes) -> str:
    """NAME_data.c: the file's bytes."""
    return f'#include "{name}.h"\n\n_Alignas(16) const unsigned char {name}_data[{len(content)}] = {{\n{_lines(_BYTES[byte] for byte in content)}\n}};\n'


def operators(name: str, methods: Sequence[str]) -> str:
    """NAME_operators.h, C++ for TensorFlow Lite Micro."""
    guard, lines = f"{name.upper()}_OPERATORS_H", "".join(f"  resolver.{method}();\n" for method in methods)
    return (
        f"/* tflite::MicroMutableOpResolver<{name.upper()}_OPERATORS> resolver; {name}_add_operators(resolver); */\n#ifndef {guard}\n#define {guard}\n\n"
        f"#define {name.upper()}_OPERATORS {max(1, len(methods))}\n\n"
        f"template <typename Resolver>\nvoid {name}_add_operators(Resolver &resolver) {{\n{lines}}}\n\n#endif\n"
    )


def golden_table(name: str, golden: Golden) -> str:
    """golden_table.h: what test_golden.c compares with."""
    marks = len(next(iter(golden.signatures.values())))
    shape, row = golden.pictures[0].input.shape, tuple(side or 1 for side in golden.output.shape)
    causes = ",\n".join(f"    {{{string(trap.cause)}, {string(trap.advice)}}}" for trap in golden.traps) or '    {"", ""}'
    parts = [
        f'#include "{name}.h"\n\n#define GOLDEN_MODEL {name}\n#define GOLDEN_GRID {GRID}\n#define GOLDEN_MARKS {marks}\n'
        f"#define GOLDEN_PICTURES {len(golden.pictures)}\n#define GOLDEN_CAUSES {len(golden.traps)}\n"
        f"/* Shapes of the tensors, for runtimes that ask for them. */\n"
        f"#define GOLDEN_INPUT_RANK {len(shape)}\n#define GOLDEN_INPUT_SHAPE {{{', '.join(map(str, shape))}}}\n"
        f"#define GOLDEN_OUTPUT_RANK {len(row)}\n#define GOLDEN_OUTPUT_SHAPE {{{', '.join(map(str, row))}}}\n"
        f"/* How far another runtime's kernels may be off for the same input. */\n#define GOLDEN_RUNTIME {RUNTIME}\n",
        "typedef struct {\n  const char *name, *advice;\n} golden_cause;\n",
        "/* Means of a wrong input, see golden.json, and which of the causes it is. */\n"
        "typedef struct {\n  int cause;\n  float marks[GOLDEN_MARKS];\n} golden_trap;\n",
        "typedef struct {\n  const char *file, *source, *pixels, *input, *output, *label;\n  int width, height, orientation, top;\n"
        "  double pixel_tolerance, input_tolerance, probability_tolerance;\n"
        "  const float *marks, *probabilities;\n  const golden_trap *trap;\n  int traps;\n} golden_picture;\n",
        f"static const golden_cause golden_causes[] = {{\n{causes},\n}};\n",
    ]
    for i, picture in enumerate(golden.pictures):
        traps = [(number, trap.signatures[picture.stem]) for number, trap in enumerate(golden.traps) if picture.stem in trap.signatures]
        rows = ",\n".join(f"    {{{number}, {{{_reals(values)}}}}}" for number, values in traps) or "    {0, {0}}"
        parts.append(
            f"static const float marks_{i}[] = {{{_reals(golden.signatures[picture.stem])}}};\n"
            f"static const float probabilities_{i}[] = {{{_reals(picture.probabilities)}}};\nstatic const golden_trap traps_{i}[] = {{\n{rows},\n}};\n"
        )
    parts.append("static const golden_picture golden_pictures[] = {\n" + "".join(_picture(golden, i) for i in range(len(golden.pictures))) + "};\n")
    return "/* Made by edgecnn from golden/golden.json. */\n" + "\n".join(parts)


def _picture(golden: Golden, i: int) -> str:
    one = golden.pictures[i]
    names = ", ".join(string(name) for name in (one.file, *(f"{one.stem}.{kind}" for kind in ("source", "rgb", "input", "output")), golden.labels[one.top]))
    height, width = one.decoded.shape[:2]
    traps = sum(one.stem in trap.signatures for trap in golden.traps)
    tolerances = ", ".join(f"{value:.6g}" for value in (one.tolerance.pixels, one.tolerance.input, one.tolerance.probabilities))
    return f"    {{{names}, {width}, {height}, {one.orientation}, {one.top}, {tolerances}, marks_{i}, probabilities_{i}, traps_{i}, {traps}}},\n"


def string(text: str) -> str:
    """A C string literal of UTF-8; three octal digits for whatever is not plain."""
    plain = (chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}" for byte in text.encode())
    return f'"{"".join(plain)}"'


def real(value: float) -> str:
    """A C literal that is read back as the same float."""
    return f"{float(value):.9e}f"


def _reals(values: Iterable[float]) -> str:
    return ",".join(real(value) for value in values)


def _number(value: np.generic) -> str:
    return real(float(value)) if isinstance(value, np.floating) else str(int(value))


def _lines(items: Iterable[str]) -> str:
    whole = list(items)
    return ",\n".join(",".join(whole[start : start + _IN_LINE]) for start in range(0, len(whole), _IN_LINE))


def _comment(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace("*/", "* /")
