"""Label files: the names of a network's classes, in the order of its outputs."""

from __future__ import annotations

import os
import re
from pathlib import Path

from edgecnn import files, untrusted
from edgecnn.errors import BadData, BadFile

BACKGROUND = "background"
# Of text files; names may hold the other ends of lines that Unicode has.
_LINE_END = re.compile(r"\r\n|\r|\n")


def read_labels(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Class names from a text file with one on each line, or from a JSON file with a list of them.

    Raises:
        BadFile: missing, empty, not text, or JSON that is no list of names.
    """
    content = files.read_bytes(path, "label file", untrusted.LARGEST_JSON)
    expected = "a label file: UTF-8 text with one name on each line, or a JSON list"
    if Path(path).suffix.lower() == ".json":
        labels = untrusted.loads_json(content, path, expected)
    else:
        try:
            labels = [line.strip() for line in _LINE_END.split(content.decode("utf-8-sig").strip())]
        except UnicodeDecodeError as error:
            raise BadFile(f"{path} is not text ({error}); expected {expected}") from error
    if not isinstance(labels, list) or not labels or not all(isinstance(name, str) and name for name in labels):
        raise BadFile(f"{path} is not a list of names; expected one name on each line without empty lines, or a JSON list of strings")
    return tuple(labels)


def for_outputs(labels: tuple[str, ...], outputs: int, offset: int, origin: str | os.PathLike[str]) -> tuple[str, ...]:
    """One name an output: background for the first `offset`, then the labels, or `class N` where no labels are known.

    Raises:
        BadData: the number of labels is not `outputs` - `offset`; `origin` names the model.
    """
    if not labels:
        labels = tuple(f"class {i}" for i in range(outputs - offset))
    if len(labels) + offset != outputs:
        hint = "; give --label-offset 1 if its first output is a background class" if len(labels) + 1 == outputs and not offset else ""
        raise BadData(f"{origin} has {outputs} outputs and {len(labels)} labels came; expected {outputs - offset}{hint}")
    return (BACKGROUND,) * offset + labels
