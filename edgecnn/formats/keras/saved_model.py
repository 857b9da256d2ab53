"""A SavedModel as a Keras model: its signature for serving, frozen, behind one input."""

from __future__ import annotations

from typing import Any

import keras

from edgecnn.errors import BadFile
from edgecnn.formats.keras import state_updates
from edgecnn.formats.keras.inspection import KerasFile
from edgecnn.formats.keras.layer_configs import fixed, input_dtype

NO_LAYERS = "a SavedModel without its layers, which can be run and exported, not changed; compress it where it was trained, or give it as .keras"
SERVING = ("serving_default", "serve")


class SavedModelLayer(keras.layers.Layer):
    """One output of a frozen TensorFlow function of one tensor. It has no weights of its own: they are constants of the function."""

    def __init__(self, function: Any, index: int, shape: tuple[int | None, ...], **options: Any) -> None:
        super().__init__(trainable=False, **options)
        self._function, self._index, self._shape = function, index, shape

    def call(self, image: Any) -> Any:
        """[N, H, W, C] to whatever the function gives. In a graph the operators themselves are laid out: converters to ONNX know no function calls."""
        import tensorflow as tf

        if tf.executing_eagerly():
            return self._function(image)[self._index]
        graph = self._function.graph
        mapping = {graph.inputs[0].name: image}
        (result,) = tf.graph_util.import_graph_def(graph.as_graph_def(), mapping, [graph.outputs[self._index].name], name=self.name)
        return result

    def get_config(self) -> dict[str, Any]:
        """There is none: raises BadFile, for whoever would copy or save the model."""
        raise BadFile(NO_LAYERS)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """As the signature declares it."""
        return (input_shape[0], *self._shape[1:])


def wrap(file: KerasFile, image_size: tuple[int, int] | None) -> keras.Model:
    """A functional model that runs the graph of a SavedModel that `check_graph` has passed.

    Raises:
        BadFile: another backend than TensorFlow, no signature, not one input of known rank.
    """
    if keras.backend.backend() != "tensorflow":
        raise BadFile(f"{file.path} is a SavedModel, which TensorFlow alone can run; set KERAS_BACKEND=tensorflow")
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(file.path))  # holds the variables of its signatures
        signature = _signature(file, loaded)
        spec = _input_spec(file, signature)
        shape = fixed(spec.shape.as_list(), image_size)
        frozen = _freeze(file, signature, spec, shape)
    # TensorFlow hands on whatever its loader meets in a damaged file.
    except Exception as error:
        if isinstance(error, BadFile):
            raise
        text = " ".join(str(error).split())[:200]
        raise BadFile(f"{file.path} is a SavedModel that TensorFlow cannot load ({type(error).__name__}: {text})") from error
    image = keras.Input(batch_shape=shape, dtype=input_dtype(spec.dtype.name), name=spec.name)
    outputs = sorted(signature.structured_outputs.items())
    tensors = [SavedModelLayer(frozen, i, tuple(spec.shape), name=name)(image) for i, (name, spec) in enumerate(outputs)]
    return keras.Model(image, tensors[0] if len(tensors) == 1 else tensors)


def _input_spec(file: KerasFile, signature: Any) -> Any:
    specs = list(signature.structured_input_signature[1].values())
    if len(specs) != 1 or specs[0].shape.rank is None:
        raise BadFile(f"{file.path}: its signature takes {len(specs)} inputs ({', '.join(s.name for s in specs)[:200]}); expected one image of known rank")
    return specs[0]


def _freeze(file: KerasFile, signature: Any, spec: Any, shape: tuple[int | None, ...]) -> Any:
    """The signature with its variables as constants."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    if file.graph is None or not file.graph.updates:
        return convert_variables_to_constants_v2(signature)
    state_updates.check_repeatable(file, signature, spec.name, shape, spec.dtype)
    with state_updates.without_updates(file.path) as copy:
        loaded = tf.saved_model.load(str(copy))
        return convert_variables_to_constants_v2(_signature(file, loaded))


def _signature(file: KerasFile, loaded: Any) -> Any:
    for name in SERVING:
        if name in loaded.signatures:
            return loaded.signatures[name]
    raise BadFile(f"{file.path} has no signature for serving, only {', '.join(loaded.signatures) or 'none'}; save it with model.export or signatures=...")
