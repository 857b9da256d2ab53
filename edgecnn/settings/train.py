"""How to train."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field

from edgecnn.settings.augment import Augment
from edgecnn.settings.refuse import refuse

OPTIMIZERS = ("adam", "adamw", "sgd")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
SCHEDULES = ("cosine", "steps", "constant")
CLASS_WEIGHTS = ("equal", "balanced")
PLACES = ("auto", "device", "host")


@dataclass(frozen=True)
class Train:
    """How to train: what decides the weights that come out.

    Attributes:
        epochs: passes over the training split; 0 only evaluates.
        batch_size: pictures a step, over all devices.
        learning_rate: at the top of the schedule.
        warmup: epochs of linear rise.
        schedule: what follows: half a cosine down to zero, `steps` down at `drops`, or `constant`.
        drops: epochs after which the rate is multiplied by `drop_factor`.
        drop_factor: see `drops`.
        optimizer: one of OPTIMIZERS.
        weight_decay: decoupled; not on biases or batch norms.
        label_smoothing: share of the target spread over all classes.
        ema: share of the past in the moving average of the weights, which is then what is judged and kept; 0 for no average.
        norm_batches: training batches on which the statistics of batch norms are measured afresh before each judgement; 0 keeps the moving ones.
        class_weights: `balanced` makes every class count the same, whatever its number of pictures.
        freeze: first epochs in which only layers without weights of their own from `--weights` learn.
        thaw_rate: factor on the learning rate once all layers learn.
        temperature: of the softened answers that a student learns from its teacher (Hinton et al., 2015, arXiv:1503.02531).
        teacher_share: of the teacher's answers in the loss; the labels have the rest.
        patience: stop after so many epochs without a better val accuracy (ties broken by val loss); None never stops early.
        precision: one of PRECISIONS; auto is bfloat16 where the device computes in it, else float32.
        seed: decides initial weights, order, dropout and augmentation.
        augment: random changes to the pictures.
    """

    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup: float = 3.0
    schedule: str = "cosine"
    drops: tuple[int, ...] = ()
    drop_factor: float = 0.1
    optimizer: str = "adamw"
    weight_decay: float = 0.0
    label_smoothing: float = 0.1
    ema: float = 0.0
    norm_batches: int = 0
    class_weights: str = "equal"
    freeze: int = 0
    thaw_rate: float = 1.0
    temperature: float = 3.0
    teacher_share: float = 0.5
    patience: int | None = None
    precision: str = "auto"
    seed: int = 0
    augment: Augment = field(default_factory=Augment)

    def __post_init__(self) -> None:
        object.__setattr__(self, "drops", tuple(self.drops))
        refuse(self.epochs < 0, f"epochs {self.epochs}: expected 0 or more")
        refuse(self.batch_size < 1, f"batch size {self.batch_size}: expected 1 or more")
        refuse(not 0 < self.learning_rate <= 10, f"learning rate {self.learning_rate}: expected above 0 and at most 10")
        refuse(self.warmup < 0, f"warm-up {self.warmup}: expected epochs, 0 or more")
        refuse(self.optimizer not in OPTIMIZERS, f"optimizer '{self.optimizer}': expected one of {', '.join(OPTIMIZERS)}")
        refuse(not 0 <= self.weight_decay < math.inf, f"weight decay {self.weight_decay}: expected 0 or more")
        refuse(not 0 <= self.label_smoothing < 1, f"label smoothing {self.label_smoothing}: expected from 0 to below 1")
        refuse(self.patience is not None and self.patience < 1, f"patience {self.patience}: expected 1 or more epochs")
        refuse(self.precision not in PRECISIONS, f"precision '{self.precision}': expected one of {', '.join(PRECISIONS)}")
        refuse(not 0 <= self.seed < 2**31, f"seed {self.seed}: expected a whole number from 0 to 2147483647")
        self._check_schedule()
        refuse(not 0 <= self.ema < 1, f"ema {self.ema}: expected a share from 0 to below 1, such as 0.999")
        refuse(self.norm_batches < 0, f"{self.norm_batches} batches for batch norms: expected 0 or more")
        refuse(self.class_weights not in CLASS_WEIGHTS, f"class weights '{self.class_weights}': expected one of {', '.join(CLASS_WEIGHTS)}")
        refuse(not 0 <= self.freeze <= self.epochs, f"freeze {self.freeze}: expected epochs from 0 to all {self.epochs}")
        refuse(not 0 < self.thaw_rate <= 1, f"thaw rate {self.thaw_rate}: expected a factor above 0, at most 1")
        refuse(self.thaw_rate != 1 and not self.freeze, f"thaw rate {self.thaw_rate} without freeze: expected epochs to freeze for, or a lower learning rate")
        refuse(not 0 < self.temperature < math.inf, f"temperature {self.temperature}: expected above 0")
        refuse(not 0 <= self.teacher_share <= 1, f"teacher's share {self.teacher_share}: expected from 0 to 1")

    def _check_schedule(self) -> None:
        refuse(self.schedule not in SCHEDULES, f"schedule '{self.schedule}': expected one of {', '.join(SCHEDULES)}")
        refuse(bool(self.drops) != (self.schedule == "steps"), f"drops {self.drops} with schedule '{self.schedule}': expected drops with steps, and none else")
        rising = all(one < other for one, other in zip(self.drops, self.drops[1:], strict=False))
        refuse(not rising or any(drop < 1 for drop in self.drops), f"drops {self.drops}: expected rising epochs, 1 or more")
        refuse(not 0 < self.drop_factor < 1, f"drop factor {self.drop_factor}: expected between 0 and 1")

    def plain(self) -> dict[str, object]:
        """All fields as plain values, as a card's recipe holds them."""
        return {**asdict(self), "drops": list(self.drops)}

    @staticmethod
    def read(recipe: dict[str, object]) -> Train:
        """The settings behind a card's recipe or a recipe file; what they do not name has its default.

        Raises:
            BadSetting: a field that is not known here.
        """
        augment = recipe.get("augment", {})
        for kind, given in (("train", recipe), ("augment", augment)):
            known = (Train if kind == "train" else Augment).__dataclass_fields__
            for name in given:
                refuse(name not in known, f"[{kind}] has '{name}': expected one of {', '.join(known)}")
        return Train(**{**recipe, "augment": Augment(**augment)})


@dataclass(frozen=True)
class Machine:
    """What a training runs on: decides how fast it is, not what comes out.

    Attributes:
        distribute: share each batch among all devices, and among all processes that jax.distributed joins; JAX backend only.
        dispatch: steps that the device is given at once; None for 1 on a processor and as many as a second takes elsewhere.
        place: where the training pictures lie: on the `device`, on the `host`, from which they are fetched ahead, or `auto`: on the device where they fit.
        tensorboard: folder for TensorBoard's event files; "" for none.
    """

    distribute: bool = False
    dispatch: int | None = None
    place: str = "auto"
    tensorboard: str = ""

    def __post_init__(self) -> None:
        refuse(self.dispatch is not None and self.dispatch < 1, f"{self.dispatch} steps at once: expected 1 or more")
        refuse(self.place not in PLACES, f"place '{self.place}': expected one of {', '.join(PLACES)}")
