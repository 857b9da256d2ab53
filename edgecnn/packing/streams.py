"""Numbers of a file as streams of symbols, 0 to 255, that an entropy coder takes, and back.

A region becomes one stream where its numbers, or the differences between neighbours, are 256 different ones or fewer (int8 weights, clustered float weights,
indices of sparse kernels), and else one stream for each of their bytes (float weights, scales). Where it is another region times one number, as the
scales of a bias are those of its kernel times that of the input, that number is all there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgecnn.errors import BadFile
from edgecnn.packing.regions import Region

BOOK, PLANES, PRODUCT, PLAIN = 0, 1, 2, 3


@dataclass(frozen=True)
class Form:
    """How a region became streams.

    Attributes:
        mode: BOOK, numbers of `book`; PLANES, bytes; PRODUCT, another region of float32 times a number; or PLAIN, left to LZMA, for a PRODUCT to name it.
        delta: differences between neighbours instead of the numbers.
        book: the different numbers, ascending, unsigned, of the region's width; nothing in mode PLANES; in mode PRODUCT which region, and the number's bits;
            in mode PLAIN all numbers as they are.
    """

    mode: int
    delta: bool
    book: np.ndarray

    def streams(self, width: int) -> int:
        """How many streams there are."""
        return {BOOK: 1, PLANES: width, PRODUCT: 0, PLAIN: 0}[self.mode]


def split(raw: bytes, width: int) -> list[tuple[Form, list[np.ndarray]]]:
    """The ways to turn a region's bytes into streams, each with its streams [N], uint8."""
    numbers = np.frombuffer(raw, f"<u{width}")
    found = []
    for delta, values in ((False, numbers), (True, np.diff(numbers, prepend=numbers[:1] * 0))):
        book, places = np.unique(values, return_inverse=True)
        if len(book) <= 256:
            found.append((Form(BOOK, delta, book), [places.reshape(-1).astype(np.uint8)]))
    if not found:
        found.append((Form(PLANES, False, numbers[:0]), list(numbers.view(np.uint8).reshape(-1, width).T)))
    return found


def product(raw: bytes, others: dict[int, bytes]) -> Form | None:
    """The form of float32 numbers that are one of `others` times one number, bit by bit; None where none is. `others`: number of a region -> its bytes."""
    wanted = np.frombuffer(raw, "<f4")
    if not (np.isfinite(wanted).all() and wanted.all()):
        return None
    for index in (index for index, other in others.items() if len(other) == len(raw)):
        other = np.frombuffer(others[index], "<f4")
        with np.errstate(all="ignore"):
            near = np.array([wanted[0] / other[0]], "<f4").view("<u4")
            # The quotient of two rounded numbers is not always the number that gave one from the other, but a neighbour of it.
            for bits in (near + np.uint32(step) for step in (0, 1, -1 % 2**32, 2, -2 % 2**32)):
                if np.array_equal(other * bits.view("<f4"), wanted):
                    return Form(PRODUCT, False, np.array([index, bits[0]], "<u4"))
    return None


def times(form: Form, pieces: list[bytes | None]) -> bytes:
    """The bytes of a region in mode PRODUCT; BadFile where the region that it names is not among `pieces`."""
    other = pieces[int(form.book[0])] if form.book[0] < len(pieces) else None
    if other is None:
        raise BadFile("a region that is not there")
    with np.errstate(all="ignore"):
        return (np.frombuffer(other, "<f4") * form.book[1:].view("<f4")).astype("<f4").tobytes()


def join(form: Form, streams: list[np.ndarray], width: int) -> bytes:
    """The region's bytes.

    Raises:
        BadFile: a symbol that the book does not have.
    """
    if form.mode == PLAIN:
        return form.book.tobytes()
    if form.mode == PLANES:
        return np.stack(streams, 1).astype(np.uint8).tobytes()
    if len(streams[0]) and int(streams[0].max()) >= len(form.book):
        raise BadFile("a symbol without a meaning")
    values = form.book[streams[0]]
    return (np.cumsum(values, dtype=f"<u{width}") if form.delta else values).astype(f"<u{width}").tobytes()


def write_forms(regions: list[Region], forms: list[Form], groups: list[list[int]]) -> bytes:
    """Regions, forms and the table of each stream, as the packed file holds them."""
    ends = [0, *(region.start + region.size for region in regions)]
    heads = np.array([[region.start - end, region.size] for region, end in zip(regions, ends, strict=False)], "<u8").reshape(-1, 2)
    kinds = np.array([[r.width, form.mode, form.delta, len(form.book) % 256] for r, form in zip(regions, forms, strict=True)], np.uint8).reshape(-1, 4)
    books = b"".join(form.book.astype(f"<u{r.width}").tobytes() for r, form in zip(regions, forms, strict=True))
    which = np.array([group for row in groups for group in row], "<u2")
    return b"".join((np.uint32(len(regions)).astype("<u4").tobytes(), heads.tobytes(), kinds.tobytes(), which.tobytes(), books))


def read_forms(data: bytes) -> tuple[list[Region], list[Form], list[list[int]], int]:
    """What `write_forms` wrote, and how many bytes that took.

    Raises:
        BadFile: it is not that.
    """
    reader = Reader(data)
    count = int(reader.take("<u4", 1)[0])
    heads, kinds = reader.take("<u8", 2 * count).reshape(-1, 2), reader.take("<u1", 4 * count).reshape(-1, 4)
    if not np.isin(kinds[:, 0], (1, 2, 4, 8)).all() or (kinds[:, 1] > PLAIN).any() or (heads > np.uint64(1 << 40)).any():
        raise BadFile("an unknown form")
    blank = [Form(int(mode), False, np.empty(0)).streams(int(width)) for width, mode, *_ in kinds]
    groups = [[int(group) for group in reader.take("<u2", number)] for number in blank]
    regions, forms, at = [], [], 0
    for (gap, size), (width, mode, delta, book) in zip(heads.tolist(), kinds.tolist(), strict=True):
        at += gap
        regions.append(Region(at, size, width))
        forms.append(Form(mode, bool(delta), reader.take(f"<u{width}", {BOOK: book or 256, PLANES: 0, PRODUCT: 2, PLAIN: size // width}[mode])))
        at += size
    return regions, forms, groups, reader.at


class Reader:
    """Takes arrays from bytes, one after the other; BadFile where they end too early."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, kind: str, count: int) -> np.ndarray:
        """The next `count` numbers of a NumPy type."""
        size = count * np.dtype(kind).itemsize
        if self.at + size > len(self.data):
            raise BadFile("it ends too early")
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += size
        return found
