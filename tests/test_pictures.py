"""Pictures of every kind come out as upright RGB; what is no picture is refused in words."""

from __future__ import annotations

import contextlib
import io
import os

import numpy as np
import pytest
from PIL import Image

from edgecnn.card import Preprocessing
from edgecnn.data import decode, pictures
from edgecnn.errors import BadData, BadFile

RED, BLUE = (255, 0, 0), (0, 0, 255)
SMALL = Preprocessing(4, 4)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def palette(transparent: bool) -> bytes:
    image = Image.new("P", (6, 6), 1)
    image.putpalette([*BLUE, *RED])
    return saved(image, "PNG", **({"transparency": 1} if transparent else {}))


def rotated_by_exif() -> bytes:
    """Upright red over blue, stored lying on its side with the EXIF orientation that a phone writes for it."""
    upright = Image.new("RGB", (16, 16), RED)
    upright.paste(BLUE, (0, 8, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)


def grey16(value: int, kind: str) -> bytes:
    return saved(Image.fromarray(np.full((6, 6), value, np.uint16)), kind)


EVEN = {
    "rgb png": (saved(Image.new("RGB", (6, 6), RED), "PNG"), RED),
    "grey": (saved(Image.new("L", (6, 6), 77), "PNG"), (77, 77, 77)),
    "one bit": (saved(Image.new("1", (6, 6), 1), "PNG"), (255, 255, 255)),
    "half transparent red over white": (saved(Image.new("RGBA", (6, 6), (255, 0, 0, 128)), "PNG"), (255, 127, 127)),
    "grey with alpha": (saved(Image.new("LA", (6, 6), (0, 0)), "PNG"), (255, 255, 255)),
    "palette": (palette(transparent=False), RED),
    "palette, transparent": (palette(transparent=True), (255, 255, 255)),
    "cmyk jpeg": (saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95), RED),
    "cmyk tiff": (saved(Image.new("CMYK", (6, 6), (255, 255, 0, 0)), "TIFF"), BLUE),
    "16-bit png": (grey16(32896, "PNG"), (128, 128, 128)),
    "16-bit png, full": (grey16(65535, "PNG"), (255, 255, 255)),
    "16-bit tiff": (grey16(257, "TIFF"), (1, 1, 1)),
    "16-bit pgm": (b"P5 4 4 65535\n" + b"\x80\x80" * 16, (128, 128, 128)),
    "gif, first frame": (saved(Image.new("RGB", (6, 6), RED), "GIF", save_all=True, append_images=[Image.new("RGB", (6, 6), BLUE)]), RED),
    "webp": (saved(Image.new("RGB", (6, 6), RED), "WEBP", lossless=True), RED),
    "bmp": (saved(Image.new("RGB", (6, 6), BLUE), "BMP"), BLUE),
    "ppm": (saved(Image.new("RGB", (6, 6), BLUE), "PPM"), BLUE),
}


@pytest.mark.parametrize("kind", EVEN)
def test_every_kind_becomes_rgb(kind):
    content, colour = EVEN[kind]
    picture = pictures.decode_bytes(content, SMALL)
    assert picture.shape == (4, 4, 3)
    assert picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - colour).max() <= 2


def test_exif_turns_the_picture_upright():
    picture = pictures.decode_bytes(rotated_by_exif(), SMALL).astype(int)
    assert np.abs(picture[0] - RED).max() < 40
    assert np.abs(picture[-1] - BLUE).max() < 40


def test_stretch_is_pillows_bilinear():
    image = noise(30, 20)
    expected = np.asarray(image.resize((8, 10), Image.Resampling.BILINEAR))
    assert np.array_equal(pictures.decode_bytes(saved(image, "PNG"), Preprocessing(10, 8)), expected)
    assert np.array_equal(pictures.fit(np.asarray(image), Preprocessing(10, 8)), expected)


def test_crop_scales_the_short_side_and_takes_the_centre():
    wide, tall = noise(30, 10), noise(10, 30)
    rule = Preprocessing(5, 5, resize="crop")
    assert np.array_equal(pictures.decode_bytes(saved(wide, "PNG"), rule), np.asarray(wide.resize((15, 5), Image.Resampling.BILINEAR))[:, 5:10])
    assert np.array_equal(pictures.decode_bytes(saved(tall, "PNG"), rule), np.asarray(tall.resize((5, 15), Image.Resampling.BILINEAR))[5:10])


JPEG = saved(noise(40, 40), "JPEG")
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
BROKEN = {
    "empty": (b"", "empty"),
    "text": (b"this is a letter, not a photo\n", "not a picture"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "truncated"),
    "truncated png": (saved(noise(40, 40), "PNG")[:900], "damaged"),
    "bomb": (b"P6 30000 30000 255\n", "too large"),
    "smaller bomb": (b"P6 10000 10000 255\n", "too large"),
    "floats": (saved(Image.new("F", (4, 4), 0.5), "TIFF"), "floating-point"),
    "32 bits": (saved(Image.fromarray(np.full((4, 4), 70000, np.int32)), "TIFF"), "32-bit"),
    "eps": (EPS, "not a picture"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_are_refused_in_words(kind, tmp_path):
    content, why = BROKEN[kind]
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=why) as refused:
        decode(path, SMALL)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "PPM"])
def test_random_damage_never_raises_anything_else(kind):
    rng = np.random.default_rng(1)
    whole = np.frombuffer(saved(noise(24, 24), kind), np.uint8)
    with pictures.quiet():
        for _ in range(60):
            content = whole.copy()
            content[rng.integers(0, len(content), 8)] = rng.integers(0, 256, 8)
            with contextlib.suppress(BadFile):
                assert pictures.decode_bytes(content[: rng.integers(1, len(content))].tobytes(), SMALL).shape == (4, 4, 3)


def test_a_missing_picture_is_named(tmp_path):
    with pytest.raises(BadFile, match="no such picture"):
        decode(tmp_path / "nothing.png", SMALL)


@pytest.mark.parametrize("wrong", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)])
def test_arrays_of_another_kind_are_refused(wrong):
    with pytest.raises(BadData, match="expected uint8 RGB"):
        pictures.fit(wrong, SMALL)


def test_decoding_a_folder_warns_nobody(recwarn, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(palette(transparent=True))
    decode(os.fspath(path), SMALL)
    assert not recwarn.list
