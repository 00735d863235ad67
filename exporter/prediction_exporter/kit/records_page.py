"""The page on records: the table of layouts between its markers is rendered from their declarations."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from prediction_exporter.kit.texts import filled
from prediction_exporter.sources.layouts.base import RecordLayout
from prediction_exporter.sources.layouts.registry import NAMES, layout_of
from prediction_exporter.templates import markdown

RECORDS_PAGE = "docs/sources/records.md"


def records_page(page: str) -> str:
    """Return the page with the part between its markers rendered anew."""
    return filled(page, "layouts", layouts_markdown())


def layouts_markdown(layouts: Sequence[RecordLayout] | None = None) -> str:
    """Return a table of all layouts, and what is to know of some."""
    found = _layouts() if layouts is None else layouts
    return markdown().get_template("kit/templates/layouts.md").render(layouts=found)


def _layouts() -> list[RecordLayout]:
    found = []
    for name in NAMES:
        with suppress(ModuleNotFoundError):
            found.append(layout_of(name))
    return found
