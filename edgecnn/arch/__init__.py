"""DOOR to the architectures: a catalog row picks the family's module, which builds a Keras 3 model."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from edgecnn.catalog import architecture
from edgecnn.errors import BadSetting

if TYPE_CHECKING:
    import keras


def build(name: str, *, classes: int | None = None, image_size: int | tuple[int, int] | None = None, **arguments: float | int | str | bool) -> keras.Model:
    """Build an architecture with fresh weights, on whichever Keras backend is set.

    Args:
        name: a row of the catalog.
        classes: outputs; the paper's when left out.
        image_size: pixels of both sides, or (height, width); the paper's when left out.
        **arguments: of the row, such as width=0.5 or dropout=0.2; `edgecnn info NAME` lists them.

    Returns:
        A functional model from `image` [batch, height, width, channels], preprocessed, to `probabilities` [batch, classes].

    Raises:
        UnknownName: no such row. BadSetting: an argument that the row does not have or a value that cannot work.
    """
    row = architecture(name)
    arguments = row.with_defaults(arguments)
    size = image_size if image_size is not None else row.image_size
    height, width = (size, size) if isinstance(size, int) else size
    classes = row.classes if classes is None else classes
    if classes < 2:
        raise BadSetting(f"{classes} classes: expected 2 or more")
    if min(height, width) < 16:
        raise BadSetting(f"image size {height}x{width}: expected 16 pixels or more each way")
    family = importlib.import_module(f"edgecnn.arch.{row.family}")
    return family.build(name, input_shape=(height, width, row.channels), classes=classes, **arguments)
