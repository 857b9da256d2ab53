"""Which resize a network was trained with, measured: another rule than the one in use is taken only if it certainly gives more right answers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgecnn import data as datasets
from edgecnn.card import Preprocessing
from edgecnn.data.image_formats import suffix_of
from edgecnn.progress import SILENT, Advance, Progress
from edgecnn.runtime.contract import Runner
from edgecnn.runtime.pool import usable_cores
from edgecnn.sources.labeled_images import LabeledImages
from edgecnn.sources.measure_input import right_answers
from edgecnn.statistics import holm, mcnemar

# Rules of the usual training pipelines, the most usual first: Keras' and TensorFlow's loaders, torchvision's on whole images and as for ImageNet, Keras' crop
# and pad, and load_img's nearest pixel.
RULES = ("tf-bilinear", "pillow-bilinear", "crop,0.875", "crop", "crop,tf-bilinear", "pad,tf-bilinear", "pillow-nearest")
# Of image_dataset_from_directory and tf.image.resize.
OF_TENSORFLOW = "tf-bilinear"
COUNT = 1024
FIRST = 256
LEAST = FIRST // 4
LEVEL = 0.05
# Images that are in memory at once, by each rule.
TOGETHER = 64

# Images -> probabilities of the answers, without background outputs.
Answer = Callable[[np.ndarray], np.ndarray]

_IN_EVIDENCE = re.compile(r"\bresize \S+ measured: ")


@dataclass(frozen=True)
class MeasuredResize:
    """What the usual rules gave beside the one in use.

    Attributes:
        used, best: rules; the same where no other is certainly better.
        used_share, best_share: of right answers.
        p: of their difference (exact McNemar, Holm's correction); 1 where no other rule is certainly better.
        count: images.
        ahead: rules that gave more right answers than `used`, not certainly -> their shares.
    """

    used: str
    best: str
    used_share: float
    best_share: float
    p: float
    count: int
    ahead: dict[str, float] = field(default_factory=dict)

    @property
    def is_better(self) -> bool:
        """Whether another rule is certainly better."""
        return self.best != self.used

    @property
    def evidence(self) -> str:
        """The figures in words, as the card keeps them."""
        if not self.is_better:
            return f"resize {self.used} measured: no other usual rule is certainly better on {self.count:,} images"
        shares = f"{100 * self.best_share:.1f} % right against {100 * self.used_share:.1f} % by {self.used}"
        return f"resize {self.best} measured: {shares} on {self.count:,} images (p = {self.p:.2g})"


def says_measured(evidence: str) -> bool:
    """Whether the evidence of an input has a measured resize rule in it."""
    return bool(_IN_EVIDENCE.search(evidence))


def measure_resize(runner: Runner, labeled: LabeledImages, base: Preprocessing, offset: int, progress: Progress = SILENT) -> tuple[Preprocessing, str]:
    """The resize rule under which a network is right most often, and the figures in words; `base` itself where none is certainly better.

    Between the rule of TensorFlow's loaders and `base` the larger share decides, certain or not, for a model that may have been trained with them.

    Args:
        runner: is fed with the mapping of `base`.
        labeled: images, with the place of their files; without it, or with few of them, nothing is measured and the words are empty.
        base: mapping and size are kept.
        offset: background outputs before the first answer.
    """
    runner.set_preprocessing(base)
    if not can_compare(labeled):
        return base, ""
    measured = compare_rules(lambda images: runner(images)[:, offset:], labeled, base, progress)
    usual = with_rule(base, OF_TENSORFLOW).resize_rule
    if not measured.is_better and usual in measured.ahead and _may_be_of_tensorflow(runner):
        shares = f"{100 * measured.ahead[usual]:.1f} % right against {100 * measured.used_share:.1f} % by {measured.used}"
        return with_rule(
            base, OF_TENSORFLOW
        ), f"resize {usual} measured: {shares} on {measured.count:,} images, not certainly more; TensorFlow's loaders have it"
    return with_rule(base, measured.best), measured.evidence


def _may_be_of_tensorflow(runner: Runner) -> bool:
    """Whether a model comes in a form that TensorFlow's loaders may have trained: then the loader's own rule needs no more than to be ahead."""
    return Path(runner.path).suffix.lower() not in (".onnx", ".ort")


def can_compare(labeled: LabeledImages | None) -> bool:
    """Whether there are files to resize again, and enough of them to tell rules apart."""
    return labeled is not None and labeled.source is not None and len(labeled) >= LEAST


def with_rule(base: Preprocessing, rule: str) -> Preprocessing:
    """`base` with another resize rule."""
    return Preprocessing(base.height, base.width, base.order, base.mean, base.std, rule)


def compare_rules(answer: Answer, labeled: LabeledImages, base: Preprocessing, progress: Progress = SILENT, *, most_p: float = 1.0) -> MeasuredResize:
    """Answer images as the rule of `base` and the other usual ones resize them, each read again from its file once.

    A rule that is behind on the first images is not tried on the others.

    Args:
        answer: by the network, fed as `base` says.
        labeled: as `can_compare` wants them.
        base: the rule in use.
        most_p: a rule that is ahead on the first images with a larger p is not tried on the others either.
    """
    alive = list(dict.fromkeys((base, *(with_rule(base, rule) for rule in RULES))))
    merits = {one: np.empty(0) for one in alive}
    with progress.track("measuring how images are resized", min(len(labeled), COUNT)) as advance:
        for rows in (slice(0, FIRST), slice(FIRST, COUNT)):
            chosen = labeled.rows(rows)
            if len(chosen) and len(alive) > 1:
                for one, right in zip(alive, _right(answer, chosen, alive, advance), strict=True):
                    merits[one] = np.concatenate([merits[one], right])
            ahead = [one for one in alive if merits[one].mean() > merits[base].mean() and _p_value(merits[one], merits[base]) <= most_p]
            alive = [base, *ahead]
    return _decided(base, {one: merits[one] for one in alive})


def _decided(base: Preprocessing, merits: dict[Preprocessing, np.ndarray]) -> MeasuredResize:
    """The best rule among those that are ahead of `base`, from whether each image is right by each of them."""
    used, share, count = base.resize_rule, float(merits[base].mean()), len(merits[base])
    tried = [one for one in merits if one is not base]
    corrected = holm([_p_value(merits[one], merits[base]) for one in tried])
    better = [(one, p) for one, p in zip(tried, corrected, strict=True) if p <= LEVEL]
    if not better:
        ahead = {one.resize_rule: float(merits[one].mean()) for one in tried if merits[one].mean() > share}
        return MeasuredResize(used, used, share, share, 1.0, count, ahead)
    # Of rules that cannot be told apart, the one that pipelines have most often.
    most = max(better, key=lambda row: merits[row[0]].mean())[0]
    best, p = next(row for row in better if _p_value(merits[most], merits[row[0]]) > LEVEL)
    return MeasuredResize(used, best.resize_rule, share, float(merits[best].mean()), p, count)


def _right(answer: Answer, labeled: LabeledImages, rules: Sequence[Preprocessing], advance: Advance) -> Iterator[np.ndarray]:
    """Share of each image's answer that is right, [N] for each of `rules`, the first of which is the one in use."""
    right = np.empty((len(rules), len(labeled)))
    for rows, images in _decoded(labeled, rules):
        # Images that have the input's size already are the same by every rule.
        distinct = [i for i, own in enumerate(images) if i == 0 or not np.array_equal(own, images[0])]
        scores = np.split(answer(np.concatenate([images[i] for i in distinct])), len(distinct))
        right[:, rows] = right_answers(scores[0], labeled.answers[rows], 0)
        for i, own in zip(distinct[1:], scores[1:], strict=True):
            right[i, rows] = right_answers(own, labeled.answers[rows], 0)
        advance(len(rows), "")
    return iter(right)


def _decoded(labeled: LabeledImages, rules: Sequence[Preprocessing]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some rows of `labeled` at a time, int64 [n], and their images by each rule, uint8 RGB [rules, n, H, W, 3]."""
    from edgecnn.data import pictures

    def decode(item: tuple[int, bytes]) -> list[np.ndarray]:
        return pictures.decode_by_rules(item[1], rules, suffix_of(labeled.names[item[0]]))

    contents = datasets.originals(labeled.source, labeled.names)
    with pictures.quiet(), ThreadPoolExecutor(usable_cores()) as executor:
        while some := list(itertools.islice(contents, TOGETHER)):
            images = np.stack(list(executor.map(decode, some)), axis=1)
            yield np.array([row for row, _ in some]), images


def _p_value(first: np.ndarray, second: np.ndarray) -> float:
    return mcnemar(int((first > second).sum()), int((first < second).sum()))
