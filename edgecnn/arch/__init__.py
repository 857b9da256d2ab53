"""DOOR to the architectures: a catalog row picks the family's module, which puts the layers of a Keras 3 model behind an input."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from edgecnn.catalog import COMMON, MODULES, Architecture, Module, architecture
from edgecnn.errors import BadSetting

if TYPE_CHECKING:
    import keras


def build(name: str, *, classes: int | None = None, image_size: int | tuple[int, int] | None = None, **arguments: float | int | str | bool) -> keras.Model:
    """Build an architecture with fresh weights, on whichever Keras backend is set.

    Args:
        name: a row of the catalog, or of its modules, which have neither classes nor an image size.
        classes: outputs; the paper's when left out.
        image_size: pixels of both sides, or (height, width); the paper's when left out.
        **arguments: of the row, such as width=0.5 or dropout=0.2; `edgecnn info NAME` lists them. Every row takes pad_input=PIXELS, a frame of zeros
            that brings smaller pictures to that size. auxiliary names layers that train with classifiers of their own and changes nothing here:
            `heads.with_auxiliary` attaches them.

    Returns:
        A functional model from `image` [batch, height, width, channels], preprocessed, to `probabilities` [batch, classes]; of a module,
        from `input` to whatever it computes.

    Raises:
        UnknownName: no such row. BadSetting: an argument that the row does not have or a value that cannot work.
    """
    if name in MODULES:
        if classes is not None or image_size is not None:
            raise BadSetting(f"{name} is a module with a fixed input: expected neither classes nor an image size")
        return _module(MODULES[name], arguments)
    row = architecture(name)
    arguments = row.with_defaults(arguments)
    size = image_size if image_size is not None else row.image_size
    height, width = (size, size) if isinstance(size, int) else size
    classes = row.classes if classes is None else classes
    if classes < 2:
        raise BadSetting(f"{classes} classes: expected 2 or more")
    return _network(row, (height, width), classes, arguments)


def sketch(name: str, **given: Any) -> keras.Model:
    """The same model as `build` gives, without values in its weights: to be counted and drawn, in a fraction of the time and memory."""
    from edgecnn.arch.valueless import valueless

    with valueless():
        return build(name, **given)


def _network(row: Architecture, size: tuple[int, int], classes: int, arguments: dict[str, Any]) -> keras.Model:
    own = {key: value for key, value in arguments.items() if key not in COMMON}
    family = importlib.import_module(f"edgecnn.arch.{row.family}")
    blocks = importlib.import_module("edgecnn.arch.blocks")
    image, x = blocks.picture((*size, row.channels), arguments.get("pad_input", 0))
    if min(x.shape[1:3]) < row.smallest:
        raise BadSetting(
            f"image size {x.shape[1]}x{x.shape[2]}: {row.name} expects {row.smallest} pixels or more each way; "
            f"a larger image size, or pad_input={row.smallest} to frame the pictures"
        )
    return blocks.classifier(row.name, image, family.network(x, classes=classes, **own))


def _module(row: Module, arguments: dict[str, Any]) -> keras.Model:
    import keras

    for key in arguments:
        if key not in row.arguments:
            raise BadSetting(f"{row.name} has no argument '{key}'; it takes: {', '.join(row.arguments) or 'none'}")
    family = importlib.import_module(f"edgecnn.arch.{row.family}")
    start = keras.Input(row.input_shape, name="input")
    return keras.Model(start, getattr(family, row.function)(start, **{**row.arguments, **arguments}), name=row.name)
