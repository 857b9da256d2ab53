"""Writes the objects of the schema as a .tflite file."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


class _Sharing(flatbuffers.Builder):
    """Writes equal vectors once: a kernel's zero points alone are eight bytes of nothing a channel, and its bias has them again.

    Vectors of bytes begin at multiples of 16, as the schema asks of buffers (`force_align: 16`); the generated Python leaves that out.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        """Offset of a vector with the values of `x`, one-dimensional."""
        key = x.dtype.str, x.tobytes()
        if key not in self.written:
            if x.dtype == np.uint8:
                self.Prep(16, x.size)
            self.written[key] = super().CreateNumpyVector(x)
        return self.written[key]


def pack(model: schema.ModelT) -> bytes:
    """The objects as a file, everything inside the flatbuffer, where old runtimes look for it."""
    size = sum(0 if buffer.data is None else len(buffer.data) for buffer in model.buffers)
    # A builder that has to grow copies everything each time.
    builder = _Sharing(size + size // 8 + 65536)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
