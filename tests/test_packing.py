"""Packed files: every byte comes back, or nothing does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, command, edgecnn, refused, snapshot

from edgecnn import files
from edgecnn.errors import BadFile
from edgecnn.packing import container, pack, rans, streams, unpack
from edgecnn.packing.regions import Region

MODELS = ROOT / "models"
RANDOM = np.random.default_rng(0)
SKEWED = np.minimum(RANDOM.geometric(0.3, 50_000) - 1, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models/mobilenet_int8.tflite, packed."""
    return pack(MODELS / "mobilenet_int8.tflite", out=tmp_path_factory.mktemp("packed")).path


@pytest.mark.parametrize("name", ["mobilenet_int8.tflite", "mobilenet_int8.onnx", "mobilenet.tflite", "mobilenet.json"])
def test_a_file_comes_back_bit_by_bit(name: str, tmp_path: Path):
    result = edgecnn("pack", MODELS / name, "--out", tmp_path)
    assert result.code == 0, result.err
    made = tmp_path / f"{name}.edgez"
    sizes = [int(line.split()[-2].replace(",", "")) for line in result.out.splitlines() if line.startswith(("  bytes ", "  after gzip", "  packed"))]
    assert (sizes[0], sizes[2]) == ((MODELS / name).stat().st_size, made.stat().st_size)
    again = edgecnn("unpack", made)
    assert again.code == 0, again.err
    assert (tmp_path / name).read_bytes() == (MODELS / name).read_bytes()
    assert files.sha256(MODELS / name) in result.out
    assert files.sha256(MODELS / name) in again.out
    if not name.endswith(".json"):
        assert sizes[2] < sizes[1] < sizes[0]


@pytest.mark.parametrize("symbols", [SKEWED, SKEWED[:1], SKEWED[:31], np.zeros(5000, np.uint8), RANDOM.integers(0, 256, 9999, np.uint8)], ids=len)
def test_the_coder_is_near_the_entropy(symbols: np.ndarray):
    counts = np.bincount(symbols, minlength=256)
    which = np.zeros(len(symbols), np.uint16)
    tables = [rans.table(counts)]
    coded = rans.encode(symbols, which, tables)
    np.testing.assert_array_equal(rans.decode(coded, which, [rans.from_codes(tables[0].codes)]), symbols)
    some = counts[counts > 0]
    entropy = float((some * np.log2(len(symbols) / some)).sum()) / 8
    assert len(coded) <= 1.01 * entropy + 6 * rans.lanes_for(len(symbols))


def test_a_table_holds_rare_symbols_beside_common_ones():
    counts = np.ones(256, np.int64)
    counts[0] = 10**9
    found = rans.table(counts)
    assert found.frequencies.min() >= 1
    assert found.frequencies.sum() == rans.TOTAL


@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", ["few", "rising", "random"])
def test_numbers_become_streams_and_come_back(width: int, kind: str):
    dtype = np.dtype(f"<u{width}")
    values = {
        "few": RANDOM.choice(RANDOM.integers(0, np.iinfo(dtype).max, 16, dtype), 3000),
        "rising": np.cumsum(RANDOM.integers(0, 20, 3000, dtype), dtype=dtype),
        "random": RANDOM.integers(0, np.iinfo(dtype).max, 3000, dtype),
    }[kind]
    for form, parts in streams.split(values.tobytes(), width):
        assert len(parts) == form.streams(width)
        assert streams.join(form, parts, width) == values.tobytes()
    if kind != "random" or width == 1:
        assert min(form.streams(width) for form, _ in streams.split(values.tobytes(), width)) == 1


def test_scales_of_a_bias_are_those_of_its_kernel_times_one_number():
    kernel = RANDOM.uniform(1e-4, 1e-2, 300).astype("<f4")
    bias = kernel * np.float32(0.0235)
    form = streams.product(bias.tobytes(), {0: kernel[::-1].tobytes(), 3: kernel.tobytes()})
    assert form.book[0] == 3
    assert streams.times(form, [None, None, None, kernel.tobytes()]) == bias.tobytes()
    bias[7] = np.nextafter(bias[7], np.float32(1))
    assert streams.product(bias.tobytes(), {3: kernel.tobytes()}) is None


