"""A report with every field filled, made by hand: plausible figures, and as many files and classes as a test wants."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from edgecnn import statistics
from edgecnn.validate.diagnosis import Diagnosis
from edgecnn.validate.figures import (
    Bin,
    Change,
    ClassChange,
    Confidence,
    Latency,
    Mistake,
    Parity,
    Share,
    Suffered,
)  # fmt: skip
from edgecnn.validate.layer_figures import LayerNoise, SizePart
from edgecnn.validate.phone_figures import Phone, PhoneKind
from edgecnn.validate.profile_figures import OperatorTime, Profile, Start
from edgecnn.validate.report import Check, Group, Host, Pictures, Report, Row, Verdict

TOTAL = 400


def share(count: int, total: int = TOTAL) -> Share:
    """A share with its interval."""
    return Share(count, total, *statistics.wilson(count, total))


def change(gained: int, lost: int, total: int = TOTAL) -> Change:
    """A paired change with its interval."""
    return Change(gained, lost, total, *statistics.paired_interval(gained, lost, total), statistics.mcnemar(gained, lost))


def full(files: int = 2, classes: tuple[str, ...] = tuple("0123456789"), *, folder: str = "models") -> Report:
    """One group of `files` files and their original, with every kind of figure and three checks."""
    rng = np.random.default_rng(3)
    original = _row(f"{folder}/net.keras", "", rng, classes, worse=0.0)
    original = replace(original, agreement=None, change=None, classes=(), suffered=(), layers=(), mistakes=())
    rows = tuple(_row(f"{folder}/net_int8_{i}.tflite", "int8", rng, classes, worse=0.02 * (i % 20 + 1)) for i in range(files))
    pictures = Pictures("digits", "72434fc0a4dfd6a1" * 4, "test", TOTAL, TOTAL, len(classes), 32, 32)
    first = rows[0].file
    checks = (
        Check(first, "--max-size 500000", Verdict.PASS, "301,008 bytes"),
        Check(
            first, "--max-drop 0.5", Verdict.INCONCLUSIVE, "top-1 drop 0.25 points, 95 % interval -0.75 to 1.25, 400 pictures; about 900 pictures would decide"
        ),
        Check(rows[-1].file, "--max-drop 0.5", Verdict.FAIL, "top-1 drop 3.00 points, 95 % interval 1.40 to 5.10, 400 pictures"),
    )
    host = Host("x86_64", "Linux 6.1", "A processor", 2, {"python": "3.11.7", "edgecnn": "0.1.0", "tensorflow": "not installed"})
    group = Group(pictures, original, rows, ("digits has changed since training (another digest)",))
    return Report((group,), checks, host, "2026-01-02T03:04:05+00:00", f"edgecnn validate {first} --max-drop 0.5")


def thumbnail(seed: int, side: int = 32) -> bytes:
    """A PNG of noise, which no compression makes smaller."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return written.getvalue()


def _row(file: str, scheme: str, rng: np.random.Generator, classes: tuple[str, ...], *, worse: float) -> Row:
    lost = round(TOTAL * worse)
    right = 390 - lost + 2
    size = 1_200_000 if not scheme else 301_000 + round(1e6 * worse)
    ratio = 1.0 if not scheme else 0.4 + worse
    latencies = tuple(Latency(n, 120, 0.002 * ratio / n**0.5, 0.0026 * ratio / n**0.5, ratio, 0.97 * ratio, 1.04 * ratio, p99=0.003 * ratio) for n in (1, 2))
    return Row(
        file=file, sha256="ab" * 32, scheme=scheme, bytes=size, gzip_bytes=round(0.8 * size), ties=share(1 if scheme else 0),
        top1=share(right), top5=share(TOTAL - 1), agreement=share(TOTAL - lost - 2), change=change(2, lost), latencies=latencies,
        confidence=_confidence(rng, worse), classes=_classes(rng, classes), confusion=_confusion(rng, len(classes)), suffered=_suffered(classes),
        start=Start(load=0.0041, first_run=0.0062, rss=4_300_000, arena=812_000 if scheme else None),
        operators=_operators(rng), parts=_parts(size), layers=_layers(rng), mistakes=_mistakes(),
        savings=("12,345 bytes if the card were packed",) if scheme else (),
        diagnosis=Diagnosis(share(390), 0.875, 400, None, "mistake", "BGR for RGB explains it", ("the app fed BGR",)) if scheme else None,
        profile=Profile("each operator timed by itself", 0.00061, 0.00064, 11_000_000, 0.0002, {"int8": 55e9}) if scheme else None,
        phones=(_phone(ratio),) if scheme else (),
        parity=Parity(pictures=64, difference=0.031, largest=0.12, kind="int8", limit=None, batch=None) if scheme else None,
    )  # fmt: skip


