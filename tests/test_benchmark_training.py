"""The benchmark of training, in its smallest form."""

from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
from importlib.util import find_spec

import pytest
from helpers import ROOT

from edgecnn import arch
from edgecnn.arch import macs

TOOLS = ROOT / "tools"
NETS = [("mobilenet", {}), ("mobilenet", {"width": 0.25}), ("squeezenet", {}), ("resnet50", {})]


@pytest.fixture
def plain(monkeypatch):
    """The PyTorch contestant."""
    pytest.importorskip("torch", reason="PyTorch is not installed: there is no such contestant here")
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module("plain_torch")


@pytest.mark.parametrize("size", [32, 224])
@pytest.mark.parametrize(("name", "arguments"), NETS)
def test_the_torch_nets_are_ours(plain, name, arguments, size):
    import torch

    ours, theirs = arch.build(name, classes=10, image_size=(size, size), **arguments), plain.build(name, arguments.get("width", 1.0)).eval()
    done = []
    for layer in theirs.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(lambda layer, _, out: done.append(layer.weight.numel() * math.prod(out.shape[2:])))
    with torch.no_grad():
        assert theirs(torch.zeros(1, 3, size, size)).shape == (1, 10)
    assert plain.parameters(theirs) == ours.count_params()
    assert sum(done) == macs.count(ours)


def test_the_torch_contestant_shifts_by_whole_pixels_and_mirrors(plain):
    import torch

    pictures = torch.arange(6 * 6).reshape(1, 6, 6, 1).expand(1, 6, 6, 3).to(torch.uint8)
    found = plain.changed(pictures, torch.zeros(64, dtype=torch.int64), 1)
    assert found.shape == (64, 3, 6, 6)
    steps = {int(picture[0, 3, 3]) - int(picture[0, 3, 2]) for picture in found}
    assert steps == {1, -1}
    assert {int(picture[0, 2, 2]) // 6 for picture in found} == {1, 2, 3}


@pytest.mark.slow
def test_the_smallest_case_has_finite_ratios(tmp_path):
    out = tmp_path / "found.json"
    command = [sys.executable, TOOLS / "benchmark.py", "training", "--small", "--only", "mobilenet-0.25", "--rounds", "2", "--json", out, "--markdown"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (case,) = json.loads(out.read_text())["cases"]
    for name, module in (("ours", "jax"), ("plain_keras", "jax"), ("keras_flip", "jax"), ("plain_torch", "torch")):
        found = case["contestants"][name]
        if not find_spec(module):
            assert found["failed"] == f"{module} is not installed here"
            continue
        assert len(found["rates"]) == 2, found
        assert not found["tensorflow"]
        assert 0 < found["share"] < 1
        if name != "ours":
            assert 0 < found["ratio"]["low"] <= found["ratio"]["high"] < math.inf
    assert "| mobilenet-0.25/32 | 16 |" in done.stdout
