"""A model or an export on its way through the measurements."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from edgecnn import zoo
from edgecnn.errors import BadData
from edgecnn.labels import for_outputs
from edgecnn.progress import Advance, Progress
from edgecnn.runtime import open_model, pool
from edgecnn.runtime.contract import Runner
from edgecnn.runtime.remote import RemoteRunner
from edgecnn.runtime.scores import ScoreKind
from edgecnn.validate import outcome as outcomes
from edgecnn.validate.outcome import Outcome
from edgecnn.validate.subjects import Subject

# Pictures from which to tell logits from probabilities.
JUDGED = 16


@dataclass
class Contender:
    """A subject, its runners and what it answered.

    Attributes:
        subject: what is measured.
        threads: numbers of threads to time with.
        stack: closes the runners.
        ray: whether a Ray cluster runs the pictures.
        outcome: filled by `answer`, or from the memory of an earlier run.
        runners: number of threads -> runner of that many; filled by `start`.
        probabilities: of every image and answer, float32 [N, answers]; kept only where several labels may hold.
    """

    subject: Subject
    threads: tuple[int, ...]
    stack: ExitStack
    ray: bool = False
    outcome: Outcome | None = None
    runners: dict[int, Runner] = field(default_factory=dict)
    probabilities: np.ndarray | None = None

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self.subject.path.name

    @property
    def is_keras(self) -> bool:
        """Whether this is a model rather than an export."""
        return zoo.is_keras(self.subject.path)

    def start(self) -> None:
        """Open the runners that `answer` needs.

        Keras models start at once with every number of threads, in processes of their own, because TensorFlow takes seconds to come up; exports begin with
        one thread and get more when they are timed.
        """
        if self.runners:
            return
        path, preprocessing = self.subject.path, self.subject.preprocessing
        if self.is_keras:
            runners = {n: RemoteRunner(path, preprocessing=preprocessing, threads=n) for n in self.threads or (pool.usable_cores(),)}
        else:
            runners = {1: open_model(path, preprocessing=preprocessing, threads=1)}
        for n, runner in runners.items():
            self.runners[n] = self.stack.enter_context(closing(runner))

    def runner(self, threads: int) -> Runner:
        """The runner of so many threads, opened when there is none yet."""
        self.start()
        if threads not in self.runners:
            runner = open_model(self.subject.path, preprocessing=self.subject.preprocessing, threads=threads)
            self.runners[threads] = self.stack.enter_context(closing(runner))
        return self.runners[threads]

    @property
    def main_runner(self) -> Runner:
        """The runner that answers: of one thread for an export, of all for a Keras model."""
        self.start()
        return self.runners[max(self.runners) if self.is_keras else 1]

    @property
    def score_kind(self) -> ScoreKind | None:
        """What the scores mean; None before any image was answered."""
        return ScoreKind(self.outcome.score_kind) if self.outcome and self.outcome.score_kind else None

    @cached_property
    def answers(self) -> int:
        """Outputs that are answers: those after the background ones; waits until the model is loaded.

        Raises:
            BadData: there are other labels than answers, or fewer than two answers.
        """
        if self.outcome is not None:
            return self.outcome.answers
        path, offset = self.subject.path, self.subject.label_offset
        outputs = self.main_runner.classes
        if outputs - offset < 2:
            raise BadData(f"{path} answers with {outputs} classes; a label offset of {offset} leaves fewer than 2")
        for_outputs(self.subject.labels, outputs, offset, path)
        return outputs - offset

    def answer(self, pictures: pool.Pictures, truth: np.ndarray | None, progress: Progress, *, keep_probabilities: bool = False) -> None:
        """Run over all pictures with all cores and keep what the statistics need; nothing to do when that is known already."""
        if keep_probabilities:
            self.probabilities = np.empty((len(pictures), self.answers), np.float32)
        if self.outcome is None:
            self.outcome = self.outcome_of(pictures, truth, progress, self.probabilities)

    def outcome_of(self, pictures: pool.Pictures, truth: np.ndarray | None, progress: Progress, keep: np.ndarray | None = None) -> Outcome:
        """The answers to any pictures; `keep` is filled with all probabilities."""
        answers, count = self.answers, len(pictures)
        runner = self.main_runner
        found = outcomes.empty(count, answers, truth is not None)
        take = outcomes.recorder(found, truth, self.subject.label_offset, outcomes.judged(runner, pictures[:JUDGED]), keep)
        with progress.track(f"evaluating {self.name}", count) as advance:
            self._stream(runner, pictures, take, advance)
        return replace(found, score_kind=runner.score_kind.value if runner.score_kind else "")

    def _stream(self, runner: Runner, pictures: pool.Pictures, take: Callable[[int, np.ndarray], None], advance: Advance) -> None:
        if self.ray:
            from edgecnn.validate import ray_tasks

            ray_tasks.stream(self.subject.path, self.subject.preprocessing, pictures, take, advance)
        else:
            pool.stream(runner, pictures, take, preprocessing=self.subject.preprocessing, advance=advance)
