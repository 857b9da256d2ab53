"""Profiles, layers and latencies of other people's files, whatever their tensors and operators are called and whatever else is in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import foreign_nets as nets
import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from helpers import edgecnn, refused
from keras import layers
from onnxruntime import quantization
from test_foreign_tflite import convert, network, two_signatures

from edgecnn.export import flatbuffer
from edgecnn.formats.keras import trust
from edgecnn.validate import latency, node_profile, peak, profile, single_operators, start

OPTIONS = ("--mean", "123.675,116.28,103.53", "--std", "58.395,57.12,57.375")
# Of the convolution and of the last layer, for one image.
MACS = {nets.SIZE * nets.SIZE * 3 * 12, 12 * 3}

# How a tool calls a tensor of this name and number, and a node of this type and number.
NAMES: dict[str, tuple[Callable[[str, int], str], Callable[[str, int], str]]] = {
    "torch": (lambda name, i: "input.1" if name == "input" else f"/conv/Conv_output_{i}", lambda kind, i: f"/features/{kind}_{i}"),
    "tensorflow": (lambda name, i: "serving_default_x:0" if name == "input" else f"StatefulPartitionedCall/a b:{i}", lambda kind, i: f"model/a b: {i}"),
    "none": (lambda name, i: f"t{i}", lambda kind, i: ""),
    "letters of elsewhere": (lambda name, i: f"größe→{i} 日本 [bold]", lambda kind, i: f'слой "{i}" [red]x[/red]\\'),
    "a name that the runtime gives": (lambda name, i: f"t{i}", lambda kind, i: "GlobalAveragePool_3" if kind == "Gemm" else ""),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few runs are enough: no test here asserts a time."""
    monkeypatch.setattr(latency, "ROUNDS", latency.FEWEST_ROUNDS)
    monkeypatch.setattr(latency, "BUDGET", 0.05)
    monkeypatch.setattr(start, "PROCESSES", 1)
    monkeypatch.setattr(node_profile, "SESSIONS", 2)
    monkeypatch.setattr(single_operators, "ROUNDS", 3)
    monkeypatch.setattr(peak, "SECONDS", 0.002)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nets.write_photos(tmp_path_factory.mktemp("photos"), 60)


class Images(quantization.CalibrationDataReader):
    """What ONNX Runtime's quantizer calibrates with."""

    def __init__(self, name: str) -> None:
        self._rows = iter([{name: image[None]} for image in nets.normalized(nets.make_images(12)[0])])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._rows, None)


def quantized(path: Path, form: str) -> Path:
    """What ONNX Runtime makes of a float file: `QDQ` or `QOperator`."""
    out = path.with_name(f"{path.stem}_{form}.onnx")
    name = onnx.load(path).graph.input[0].name
    quantization.quantize_static(str(path), str(out), Images(name), quant_format=quantization.QuantFormat[form], per_channel=form == "QDQ")
    return out


def called(how: str) -> Callable[[onnx.ModelProto], None]:
    """Give tensors and nodes the names of another tool."""
    tensor, node = NAMES[how]

    def change(model: onnx.ModelProto) -> None:
        graph = model.graph
        names: dict[str, str] = {"": ""}
        for one in graph.node:
            for edges in (one.input, one.output):
                edges[:] = [names.setdefault(name, tensor(name, len(names))) for name in edges]
        for value in (*graph.input, *graph.output, *graph.initializer):
            value.name = names[value.name]
        for i, one in enumerate(graph.node):
            one.name = node(one.op_type, i)

    return change


def measured(path: Path, photos: Path, *words: object) -> dict:
    """The row of a file in the report of `validate --profile`."""
    page = path.parent / "report.json"
    result = edgecnn("validate", path, "--data", photos, "--no-latency", "--profile", "--json", page, *OPTIONS, *words)
    assert result.code == 0, result.err
    (row,) = json.loads(page.read_text())["groups"][0]["rows"]
    return row


def check_profile(row: dict) -> None:
    """Both operators with weights are there with their MACs, and the times make sense."""
    assert row["top1"]["value"] > 0.9
    assert {one["macs"] for one in row["operators"] if one["macs"]} == MACS
    assert row["profile"]["macs"] == sum(MACS)
    assert sum(one["share"] for one in row["operators"]) == pytest.approx(1)
    assert all(one["seconds"] >= 0 for one in row["operators"])


@pytest.mark.parametrize("how", NAMES)
def test_onnx_under_the_names_of_other_tools(how: str, photos: Path, tmp_path: Path) -> None:
    path = nets.make_onnx(tmp_path / "theirs.onnx", change=called(how))
    check_profile(measured(path, photos))
    rows = {form: measured(quantized(path, form), photos, "--against", path, *(["--layers"] if form == "QDQ" else [])) for form in ("QDQ", "QOperator")}
    for row in rows.values():
        check_profile(row)
    # By what stands where it does in the original, not by its name.
    tensor = NAMES[how][0]
    compared = {one["kind"]: one for one in rows["QDQ"]["layers"]}
    assert {"Conv", "BatchNormalization", "GlobalAveragePool", "Gemm"} <= set(compared)
    assert compared["Conv"]["name"] == compared["Conv"]["original"] == tensor("maps", 3)
    assert all(one["sqnr"] > 10 for one in compared.values())
    result = edgecnn("benchmark", path, tmp_path / "theirs_QDQ.onnx", "--threads", "1", "--profile")
    assert result.code == 0, result.err


