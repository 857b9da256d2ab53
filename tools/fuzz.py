"""Feeds edgecnn with files that are wrong in a few of their fields, and tells what it made of them.

    python tools/fuzz.py --count 300 --seed 0
    python tools/fuzz.py --format tflite --count 1000 --keep findings

Wanted of every command: exit code 0, 1, 2 or 3; with 2 one line on stderr that says why; no traceback, no signal, no control character on either stream,
20 seconds and 2 GiB of memory at most. Prints a table of formats, then what fell; exit code 1 when anything did. The same seed makes the same inputs.

Inputs run one after the other in a worker process, which is started again when one of them ends it; some run in a process of their own.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import fuzz_inputs  # noqa: E402
from fuzz_inputs import FORMATS, Base  # noqa: E402

# Seconds and bytes that one command may take; Keras brings TensorFlow, whose import alone takes longer on a busy machine.
SECONDS, SECONDS_KERAS, MEMORY = 20.0, 120.0, 2 << 30
# One input of so many runs in a process of its own.
FRESH = 50
CODES = (0, 1, 2, 3)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code (None where its process died), both streams, seconds, and bytes that its process grew by."""

    code: int | None
    out: str
    err: str
    seconds: float
    memory: int


@dataclass
class Tally:
    """Figures of one format."""

    inputs: int = 0
    commands: int = 0
    codes: dict[int | None, int] = field(default_factory=dict)
    seconds: float = 0.0
    memory: int = 0
    findings: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one command."""
        self.commands += 1
        self.codes[outcome.code] = self.codes.get(outcome.code, 0) + 1
        self.seconds, self.memory = max(self.seconds, outcome.seconds), max(self.memory, outcome.memory)


def problems(outcome: Outcome, seconds: float) -> list[str]:
    """What is wrong with an outcome, in words."""
    found = []
    if outcome.code not in CODES:
        found.append("its process died" if outcome.code is None else f"exit code {outcome.code}")
    lines = outcome.err.splitlines()
    if outcome.code == 2 and lines and ([line.startswith("edgecnn: ") for line in lines].count(True) != 1 or not lines[-1].startswith("edgecnn: ")):
        found.append("exit code 2 without one line that says why")
    if outcome.code == 2 and not outcome.err.strip():
        found.append("exit code 2 without a word")
    if "Traceback" in outcome.err + outcome.out:
        found.append("a traceback")
    if _CONTROL.search(outcome.err + outcome.out):
        found.append("a control character on the terminal")
    if outcome.seconds > seconds:
        found.append(f"{outcome.seconds:.0f} s")
    if outcome.memory > MEMORY:
        found.append(f"{outcome.memory >> 20:,} MiB")
    return found


class Worker:
    """A process that runs one command line after the other."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.process: subprocess.Popen[str] | None = None

    def run(self, words: list[str], limit: float) -> Outcome:
        """Run a command; one that takes too long, or too much memory, ends the process."""
        if self.process is None or self.process.poll() is not None:
            self._start()
        start, peak = time.monotonic(), 0
        before = _resident(self.process.pid)
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        with _watching(self.process, limit, before) as peaks:
            line = self.process.stdout.readline()
        seconds, peak = time.monotonic() - start, max([0, *peaks])
        if not line:
            code = self.process.wait()
            return Outcome(None, "", f"signal {-code}" if code < 0 else f"ended with {code}", seconds, peak)
        raw = json.loads(line)
        return Outcome(raw["code"], raw["out"], raw["err"], seconds, max(peak, raw["memory"]))

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.environment
        )
        self.process.stdout.readline()  # it is ready


@contextlib.contextmanager
def _watching(process: subprocess.Popen[str], limit: float, before: int) -> Iterator[list[int]]:
    """Look at a process and its children now and then; kill it past the limits."""
    import threading

    done, peaks, end = threading.Event(), [], time.monotonic() + limit + 2

    def watch() -> None:
        while not done.wait(0.05):
            peaks.append(max(_resident(pid) - (before if pid == process.pid else 0) for pid in (process.pid, *_children(process.pid))))
            if time.monotonic() > end or peaks[-1] > 2 * MEMORY:
                process.kill()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (OSError, ValueError):
        return []


def serve() -> None:
    """The worker's side: a command line as JSON comes on a line of stdin, its outcome goes out on a line of stdout."""
    talk = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    lines = os.fdopen(os.dup(0), "r")
    os.dup2(nowhere, 0)
    print("ready", file=talk, flush=True)
    for line in lines:
        print(json.dumps(called(json.loads(line))), file=talk, flush=True)


