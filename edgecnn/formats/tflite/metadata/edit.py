"""Edits to the tree of metadata that leave everything else in it as it is, also what `Metadata` has no field for."""

from __future__ import annotations

from collections.abc import Mapping

from edgecnn.errors import BadFile
from edgecnn.formats.tflite.metadata import calibration as calibrations
from edgecnn.formats.tflite.metadata import trees
from edgecnn.formats.tflite.metadata.codec import Tree
from edgecnn.formats.tflite.metadata.notes import ScoreCalibration
from edgecnn.formats.tflite.metadata.tables import SCORE_CALIBRATION


def calibrate(tree: Tree, attached: Mapping[str, bytes], calibration: ScoreCalibration | None, output: int) -> dict[str, bytes]:
    """Put a score calibration of one output in place of any that is there, or take it out; changes the tree in place and returns the files to attach.

    Raises:
        BadFile: the tree says nothing of that output.
    """
    tensors = (tree.get("subgraph_metadata") or [{}])[0].get("output_tensor_metadata", [])
    if output >= len(tensors):
        raise BadFile(f"its metadata tells of {len(tensors)} outputs; expected {output + 1} or more; write it again with edgecnn check --repair")
    tensor = tensors[output]
    units = [unit for unit in tensor.get("process_units", ()) if unit.get("options", ("",))[0] != "ScoreCalibrationOptions"]
    named = tensor.get("associated_files", ())
    gone = {file.get("name") for file in named if file.get("type") == SCORE_CALIBRATION}
    kept = [file for file in named if file.get("type") != SCORE_CALIBRATION]
    files = {name: content for name, content in attached.items() if name not in gone}
    if calibration is not None:
        unit, entry = trees.calibration_parts(calibration)
        units.append(unit)
        kept.append(entry)
        files[calibration.file] = calibrations.dumps(calibration)
    for field, values in (("process_units", units), ("associated_files", kept)):
        tensor.pop(field, None)
        if values:
            tensor[field] = values
    return files
