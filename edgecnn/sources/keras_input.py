"""A Keras model whose input can be converted: float32, of one size."""

from __future__ import annotations

import keras

from edgecnn.card import Preprocessing
from edgecnn.errors import BadFile
from edgecnn.formats.keras.saved_model import SavedModelLayer


def with_float_input(model: keras.Model, preprocessing: Preprocessing) -> keras.Model:
    """The model with a float32 input of the size of `preprocessing`; the model itself where it has one.

    An integer input takes the same pixels as numbers: the first layer casts them anyhow.

    Raises:
        BadFile: the network cannot be built for that size, or only Keras 2 can run it.
    """
    if not isinstance(model, keras.Model):
        kinds = sorted({type(layer).__name__ for layer in model.layers if not hasattr(keras.layers, type(layer).__name__)})
        raise BadFile(f"{model.name} has layers that only Keras 2 can run ({', '.join(kinds)[:200]}): it can be validated, not converted or compressed")
    tensor = model.inputs[0]
    shape = tuple(tensor.shape)
    dtype = tensor.dtype if isinstance(tensor.dtype, str) else tensor.dtype.name
    wanted = filled_shape(shape, preprocessing)
    if dtype == "float32" and shape[1:] == wanted[1:]:
        return model
    image = keras.Input(batch_shape=wanted, dtype="float32", name=tensor.name if isinstance(tensor.name, str) else None)
    if any(isinstance(layer, SavedModelLayer) for layer in model.layers):  # a graph, which cannot be built anew
        return keras.Model(image, model(keras.ops.cast(image, dtype)), name=model.name)
    try:
        copy = keras.models.clone_model(model, input_tensors=image)
        copy.set_weights(model.get_weights())
        for layer in copy._flatten_layers():
            if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
                layer.finalize_state()
    # Keras raises whatever a layer raises that does not take the shape.
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise BadFile(f"{model.name} cannot be built for an input of {list(wanted[1:])} ({type(error).__name__}: {text}); give another --image-size") from error
    return copy


def is_channels_first(shape: tuple[int | None, ...]) -> bool:
    """Whether a shape is [N, C, H, W]."""
    return len(shape) == 4 and shape[1] in (1, 3, 4) and shape[3] not in (1, 3, 4)


def filled_shape(shape: tuple[int | None, ...], preprocessing: Preprocessing) -> tuple[int | None, ...]:
    """The shape with its open height and width filled."""
    sides = {2: preprocessing.height, 3: preprocessing.width} if is_channels_first(shape) else {1: preprocessing.height, 2: preprocessing.width}
    return tuple(sides.get(axis, side) if side is None and axis else side for axis, side in enumerate(shape))
