"""Writing that is cut short, by a full disk or a kill: what stood there before still stands there."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from helpers import ROOT, Result, command, edgecnn, refused, snapshot


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A folder on a disk of its own with room for a few kilobytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk; test_file_size_limit covers the same path")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_full_disk(small_disk: Path, exported: Path) -> None:
    (small_disk / "lenet.tflite").write_bytes(b"what was there before")
    before = snapshot(small_disk)
    refused(edgecnn("export", exported / "lenet.keras", "--out", small_disk), "no space left")
    assert snapshot(small_disk) == before


def test_file_size_limit(tmp_path: Path, exported: Path) -> None:
    """The kernel refuses to write on, as it does when a disk is full or a quota is used up."""
    (tmp_path / "lenet.tflite").write_bytes(b"what was there before")
    before = snapshot(tmp_path)
    done = subprocess.run(
        command("export", exported / "lenet.keras", "--tflite", "--out", tmp_path),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)),
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    refused(Result(done.returncode, done.stdout, done.stderr), "file too large")
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_killed_while_writing(number: int, tmp_path: Path, exported: Path) -> None:
    """What stood there stands there, byte for byte, and after SIGTERM nothing else does."""
    (tmp_path / "lenet.tflite").write_bytes(b"what was there before")
    line = command("export", exported / "lenet.keras", "--tflite", "--out", tmp_path)
    running = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while len(list(tmp_path.iterdir())) < 2 and running.poll() is None:
            time.sleep(0.002)
    finally:
        running.send_signal(number)
    code = running.wait()
    assert (tmp_path / "lenet.tflite").read_bytes() == b"what was there before"
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 143)
    if number == signal.SIGTERM:
        assert [path.name for path in tmp_path.iterdir()] == ["lenet.tflite"]
