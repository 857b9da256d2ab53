"""How to make a network narrower."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.settings.refuse import refuse

IMPORTANCES = ("taylor", "norm", "l1")


@dataclass(frozen=True)
class Channels:
    """Remove whole filters, the least important ones first, with everything that hangs on them.

    Attributes:
        share: of the network's multiply-accumulates that go.
        importance: `taylor`: what the loss on some pictures would change by, to first order (Molchanov et al., 2019, https://arxiv.org/abs/1906.10771);
            `norm`: scale of the batch norms (Liu et al., 2017, https://arxiv.org/abs/1708.06519), `l1` where there is none; `l1`: mean magnitude of
            the filter's weights (Li et al., 2016, https://arxiv.org/abs/1608.08710).
        least: channels that every layer keeps; one that has no more than these is left whole.
        multiple: layers that are cut keep a multiple of so many channels, which is what vector instructions work on at once: with 1 a float32 ONNX MobileNet
            of 0.3 fewer multiply-accumulates was slower than the original, with 8 it took 0.7 of its time. A layer of fewer than four times as many keeps a
            multiple of half of it, a quarter, and so on.
    """

    share: float = 0.3
    importance: str = "taylor"
    least: int = 8
    multiple: int = 8

    def __post_init__(self) -> None:
        refuse(not 0 < self.share < 1, f"channels {self.share}: expected a share of the multiply-accumulates between 0 and 1, such as 0.3")
        refuse(self.importance not in IMPORTANCES, f"importance '{self.importance}': expected one of {', '.join(IMPORTANCES)}")
        refuse(self.least < 1, f"least {self.least} channels: expected 1 or more")
        refuse(self.multiple < 1, f"multiple {self.multiple}: expected 1 or more channels, such as 8")
