"""What edgecnn tells people to type can be typed: options that exist, commands that a shell takes as they are printed."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import shutil
from pathlib import Path

import pytest
from helpers import ROOT, edgecnn, onnx_file, picture

from edgecnn.cli import COMMANDS, options
from edgecnn.cli.parser import Parser

# Options of other people's programs that edgecnn calls or speaks of, and those that stand before a command.
FOREIGN = {
    *("--enable_op_profiling", "--graph", "--num_runs", "--num_threads", "--warmup_runs"),  # TensorFlow's benchmark_model
    *("--serial", "--tool"),  # tools/android_benchmark.sh
    "--include_ops_by_config",  # ONNX Runtime's build.py
    *("--version", "--help"),
}


def options_of_commands() -> set[str]:
    found = set()
    for name in COMMANDS:
        parser = Parser(prog=name, description=None)
        importlib.import_module(f"edgecnn.cli.commands.{name}").add(parser)
        options.add_trust(parser)
        found |= {option for action in parser._actions for option in action.option_strings}
    return found


def options_named(path: Path) -> set[str]:
    strings = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {option for text in strings for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", text)}


def test_every_option_that_is_named_exists() -> None:
    known = options_of_commands() | FOREIGN
    wrong = {option: path for path in (ROOT / "edgecnn").rglob("*.py") for option in options_named(path) if option not in known}
    assert not wrong


def test_every_command_that_is_named_has_the_options_it_is_named_with() -> None:
    wrong = []
    for path in (path for path in (ROOT / "edgecnn").rglob("*") if path.suffix in (".py", ".md", ".txt", ".html")):
        for name, rest in re.findall(r"edgecnn (\w+) ([^\n\"'`;,)]*)", path.read_text()):
            if name in COMMANDS:
                parser = Parser(prog=name, description=None)
                importlib.import_module(f"edgecnn.cli.commands.{name}").add(parser)
                options.add_trust(parser)
                known = {option for action in parser._actions for option in action.option_strings}
                wrong += [(path.name, name, option) for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", rest) if option not in known]
    assert not wrong


def next_command(out: str) -> list[str]:
    return shlex.split(re.findall(r"Next: (.*)", out)[-1])


@pytest.mark.parametrize("name", ["plain.tflite", "two words.tflite", "$(touch x); 'a\".tflite"])
def test_next_can_be_typed_whatever_a_file_is_called(name: str, tmp_path: Path) -> None:
    path = Path(shutil.copy(ROOT / "models" / "mobilenet_int8.tflite", tmp_path / name))
    for command in (["info", path], ["check", path], ["pack", path]):
        done = edgecnn(*command)
        assert done.code == 0, done.err
        program, verb, target, *_ = next_command(done.out)
        assert (program, verb in COMMANDS) == ("edgecnn", True)
        assert Path(target).exists()
    assert edgecnn(*next_command(done.out)[1:]).code == 0  # unpack


def test_next_asks_for_images_where_no_card_names_them(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "theirs.onnx")
    assert next_command(edgecnn("info", path).out) == ["edgecnn", "validate", str(path), "--data", "FOLDER"]


def test_a_packed_file_of_another_name_says_where_to_unpack_to(tmp_path: Path) -> None:
    out = edgecnn("pack", picture(tmp_path / "a.png"), "--out", tmp_path / "small.bin").out
    assert next_command(out)[-2:] == ["--out", "FILE"]
