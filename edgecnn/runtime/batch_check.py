"""Whether a file answers an image by that image alone: what it says must not depend on the other images of a batch, nor on chance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edgecnn.errors import BadFile

# Images of a batch that are run alone as well.
ALONE = 4
# A difference beyond this share of the spread of the scores is no rounding: batch norm in training mode and softmax over the batch differ by about 1.
LIMIT = 0.05
# Float arithmetic may differ by this share of the largest score when a batch is computed in another order.
ROUNDING = 1e-4

CURE = "export it in inference mode (model.eval() in PyTorch, training=False in Keras)"

# Images or stored inputs [n, ...] -> scores [n, scores].
Run = Callable[[np.ndarray], np.ndarray]


def check_batch_independence(path: Path, run: Run, inputs: np.ndarray, batch: int, *, fixed: bool = False) -> int:
    """Hold what a file says of images in a batch against what it says of each alone, and of the same image twice.

    Args:
        path: of the file, for messages.
        run: runs `batch` inputs or fewer at once; a file of a fixed batch gets the last one as often as it needs.
        inputs: [n, ...], images or what the file stores of them; the first of them are looked at.
        batch: images of a run.
        fixed: the file says so itself; else it leaves its batch open.

    Returns:
        Images that may be run at once: `batch`, or 1 for a file that leaves its batch open and works for one image only.

    Raises:
        BadFile: the scores of an image depend on the other images, or on chance.
    """
    first = run(inputs[:1])
    if not np.isfinite(first).all():
        return batch
    if np.abs(run(inputs[:1]) - first).max() > ROUNDING * np.abs(first).max():
        raise BadFile(f"{path} gives other scores each time it sees the same image (dropout or noise in training mode); {CURE}")
    if batch == 1:
        return 1
    unlike = _of_unlike(inputs, max(2, min(batch, len(inputs))))
    try:
        together = run(unlike)
    except BadFile:
        if fixed:
            raise
        return 1
    count = min(ALONE, len(unlike))
    alone = np.stack([run(unlike[i : i + 1])[0] for i in range(count)])
    difference = float(np.sqrt(np.square(together[:count] - alone).mean()))
    allowed = LIMIT * float(together.std(0).mean()) + ROUNDING * float(np.abs(together).max())
    if np.isfinite(together).all() and difference > allowed:
        raise BadFile(
            f"{path}: the scores of an image depend on the other images of its batch (batch normalization in training mode, or a softmax over the batch); "
            f"{CURE}"
        )
    return batch


def _of_unlike(inputs: np.ndarray, count: int) -> np.ndarray:
    """`count` inputs: those that are there, then the same with their pixels out of order, which no layer takes for the same image."""
    batch = list(inputs[:count])
    random = np.random.default_rng(0)
    while len(batch) < count:
        source = inputs[len(batch) % len(inputs)]
        batch.append(random.permutation(source.reshape(-1)).reshape(source.shape))
    return np.stack(batch)
