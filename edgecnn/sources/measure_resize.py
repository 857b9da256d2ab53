"""Which resize a network was trained with, measured: another rule than the default is taken only if it certainly gives more right answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgecnn import data as datasets
from edgecnn.card import Preprocessing
from edgecnn.progress import SILENT, Progress
from edgecnn.runtime.contract import Runner
from edgecnn.sources.labeled_images import LabeledImages
from edgecnn.sources.measure_input import right_answers
from edgecnn.statistics import holm, mcnemar

# Rules of the usual training pipelines: Keras' and TensorFlow's loaders, torchvision, Keras' crop and pad, and load_img's nearest pixel.
RULES = ("tf-bilinear", "crop,0.875", "crop", "crop,tf-bilinear", "pad,tf-bilinear", "pillow-nearest")
COUNT = 1024
FIRST = 256
LEVEL = 0.05


def measure_resize(runner: Runner, labeled: LabeledImages, base: Preprocessing, offset: int, progress: Progress = SILENT) -> tuple[Preprocessing, str]:
    """The resize rule under which a network is right most often, and the figures in words; `base` itself where none is certainly better.

    The images are decoded again from their files. A rule that is behind on the first images is not tried on the others.

    Args:
        runner: is left with the preprocessing that is given back.
        labeled: images, with the place of their files.
        base: mapping and size are kept.
        offset: background outputs before the first answer.
    """
    runner.set_preprocessing(base)
    if labeled.source is None or len(labeled) < FIRST // 4:
        return base, ""
    candidates = [Preprocessing(base.height, base.width, base.order, base.mean, base.std, rule) for rule in RULES]
    merits = {one: np.empty(0) for one in (base, *candidates)}
    alive = list(merits)
    with progress.track("measuring how images are resized", 2) as advance:
        for rows in (slice(0, FIRST), slice(FIRST, COUNT)):
            chosen = labeled.rows(rows)
            for one in alive if len(chosen) else ():
                images = decode_images(chosen, one)
                merits[one] = np.concatenate([merits[one], right_answers(runner(images), chosen.answers, offset)])
            alive = [one for one in alive if one is base or merits[one].mean() > merits[base].mean()]
            advance(1, "")
    tried = [one for one in alive if one is not base]
    corrected = holm([_p_value(merits[one], merits[base]) for one in tried])
    better = [(merits[one].mean(), one, p) for one, p in zip(tried, corrected, strict=True) if p <= LEVEL]
    if not better:
        return base, ""
    # Of rules that cannot be told apart, the one that pipelines have most often.
    most = max(better, key=lambda row: row[0])
    share, best, p = next(row for row in better if _p_value(merits[most[1]], merits[row[1]]) > LEVEL)
    figures = f"{100 * share:.1f} % right against {100 * merits[base].mean():.1f} % by {base.resize_rule} on {len(merits[best]):,} images (p = {p:.2g})"
    return replace(best), f"resize {best.resize_rule} measured: {figures}"


def decode_images(labeled: LabeledImages, preprocessing: Preprocessing) -> np.ndarray:
    """The images of `labeled`, uint8 RGB [N, H, W, 3], read again from their files and resized as `preprocessing` says."""
    from edgecnn.data import pictures

    images = np.zeros((len(labeled), preprocessing.height, preprocessing.width, 3), np.uint8)
    with pictures.quiet():
        for index, content in datasets.originals(labeled.source, labeled.names):
            images[index] = pictures.decode_bytes(content, preprocessing)
    return images


def _p_value(first: np.ndarray, second: np.ndarray) -> float:
    return mcnemar(int((first > second).sum()), int((first < second).sum()))
