"""A frame of zeros around the preprocessed image, where a 1x1 convolution before it wants channels first."""

from __future__ import annotations

import onnx
from onnx import helper, numpy_helper

from edgecnn.export import names
from edgecnn.sources.graph_preprocessing_onnx import follow_image


def with_padding_behind_transpose(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which a frame around the preprocessed image [N, H, W, C] comes after the transposition to [N, C, H, W] in place of before it."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    tensor = follow_image(copy)[-1][0]
    readers = [node for node in copy.graph.node if tensor in node.input]
    pad = readers[0] if len(readers) == 1 and readers[0].op_type == "Pad" else None
    behind = [node for node in copy.graph.node if pad is not None and pad.output[0] in node.input]
    sizes = next((one for one in copy.graph.initializer if pad is not None and len(pad.input) > 1 and one.name == pad.input[1]), None)
    if len(behind) != 1 or behind[0].op_type != "Transpose" or sizes is None:
        return copy
    order = next(list(attribute.ints) for attribute in behind[0].attribute if attribute.name == "perm")
    moved = numpy_helper.to_array(sizes).reshape(2, -1)[:, order].reshape(-1)
    name = names.unused(f"{behind[0].output[0]}/pads", {one.name for one in copy.graph.initializer})
    copy.graph.initializer.append(numpy_helper.from_array(moved, name))
    transposed, padded = pad.output[0], behind[0].output[0]
    # The nodes change what they do, and keep their places and the names of what they give.
    new_pad = helper.make_node("Pad", [transposed, name, *pad.input[2:]], [padded], padded)
    new_pad.attribute.extend(pad.attribute)
    new_transpose = helper.make_node("Transpose", [tensor], [transposed], transposed, perm=order)
    pad.CopyFrom(new_transpose)
    behind[0].CopyFrom(new_pad)
    return copy
