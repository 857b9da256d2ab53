"""What a phone took for a file, as TensorFlow Lite's benchmark_model told it; objects of the JSON report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PhoneKind:
    """Time of all operators of one kind on a phone.

    Attributes:
        kind: of operator, or what a delegate calls it.
        count: operators.
        seconds: of one run, average, with profiling on, which costs some itself.
        share: of the sum over all kinds.
    """

    kind: str
    count: int
    seconds: float
    share: float


@dataclass(frozen=True)
class Phone:
    """One file on one phone, on its CPU, with one number of threads.

    Attributes:
        model: of the phone.
        system: such as Android 15.
        threads: that one run may use.
        runs: timed, without profiling and after runs to warm up.
        average, best, deviation: seconds of a run: mean, fastest, and their standard deviation.
        median: seconds; None where the benchmark_model is too old to tell it.
        init: seconds to load and prepare the file.
        first: seconds of the first run.
        memory: bytes by which loading and running made the tool grow, as it estimates them; None where it does not tell.
        kinds: slowest first, of a second, profiled run; empty where it told none.
    """

    model: str
    system: str
    threads: int
    runs: int
    average: float
    best: float
    deviation: float
    median: float | None
    init: float
    first: float
    memory: int | None
    kinds: tuple[PhoneKind, ...] = ()

    @property
    def typical(self) -> float:
        """The median, or the average where that is not known; seconds."""
        return self.average if self.median is None else self.median


@dataclass(frozen=True)
class PhoneRun:
    """A file that was timed on a phone: its path then, its sha256, and what it took."""

    file: str
    sha256: str
    phone: Phone


@dataclass(frozen=True)
class PhoneRuns:
    """What `tools/android_benchmark.sh --json` writes: UTC time and the runs."""

    made: str
    runs: tuple[PhoneRun, ...]
