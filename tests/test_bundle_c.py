"""The C bundle compiles without a warning, holds the very file, and names what is wrong with a wrong copy of it."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_library import Image8, library, outcome
from helpers import ROOT
from PIL import Image

from edgecnn.bundle import arena, bundle
from edgecnn.bundle.tflm import KERNELS
from edgecnn.card import Preprocessing

pytestmark = pytest.mark.skipif(not shutil.which("gcc") or not shutil.which("make"), reason="no C compiler here")
INT8, FLOAT = ROOT / "models" / "mobilenet_int8.tflite", ROOT / "models" / "mobilenet.tflite"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> dict[str, Path]:
    """One bundle of an int8 file and one of a float file, compiled: objects of the model are made once."""
    made = {}
    for kind, path in (("int8", INT8), ("float32", FLOAT)):
        made[kind] = bundle(path, "c", out=tmp_path_factory.mktemp(kind) / "bundle").folder
        code, said = outcome(made[kind])
        assert (code, "all golden vectors agree" in said) == (0, True), said
    return made


def test_the_array_is_the_file_bit_by_bit(built):
    loaded, _ = library(built["int8"], "model_mobilenet_int8", whole=True)
    content = INT8.read_bytes()
    array = (ctypes.c_ubyte * len(content)).in_dll(loaded, "model_mobilenet_int8_data")
    assert bytes(array) == content
    assert ctypes.addressof(array) % 16 == 0
    assert "_Alignas(16) const unsigned char" in (built["int8"] / "model_mobilenet_int8_data.c").read_text()


@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_the_network_runs_from_the_array_by_litert_in_c(built, kind):
    import ai_edge_litert

    library = Path(ai_edge_litert.__file__).with_name("libLiteRt.so")
    if not library.exists():
        pytest.skip("this ai_edge_litert brings no C library")
    done = subprocess.run(["make", "-C", built[kind], "run", f"LITERT={library}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("ok ")]
    assert len(rows) == 4
    assert all("golden input 0 off" in row for row in rows)


def test_another_library_is_refused_in_one_line(built):
    done = subprocess.run([built["int8"] / "run_golden", "libm.so.6", "golden"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "the library has no LiteRtCreateEnvironment; expected libLiteRt.so of LiteRT 2\n"


def test_a_grey_network_and_an_int8_input(exported, tmp_path):
    for name in ("lenet", "lenet_int8"):
        code, said = outcome(bundle(exported / f"{name}.tflite", "c", out=tmp_path / name).folder)
        assert (code, "all golden vectors agree" in said) == (0, True), said


def test_memory_is_never_left_and_nothing_is_undefined(built, tmp_path):
    """The golden test under the sanitizers of the compiler."""
    sources = [built["int8"] / f"{stem}.c" for stem in ("test_golden", "edgecnn", "model_mobilenet_int8", "model_mobilenet_int8_data")]
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover"]
    made = subprocess.run(["gcc", *flags, "-o", tmp_path / "strict", *sources, "-lm"], capture_output=True, text=True, check=False)
    if "cannot find" in made.stderr:
        pytest.skip("this compiler has no sanitizers")
    assert made.returncode == 0, made.stderr
    done = subprocess.run([tmp_path / "strict", built["int8"] / "golden"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_allocated_and_nonsense_is_refused(built):
    undefined = subprocess.run(["nm", "-u", built["int8"] / "edgecnn.o"], capture_output=True, text=True, check=True).stdout
    assert "ceil" in undefined or "expf" in undefined
    assert not {"malloc", "calloc", "realloc", "free", "printf"} & set(undefined.split())
    loaded, model = library(built["int8"], "model_mobilenet_int8")
    right = (np.zeros((4, 4, 3), np.uint8).ctypes.data, 4, 4, 12, 3, 1)
    assert loaded.edgecnn_scratch_bytes(model, ctypes.byref(Image8(*right))) > 0
    for place, value in ((0, None), (1, 0), (2, -1), (3, 11), (4, 2), (5, 9), (5, 0)):
        wrong = [value if i == place else old for i, old in enumerate(right)]
        assert loaded.edgecnn_scratch_bytes(model, ctypes.byref(Image8(*wrong))) == 0
        assert loaded.edgecnn_prepare(model, ctypes.byref(Image8(*wrong)), None, None) == -1


# (file, what stands there, the mistake, the cause that is named)
MISTAKES = [
    ("int8", "{rgb[0], rgb[1], rgb[2], 255};", "{rgb[2], rgb[1], rgb[0], 255};", "BGR for RGB"),
    ("float32", "{rgb[0], rgb[1], rgb[2], 255};", "{rgb[2], rgb[1], rgb[0], 255};", "BGR for RGB"),
    ("int8", "const int o = image->orientation", "const int o = 1", "EXIF ignored"),
    ("int8", "const int o = image->orientation", "const int o = image->orientation == 6 ? 8 : image->orientation", "turned by 180"),
    ("float32", "    memcpy((uint8_t *)out + place * size, (const uint8_t *)model->table + entry * size, size);",
     "    (void)entry, (void)size, ((float *)out)[place] = ordered[c] / 255.0f;", "pixel / 255"),
    ("float32", "    memcpy((uint8_t *)out + place * size, (const uint8_t *)model->table + entry * size, size);",
     "    (void)entry, (void)size, ((float *)out)[place] = ordered[c];", "no scaling, 0..255"),
    ("int8", "    memcpy((uint8_t *)out + place * size, (const uint8_t *)model->table + entry * size, size);",
     "    (void)entry, ((uint8_t *)out)[place * size] = ordered[c] / 255;", "0..1 cast to integers"),
    ("int8", "    memcpy((uint8_t *)out + place * size, (const uint8_t *)model->table + entry * size, size);",
     "    (void)entry, ((uint8_t *)out)[place * size] = (uint8_t)(ordered[c] - 128);", "128 off (int8 / uint8)"),
    ("int8", "if (model->resize == EDGECNN_CROP)", "if (1)", "cropped, not stretched"),
    ("int8", "a.scale < 1.0 ? 1.0 : a.scale", "1.0", "resized without antialias"),
    ("float32", "a.scale < 1.0 ? 1.0 : a.scale", "1.0", "resized without antialias"),
    ("int8", "model->channels_first ?", "!model->channels_first ?", "NCHW / NHWC mixed up"),
    ("float32", "(size_t)y * (size_t)model->width + (size_t)x", "(size_t)x * (size_t)model->width + (size_t)y", "rows for columns"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "right", "wrong", "cause"), MISTAKES, ids=[f"{m[0]}-{m[3]}" for m in MISTAKES])
def test_a_planted_mistake_fails_and_is_named(built, tmp_path, kind, right, wrong, cause):
    folder = tmp_path / "wrong"
    shutil.copytree(built[kind], folder)
    source = folder / "edgecnn.c"
    text = source.read_text()
    assert text.count(right) == 1
    source.write_text(text.replace(right, wrong))
    code, said = outcome(folder)
    assert code == 2
    named = [line for line in said.splitlines() if line.startswith("likely cause: ")]
    assert len(named) == 1, said
    assert named[0].startswith(f"likely cause: {cause}"), said


def test_a_resize_without_antialias_is_named_on_soft_photos_too(tmp_path):
    """Four neighbours of a soft photo are as good as all; the first golden picture has fine lines for that."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(4):
        Image.radial_gradient("L").rotate(90 * i).convert("RGB").resize((300, 300 + 9 * i), Image.Resampling.BICUBIC).save(photos / f"{i}.png")
    folder = bundle(INT8, "c", out=tmp_path / "bundle", pictures=photos).folder
    assert outcome(folder)[0] == 0
    source = folder / "edgecnn.c"
    source.write_text(source.read_text().replace("a.scale < 1.0 ? 1.0 : a.scale", "1.0"))
    code, said = outcome(folder)
    assert (code, "likely cause: resized without antialias: " in said) == (2, True), said


