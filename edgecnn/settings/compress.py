"""How to compress by training."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace

from edgecnn.settings.augment import Augment
from edgecnn.settings.channels import Channels
from edgecnn.settings.refuse import refuse
from edgecnn.settings.train import Train

SCHEDULES = ("polynomial", "constant")
PATTERNS = ("weights", "2:4", "block")

# Fine-tuning, where nothing else is said, with the model itself as the teacher.
FINE_TUNING = Train(epochs=10, learning_rate=2e-4, warmup=0.5, optimizer="adam", label_smoothing=0.0, teacher_share=0.7, temperature=2.0)

# What multiplies the learning rate in each step: rounding moves weights by little, zeros tear holes. MobileNet 0.25 on digits, 80 % zeros, ten epochs:
# 15 % of val with a factor of 1 (five epochs), 96.1 with 5, 96.9 with 15.
RATES = {"channels": 5.0, "prune": 10.0, "cluster": 2.0, "quantize": 1.0}


@dataclass(frozen=True)
class Prune:
    """Set the weights of least magnitude to zero (Zhu and Gupta, 2017, https://arxiv.org/abs/1710.01878).

    Attributes:
        share: of all weights of the network that are zero at the end. Kernels that are not pruned (depthwise ones, the first layer's, biases, batch
            norms) count as weights, so that the others lose a little more.
        schedule: `polynomial` from few zeros to all, falling off with the third power, or `constant`: all at once.
        until: share of the epochs after which all zeros are there; the rest of the training mends what that broke.
        every: steps between two choices of what is zero.
        pattern: `weights` one by one; `2:4`: two of four in a row; `block`: rectangles of `block` in kernels of 1x1 and dense layers.
        block: rows and columns of a rectangle.
        bits: to which the weights that are left are rounded, sign included: steps of 2 ** (8 - bits) on int8's grid; 8 leaves them alone. Six bits add a
            hundredth of the squared error, or less, that half of the weights made by becoming zero; a file of half zeros is a sixth smaller after gzip.
        skip: names of layers that keep all of their weights, beside the first convolution.
    """

    share: float = 0.5
    schedule: str = "polynomial"
    until: float = 0.5
    every: int = 10
    pattern: str = "weights"
    block: tuple[int, int] = (1, 4)
    bits: int = 6
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        refuse(not 0 < self.share < 1, f"prune {self.share}: expected a share of the weights between 0 and 1, such as 0.5")
        refuse(self.schedule not in SCHEDULES, f"pruning schedule '{self.schedule}': expected one of {', '.join(SCHEDULES)}")
        refuse(not 0 <= self.until <= 1, f"pruning until {self.until}: expected a share of the epochs from 0 to 1")
        refuse(self.every < 1, f"pruning every {self.every} steps: expected 1 or more")
        refuse(self.pattern not in PATTERNS, f"pruning pattern '{self.pattern}': expected one of {', '.join(PATTERNS)}")
        refuse(not 4 <= self.bits <= 8, f"prune to {self.bits} bits: expected from 4 to 8 for each weight that is left")
        refuse(len(self.block) != 2 or min(self.block) < 1, f"block {self.block}: expected rows and columns, 1 or more")
        refuse(self.pattern == "2:4" and self.share > 0.5, f"prune {self.share} with pattern 2:4: expected at most 0.5, two of four weights")


@dataclass(frozen=True)
class Cluster:
    """Let each kernel have few different values (Han et al., 2016, Deep Compression, https://arxiv.org/abs/1510.00149, section 3).

    Attributes:
        clusters: values of a kernel; zero is one of them where the kernel has been pruned.
        skip: names of layers that keep all of their values, beside depthwise ones.
    """

    clusters: int = 16
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        refuse(not 3 <= self.clusters <= 256, f"cluster {self.clusters}: expected from 3 to 256 values of a kernel, such as 16")


@dataclass(frozen=True)
class QuantizeAware:
    """Train with the rounding that int8 will bring (Jacob et al., 2018, https://arxiv.org/abs/1712.05877).

    Attributes:
        follow: share of each step by which the range of an activation follows what it sees; the ranges start at what the model has before.
        observe: batches on which they start.
    """

    follow: float = 0.01
    observe: int = 16

    def __post_init__(self) -> None:
        refuse(not 0 <= self.follow <= 1, f"follow {self.follow}: expected a share from 0 to 1")
        refuse(self.observe < 1, f"observe {self.observe} batches: expected 1 or more")


@dataclass(frozen=True)
class Compress:
    """What is done to a model, one after the other in the order of the fields, each with a fine-tuning of its own that keeps what was done before.

    Attributes:
        channels, prune, cluster, quantize: None where it is not done.
        train: of each fine-tuning; its learning rate is that of training under rounding, and the other steps take a multiple (RATES).
    """

    channels: Channels | None = None
    prune: Prune | None = None
    cluster: Cluster | None = None
    quantize: QuantizeAware | None = None
    train: Train = field(default_factory=lambda: FINE_TUNING)

    def __post_init__(self) -> None:
        refuse(not self.steps(), "nothing to do: expected --channels SHARE, --prune SHARE, --cluster N or --qat, or several of them")

    def steps(self) -> tuple[str, ...]:
        """Names of the fields that are asked for, in the order in which they are done."""
        return tuple(f.name for f in fields(self) if f.name != "train" and getattr(self, f.name) is not None)

    def fine_tuning(self, step: str) -> Train:
        """Settings of the fine-tuning of one step."""
        return replace(self.train, learning_rate=self.train.learning_rate * RATES[step])

    def suffix(self) -> str:
        """What the name of the model gets: prune50-cluster16-qat."""
        named = {
            "channels": lambda it: f"channels{100 * it.share:g}",
            "prune": lambda it: f"prune{100 * it.share:g}",
            "cluster": lambda it: f"cluster{it.clusters}",
            "quantize": lambda it: "qat",
        }
        return "-".join(named[step](getattr(self, step)) for step in self.steps())

    def plain(self) -> dict[str, object]:
        """What was asked for as plain values, as a card holds it; the fine-tuning is its recipe."""
        return {step: asdict(getattr(self, step)) for step in self.steps()}


def fine_tuning(recipe: dict[str, object]) -> Train:
    """FINE_TUNING with the random changes to pictures that the model was trained with, where its card knows them."""
    known = Augment.__dataclass_fields__
    augment = {key: value for key, value in dict(recipe.get("augment", {})).items() if key in known and key not in ("mixup", "cutmix")}
    return replace(FINE_TUNING, augment=Augment(**augment))
