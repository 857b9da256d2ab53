"""Reads an .ort file, ONNX Runtime's own format, without running it, by the schema that ONNX Runtime brings."""

from __future__ import annotations

import os
from typing import Any

import onnx
import onnxruntime.tools.ort_format_model  # noqa: F401  (puts the schema on the path)
from ort_flatbuffers_py.fbs import InferenceSession, TypeInfoValue
from ort_flatbuffers_py.fbs.TensorTypeAndShape import TensorTypeAndShape

from edgecnn import files, untrusted
from edgecnn.errors import BadFile
from edgecnn.formats.invalid import InvalidModelError
from edgecnn.formats.onnx import validate as graphs
from edgecnn.formats.ort import validate as counts
from edgecnn.runtime import oldest, onnx_file
from edgecnn.runtime.file_info import FileInfo

# Version of the format -> first ONNX Runtime release that takes it, from
# https://onnxruntime.ai/docs/performance/model-optimizations/ort-format-models.html, and for 6 from https://github.com/microsoft/onnxruntime/issues/20670.
RELEASES = {"1": "1.5", "2": "1.6", "3": "1.7", "4": "1.8", "5": "1.13", "6": "1.16"}


def describe(path: str | os.PathLike[str]) -> FileInfo:
    """Read nodes, counts and card of an .ort file.

    Raises:
        BadFile: missing, not of ONNX Runtime's format, cut off or damaged.
    """
    path = files.check_file(path, ".ort model")
    content = files.read_bytes(path, ".ort model")
    try:
        if not InferenceSession.InferenceSession.InferenceSessionBufferHasIdentifier(content, 0):
            raise ValueError("no identifier")
        session = InferenceSession.InferenceSession.GetRootAs(content)
        counts.check_counts(session.Model().Graph(), len(content))
        version, model = _text(session.OrtVersion()), _model(session.Model())
        graphs.check(model, path.parent)
        shapes = {value.name: onnx_file.shape(value) for value in (*model.graph.value_info, *model.graph.input, *model.graph.output)}
        return onnx_file.counted(path, model, shapes, "ORT", _requires(version, model))
    except BadFile:
        raise
    except InvalidModelError as error:
        raise BadFile(f"{path} is no file that ONNX Runtime can run: {untrusted.printable(str(error))}") from error
    # Damaged offsets end in any of struct.error, IndexError, TypeError, ValueError and AttributeError.
    except Exception as error:
        raise BadFile(f"{path}: not in ONNX Runtime's own format, or cut off or damaged; write it again with edgecnn bundle FILE.onnx --for ort") from error


def _requires(version: str, model: onnx.ModelProto) -> str:
    """`ONNX Runtime 1.16 or later (for version 6 of its format and opset 17)`."""
    opset = onnx_file.opset(model)
    known = [release for release in (RELEASES.get(version, ""), oldest.onnx_runtime(opset, model.ir_version)) if release]
    what = f"version {version} of its format and opset {opset}"
    if version not in RELEASES:
        return what
    return f"ONNX Runtime {max(known, key=oldest.order)} or later (for {what})"


def _model(raw: Any) -> onnx.ModelProto:
    """The file as ONNX has it; of its nodes' attributes only `channels_last`."""
    graph, model = raw.Graph(), onnx.ModelProto(ir_version=raw.IrVersion())
    for one in (raw.OpsetImport(i) for i in range(raw.OpsetImportLength())):
        model.opset_import.add(domain=_text(one.Domain()), version=one.Version())
    for entry in (raw.MetadataProps(i) for i in range(raw.MetadataPropsLength())):
        model.metadata_props.add(key=_text(entry.Key()), value=_text(entry.Value()))
    for one in (graph.Nodes(i) for i in range(graph.NodesLength())):
        inputs, outputs = ([_text(get(i)) for i in range(count)] for get, count in ((one.Inputs, one.InputsLength()), (one.Outputs, one.OutputsLength())))
        node = model.graph.node.add(op_type=_text(one.OpType()), domain=_text(one.Domain()), name=_text(one.Name()), input=inputs, output=outputs)
        for said in (one.Attributes(i) for i in range(one.AttributesLength())):
            if _text(said.Name()) == "channels_last":
                node.attribute.add(name="channels_last", type=onnx.AttributeProto.INT, i=said.I())
    for one in (graph.Initializers(i) for i in range(graph.InitializersLength())):
        dims = [one.Dims(i) for i in range(one.DimsLength())]
        raw_data = b"" if one.RawDataIsNone() else one.RawDataAsNumpy().tobytes()
        model.graph.initializer.add(name=_text(one.Name()), dims=dims, data_type=one.DataType(), raw_data=raw_data)
    values = {one.name: one for one in (_value(graph.NodeArgs(i)) for i in range(graph.NodeArgsLength()))}
    model.graph.value_info.extend(values.values())
    model.graph.input.extend(values[_text(graph.Inputs(i))] for i in range(graph.InputsLength()))
    model.graph.output.extend(values[_text(graph.Outputs(i))] for i in range(graph.OutputsLength()))
    return model


def _value(raw: Any) -> onnx.ValueInfoProto:
    """A tensor's name, type and shape; an open side is left open."""
    value, told = onnx.ValueInfoProto(name=_text(raw.Name())), raw.Type()
    if told is None or told.ValueType() != TypeInfoValue.TypeInfoValue.tensor_type:
        return value
    tensor = TensorTypeAndShape()
    tensor.Init(told.Value().Bytes, told.Value().Pos)
    value.type.tensor_type.elem_type = tensor.ElemType()
    shape = tensor.Shape()
    for i in range(shape.DimLength() if shape is not None else 0):
        side = value.type.tensor_type.shape.dim.add()
        length = shape.Dim(i).Value()
        if length is not None and length.DimValue() > 0:
            side.dim_value = length.DimValue()
    return value


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode()
