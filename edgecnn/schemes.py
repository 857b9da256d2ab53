"""TABLE of number formats: what each scheme stores, what it computes in, and where it can be written.

A scheme is a row here and one short function in `export/tflite_quantize.py` or `export/onnx_quantize.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.errors import unknown


@dataclass(frozen=True)
class Scheme:
    """One number format.

    Attributes:
        name: as typed after `--` on the command line.
        weights, activations: storage type of each.
        formats: file suffixes without the dot that can hold it.
        calibrated: activation ranges are needed, hence pictures or recorded ranges.
        lossless: the export is judged by difference over the spread of logits; otherwise by agreement of the answers.
        title: one line for `edgecnn list schemes`.
    """

    name: str
    weights: str
    activations: str
    formats: tuple[str, ...]
    calibrated: bool
    lossless: bool
    title: str

    def file_name(self, model: str, suffix: str) -> str:
        """`squeezenet.tflite`, `squeezenet_int8.tflite`: only characters that an Android resource name may have."""
        return f"{model}.{suffix}" if self.name == "float32" else f"{model}_{self.name}.{suffix}"


SCHEMES: dict[str, Scheme] = {
    row.name: row
    for row in (
        Scheme("float32", "float32", "float32", ("tflite", "onnx"), False, True, "the weights as trained"),
        Scheme("float16", "float16", "float32", ("tflite", "onnx"), False, True, "half the bytes; for GPU delegates"),
        Scheme("dynamic", "int8", "float32", ("tflite",), False, False, "a quarter of the bytes, float input and output; needs no pictures"),
        Scheme("int8", "int8", "int8", ("tflite", "onnx"), True, False, "a quarter of the bytes, integers throughout; fastest on a phone's CPU or NPU"),
        Scheme("int16x8", "int8", "int16", ("tflite",), True, False, "int8 weights, 16-bit activations; nearest to float among the integer formats"),
    )
}


def scheme(name: str) -> Scheme:
    """Look a scheme up by its name; a misspelt one raises UnknownName with the nearest."""
    try:
        return SCHEMES[name]
    except KeyError:
        raise unknown("scheme", name, SCHEMES) from None