def test_forms_are_read_as_they_were_written():
    regions = [Region(10, 40, 4), Region(100, 600, 2), Region(700, 8, 4), Region(708, 12, 4)]
    books = np.array([3, 9], "<u4"), np.arange(256, dtype="<u2"), np.array([0, 77], "<u4"), np.arange(3, dtype="<u4")
    modes = streams.BOOK, streams.BOOK, streams.PRODUCT, streams.PLAIN
    forms = [streams.Form(mode, index == 1, book) for index, (mode, book) in enumerate(zip(modes, books, strict=True))]
    written = streams.write_forms(regions, forms, [[5], [0], [], []])
    found, again, groups, used = streams.read_forms(written + b"more")
    assert (found, groups, used) == (regions, [[5], [0], [], []], len(written))
    for one, other in zip(forms, again, strict=True):
        assert (one.mode, one.delta) == (other.mode, other.delta)
        np.testing.assert_array_equal(one.book, other.book)


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.001, 0.3, 0.7, 0.999, 0.99999])
def test_a_cut_file_is_refused_and_leaves_nothing(packed: Path, tmp_path: Path, share: float):
    content = packed.read_bytes()
    cut = tmp_path / packed.name
    cut.write_bytes(content[: int(share * len(content))])
    refused(edgecnn("unpack", cut), str(cut))
    assert [path.name for path in tmp_path.iterdir()] == [packed.name]


def test_a_changed_byte_never_gives_another_file(packed: Path):
    content, whole = packed.read_bytes(), (MODELS / "mobilenet_int8.tflite").read_bytes()
    for place in [6, 37, 38, 45, 46, 53, 54, 55, *RANDOM.integers(56, len(content), 16)]:
        changed = bytearray(content)
        changed[place] ^= int(RANDOM.integers(1, 256))
        with contextlib.suppress(BadFile):
            assert container.unpack(bytes(changed), "changed.edgez") == whole, place


def test_wrong_files_are_refused(packed: Path, tmp_path: Path):
    refused(edgecnn("unpack", MODELS / "mobilenet_int8.tflite"), "is not a packed file", "edgecnn pack")
    refused(edgecnn("pack", packed), "packed already")
    refused(edgecnn("pack", tmp_path / "absent.tflite"), "no such file")
    refused(edgecnn("pack", tmp_path), "is a directory")
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes((MODELS / "mobilenet_int8.tflite").read_bytes()[:50_000])
    refused(edgecnn("pack", damaged), "damaged")
    later = tmp_path / "later.tflite.edgez"
    later.write_bytes(b"EDGEZ\x02" + packed.read_bytes()[6:])
    refused(edgecnn("unpack", later), "version 2", "update")
    nameless = tmp_path / "nameless"
    nameless.write_bytes(packed.read_bytes())
    refused(edgecnn("unpack", nameless), "--out")
    refused(edgecnn("unpack", nameless, "--out", nameless), "is the file to read")
    refused(edgecnn("unpack", packed, "--out", damaged / "below"), "cannot write")


def test_a_file_that_stands_there_stays_when_unpacking_fails(packed: Path, tmp_path: Path):
    target = tmp_path / "model.tflite"
    target.write_bytes(b"older")
    cut = tmp_path / "model.tflite.edgez"
    cut.write_bytes(packed.read_bytes()[:-100])
    before = snapshot(tmp_path)
    with pytest.raises(BadFile, match="cut off"):
        unpack(cut)
    assert snapshot(tmp_path) == before


def test_a_packer_that_is_stopped_leaves_no_packed_file(tmp_path: Path):
    whole = tmp_path / "numbers.onnx.txt"
    whole.write_bytes(RANDOM.integers(0, 200, 1_500_000, np.uint8).tobytes())
    running = subprocess.Popen(command("pack", whole), cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ)
    try:
        running.wait(1.0)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGTERM)
    code = running.wait(60)
    assert code == 143
    assert [path.name for path in tmp_path.iterdir()] == [whole.name]
