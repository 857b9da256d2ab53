"""Errors that a user can act on: one line that says what came, what was expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EdgeCNNError(ValueError):
    """Base of everything that edgecnn raises on purpose. The command line prints it as one line and exits with `exit_code`."""

    exit_code = 2


class UnknownName(EdgeCNNError):
    """A name that no table has; the message offers the nearest one."""


class BadSetting(EdgeCNNError):
    """A value or a combination of values that cannot work."""


class BadFile(EdgeCNNError):
    """A file that is missing, unreadable, unwritable, damaged or of the wrong kind."""


class UnsafeModelError(BadFile):
    """A model file that would run code of its author when it is opened."""


class UnknownInputError(EdgeCNNError):
    """A model that does not say what its input wants; the message lists the choices."""


class BadData(EdgeCNNError):
    """A data set that cannot be used as it was asked for."""


class UnlabelledError(BadData):
    """Images that lie in no class folder and in no table: good for calibration, not for training or accuracy."""


class NoCalibration(EdgeCNNError):
    """An integer format was asked for, and there is nothing to take activation ranges from."""


class CheckFailed(EdgeCNNError):
    """Something was made and measured, and the measurement says no."""

    exit_code = 1


class Undecided(EdgeCNNError):
    """Something was to be proven, and there are too few pictures to prove it."""

    exit_code = 3


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """Return the error for a `name` that is not among `known`, with the nearest known name first."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
    return UnknownName(f"unknown {kind} '{name}': {hint}")
