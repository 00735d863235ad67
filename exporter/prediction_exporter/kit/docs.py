"""The page of the statistics: what stands between its markers is rendered from their declarations."""

from __future__ import annotations

import inspect
import math
import re
from importlib import import_module

from prediction_exporter.kit.texts import filled
from prediction_exporter.statistics import STATISTICS, Statistic
from prediction_exporter.templates import Markdown, markdown

STATISTICS_PAGE = "docs/statistics.md"


def statistics_page(page: str) -> str:
    """Return the page with the part between its markers rendered anew."""
    return filled(page, "statistics", statistics_markdown())


def statistics_markdown() -> str:
    """Return a table of all statistics, and a section for each, in the order of exposition."""
    environment = markdown(description=_description, example=_example, kinds=_kinds, link=_link, range=_range)
    return environment.get_template("kit/templates/statistics.md").render(statistics=STATISTICS)


def _link(key: str) -> Markdown:
    return Markdown(f"[{key}](#{key})")


def _kinds(statistic: Statistic) -> str:
    if statistic.scope == "window":
        return "the whole window"
    kinds = " and ".join(sorted(statistic.kinds, reverse=True))
    return kinds if statistic.of_derived else f"{kinds}, but none that is derived"


def _range(statistic: Statistic) -> str:
    if math.isinf(statistic.lower):
        return "any number"
    upper = "" if math.isinf(statistic.upper) else f" to {statistic.upper:g}"
    return f"{statistic.lower:g}{upper or ' or more'}"


def _description(statistic: Statistic) -> Markdown:
    """Return the module's docstring, which is Markdown but for its double backticks, with one line a paragraph."""
    documentation = inspect.cleandoc(import_module(statistic.compute.__module__).__doc__ or "").replace("``", "`")
    paragraphs = [" ".join(paragraph.split()) for paragraph in documentation.split("\n\n")]
    return Markdown("\n\n".join(paragraphs))


def _example(statistic: Statistic) -> str:
    """Return the function's example, without the import that all have."""
    lines = (inspect.getdoc(statistic.compute) or "").splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(">>>"))
    return "\n".join(line for line in lines[start:] if not re.match(r">>> from .* import comparison_of", line))
