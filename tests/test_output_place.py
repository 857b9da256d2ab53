"""Where models are written: never over another's files, and by one process at a time."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from edgecnn import card
from edgecnn.card import Card, Preprocessing
from edgecnn.errors import BadFile
from edgecnn.train.output_place import check_place, claimed

FOREIGN = {
    "object": b'{"name": "mine"}',
    "list": b"[1, 2]",
    "text": b"notes",
    "empty": b"",
    "deep": b"[" * 100_000,
    "no text": b"\xff\xfe",
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_file_is_never_overwritten_by_a_card(tmp_path, content):
    path = tmp_path / "net.json"
    path.write_bytes(content)
    for attempt in (lambda: check_place(tmp_path / "net.keras"), lambda: card.write(tmp_path / "net.keras", Card("net", Preprocessing(8, 8)))):
        with pytest.raises(BadFile, match=r"net\.json is there and is no edgecnn card.*--name") as refused:
            attempt()
        assert "\n" not in str(refused.value)
    assert path.read_bytes() == content


def test_folders_and_links_to_nothing_are_foreign_too(tmp_path):
    (tmp_path / "a.json").mkdir()
    (tmp_path / "b.json").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "c.json")
    for name in "abc":
        with pytest.raises(BadFile, match="is no edgecnn card"):
            card.write(tmp_path / f"{name}.keras", Card(name, Preprocessing(8, 8)))
    assert not (tmp_path / "nowhere").exists()


def test_a_card_is_replaced_also_one_that_was_cut_off_or_sorted(tmp_path):
    model = tmp_path / "net.keras"
    path = card.write(model, Card("net", Preprocessing(8, 8)))
    text = path.read_text()
    for old in (text, text[: len(text) // 2], json.dumps(json.loads(text), sort_keys=True)):
        path.write_text(old)
        model.write_bytes(b"")
        check_place(model)
        card.write(model, Card("other", Preprocessing(8, 8)))
        assert card.read(model).name == "other"


@pytest.mark.parametrize("suffix", [".csv", ".png", ".keras"])
def test_files_without_a_card_are_foreign_unless_a_training_was_cut_off(tmp_path, suffix):
    (tmp_path / f"net{suffix}").write_bytes(b"mine")
    with pytest.raises(BadFile, match="has no edgecnn card beside it"):
        check_place(tmp_path / "net.keras")
    (tmp_path / ".net.training").mkdir()
    check_place(tmp_path / "net.keras")


def hold(model: Path, ready, leave) -> None:
    with claimed(model):
        ready.set()
        leave.wait(60)


def test_the_second_process_is_told_and_a_killed_one_holds_nothing(tmp_path):
    model, spawn = tmp_path / "net.keras", multiprocessing.get_context("spawn")
    ready, leave = spawn.Event(), spawn.Event()
    first = spawn.Process(target=hold, args=(model, ready, leave))
    first.start()
    assert ready.wait(60)
    with pytest.raises(BadFile, match=r"another process is making .*net\.keras now; wait"), claimed(model):
        pass
    with claimed(tmp_path / "other.keras"):
        pass
    first.kill()
    first.join(60)
    with claimed(model):
        assert [path.name for path in tmp_path.iterdir()] == [".net.lock"]
    assert list(tmp_path.iterdir()) == []
