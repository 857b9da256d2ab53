"""Between a command and the shell: every error is one line, the streams stay clean, progress is drawn to suit."""

from __future__ import annotations

import contextlib
import functools
import os
import pty
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT, command, edgecnn

from edgecnn.cli import guard
from edgecnn.cli.progress import Bars, Lines, progress
from edgecnn.errors import BadSetting, CheckFailed


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (BadSetting("no"), 2, "no"),
        (CheckFailed("it is\nworse"), 1, "it is worse"),
        (KeyboardInterrupt(), 130, "stopped by Ctrl-C"),
        (OSError(28, "No space left on device", "/full"), 2, "/full: no space left on device"),
        (PermissionError(13, "Permission denied"), 2, "permission denied"),
        (MemoryError(), 2, "not enough memory"),
        (KeyError("x"), guard.BUG, "a bug in edgecnn"),
    ],
)
def test_every_error_is_one_line(error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def action() -> int:
        raise error

    monkeypatch.delenv(guard.DEBUG, raising=False)
    assert guard.guarded(action) == code
    printed = capsys.readouterr().err
    assert printed.startswith(f"edgecnn: {line}")
    assert printed.count("\n") == 1


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(guard.DEBUG, "1")
    assert guard.guarded(lambda: 1 // 0) == guard.BUG
    assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_behind_stdout() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(command("list"), stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (2, "edgecnn: no space left on device\n")


def test_a_reader_that_goes_away_is_no_error_to_speak_of() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command("list"), stdout=write, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", b"gr\\xfcn \\u2500 \xe9\n"), ("latin-1", b"gr\xfcn \\u2500 \xe9\n"), ("utf-8", "grün ─ ".encode() + b"\xe9\n")]
)
def test_letters_that_the_terminal_lacks_are_no_bug(encoding: str, shown: bytes) -> None:
    """A class name in LANG=C, and a file name that is no UTF-8."""
    code = "from edgecnn.cli import guard; raise SystemExit(guard.guarded(lambda: print('gr\\xfcn \\u2500 \\udce9') or 0))"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, b"")


def test_closed_streams_are_no_bug() -> None:
    done = subprocess.run(["sh", "-c", f"{shlex.join(command('list'))} >&- 2>&-"], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_ctrl_c_is_one_line(tmp_path: Path) -> None:
    line = command("train", "lenet", "--epochs", 1000, "--out", tmp_path)
    # A shell's background job hands on that it ignores the interrupt; a terminal's command does not.
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=heard) as running:
        try:
            # Not before: Keras and TensorFlow swallow an interrupt that falls into a bare `except:` of theirs while they are imported.
            while not running.stderr.readline().startswith("training"):
                assert running.poll() is None
            running.send_signal(signal.SIGINT)
            rest = running.communicate(timeout=60)[1]
        finally:
            running.kill()
    # Python ends itself with the signal where the interrupt passed through exec() of a text; a shell sees 130 either way.
    assert running.returncode in (130, -signal.SIGINT)
    assert rest.splitlines()[-1] == "edgecnn: stopped by Ctrl-C"
    assert "Traceback" not in rest


def test_stderr_is_as_it_was_after_a_command() -> None:
    before, target = sys.stderr, Path("/proc/self/fd/2").readlink()
    edgecnn("list")
    assert sys.stderr is before
    assert Path("/proc/self/fd/2").readlink() == target


def test_lines_speak_seldom(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines().track("decoding", 1000) as advance:
        for _ in range(1000):
            advance(1, "note")
    assert capsys.readouterr().err == "decoding: 1000/1000  note\n"


def test_bars_leave_one_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        drawn = progress()
        with drawn.track("decoding {braces} [brackets]", 10) as advance:
            advance(10, "note")
        monkeypatch.undo()
    assert isinstance(drawn, Bars)
    shown = b""
    with contextlib.suppress(OSError):  # EIO ends what a terminal that was closed had to show
        while part := os.read(ours, 100_000):
            shown += part
    os.close(ours)
    assert shown.decode().splitlines()[-1].endswith("decoding {braces} [brackets]: 10/10  note")