def test_nodes_of_one_name_stay_two(tmp_path: Path) -> None:
    path = nets.make_onnx(tmp_path / "theirs.onnx", change=called("a name that the runtime gives"))
    nodes, _ = node_profile.nodes(path, nets.SIZE, nets.SIZE)
    twice = [node for node in nodes if node.name == "GlobalAveragePool_3"]
    assert [node.kind for node in twice] == ["GlobalAveragePool", "Gemm"]
    assert len(twice[0].seconds) == len(twice[1].seconds)


def test_two_nodes_of_one_name_are_refused_by_the_runtime(photos: Path, tmp_path: Path) -> None:
    def same(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            node.name = "node"

    path = nets.make_onnx(tmp_path / "theirs.onnx", change=same)
    refused(edgecnn("validate", path, "--data", photos, "--profile", *OPTIONS), "theirs.onnx", "two nodes with same node name (node)")


def test_weights_in_constant_nodes_are_weights(photos: Path, tmp_path: Path) -> None:
    path = nets.make_onnx(tmp_path / "theirs.onnx", change=nets.constant_nodes)
    check_profile(measured(path, photos))
    row = measured(quantized(path, "QDQ"), photos, "--against", path, "--layers")
    check_profile(row)
    assert {"Conv", "Gemm"} <= {one["kind"] for one in row["layers"]}


def test_of_a_fixed_batch_times_and_macs_are_those_of_one_image(tmp_path: Path) -> None:
    """A batch of sixteen takes longer than one image, not a sixteenth of the peak."""
    paths = {batch: nets.make_onnx(tmp_path / f"{batch}.onnx", batch=batch) for batch in (1, 64)}
    found = {batch: profile.operators(path, nets.SIZE, nets.SIZE)[1] for batch, path in paths.items()}
    assert found[64].macs == found[1].macs == sum(MACS)
    nodes, whole = node_profile.nodes(paths[64], nets.SIZE, nets.SIZE)
    assert whole / 64 / 4 < found[64].whole < whole / 64 * 4
    assert len(nodes) == len(profile.operators(paths[64], nets.SIZE, nets.SIZE)[0])


def open_sides(model: onnx.ModelProto) -> None:
    for place, name in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_param = name


@pytest.fixture(scope="module")
def tflite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of TensorFlow's converter: of Keras, of a SavedModel, with control flow, with a variable, with a shape that is computed."""
    folder = tmp_path_factory.mktemp("tflite")
    model = network()
    convert(network(None), folder / "open.tflite")
    convert(keras.Model(model.inputs, layers.Reshape((1, 1, 3))(model.output)), folder / "computed_shape.tflite")
    two_signatures(folder / "two_signatures.tflite", model)
    for kind in ("plain", "cond", "while", "variable"):
        convert_module(folder, kind, model)
    return folder


def convert_module(folder: Path, kind: str, model: keras.Model) -> None:
    """<kind>.tflite of a SavedModel whose input is `x`."""

    class Module(tf.Module):
        def __init__(self) -> None:
            self.count, self.tracked = tf.Variable(0.0), [variable.value for variable in model.variables]

        @tf.function(input_signature=[tf.TensorSpec((1, nets.SIZE, nets.SIZE, 3), tf.float32, name="x")])
        def classify(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            if kind == "cond":
                x = tf.cond(tf.reduce_mean(x) > 0, lambda: x * 1.0001, lambda: x - 0.0001)
            elif kind == "while":
                # With any other number than 0 in the counter it would not end.
                _, x = tf.while_loop(lambda i, _: i != 3, lambda i, y: (i + 1, y * 1.0001), [tf.cast(x[0, 0, 0, 0] * 0, tf.int32), x])
            elif kind == "variable":
                self.count.assign_add(1.0)
                x += 0 * self.count
            return {"scores": model(x)}

    module = Module()
    tf.saved_model.save(module, str(folder / kind), signatures=module.classify)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / kind))
    (folder / f"{kind}.tflite").write_bytes(converter.convert())
    if kind == "plain":
        images, _ = nets.make_images(12)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([one[None]] for one in ((images - nets.MEAN) / nets.STD).astype(np.float32))
        (folder / "integers.tflite").write_bytes(converter.convert())


