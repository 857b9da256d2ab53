"""What a training writes as it goes: a table of its epochs, and TensorBoard's scalars where they are asked for."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import time
from types import TracebackType

from edgecnn import files
from edgecnn.errors import BadFile, BadSetting

Row = Mapping[str, float]

COLUMNS = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds", "pictures_per_second")

# Figures that belong neither to the training pictures nor to val.
PLAIN = ("learning_rate", "seconds", "pictures_per_second")


class Log:
    """The table NAME.csv, one row an epoch, and event files for TensorBoard.

    The whole table is written beside its place and renamed after every epoch: a kill leaves the table of the epoch before, never half a line, and a
    figure that only later epochs have gets its column. A hundred epochs are 10 kB, so that this costs nothing beside the checkpoint.

    Attributes:
        path: of the table. Its columns are `epoch`, counted from 1, then COLUMNS as far as some epoch has them, then all others by name.
        rows: figures of all finished epochs.
    """

    def __init__(self, path: Path, history: Sequence[Row], tensorboard: str = "", name: str = "", *, writes: bool = True) -> None:
        """Write the table of the epochs that a resumed training has behind it; none for a fresh one.

        Args:
            path: of the table, which is replaced.
            history: figures of the finished epochs.
            tensorboard: folder for event files; "" for none. What an earlier run wrote there of later epochs is hidden by TensorBoard.
            name: of the run, a folder below `tensorboard`.
            writes: false in all but one of the processes of a training, so that they do not write the same files.

        Raises:
            BadSetting: `tensorboard` without tensorboardX. BadFile: a place that cannot be written.
        """
        self.path, self.rows = Path(path), [dict(row) for row in history]
        self._writes = writes
        self._events = Events(Path(tensorboard) / name, len(self.rows)) if tensorboard and writes else None
        self._write()

    def epoch(self, row: Row) -> None:
        """Add the figures of the epoch that has just ended."""
        self.rows.append(dict(row))
        self._write()
        if self._events:
            self._events.epoch(len(self.rows), row)

    def close(self) -> None:
        """Close what is open; a second call does nothing."""
        if self._events:
            self._events.close()
            self._events = None

    def __enter__(self) -> Log:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _write(self) -> None:
        if self._writes:
            files.write_text(self.path, table(self.rows))


def table(rows: Sequence[Row]) -> str:
    """The epochs as CSV text; a figure that an epoch lacks leaves its place empty."""
    text = io.StringIO()
    written = csv.DictWriter(text, ["epoch", *columns(rows)], restval="", lineterminator="\n")
    written.writeheader()
    for number, row in enumerate(rows, start=1):
        written.writerow({**{key: float(value) for key, value in row.items()}, "epoch": number})
    return text.getvalue()


def columns(rows: Iterable[Row]) -> list[str]:
    """Names of all figures of `rows`: those of COLUMNS first, in their order, then the others by name."""
    named = {key for row in rows for key in row} - {"epoch"}
    return [key for key in COLUMNS if key in named] + sorted(named - set(COLUMNS))


def tag(key: str) -> str:
    """Where TensorBoard shows a figure: train/loss, val/loss, learning_rate."""
    if key in PLAIN:
        return key
    return f"val/{key.removeprefix('val_')}" if key.startswith("val_") else f"train/{key}"


class Events:
    """Event files of one run, written before `epoch` returns.

    tensorboardX's SummaryWriter hands them to a thread instead: a kill loses what waits there, and a full disk ends the thread and hangs the training.
    """

    def __init__(self, folder: Path, epochs: int) -> None:
        """A new file in `folder`, for the epochs after the first `epochs`: TensorBoard hides what older files hold of these.

        Raises:
            BadSetting: tensorboardX is not installed. BadFile: the folder cannot be written.
        """
        try:
            from tensorboardX.event_file_writer import EventsWriter
            from tensorboardX.proto.event_pb2 import Event, SessionLog
        except ImportError as error:
            raise BadSetting(f"TensorBoard's files in {folder} need tensorboardX, which is not installed; pip install 'edgecnn[tensorboard]'") from error
        self.folder, self._event = folder, Event
        with self._in_words():
            folder.mkdir(parents=True, exist_ok=True)
            # Files are read in the order of their names, which end in whole seconds; two of one second would be one file.
            self._writer = EventsWriter(str(folder / "events"), f".{epochs:05d}")
            self._writer.write_event(Event(wall_time=time(), step=epochs + 1, session_log=SessionLog(status=SessionLog.START)))
            self._writer.flush()

    def epoch(self, number: int, row: Row) -> None:
        """Write the figures of epoch `number`, counted from 1."""
        values = [{"tag": tag(key), "simple_value": float(value)} for key, value in row.items() if key != "epoch"]
        with self._in_words():
            self._writer.write_event(self._event(wall_time=time(), step=number, summary={"value": values}))
            self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        with self._in_words():
            self._writer.close()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BadFile(f"cannot write TensorBoard's files into {self.folder}: {files.reason(error)}; choose another folder") from error
