"""Counts that papers, their authors' code and courses state, for each row of the catalog and of its modules; written down from there, not counted here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """What is stated of one network.

    Attributes:
        trainable: trainable parameters, or None where only all of them are stated.
        parameters: all of them, batch-norm statistics included, or None.
        within: how far the real number may be from the stated one, as a share; 0 where it is stated exactly.
        source: where it is stated.
    """

    trainable: int | None = None
    parameters: int | None = None
    within: float = 0.0
    source: str = ""


# fmt: off
PUBLISHED: dict[str, Published] = {
    # --- section: lenet, mlp, convnet ---
    "lenet": Published(61_706, source="the usual LeNet-5 with every map of S2 in every map of C3"),
    # --- section: vgg ---
    # --- section: inception ---
    # --- section: resnet ---
    # --- section: squeezenet ---
    "squeezenet": Published(1_248_424, source="torchvision squeezenet1_0"),
    "squeezenet1_1": Published(1_235_496, source="torchvision squeezenet1_1, and the authors' caffemodel"),
    # --- section: densenet ---
    # --- section: xception ---
    # --- section: resnext ---
    # --- section: senet ---
    # --- section: mobilenet ---
    "mobilenet": Published(4_231_976, 4_253_864, source="keras.applications.MobileNet"),
}
# fmt: on
