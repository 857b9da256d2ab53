"""The user's own layers: a Python file that was named on purpose is executed, and what it defines is handed to Keras."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

from edgecnn.errors import BadSetting

_LOADED: dict[tuple[str, int], dict[str, Any]] = {}


def load_custom_objects(path: str | Path) -> dict[str, Any]:
    """Classes and functions that a Python file defines, by name and by the name under which it registers them with Keras. Executed once a process.

    Raises:
        BadSetting: no such file, or it cannot be executed.
    """
    path = Path(path).resolve()
    try:
        key = (str(path), path.stat().st_mtime_ns)
    except OSError as error:
        raise BadSetting(f"no such file of custom objects: {path}; expected a Python file that defines the layers of the model") from error
    if key not in _LOADED:
        _LOADED[key] = _execute(path)
    return _LOADED[key]


def _execute(path: Path) -> dict[str, Any]:
    import keras

    name = f"edgecnn_custom_objects_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadSetting(f"{path} is no Python file; expected one that ends in .py and defines the layers of the model")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    registered = keras.saving.get_custom_objects()
    before = set(registered)
    try:
        spec.loader.exec_module(module)
    # The user's own program may raise whatever it likes.
    except Exception as error:
        del sys.modules[name]
        raise BadSetting(f"{path} cannot be executed ({type(error).__name__}: {str(error).splitlines()[0][:150] if str(error) else ''})") from error
    own = {key: value for key, value in vars(module).items() if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == name}
    return own | {key: value for key, value in registered.items() if key not in before}
