"""How int8 is reached without training."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.settings.refuse import refuse

RANGES = ("fourth", "square", "percentile", "extremes")
ROUNDINGS = ("nearest", "reconstructed")
HEADS = ("int8", "float")


@dataclass(frozen=True)
class PostTraining:
    """The choices of post-training quantization.

    Attributes:
        ranges: what eight bits span of an activation: where the mean `fourth` power or `square` of the error is least, all but one value in ten
            thousand (`percentile`), or everything (`extremes`).
        rounding: of weights: each to its `nearest` step, or `reconstructed`: the next ones take up the error of those before, so that the layer's output
            stays (Frantar et al., 2022, https://arxiv.org/abs/2210.17323).
        equalize: scale channels so that each uses all of its tensor's steps (Nagel et al., 2019, https://arxiv.org/abs/1906.04721, section 4.1).
        correct: give biases what rounding takes from the mean of a layer's output (section 4.2 of the same).
        head: number format of the last layer's activations, from its input to the probabilities; with `float` no two scores tie.
        wide: names of operators (as `edgecnn info` and the float file call their outputs) whose activations stay float32; their weights are int8 all the same.
    """

    ranges: str = "fourth"
    rounding: str = "nearest"
    equalize: bool = False
    correct: bool = True
    head: str = "int8"
    wide: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "wide", tuple(self.wide))
        refuse(self.ranges not in RANGES, f"ranges '{self.ranges}': expected one of {', '.join(RANGES)}")
        refuse(self.rounding not in ROUNDINGS, f"rounding '{self.rounding}': expected one of {', '.join(ROUNDINGS)}")
        refuse(self.head not in HEADS, f"head '{self.head}': expected one of {', '.join(HEADS)}")
