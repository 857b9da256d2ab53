"""Writing without losing: what is no ordinary file stays what it is."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from edgecnn import files
from edgecnn.bundle import place
from edgecnn.errors import BadFile


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    """As a device does: a report that went to /dev/null took its place, for the whole machine."""
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()), daemon=True)
    reader.start()
    files.write_text(pipe, "a report")
    reader.join(10)
    assert found == [b"a report"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_descriptor_is_written_to(tmp_path: Path) -> None:
    """/dev/fd/N is what /dev/stdout leads to; behind a redirection it is a file that others write to as well."""
    place = tmp_path / "out.txt"
    with place.open("w") as stream:
        print("the table", file=stream, flush=True)
        files.write_text(f"/dev/fd/{stream.fileno()}", "the report")
    assert place.read_text() == "the table\nthe report"


def test_a_full_device_is_one_line() -> None:
    assert files.is_stream("/dev/full")  # else the next line would write over it
    with pytest.raises(BadFile, match="cannot write /dev/full: no space left on device"):
        files.write_text("/dev/full", "a report")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_what_a_killed_writer_left_is_swept_after_a_day(tmp_path: Path) -> None:
    old, new, other = (tmp_path / name for name in (".net.part-abc.tflite", ".net.part-def.tflite", ".net-copy.tflite"))
    for path in (old, new, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (0, 0))
    files.write_bytes(tmp_path / "net.tflite", b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".net-copy.tflite", ".net.part-def.tflite", "net.tflite"]


def test_half_a_bundle_is_swept_after_a_day(tmp_path: Path) -> None:
    for name, age in ((".b.part-abc", 0), (".b.part-def", 2**31)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.h").touch()
        os.utime(tmp_path / name, (age, age))
    with place.replacing(tmp_path / "b") as building:
        (building / "model.h").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.part-def", "b"]


@pytest.mark.parametrize("there", [True, False], ids=["leads somewhere", "leads nowhere"])
def test_a_link_stays_one(there: bool, tmp_path: Path) -> None:
    target, link = tmp_path / "models" / "v3.tflite", tmp_path / "latest.tflite"
    target.parent.mkdir()
    if there:
        target.write_bytes(b"before")
    link.symlink_to(target)
    files.write_bytes(link, b"after")
    assert link.is_symlink()
    assert target.read_bytes() == b"after"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["latest.tflite", "models", "v3.tflite"]
