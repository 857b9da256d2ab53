"""What an export of ours says of itself, from its tensors and its card."""

from __future__ import annotations

from typing import Any

from edgecnn.card import Card, Preprocessing
from edgecnn.formats.tflite.metadata.notes import LabelFile, Metadata, TensorNotes
from edgecnn.labels import for_outputs
from edgecnn.runtime.tflite_schema import element_type, operator_name
from edgecnn.settings import About

# Least and largest value of what integer tensors store.
_STORED = {"uint8": (0.0, 255.0), "int8": (-128.0, 127.0), "int16": (-32768.0, 32767.0)}

# Results that are probabilities already.
_SQUASHING = ("SOFTMAX", "LOGISTIC")


def describe(model: Any, card: Card, about: About) -> Metadata:
    """Metadata of a classifier of pictures, which is `model` as objects of the schema.

    Raises:
        BadData: names in another number than the outputs.
    """
    graph = model.subgraphs[0]
    given, result = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    return Metadata(
        name=card.name,
        description=_description(card),
        version=about.version or card.weights_sha256[:12],
        author=about.author,
        license=about.license,
        inputs=(image(given, card.preprocessing),),
        outputs=(scores(model, result, labels_of(card, about, int(result.shape[-1]))),),
    )


def _description(card: Card) -> str:
    what = f"names one of {len(card.labels)} classes on a picture" if card.labels else "classifies pictures"
    trained = f"; trained on {card.data.name}" if card.data else ""
    return f"{card.architecture or card.name} in {card.scheme or 'float32'}: {what}{trained}"


def image(tensor: Any, preprocessing: Preprocessing) -> TensorNotes:
    """Of an input that is a picture."""
    p, dtype = preprocessing, element_type(tensor.type)
    low, high = _STORED.get(dtype, (0.0, 0.0))
    rule = {"stretch": "stretched", "crop": "its short side scaled and its centre cut out", "pad": "its long side scaled and bars added"}[p.resize]
    how = f" Resize: {p.resize_rule}." if p.resize_rule not in ("stretch", "crop") else ""
    order = {"rgb": "RGB", "bgr": "BGR", "grey": "grey", "rgba": "RGBA with an opaque A"}[p.order]
    means, stds = ((values[0],) if len(set(values)) == 1 else values for values in (p.mean, p.std))
    if len(means) != len(stds):
        means, stds = p.mean, p.std
    return TensorNotes(
        name=tensor.name.decode(),
        description=f"A picture, upright, {rule} to {p.width}x{p.height} pixels, {order}.{how}",
        content="image",
        color={"rgb": "rgb", "grey": "grayscale"}.get(p.order, ""),
        size=(p.width, p.height),
        mean=means,
        std=stds,
        low=(low,) if dtype in _STORED else tuple(-m / s for m, s in zip(means, stds, strict=True)),
        high=(high,) if dtype in _STORED else tuple((255 - m) / s for m, s in zip(means, stds, strict=True)),
    )


def scores(model: Any, tensor: Any, labels: tuple[LabelFile, ...]) -> TensorNotes:
    """Of an output that has a score a class."""
    dtype = element_type(tensor.type)
    last = [operator_name(model.operatorCodes[operator.opcodeIndex]) for operator in model.subgraphs[0].operators[-2:]]
    squashed = any(name in _SQUASHING for name in last)
    bounds = _STORED.get(dtype, (0.0, 1.0) if squashed else None)
    return TensorNotes(
        name=tensor.name.decode(),
        description="Probabilities, one a class." if squashed else "Scores, one a class.",
        content="feature",
        low=(bounds[0],) if bounds else (),
        high=(bounds[1],) if bounds else (),
        labels=labels,
    )


def labels_of(card: Card, about: About, outputs: int) -> tuple[LabelFile, ...]:
    """The names of a card and their translations, background classes first; nothing where the card has none.

    Raises:
        BadData: names in another number than the outputs.
    """
    if not card.labels or outputs == 1:
        # One score speaks of two classes; a label file has one name an output.
        return ()
    named = [("", card.labels), *about.translations]
    return tuple(
        LabelFile(tuple(" ".join(name.split()) for name in for_outputs(names, outputs, card.label_offset, card.name)), locale) for locale, names in named
    )
