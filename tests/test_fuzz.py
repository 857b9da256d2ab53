"""The project's own fuzzer, with 300 inputs: no command dies, hangs, prints a traceback or hands control characters to the terminal."""

from __future__ import annotations

import subprocess
import sys

import pytest
from helpers import ROOT


def fuzzed(*words: str) -> str:
    done = subprocess.run([sys.executable, ROOT / "tools" / "fuzz.py", *words], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_300_inputs() -> None:
    table = fuzzed("--count", "300", "--seed", "15")
    assert table.strip().splitlines()[-1].split()[:2] == ["all", "300"]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_5000_inputs(part: int) -> None:
    fuzzed("--count", "500", "--seed", str(1000 + part))


@pytest.mark.slow
def test_keras_files() -> None:
    fuzzed("--count", "40", "--seed", "1", "--format", "keras")


def test_a_finding_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge itself: each thing that must not be is one."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    import fuzz

    right = fuzz.Outcome(2, "", "edgecnn: a.tflite is empty\n", 1.0, 0)
    assert fuzz.problems(right, 20) == []
    wrong = {
        "exit code 70": fuzz.Outcome(70, "", "edgecnn: a bug\n", 1.0, 0),
        "its process died": fuzz.Outcome(None, "", "signal 11", 1.0, 0),
        "exit code 2 without one line that says why": fuzz.Outcome(2, "", "words\n", 1.0, 0),
        "exit code 2 without a word": fuzz.Outcome(2, "", "", 1.0, 0),
        "a traceback": fuzz.Outcome(0, "", "Traceback (most recent call last):\n", 1.0, 0),
        "a control character on the terminal": fuzz.Outcome(0, "cat\x1b[2J\n", "", 1.0, 0),
        "21 s": fuzz.Outcome(0, "", "", 21.0, 0),
        "3,072 MiB": fuzz.Outcome(0, "", "", 1.0, 3 << 30),
    }
    for problem, outcome in wrong.items():
        assert problem in fuzz.problems(outcome, 20), problem
