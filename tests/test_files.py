"""Writing without losing: what is no ordinary file stays what it is."""

from __future__ import annotations

import os
import socket
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


def test_half_a_bundle_of_a_killed_process_is_swept_at_once_and_what_made_way_comes_back(tmp_path: Path) -> None:
    half, old, busy = tmp_path / ".b.building-abc", tmp_path / ".b-old-abc", tmp_path / ".b.building-def"
    for path in (half, old, busy):
        path.mkdir()
        (path / "model.h").write_text("old" if path is old else "half")
    with files.held(busy), place.replacing(tmp_path / "b") as building:
        assert {path.name for path in tmp_path.iterdir()} == {".b.building-def", building.name, "b"}
        assert (tmp_path / "b" / "model.h").read_text() == "old"
        (building / "model.h").write_text("new")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.building-def", "b"]
    assert (tmp_path / "b" / "model.h").read_text() == "new"


def kinds(folder: Path) -> dict[str, Path]:
    """What a path may lead to that is no file."""
    os.mkfifo(folder / "pipe.json")
    (folder / "folder.json").mkdir()
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "s.json"))
    (folder / "zero.json").symlink_to("/dev/zero")
    (folder / "circle.json").symlink_to("circle.json")
    return {"pipe": folder / "pipe.json", "directory": folder / "folder.json", "socket": folder / "s.json", "device": folder / "zero.json"} | {
        "symbolic link": folder / "circle.json"
    }


def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    for word, path in kinds(tmp_path).items():
        with pytest.raises(BadFile, match=word):
            files.read_bytes(path, "label file")
    (tmp_path / "large").write_bytes(b"x" * 11)
    with pytest.raises(BadFile, match="expected a label file of 10 at most"):
        files.read_bytes(tmp_path / "large", "label file", 10)
    with pytest.raises(BadFile, match="cannot read"):
        files.read_bytes("a\0b", "label file")


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
