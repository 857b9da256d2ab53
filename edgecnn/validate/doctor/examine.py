"""One file with the doctor: its mistakes and what explains the app's figure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgecnn import data
from edgecnn.progress import Progress
from edgecnn.runtime.contract import Runner
from edgecnn.settings import Doctor
from edgecnn.validate.diagnosis import Diagnosis
from edgecnn.validate.doctor import seen, trial
from edgecnn.validate.doctor.diagnose import diagnose
from edgecnn.validate.doctor.levels import Input
from edgecnn.validate.figures import Mistake
from edgecnn.validate.samples import Sample
from edgecnn.validate.subjects import Subject


def examine(
    subject: Subject, runners: Mapping[int, Runner], sample: Sample, source: str, truth: np.ndarray | None, asked: Doctor, progress: Progress
) -> dict[str, tuple[Mistake, ...] | Diagnosis]:
    """The fields `mistakes` and `diagnosis` of a file's row.

    Args:
        subject: the file.
        runners: threads -> runner; the one with most threads is used where runners do not run side by side.
        sample: the pictures, whose originals are read again from `source`.
        truth: right answer of each picture [N]; None where the network does not know the data's classes.
        asked: what was seen in the app.

    Raises:
        BadFile, BadData: the file of answers cannot be used.
    """
    labels = subject.labels or (sample.classes if truth is not None else ())
    answers = seen.read(asked.answers, sample.names, labels) if asked.answers else None
    runner = runners[1] if 1 in runners and runners[1].parallel else runners[max(runners)]
    into = Input.of(runner, subject.preprocessing)
    contents = data.originals(source, sample.names)
    name = subject.path.name
    found = trial.run(runner, into, contents, len(sample.names), labels=labels, offset=subject.label_offset, name=name, progress=progress)
    mistakes, diagnosis = diagnose(found, truth, asked, answers)
    return {"mistakes": mistakes, "diagnosis": diagnosis}
