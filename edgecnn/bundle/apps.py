"""What the bundles for phones and browsers have in common: folders of templates, and the model's facts as the apps' languages write them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgecnn import files
from edgecnn.bundle import templates
from edgecnn.bundle.golden import Golden
from edgecnn.errors import BadFile
from edgecnn.runtime.scores import DESCRIPTIONS, ScoreKind

# What the apps can hold; int16 and float16 inputs have no buffer in some of their languages.
DTYPES = ("float32", "uint8", "int8")

# Control characters, ends of lines, and marks of direction, which would show source code in another order than compilers read it.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# How a language writes a character by its number, and what else it escapes.
_LITERALS = {"kotlin": ("\\u{:04x}", {**_SHORT, "$": "\\$", "\b": "\\b"}), "swift": ("\\u{{{:04x}}}", _SHORT)}


def lay(folder: Path, app: str, places: Mapping[str, str], words: Mapping[str, object]) -> list[Path]:
    """Write the templates of an app.

    Args:
        folder: of the bundle.
        app: folder of the templates.
        places: template -> its path within the bundle; the name may be left out behind a slash.
        words: what is filled in.
    """
    whole = {name: f"{place}{name}" if place.endswith("/") else place for name, place in places.items()}
    return [files.write_text(folder / place, templates.filled(f"{app}/{name}", words)) for name, place in whole.items()]


def check_types(golden: Golden) -> None:
    """Refuse a file whose input or output has a type that the apps cannot hold; BadFile."""
    for what, tensor in (("input", golden.input), ("output", golden.output)):
        if tensor.dtype not in DTYPES:
            raise BadFile(f"{golden.model}: its {what} is {tensor.dtype}; this app takes {', '.join(DTYPES)}; export it with edgecnn")


def names(golden: Golden) -> tuple[str, ...]:
    """The labels without the background outputs before them."""
    return golden.labels[golden.label_offset :]


def about(golden: Golden) -> dict[str, str]:
    """What the README of every app says of the model."""
    said = golden.preprocessing
    return {
        "FILE": golden.model,
        "STEM": Path(golden.model).stem,
        "SIZE": f"{said.width} x {said.height}",
        "ORDER": said.order,
        "MEAN": _plain(said.mean),
        "STD": _plain(said.std),
        "RULE": said.resize_words,
        "DTYPE": golden.input.dtype,
        "STORED": _stored(golden),
        "PICTURES": str(len(golden.pictures)),
        "SCORES": scores_in_words(golden.score_kind),
    }


def scores_in_words(kind: ScoreKind, maker: str = "the code makes") -> str:
    """What the README of a bundle says of the scores and of the answer."""
    decides = (
        "every class of 0.5 or more holds (set a threshold of your own), not the best one alone" if kind.is_multi_label else "the class with the largest wins"
    )
    return f"The file gives {DESCRIPTIONS[kind]}; {maker} one probability a class of them, and {decides}."


def _plain(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in (values[:1] if len(set(values)) == 1 else values))


def _stored(golden: Golden) -> str:
    if golden.takes_bytes:
        return "byte" if golden.input.dtype == "uint8" else "byte - 128"
    if golden.input.scale is None:
        return "(byte - mean) / std"
    return f"round((byte - mean) / std / {golden.input.scale:g}) + {golden.input.zero_point}"


def real(value: float) -> str:
    """A literal of a double in Kotlin and Swift, read back as the same number."""
    return repr(float(value))


def visible(code: str) -> str:
    """TypeScript whose strings hold what cannot be seen, or turns the line around, as numbers; lines end where they did."""
    return UNSEEN.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", code)


def string(text: str, language: str) -> str:
    """A literal of a text in `kotlin` or `swift`; what cannot be seen, or turns the line around, stands there as its number."""
    code, special = _LITERALS[language]
    return '"' + "".join(special.get(letter) or (code.format(ord(letter)) if UNSEEN.match(letter) else letter) for letter in text) + '"'
