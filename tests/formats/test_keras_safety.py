"""No code of a model file is run: every hostile file is refused in one line before anything of it is built, and leaves no trace."""

from __future__ import annotations

import base64
import io
import json
import marshal
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from helpers import edgecnn, picture, python, refused

from edgecnn.errors import BadFile, UnsafeModelError
from edgecnn.formats.keras import check_config, inspect_config
from edgecnn.formats.keras.demanding import is_demanding
from edgecnn.formats.keras.lambdas import recognize
from edgecnn.runtime import open_model

MARK = "MARK"


def bytecode(function: Any) -> str:
    return base64.b64encode(marshal.dumps(function.__code__)).decode()


def hostile(x):
    open("MARK", "w").write("ran")  # noqa: SIM115 - what a hostile file would do
    return x / 255.0


def entry(kind: str, config: dict[str, Any], module: str | None = None, **more: Any) -> dict[str, Any]:
    """A layer between the input and the last layer."""
    fields = {"module": module} if module else {}
    return {**fields, "class_name": kind, "config": {"name": "odd", **config}, "name": "odd", "inbound_nodes": [[["image", 0, 0, {}]]], **more}


def network(odd: dict[str, Any]) -> dict[str, Any]:
    layers = [
        {
            "class_name": "InputLayer",
            "config": {"batch_input_shape": [None, 8, 8, 3], "dtype": "float32", "name": "image"},
            "name": "image",
            "inbound_nodes": [],
        },
        odd,
        {"class_name": "Flatten", "config": {"name": "flat"}, "name": "flat", "inbound_nodes": [[["odd", 0, 0, {}]]]},
    ]
    config = {"name": "net", "layers": layers, "input_layers": [["image", 0, 0]], "output_layers": [["flat", 0, 0]]}
    return {"class_name": "Functional", "config": config}


CODE = bytecode(hostile)
LAMBDA2 = {"function": [CODE, None, None], "function_type": "lambda", "module": "__main__", "arguments": {}, "output_shape": None,
           "output_shape_type": "raw", "output_shape_module": None}  # fmt: skip
LAMBDA3 = {"function": {"class_name": "__lambda__", "config": {"code": CODE, "defaults": None, "closure": None}}, "arguments": {}}
SAFE_DENSE = {"units": 2, "activation": "relu"}


def function_of(module: str | None, name: str) -> dict[str, Any]:
    return {"class_name": "function", "module": module, "config": name, "registered_name": name}