def renamed(path: Path, out: Path, name: Callable[[int], bytes | None]) -> Path:
    """The file with other names of its tensors."""
    model = flatbuffer.read(path.read_bytes())
    for index, tensor in enumerate(model.subgraphs[0].tensors):
        tensor.name = name(index)
    out.write_bytes(flatbuffer.pack(model))
    return out


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(lambda index: None, id="no names"),
        pytest.param(lambda index: b"", id="empty"),
        pytest.param(lambda index: b"a/b c:0", id="one for all"),
        pytest.param(lambda index: f"größe {index} 日本 [bold]".encode(), id="letters of elsewhere"),
    ],
)
def test_tflite_under_any_names(name: Callable[[int], bytes | None], tflite: Path, photos: Path, tmp_path: Path) -> None:
    floats, integers = (renamed(tflite / f"{kind}.tflite", tmp_path / f"{kind}.tflite", name) for kind in ("plain", "integers"))
    check_profile(measured(floats, photos))
    row = measured(integers, photos, "--against", floats, "--layers")
    check_profile(row)
    assert {"CONV_2D", "MEAN", "FULLY_CONNECTED"} <= {one["kind"] for one in row["layers"]}
    assert all(one["sqnr"] > 10 for one in row["layers"])
    result = edgecnn("benchmark", floats, integers, "--threads", "1", "--profile")
    assert result.code == 0, result.err


@pytest.mark.parametrize(("kind", "operators"), [("plain", 3), ("cond", 6), ("while", 4), ("computed_shape", 7)])
def test_operators_are_fed_with_what_the_network_has_there(kind: str, operators: int, tflite: Path, photos: Path) -> None:
    """Conditions, counters and shapes too: of noise the loop would not end and the reshape would fail."""
    row = measured(tflite / f"{kind}.tflite", photos)
    check_profile(row)
    assert len(row["operators"]) >= operators
    result = edgecnn("benchmark", tflite / f"{kind}.tflite", "--threads", "1", "--profile")
    assert result.code == 0, result.err


def test_what_a_piece_computes_of_a_graph_that_it_runs(tflite: Path) -> None:
    """The loop by itself gives what the network has behind it."""
    path = tflite / "while.tflite"
    pieces = single_operators.pieces(path, nets.SIZE, nets.SIZE)
    loop, behind = (next(piece for piece in pieces if piece.kind == kind) for kind in ("WHILE", "CONV_2D"))
    interpreter = single_operators.opened(loop.content, nets.SIZE, nets.SIZE, loop.inputs)
    interpreter.invoke()
    results = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
    np.testing.assert_allclose(next(one for one in results if one.shape == behind.inputs[0].shape), behind.inputs[0], rtol=1e-6)


def test_a_variable_is_told_in_one_line(tflite: Path, photos: Path) -> None:
    """Twice in one process: LiteRT crashes where somebody looks into the memory of a variable."""
    path = tflite / "variable.tflite"
    for _ in range(2):
        refused(edgecnn("benchmark", path, "--threads", "1", "--profile"), "READ_VARIABLE", "reads a variable of the network", "leave --profile out")
    assert edgecnn("validate", path, "--data", photos, "--no-latency", *OPTIONS).code == 0


def test_of_several_signatures_the_one_that_classifies_is_profiled(tflite: Path, photos: Path) -> None:
    path = tflite / "two_signatures.tflite"
    check_profile(measured(path, photos, "--signature", "b_classify"))
    with trust.use(trust.LoadingOptions(signature="b_classify")):
        assert start.start(path, nets.SIZE, nets.SIZE).arena == start.start(tflite / "plain.tflite", nets.SIZE, nets.SIZE).arena


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_of_an_open_size_macs_are_those_of_the_size_that_is_run(suffix: str, tflite: Path, photos: Path, tmp_path: Path) -> None:
    path = tflite / "open.tflite" if suffix == "tflite" else nets.make_onnx(tmp_path / "open.onnx", change=open_sides)
    check_profile(measured(path, photos, "--image-size", nets.SIZE))
    result = edgecnn("benchmark", path, "--threads", "1", "--profile", "--image-size", nets.SIZE)
    assert result.code == 0, result.err
    refused(edgecnn("benchmark", path, "--threads", "1"), "--image-size")


@pytest.mark.parametrize("kind", ["cond", "while"])
def test_control_flow_runs_and_is_not_quantized(kind: str, tflite: Path, photos: Path, tmp_path: Path) -> None:
    path = tflite / f"{kind}.tflite"
    image = sorted((photos / "red").iterdir())[0]
    answer = edgecnn("predict", path, image, "--json", "--labels", _labels(tmp_path), *OPTIONS)
    assert json.loads(answer.out)[str(image)][0][0] == "red"
    result = edgecnn("export", path, "--int8", "--data", photos, "--out", tmp_path / "out", *OPTIONS)
    refused(result, f"{kind}.tflite", "WHILE or IF", "expected a plain network", "without control flow")
    assert not list(tmp_path.rglob("*.tflite"))


def _labels(folder: Path) -> Path:
    path = folder / "labels.txt"
    path.write_text("\n".join(nets.CLASSES))
    return path
