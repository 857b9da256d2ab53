"""What comes from strangers' files: bounded JSON, checked types, text that commands no terminal."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from helpers import ROOT

from edgecnn import card as cards
from edgecnn import untrusted
from edgecnn.errors import BadFile


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cat\x1b[2J", "cat\\x1b[2J"),
        ("\x9b31m", "\\u009b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u2028b\x7f\x00", "a\\u2028b\\x7f\\x00"),
        ("a\nb\tc", "a\nb\tc"),
        ("Gr\xfcn, \u732b, \u05d7\u05ea\u05d5\u05dc, \U0001f408\u200d\u2b1b", "Gr\xfcn, \u732b, \u05d7\u05ea\u05d5\u05dc, \U0001f408\u200d\u2b1b"),
        ("\udc9b\udce9", "\\udc9b\udce9"),
    ],
)
def test_control_characters_are_spelled_out(text: str, shown: str) -> None:
    assert untrusted.printable(text) == shown
    assert untrusted.printable(shown) == shown


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 1_000_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"1" * 10_000, "not JSON"),
        (b"\xff\xfe", "not text in UTF-8"),
        (b"{", "not JSON"),
        (b'"' + b'\\"' * 500_000, "not JSON"),
        (b" " * (untrusted.LARGEST_JSON + 1), "bytes of JSON"),
    ],
    ids=["lists", "objects", "digits", "utf-16", "cut", "no end", "large"],
)
def test_json_is_bounded(content: bytes, words: str) -> None:
    with pytest.raises(BadFile, match=words):
        untrusted.loads_json(content, "in.json", "a card")


def test_brackets_in_strings_are_no_depth() -> None:
    assert untrusted.loads_json(json.dumps({"a": "[" * 1000}), "in.json", "a card") == {"a": "[" * 1000}


@dataclass(frozen=True)
class Inner:
    name: str


@dataclass(frozen=True)
class Outer:
    count: int
    share: float = 0.0
    inner: Inner | None = None
    sides: tuple[int, ...] = ()
    pair: tuple[float, float] = (0.0, 1.0)
    table: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    free: Mapping[str, object] = field(default_factory=dict)


RIGHT = {"count": 1, "share": 2, "inner": {"name": "a"}, "sides": [1], "pair": [0, 1.5], "table": {"a": {"b": 1}}, "free": {"x": [1, "y", None]}, "later": 3}


def test_a_right_tree_passes() -> None:
    untrusted.check_fields(Outer, RIGHT)
    untrusted.check_fields(Outer, {**RIGHT, "inner": None})


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"count": True}, "count"),
        ({"count": 1.5}, "count"),
        ({"count": 10**400}, "count"),
        ({"share": float("nan")}, "share"),
        ({"share": 10**400}, "share"),
        ({"inner": {"name": 1}}, "inner.name"),
        ({"inner": {}}, "inner.name is missing"),
        ({"inner": "a"}, "inner"),
        ({"sides": "12"}, "sides"),
        ({"sides": [1, "2"]}, r"sides\[1\]"),
        ({"pair": [1]}, "pair"),
        ({"table": {"a": {"b": "c"}}}, "table.a.b"),
        ({"table": []}, "table"),
        ({"free": {"x": [10**400]}}, r"free.x\[0\]"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(change: dict[str, object], place: str) -> None:
    with pytest.raises(ValueError, match=place):
        untrusted.check_fields(Outer, {**RIGHT, **change})


CARD = json.loads((ROOT / "models" / "mobilenet.json").read_text())


@pytest.mark.parametrize("figures", [{}, {"top1": 0.5}, {"total": 5.0}, {"top1": "a", "total": 5}])
def test_an_accuracy_has_its_figures(figures: dict[str, object]) -> None:
    with pytest.raises(BadFile, match=r"accuracy\.test"):
        cards.loads(json.dumps({**CARD, "accuracy": {"test": figures}}), "net.json")


@pytest.mark.parametrize("value", [None, True, 1, -1, 10**400, "x", [], {}, [1], {"a": 1}, 1e308], ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("key", CARD)
def test_no_value_of_a_card_is_a_bug(key: str, value: object) -> None:
    """Read, or refused in one line; nothing else is raised."""
    with contextlib.suppress(BadFile):
        cards.loads(json.dumps({**CARD, key: value}), "net.json")


def test_half_of_a_surrogate_pair_is_refused_at_the_door() -> None:
    """JSON can name it, and no file can be written with it."""
    with pytest.raises(BadFile, match="UTF-8"):
        untrusted.loads_json('{"labels": ["\\ud800"]}', "card.json", "a card")
    assert untrusted.loads_json('{"labels": ["\\ud83d\\ude00"]}', "card.json", "a card") == {"labels": ["\U0001f600"]}
