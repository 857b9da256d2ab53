"""One image in every container and pixel format that people have: the values are those that were put in."""

from __future__ import annotations

import importlib.util
import io
import struct
import zlib

import numpy as np
import pytest
from helpers import edgecnn
from PIL import Image, ImageCms

from edgecnn.card import Preprocessing
from edgecnn.data import decode, image_formats, pictures
from edgecnn.errors import BadFile

SIZE = Preprocessing(48, 48)
_Y, _X = np.mgrid[0:48, 0:48]
RGB = np.stack([_X * 5, _Y * 5, 255 - _X * 3 - _Y * 2], -1).clip(0, 255).astype(np.uint8)
IMAGE = Image.fromarray(RGB)
GREY = np.asarray(IMAGE.convert("L"))
TURNED = IMAGE.transpose(Image.Transpose.ROTATE_90)
BLACK = Image.new("RGB", (48, 48))
PALETTE = IMAGE.quantize(256)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def exif(orientation: int) -> Image.Exif:
    entries = Image.Exif()
    entries[0x0112] = orientation
    return entries


def png16(values: np.ndarray, kind: int) -> bytes:
    """A PNG of 16 bits a channel, which Pillow cannot write in colour."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", 48, 48, 16, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def lab() -> Image.Image:
    return ImageCms.profileToProfile(IMAGE, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=-1)


def half_clear() -> bytes:
    alpha = np.zeros((48, 48), np.uint8)
    alpha[:24] = 255
    return saved(Image.fromarray(np.dstack([RGB, alpha])), "PNG")


OPAQUE16, WIDE = np.full((48, 48, 1), 65535), RGB.astype(np.uint16) * 257
LOSSLESS = saved(IMAGE, "WEBP", lossless=True)
# Content, what must come out, and by how much it may differ on average: lossy formats are near, all others exact.
KINDS = {
    "plain.png": (saved(IMAGE, "PNG"), RGB, 0),
    "q95.jpg": (saved(IMAGE, "JPEG", quality=95), RGB, 1),
    "progressive.jpg": (saved(IMAGE, "JPEG", quality=95, progressive=True), RGB, 1),
    "trailing.jpg": (saved(IMAGE, "JPEG", quality=95) + b"garbage" * 50, RGB, 1),
    "cmyk.jpg": (saved(IMAGE.convert("CMYK"), "JPEG", quality=95), RGB, 1),
    "cmyk.tif": (saved(IMAGE.convert("CMYK"), "TIFF"), RGB, 0),
    "lab.tif": (saved(lab(), "TIFF"), RGB, 2),
    "lzw.tif": (saved(IMAGE, "TIFF", compression="tiff_lzw"), RGB, 0),
    "grey.jpg": (saved(IMAGE.convert("L"), "JPEG", quality=95), grey(GREY), 1),
    "grey and alpha.png": (saved(Image.merge("LA", (IMAGE.convert("L"), Image.new("L", (48, 48), 255))), "PNG"), grey(GREY), 0),
    "palette.png": (saved(PALETTE, "PNG"), np.asarray(PALETTE.convert("RGB")), 0),
    "palette.gif": (saved(PALETTE, "GIF"), np.asarray(PALETTE.convert("RGB")), 0),
    "one bit.png": (saved(IMAGE.convert("L").point(lambda v: 255 * (v > 128)).convert("1"), "PNG"), grey(255 * (GREY > 128)), 0),
    "rgba.png": (saved(IMAGE.convert("RGBA"), "PNG"), RGB, 0),
    "half clear.png": (half_clear(), np.concatenate([RGB[:24], np.full((24, 48, 3), 255)]), 0),
    "16 bits.png": (png16(WIDE, 2), RGB, 0),
    "16 bits, alpha.png": (png16(np.concatenate([WIDE, OPAQUE16], -1), 6), RGB, 0),
    "16 bits, grey.png": (png16(GREY.astype(np.uint16) * 257, 0), grey(GREY), 0),
    "16 bits, grey and alpha.png": (png16(np.dstack([GREY.astype(np.uint16) * 257, OPAQUE16]), 4), grey(GREY), 0),
    "16 bits, grey.tif": (saved(Image.fromarray(GREY.astype(np.uint16) * 257), "TIFF"), grey(GREY), 0),
    "12 bits in 16.png": (saved(Image.fromarray(GREY.astype(np.uint16) * 16), "PNG"), grey(np.round(GREY.astype(int) * 16 * 255 / 65535)), 0),
    "exif 6.jpg": (saved(TURNED, "JPEG", quality=95, exif=exif(6)), RGB, 1),
    "exif 6.png": (saved(TURNED, "PNG", exif=exif(6)), RGB, 0),
    "exif 6.webp": (saved(TURNED, "WEBP", lossless=True, exif=exif(6)), RGB, 0),
    "exif 6.tif": (saved(TURNED, "TIFF", tiffinfo={274: 6}), RGB, 0),
    "exif 3.jpg": (saved(IMAGE.transpose(Image.Transpose.ROTATE_180), "JPEG", quality=95, exif=exif(3)), RGB, 1),
    "animated.gif": (saved(PALETTE, "GIF", save_all=True, append_images=[Image.new("P", (48, 48))] * 2), np.asarray(PALETTE.convert("RGB")), 0),
    "animated.webp": (saved(IMAGE, "WEBP", save_all=True, append_images=[BLACK] * 2, lossless=True), RGB, 0),
    "animated.png": (saved(IMAGE, "PNG", save_all=True, append_images=[BLACK]), RGB, 0),
    "pages.tif": (saved(IMAGE, "TIFF", save_all=True, append_images=[BLACK]), RGB, 0),
    "image.avif": (saved(IMAGE, "AVIF", quality=95), RGB, 2),
    "image.jp2": (saved(IMAGE, "JPEG2000"), RGB, 0),
    "image.tga": (saved(IMAGE, "TGA"), RGB, 0),
    "image.pcx": (saved(IMAGE, "PCX"), RGB, 0),
    "image.sgi": (saved(IMAGE, "SGI"), RGB, 0),
    "image.qoi": (saved(IMAGE, "QOI"), RGB, 0),
    "really avif.jpg": (saved(IMAGE, "AVIF", quality=95), RGB, 2),
    "really png.jpg": (saved(IMAGE, "PNG"), RGB, 0),
    "really webp.jpg": (LOSSLESS, RGB, 0),
    "really webp.tga": (LOSSLESS, RGB, 0),
    "no suffix": (LOSSLESS, RGB, 0),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_values_that_were_put_in_come_out(name, tmp_path):
    content, expected, most = KINDS[name]
    (tmp_path / name).write_bytes(content)
    difference = np.abs(decode(tmp_path / name, SIZE).astype(int) - expected)
    assert difference.mean() <= most
    if most == 0:
        assert difference.max() == 0
    same, hashed = pictures.decode_and_hash(content, SIZE, image_formats.suffix_of(name))
    assert np.array_equal(same, decode(tmp_path / name, SIZE))
    # The hash is of the pixels alone, at any size that they are brought to.
    assert hashed == pictures.decode_and_hash(saved(Image.fromarray(same), "PNG"), Preprocessing(5, 7))[1]


@pytest.mark.parametrize(
    "content", [KINDS["q95.jpg"][0][:900], b"", b"dear sir, this is a letter and no picture", bytes(2000)], ids=["cut", "empty", "text", "zeros"]
)
@pytest.mark.parametrize("suffix", [".jpg", ".tga", ".pcx"])
def test_damaged_files_are_refused_under_every_suffix(tmp_path, content, suffix):
    (tmp_path / f"x{suffix}").write_bytes(content)
    with pytest.raises(BadFile, match=r"x\.") as refused:
        decode(tmp_path / f"x{suffix}", SIZE)
    assert "\n" not in str(refused.value)


def test_formats_that_start_programs_or_are_no_images_are_never_opened():
    assert not {"EPS", "PDF", "WMF", "MPEG", "HDF5", "GRIB", "BUFR"} & {*image_formats.suffixes().values(), *image_formats.formats(".eps")}
    assert {".jfif", ".jpe", ".avif", ".apng", ".tga", ".jp2", ".j2k", ".dib", ".ico", ".mpo", ".qoi", ".pbm"} <= set(image_formats.suffixes())
    assert not {".eps", ".ps", ".pdf", ".wmf", ".emf", ".mpg", ".h5", ".hdf", ".grib", ".txt"} & set(image_formats.suffixes())


@pytest.mark.parametrize("name", ["plain.png", "q95.jpg", "lzw.tif", "palette.gif", "animated.webp", "image.avif", "image.jp2", "image.qoi"])
def test_the_first_bytes_prove_an_image(name):
    assert image_formats.looks_like_image(KINDS[name][0][: image_formats.HEAD])


@pytest.mark.parametrize(
    "head", [b"", b"BMW is a car of Munich, Bavaria ", b"P5 notes", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", b"II", b"hello", b"%PDF-1.7", b"\x7fELF"]
)
def test_other_bytes_do_not(head):
    assert not image_formats.looks_like_image(head)


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400)


def test_of_a_heic_the_package_is_named_that_reads_it():
    """Also where it is called .jpg, as some phones send it."""
    if importlib.util.find_spec("pillow_heif"):
        pytest.skip("the package is installed")
    assert not image_formats.looks_like_image(HEIC[: image_formats.HEAD])
    for suffix in (".heic", ".jpg", ""):
        with pytest.raises(BadFile, match=r"a HEIC picture, which is read when the Python package pillow-heif is installed"):
            pictures.decode_bytes(HEIC, SIZE, suffix)
    with pytest.raises(BadFile, match="not a picture"):
        pictures.decode_bytes(HEIC.replace(b"ftypheic", b"ftypisom"), SIZE, ".heic")


@pytest.fixture
def heif():
    return pytest.importorskip("pillow_heif", reason="pillow-heif is not installed: pip install pillow-heif")


def test_heic_where_its_package_is(heif, tmp_path):
    """A phone's rotation is in the file twice, as the container's and as EXIF, and is to be done once."""
    heif.register_heif_opener()
    wide = Image.fromarray(RGB[:32])
    for orientation in range(1, 9):
        turned = saved(wide, "HEIF", quality=100, chroma=444, exif=exif(orientation).tobytes())
        expected = pictures.whole(saved(wide, "JPEG", quality=100, subsampling=0, exif=exif(orientation)))
        assert pictures.whole(turned).shape == expected.shape
        assert np.abs(pictures.whole(turned).astype(int) - expected).max() < 20
    white = saved(Image.fromarray(np.dstack([RGB, np.zeros_like(RGB[..., 0])])), "HEIF", quality=-1)
    assert pictures.whole(white).min() > 250
    assert image_formats.looks_like_image(white[: image_formats.HEAD])
    for suffix, content in ((".jpg", white), (".heic", saved(wide, "JPEG"))):
        assert pictures.decode_bytes(content, SIZE, suffix).shape == (48, 48, 3)
    with pytest.raises(BadFile, match="damaged picture"):
        pictures.decode_bytes(white[: len(white) // 2], SIZE, ".heic")


def test_a_folder_of_heic_is_trained_on_and_validated(heif, tmp_path):
    heif.register_heif_opener()
    random = np.random.default_rng(0)
    for place, name in enumerate(("blue", "green", "red")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(15):
            pixels = random.integers(0, 120, (40, 40, 3), np.uint8)
            pixels[..., 2 - place] += 120
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.heic", quality=90)
    result = edgecnn("train", "lenet", "--data", tmp_path / "photos", "--epochs", 1, "--warmup", 0, "--no-augment", "--out", tmp_path / "out")
    assert result.code == 0, result.err
    assert "passed over" not in result.out + result.err
    result = edgecnn("validate", tmp_path / "out" / "lenet.keras", "--data", tmp_path / "photos", "--no-latency")
    assert result.code == 0, result.err
