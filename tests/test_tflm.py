"""TensorFlow Lite Micro itself, in an environment of its own, on golden vectors of our files: answers, and the memory that it takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from environments import python_with, run
from helpers import ROOT

from edgecnn.bundle import arena, bundle, c_text

pytestmark = pytest.mark.slow
FILES = [ROOT / "models" / f"{name}.tflite" for name in ("mobilenet", "mobilenet_int8", "squeezenet", "squeezenet_int8")]
FILES += [ROOT / "models" / "sign-digits" / f"{name}_int8.tflite" for name in ("mobilenet", "mobilenet_v3_small", "squeezenet")]

RUN = """
import json, os, pathlib, re, sys, tempfile
import numpy
from tflite_micro import runtime
folder, model, size = sys.argv[1:]
golden = pathlib.Path(folder, "golden")
told = json.loads((golden / "golden.json").read_text())
net = runtime.Interpreter.from_file(model, arena_size=int(size))
found = []
for one in told["pictures"]:
    stored = numpy.frombuffer((golden / one["input"]).read_bytes(), told["input"]["dtype"]).reshape(told["input"]["shape"])
    net.set_input(stored, 0)
    net.invoke()
    found.append(net.get_output(0).ravel().tolist())
with tempfile.TemporaryFile() as log:
    os.dup2(log.fileno(), 2)
    net.print_allocations()
    log.seek(0)
    used = int(re.search(rb"Arena allocation total (\\d+) bytes", log.read())[1])
print(json.dumps({"answers": found, "used": used}))
"""


@pytest.fixture(scope="module")
def micro(tmp_path_factory) -> Path:
    return python_with(tmp_path_factory.mktemp("environments"), "tflite-micro")


@pytest.mark.parametrize("model", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_it_answers_and_takes_as_much_memory_as_the_bundle_says(micro, tmp_path, model):
    from edgecnn.bundle import golden

    folder = bundle(model, "c", out=tmp_path / "b").folder
    made, said = golden.make(model), arena.arena(model)
    found = run(micro, RUN, folder, model, 8 << 20)
    for picture, answer in zip(made.pictures, found["answers"], strict=True):
        stored = np.array(answer, np.float64)
        real = stored if made.output.scale is None else (stored - made.output.zero_point) * made.output.scale
        np.testing.assert_allclose(real, picture.probabilities, atol=c_text.RUNTIME if made.output.scale else 1e-4)
        assert real.argmax() == picture.top
    assert 0.6 * said.arena <= found["used"] <= said.arena
