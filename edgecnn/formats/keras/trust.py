"""How models are loaded in this process: what the user trusts, and what the user chose where a file leaves it open.

The options are set once, by the command line or by `use`, because a model is opened in many places. Child processes read them from the environment.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edgecnn.errors import BadSetting

# The environment variable that carries the options to child processes.
VARIABLE = "EDGECNN_LOADING"


@dataclass(frozen=True)
class LoadingOptions:
    """What holds for every model that this process loads.

    Attributes:
        trust_code: run code that a file holds (Lambda layers). Only for files whose author is trusted.
        custom_objects: path of a Python file with the classes and functions of the user's own layers; it is executed.
        image_size: height and width of the input where the file leaves them open.
        output: name of the output to take where a model has several.
        signature: name of the signature to take where a .tflite has several.
    """

    trust_code: bool = False
    custom_objects: str | None = None
    image_size: tuple[int, int] | None = None
    output: str | None = None
    signature: str | None = None

    def __post_init__(self) -> None:
        if self.custom_objects is not None and not Path(self.custom_objects).is_file():
            raise BadSetting(f"no such file of custom objects: {self.custom_objects}; expected a Python file that defines the layers of the model")

    def notes(self) -> Iterator[str]:
        """What a user has to see, a line each."""
        if self.trust_code:
            yield "--trust-code: code inside the model files may run"
        if self.custom_objects:
            yield f"--custom-objects: {self.custom_objects} is executed"


def current() -> LoadingOptions:
    """The options of this process; the defaults trust nothing."""
    text = os.environ.get(VARIABLE)
    if not text:
        return LoadingOptions()
    values = json.loads(text)
    size = values.get("image_size")
    return LoadingOptions(**{**values, "image_size": tuple(size) if size else None})


@contextlib.contextmanager
def trusting(trust_code: bool = False, custom_objects: str | os.PathLike[str] | None = None) -> Iterator[None]:
    """What the functions of the library are told about trust, for everything that they open.

    Args:
        trust_code: run code that a model file holds, such as Lambda layers.
        custom_objects: a Python file with the layers of the model, which is executed.

    Raises:
        BadSetting: no such file.
    """
    options = current()
    if trust_code:
        options = replace(options, trust_code=True)
    if custom_objects is not None:
        options = replace(options, custom_objects=str(Path(custom_objects).resolve()))
    with use(options):
        yield


def variables(options: LoadingOptions) -> dict[str, str]:
    """What the environment of a process must say for it to load models with `options`."""
    return {VARIABLE: json.dumps(asdict(options))}


@contextlib.contextmanager
def use(options: LoadingOptions) -> Iterator[None]:
    """Load models with `options` inside of this block, in this process and in the child processes that it starts."""
    before = os.environ.get(VARIABLE)
    if options == LoadingOptions():
        os.environ.pop(VARIABLE, None)
    else:
        os.environ.update(variables(options))
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before