def test_labels_in_another_order_and_a_damaged_array_fail(built, tmp_path):
    folder = tmp_path / "wrong"
    shutil.copytree(built["int8"], folder)
    model, array = folder / "model_mobilenet_int8.c", folder / "model_mobilenet_int8_data.c"
    model.write_text(model.read_text().replace('    "0",\n    "1",', '    "1",\n    "2",').replace('    "8",\n    "9",', '    "9",\n    "8",'))
    array.write_text(array.read_text().replace("{\n", "{\n9+", 1))
    code, said = outcome(folder)
    assert code == 2
    assert "labels in another order, or a background class left out" in said
    assert "the array differs" in said


def test_operators_are_those_of_the_file_and_known_to_the_resolver(built):
    text = (built["int8"] / "model_mobilenet_int8_operators.h").read_text()
    assert [line.strip() for line in text.splitlines() if "resolver." in line and "*" not in line] == [
        f"resolver.{name}();" for name in ("AddQuantize", "AddConv2D", "AddDepthwiseConv2D", "AddReshape", "AddSoftmax")
    ]
    assert KERNELS["LOG_SOFTMAX"] == "AddLogSoftmax"
    assert KERNELS["RESIZE_NEAREST_NEIGHBOR"] == "AddResizeNearestNeighbor"


