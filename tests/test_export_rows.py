"""Every row of the catalog and of its modules becomes float32 and int8 TFLite and ONNX, of built-in operators, that do what the Keras model does."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from exporting import WEIGHTED, floating, groups_of, products, tflite_operators
from miniatures import DEEP, deep_ones_slow, miniature

from edgecnn.arch import build
from edgecnn.arch.lively import enliven
from edgecnn.card import INPUT, Preprocessing
from edgecnn.catalog import CATALOG, MODULES
from edgecnn.data import Dataset, Split
from edgecnn.export import Exported, check, export
from edgecnn.export.formats import FORMATS
from edgecnn.export.ranges import choose
from edgecnn.progress import SILENT
from edgecnn.runtime.preprocess import prepare
from edgecnn.settings import Export

BOTH = Export(schemes=("float32", "int8"), calibration=8, min_agreement=0.0)
FILES = {(scheme, suffix) for scheme in BOTH.schemes for suffix in BOTH.formats}

# Of the root mean square of differences from the Keras model, over the spread of its answers.
LIMIT = 1e-3


def size_of(model: keras.Model) -> Preprocessing:
    height, width, channels = model.input.shape[1:]
    return Preprocessing(height, width, "grey" if channels == 1 else "rgb", (128.0,), (128.0,))


def dataset(size: Preprocessing, count: int = 12) -> Dataset:
    """Made-up pictures in two classes, most of them for training."""
    pictures, labels, names = check.generated(size, count), np.arange(count) % 2, tuple(map(str, range(count)))
    parts = {"train": slice(4, None), "val": slice(0, 2), "test": slice(2, 4)}
    return Dataset("made-up", ("a", "b"), {name: Split(pictures[part], labels[part], names[part]) for name, part in parts.items()}, "0" * 64)


def exported(model: keras.Model, folder: Path) -> dict[tuple[str, str], Exported]:
    """The four files of a model with weights that make pictures differ, by scheme and suffix."""
    size = size_of(model)
    data = dataset(size)
    enliven(model, prepare(data.splits["train"].pictures, size))
    path = folder / f"{model.name}.keras"
    model.save(path)
    return {(one.scheme, one.path.suffix[1:]): one for one in export(path, settings=BOTH, data=data, preprocessing=size)}


def must_be_built_in(path: Path, model: keras.Model, *, integer: bool) -> None:
    """Operators of the format itself only; one with weights for each of the model's, groups kept; integers throughout, but for ONNX' softmax."""
    expected = products(model)
    if path.suffix == ".tflite":
        operators = tflite_operators(path)
        assert not [one.kind for one in operators if one.kind == "CUSTOM" or one.kind.startswith("Flex")]
        assert sum(one.kind in WEIGHTED for one in operators) == expected.total()
        grouped = [layer.groups for layer in model.layers if isinstance(layer, keras.layers.Conv2D) and layer.groups > 1]
        assert sorted(one.groups for one in operators if one.kind == "CONV_2D" and one.groups > 1) == sorted(grouped)
        assert not (integer and [one.kind for one in operators if "FLOAT32" in one.types])
        return
    assert {node.domain for node in onnx.load(path).graph.node} == {""}
    assert groups_of(path) == Counter({groups: count for (kind, groups), count in expected.items() if kind == "conv"})
    # Softmax runs in float, so that near ties stay apart.
    assert not integer or set(floating(path)) <= {"Softmax"}


def must_do_the_same(model: keras.Model, folder: Path, record_property) -> None:
    made = exported(model, folder)
    assert made.keys() == FILES
    for (scheme, suffix), one in made.items():
        record_property(f"{scheme} {suffix}", f"{one.agreement:.2f} agreement, {one.difference:.1e} difference, {one.bytes} bytes")
        must_be_built_in(one.path, model, integer=scheme == "int8")
        if scheme == "float32":
            assert one.difference <= LIMIT
            assert one.agreement == 1.0


@pytest.mark.parametrize("name", deep_ones_slow(CATALOG))
def test_a_row_exports_to_files_that_do_the_same(name, tmp_path, record_property):
    must_do_the_same(miniature(name), tmp_path, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("name", CATALOG)
def test_a_row_exports_at_full_size(name, tmp_path, record_property):
    keras.backend.clear_session()
    must_do_the_same(build(name), tmp_path, record_property)


def test_every_family_is_exported_in_every_run():
    assert {CATALOG[name].family for name in DEEP} <= {row.family for name, row in CATALOG.items() if name not in DEEP}


def run_tflite(content: bytes, inputs: np.ndarray) -> np.ndarray:
    """Reals for reals, through the integers of the file where it has them."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (given,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    answers = []
    for one in inputs:
        scale, zero = given["quantization"]
        interpreter.set_tensor(given["index"], one[None] if not scale else np.clip(np.rint(one[None] / scale) + zero, -128, 127).astype(np.int8))
        interpreter.invoke()
        scale, zero = result["quantization"]
        raw = interpreter.get_tensor(result["index"]).astype(np.float32)
        answers.append((raw - zero) * scale if scale else raw)
    return np.concatenate(answers)


def run_onnx(content: onnx.ModelProto, inputs: np.ndarray) -> np.ndarray:
    return onnxruntime.InferenceSession(content.SerializeToString()).run(None, {INPUT: inputs})[0]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", MODULES)
def test_a_module_exports_to_files_that_do_the_same(name, suffix, tmp_path, record_property):
    model = miniature(name)
    inputs = np.random.default_rng(0).normal(size=(8, *model.input.shape[1:])).astype(np.float32)
    expected = keras.ops.convert_to_numpy(enliven(model, inputs)(inputs))
    writer, run = FORMATS[suffix](), run_tflite if suffix == "tflite" else run_onnx
    real = writer.convert(model)
    near = writer.snap(real, writer.means(real, inputs, None), {})
    whole = writer.quantize("int8", near, choose(writer.extremes(near, inputs, None, SILENT)), "int8")
    for scheme, content, limit in (("float32", real, LIMIT), ("int8", whole, 0.25)):
        path = tmp_path / f"{scheme}.{suffix}"
        path.write_bytes(content if suffix == "tflite" else content.SerializeToString())
        must_be_built_in(path, model, integer=scheme == "int8")
        difference = np.sqrt(np.square(run(content, inputs) - expected).mean()) / expected.std(0).mean()
        record_property(scheme, f"{difference:.1e} difference")
        assert difference <= limit
