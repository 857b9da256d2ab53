"""Which evidence says what a model's input wants; the strongest wins, and nothing is assumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgecnn.card import Card, Preprocessing
from edgecnn.errors import UnknownInputError
from edgecnn.progress import SILENT, Progress
from edgecnn.runtime.contract import Runner
from edgecnn.runtime.tensor_shapes import CHOICES
from edgecnn.sources.file_facts import FileFacts
from edgecnn.sources.given_input import GivenInput
from edgecnn.sources.labeled_images import LabeledImages
from edgecnn.sources.mappings import BY_RANGE, describe_mapping
from edgecnn.sources.measure_input import candidates_for, is_better, measure_input
from edgecnn.sources.measure_resize import measure_resize

GIVEN_RESIZE = {"resize", "resize_filter", "crop_fraction", "pad_color"}
# Images on which the channel order of an input is checked whose values are known.
FOR_ORDER = 256
# Mappings that a message proposes.
MOST_WAYS = 4


@dataclass(frozen=True)
class ResolvedInput:
    """What an input wants and how that is known.

    Attributes:
        preprocessing: from images to the input.
        source: "options", "card", "metadata", "integer input", "graph" or "measured".
        evidence: the same with its particulars, for reports.
    """

    preprocessing: Preprocessing
    source: str
    evidence: str

    @property
    def text(self) -> str:
        """Mapping, channel order, resize rule and evidence in one sentence."""
        p = self.preprocessing
        order = p.order.upper().replace("GREY", "gray")
        return f"{describe_mapping(p.mean, p.std)}, {order}, {p.height}x{p.width}, {p.resize_rule} ({self.evidence})"


Labeled = Callable[[], "LabeledImages | None"]


def resolve_input(
    runner: Runner,
    card: Card | None,
    facts: Callable[[], FileFacts],
    given: GivenInput,
    labeled: Labeled,
    *,
    offset: int = 0,
    progress: Progress = SILENT,
) -> ResolvedInput:
    """Find out how images become the input of an open model.

    Args:
        runner: open with pixels as they are; is left with the preprocessing that was found.
        card: of the model.
        facts: reads what the file says of itself; asked only where options and card do not decide.
        given: what the user said.
        labeled: gives labeled images to measure on, or None; asked only where nothing else decides.
        offset: background outputs.

    Raises:
        UnknownInputError: there is no evidence, or what was measured does not decide; the message lists the choices.
        BadSetting: one of mean and std without the other.
    """
    raw = runner.preprocessing
    if card is not None:
        resolved = ResolvedInput(given.over(card.preprocessing), "card", _card_text(card, given))
    else:
        given.check_whole()
        if given.says_values:
            resolved = ResolvedInput(given.over(raw), "options", "--mean and --std as given")
        else:
            resolved = _of_file(raw, facts(), given) or _measured(runner, raw, facts(), given, labeled, offset, progress)
            resolved = _with_order(runner, resolved, given, labeled, offset)
            resolved = _with_resize(runner, resolved, given, labeled, offset, progress)
    runner.set_preprocessing(resolved.preprocessing)
    return resolved


def _card_text(card: Card, given: GivenInput) -> str:
    text = f"the card: {card.input_evidence}" if card.input_evidence else "the card"
    said = [f"--{name.replace('_', '-')}" for name in given.fields]
    return f"{text}, with {' and '.join(said)} as given" if said else text


def _of_file(raw: Preprocessing, facts: FileFacts, given: GivenInput) -> ResolvedInput | None:
    """What the file itself says."""
    if facts.is_integer:
        return _integer(raw, facts, given)
    if facts.mean:
        base = replace(raw, mean=_fit(facts.mean, raw), std=_fit(facts.std, raw))
        return ResolvedInput(given.over(base), "metadata", "NormalizationOptions in the file's metadata")
    if facts.graph is not None:
        mapping = BY_RANGE[facts.graph.value_range]
        base = replace(raw, mean=mapping.mean, std=mapping.std, order=facts.graph.channel_order or raw.order)
        return ResolvedInput(given.over(base), "graph", facts.graph.evidence)
    return None


def _integer(raw: Preprocessing, facts: FileFacts, given: GivenInput) -> ResolvedInput:
    """The camera's byte is the input, less 128 where it is signed: then mean and std are what the file's scale makes of it."""
    text = "integer input: the byte is the input"
    if facts.scale is None or facts.scale <= 0:
        return ResolvedInput(given.over(raw), "integer input", text)
    zero = (facts.zero_point or 0) + (128 if _is_signed(facts) else 0)
    base = replace(raw, mean=(float(zero),), std=(1 / facts.scale,))
    return ResolvedInput(given.over(base), "integer input", f"{text}, scale {facts.scale:.6g}, zero point {facts.zero_point}")


def _is_signed(facts: FileFacts) -> bool:
    return facts.dtype == "int8"


def _fit(values: tuple[float, ...], raw: Preprocessing) -> tuple[float, ...]:
    """One value a channel of the input; metadata of a gray image may have more."""
    return values if len(values) in (1, raw.channels) else values[:1]


def _measured(runner: Runner, raw: Preprocessing, facts: FileFacts, given: GivenInput, labeled: Labeled, offset: int, progress: Progress) -> ResolvedInput:
    images = labeled()
    hint = f"; {facts.hint}" if facts.hint else ""
    if images is None:
        raise UnknownInputError(f"{runner.path} does not say how a pixel becomes its input{hint}; {CHOICES}")
    order = given.fields.get("order")
    measured = measure_input(runner, images, candidates_for(given.over(raw), str(order) if order else None), offset, progress)
    if not measured.is_certain:
        ways = " or ".join(one.options for one in measured.open[:MOST_WAYS])
        raise UnknownInputError(
            f"{runner.path} does not say how a pixel becomes its input, and images do not decide ({measured.text}){hint}; say how it was trained: {ways}"
        )
    return ResolvedInput(given.over(measured.best.preprocessing), "measured", measured.text)


def _with_resize(runner: Runner, resolved: ResolvedInput, given: GivenInput, labeled: Labeled, offset: int, progress: Progress) -> ResolvedInput:
    """Another resize rule where nothing says one and labeled images certainly ask for it."""
    images = None if GIVEN_RESIZE & set(given.fields) else labeled()
    if images is None:
        return resolved
    preprocessing, figures = measure_resize(runner, images, resolved.preprocessing, offset, progress)
    return replace(resolved, preprocessing=preprocessing, evidence=f"{resolved.evidence}; {figures}") if figures else resolved


def _with_order(runner: Runner, resolved: ResolvedInput, given: GivenInput, labeled: Labeled, offset: int) -> ResolvedInput:
    """The other channel order where nothing says the order and labeled images certainly ask for it."""
    p = resolved.preprocessing
    if resolved.source == "measured" or p.channels != 3 or "order" in given.fields:
        return resolved
    images = labeled()
    if images is None:
        return replace(resolved, evidence=f"{resolved.evidence}; RGB as images are loaded, --order bgr says otherwise")
    runner.set_preprocessing(p)
    other = replace(p, order="bgr" if p.order == "rgb" else "rgb", mean=p.mean[::-1], std=p.std[::-1])
    better, figures = is_better(runner, images.first(FOR_ORDER), p, other, offset)
    if better:
        return ResolvedInput(other, resolved.source, f"{resolved.evidence}; {other.order.upper()} measured: {figures}")
    return resolved
