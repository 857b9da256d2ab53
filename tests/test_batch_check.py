"""Files whose answers depend on other images, or on chance, are refused; files that work for one image alone are run so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from export import foreign_files as theirs
from onnx import helper, numpy_helper

from edgecnn.card import Preprocessing
from edgecnn.errors import BadFile
from edgecnn.runtime import open_model
from edgecnn.sources.open_classifier import open_classifier

GIVEN = Preprocessing(theirs.SIDE, theirs.SIDE, mean=(127.5,), std=(127.5,))
IMAGES = np.random.default_rng(0).integers(0, 256, (20, theirs.SIDE, theirs.SIDE, 3), np.uint8)


def insert(proto: onnx.ModelProto, before: str, *nodes: onnx.NodeProto, **constants: np.ndarray) -> onnx.ModelProto:
    """Put nodes in front of the node of that kind, which then reads the last one's result."""
    place = next(i for i, node in enumerate(proto.graph.node) if node.op_type == before)
    proto.graph.node[place].input[0] = nodes[-1].output[0]
    rest = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend([*rest[:place], *nodes, *rest[place:]])
    proto.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    return proto


def over_the_batch() -> onnx.ModelProto:
    proto = theirs.classifier()
    proto.graph.node[-1].attribute[0].i = 0
    return proto


def batch_norm_in_training() -> onnx.ModelProto:
    """What a batch norm in training mode computes: the mean over the batch taken off."""
    nodes = helper.make_node("ReduceMean", ["flat"], ["over"], axes=[0], keepdims=1), helper.make_node("Sub", ["flat", "over"], ["centered"])
    return insert(theirs.classifier(), "Gemm", *nodes)


def dropout_in_training() -> onnx.ModelProto:
    """What a dropout in training mode computes, spelled out: ONNX Runtime takes a Dropout node itself out of some graphs."""
    nodes = helper.make_node("RandomUniformLike", ["flat"], ["chance"]), helper.make_node("Mul", ["flat", "chance"], ["dropped"])
    return insert(theirs.classifier(), "Gemm", *nodes)


def for_one_image() -> onnx.ModelProto:
    return insert(theirs.classifier(), "Gemm", helper.make_node("Reshape", ["flat", "shape"], ["row"]), shape=np.array([1, 8], np.int64))


def saved(proto: onnx.ModelProto, folder: Path) -> Path:
    return theirs.save(proto, folder / "theirs.onnx")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (over_the_batch, "other images of its batch"),
        (batch_norm_in_training, "other images of its batch"),
        (dropout_in_training, "gives other scores each time"),
    ],
)
def test_training_mode_is_refused_at_the_first_run(make, words, tmp_path):
    path = saved(make(), tmp_path)
    with pytest.raises(BadFile, match=words) as error:
        open_classifier(path, given=GIVEN).runner.scores(IMAGES)
    assert "model.eval()" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("batch", ["N", 1, 4])
@pytest.mark.parametrize("softmax", [True, False])
def test_good_files_pass(batch, softmax, tmp_path):
    path = saved(theirs.classifier(batch=batch, softmax=softmax), tmp_path)
    assert open_model(path, preprocessing=GIVEN).scores(IMAGES).shape == (20, theirs.CLASSES)


def test_a_fixed_batch_is_judged_too(tmp_path):
    """One image fills such a batch alone; among others it has other scores."""
    proto = batch_norm_in_training()
    for value in (proto.graph.input[0], proto.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 8
    with pytest.raises(BadFile, match="other images of its batch"):
        open_model(saved(proto, tmp_path), preprocessing=GIVEN).scores(IMAGES)


def test_an_open_batch_that_works_for_one_only(tmp_path):
    path = saved(for_one_image(), tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (20, theirs.SIDE, theirs.SIDE, 3), np.uint8)
    session = onnxruntime.InferenceSession(str(path))
    fed = np.moveaxis((images.astype(np.float32) - 127.5) / 127.5, 3, 1)
    right = np.concatenate([session.run(None, {"input": fed[i : i + 1]})[0] for i in range(20)])
    with open_classifier(path, given=GIVEN) as classifier:
        np.testing.assert_allclose(classifier.runner.scores(images), right, atol=1e-5)
        assert classifier.runner.batch == 1
        np.testing.assert_allclose(classifier.runner.scores(images[:9]), right[:9], atol=1e-5)


def test_a_file_that_fails_for_one_image_says_so(tmp_path):
    proto = insert(theirs.classifier(), "Gemm", helper.make_node("Reshape", ["flat", "shape"], ["row"]), shape=np.array([3, 8], np.int64))
    runner = open_model(saved(proto, tmp_path), preprocessing=GIVEN)
    with pytest.raises(BadFile, match="ONNX Runtime cannot run it"):
        runner.scores(np.zeros((2, theirs.SIDE, theirs.SIDE, 3), np.uint8))
