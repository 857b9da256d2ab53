"""`Metadata` as the tree that `codec` writes and the files beside it, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgecnn.formats.tflite.metadata import calibration as calibrations
from edgecnn.formats.tflite.metadata.codec import Tree
from edgecnn.formats.tflite.metadata.notes import LabelFile, Metadata, ScoreCalibration, TensorNotes
from edgecnn.formats.tflite.metadata.tables import AXIS_LABELS, COLORS, SCORE_CALIBRATION, TRANSFORMATIONS

# Table of the schema -> in words.
_CONTENTS = {"FeatureProperties": "feature", "ImageProperties": "image", "BoundingBoxProperties": "bounding box", "AudioProperties": "audio"}

WORDS = ("name", "description", "version", "author", "license", "min_parser_version")


def tree(metadata: Metadata) -> Tree:
    """The tree of `metadata`."""
    graph = {
        "input_tensor_metadata": [_tensor_tree(notes) for notes in metadata.inputs],
        "output_tensor_metadata": [_tensor_tree(notes) for notes in metadata.outputs],
    }
    others = [{"name": name} for name in sorted(metadata.others)]
    return _present({**{key: getattr(metadata, key) for key in WORDS}, "subgraph_metadata": [graph], "associated_files": others})


def files(metadata: Metadata) -> dict[str, bytes]:
    """The files that belong to it, name -> content."""
    found = dict(metadata.others)
    for notes in (*metadata.inputs, *metadata.outputs):
        found |= {labels.name: "".join(f"{name}\n" for name in labels.names).encode() for labels in notes.labels}
        if notes.calibration is not None:
            found[notes.calibration.file] = calibrations.dumps(notes.calibration)
    return found


def _tensor_tree(notes: TensorNotes) -> Tree:
    units: list[Tree] = []
    if notes.mean:
        units.append({"options": ("NormalizationOptions", {"mean": list(notes.mean), "std": list(notes.std)})})
    attached = [_present({"name": labels.name, "type": AXIS_LABELS, "locale": labels.locale}) for labels in notes.labels]
    if notes.calibration is not None:
        unit, file = calibration_parts(notes.calibration)
        units.append(unit)
        attached.append(file)
    if notes.threshold is not None:
        units.append({"options": ("ScoreThresholdingOptions", {"global_score_threshold": notes.threshold})})
    stats = _present({"max": list(notes.high), "min": list(notes.low)})
    return _present(
        {
            "name": notes.name,
            "description": notes.description,
            "content": _content(notes),
            "process_units": units,
            "stats": stats,
            "associated_files": attached,
        }
    )


def calibration_parts(calibration: ScoreCalibration) -> tuple[Tree, Tree]:
    """The process unit of a calibration, and its entry among a tensor's files."""
    options = {"score_transformation": TRANSFORMATIONS.index(calibration.transformation), "default_score": calibration.default_score}
    return {"options": ("ScoreCalibrationOptions", options)}, {"name": calibration.file, "type": SCORE_CALIBRATION}


def _content(notes: TensorNotes) -> Tree:
    if not notes.content:
        return {}
    properties: Tree = {}
    if notes.content == "image":
        size = {"width": notes.size[0], "height": notes.size[1]} if notes.size else {}
        properties = _present({"color_space": COLORS.index(notes.color), "default_size": size})
    table = next(name for name, words in _CONTENTS.items() if words == notes.content)
    return {"content_properties": (table, properties)}


def _present(raw: Tree) -> Tree:
    """Without what is empty or zero, which is what an absent field means."""
    return {key: value for key, value in raw.items() if value}


def metadata(raw: Tree, attached: Mapping[str, bytes], origin: str) -> Metadata:
    """What a tree and the files beside it say; `origin` names the .tflite in errors.

    Raises:
        BadFile: a score calibration that is none.
    """
    graph = (raw.get("subgraph_metadata") or [{}])[0]
    inputs, outputs = (tuple(_notes(one, attached, origin) for one in graph.get(f"{end}_tensor_metadata", ())) for end in ("input", "output"))
    known = {name for notes in (*inputs, *outputs) for name in _names(notes)}
    others = {name: content for name, content in attached.items() if name not in known}
    words = {key: raw.get(key, "") for key in WORDS}
    return Metadata(**words, inputs=inputs, outputs=outputs, others=others)


def _names(notes: TensorNotes) -> list[str]:
    return [labels.name for labels in notes.labels] + ([notes.calibration.file] if notes.calibration else [])


def _notes(raw: Tree, attached: Mapping[str, bytes], origin: str) -> TensorNotes:
    table, properties = raw.get("content", {}).get("content_properties", ("", {}))
    units: dict[str, Tree] = {}
    for name, options in (unit["options"] for unit in raw.get("process_units", ()) if "options" in unit):
        units.setdefault(name, options)
    normal, stats = units.get("NormalizationOptions", {}), raw.get("stats", {})
    color, size = properties.get("color_space", 0) if table == "ImageProperties" else 0, properties.get("default_size")
    named = [file for file in raw.get("associated_files", ()) if file.get("name")]
    return TensorNotes(
        name=raw.get("name", ""),
        description=raw.get("description", ""),
        content=_CONTENTS.get(table, ""),
        color=COLORS[color] if color in range(len(COLORS)) else "",
        size=(size.get("width", 0), size.get("height", 0)) if size else None,
        mean=tuple(normal.get("mean", ())),
        std=tuple(normal.get("std", ())),
        low=tuple(stats.get("min", ())),
        high=tuple(stats.get("max", ())),
        labels=tuple(_labels(file, attached) for file in named if file.get("type") == AXIS_LABELS and file["name"] in attached),
        calibration=_calibration(units.get("ScoreCalibrationOptions"), named, attached, origin),
        threshold=units["ScoreThresholdingOptions"].get("global_score_threshold", 0.0) if "ScoreThresholdingOptions" in units else None,
    )


def _labels(file: Tree, attached: Mapping[str, bytes]) -> LabelFile:
    text = attached[file["name"]].decode("utf-8", "replace")
    return LabelFile(tuple(name.removesuffix("\r") for name in text.removesuffix("\n").split("\n")), file.get("locale", ""), file["name"])


def _calibration(options: Tree | None, named: list[dict[str, Any]], attached: Mapping[str, bytes], origin: str) -> ScoreCalibration | None:
    name = next((file["name"] for file in named if file.get("type") == SCORE_CALIBRATION), "")
    number = (options or {}).get("score_transformation", 0)
    if options is None or name not in attached or number not in range(len(TRANSFORMATIONS)):
        return None
    return ScoreCalibration(calibrations.loads(attached[name], origin), TRANSFORMATIONS[number], options.get("default_score", 0.0), name)
