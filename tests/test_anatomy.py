"""Every byte of a file is accounted for, and what is said to save bytes saves them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers import ROOT
from onnx import TensorProto, helper, numpy_helper

from edgecnn.errors import BadFile
from edgecnn.export import flatbuffer, sparse
from edgecnn.runtime import describe
from edgecnn.validate import anatomy
from edgecnn.validate.layers import tflite_values

MODELS = ROOT / "models"
FILES = sorted((*MODELS.glob("*.tflite"), *MODELS.glob("*.onnx"), *MODELS.glob("*/*.tflite"), *MODELS.glob("*/*.onnx")))


def totals(path: Path) -> dict[str, int]:
    return {part.kind: part.bytes for part in anatomy.parts(path)[0] if not part.layer}


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(MODELS)) for path in FILES])
def test_parts_are_the_whole_file(path):
    found = totals(path)
    weights = sum(describe(path).weight_bytes.values())
    assert sum(found.values()) == path.stat().st_size
    # Vectors have four bytes more for their length.
    assert weights <= found["weights"] + found["biases"] <= weights + 1000
    assert 1000 < found["metadata"] < 5000
    assert found.get("padding", 0) < 0.01 * path.stat().st_size
    assert 0 < found["graph"] < 0.15 * path.stat().st_size


def test_layers_are_the_whole_of_the_weights():
    parts, _ = anatomy.parts(MODELS / "mobilenet_int8.tflite")
    layers = [part for part in parts if part.layer and part.kind == "weights"]
    assert sum(part.bytes for part in layers) == totals(MODELS / "mobilenet_int8.tflite")["weights"]
    assert layers[0].layer == "conv_pw_13_relu"
    assert layers[0].bytes == 256 * 256 + 4
    assert all(0 < part.gzip_bytes <= part.bytes + 16 for part in parts)


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_what_int8_would_save_is_about_what_it_saves(suffix):
    whole = MODELS / f"squeezenet{suffix}"
    said = next(text for text in anatomy.parts(whole)[1] if text.startswith("int8 weights would save about "))
    saved = int(said.split()[5].replace(",", ""))
    assert saved == pytest.approx(whole.stat().st_size - (MODELS / f"squeezenet_int8{suffix}").stat().st_size, rel=0.05)
    assert not any("int8 weights" in text for text in anatomy.parts(MODELS / f"squeezenet_int8{suffix}")[1])


def pruned(path: Path) -> Path:
    """The shipped MobileNet with nine of ten weights of each kernel zero."""
    model = flatbuffer.read((MODELS / "mobilenet.tflite").read_bytes())
    for tensor in model.subgraphs[0].tensors:
        if len(tensor.shape) == 4 and tflite_values.is_constant(model, tensor):
            values = flatbuffer.values(model, tensor)
            flatbuffer.store(model, tensor, np.where(np.abs(values) < np.quantile(np.abs(values), 0.9), 0, values))
    path.write_bytes(flatbuffer.pack(model))
    return path


def test_what_sparse_storage_would_save_is_what_it_saves(tmp_path):
    dense = pruned(tmp_path / "dense.tflite")
    (tmp_path / "sparse.tflite").write_bytes(sparse.sparse(dense.read_bytes()))
    saved = dense.stat().st_size - (tmp_path / "sparse.tflite").stat().st_size
    assert saved > 200_000
    assert any(text.startswith(f"sparse storage would save {saved:,} bytes") for text in anatomy.parts(dense)[1])
    found = totals(tmp_path / "sparse.tflite")
    assert sum(found.values()) == (tmp_path / "sparse.tflite").stat().st_size
    assert found["sparse places"] > 10_000
    assert not any("sparse" in text for text in anatomy.parts(tmp_path / "sparse.tflite")[1])


def test_sparse_constants_are_read_as_they_were(tmp_path):
    dense = pruned(tmp_path / "dense.tflite").read_bytes()
    spread = flatbuffer.read(sparse.sparse(dense))
    known = {t.name: flatbuffer.values(model, t) for model in [flatbuffer.read(dense)] for t in model.subgraphs[0].tensors if len(t.shape) == 4 and t.buffer}
    packed = [t for t in spread.subgraphs[0].tensors if t.sparsity is not None]
    assert len(packed) > 10
    for tensor in packed:
        assert np.array_equal(tflite_values.values(spread, tensor), known[tensor.name])


def test_blocks_are_read_as_they_were():
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(8, 3, 3, 32)) * (rng.random((8, 3, 3, 8, 1)) < 0.1).repeat(4, -1).reshape(8, 3, 3, 32)).astype(np.float32)
    form = sparse.best(values)
    assert form.block > 1
    model = flatbuffer.read((MODELS / "mobilenet.tflite").read_bytes())
    index = flatbuffer.constant(model, values, "blocks")
    sparse._store(model, index, form)
    assert np.array_equal(tflite_values.values(model, model.subgraphs[0].tensors[index]), values)


def test_tables_that_are_stored_again_and_again_are_told(tmp_path):
    model = onnx.load(MODELS / "mobilenet_int8.onnx")
    twin = onnx.TensorProto()
    largest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    twin.CopyFrom(largest)
    twin.name = "twin"
    model.graph.initializer.append(twin)
    unread = tmp_path / "unread.onnx"
    onnx.save(model, unread)
    assert f"{len(largest.raw_data):,} bytes of constants are read by nothing" in anatomy.parts(unread)[1]
    reader = next(node for node in model.graph.node if node.op_type == "DequantizeLinear" and node.input[0] == largest.name)
    again = onnx.NodeProto()
    again.CopyFrom(reader)
    again.input[0], again.output[0] = "twin", "twin_expanded"
    model.graph.node.append(again)
    onnx.save(model, tmp_path / "twice.onnx")
    assert any(text.startswith("equal weights are stored more than once") for text in anatomy.parts(tmp_path / "twice.onnx")[1])


def test_constants_in_typed_fields_and_inner_shapes_are_counted(tmp_path):
    weights = helper.make_tensor("w", TensorProto.FLOAT, [64, 10], np.arange(640, dtype=np.float32).tolist())
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size]) for name, size in (("x", 64), ("y", 10))]
    shapes = [helper.make_tensor_value_info(f"inner{i}", TensorProto.FLOAT, [1, 2, 3, 4]) for i in range(40)]
    model = helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:], [weights], value_info=shapes))
    path = tmp_path / "typed.onnx"
    onnx.save(model, path)
    found = totals(path)
    assert sum(found.values()) == path.stat().st_size
    assert 2560 <= found["weights"] <= 2570
    assert numpy_helper.to_array(weights).nbytes == 2560
    assert any("inner tensors" in text for text in anatomy.parts(path)[1])


@pytest.mark.parametrize("name", ["mobilenet_int8.tflite", "mobilenet_int8.onnx"])
def test_a_file_that_is_cut_off_is_one_line(name, tmp_path):
    path = tmp_path / name
    path.write_bytes((MODELS / name).read_bytes()[:-5000])
    with pytest.raises(BadFile, match="cut off or damaged"):
        anatomy.parts(path)


def test_a_model_has_no_parts():
    assert anatomy.parts(MODELS / "mobilenet.keras") == ((), ())
