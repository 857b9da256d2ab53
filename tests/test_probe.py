"""A stranger's file is first run in a child, whose death is a message; each file is tried once."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ROOT, onnx_file, process

from edgecnn.errors import BadFile, BadSetting
from edgecnn.formats.keras import trust
from edgecnn.runtime import probe
from edgecnn.runtime.probe import SECONDS_VARIABLE, Probe

TFLITE = ROOT / "models" / "mobilenet_int8.tflite"


@pytest.fixture
def fresh(own_cache: Path) -> Iterator[Probe]:
    """A probe that knows nothing."""
    made = Probe()
    yield made
    made.close()


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_file_is_tried_once_by_its_content(fresh: Probe, tmp_path: Path) -> None:
    fresh.check(TFLITE)
    copied = Path(shutil.copy(TFLITE, tmp_path / "copy.tflite"))
    fresh.close()
    fresh.check(copied)
    another = Probe()  # as a later process would have it
    another.check(copied)
    assert fresh._child is None
    assert another._child is None
    another.check(copied, (64, 64))  # of another size it was not run
    assert another._child is not None
    another.close()


def test_weights_in_another_file_belong_to_a_model(fresh: Probe, tmp_path: Path) -> None:
    """Changed weights under an old name are other weights, and the same ones elsewhere are the same."""
    model = onnx_file(tmp_path / "net.onnx", external=True)
    (weights,) = (path for path in tmp_path.iterdir() if path.suffix not in (".onnx", "") and path.is_file())
    fresh.check(model, (16, 16))
    assert fresh._child is not None
    fresh.close()
    for path in (model, weights):
        (tmp_path / "copy").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "copy" / path.name)
    for known in (fresh, Probe()):
        known.check(tmp_path / "copy" / model.name, (16, 16))
        assert known._child is None
    content = bytearray(weights.read_bytes())
    content[3] ^= 1
    weights.write_bytes(content)
    for older in (fresh, Probe()):
        assert older._key(model, (16, 16)) is not None
    fresh.check(model, (16, 16))
    assert fresh._child is not None
    assert fresh._key(model, (16, 16)) is None


def test_each_signature_is_tried(fresh: Probe) -> None:
    """Each runs another graph of the file."""
    fresh.check(TFLITE)
    assert fresh._key(TFLITE, None) is None
    with trust.use(trust.LoadingOptions(signature="serving_default")):
        assert fresh._key(TFLITE, None) is not None
        fresh.check(TFLITE)
        assert fresh._key(TFLITE, None) is None


def test_what_this_process_wrote_is_not_tried(fresh: Probe) -> None:
    fresh.trust(TFLITE)
    fresh.check(TFLITE)
    assert fresh._child is None


def test_keras_is_not_for_it(fresh: Probe) -> None:
    fresh.check(ROOT / "models" / "mobilenet.keras")
    assert fresh._child is None


def test_the_death_of_the_child_is_a_message(fresh: Probe) -> None:
    fresh._start()
    os.kill(fresh._child.pid, signal.SIGSEGV)
    with pytest.raises(BadFile, match=r"mobilenet_int8\.tflite: the runtime crashed \(SIGSEGV\)"):
        fresh.check(TFLITE)
    fresh.check(TFLITE)  # and the next file has a child again


def test_a_file_is_not_blamed_for_the_one_before_it(fresh: Probe, tmp_path: Path) -> None:
    fresh.check(TFLITE)
    os.kill(fresh._child.pid, signal.SIGSEGV)
    time.sleep(0.1)
    fresh.check(onnx_file(tmp_path / "next.onnx"), (16, 16))


def test_a_child_that_takes_too_long_is_ended(fresh: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECONDS_VARIABLE, "0.001")
    with pytest.raises(BadFile, match=r"took more than 0\.001 s; set EDGECNN_PROBE_SECONDS"):
        fresh.check(TFLITE)
    assert fresh._child is None


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "0"])
def test_seconds_that_are_none(text: str, fresh: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECONDS_VARIABLE, text)
    with pytest.raises(BadSetting, match="expected seconds"):
        fresh.check(TFLITE)


def test_a_file_that_takes_all_memory_is_refused(fresh: Probe, tmp_path: Path) -> None:
    """Eight gigabytes for the result of one node."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    sides = numpy_helper.from_array(np.array([1 << 33], np.int64), "sides")
    nodes = [helper.make_node("ConstantOfShape", ["sides"], ["large"]), helper.make_node("ReduceSum", ["large"], ["sum"])]
    nodes += [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["f"]), helper.make_node("Add", ["f", "sum"], ["y"])]
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8]), helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])]
    model = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], [sides]), opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.save(model, tmp_path / "large.onnx")
    with pytest.raises(BadFile, match="memory"):
        fresh.check(tmp_path / "large.onnx")


def test_a_damaged_memory_is_forgotten(fresh: Probe, own_cache: Path) -> None:
    own_cache.mkdir(exist_ok=True)
    (own_cache / "probed.json").write_text('{"a": [')
    fresh.check(TFLITE)
    assert len(probe._remembered()) == 1


def test_a_module_beside_the_file_is_not_run(tmp_path: Path) -> None:
    """The child runs in the user's folder, whose files must not stand in for the runtime."""
    shutil.copy(TFLITE, tmp_path / "in.tflite")
    (tmp_path / "flatbuffers.py").write_text("open('MARK', 'w')")
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    process("bundle", "in.tflite", "--for", "c", cwd=tmp_path, PYTHONPATH=path, PYTHONSAFEPATH="1", EDGECNN_CACHE=str(tmp_path / "cache"))
    assert not (tmp_path / "MARK").exists()
