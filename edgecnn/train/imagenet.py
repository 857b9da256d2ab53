"""Weights of keras.applications: the twin of a catalog row is built there, downloaded by Keras where asked for, and copied layer by layer."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import keras

from edgecnn.catalog import Architecture
from edgecnn.catalog import architecture as row_of
from edgecnn.errors import BadFile, BadSetting
from edgecnn.train import twins
from edgecnn.train.weights import Taken, layers_with_weights, shapes

SILENCE = 30.0  # seconds after which a server that says nothing is given up


def take(net: keras.Model, architecture: str, arguments: Mapping[str, object], *, twin_weights: str | None = twins.IMAGENET) -> Taken:
    """Copy into `net` the weights of its twin of keras.applications.

    Args:
        net: built of the row with these arguments; changed in place. Its head stays fresh unless it has the twin's classes.
        architecture: a row of the catalog that has a twin.
        arguments: of the row.
        twin_weights: "imagenet", or None for a twin of the same classes and size with random weights.

    Raises:
        BadSetting: no such twin, or none of this width. BadFile: the weights are not here and cannot be downloaded.
    """
    row = row_of(architecture)
    given = row.with_defaults(arguments)
    twins.check(row, given, weights=twin_weights)
    frame = given.get("pad_input")
    size = (frame, frame) if frame else net.input.shape[1:3]
    return copy(net, twin(row, given, size, net.output.shape[-1], weights=twin_weights))


def twin(row: Architecture, arguments: Mapping[str, object], size: tuple[int, int], classes: int, *, weights: str | None = None) -> keras.Model:
    """The same network as keras.applications builds it, from preprocessed pictures to logits.

    Args:
        row: of the catalog, with a twin.
        arguments: of the row, complete.
        size: height and width of its input.
        classes: outputs; ImageNet weights have 1000, whatever is asked for, and where they exist for few sizes, theirs.
        weights: "imagenet", or None for random ones.
    """
    function = getattr(keras.applications, row.twin)
    known = inspect.signature(function).parameters
    options = {theirs: arguments[ours] for ours, theirs in (("width", "alpha"), (twins.MINIMALISTIC, twins.MINIMALISTIC)) if theirs in known}
    if "include_preprocessing" in known:
        options["include_preprocessing"] = False
    if weights is None:
        return function(input_shape=(*size, 3), weights=None, classes=classes, classifier_activation=None, **options)
    side = size[0] if size[0] == size[1] and size[0] in twins.SIZES.get(row.twin, ()) else row.image_size
    with _download(row):
        return function(input_shape=(side, side, 3), weights=weights, classifier_activation=None, **options)


def copy(net: keras.Model, theirs: keras.Model) -> Taken:
    """Copy layer by layer, in order, up to the first whose shapes are others: the head, or a dense layer that depends on the size of the pictures.

    Raises:
        BadSetting: the two are not the same network.
    """
    ours, others = list(layers_with_weights(net)), list(layers_with_weights(theirs))
    alike = [shapes(mine) == shapes(other) for mine, other in zip(ours, others, strict=False)]
    same = alike.index(False) if False in alike else len(alike)
    head = next((i for i, layer in enumerate(ours) if isinstance(layer, keras.layers.Dense)), len(ours) - 1)
    if len(ours) != len(others) or same < head:
        raise BadSetting(f"{net.name} and {theirs.name} differ from layer {same + 1} of {len(ours)} and {len(others)}: expected the same network")
    for mine, other in zip(ours[:same], others[:same], strict=True):
        mine.set_weights(other.get_weights())
    return Taken(
        source=f"{theirs.name} of keras.applications",
        by_name=(),
        by_order=tuple((mine.name, other.name) for mine, other in zip(ours[:same], others[:same], strict=True)),
        fresh=tuple(layer.name for layer in ours[same:]),
        unused=tuple(f"{layer.name} {' '.join('x'.join(map(str, shape)) for shape in shapes(layer))}" for layer in others[same:]),
        folded=(),
    )


@contextlib.contextmanager
def _download(row: Architecture) -> Iterator[None]:
    """Keras fetches a file inside: bars go to the terminal's stderr or nowhere, silent servers are given up, and failures are told in one line."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)
    try:
        with contextlib.redirect_stdout(sys.stderr if sys.stderr.isatty() else io.StringIO()):
            yield
    except Exception as error:  # Keras raises plain exceptions where the network fails, and whatever its reader has for a damaged file
        words = " ".join(str(error).split())[:200]
        raise BadFile(f"{row.name}: no ImageNet weights ({words}); expected a network, or that file in {_folder()}; or leave --weights imagenet out") from error
    finally:
        socket.setdefaulttimeout(before)


def _folder() -> Path:
    """Where Keras keeps what it downloads."""
    return Path(os.environ.get("KERAS_HOME", "~/.keras")) / "models"
