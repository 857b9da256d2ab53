"""The door of the bundles and its command: what it takes, where it writes, what it never overwrites."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from helpers import ROOT, edgecnn, picture, refused, snapshot

from edgecnn.bundle import TARGETS, place, work
from edgecnn.bundle.tflm import KERNELS
from edgecnn.runtime.operator_versions import RELEASES

MODELS = ROOT / "models"
TFLITE, ONNX = MODELS / "mobilenet_int8.tflite", MODELS / "mobilenet.onnx"
FOR = {suffix: path for path in (TFLITE, ONNX) for suffix in [path.suffix]}


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_writes_a_whole_bundle(tmp_path, target):
    model = FOR[TARGETS[target].suffixes[0]]
    result = edgecnn("bundle", model, "--for", target, "--out", tmp_path / "b", "--count", 3)
    assert result.code == 0, result.err
    told = json.loads((tmp_path / "b" / "bundle.json").read_text())
    assert set(told["files"]) | {"bundle.json"} == set(snapshot(tmp_path / "b"))
    assert (told["target"], told["model"]) == (target, model.name)
    assert {"README.md", "LICENCES.md"} <= set(told["files"])
    assert 10 <= len((tmp_path / "b" / "README.md").read_text().splitlines()) <= 60
    (golden,) = [name for name in told["files"] if name.endswith("golden.json")]
    assert json.loads((tmp_path / "b" / golden).read_text())["format"] == "edgecnn.golden/1"
    assert any(model.read_bytes() == (tmp_path / "b" / name).read_bytes() or name.endswith(".ort") for name in told["files"])
    assert [p.name for p in tmp_path.iterdir()] == ["b"]
    assert "Next: " in result.out
    assert str(tmp_path) not in "".join(content.decode("latin-1") for content in snapshot(tmp_path / "b").values())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((ONNX, "--for", "c"), ("mobilenet.onnx", "expected .tflite")),
        ((MODELS / "mobilenet.keras", "--for", "c"), ("mobilenet.keras", "expected .tflite")),
        ((TFLITE, "--for", "cc"), ("unknown target 'cc'", "did you mean 'c'?")),
        ((TFLITE,), ("--for",)),
        ((TFLITE, TFLITE, "--for", "c"), ("unexpected",)),
        (("nothing.tflite", "--for", "c"), ("no such .tflite model: nothing.tflite",)),
        ((TFLITE, "--for", "c", "--count", "0"), ("0 golden pictures",)),
        ((TFLITE, "--for", "c", "--data", "digits", "--pictures", "x"), ("expected one of them",)),
        ((TFLITE, "--for", "c", "--pictures", "nowhere"), ("nowhere",)),
        ((TFLITE, "--for", "c", "--data", "digit"), ("did you mean 'digits'?",)),
        ((TFLITE, "--for", "c", "--out", "/dev/null"), ("/dev/null is not a folder", "--out")),
        ((TFLITE, "--for", "c", "--out", "/dev/null/b"), ("cannot write", "--out")),
    ],
    ids=lambda value: " ".join(str(getattr(v, "name", v)) for v in value),
)
def test_wrong_use_is_one_line(tmp_path, words, said):
    out = () if "--out" in words else ("--out", tmp_path / "b")
    refused(edgecnn("bundle", *words, *out), *said)
    assert not list(tmp_path.iterdir())


def test_a_bundle_is_replaced_and_nothing_else_is(tmp_path):
    out = tmp_path / "b"
    assert edgecnn("bundle", TFLITE, "--for", "c", "--out", out, "--count", 5).code == 0
    old = snapshot(out)
    assert edgecnn("bundle", TFLITE, "--for", "c", "--out", out, "--count", 1).code == 0
    assert "golden/4.jpg" in old
    assert "golden/4.jpg" not in snapshot(out)
    (out / "mine.c").write_text("int main;")
    before = snapshot(out)
    refused(edgecnn("bundle", TFLITE, "--for", "c", "--out", out), "mine.c", "which no bundle put there")
    (tmp_path / "other").mkdir()
    picture(tmp_path / "other" / "photo.png")
    refused(edgecnn("bundle", TFLITE, "--for", "c", "--out", tmp_path / "other"), "photo.png")
    assert snapshot(out) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b", "other"]


def test_a_failure_leaves_the_old_bundle(tmp_path, monkeypatch):
    out = tmp_path / "b"
    assert edgecnn("bundle", TFLITE, "--for", "c", "--out", out, "--count", 1).code == 0
    before = snapshot(out)
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(TFLITE.read_bytes()[:5000])
    refused(edgecnn("bundle", broken, "--for", "c", "--out", out), "cut off or damaged")
    assert snapshot(out) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b", "broken.tflite"]


def test_a_room_that_fails_half_way_leaves_nothing(tmp_path):
    def fail():
        with place.replacing(tmp_path / "b") as building:
            (building / "half.c").write_text("int")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    refused(edgecnn("bundle", TFLITE, "--for", "c", "--out", tmp_path / "locked" / "b"), "permission denied", "--out")


def test_it_lies_beside_the_file_unless_told_otherwise(tmp_path):
    model = Path(shutil.copy(TFLITE, tmp_path / "my model.tflite"))
    result = edgecnn("bundle", model, "--for", "c", "--count", 1)
    assert result.code == 0, result.err
    assert (tmp_path / "my model_c" / "model_my_model.c").exists()
    assert result.out.splitlines()[-1] == f"Next: make -C '{tmp_path / 'my model_c'}' test"


def test_licences_of_the_model_and_of_the_pictures_are_told(tmp_path):
    own = tmp_path / "own"
    for shade in (60, 190):
        picture(own / f"{shade}.png", shade)
    result = edgecnn("bundle", TFLITE, "--for", "c", "--out", tmp_path / "b", "--pictures", own, "--count", 2, "--picture-license", "all rights reserved")
    assert result.code == 0, result.err
    text = (tmp_path / "b" / "LICENCES.md").read_text()
    assert "golden pictures (own/190.png, with fine lines; own/60.png): all rights reserved" in text
    assert "trained on the data set digits (CC BY 4.0)" in text
    assert "Apache-2.0" in text


@pytest.mark.parametrize(("stem", "name"), [("Mobile-Net v2", "mobile_net_v2"), ("1st", "model_1st"), ("int", "int"), ("größe", "gr_e"), ("日本", "model")])
def test_any_stem_becomes_a_name_in_programs(stem, name):
    assert work.program_name(stem) == name


def test_operators_of_the_resolver_are_operators_that_edgecnn_knows():
    assert set(KERNELS) <= set(RELEASES)
