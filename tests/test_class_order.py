"""Which output is which class, where the folders' names are numbers: 0, 1, 10, 11, 2 as text, 0, 1, 2, ... 11 as people count."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from bare_runtimes import images_of, level_weights, levels_folder
from helpers import edgecnn
from onnx import TensorProto, helper, numpy_helper

CLASSES = 12
AS_TEXT, AS_NUMBERS = sorted(map(str, range(CLASSES))), [str(number) for number in range(CLASSES)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return levels_folder(tmp_path_factory.mktemp("order") / "levels", CLASSES, images=30, spread=2)


@pytest.fixture(scope="module")
def natural(folder) -> Path:
    """Twelve levels of gray, outputs as people count, no names inside; the input is (pixel - 128) / 128."""
    return _levels_net(folder.parent / "natural.onnx", AS_NUMBERS)


def _levels_net(path: Path, order: list[str]) -> Path:
    weights, bias = level_weights(CLASSES, 1 / 128, -1, 500)
    columns = [int(name) for name in order]
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["color"]),
        helper.make_node("Gemm", ["color", "weights", "bias"], ["scores"]),
    ]
    constants = [numpy_helper.from_array(weights[:, columns].copy(), "weights"), numpy_helper.from_array(bias[columns], "bias")]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("image", ["N", 3, 16, 16]), ("scores", ["N", CLASSES]))]
    graph = helper.make_graph(nodes, "levels", ends[:1], ends[1:], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def _labels(path: Path, names: list[str]) -> Path:
    path.write_text("\n".join(names) + "\n")
    return path


def _validated(folder: Path, model: Path, *words: object) -> tuple[float, str]:
    """Top-1 of the report, and all that was said, in one line."""
    page = folder.parent / "report.json"
    result = edgecnn("validate", model, "--data", folder, "--mean", 128, "--std", 128, "--no-latency", "--json", page, *words)
    assert result.code == 0, result.err
    (row,) = json.loads(page.read_text())["groups"][0]["rows"]
    return row["top1"]["value"], " ".join(f"{result.out} {result.err}".split())


def _accuracy_in_order(folder: Path, model: Path, order: list[str]) -> float:
    """What ONNX Runtime alone answers, output k taken for class `order[k]`."""
    import onnxruntime
    from PIL import Image

    paths, _ = images_of(folder, "test")
    pixels = np.stack([np.asarray(Image.open(path), np.float32) for path in paths])
    session = onnxruntime.InferenceSession(model)
    (scores,) = session.run(None, {"image": np.moveaxis((pixels - 128) / 128, -1, 1)})
    return float(np.mean([order[k] == path.parent.name for k, path in zip(scores.argmax(1), paths, strict=True)]))


def test_natural_order_is_suspected_where_the_folders_order_answers_like_chance(folder, natural):
    top1, said = _validated(folder, natural)
    assert top1 == pytest.approx(_accuracy_in_order(folder, natural, AS_TEXT))
    assert top1 < 0.3
    assert "as people count" in said
    assert "fit counted: 100.0 % right counted" in said
    assert "--labels FILE" in said


def test_with_the_names_in_natural_order_the_answers_are_right(folder, natural, tmp_path):
    top1, said = _validated(folder, natural, "--labels", _labels(tmp_path / "labels.txt", AS_NUMBERS))
    assert top1 == pytest.approx(_accuracy_in_order(folder, natural, AS_NUMBERS)) == 1
    assert "as people count" not in said


def test_the_order_of_the_folders_is_not_suspected_where_it_answers_well(folder, tmp_path):
    """Keras' own order: outputs sorted as text. There is nothing to warn of in the accuracy, though both orders differ."""
    top1, said = _validated(folder, _levels_net(tmp_path / "sorted.onnx", AS_TEXT))
    assert top1 == 1
    assert "fit counted" not in said


def test_wrong_names_of_the_right_number_are_measured_as_they_were_given(folder, natural, tmp_path):
    """Names that somebody typed are heeded, whatever they cost."""
    names = AS_NUMBERS[::-1]
    top1, _ = _validated(folder, natural, "--labels", _labels(tmp_path / "labels.txt", names))
    assert top1 == pytest.approx(_accuracy_in_order(folder, natural, names))
    assert top1 < 0.1
