"""What a file is made of, and where it loses what its original knew; objects of the JSON report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SizePart:
    """Bytes of a file of one kind: weights, biases, quantization tables, graph, metadata, padding and the like.

    Attributes:
        kind: of content; `anatomy.parts` says what they mean.
        layer: name of the operator that it belongs to; "" for the whole file.
        bytes: in the file.
        gzip_bytes: packed by itself.
    """

    kind: str
    layer: str
    bytes: int
    gzip_bytes: int = 0


@dataclass(frozen=True)
class LayerNoise:
    """One tensor of a quantized file beside the same tensor of the float original.

    Attributes:
        name: in the file.
        original: its counterpart's name.
        kind: of the operator that gives it.
        sqnr: signal-to-noise ratio in dB, 10 log10(sum float^2 / sum (file - float)^2), with the noise of all operators before; 200 where nothing differs.
        own: the same in dB when the operator is fed with the original's values: its own noise alone; None for one that only moves rounded values.
        excess: dB by which the own noise lies above what rounding its values to 8 bits costs at least; faults stand out, whatever the tensor.
        suspect: what is wrong in words, such as "range 4.2 times as wide as what is used"; "" when nothing is.
    """

    name: str
    original: str
    kind: str
    sqnr: float
    own: float | None = None
    excess: float | None = None
    suspect: str = ""
