"""An entropy coder: many lanes of range ANS, each step of which is one NumPy operation over all lanes.

Jarek Duda, 2013, "Asymmetric numeral systems", https://arxiv.org/abs/1311.2540; interleaved as by Fabian Giesen, 2014, https://arxiv.org/abs/1402.3392.
Everything is integer arithmetic, so that every machine decodes what any machine encoded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgecnn.errors import BadFile

# Frequencies of a table sum to 2 ** BITS. States lie in [2 ** 16, 2 ** 32) between two symbols, and move 16 bits at a time.
BITS = 14
TOTAL, LOWEST = 1 << BITS, 1 << 16

# Symbols that a lane should have: a lane costs four bytes, a step some microseconds.
SYMBOLS, LEAST_LANES, MOST_LANES = 4096, 32, 4096

# What the high bits of a coded weight choose: an eighth of an octave each, times 256.
_EIGHTHS = (256, 279, 304, 332, 362, 395, 431, 470)


@dataclass(frozen=True)
class Table:
    """How often each symbol is expected.

    Attributes:
        codes: one byte a symbol, 0 where it never comes, else 1 + 8 * log2 of its count, [256], as a file holds it.
        frequencies: of TOTAL, [256], int64.
    """

    codes: np.ndarray
    frequencies: np.ndarray

    def bits(self, counts: np.ndarray) -> float:
        """What symbols with these counts [256] take, their own table not counted."""
        seen = counts > 0
        return float((counts[seen] * (BITS - np.log2(self.frequencies[seen]))).sum())


def table(counts: np.ndarray) -> Table:
    """The table of symbols that came so often, [256] counts."""
    codes = np.zeros(256, np.uint8)
    seen = counts > 0
    codes[seen] = np.clip(1 + np.rint(8 * np.log2(counts[seen])), 1, 255)
    return from_codes(codes)


def from_codes(codes: np.ndarray) -> Table:
    """The table that a file holds; BadFile where it has no symbol."""
    steps = codes.astype(np.int64) - 1
    weights = np.where(codes > 0, (np.array(_EIGHTHS, np.int64)[steps % 8] << np.minimum(steps // 8, 40).clip(0)) >> 8, 0)
    if not weights.any():
        raise BadFile("an empty table")
    frequencies = np.where(codes > 0, np.maximum(1, weights * (TOTAL - 256) // int(weights.sum())), 0)
    frequencies[int(frequencies.argmax())] += TOTAL - int(frequencies.sum())
    return Table(codes, frequencies)


def lanes_for(count: int) -> int:
    """Lanes for so many symbols."""
    return int(np.clip(count // SYMBOLS, LEAST_LANES, MOST_LANES))


def encode(symbols: np.ndarray, which: np.ndarray, tables: list[Table]) -> bytes:
    """Code `symbols` [N], uint8, each by the table that `which` [N] names."""
    lanes = lanes_for(len(symbols))
    frequencies = np.stack([one.frequencies for one in tables]).astype(np.uint64)
    starts = (np.cumsum(frequencies, 1) - frequencies).reshape(-1)
    frequencies = frequencies.reshape(-1)
    keys = which.astype(np.int64) * 256 + symbols
    states, words = np.full(lanes, LOWEST, np.uint64), []
    for start in reversed(range(0, len(symbols), lanes)):
        key = keys[start : start + lanes]
        state, frequency = states[: len(key)], frequencies[key]
        full = state >= frequency << np.uint64(32 - BITS)
        words.append((state[full] & np.uint64(0xFFFF)).astype("<u2"))
        state[full] >>= np.uint64(16)
        whole, rest = np.divmod(state, frequency)
        state[:] = (whole << np.uint64(BITS)) + rest + starts[key]
    return states.astype("<u4").tobytes() + b"".join(part.tobytes() for part in reversed(words))


def decode(coded: bytes, which: np.ndarray, tables: list[Table]) -> np.ndarray:
    """The symbols [N], uint8.

    Raises:
        BadFile: `coded` is not what `encode` made with these tables.
    """
    lanes = lanes_for(len(which))
    if len(coded) < 4 * lanes or len(coded) % 2:
        raise BadFile("too few coded bytes")
    states = np.frombuffer(coded, "<u4", lanes).astype(np.uint64)
    words = np.frombuffer(coded, "<u2", offset=4 * lanes).astype(np.uint64)
    slots, frequencies, starts = _lookup(tables)
    found, at = np.empty(len(which), np.uint8), 0
    for start in range(0, len(which), lanes):
        table_of = which[start : start + lanes].astype(np.int64)
        state = states[: len(table_of)]
        slot = state & np.uint64(TOTAL - 1)
        symbol = slots[table_of * TOTAL + slot.astype(np.int64)]
        found[start : start + lanes] = symbol
        key = table_of * 256 + symbol
        state[:] = frequencies[key] * (state >> np.uint64(BITS)) + slot - starts[key]
        hungry = np.flatnonzero(state < LOWEST)
        if at + len(hungry) > len(words):
            raise BadFile("too few coded bytes")
        state[hungry] = (state[hungry] << np.uint64(16)) | words[at : at + len(hungry)]
        at += len(hungry)
    if at != len(words) or (states != LOWEST).any():
        raise BadFile("coded bytes are left over")
    return found


def _lookup(tables: list[Table]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Symbol of each slot [tables * TOTAL]; frequency and start of each symbol [tables * 256]."""
    frequencies = np.stack([one.frequencies for one in tables])
    symbols = np.arange(256, dtype=np.uint8)
    slots = np.concatenate([np.repeat(symbols, row) for row in frequencies])
    starts = np.cumsum(frequencies, 1) - frequencies
    return slots, frequencies.reshape(-1).astype(np.uint64), starts.reshape(-1).astype(np.uint64)
