"""What several test files share: running the command line, and making small files that are wrong in one way."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Result:
    """What a command line left: exit code and both streams."""

    code: int
    out: str
    err: str


def edgecnn(*words: object) -> Result:
    """Run one command line in this process, which saves the seconds that TensorFlow takes to import."""
    from edgecnn.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    return Result(code, out.getvalue(), err.getvalue())


def command(*words: object) -> list[str]:
    """The command line as a process of its own would be started."""
    return [sys.executable, "-m", "edgecnn", *(str(word) for word in words)]


def process(*words: object, cwd: Path = ROOT, **env: str) -> Result:
    """Run one command line in a process of its own."""
    done = subprocess.run(command(*words), capture_output=True, text=True, cwd=cwd, env={**os.environ, **env}, timeout=300, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


def python(code: str) -> str:
    """What a fresh interpreter prints for `code`; fails when it does."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout


def refused(result: Result, *words: str) -> None:
    """The result is one line of explanation and exit code 2."""
    errors = [line for line in result.err.splitlines() if line.startswith("edgecnn: ")]
    assert result.code == 2, result
    assert len(errors) == 1, result.err
    assert result.err.splitlines()[-1] == errors[0]
    assert "Traceback" not in result.err + result.out
    for word in words:
        assert word in errors[0]


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` with its bytes, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def picture(path: Path, shade: int = 128) -> Path:
    """Write a small grey picture."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (shade, shade, shade)).save(path)
    return path


def onnx_file(path: Path, *, batch: int | None = None, inputs: int = 1, dtype: str = "FLOAT", external: bool = False, side: int = 16) -> Path:
    """Write an ONNX classifier of RGB pictures of one side into three classes, NCHW: the mean of each channel, times a matrix, softmax."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shape = [batch or "batch", 3, side, side]
    given = [helper.make_tensor_value_info(f"input{i}", getattr(TensorProto, dtype), shape) for i in range(inputs)]
    nodes = [helper.make_node("Cast", [f"input{i}"], [f"float{i}"], to=TensorProto.FLOAT) for i in range(inputs)]
    nodes.append(helper.make_node("Sum", [f"float{i}" for i in range(inputs)], ["sum"]))
    nodes += [
        helper.make_node("GlobalAveragePool", ["sum"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["row"]),
        helper.make_node("MatMul", ["row", "matrix"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    matrix = numpy_helper.from_array(np.array([[2, 0, -1], [0, 1, 0], [1, -1, 2]], np.float32), "matrix")
    result = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [batch or "batch", 3])
    model = helper.make_model(helper.make_graph(nodes, "tiny", given, [result], [matrix]), opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.save(model, path, save_as_external_data=external, location=f"{path.stem}.bin", size_threshold=0)
    return path
