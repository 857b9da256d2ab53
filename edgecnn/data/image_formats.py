"""Which files are images: by their suffix, as Pillow registers it, or by their first bytes."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Mapping

from PIL import Image

# Formats of Pillow's table that are no images, only stand-ins for other programs, or readers that start one (EPS starts Ghostscript).
EXCLUDED = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "PDF", "WMF"})

# Formats that their first bytes prove, so that a wrong suffix does no harm. The others are tried only where the suffix asks for them:
# TGA has no mark of its own, and any damaged file could pass for one. JPEG includes the MPO that phones write.
PROVEN = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "AVIF", "JPEG2000", "QOI", "HEIF")

# Bytes that `looks_like_image` needs.
HEAD = 32

HEIF_PACKAGE = "pillow-heif"
_HEIF = (".heic", ".heif", ".heics", ".heifs", ".hif")

# Brands of its first box in which images are packed with HEVC; what has the brand of a container alone may be AVIF, which Pillow reads itself.
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")

# What cameras store before they make an image of it; it looks like TIFF, and Pillow would find the thumbnail.
RAW = frozenset((".dng", ".raw", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".sr2", ".orf", ".rw2", ".raf", ".pef", ".srw", ".3fr", ".iiq"))

# Images that no reader here knows: a class of them is missed, other than a class of notes.
UNREADABLE = frozenset(
    (*_HEIF, *RAW, ".jxl", ".svg", ".eps", ".ai", ".wmf", ".emf", ".pdf", ".xcf", ".exr", ".hdr", ".jxr", ".dcm", ".psb", ".crdownload", ".part", ".tmp",
     ".download", ".icloud")
)  # fmt: skip

# Files that people keep beside images; their bytes are not asked.
NOTES = frozenset(
    (".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".html", ".htm", ".css", ".js", ".log", ".py",
     ".ipynb", ".sh", ".bat", ".m", ".mat", ".npy", ".npz", ".pkl", ".pickle", ".h5", ".hdf5", ".hdf", ".keras", ".tflite", ".onnx", ".pt", ".pth", ".zip",
     ".tar", ".gz", ".tgz", ".xz", ".bz2", ".7z", ".rar", ".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".mp3", ".wav", ".doc", ".docx", ".xls",
     ".xlsx", ".ppt", ".pptx", ".db", ".sqlite", ".url", ".lnk")
)  # fmt: skip

_BMP = re.compile(rb"BM....\0\0\0\0", re.DOTALL)
_PPM = re.compile(rb"P[1-6]\s+[#\d]")


@functools.cache
def suffixes() -> Mapping[str, str]:
    """Suffix, lower case with its dot -> Pillow's name of the format, for all that can be opened here; HEIF where its package is installed."""
    _register_heif()
    Image.init()
    known = {suffix.lower(): name for suffix, name in Image.registered_extensions().items() if name in Image.OPEN and name not in EXCLUDED}
    return known | {".mpo": "JPEG"}


def formats(suffix: str) -> tuple[str, ...]:
    """What Pillow may take a file for: the proven formats, and the one of its suffix."""
    asked = suffixes().get(suffix.lower())
    here = tuple(name for name in PROVEN if name in Image.OPEN)
    return here if asked is None or asked in here else (*here, asked)


def suffix_of(name: str) -> str:
    """The suffix of a file name with forward slashes, lower case with its dot; "" where it has none."""
    stem, dot, suffix = name.rpartition("/")[2].lower().rpartition(".")
    return dot + suffix if stem else ""


def looks_like_image(head: bytes) -> bool:
    """Whether the first HEAD bytes of a file prove an image that can be opened here."""
    suffixes()
    if head.startswith(b"BM"):
        return bool(_BMP.match(head))
    if head.startswith(b"P"):
        return bool(_PPM.match(head))
    # A text instead of True says that the format is known and cannot be opened.
    answers = (Image.OPEN[name][1](head) for name in PROVEN if name in Image.OPEN and Image.OPEN[name][1])
    return any(answer and not isinstance(answer, str) for answer in answers)


def why_unreadable(suffix: str) -> str:
    """The reason for passing over a file with this suffix, and what would read it."""
    if suffix in _HEIF:
        return f"{suffix} is read when the Python package {HEIF_PACKAGE} is installed"
    if suffix in UNREADABLE:
        return f"{suffix} cannot be read; convert it to JPEG or PNG"
    return f"not an image ({suffix})" if suffix else "not an image (no suffix)"


def needs_package(head: bytes) -> str:
    """Why a file of these first bytes is no image here although a package would read it; "" where none would, or where it is installed."""
    suffixes()
    if head[4:8] != b"ftyp" or head[8:12] not in _HEIF_BRANDS or "HEIF" in Image.OPEN:
        return ""
    return f"a HEIC picture, which is read when the Python package {HEIF_PACKAGE} is installed"


def _register_heif() -> None:
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return