def nested(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return {"value": value}


HOSTILE = {
    "lambda of Keras 2": entry("Lambda", LAMBDA2),
    "lambda of Keras 3": entry("Lambda", LAMBDA3, "keras.layers"),
    "lambda with defaults": entry("Lambda", {**LAMBDA2, "function": [bytecode(lambda x: x / 255.0), [CODE], None]}),
    "lambda with a closure": entry("Lambda", {**LAMBDA2, "function": [bytecode(lambda x: x / 255.0), None, [CODE]]}),
    "lambda with arguments": entry("Lambda", {**LAMBDA2, "function": [bytecode(lambda x: x / 255.0), None, None], "arguments": {"y": 1}}),
    "lambda of a named function": entry("Lambda", {"function": "system", "function_type": "function", "module": "os", "arguments": {}}),
    "lambda of an own preprocess_input": entry("Lambda", {"function": "preprocess_input", "function_type": "function", "module": "evil.applications.vgg16"}),
    "lambda that is no base64": entry("Lambda", {**LAMBDA2, "function": ["%%%", None, None]}),
    "lambda in an activation": entry("Dense", {"units": 2, "activation": LAMBDA3["function"]}, "keras.layers"),
    "lambda in an initializer": entry("Dense", {**SAFE_DENSE, "kernel_initializer": LAMBDA3["function"]}, "keras.layers"),
    "lambda in a wrapper": entry("TimeDistributed", {"layer": {"module": "keras.layers", "class_name": "Lambda", "config": LAMBDA3}}, "keras.layers"),
    "lambda in an inner network": {**network(entry("Lambda", LAMBDA2)), "name": "odd", "inbound_nodes": [[["image", 0, 0, {}]]]},
    "class of a foreign module": entry("Popen", {"args": "touch MARK"}, "subprocess", registered_name=None),
    "class by its registered name": entry("Dense", SAFE_DENSE, "keras.layers", registered_name="evil>Dense"),
    "custom class of Keras 2": entry("Custom>Mine", {}),
    "unknown class": entry("Mine", {}),
    "class name that is no text": entry("Dense", SAFE_DENSE) | {"class_name": ["Dense"]},
    "module that begins like Keras": entry("Dense", SAFE_DENSE, "kerasevil.layers"),
    "function of os as activation": entry("Dense", {"units": 2, "activation": function_of("os", "system")}, "keras.layers"),
    "function of builtins as activation": entry("Dense", {"units": 2, "activation": function_of("builtins", "exec")}, "keras.layers"),
    "download by a function of Keras": entry("Dense", {"units": 2, "activation": function_of("keras.utils", "get_file")}, "keras.layers"),
    "TFOpLambda io": entry("TFOpLambda", {"function": "io.write_file"}),
    "TFOpLambda py_function": entry("TFOpLambda", {"function": "py_function"}),
    "TFOpLambda numpy_function": entry("TFOpLambda", {"function": "numpy_function"}),
    "TFOpLambda raw operator": entry("TFOpLambda", {"function": "raw_ops.WriteFile"}),
    "TFOpLambda library": entry("TFOpLambda", {"function": "load_op_library"}),
    "TFOpLambda print": entry("TFOpLambda", {"function": "print"}),
    "TFOpLambda without a name": entry("TFOpLambda", {"function": {"class_name": "x"}}),
    "TFSMLayer": entry("TFSMLayer", {"filepath": "/tmp/elsewhere"}, "keras.layers"),
    "TorchModuleWrapper": entry("TorchModuleWrapper", {"module": CODE}, "keras.layers"),
    "JaxLayer": entry("JaxLayer", {"call_fn": LAMBDA3["function"]}, "keras.layers"),
    "StringLookup": entry("StringLookup", {"vocabulary": "/etc/passwd"}, "keras.layers"),
    "TextVectorization": entry("TextVectorization", {"vocabulary": "/etc/passwd"}, "keras.layers"),
    "operation with a function": entry("Map", {"function": LAMBDA3["function"]}, "keras.src.ops.core"),
    "type of TensorFlow": entry("Dense", {**SAFE_DENSE, "x": {"class_name": "__typespec__", "spec_name": "x", "module": "os", "config": []}}),
    "layer in the arguments of a call": entry("Dense", SAFE_DENSE) | {"inbound_nodes": [[["image", 0, 0, {"x": {"class_name": "Lambda", "config": LAMBDA2}}]]]},
    "nested too deep": entry("Dense", SAFE_DENSE | nested(300)),
    "nested near the recursion limit": entry("Dense", SAFE_DENSE | nested(900)),
}  # fmt: skip


def write_h5(path: Path, config: Any) -> Path:
    with h5py.File(path, "w") as stored:
        stored.attrs["model_config"] = json.dumps(config)
        stored.attrs["keras_version"] = "2.15.0"
        group = stored.create_group("model_weights")
        group.attrs["layer_names"] = np.array([b"image", b"odd", b"flat"])
        for name in ("image", "odd", "flat"):
            group.create_group(name).attrs["weight_names"] = np.array([], "S1")
    return path


def write_keras(path: Path, config: Any) -> Path:
    weights = io.BytesIO()
    with h5py.File(weights, "w") as stored:
        stored.create_group("layers")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.5.0"}))
        archive.writestr("model.weights.h5", weights.getvalue())
    return path


@pytest.fixture(autouse=True)
def leaves_no_mark(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / MARK).exists()


@pytest.mark.parametrize("write", [write_h5, write_keras], ids=["h5", "keras"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_descriptions_are_refused_before_anything_is_built(tmp_path, name, write):
    path = write(tmp_path / f"theirs.{'h5' if write is write_h5 else 'keras'}", network(HOSTILE[name]))
    with pytest.raises(UnsafeModelError) as caught:
        check_config(inspect_config(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(UnsafeModelError):
        open_model(path)


def lambda_h5(folder: Path) -> Path:
    """What shared/cases/foreign_files/make_keras2_lambda.py makes, with weights that tf_keras would load."""
    return write_h5(folder / "theirs.h5", network(HOSTILE["lambda of Keras 2"]))


def test_the_hostile_file_is_hostile(tmp_path):
    """tf_keras runs it: else every other test here would prove nothing."""
    tf_keras = pytest.importorskip("tf_keras")
    tf_keras.models.load_model(lambda_h5(tmp_path), compile=False)
    assert (tmp_path / MARK).exists()
    (tmp_path / MARK).unlink()


@pytest.mark.parametrize(
    "words",
    ["validate {} --data {data} --no-latency", "predict {} photo.png", "benchmark {}", "export {} --tflite", "compress {} --prune 0.5 --data {data}",
     "optimize {} --data {data}", "bundle {} --for c", "info {}", "check {}", "train mobilenet --data {data} --weights {}", "benchmark {} {}",
     "validate {} --against {} --data {data} --no-latency", "train mobilenet --data {data} --teacher {}"],
)  # fmt: skip
def test_every_command_refuses_it_in_one_line(tmp_path, words):
    for shade in range(6):
        for name in ("a", "b"):
            picture(tmp_path / "data" / name / f"{shade}.png", shade * 20 + (name == "b"))
    picture(tmp_path / "photo.png")
    path = lambda_h5(tmp_path)
    refused(edgecnn(*(word.format(path, data=tmp_path / "data") for word in words.split())))


def test_the_message_says_why_and_what_to_do(tmp_path):
    refused(edgecnn("export", lambda_h5(tmp_path), "--tflite"), "layer 'odd' is a Lambda", "keras.layers.Rescaling(1/255)", "--trust-code")


def test_neither_tensorflow_nor_keras_is_loaded_to_refuse(tmp_path):
    path = lambda_h5(tmp_path)
    code = f"""
import sys
from edgecnn.formats.keras import check_config, inspect_config
try:
    check_config(inspect_config({str(path)!r}))
except ValueError as error:
    print(type(error).__name__, [name for name in ("tensorflow", "keras", "tf_keras") if name in sys.modules])
"""
    assert python(code) == "UnsafeModelError []\n"


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".h5", ".keras"])
def test_pickles_are_named_with_the_way_on(tmp_path, suffix):
    class Evil:
        def __reduce__(self):
            return os.system, ("touch MARK",)

    path = tmp_path / f"theirs{suffix}"
    path.write_bytes(pickle.dumps(Evil()))
    for command in ("validate", "info", "benchmark"):
        refused(edgecnn(command, path), "pickle", "save" if suffix in (".pkl", ".pickle", ".joblib", ".h5", ".keras") else "torch.onnx.export")


def test_a_card_names_no_code(tmp_path):
    """A card is JSON: what looks like an object in it is a wrong value, never built."""
    path = write_h5(tmp_path / "theirs.h5", network(entry("Dense", SAFE_DENSE)))
    path.with_suffix(".json").write_text(json.dumps({"class_name": "Lambda", "config": LAMBDA2, "name": "x", "preprocessing": LAMBDA3}))
    refused(edgecnn("info", path))


def test_weights_without_a_network_are_called_so(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as stored:
        stored.attrs["layer_names"] = np.array([b"dense"])
    with h5py.File(tmp_path / "w.weights.h5", "w") as stored:
        stored.create_group("layers")
    for name in ("w.h5", "w.weights.h5"):
        refused(edgecnn("export", tmp_path / name, "--tflite"), "weights only", "model.save")


@pytest.mark.parametrize("trick", ["external link", "soft link", "external array", "virtual array", "objects", "huge array"])
def test_hdf5_that_points_elsewhere_or_fills_the_memory(tmp_path, trick):
    path = write_h5(tmp_path / "theirs.h5", network(entry("Dense", SAFE_DENSE)))
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(64))
    with h5py.File(path, "a") as stored:
        group = stored["model_weights"]
        if trick == "external link":
            group["x"] = h5py.ExternalLink("/etc/passwd", "/x")
        elif trick == "soft link":
            group["x"] = h5py.SoftLink("/model_weights")
        elif trick == "external array":
            group.create_dataset("x", (16,), "f4", external=[(str(secret), 0, 64)])
        elif trick == "virtual array":
            layout = h5py.VirtualLayout((4,), "f4")
            layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
            group.create_virtual_dataset("x", layout)
        elif trick == "objects":
            group.create_dataset("x", data=["text"], dtype=h5py.string_dtype())
        else:
            group.create_dataset("x", (1 << 20, 1 << 12), "f4", chunks=(1024, 1024))
    with pytest.raises(UnsafeModelError):
        inspect_config(path)


def test_a_zip_that_unpacks_to_far_more_is_refused(tmp_path):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(network(entry("Dense", SAFE_DENSE))))
        with archive.open("model.weights.h5", "w", force_zip64=True) as stream:
            for _ in range(300):
                stream.write(bytes(1 << 20))
    with pytest.raises(UnsafeModelError, match="memory"):
        inspect_config(path)


def test_two_configurations_in_one_zip(tmp_path):
    path = write_keras(tmp_path / "two.keras", network(entry("Dense", SAFE_DENSE)))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", json.dumps(network(HOSTILE["lambda of Keras 3"])))
    with pytest.raises(UnsafeModelError, match="two files of one name"):
        inspect_config(path)


@pytest.mark.parametrize("name", ["pipe.h5", "pipe.keras"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(BadFile):
        inspect_config(tmp_path / name)


def message(*parts: tuple[int, bytes]) -> bytes:
    """A protocol buffer of fields with bytes."""
    out = b""
    for number, value in parts:
        length, size = len(value), b""
        while length >= 128:
            size, length = size + bytes([length & 127 | 128]), length >> 7
        out += bytes([number << 3 | 2]) + size + bytes([length]) + value
    return out


def saved_model(folder: Path, *, node: str = "NoOp", function: tuple[str, str] | None = None, objects: bool = True) -> Path:
    """A SavedModel with one operator in its graph and one in a function."""
    graph = message((1, message((1, b"n"), (2, node.encode()))))
    if function:
        graph += message((2, message((1, message((1, message((1, function[0].encode()))), (3, message((1, b"m"), (2, function[1].encode()))))))))
    folder.mkdir()
    body = message((2, graph)) + (message((7, b"")) if objects else b"")
    (folder / "saved_model.pb").write_bytes(message((2, body)))
    return folder


OPERATORS = ("PyFunc", "EagerPyFunc", "PyFuncStateless", "ReadFile", "WriteFile", "SaveV2", "RestoreV2", "LoadAndRemapMatrix", "MatchingFiles", "PrintV2",
             "Abort", "RemoteCall", "ImmutableConst", "TextLineDataset", "DebugIdentityV2", "MyCustomOperator", "InitializeTableFromTextFileV2",
             "TFRecordReaderV2")  # fmt: skip


@pytest.mark.parametrize("operator", OPERATORS)
def test_saved_models_with_operators_that_do_more_than_compute(tmp_path, operator):
    path = saved_model(tmp_path / "theirs", function=("__inference_f_1", operator))
    with pytest.raises(UnsafeModelError, match=operator):
        check_config(inspect_config(path))
    refused(edgecnn("info", path), operator)


def test_saved_models_with_such_an_operator_in_the_graph_itself(tmp_path):
    refused(edgecnn("info", saved_model(tmp_path / "theirs", node="PyFunc")), "PyFunc")


def test_the_saver_of_tensorflow_is_let_pass_where_it_belongs(tmp_path):
    check_config(inspect_config(saved_model(tmp_path / "ours", function=("__inference__traced_save_12", "SaveV2"))))


def write_graph(folder: Path, *functions: bytes) -> Path:
    folder.mkdir()
    graph = message((1, message((1, b"n"), (2, b"NoOp"))), (2, message(*((1, function) for function in functions))))
    (folder / "saved_model.pb").write_bytes(message((2, message((2, graph), (7, b"")))))
    return folder


def function(*names: str, operators: tuple[str, ...] = ("Identity",)) -> bytes:
    """A FunctionDef; with two names the second is the one that TensorFlow reads."""
    return message(*((1, message((1, name.encode()))) for name in names), *((3, message((1, b"m"), (2, one.encode()))) for one in operators))


def test_a_function_cannot_hide_behind_the_name_of_another(tmp_path):
    """TensorFlow takes the last of two signatures, so that WriteFile runs as `evil`."""
    hidden = write_graph(tmp_path / "hidden", function("plain", "evil", operators=("WriteFile",)), function("plain"))
    twice = write_graph(tmp_path / "twice", function("plain", operators=("WriteFile",)), function("plain"))
    nameless = write_graph(tmp_path / "nameless", function(operators=("WriteFile",)))
    for folder in (hidden, twice, nameless):
        refused(edgecnn("info", folder), "no name of its own")


def test_a_saver_that_is_called_as_an_operator_is_no_saver(tmp_path):
    saver = function("__inference__traced_save_9", operators=("SaveV2",))
    refused(edgecnn("info", write_graph(tmp_path / "theirs", saver, function("f", operators=("__inference__traced_save_9",)))), "SaveV2")
    check_config(inspect_config(write_graph(tmp_path / "ours", saver, function("f"))))


def test_saved_models_of_tensorflow_1_are_named(tmp_path):
    refused(edgecnn("info", saved_model(tmp_path / "old", objects=False)), "TensorFlow 1")


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"\x12\x7f"])
def test_a_damaged_saved_model_is_said_to_be_damaged(tmp_path, content):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(content)
    with pytest.raises(BadFile):
        inspect_config(folder)


@pytest.mark.parametrize(
    ("function", "scale", "offset"),
    [(lambda x: x / 255, 1 / 255, 0), (lambda x: x / 255.0, 1 / 255, 0), (lambda x: x / 127.5 - 1, 1 / 127.5, -1),
     (lambda x: (x - 127.5) / 127.5, 1 / 127.5, -1),
     (lambda x: x * (1 / 255), 1 / 255, 0), (lambda x: x - 128, 1, -128), (lambda x: 1 - x, -1, 1), (lambda z: 2 * z + 1, 2, 1)],
)  # fmt: skip
def test_usual_lambdas_are_proven_without_running_them(function, scale, offset):
    mapping = recognize({"function": [bytecode(function), None, None], "function_type": "lambda", "arguments": {}})
    assert mapping is not None
    assert np.allclose([mapping.scale[0], mapping.offset[0]], [scale, offset], rtol=1e-12)
    assert not mapping.reverse_channels


@pytest.mark.parametrize("function", [hostile, lambda x: x * x, lambda x: 1 / x, lambda x: x + len(MARK), lambda x, y=1: x, lambda: 5, lambda *x: x,
                                      lambda x: -x, lambda x: x[..., ::-1], lambda x: x / 0, lambda x: x.mean(), lambda x: (yield x)])  # fmt: skip
def test_other_lambdas_are_not(function):
    assert recognize({"function": [bytecode(function), None, None], "function_type": "lambda", "arguments": {}}) is None


def test_no_bytes_crash_the_reader_of_bytecode():
    """`marshal` itself can crash on such bytes."""
    good, random = base64.b64decode(bytecode(lambda x: x / 255.0)), np.random.default_rng(0)
    for _ in range(2000):
        spoiled = bytearray(good)
        for place in random.integers(0, len(good), 3):
            spoiled[place] = random.integers(0, 256)
        recognize({"function": [base64.b64encode(bytes(spoiled)).decode(), None, None], "function_type": "lambda"})


def keras_file(folder: Path) -> Path:
    """A small classifier as Keras 3 writes it."""
    import keras

    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 3)(keras.layers.Rescaling(1 / 255)(image))
    keras.Model(image, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(x))).save(folder / "net.keras")
    return folder / "net.keras"