def _phone(ratio: float) -> Phone:
    kinds = (PhoneKind("CONV_2D", 15, 0.006 * ratio, 0.75), PhoneKind("SOFTMAX", 1, 0.002 * ratio, 0.25))
    return Phone("Google Pixel 8", "Android 15", 4, 50, 0.0082 * ratio, 0.008 * ratio, 0.0001, 0.0081 * ratio, 0.0023, 0.0091, 4_456_448, kinds)


def _confidence(rng: np.random.Generator, worse: float) -> Confidence:
    bins = tuple(Bin(i / 10, i / 10 + 0.1, 4 + i**2, i / 10 + 0.05, float(np.clip(i / 10 + rng.normal(-worse, 0.05), 0, 1))) for i in range(10))
    return Confidence(0.021 + worse, 0.014 + worse, 0.034 + worse, 0.05 + worse, 0.953, worse or None, bins)


def _classes(rng: np.random.Generator, classes: tuple[str, ...]) -> tuple[ClassChange, ...]:
    found = []
    for label in classes:
        gained, lost = int(rng.integers(0, 3)), int(rng.integers(0, 7))
        correct = 40 - lost
        found.append(ClassChange(label, 42, correct, gained, lost, min(1.0, statistics.mcnemar(gained, lost) * 3), *statistics.wilson(correct, 42)))
    return tuple(found)


def _confusion(rng: np.random.Generator, classes: int) -> tuple[tuple[int, ...], ...]:
    if classes > 100:
        return ()
    wrong = rng.poisson(0.3, (classes, classes))
    np.fill_diagonal(wrong, 38)
    return tuple(tuple(int(n) for n in line) for line in wrong)


def _suffered(classes: tuple[str, ...]) -> tuple[Suffered, ...]:
    return tuple(
        Suffered(7 * i, f"test/{classes[0]}/{i:03}.png" if i % 3 else "", classes[0], classes[0], classes[1], 0.98 - 0.02 * i, 0.05 + 0.03 * i, thumbnail(i))
        for i in range(8)
    )


def _operators(rng: np.random.Generator) -> tuple[OperatorTime, ...]:
    seconds = np.sort(rng.exponential(20e-6, 30))[::-1]
    kinds = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD")
    macs = [0 if i % 3 == 2 else 40_000 + 1000 * i for i in range(30)]
    return tuple(
        OperatorTime(f"conv_{i}/relu", kinds[i % 3], float(s), float(s / seconds.sum()), macs[i], float(s) / 3 if macs[i] else 0.0)
        for i, s in enumerate(seconds)
    )


def _parts(size: int) -> tuple[SizePart, ...]:
    kinds = (("weights", 0.86), ("quantization", 0.05), ("graph", 0.05), ("metadata", 0.03), ("padding", 0.01))
    whole = [SizePart(kind, "", round(size * part), round(0.8 * size * part)) for kind, part in kinds]
    return (*whole, *(SizePart("weights", f"conv_{i}", round(size * 0.86 * 0.5 ** (i + 1))) for i in range(8)))


def _layers(rng: np.random.Generator) -> tuple[LayerNoise, ...]:
    noise = np.sort(rng.normal(25, 8, 24))
    suspects = {0: "range 4.2 times what is used", 3: "12 % of the values are cut off"}
    own = [float(db + rng.uniform(0, 12)) if i % 4 else None for i, db in enumerate(noise)]
    return tuple(
        LayerNoise(name=f"block_{i}/out", original=f"block_{i}", kind="CONV_2D", sqnr=float(db), own=own[i], suspect=suspects.get(i, ""))
        for i, db in enumerate(noise)
    )


def _mistakes() -> tuple[Mistake, ...]:
    made = (("0..255 unscaled", 60), ("0..1 instead of -1..1", 310), ("BGR for RGB", 350), ("nearest for bilinear", 388))
    return tuple(
        Mistake(name, share(right), share(right + 4), explains=name.startswith("BGR"), advice="swap the channels", distance=abs(right - 352) / TOTAL)
        for name, right in made
    )
