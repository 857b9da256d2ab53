"""The command line: help, wrong use, exit codes, and one run of every command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import edgecnn, onnx_file, picture, process

from edgecnn.catalog import CATALOG, MODULES
from edgecnn.cli import COMMANDS
from edgecnn.data import DATASETS
from edgecnn.schemes import SCHEMES


def test_bare_command_shows_the_help_and_fails() -> None:
    result = edgecnn()
    assert result.code == 2
    assert all(name in result.err for name in COMMANDS)


@pytest.mark.parametrize("words", [["--help"], ["help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_fits_80_columns(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = edgecnn(*words)
    assert (result.code, result.err) == (0, "")
    assert max(map(len, result.out.splitlines())) <= 80


def test_version() -> None:
    import edgecnn as package

    assert edgecnn("--version").out == f"edgecnn {package.__version__}\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--int8 squeezenet", "before a command"),
        ("export", "required: MODEL"),
        ("export a b", "unexpected 'b'"),
        ("train lenet --epochs many", "--epochs"),
        ("train lenet --epochs -1", "epochs -1: expected 0 or more"),
        ("train lenet --set width", "KEY=VALUE"),
        ("train lenet --rotation 500", "degrees"),
        ("export x --io uint9", "uint8, int8, float32"),
        ("export x --onnx --dynamic", "dynamic has no onnx form"),
        ("export x --calibration 0", "expected 1 or more"),
        ("validate x --max-drop -1", "--max-drop"),
        ("validate x --max-size big", "expected bytes"),
        ("validate x --threads 0", "expected 1 or more"),
        ("info x --layers ten", "--layers"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_loaded(line: str, said: str) -> None:
    result = edgecnn(*line.split())
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert said in result.err


def test_list_has_every_row_of_every_table() -> None:
    listed = edgecnn("list").out
    assert all(name in listed for name in (*CATALOG, *MODULES, *SCHEMES, *DATASETS))
    assert "trashnet" not in edgecnn("list", "schemes").out


@pytest.mark.parametrize("words", [["--help"], ["list"]], ids=" ".join)
def test_answers_at_once(words: list[str]) -> None:
    """Whole process, best of three; the limits are those of the design, on a busy machine as many starts of Python alone as they are on a free one."""
    ours, bare = [], []
    for _ in range(3):
        for times, start in ((ours, lambda: process(*words)), (bare, lambda: subprocess.run([sys.executable, "-c", ""], check=True))):
            begun = time.perf_counter()
            start()
            times.append(time.perf_counter() - begun)
    limit, starts = (0.3, 10) if words == ["--help"] else (0.5, 16)
    assert min(ours) <= max(limit, starts * min(bare))


def test_train_export_validate_predict(exported: Path, tmp_path: Path) -> None:
    """The main job, file after file, as one types it."""
    for name in ("lenet.json", "lenet.png", "lenet.tflite", "lenet_int8.tflite", "lenet.onnx", "lenet_int8.onnx"):
        assert (exported / name).stat().st_size > 0
    files = [exported / "lenet_int8.tflite", exported / "lenet.onnx"]
    result = edgecnn("validate", *files, "--threads", 1, "--count", 100, "--max-size", "10M", "--json", tmp_path / "report.json")
    assert result.code == 0, result.err
    assert "PASS" in result.out
    shown = result.out.replace(str(exported), "models").replace(str(tmp_path), "build")  # pytest's folders have long names
    assert max(map(len, shown.splitlines())) <= 80
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["command"].startswith("edgecnn validate ")
    assert [Path(row["file"]).name for row in report["groups"][0]["rows"]] == [file.name for file in files]
    answers = json.loads(edgecnn("predict", files[0], picture(tmp_path / "a.png"), "--top", 3, "--json").out)
    assert len(answers[str(tmp_path / "a.png")]) == 3


@pytest.mark.parametrize(("limit", "code"), [("1k", 1), ("10M", 0)])
def test_exit_code_of_a_limit(limit: str, code: int, exported: Path, tmp_path: Path) -> None:
    alone = shutil.copy(exported / "lenet.tflite", tmp_path)
    assert edgecnn("validate", alone, "--no-latency", "--count", 50, "--max-size", limit).code == code


def test_exit_code_where_the_data_cannot_decide(exported: Path) -> None:
    assert edgecnn("validate", exported / "lenet.tflite", "--no-latency", "--count", 50, "--max-drop", 0.001).code == 3


def test_names_of_models_stand_for_their_files(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").symlink_to(exported)
    monkeypatch.chdir(tmp_path)
    assert "digits" in edgecnn("list", "models").out
    assert edgecnn("info", "lenet").out.startswith("lenet\n  paper"), "an architecture's name wins"
    assert "trained on" in edgecnn("info", "models/lenet.keras").out
    assert edgecnn("predict", "lenet", picture(tmp_path / "a.png")).code == 0


def test_info_tells_how_bytes_become_input(exported: Path) -> None:
    assert "each byte is its own quantized input" in edgecnn("info", exported / "lenet_int8.tflite").out
    told = json.loads(edgecnn("info", exported / "lenet_int8.tflite", "--json").out)
    assert (told["inputs"][0]["scale"], told["inputs"][0]["zero_point"]) == (1 / 128, 128)
    assert told["parameters"] == CATALOG["lenet"].parameters


def test_info_counts_as_the_catalog_does(lenet: Path) -> None:
    told = json.loads(edgecnn("info", lenet, "--json").out)
    assert (told["parameters"], told["macs"]) == (CATALOG["lenet"].parameters, CATALOG["lenet"].macs)


def test_info_says_half_a_step_off() -> None:
    from edgecnn.card import Preprocessing
    from edgecnn.cli.commands import info
    from edgecnn.runtime.contract import Tensor

    stored = Tensor("image", (1, 8, 8, 3), "uint8", 1 / 127.5, 128)
    assert "0.50 of a step off" in info._byte_mapping(stored, Preprocessing(8, 8, mean=(127.5,), std=(127.5,)))
    signed = Tensor("image", (1, 8, 8, 3), "int8", 1 / 128, 0)
    assert info._byte_mapping(signed, Preprocessing(8, 8)) == "each byte minus 128 is its quantized input"


def test_benchmark_compares_with_the_first(exported: Path) -> None:
    result = edgecnn("benchmark", exported / "lenet.tflite", exported / "lenet.onnx", "--threads", 1)
    assert result.code == 0, result.err
    rows = [line.split() for line in result.out.splitlines() if line.strip().startswith("lenet")]
    assert [row[0] for row in rows] == ["lenet.tflite", "lenet.onnx"]
    assert all(float(row[2]) > 0 for row in rows)
    assert ["-" in row[-1] for row in rows] == [False, True], "only the second has a ratio, with its interval"


def test_preprocessing_of_a_file_without_card(tmp_path: Path) -> None:
    """The mean of a channel decides the class: read as BGR, a red picture is another's."""
    from PIL import Image

    red = tmp_path / "red.png"
    Image.new("RGB", (16, 16), (255, 0, 0)).save(red)
    model = onnx_file(tmp_path / "tiny.onnx")
    ways = (["--preprocess", "tf"], ["--preprocess", "tf", "--order", "bgr"], ["--mean", 0, "--std", 255])
    rgb, bgr, shifted = (json.loads(edgecnn("predict", model, red, "--json", *more).out)[str(red)] for more in ways)
    assert rgb != bgr
    assert rgb != shifted


def test_verbs_of_the_package(exported: Path, tmp_path: Path) -> None:
    """The Python of README.md, as far as it needs no training."""
    import edgecnn as package

    best = package.load(exported / "lenet_int8.tflite")(picture(tmp_path / "a.png"))[0]
    assert best.label in "0123456789"
    report = package.validate(exported / "lenet_int8.tflite", count=50, threads=())
    assert report.groups[0].rows[0].agreement.total == 50
    assert package.build("lenet", classes=3).output_shape == (None, 3)
