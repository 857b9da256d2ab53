"""DOOR to the report as one self-contained HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecnn.validate.report import Report


def render(report: Report) -> str:
    """The report as HTML: no script, nothing fetched, light and dark, below 3 MB."""
    from edgecnn.validate.html import page

    return page.render(report)
