"""The JSON Schema of a report, made from its dataclasses: names, types, and the meaning that their docstrings give.

`report.schema.json` beside this file is what `tools/report_schema.py` wrote; a test holds it against the dataclasses.
"""

from __future__ import annotations

import inspect
import json
import re
import types
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from edgecnn.validate.figures import Change, Share
from edgecnn.validate.reader import required, types_of
from edgecnn.validate.report import SCHEMA, Report, Verdict

PATH = Path(__file__).with_name("report.schema.json")

Schema = dict[str, Any]

_RULES = "Numbers that are not finite are null. Later releases may add fields; one that goes or changes its meaning changes the version."


def document(*, closed: bool = False) -> Schema:
    """The whole schema, draft 2020-12. It allows fields that later releases may add under the same version; `closed` allows none."""
    definitions: dict[str, Schema] = {}
    _reference(Report, definitions, closed)
    report = definitions.pop("Report")
    verdicts = [verdict.value for verdict in Verdict]
    own = {
        "schema": {"const": SCHEMA},
        "verdict": {"enum": [*verdicts, None], "description": "of all checks together; null when no limit was given"},
        "exit_code": {"enum": [0, 1, 3], "description": "0 passed or nothing asked, 1 failed, 3 inconclusive"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:" + SCHEMA.replace(".", ":").replace("/", ":"),
        "title": SCHEMA,
        **report,
        "description": f"{report['description']} {_RULES}",
        "required": [*own, *report["required"]],
        "properties": {**own, **report["properties"]},
        "$defs": dict(sorted(definitions.items())),
    }


def dumps() -> str:
    """The text of `report.schema.json`."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def _object(kind: type, definitions: dict[str, Schema], closed: bool) -> Schema:
    meanings = _meanings(kind)
    properties: dict[str, Schema] = {}
    if kind in (Share, Change):
        properties["value"] = {"type": "number", "description": _flat(inspect.getdoc(kind.value) or "")}
    for field, hint in types_of(kind).items():
        properties[field] = _schema(hint, definitions, closed)
        if field in meanings:
            properties[field]["description"] = meanings[field]
    needed = [name for name in properties if name == "value" or name not in types_of(kind) or required(kind, name)]
    summary = _flat((inspect.getdoc(kind) or "").split("\nAttributes:")[0])
    return {"type": "object", "description": summary, "required": needed, "properties": properties, **({"additionalProperties": False} if closed else {})}


def _schema(kind: Any, definitions: dict[str, Schema], closed: bool) -> Schema:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        inner = _schema(next(k for k in get_args(kind) if k is not type(None)), definitions, closed)
        return inner if inner.get("type") == ["number", "null"] else {"anyOf": [inner, {"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": _schema(get_args(kind)[0], definitions, closed)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(get_args(kind)[1], definitions, closed)}
    if hasattr(kind, "__dataclass_fields__"):
        return _reference(kind, definitions, closed)
    if issubclass(kind, Enum):
        return {"enum": [choice.value for choice in kind]}
    return {"type": {str: "string", int: "integer", float: ["number", "null"], bool: "boolean"}[kind]}


def _reference(kind: type, definitions: dict[str, Schema], closed: bool) -> Schema:
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}  # marks it as begun
        definitions[kind.__name__] = _object(kind, definitions, closed)
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _meanings(kind: type) -> dict[str, str]:
    """Field name -> its line under `Attributes:`; a line may speak of several fields, and go on below itself."""
    _, _, text = (inspect.getdoc(kind) or "").partition("\nAttributes:\n")
    found: dict[str, str] = {}
    for names, meaning in re.findall(r"^ {4}(\w[\w, ]*): (.*(?:\n {5,}.*)*)", text, re.MULTILINE):
        found |= dict.fromkeys((name.strip() for name in names.split(",")), _flat(meaning))
    return found


def _flat(text: str) -> str:
    return " ".join(text.split())
