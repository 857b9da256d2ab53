"""ROOM for C11: the model as a constant array, pre-processing and answers without allocation, and a test on the golden vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgecnn import files
from edgecnn.bundle import Context, apps, arena, c_text, golden
from edgecnn.bundle.arena import Arena
from edgecnn.bundle.templates import filled
from edgecnn.bundle.tflm import KERNELS
from edgecnn.errors import BadFile
from edgecnn.runtime.tensor_shapes import input_layout
from edgecnn.validate.doctor import levels
from edgecnn.validate.doctor.levels import Input

# What the code reads and writes.
INPUTS, OUTPUTS = ("float32", "uint8", "int8", "int16"), ("float32", "uint8", "int8", "int16")
# Number formats that TensorFlow Lite Micro runs.
MICRO = ("", "float32", "int8", "int16x8")


def write(context: Context, folder: Path) -> list[Path]:
    """Write the C bundle into an empty folder; returns its files.

    Raises:
        BadFile: tensors of a type that the code does not know.
    """
    made = context.golden
    for what, tensor, known in (("input", made.input, INPUTS), ("output", made.output, OUTPUTS)):
        if tensor.dtype not in known:
            raise BadFile(f"{context.path}: its {what} is {tensor.dtype}; the C code takes {', '.join(known)}")
    # With a prefix, so that a file called int.tflite has a name that C takes.
    name = f"model_{context.name}"
    kinds = list(dict.fromkeys(op.kind for op in context.info.operators))
    content, memory = context.path.read_bytes(), arena.arena(context.path)
    texts = {
        f"{name}.h": c_text.header(name, context, memory),
        f"{name}.c": c_text.model(name, context, table(context)),
        f"{name}_data.c": c_text.data(name, content),
        f"{name}_operators.h": c_text.operators(name, [KERNELS[kind] for kind in kinds if kind in KERNELS]),
        "golden_table.h": c_text.golden_table(name, made),
    }
    words = _words(name, context, kinds, memory)
    for template in ("edgecnn.h", "edgecnn.c", "test_golden.c", "run_golden.c", "Makefile", "CMakeLists.txt", "README.md"):
        texts[template] = filled(f"c/{template}", words)
    written = [files.write_text(folder / file, text) for file, text in texts.items()]
    written.append(files.write_bytes(folder / f"{name}.tflite", content))
    return [*written, *golden.write(made, folder / "golden", sources=True)]


def table(context: Context) -> np.ndarray:
    """What the input stores for each byte of a pixel, [256, 1 or channels] in its type; one column where all channels are alike."""
    made = context.golden
    layout = input_layout(context.path, made.input)
    into = Input(made.preprocessing, np.dtype(made.input.dtype), made.input.scale or 1.0, made.input.zero_point or 0, layout, made.takes_bytes)
    columns = levels.right(into)
    return columns[:, :1] if (columns == columns[:, :1]).all() else columns


def _words(name: str, context: Context, kinds: list[str], memory: Arena) -> dict[str, object]:
    made, said = context.golden, context.golden.preprocessing
    return {
        "NAME": name, "FILE": f"{name}.tflite", "MODEL": context.path.name, "WIDTH": said.width, "HEIGHT": said.height, "CLASSES": len(made.labels),
        "BYTES": f"{context.info.bytes:,}", "MAPPING": _mapping(context), "OPERATORS": len(kinds), "RESIZE": said.resize_rule,
        "RULE": said.resize_words, "ORDER": said.order,
        "SCORES": apps.scores_in_words(made.score_kind), "ARENA": _arena_words(name, memory), "NOTES": _notes(context, kinds),
    }  # fmt: skip


def _mapping(context: Context) -> str:
    said, tensor = context.golden.preprocessing, context.golden.input
    mean, std = (", ".join(f"{v:g}" for v in (values[:1] if len(set(values)) == 1 else values)) for values in (said.mean, said.std))
    quantized = f", stored as {tensor.dtype} real / {tensor.scale:g} + {tensor.zero_point}" if tensor.scale else ""
    return f"real = (pixel - {mean}) / {std}{quantized}"


def _arena_words(name: str, memory: Arena) -> str:
    begin = f"`{name.upper()}_ARENA_BYTES`, {memory.arena:,}"
    return (
        f"at most {memory.activations:,} bytes of activations are alive at once. For TensorFlow Lite Micro begin with {begin}, "
        "which is computed from the file, tables included; `arena_used_bytes()` tells what it took."
    )


def _notes(context: Context, kinds: list[str]) -> str:
    notes = []
    lacking = [kind for kind in kinds if kind not in KERNELS]
    if lacking:
        remedy = "; export with --no-sparse" if "DENSIFY" in lacking else ""
        notes.append(f"TensorFlow Lite Micro has no kernel for {', '.join(lacking)}{remedy}; LiteRT has.")
    scheme = context.card.scheme if context.card else ""
    if scheme not in MICRO:
        notes.append(f"TensorFlow Lite Micro does not run the number format {scheme}; export with --int8. LiteRT runs it.")
    return "".join(f"\n{note}\n" for note in notes)
