"""Train one shape and store it, with what plain Keras answers on the test images: `python -m own_model_study.training NAME --work FOLDER`."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from own_model_study.images import ImageSet, attribute_targets, decode_all, image_set
from own_model_study.shape import OUTSIDE, SHAPES, Shape

SEED = 1


def main() -> int:
    """Train, save, answer: NAME/NAME.keras (or .h5, or a folder) and NAME/truth.npz below the work folder.

    truth.npz: scores [N, outputs] of the test images as the author resizes them, `antialiased` for the same images resized by Pillow, and labels [N].
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name")
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    for module in ("tutorials", "families", "keras2"):
        importlib.import_module(f"own_model_study.{module}")
    train(args.name, SHAPES[args.name], args.work)
    return 0


def train(name: str, shape: Shape, work: Path) -> None:
    """Train with Adam on the training split; the accuracy that is stored is of the model in memory, fed as its author means it."""
    backend = _backend(shape)
    backend.utils.set_random_seed(SEED)
    images = image_set(shape.images, work)
    paths, labels = images.select("train")
    inputs, targets = _inputs(shape, _decoded(shape, paths, work, "train")), _targets(shape, images, labels, "train")
    model = shape.build()
    _follow_statistics(model)
    _fit(backend, model, shape, inputs, targets)
    if name == "mixed_float16":  # float16 is emulated on processors, many times slower: the weights are trained in float32
        model = _in_mixed_float16(backend, shape, model.get_weights())
    place = work / name
    place.mkdir(parents=True, exist_ok=True)
    paths, labels = images.select("test")
    scores = _predict(model, shape, _inputs(shape, _decoded(shape, paths, work, "test")))
    antialiased = decode_all(paths, shape.size, shape.size, shape.order, antialias=True)
    _save(model, place, name, shape)
    np.savez(place / "truth.npz.partial.npz", scores=scores, antialiased=_predict(model, shape, _inputs(shape, antialiased)), labels=labels)
    (place / "truth.npz.partial.npz").replace(place / "truth.npz")
    print(json.dumps({"parameters": int(model.count_params()), "shape": list(scores.shape)}))


def _backend(shape: Shape) -> Any:
    return importlib.import_module("tf_keras" if shape.keras2 else "keras")


def _decoded(shape: Shape, paths: list[Path], work: Path, split: str) -> np.ndarray:
    """Decoded images, kept from one training to the next."""
    kept = work / "arrays" / f"{shape.images}-{split}-{shape.size}-{shape.order}.npy"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept.with_suffix(".partial.npy"), decode_all(paths, shape.size, shape.size, shape.order))
        kept.with_suffix(".partial.npy").replace(kept)
    return np.load(kept)


def _inputs(shape: Shape, pixels: np.ndarray) -> Any:
    values = OUTSIDE[shape.outside](pixels)
    return [values, values] if shape.scores == "two inputs" else values


def _targets(shape: Shape, images: ImageSet, labels: np.ndarray, split: str) -> Any:
    if shape.scores == "labels":
        return np.eye(len(images.classes), dtype=np.float32)[labels]
    if shape.scores == "attributes":
        return attribute_targets(images)[images.splits == split]
    if shape.scores == "heads":
        return [labels, attribute_targets(images)[images.splits == split][:, 0]]
    return labels


def _loss(backend: Any, scores: str) -> Any:
    losses = backend.losses
    if scores in ("logits", "logit"):
        return losses.SparseCategoricalCrossentropy(from_logits=True) if scores == "logits" else losses.BinaryCrossentropy(from_logits=True)
    if scores == "percent":
        return lambda y, p: losses.sparse_categorical_crossentropy(y, p / 100)
    return {
        "heads": ["sparse_categorical_crossentropy", "binary_crossentropy"], "sigmoid": "binary_crossentropy", "labels": "binary_crossentropy",
        "attributes": "binary_crossentropy",
    }.get(scores, "sparse_categorical_crossentropy")  # fmt: skip


def _follow_statistics(model: Any) -> None:
    """Let moving averages follow within the few steps of these trainings."""
    for layer in model._flatten_layers():
        if type(layer).__name__ == "BatchNormalization":
            layer.momentum = 0.9


def _fit(backend: Any, model: Any, shape: Shape, inputs: Any, targets: Any) -> None:
    if getattr(model, "inputs", None) and model.inputs[0].shape[0]:
        # A batch of 1 learns poorly: the same layers with an open batch are trained.
        trained = backend.models.clone_model(model, input_tensors=backend.Input(model.inputs[0].shape[1:]))
        _fit(backend, trained, shape, inputs, targets)
        model.set_weights(trained.get_weights())
        return
    options = {"batch_size": 32, "verbose": 0}
    last = 3 if shape.fine_tune else 0
    model.compile(backend.optimizers.Adam(shape.rate), _loss(backend, shape.scores), jit_compile=False)
    model.fit(inputs, targets, epochs=shape.epochs - last, **options)
    if shape.fine_tune:
        (base,) = [layer for layer in model.layers if isinstance(layer, backend.Model)]
        for i, layer in enumerate(base.layers):
            layer.trainable = i >= 60 and type(layer).__name__ != "BatchNormalization"
        model.compile(backend.optimizers.Adam(1e-4), _loss(backend, shape.scores), jit_compile=False)
        model.fit(inputs, targets, epochs=last, **options)


def _in_mixed_float16(backend: Any, shape: Shape, weights: list[np.ndarray]) -> Any:
    backend.mixed_precision.set_global_policy("mixed_float16")
    model = shape.build()
    model.set_weights(weights)
    return model


def _predict(model: Any, shape: Shape, inputs: Any) -> np.ndarray:
    """Scores [N, outputs], float32, of the first head where there are two."""
    batch = (model.inputs[0].shape[0] if getattr(model, "inputs", None) else None) or 64
    scores = model.predict(inputs, batch_size=batch, verbose=0)
    return np.asarray(scores[0] if shape.scores == "heads" else scores, np.float32)


def _save(model: Any, place: Path, name: str, shape: Shape) -> None:
    if shape.suffix == "export":
        model.export(str(place / name), verbose=False)
    elif shape.suffix == "":
        model.save(str(place / name), save_format="tf")
    else:
        model.save(str(place / f"{name}{shape.suffix}"))


if __name__ == "__main__":
    sys.exit(main())
