"""The pages of statistics and of measures: what stands between their markers is rendered from the declarations."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from prediction_exporter.kit.texts import filled
from prediction_exporter.performance import MEASURES, Measure, PerformanceLayout, ScoreBins
from prediction_exporter.performance.layout import TENTHS
from prediction_exporter.statistics import STATISTICS, Statistic
from prediction_exporter.templates import Markdown, markdown

STATISTICS_PAGE = "docs/statistics.md"
PERFORMANCE_PAGE = "docs/performance.md"


def statistics_page(page: str) -> str:
    """Return the page with the part between its markers rendered anew."""
    return filled(page, "statistics", statistics_markdown())


def statistics_markdown() -> str:
    """Return a table of all statistics, and a section for each, in the order of exposition."""
    environment = markdown(description=_description, example=_example, kinds=_kinds, link=_link, range=_range)
    return environment.get_template("kit/templates/statistics.md").render(statistics=STATISTICS)


def performance_page(page: str) -> str:
    """Return the page with the part between its markers rendered anew."""
    return filled(page, "measures", performance_markdown())


def performance_markdown() -> str:
    """Return a table of all measures, and a section for each, in the order of exposition."""
    environment = markdown(description=_description, example=_example, link=_link, of=_of, range=_range, better=_better)
    return environment.get_template("kit/templates/performance.md").render(measures=MEASURES)


_SCORE = ScoreBins(column="score", of_class=1, edges=TENTHS, is_probability=True)
_BITS = ("no", "yes")

#: Layouts by what they are of, those with less first.
_LAYOUTS = {
    "binary": PerformanceLayout(task="binary", classes=_BITS),
    "multiclass": PerformanceLayout(task="multiclass", classes=_BITS),
    "regression": PerformanceLayout(task="regression", features=1),
    "ranking": PerformanceLayout(task="ranking"),
    "binary and multiclass, with scores": PerformanceLayout(task="binary", classes=_BITS, positive=1, scores=(_SCORE,)),
    "binary, with a threshold": PerformanceLayout(
        task="binary", classes=_BITS, positive=1, scores=(_SCORE,), threshold=TENTHS[0]
    ),
    "regression of a quantile": PerformanceLayout(task="regression", quantile=0.5),
}


def _of(measure: Measure) -> str:
    """Return which models have a measure: the tasks, or the first that have more than that."""
    having = [name for name, layout in _LAYOUTS.items() if measure.applies(layout)]
    return " and ".join(name for name in having if name == _LAYOUTS[name].task) or having[0]


def _better(measure: Measure) -> str:
    return {"higher": "higher", "lower": "lower", "zero": "near to 0"}[measure.better]


def _link(key: str) -> Markdown:
    return Markdown(f"[{key}](#{key})")


def _kinds(statistic: Statistic) -> str:
    if statistic.scope == "window":
        return "the whole window"
    kinds = " and ".join(sorted(statistic.kinds, reverse=True))
    return kinds if statistic.of_derived else f"{kinds}, but none that is derived"


def _range(one: Statistic | Measure) -> str:
    if math.isinf(one.lower):
        return "any number" if math.isinf(one.upper) else f"{one.upper:g} or less"
    upper = "" if math.isinf(one.upper) else f" to {one.upper:g}"
    return f"{one.lower:g}{upper or ' or more'}"


def _description(statistic: Statistic | Measure) -> Markdown:
    """Return the module's docstring, which is Markdown but for its double backticks, with one line a paragraph."""
    documentation = inspect.cleandoc(import_module(statistic.compute.__module__).__doc__ or "").replace("``", "`")
    paragraphs = [" ".join(paragraph.split()) for paragraph in documentation.split("\n\n")]
    return Markdown("\n\n".join(paragraphs))


def _example(statistic: Statistic | Measure) -> str:
    """Return the function's example, without the import that all have."""
    function: Callable[..., Any] = statistic.compute
    lines = (inspect.getdoc(function) or "").splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(">>>"))
    return "\n".join(line for line in lines[start:] if not re.match(r">>> from [a-z_.]+\.examples import", line))
