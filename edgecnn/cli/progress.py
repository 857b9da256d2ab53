"""How the command line draws long work, on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

from edgecnn.cli.terminal import console
from edgecnn.progress import Advance, Progress

SECONDS_BETWEEN_LINES = 5.0


def progress() -> Progress:
    """The progress that suits stderr."""
    return Bars() if sys.stderr.isatty() else Lines()


class Lines(Progress):
    """Plain lines for a log file: one a step, and for a track at most one every few seconds and one at its end."""

    def step(self, text: str) -> None:
        """Print the step."""
        print(text, file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def track(self, text: str, total: int) -> Iterator[Advance]:
        """Print `text: 120/1000 note` now and then."""
        done, note, printed, one_at_a_time = 0, "", time.monotonic(), threading.Lock()

        def advance(units: int, new_note: str = "") -> None:
            nonlocal done, note, printed
            with one_at_a_time:
                done, note = done + units, new_note or note
            if time.monotonic() - printed >= SECONDS_BETWEEN_LINES and done < total:
                printed = time.monotonic()
                self.step(_line(text, done, total, note))

        yield advance
        self.step(_line(text, done, total, note))


class Bars(Progress):
    """A bar with the time left, which stays on the screen as one plain line when it is done."""

    def step(self, text: str) -> None:
        """Print the step; the end of a long one wraps by itself."""
        print(text, file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def track(self, text: str, total: int) -> Iterator[Advance]:
        """Draw a bar called `text`."""
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Drawing

        name, remark = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[note]}", markup=False)
        columns = (name, BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn(), remark)
        done, note, one_at_a_time = 0, "", threading.Lock()
        with Drawing(*columns, console=console(sys.stderr), transient=True) as drawing:
            task = drawing.add_task(text, total=total, note="")

            def advance(units: int, new_note: str = "") -> None:
                nonlocal done, note
                with one_at_a_time:
                    done, note = done + units, new_note or note
                drawing.update(task, advance=units, note=note)

            yield advance
        self.step(_line(text, done, total, note))


def _line(text: str, done: int, total: int, note: str) -> str:
    return f"{text}: {done}/{total}" + (f"  {note}" if note else "")
