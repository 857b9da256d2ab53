"""Structured pruning: a narrower network that needs less arithmetic on any hardware, to be fine-tuned afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from edgecnn.arch import macs
from edgecnn.compress.channel_choice import choose
from edgecnn.compress.channel_groups import wiring
from edgecnn.compress.channel_importance import importance
from edgecnn.compress.channel_rebuild import rebuilt
from edgecnn.errors import BadSetting
from edgecnn.settings.channels import Channels


@dataclass(frozen=True)
class Cut:
    """A narrower network.

    Attributes:
        net: the same names of layers with fewer filters and the weights that stayed, not fine-tuned.
        macs_before, macs_after: multiply-accumulates of one picture.
        kept: for each layer that was cut its filters, before and after.
    """

    net: keras.Model
    macs_before: int
    macs_after: int
    kept: Mapping[str, tuple[int, int]]

    @property
    def share(self) -> float:
        """Of the multiply-accumulates that are gone."""
        return 1 - self.macs_after / self.macs_before


def cut(net: keras.Model, settings: Channels, inputs: np.ndarray | None = None, labels: np.ndarray | None = None) -> Cut:
    """Remove the filters of a functional model that it misses least.

    Filters that are tied go together: by a sum, a product, or a depthwise or grouped convolution, which loses whole groups. Inputs and classes stay, and so
    does whatever a layer of unknown kind, or one that is called twice, has to do with.

    Args:
        net: from an input of fixed size to probabilities; it is not changed.
        settings: how much goes, and by which measure.
        inputs, labels: network inputs [N, H, W, C] and one-hot classes [N, classes] of training pictures, for importance `taylor`: 256 or more.

    Raises:
        BadSetting: no functional model, so much cannot go, or a backend that gives no gradients. BadData: pictures that are missing or do not fit.
    """
    wired = wiring(net)
    if len(net.inputs) != 1 or len(net.outputs) != 1:
        raise BadSetting(f"{net.name} has {len(net.inputs)} inputs and {len(net.outputs)} outputs: expected a classifier with one of each")
    keep = choose(wired, importance(wired, settings.importance, inputs, labels), settings)
    narrow = rebuilt(wired, keep)
    return Cut(narrow, macs.count(net), macs.count(narrow), wired.widths(keep))
