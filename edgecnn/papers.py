"""TABLE of papers: authors, year, title and address of what the catalog's rows and the notes of the architectures refer to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """One publication. `title` is short where the whole one is long; `url` is where it can be read."""

    authors: str
    year: int
    title: str
    url: str

    def at(self, place: str) -> str:
        """The paper with the table or figure meant, as one line."""
        return f"{self.authors}, {self.year}, {self.title}, {place}, {self.url}"


def _arxiv(authors: str, year: int, title: str, number: str) -> Paper:
    return Paper(authors, year, title, f"https://arxiv.org/abs/{number}")


# fmt: off
LENET = Paper("LeCun et al.", 1998, "Gradient-based learning applied to document recognition", "https://doi.org/10.1109/5.726791")

MOBILENET = _arxiv("Howard et al.", 2017, "MobileNets", "1704.04861")

SQUEEZENET = _arxiv("Iandola et al.", 2016, "SqueezeNet", "1602.07360")
SQUEEZENET_CODE = Paper("Iandola et al.", 2016, "SqueezeNet v1.1, the authors' code", "https://github.com/forresti/SqueezeNet")

# The course whose printed networks are rows of their own where they differ from the papers.
HANDBOOK = Paper("Ferlitsch", 2019, "Keras idiomatic programmer", "https://github.com/GoogleCloudPlatform/keras-idiomatic-programmer")
# fmt: on
