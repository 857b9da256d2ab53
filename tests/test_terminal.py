"""No name in a stranger's file commands the terminal: neither printed plainly, nor in rich's tables, nor in an error."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import re
import subprocess
from dataclasses import replace
from pathlib import Path

from helpers import ROOT, command, edgecnn, onnx_file, picture

from edgecnn.card import EMBEDDED
from edgecnn.cli.terminal import SafeStream, console
from edgecnn.runtime import tflite_file

EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\u202e\u2028"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
TFLITE = ROOT / "models" / "mobilenet_int8.tflite"


def with_evil_names(path: Path) -> Path:
    """The shipped classifier with such labels, card and tensor names."""
    from edgecnn.export import flatbuffer

    content = TFLITE.read_bytes()
    info, model = tflite_file.info(TFLITE, content), flatbuffer.read(content)
    card = replace(info.card, labels=tuple(f"{label}{EVIL}" for label in info.card.labels), architecture=EVIL, arguments={EVIL: EVIL})
    flatbuffer.set_entries(model, {EMBEDDED: card.dumps(lines=False).encode(), f"entry{EVIL}": b"x"})
    for tensor in model.subgraphs[0].tensors:
        tensor.name = tensor.name + EVIL.encode()
    path.write_bytes(flatbuffer.pack(model))
    return path


def test_names_in_a_file_are_spelled_out(tmp_path: Path) -> None:
    path = with_evil_names(tmp_path / "in.tflite")
    for words in (["info", path], ["predict", path, picture(tmp_path / "a.png")], ["check", path], ["check", path, "--for", "gpu"]):
        done = edgecnn(*words)
        assert done.code in (0, 1), done.err
        assert "\\x1b" in done.out or words[0] == "check"
        assert not CONTROL.search(done.out + done.err)


def test_json_stays_json(tmp_path: Path) -> None:
    done = edgecnn("predict", with_evil_names(tmp_path / "in.tflite"), picture(tmp_path / "a.png"), "--json")
    assert not CONTROL.search(done.out)
    assert next(iter(json.loads(done.out).values()))[0][0].endswith(EVIL)


def test_names_of_nodes_and_files_are_spelled_out(tmp_path: Path) -> None:
    import onnx

    path = onnx_file(tmp_path / "in.onnx")
    model = onnx.load(path)
    model.graph.node[-2].op_type = f"MatMul{EVIL}"
    path.write_bytes(model.SerializeToString())
    for words in (["info", path], ["predict", path, picture(tmp_path / "a.png"), "--mean", "128", "--std", "128"], ["info", tmp_path / f"{EVIL}.onnx"]):
        done = edgecnn(*words)
        assert "\\x1b" in done.out + done.err
        assert not CONTROL.search(done.out + done.err)


def test_on_a_real_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    path = with_evil_names(tmp_path / "in.tflite")
    with subprocess.Popen(command("predict", path, picture(tmp_path / "a.png")), stdout=theirs, stderr=theirs, cwd=ROOT) as running:
        running.wait(60)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # EIO ends what a terminal that was closed had to show
        while part := os.read(ours, 100_000):
            shown += part
    os.close(ours)
    assert b"\\x1b" in shown
    assert b"\x1b" not in shown


def test_rich_keeps_its_colors_and_nothing_else() -> None:
    from rich.table import Table

    stream = io.StringIO()
    table = Table(title=EVIL)
    table.add_column("name", style="red")
    table.add_row(f"cat{EVIL}")
    console(stream, force_terminal=True, color_system="standard", width=100).print(table)
    shown = stream.getvalue()
    assert "\x1b[31m" in shown
    assert not CONTROL.search(re.sub(r"\x1b\[[0-9;]*m", "", shown))
    assert "\\x1b]0;title" in shown


def test_a_stream_behaves_like_the_one_behind_it() -> None:
    behind = io.StringIO()
    stream = SafeStream(behind)
    assert stream.write("a\x1b") == 2
    stream.writelines(["b\x9b", "c\n"])
    print("d\te", file=stream, flush=True)
    assert behind.getvalue() == "a\\x1bb\\u009bc\nd\te\n"
    assert not stream.isatty()


def test_no_traceback_comes_from_onnx_runtimes_destructor(tmp_path: Path) -> None:
    """Of a file whose shapes contradict each other the tool left a half-made object, whose end printed seven lines to stderr."""
    import onnx

    path = onnx_file(tmp_path / "in.onnx")
    model = onnx.load(path)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 7
    path.write_bytes(model.SerializeToString())
    done = subprocess.run(command("check", path, "--for", "ort-mobile"), capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("edgecnn: ")
