"""The C code does to pixels what edgecnn does, and to outputs: bytes equal to Pillow's, inputs to the runners'."""

from __future__ import annotations

import ctypes
import itertools
import re
import shutil
import subprocess

import app_cases
import numpy as np
import pytest
from c_library import library, run
from helpers import ROOT
from PIL import Image, ImageOps

from edgecnn.bundle import bundle
from edgecnn.card import Preprocessing
from edgecnn.data import pictures
from edgecnn.data.geometry import short_sides
from edgecnn.resize_rules import FILTERS
from edgecnn.runtime.preprocess import Encoder

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="no C compiler here")
INT8, FLOAT = ROOT / "models" / "mobilenet_int8.tflite", ROOT / "models" / "mobilenet.tflite"
IMAGENET = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}


@pytest.mark.parametrize("size", [(32, 32), (7, 50), (160, 224), (1, 1)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("resize", ["stretch", "crop"])
def test_pixels_are_pillows_in_every_orientation_and_size(tmp_path, resize, size):
    """Random sizes, and those at both ends: a pixel, a line, a photo, and where Pillow changes the order of its two passes."""
    folder, (width, height) = bundle(INT8, "c", out=tmp_path / "b", count=1).folder, size
    source = folder / "model_mobilenet_int8.c"
    told = source.read_text().replace(".width = 32", f".width = {width}").replace(".height = 32", f".height = {height}")
    source.write_text(told.replace("EDGECNN_STRETCH", f"EDGECNN_{resize.upper()}"))
    loaded, model = library(folder, "model_mobilenet_int8")
    rng = np.random.default_rng(0)
    for i, (tall, wide) in enumerate([*app_cases.EXTREME, *app_cases.turning(width, height), *rng.integers(1, 200, (40, 2))]):
        stored = rng.integers(0, 256, (tall, wide, 3 + i % 2), np.uint8)
        image = Image.fromarray(stored[..., :3].copy())
        image.getexif()[0x0112] = i % 8 + 1
        fit = ImageOps.fit if resize == "crop" else Image.Image.resize
        wanted = np.asarray(fit(ImageOps.exif_transpose(image), size, Image.Resampling.BILINEAR))
        pixels = run(loaded, model, stored, i % 8 + 1, np.empty((height, width, 3), np.uint8), "edgecnn_pixels")
        assert np.abs(pixels.astype(int) - wanted).max() <= app_cases.STEPS, (tall, wide, i % 8 + 1)


def test_every_filter_and_mode_gives_edgecnns_own_bytes(tmp_path):
    """Lanczos alone may be a step off, where the sine of a C library ends in another bit."""
    folder = bundle(INT8, "c", out=tmp_path / "b", count=1).folder
    source, rng = folder / "model_mobilenet_int8.c", np.random.default_rng(2)
    before, block = source.read_text().split("const edgecnn_model ")
    asked = [Preprocessing(31, 24, resize=f"{rule},{name}") for rule, name in itertools.product(("stretch", "crop", "crop,0.875", "pad,#1020f0"), FILTERS)]
    source.write_text(before + "".join(f"const edgecnn_model {model_of(block, said, i)}" for i, said in enumerate([Preprocessing(31, 24), *asked])))
    loaded, _ = library(folder, "model_mobilenet_int8")
    for i, said in enumerate(asked, 1):
        model = ctypes.byref(ctypes.c_char.in_dll(loaded, f"model_{i}"))
        for tall, wide in [(1, 1), (31, 24), (62, 48), (300, 9), (9, 300), (96, 100), *rng.integers(2, 200, (12, 2))]:
            stored = rng.integers(0, 256, (tall, wide, 3), np.uint8)
            pixels = run(loaded, model, stored, 1, np.empty((31, 24, 3), np.uint8), "edgecnn_pixels")
            off = np.abs(pixels.astype(int) - pictures.fit(stored, said)).max()
            assert off <= max(app_cases.STEPS, said.resize_filter == "pillow-lanczos"), (said.resize_rule, tall, wide)


def model_of(block: str, said: Preprocessing, number: int) -> str:
    """A model of the C source with another resize, as `model_NUMBER`; number 0 keeps its name."""
    scaled = short_sides(said) if said.crop_fraction < 1 else (0, 0)
    changed = {"width": said.width, "height": said.height, "resize": f"EDGECNN_{said.resize.upper()}", "bars": f"{{{', '.join(map(str, said.pad_color))}}}"}
    changed |= {"filter": f"EDGECNN_{said.resize_filter.upper().replace('-', '_')}", "scaled_width": scaled[0], "scaled_height": scaled[1]}
    for key, value in changed.items():
        block, count = re.subn(rf"\.{key} = [^\n]*,\n", f".{key} = {value},\n", block)
        assert count == 1, key
    return block if number == 0 else re.sub("model_mobilenet_int8 = ", f"model_{number} = ", block)


@pytest.mark.parametrize("order", ["rgb", "bgr", "grey"])
def test_inputs_are_edgecnns_own_with_a_mean_for_each_channel(tmp_path, order):
    """The table of the float file; grey has no file among the models, so that its library is told in C."""
    said = Preprocessing(32, 32, "grey", (33.3,), (78.6,)) if order == "grey" else Preprocessing(32, 32, order, **IMAGENET)
    folder = bundle(FLOAT, "c", out=tmp_path / "b", count=1, preprocessing=said if order != "grey" else None).folder
    if order == "grey":
        source = folder / "model_mobilenet.c"
        text = source.read_text().replace("EDGECNN_RGB", "EDGECNN_GREY").replace(".channels = 3", ".channels = 1")
        values = ",".join(f"{float(np.float32((np.float32(i) - np.float32(33.3)) / np.float32(78.6))):.9e}f" for i in range(256))
        start = text.index("table[256] = {")
        source.write_text(text[:start] + "table[256] = {" + values + text[text.index("};", start) - 1 :])
    loaded, model = library(folder, "model_mobilenet")
    stored = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    channels = 1 if order == "grey" else 3
    filled = run(loaded, model, stored, 1, np.empty((1, 32, 32, channels), np.float32), "edgecnn_prepare")
    np.testing.assert_array_equal(filled, Encoder(said, "float32")(stored[None]))


def test_logits_get_their_softmax_and_names_any_characters(tmp_path):
    names = ['a "quoted" \\ one??/', "Grüße", "*/ int x;", *"defghij"]
    folder = bundle(FLOAT, "c", out=tmp_path / "b", count=1, labels=names).folder
    source = folder / "model_mobilenet.c"
    source.write_text(source.read_text().replace(".score_kind = EDGECNN_SOFTMAX", ".score_kind = EDGECNN_LOGITS"))
    loaded, model = library(folder, "model_mobilenet")
    logits, row = np.linspace(-3, 90, 10, dtype=np.float32), np.empty(10, np.float32)
    loaded.edgecnn_probabilities(model, ctypes.c_void_p(logits.ctypes.data), ctypes.c_void_p(row.ctypes.data))
    grown = np.exp(logits - logits.max())
    np.testing.assert_allclose(row, grown / grown.sum(), rtol=1e-5)
    assert loaded.edgecnn_best(model, ctypes.c_void_p(row.ctypes.data)) == 9
    printed = folder / "names.c"
    printed.write_text('#include <stdio.h>\n#include "model_mobilenet.h"\nint main(void) { for (int i = 0; i < 3; i++) puts(model_mobilenet.labels[i]); }\n')
    sources = [folder / f"{stem}.c" for stem in ("names", "model_mobilenet", "stub")]
    subprocess.run(["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-o", folder / "names", *sources], check=True)
    assert subprocess.run([folder / "names"], capture_output=True, check=True).stdout.decode().splitlines() == names[:3]
