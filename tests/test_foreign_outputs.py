"""What training and validation do with data and files as people have them, from end to end."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from helpers import edgecnn
from PIL import Image
from training import QUICK, few_digits

from edgecnn.errors import BadFile
from edgecnn.runtime import open_model
from edgecnn.train import train
from edgecnn.train.output_place import claimed


def test_training_leaves_a_foreign_file_alone_and_says_so_before_it_starts(tmp_path):
    (tmp_path / "lenet.json").write_text('{"theirs": 1}')
    with pytest.raises(BadFile, match=r"lenet\.json is there and is no edgecnn card"):
        train("lenet", few_digits(), settings=QUICK, out=tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("lenet.json", '{"theirs": 1}')]


def test_compression_leaves_a_foreign_file_alone(lenet, tmp_path):
    (tmp_path / "small.json").write_text("[]")
    ended = edgecnn("compress", lenet, "--prune", 0.5, "--epochs", 1, "--out", tmp_path, "--name", "small")
    assert (ended.code, [path.name for path in tmp_path.iterdir()]) == (2, ["small.json"])
    assert "small.json is there and is no edgecnn card" in ended.err
    assert ended.err.strip().splitlines()[-1].startswith("edgecnn: ")


def test_a_second_training_of_a_name_is_refused_and_harms_nothing(tmp_path):
    (tmp_path / ".lenet.training").mkdir()
    (tmp_path / ".lenet.training" / "state.npz").write_bytes(b"of the first")
    with claimed(tmp_path / "lenet.keras"):
        # A lock is the open file's, so that this process can play both.
        for fresh in (False, True):
            with pytest.raises(BadFile, match=r"another process is making .*lenet\.keras now"):
                train("lenet", few_digits(), settings=QUICK, out=tmp_path, fresh=fresh)
        assert (tmp_path / ".lenet.training" / "state.npz").read_bytes() == b"of the first"


def test_a_folder_of_test_images_alone_is_validated(lenet, tmp_path, monkeypatch):
    """The accuracy is that of a bare loop over the files."""
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "cache"))
    digits, right, total = few_digits(), 0, 0
    split = digits.splits["test"]
    with contextlib.closing(open_model(lenet)) as runner:
        for pixels, label, name in list(zip(split.pictures, split.labels, split.names, strict=True))[:60]:
            if label in (3, 7):
                continue
            path = tmp_path / "set" / "test" / str(label) / f"{name.replace('/', '-')}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
            right += int(runner(np.asarray(Image.open(path).convert("RGB"))[None]).argmax() == label)
            total += 1
    ended = edgecnn("validate", lenet, "--data", tmp_path / "set", "--json", tmp_path / "report.json", "--no-latency")
    assert ended.code in (0, 3), ended.err
    (row,) = json.loads((tmp_path / "report.json").read_text())["groups"][0]["rows"]
    assert (row["top1"]["count"], row["top1"]["total"]) == (right, total)
