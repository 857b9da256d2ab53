"""Images without classes, for calibration alone: some are drawn, and only those are decoded."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.data import Calibration
from edgecnn.data import pictures as images
from edgecnn.data.image_formats import suffix_of
from edgecnn.data.origin import open_origin
from edgecnn.data.sources import pictures
from edgecnn.errors import BadData, BadFile, BadSetting


def load(source: str | os.PathLike[str], preprocessing: Preprocessing, count: int, seed: int, *, strict: bool) -> Calibration:
    """See `edgecnn.data.load_unlabelled`."""
    if count < 1:
        raise BadSetting(f"{count} calibration pictures: expected 1 or more")
    origin = open_origin(source)
    place, total = origin.source.place, sum(1 for _ in pictures(origin.source))
    # Twice as many as are wanted, in a drawn order: some may be broken.
    order = np.random.default_rng(seed).permutation(total)[: 2 * count]
    rank = {int(position): i for i, position in enumerate(order)}
    decoded: dict[int, tuple[np.ndarray, bytes]] = {}
    broken = ""
    with images.quiet():
        for position, (name, read) in enumerate(pictures(origin.source)):
            if position not in rank:
                continue
            content = read()
            try:
                decoded[rank[position]] = images.decode_bytes(content, preprocessing, suffix_of(name)), hashlib.sha256(content).digest()
            except BadFile as error:
                broken = broken or f"{name}: {error}"
            for late in sorted(decoded)[count:]:
                del decoded[late]
    if not decoded or (strict and broken):
        raise BadData(f"{place} has {total} pictures and {len(decoded)} of those drawn can be used; {broken or 'expected some'}; give whole pictures")
    chosen = [decoded[key] for key in sorted(decoded)]
    digest = hashlib.sha256(b"".join(sha256 for _, sha256 in chosen)).hexdigest()
    manifest = {"dataset": origin.name, "digest": digest, "split": "unlabelled", "count": len(chosen), "seed": seed}
    return Calibration(np.stack([pixels for pixels, _ in chosen]), manifest)
