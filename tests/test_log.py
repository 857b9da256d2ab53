"""The table of epochs and TensorBoard's event files: read back, killed, and gone on with."""

from __future__ import annotations

import csv
import os
import signal
import struct
import subprocess
import sys

import pytest

from edgecnn.errors import BadFile, BadSetting
from edgecnn.train.log import Log, columns, tag

FIRST = {"val_accuracy": 0.25, "loss": 2.0, "accuracy": 0.5, "val_loss": 1.5}
SECOND = {"val_accuracy": 0.5, "loss": 1.0, "accuracy": 0.75, "val_loss": 1.25, "pictures_per_second": 300.0, "seconds": 4.0, "learning_rate": 0.1}


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def events(folder):
    """(tag, step) -> value as TensorBoard shows it: files in the order of their names; a START hides what stands at its step and behind it."""
    from tensorboardX.proto import event_pb2

    shown = {}
    for path in sorted(folder.iterdir()):
        for record in records(path.read_bytes()):
            event = event_pb2.Event.FromString(record)
            if event.session_log.status == event_pb2.SessionLog.START:
                shown = {key: value for key, value in shown.items() if key[1] < event.step}
            for value in event.summary.value:
                assert (value.tag, event.step) not in shown, "a step stands twice"
                shown[value.tag, event.step] = value.simple_value
    return shown


def records(content):
    """TFRecord: length, its checksum, bytes, their checksum."""
    while len(content) >= 16:
        (length,) = struct.unpack("<Q", content[:8])
        yield content[12 : 12 + length]
        content = content[16 + length :]


def test_the_table_has_a_row_an_epoch_and_its_columns_in_order(tmp_path):
    with Log(tmp_path / "net.csv", []) as log:
        assert (tmp_path / "net.csv").read_text() == "epoch\n"
        log.epoch(FIRST)
        assert (tmp_path / "net.csv").read_text() == "epoch,loss,accuracy,val_loss,val_accuracy\n1,2.0,0.5,1.5,0.25\n"
        log.epoch({**SECOND, "b_loss": 1, "a_loss": 2})
    header = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds", "pictures_per_second", "a_loss", "b_loss"]
    read = rows(tmp_path / "net.csv")
    assert list(read[0]) == header
    assert [row["epoch"] for row in read] == ["1", "2"]
    assert (read[0]["seconds"], read[0]["val_loss"]) == ("", "1.5"), "what the first epoch lacks leaves its place empty"
    assert (float(read[1]["seconds"]), float(read[1]["a_loss"])) == (4.0, 2.0)
    assert [path.name for path in tmp_path.iterdir()] == ["net.csv"]


def test_a_resumed_training_has_no_epoch_twice(tmp_path):
    with Log(tmp_path / "net.csv", []) as log:
        for loss in (4.0, 3.0, 2.0):  # the third was never saved
            log.epoch({"loss": loss})
    with Log(tmp_path / "net.csv", [{"loss": 4.0}, {"loss": 3.0}]) as log:
        assert [row["loss"] for row in rows(tmp_path / "net.csv")] == ["4.0", "3.0"]
        log.epoch({"loss": 1.0})
    assert [(row["epoch"], row["loss"]) for row in rows(tmp_path / "net.csv")] == [("1", "4.0"), ("2", "3.0"), ("3", "1.0")]


def test_history_is_not_touched(tmp_path):
    history = [dict(FIRST)]
    with Log(tmp_path / "net.csv", history) as log:
        log.epoch(SECOND)
    assert history == [FIRST]


KILLED = """
import sys, time
from pathlib import Path
from edgecnn.train.log import Log
log = Log(Path(sys.argv[1]), [], sys.argv[2])
log.epoch({"loss": 2.0, "val_loss": 1.0})
log.epoch({"loss": 1.0, "val_loss": 0.5})
print("written", flush=True)
time.sleep(60)
"""


def test_kill_minus_9_leaves_a_whole_table_and_readable_events(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path / "net.csv", tmp_path / "board"], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"written\n"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert (tmp_path / "net.csv").read_text() == "epoch,loss,val_loss\n1,2.0,1.0\n2,1.0,0.5\n"
    assert events(tmp_path / "board") == {("train/loss", 1): 2, ("val/loss", 1): 1, ("train/loss", 2): 1, ("val/loss", 2): 0.5}


def test_tensorboard_shows_every_figure_of_every_epoch(tmp_path):
    with Log(tmp_path / "net.csv", [], str(tmp_path / "board"), "net") as log:
        log.epoch(FIRST)
        log.epoch(SECOND)
    shown = events(tmp_path / "board" / "net")
    assert len(shown) == len(FIRST) + len(SECOND)
    assert shown["train/loss", 1] == 2.0
    assert shown["val/accuracy", 2] == 0.5
    assert (shown["learning_rate", 2], shown["pictures_per_second", 2]) == (pytest.approx(0.1), 300)


def test_tensorboard_shows_no_step_of_a_resumed_training_twice(tmp_path):
    board = str(tmp_path / "board")
    with Log(tmp_path / "net.csv", [], board) as log:
        for loss in (4, 3, 2):
            log.epoch({"loss": loss})
    with Log(tmp_path / "net.csv", [{"loss": 4}, {"loss": 3}], board) as log:
        log.epoch({"loss": 1})
    assert events(tmp_path / "board") == {("train/loss", 1): 4, ("train/loss", 2): 3, ("train/loss", 3): 1}
    assert len(list((tmp_path / "board").iterdir())) == 2


def test_tensorboard_forgets_what_a_fresh_start_replaces(tmp_path):
    for losses in ((4, 3), (2,)):
        with Log(tmp_path / "net.csv", [], str(tmp_path / "board")) as log:
            for loss in losses:
                log.epoch({"loss": loss})
    assert events(tmp_path / "board") == {("train/loss", 1): 2}


def test_without_tensorboardx_one_line_says_what_to_install(tmp_path, monkeypatch):
    for name in ("tensorboardX", "tensorboardX.event_file_writer"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BadSetting, match=r"pip install 'edgecnn\[tensorboard\]'$"):
        Log(tmp_path / "net.csv", [], str(tmp_path / "board"))
    assert list(tmp_path.iterdir()) == []
    Log(tmp_path / "net.csv", []).close()


def test_places_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadFile, match="cannot write"):
        Log(tmp_path / "file" / "net.csv", [])
    with pytest.raises(BadFile, match=r"cannot write TensorBoard's files into .*choose another folder"):
        Log(tmp_path / "net.csv", [], str(tmp_path / "file"))


def test_close_may_be_called_twice(tmp_path):
    log = Log(tmp_path / "net.csv", [], str(tmp_path / "board"))
    log.close()
    log.close()


def test_names_of_figures():
    assert columns([{"x": 1, "val_loss": 1}, {"epoch": 7, "loss": 1}]) == ["loss", "val_loss", "x"]
    assert [tag(key) for key in ("loss", "val_accuracy", "learning_rate", "seconds", "a_loss")] == [
        "train/loss", "val/accuracy", "learning_rate", "seconds", "train/a_loss",
    ]  # fmt: skip