def test_readme_says_what_the_header_says(built):
    text = (built["int8"] / "README.md").read_text()
    assert "@" not in text
    header = (built["int8"] / "model_mobilenet_int8.h").read_text()
    found = {name: int(value) for name, value in re.findall(r"#define MODEL_MOBILENET_INT8_(\w+) (\d+)", header)}
    assert f"at most {found['ACTIVATION_BYTES']:,} bytes" in text
    assert f"{found['ARENA_BYTES']:,}, which is computed" in text
    assert "(pixel - 128) / 128" in text


def test_what_is_alive_at_once_is_counted_by_hand():
    """int8 MobileNet 0.25 on 32x32: before its first pointwise convolution 16x16x8 bytes, after it 16x16x16."""
    found = arena.arena(INT8)
    assert found.activations == 16 * 16 * 8 + 16 * 16 * 16
    assert arena.arena(FLOAT).activations == 4 * (16 * 16 * 8 + 16 * 16 * 16)
    assert found.arena % 1024 == 0


@pytest.mark.parametrize("rule", ["tf-bilinear", "crop,tf-area", "torchvision", "pad,#808080,tf-bilinear-antialias"])
def test_another_resize_is_the_bundles_own_and_named(tmp_path, rule):
    said = Preprocessing(32, 32, mean=(127.5,), std=(127.5,), resize=rule)
    folder = bundle(FLOAT, "c", out=tmp_path / "b", count=2, preprocessing=said).folder
    code, text = outcome(folder)
    assert code == 0, text
    assert "pixels off by 0, input by 0" in text
    assert said.resize_words in " ".join((folder / "README.md").read_text().split())


def test_a_filter_that_the_training_did_not_have_is_named(tmp_path):
    """The default's antialias is the mistake where the training had none."""
    said = Preprocessing(32, 32, mean=(127.5,), std=(127.5,), resize="tf-bilinear")
    folder = bundle(FLOAT, "c", out=tmp_path / "b", preprocessing=said).folder
    source = folder / "model_mobilenet.c"
    text = source.read_text()
    assert text.count("EDGECNN_TF_BILINEAR,") == 1
    source.write_text(text.replace("EDGECNN_TF_BILINEAR,", "EDGECNN_PILLOW_BILINEAR,"))
    code, said = outcome(folder)
    assert code == 2
    assert "likely cause: resized with antialias" in said
