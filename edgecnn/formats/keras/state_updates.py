"""SavedModels that write to variables while they answer: Keras 3 exports the seeds of augmentation layers that way."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.errors import BadFile
from edgecnn.formats.keras.inspection import KerasFile
from edgecnn.formats.keras.saved_graph import RESTORING, UPDATES

GRAPH_FILE = "saved_model.pb"
SIDE = 64


@contextmanager
def without_updates(folder: Path) -> Iterator[Path]:
    """A copy of a SavedModel whose functions read variables and never write them; its weights are a link to the folder's own.

    TensorFlow freezes no graph that writes to a variable. What is read after a write differs in the copy: compare with `check_repeatable`.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString((folder / GRAPH_FILE).read_bytes())
    for graph in model.meta_graphs:
        for function in graph.graph_def.library.function:
            if not RESTORING & {node.op for node in function.node_def}:
                _drop_updates(function)
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary)
        for part in folder.iterdir():
            if part.name != GRAPH_FILE and part.is_dir():
                (copy / part.name).symlink_to(part.resolve())
            elif part.name == "fingerprint.pb":
                shutil.copy(part, copy / part.name)
        (copy / GRAPH_FILE).write_bytes(model.SerializeToString())
        yield copy


def _drop_updates(function: Any) -> None:
    """Remove the operators that write to variables from a FunctionDef, and what waits for them."""
    dropped = {node.name for node in function.node_def if node.op in UPDATES}
    if not dropped:
        return
    kept = [node for node in function.node_def if node.name not in dropped]
    for node in kept:
        inputs = [name for name in node.input if name.removeprefix("^") not in dropped]
        del node.input[:]
        node.input.extend(inputs)
    results = [key for key, name in function.control_ret.items() if name in dropped]
    for key in results:
        del function.control_ret[key]
    outputs = [name for name in function.signature.control_output if name not in results]
    del function.signature.control_output[:]
    function.signature.control_output.extend(outputs)
    del function.node_def[:]
    function.node_def.extend(kept)


def check_repeatable(file: KerasFile, signature: Any, name: str, shape: tuple[int | None, ...], dtype: Any) -> None:
    """Run a signature twice on one image.

    Args:
        file: the SavedModel.
        signature: of it as it is, updates included.
        name, shape, dtype: of its input; open sides take any size.

    Raises:
        BadFile: the second answer differs from the first.
    """
    import tensorflow as tf

    sides = [side or (SIDE if axis else 1) for axis, side in enumerate(shape)]
    image = tf.constant(np.random.default_rng(0).integers(0, 256, sides).astype(dtype.as_numpy_dtype))
    first, second = ({key: tensor.numpy() for key, tensor in signature(**{name: image}).items()} for _ in range(2))
    if any(not np.array_equal(first[key], second[key]) for key in first):
        raise BadFile(f"{file.path} answers one image differently each time: {_owners(file)}")


def _owners(file: KerasFile) -> str:
    """Which layers change what a SavedModel answers, and what to do."""
    nodes = file.graph.updates if file.graph else ()
    layers = list(dict.fromkeys(name.split("/")[-2] if "/" in name else name for name in nodes))
    random = [name for name in layers if name.startswith("random_")]
    if random:
        reason = f"{', '.join(random[:4])} augment in it as they do in training, which model.export keeps"
        return f"{reason}; give the model as its author saved it (.keras), or export it without these layers"
    return f"it keeps a state ({', '.join(layers[:4])[:200]}); export a function that answers by the image alone"