def changed(path: Path, method: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    """The file with other members, "_" in a name standing for "."."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()} | {name.replace("_", "."): content for name, content in members.items()}
    target = path.with_name("theirs.keras")
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_flipped_byte_in_a_packed_member_is_damage(tmp_path, method):
    path = changed(keras_file(tmp_path), method)
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("config.json").header_offset + 60
    content = bytearray(path.read_bytes())
    content[start : start + 60] = bytes(byte ^ 0x5A for byte in content[start : start + 60])
    path.write_bytes(content)
    for command in ("info", "predict"):
        refused(edgecnn(command, path, *([picture(tmp_path / "photo.png")] if command == "predict" else [])), "damaged")


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_named_type_among_the_weights_is_refused(tmp_path, suffix):
    path = keras_file(tmp_path)
    if suffix == "keras":
        with zipfile.ZipFile(path) as archive:
            stream = io.BytesIO(archive.read("model.weights.h5"))
        with h5py.File(stream, "a") as stored:
            stored["named"] = np.dtype("f4")
        path = changed(path, model_weights_h5=stream.getvalue())
    else:
        import keras

        model = keras.models.load_model(path)
        path = tmp_path / "net.h5"
        model.save(path)
        with h5py.File(path, "a") as stored:
            stored["named"] = np.dtype("f4")
    refused(edgecnn("info", path), "not an array of numbers")


def test_a_text_where_a_number_belongs_is_refused_in_one_line(tmp_path):
    path = keras_file(tmp_path)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Rescaling")["config"]["scale"] = "\x1b[2J"
    result = edgecnn("predict", changed(path, config_json=json.dumps(config).encode()), picture(tmp_path / "photo.png"))
    assert result.code == 2
    assert "\x1b" not in result.err


def test_a_group_that_holds_itself_is_refused(tmp_path):
    path = keras_file(tmp_path)
    with zipfile.ZipFile(path) as archive:
        stream = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(stream, "a") as stored:
        stored["layers"]["again"] = stored["layers"]
    refused(edgecnn("info", changed(path, model_weights_h5=stream.getvalue())), "is in it twice")


def test_a_pipe_in_a_saved_model_is_not_waited_for(tmp_path):
    folder = saved_model(tmp_path / "theirs")
    (folder / "variables").mkdir()
    os.mkfifo(folder / "variables" / "variables.index")
    refused(edgecnn("info", folder), "device, pipe or socket")


@pytest.mark.parametrize(
    ("kind", "config", "wanted"),
    [
        ("Conv2D", {"filters": 512, "kernel_size": [7, 7]}, False), ("Dense", {"units": 4096, "use_bias": True}, False),
        ("UpSampling2D", {"size": [2, 2]}, False), ("Conv2D", {"filters": 60_000_000}, True), ("Resizing", {"height": 224, "width": 224}, False),
        ("Resizing", {"height": 40_000, "width": 4}, True), ("ZeroPadding2D", {"padding": [[2_000, 0], [0, 0]]}, True),
    ],
)  # fmt: skip
def test_descriptions_that_ask_for_much_are_known(kind, config, wanted):
    layer = {"class_name": kind, "config": {"name": "one", **config}}
    assert is_demanding({"class_name": "Functional", "config": {"layers": [layer]}}) == wanted
    assert is_demanding({"class_name": "Functional", "config": {"layers": [{"class_name": "Sequential", "config": {"layers": [layer]}}]}}) == wanted


def test_many_layers_are_much():
    layers = [{"class_name": "ReLU", "config": {"name": f"r{i}"}} for i in range(3_000)]
    assert is_demanding({"class_name": "Sequential", "config": {"layers": layers}})


@pytest.mark.slow
def test_a_network_that_fills_the_memory_ends_in_one_line(tmp_path):
    path = keras_file(tmp_path)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    layer = {"module": "keras.layers", "class_name": "Resizing", "config": {"name": "huge", "height": 40_000, "width": 40_000}, "registered_name": None}
    dense = {"class_name": "GlobalAveragePooling2D", "module": "keras.layers", "config": {"name": "mean"}, "registered_name": None}
    entries = [one for one in config["config"]["layers"] if one["class_name"] == "InputLayer"]
    sequence = {"name": "net", "layers": [{key: value for key, value in entries[0].items() if key != "inbound_nodes"}, layer, dense]}
    config |= {"class_name": "Sequential", "module": "keras", "config": sequence}
    result = edgecnn("predict", changed(path, config_json=json.dumps(config).encode()), picture(tmp_path / "photo.png"), "--preprocess", "raw")
    assert (result.code, result.err.count("\n")) == (2, 1)
