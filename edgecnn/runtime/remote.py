"""Runs a model in a process of its own.

TensorFlow takes its number of threads once a process, and its import takes seconds: a child process can be given any number of threads, starts while the
parent does something else, and can be timed in turn with other runners.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn import errors
from edgecnn.card import Card, Preprocessing
from edgecnn.errors import BadFile
from edgecnn.formats.keras import check, held_models, trust
from edgecnn.formats.keras.custom_objects import load_custom_objects
from edgecnn.formats.keras.inspection import inspect_config
from edgecnn.runtime.contract import RawPixels, Tensor
from edgecnn.runtime.scores import ScoreKind, kind_of_values, num_classes, to_probabilities

# Pictures that cross the pipe at once.
CHUNK = 64


class RemoteRunner:
    """Any runner, in a child process with `threads` threads; see `contract.Runner`.

    The constructor returns at once; the first use waits until the model is loaded, and raises then what loading raised.
    The child ends with `close`, or when this process ends.
    """

    parallel = False

    def __init__(self, path: Path, *, preprocessing: Preprocessing | RawPixels | None = None, threads: int = 1) -> None:
        self.path = Path(path)
        self._judged_kind: ScoreKind | None = None
        ours, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        command = [sys.executable, "-m", __name__, str(theirs.fileno())]
        place, trusted = for_another_process(self.path)
        self._child = subprocess.Popen(
            command, env=environment(threads) | trusted, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=self._errors, stderr=self._errors
        )
        theirs.close()
        self._pipe = Connection(ours.detach())
        self._pipe.send((place, preprocessing, threads))

    @cached_property
    def _header(self) -> dict[str, Any]:
        return self._receive()

    @property
    def card(self) -> Card | None:
        """The model's card."""
        return self._header["card"]

    @property
    def preprocessing(self) -> Preprocessing:
        """What the runner does to pixels."""
        return self._header["preprocessing"]

    @property
    def input(self) -> Tensor:
        """As the file declares it."""
        return self._header["input"]

    @property
    def output(self) -> Tensor:
        """As the file declares it."""
        return self._header["output"]

    @property
    def num_scores(self) -> int:
        """Length of the row of scores."""
        return self._header["num_scores"]

    @property
    def classes(self) -> int:
        """Classes that can be answered: two where the file gives one score."""
        return num_classes(self.score_kind, self.num_scores)

    @property
    def score_kind(self) -> ScoreKind | None:
        """What the scores mean; None until the first are judged, where the model does not say it."""
        return self._judged_kind or self._header["score_kind"]

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities [N, classes], float32."""
        return self._in_chunks("__call__", pictures)

    def scores(self, pictures: np.ndarray) -> np.ndarray:
        """What the file itself gives, [N, classes], float32."""
        return self._in_chunks("scores", pictures)

    def feed(self, stored: np.ndarray) -> np.ndarray:
        """Scores [N, classes], float32, for inputs as the model stores them."""
        return self._in_chunks("feed", stored)

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities [N, classes] of scores, as `base.PictureRunner` makes them."""
        if self.score_kind is None and len(scores):
            self._judged_kind = kind_of_values(scores)
        return to_probabilities(scores, self.score_kind or ScoreKind.SOFTMAX)

    def set_preprocessing(self, preprocessing: Preprocessing) -> None:
        """Feed images in another way from now on, at the same size."""
        self._ask("set_preprocessing", preprocessing)
        self._header["preprocessing"] = preprocessing

    def latencies(self, runs: int) -> list[float]:
        """Seconds of each of `runs` runs on one picture, measured inside the child."""
        return self._ask("latencies", runs)

    def close(self) -> None:
        """End the child."""
        self._pipe.close()
        # It has nothing to save, and TensorFlow's own way out takes a second.
        self._child.kill()
        self._child.wait()
        self._errors.close()

    def _in_chunks(self, method: str, pictures: np.ndarray) -> np.ndarray:
        parts = [self._ask(method, np.asarray(pictures[i : i + CHUNK])) for i in range(0, len(pictures), CHUNK)]
        return np.concatenate(parts) if parts else np.empty((0, self.num_scores), np.float32)

    def _ask(self, method: str, argument: object) -> Any:
        self._header  # noqa: B018 - waits for the model to be loaded
        self._pipe.send((method, argument))
        return self._receive()

    def _receive(self) -> Any:
        try:
            kind, value = self._pipe.recv()
        except (EOFError, ConnectionResetError) as error:
            raise BadFile(f"{self.path}: the process that runs it ended ({self._last_words()})") from error
        if kind != "ok":
            raise getattr(errors, kind, BadFile)(value)
        return value

    def _last_words(self) -> str:
        code = self._child.wait()
        self._errors.seek(0)
        lines = [line for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        return f"exit code {code}{': ' + lines[-1][:200] if lines else ''}"


def environment(threads: int) -> dict[str, str]:
    """This process's environment with the thread counts that TensorFlow, JAX and OpenMP read at their start, and without their chatter."""
    count = str(threads)
    return {
        **os.environ,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": count,
        "OMP_NUM_THREADS": count,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1"),
    }


def for_another_process(path: Path) -> tuple[Path, dict[str, str]]:
    """Where another process finds a model, and what its environment must say besides: the classes of a model object are known to this process alone.

    Raises:
        BadSetting, BadFile: it cannot be laid out as a graph.
    """
    if held_models.held_at(path) is None:
        return path, {}
    from edgecnn.formats.keras.stored_copy import store_graph

    options = trust.current()
    if not path.is_dir():
        own = load_custom_objects(options.custom_objects) if options.custom_objects else {}
        if check.config_problem(inspect_config(path), frozenset(own)) is None:
            return path, {}
        path = store_graph(path)
    return path, trust.variables(replace(options, trust_code=True))


def serve(pipe: Connection) -> None:
    """The child's side: load the model that the first message names, then answer until the pipe closes."""
    from edgecnn.runtime import open_model
    from edgecnn.runtime.startup import load_keras

    path, preprocessing, threads = pipe.recv()
    load_keras()
    runner = None

    def answer(method: str, argument: object) -> Any:
        nonlocal runner
        if runner is None:
            runner = open_model(path, preprocessing=preprocessing, threads=threads)
            return {name: getattr(runner, name) for name in ("card", "preprocessing", "input", "output", "num_scores", "score_kind")}
        return getattr(runner, method)(argument)

    method, argument = "", None
    while True:
        try:
            message = ("ok", answer(method, argument))
        except Exception as error:
            named = type(error).__name__ if isinstance(error, errors.EdgeCNNError) else "BadFile"
            message = (named, str(error) if isinstance(error, errors.EdgeCNNError) else f"{path}: {type(error).__name__}: {error}".splitlines()[0])
        pipe.send(message)
        if runner is None:
            return
        method, argument = pipe.recv()


def main() -> None:
    """Entry of the child process; the file descriptor of the pipe is its argument."""
    try:
        serve(Connection(int(sys.argv[1])))
    except (EOFError, ConnectionResetError, BrokenPipeError):
        return


if __name__ == "__main__":
    main()
