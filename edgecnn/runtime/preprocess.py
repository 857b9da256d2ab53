"""From a picture's bytes to what a network stores in its input: channel order, (pixel - mean) / std, quantization, memory layout."""

from __future__ import annotations

import numpy as np

from edgecnn.card import Preprocessing


def prepare(pictures: np.ndarray, preprocessing: Preprocessing, rank: int = 4) -> np.ndarray:
    """The network's float32 input for uint8 RGB pictures [N, H, W, 3]; computed in float32, without intermediate rounding.

    Args:
        pictures: images of the network's size.
        preprocessing: channel order, mean and std.
        rank: dimensions of the input: 4 for [N, H, W, C], 3 for gray [N, H, W].
    """
    return Encoder(preprocessing, "float32", has_channel_axis=rank == 4)(pictures)


def channels(pictures: np.ndarray, order: str) -> np.ndarray:
    """uint8 RGB [..., 3] in the channel `order` of the network: [..., 3], for grey ITU-R 601 luma rounded to nearest [..., 1], for rgba opaque [..., 4]."""
    if order == "rgb":
        return pictures
    if order == "rgba":
        return np.concatenate([pictures, np.full_like(pictures[..., :1], 255)], axis=-1)
    if order == "bgr":
        return pictures[..., ::-1]
    # 0.299 R + 0.587 G + 0.114 B in thousandths: whole numbers, so that a grey RGB picture keeps its bytes exactly.
    luma = pictures @ np.array([299, 587, 114], np.uint32)
    return ((luma + 500) // 1000).astype(np.uint8)[..., None]


class Encoder:
    """Turns uint8 RGB pictures into the bytes or floats that one input tensor wants.

    Args:
        preprocessing: channel order, mean and std.
        dtype: numpy name of the input's element type.
        scale, zero_point: of an integer input; real value = scale * (stored - zero_point).
        channels_first: the input is [N, C, H, W].
        has_channel_axis: False where a grey input is [N, H, W].

    A byte has 256 values, so an integer input is a table look-up: exact, and as fast as a copy. Where the input is uint8 and its scale matches the
    preprocessing, the table is the identity and the camera's byte itself is the input.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        dtype: str,
        scale: float | None = None,
        zero_point: int | None = None,
        *,
        channels_first: bool = False,
        has_channel_axis: bool = True,
    ) -> None:
        self.order = preprocessing.order
        self.dtype = np.dtype(dtype)
        self.channels_first = channels_first
        self.has_channel_axis = has_channel_axis
        self.mean = np.array(preprocessing.mean, np.float32)
        self.std = np.array(preprocessing.std, np.float32)
        self.tables = None if self.dtype.kind == "f" else self._tables(scale or 1.0, zero_point or 0)

    def __call__(self, pictures: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Encode uint8 RGB [N, H, W, 3] into `out`, or into a new array [N, H, W, C], [N, C, H, W] or, without an axis of channels, [N, H, W]."""
        if self.has_channel_axis:
            return self._encoded(pictures, out)
        encoded = self._encoded(pictures, None if out is None else out[..., None])
        return encoded[..., 0] if out is None else out

    def _encoded(self, pictures: np.ndarray, out: np.ndarray | None) -> np.ndarray:
        ordered = channels(pictures, self.order)
        if self.channels_first:
            ordered = ordered.transpose(0, 3, 1, 2)
        if out is None:
            out = np.empty(ordered.shape, self.dtype)
        if self.tables is not None:
            self._look_up(ordered, out)
        elif out.dtype != np.float32:
            work = np.empty(ordered.shape, np.float32)
            self._scale(ordered, work)
            out[...] = work
        else:
            self._scale(ordered, out)
        return out

    def _scale(self, ordered: np.ndarray, out: np.ndarray) -> None:
        mean, std = self.mean, self.std
        if self.channels_first:
            mean, std = mean[:, None, None], std[:, None, None]
        elif len(set(zip(mean.tolist(), std.tolist(), strict=True))) == 1:
            mean, std = mean[0], std[0]
        else:
            # One long row instead of many rows of three: numpy's inner loop is several times faster.
            rows, width, depth = ordered.shape[0] * ordered.shape[1], ordered.shape[2], ordered.shape[3]
            ordered, out = ordered.reshape(rows, width * depth), out.reshape(rows, width * depth)
            mean, std = np.tile(mean, width), np.tile(std, width)
        np.subtract(ordered, mean, out=out, dtype=np.float32)
        np.divide(out, std, out=out)

    def _tables(self, scale: float, zero_point: int) -> list[np.ndarray]:
        limits = np.iinfo(self.dtype)
        real = (np.arange(256)[:, None] - self.mean.astype(np.float64)) / self.std
        stored = np.clip(np.rint(real / scale) + zero_point, limits.min, limits.max).astype(self.dtype)
        return [np.ascontiguousarray(stored[:, c]) for c in range(stored.shape[1])]

    def _look_up(self, ordered: np.ndarray, out: np.ndarray) -> None:
        first = self.tables[0]
        if any(not np.array_equal(first, table) for table in self.tables[1:]):
            axis = 1 if self.channels_first else 3
            for c, table in enumerate(self.tables):
                at = (slice(None),) * axis + (c,)
                out[at] = table[ordered[at]]
        elif self.dtype == np.uint8 and np.array_equal(first, np.arange(256)):
            out[...] = ordered
        elif self.dtype.itemsize == 1:
            # bytes.translate is ten times faster than numpy's fancy indexing.
            out[...] = np.frombuffer(ordered.tobytes().translate(first.tobytes()), self.dtype).reshape(out.shape)
        else:
            out[...] = first[ordered]
