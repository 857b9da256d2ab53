"""The last step of a .tflite: names, versions, card and metadata, so that it can be run, checked and embedded with nothing beside it."""

from __future__ import annotations

from edgecnn.card import EMBEDDED, Card
from edgecnn.export import flatbuffer, metadata, versions
from edgecnn.export.interface import Interface
from edgecnn.export.metadata.describe import describe
from edgecnn.formats.tflite.metadata import archive, codec, trees
from edgecnn.settings import About


def finished(content: bytes, card: Card, about: About, interface: Interface | None = None) -> bytes:
    """The file as it is shipped, its ends called as `interface` says, or `image` and `probabilities`.

    Raises:
        BadData: translated class names in another number than the outputs.
    """
    model = flatbuffer.read(content)
    flatbuffer.name_ends(model, interface or Interface())
    versions.settle(model)
    told = describe(model, card, about)
    entries = {EMBEDDED: card.dumps(lines=False).encode(), metadata.ENTRY: codec.encode(trees.tree(told))}
    flatbuffer.set_entries(model, entries)
    return archive.join(flatbuffer.pack(model), trees.files(told))