def called(words: list[str]) -> dict[str, object]:
    """Run a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    before = _resident(os.getpid())
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = _call(words)
    peak = before
    with contextlib.suppress(OSError, IndexError):
        peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) << 10
    return {"code": code, "out": out.getvalue(), "err": err.getvalue(), "memory": max(0, peak - before)}


def _call(words: list[str]) -> int:
    from edgecnn.cli import main
    from edgecnn.cli.guard import guarded

    if words[0] == "@damage":
        fuzz_inputs.damage(Path(words[1]), int(words[2]))
        return 0
    if words[0] == "@recipe":
        return guarded(lambda: _read_recipe(words[1]))
    if words[0] == "@answers":
        return guarded(lambda: _read_answers(Path(words[1]), Path(words[2])))
    return main(words)


def _read_recipe(path: str) -> int:
    from edgecnn.train import recipe

    print(recipe.read(path))
    return 0


def _read_answers(path: Path, images: Path) -> int:
    from edgecnn.validate.doctor import seen

    names = [str(file.relative_to(images)) for file in sorted(images.rglob("test/*/*.png"))]
    print(seen.read(path, names, [str(i) for i in range(10)]))
    return 0


def fresh(words: list[str], environment: dict[str, str], limit: float) -> Outcome:
    """Run a command in a process of its own."""
    start = time.monotonic()
    with (
        subprocess.Popen(
            [sys.executable, "-m", "edgecnn", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL
        ) as process,
        _watching(process, limit, 0) as peaks,
    ):
        out, err = (part.decode("utf-8", "replace") for part in process.communicate())
    code = process.returncode if process.returncode >= 0 else None
    return Outcome(code, out, err or f"signal {-process.returncode}", time.monotonic() - start, max([0, *peaks]))


def chosen(names: list[str], count: int, seed: int) -> list[tuple[str, int]]:
    """(format, number within it) of every input, by the shares of the formats; a single format gets all."""
    shares = {name: FORMATS[name][1] if len(names) > 1 else 1 for name in names}
    rng = random.Random(seed)
    drawn = rng.choices(list(shares), [shares[name] for name in shares], k=count)
    numbers = dict.fromkeys(shares, 0)
    found = []
    for name in drawn:
        found.append((name, numbers[name]))
        numbers[name] += 1
    return found


def fuzz(names: list[str], count: int, seed: int, folder: Path, keep: Path | None = None, until: float = float("inf")) -> dict[str, Tally]:
    """Make and run inputs; returns format -> figures.

    Args:
        names: of formats.
        count: of inputs.
        seed: of everything random.
        folder: to work in; emptied as the inputs are done.
        keep: where inputs with findings are copied to.
        until: `time.monotonic()` from which on no further input is begun.
    """
    environment = {**os.environ, "EDGECNN_CACHE": str(folder / "cache"), "EDGECNN_PROBE_SECONDS": "15", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    environment.pop("EDGECNN_DEBUG", None)
    base, worker, tallies = Base(folder / "base"), Worker(environment), {name: Tally() for name in names}
    if "report" in names:
        right = [
            "validate",
            str(base.tflite),
            "--against",
            str(base.tflite),
            "--data",
            str(base.images),
            "--no-latency",
            "--json",
            str(base.folder / "run.json"),
        ]
        worker.run(right, 120)
    try:
        for name, number in chosen(names, count, seed):
            if time.monotonic() > until:
                break
            place = folder / f"{name}-{number}"
            _one(name, number, seed, base, place, worker, tallies[name], keep)
    finally:
        worker.close()
    return tallies


def _one(name: str, number: int, seed: int, base: Base, place: Path, worker: Worker, tally: Tally, keep: Path | None) -> None:
    rng = random.Random(f"{seed}/{name}/{number}")
    place.mkdir(parents=True)
    commands, limit = FORMATS[name][0](rng, base, place), SECONDS_KERAS if name == "keras" else SECONDS
    tally.inputs += 1
    alone = rng.randrange(FRESH) == 0 and not any(words[0].startswith("@") for words in commands)
    for words in commands:
        outcome = fresh(words, worker.environment, limit) if alone else worker.run(words, limit)
        if words[0] == "@damage":
            continue
        tally.add(outcome)
        for problem in problems(outcome, limit):
            last = (outcome.err.strip().splitlines() or [""])[-1]
            tally.findings.append(f"{name} {number}: {problem}: {' '.join(words)[:200]}: {last[:300]!r}")
            if keep is not None:
                shutil.copytree(place, keep / place.name, symlinks=True, dirs_exist_ok=True, ignore=_no_files)
    shutil.rmtree(place, ignore_errors=True)


def _no_files(folder: str, names: list[str]) -> list[str]:
    """What cannot be copied: pipes and devices."""
    return [name for name in names if not (Path(folder, name).is_file() or Path(folder, name).is_dir()) or Path(folder, name).is_symlink()]


def table(tallies: dict[str, Tally]) -> str:
    """The figures as aligned text."""
    head = ("format", "inputs", "commands", "exit 0", "1", "2", "3", "other", "worst s", "worst MiB", "findings")
    rows = [head]
    everything = Tally()
    for name, tally in tallies.items():
        rows.append(_row(name, tally))
        everything.inputs += tally.inputs
        everything.commands += tally.commands
        everything.seconds, everything.memory = max(everything.seconds, tally.seconds), max(everything.memory, tally.memory)
        everything.findings += tally.findings
        for code, count in tally.codes.items():
            everything.codes[code] = everything.codes.get(code, 0) + count
    rows.append(_row("all", everything))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))) for row in rows)


def _row(name: str, tally: Tally) -> tuple[str, ...]:
    other = sum(count for code, count in tally.codes.items() if code not in CODES)
    counts = [str(tally.codes.get(code, 0)) for code in CODES]
    return name, str(tally.inputs), str(tally.commands), *counts, str(other), f"{tally.seconds:.1f}", f"{tally.memory >> 20}", str(len(tally.findings))


def main() -> int:
    """Parse, fuzz, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="inputs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: %(default)s)")
    parser.add_argument("--format", help=f"with commas between: {', '.join(FORMATS)} (default: all but keras, which takes seconds an input)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no further input after so many")
    parser.add_argument("--keep", type=Path, help="folder for inputs with findings")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        serve()
        return 0
    names = args.format.split(",") if args.format else [name for name, (_, share) in FORMATS.items() if share]
    if args.keep is not None:
        args.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="edgecnn-fuzz-") as folder:
        tallies = fuzz(names, args.count, args.seed, Path(folder), args.keep, time.monotonic() + args.seconds)
    print(table(tallies))
    findings = [one for tally in tallies.values() for one in tally.findings]
    print(*(["", *findings] if findings else []), sep="\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
