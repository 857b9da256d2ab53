"""Sparse kernels in a .tflite: smaller, and the same answers bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from helpers import ROOT, edgecnn

from edgecnn import runtime
from edgecnn.export import flatbuffer, sparse, storage, tflite_quantize
from edgecnn.export.formats import FORMATS
from edgecnn.runtime.pool import evaluate

MODELS = ROOT / "models"
RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (24, 32, 32, 3), np.uint8)


def edited(content: bytes, edit: Callable[[np.ndarray], np.ndarray]) -> bytes:
    """The file with each of its larger kernels changed."""
    model = flatbuffer.read(content)
    for tensor in model.subgraphs[0].tensors:
        data = model.buffers[tensor.buffer].data
        if tensor.type in sparse.TYPES and data is not None and len(data) > 2000 and len(tensor.shape) == 4:
            values = np.frombuffer(bytes(data), sparse.TYPES[tensor.type]).reshape(tensor.shape)
            model.buffers[tensor.buffer].data = np.ascontiguousarray(edit(values)).reshape(-1).view(np.uint8)
    return flatbuffer.pack(model)


def pruned(share: float) -> Callable[[np.ndarray], np.ndarray]:
    """Sets the smallest weights of a kernel to zero."""
    return lambda values: np.where(np.abs(values.astype(np.float32)) <= np.quantile(np.abs(values.astype(np.float32)), share), 0, values).astype(values.dtype)


def in_blocks(values: np.ndarray) -> np.ndarray:
    """Keeps one block of four input channels in eight."""
    kept = np.zeros(values.size // 4, bool)
    kept[::8] = True
    return (values.reshape(-1, 4) * kept[:, None]).reshape(values.shape).astype(values.dtype)


def scores(content: bytes, folder: Path) -> np.ndarray:
    path = folder / "it.tflite"
    path.write_bytes(content)
    return evaluate(path, PICTURES).scores


@pytest.mark.parametrize("edit", [pruned(0.8), pruned(0.95), in_blocks], ids=["80 %", "95 %", "blocks"])
@pytest.mark.parametrize("name", ["mobilenet_int8", "mobilenet", "squeezenet_int8"])
def test_a_sparse_file_is_smaller_and_answers_bit_by_bit(name: str, edit, tmp_path: Path):
    dense = edited((MODELS / f"{name}.tflite").read_bytes(), edit)
    stored = sparse.sparse(dense)
    assert len(stored) < 0.65 * len(dense)
    np.testing.assert_array_equal(scores(stored, tmp_path), scores(dense, tmp_path))
    assert len(sparse.sparse(stored)) == len(stored)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_file_with_few_zeros_stays_as_it_is(share: float):
    dense = edited((MODELS / "mobilenet_int8.tflite").read_bytes(), pruned(share))
    assert sparse.sparse(dense) is dense


@pytest.mark.parametrize("shape", [(40, 1, 1, 600), (600, 1, 1, 40), (40, 3, 3, 16), (600, 700)], ids=str)
@pytest.mark.parametrize("block", [1, 4])
def test_the_form_that_is_chosen_is_the_smallest_and_has_its_size(shape: tuple[int, ...], block: int):
    values = (RANDOM.random((np.prod(shape) // block, 1)) < 0.1) * RANDOM.integers(1, 127, (np.prod(shape) // block, block))
    values = values.reshape(shape).astype(np.int8)
    form = sparse.best(values)
    assert form.block == block
    if 600 in shape and 40 in shape and block == 1:
        assert shape[form.order[-1]] == 40, "forty rows fit indices of one byte"
    model = schema.ModelT()
    model.subgraphs, model.buffers, model.metadata = [schema.SubGraphT()], [schema.BufferT(), schema.BufferT()], []
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.buffer, tensor.name = np.array(shape, np.int32), schema.TensorType.INT8, 1, b"kernel"
    model.subgraphs[0].tensors, model.buffers[1].data = [tensor], values.reshape(-1).view(np.uint8)
    sparse._store(model, 0, form)
    vectors = [part.values for dim in tensor.sparsity.dimMetadata for part in (dim.arraySegments, dim.arrayIndices) if part is not None]
    assert form.bytes == len(model.buffers[tensor.buffer].data) + sum(vector.nbytes for vector in vectors)


def test_what_litert_does_not_run_stays_dense(tmp_path: Path):
    dynamic = tflite_quantize.dynamic(edited((MODELS / "mobilenet.tflite").read_bytes(), pruned(0.9)), None, "float32")
    staged = tmp_path / "dynamic.tflite"
    staged.write_bytes(dynamic)
    found = storage.choose(FORMATS["tflite"](), "dynamic", dynamic, staged, PICTURES, evaluate(staged, PICTURES).probabilities)
    assert (found.content, found.dense, staged.read_bytes()) == (dynamic, 0, dynamic)
    assert "does not run in LiteRT" in found.note


def test_a_kernel_of_zeros_alone_stays_dense():
    assert sparse.best(np.zeros((64, 1, 1, 64), np.int8)) is None


def test_other_answers_are_noticed(tmp_path: Path):
    dense = edited((MODELS / "mobilenet_int8.tflite").read_bytes(), pruned(0.9))
    staged = tmp_path / "it.tflite"
    staged.write_bytes(dense)
    answers = evaluate(staged, PICTURES).probabilities
    good = storage.choose(FORMATS["tflite"](), "int8", dense, staged, PICTURES, answers)
    assert (good.dense, staged.read_bytes()) == (len(dense), good.content)
    staged.write_bytes(dense)
    bad = storage.choose(FORMATS["tflite"](), "int8", dense, staged, PICTURES, np.roll(answers, 1, 1))
    assert (bad.dense, staged.read_bytes()) == (0, dense)
    assert "other answers" in bad.note


def test_info_tells_what_is_sparse_and_counts_every_weight(tmp_path: Path):
    dense, path = edited((MODELS / "mobilenet_int8.tflite").read_bytes(), pruned(0.9)), tmp_path / "sparse.tflite"
    path.write_bytes(dense)
    before = runtime.describe(path)
    path.write_bytes(sparse.sparse(dense))
    after = runtime.describe(path)
    assert (after.parameters, after.macs) == (before.parameters, before.macs)
    assert before.sparse_kernels == 0 < after.sparse_kernels
    assert sum(before.weight_bytes.values()) - sum(after.weight_bytes.values()) == after.dense_bytes - after.sparse_bytes > 0
    told = edgecnn("info", path)
    assert "stored sparse" in told.out, told
    assert told.code == 0


def test_equal_vectors_are_written_once_and_buffers_are_aligned():
    content = flatbuffer.pack(flatbuffer.read((MODELS / "mobilenet_int8.tflite").read_bytes()))
    model = schema.Model.GetRootAs(content)
    graph = model.Subgraphs(0)
    found = [graph.Tensors(i).Quantization() for i in range(graph.TensorsLength())]
    zero_points = [it._tab.Vector(it._tab.Offset(10)) for it in found if it is not None and it.ScaleLength() == 256]
    assert len(zero_points) > len(set(zero_points)) == 1
    buffers = [model.Buffers(i) for i in range(model.BuffersLength())]
    assert {buffer._tab.Vector(buffer._tab.Offset(4)) % 16 for buffer in buffers if buffer.DataLength()} == {0}
