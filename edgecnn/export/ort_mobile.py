"""ONNX Runtime's own file format, .ort, for its mobile and minimal builds, and what a phone's accelerators would take of an .onnx."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnxruntime.tools.convert_onnx_models_to_ort import OptimizationStyle, convert_onnx_models_to_ort
from onnxruntime.tools.mobile_helpers import usability_checker
from onnxruntime.tools.onnx_model_utils import make_dim_param_fixed

from edgecnn import files, runtime
from edgecnn.errors import BadFile
from edgecnn.formats.onnx import validate


class _WithShapes(usability_checker.ModelProtoWithShapeInfo):
    """ONNX Runtime's own, which reads this name when it ends, also where its beginning failed: Python would then print a traceback to stderr."""

    _tmp_model_path = None


@dataclass(frozen=True)
class Taker:
    """What one accelerator would take of a file, by the lists that ONNX Runtime ships: by kinds of operators, not by their options.

    Attributes:
        name: of the accelerator.
        nodes: of the file.
        taken: of them, as the file is.
        taken_fixed: of them, with open dimensions (the batch) fixed.
        parts: into which the nodes of the fixed file fall; each costs a copy there and back.
        verdict: ONNX Runtime's own, for the fixed file: yes, maybe or no.
        lacking: kinds that it does not take.
    """

    name: str
    nodes: int
    taken: int
    taken_fixed: int
    parts: int
    verdict: str
    lacking: tuple[str, ...]


_Check = Callable[[onnx.ModelProto, bool], usability_checker.PartitioningInfo]


def _core_ml(table: str) -> _Check:
    return lambda model, fixed: usability_checker.check_coreml_partitions(model, fixed, table)


ACCELERATORS: dict[str, _Check] = {
    "NNAPI (Android)": usability_checker.check_nnapi_partitions,
    "Core ML, ML Program (iOS)": _core_ml("coreml_supported_mlprogram_ops.md"),
    "Core ML, NeuralNetwork (older iOS)": _core_ml("coreml_supported_neuralnetwork_ops.md"),
}


def takers(path: str | os.PathLike[str]) -> list[Taker]:
    """What each accelerator would take of an .onnx, which is not run.

    Raises:
        BadFile: not an .onnx.
    """
    path = _checked(path)
    runtime.describe(path)  # checks it
    with _readable(path):
        model = _WithShapes(path).model_with_shape_info
        return [_taker(name, check(model, True), check(model, False)) for name, check in ACCELERATORS.items()]


def convert(path: str | os.PathLike[str], folder: str | os.PathLike[str], name: str) -> list[Path]:
    """Write NAME.ort, optimized for phones and with a batch of 1, and NAME.config, the operators and types that a reduced build of ONNX Runtime needs.

    Args:
        path: an .onnx file.
        folder: to write into.
        name: stem of both files.

    Raises:
        BadFile: not an .onnx, or one that ONNX Runtime cannot convert.
    """
    path = _checked(path)
    with tempfile.TemporaryDirectory() as scratch, _readable(path):
        fixed = Path(scratch) / f"{name}.onnx"
        onnx.save(_one_picture(path), fixed)
        convert_onnx_models_to_ort(fixed, Path(scratch), [OptimizationStyle.Fixed], target_platform="arm", enable_type_reduction=True)
        made, needs = fixed.with_suffix(".ort"), fixed.with_suffix(".required_operators_and_types.config")
        lines = [line for line in needs.read_text().splitlines() if line and not line.startswith("#")]
        head = f"# Operators and types of {name}.ort, for ONNX Runtime's build.py --include_ops_by_config\n"
        content = made.read_bytes()
    return [files.write_bytes(Path(folder) / f"{name}.ort", content), files.write_text(Path(folder) / f"{name}.config", head + "\n".join(lines) + "\n")]


def _taker(name: str, own: usability_checker.PartitioningInfo, fixed: usability_checker.PartitioningInfo) -> Taker:
    lacking = tuple(sorted(kind.partition(":")[2] for kind in fixed.unsupported_ops))
    verdict = fixed.suitability().name.lower()
    return Taker(name, fixed.num_nodes, own.num_supported_nodes, fixed.num_supported_nodes, fixed.num_partitions, verdict, lacking)


def _one_picture(path: Path) -> onnx.ModelProto:
    """The model with an open batch made 1: accelerators take no node whose shape they do not know."""
    model = validate.read(path)
    onnx.load_external_data_for_model(model, str(path.parent))
    for given in model.graph.input:
        if given.type.tensor_type.shape.dim and given.type.tensor_type.shape.dim[0].dim_param:
            make_dim_param_fixed(model.graph, given.type.tensor_type.shape.dim[0].dim_param, 1)
    return model


def _checked(path: str | os.PathLike[str]) -> Path:
    if Path(path).suffix.lower() != ".onnx":
        raise BadFile(f"{path}: ONNX Runtime Mobile is asked about .onnx files; expected one")
    return files.check_file(path, ".onnx model")


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Keep ONNX Runtime's tools quiet, and say in one line what they fail at."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except BadFile:
        raise
    except Exception as error:  # protobuf's, onnx's and ONNX Runtime's errors have no common base
        raise BadFile(f"{path}: ONNX Runtime cannot convert it: {' '.join(str(error).split())[:200]}") from error
    finally:
        logging.disable(before)
