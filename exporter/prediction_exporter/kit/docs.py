"""The page of the statistics: what stands between its markers is rendered from their declarations."""

from __future__ import annotations

import inspect
import math
import re
from importlib import import_module

from prediction_exporter.statistics import STATISTICS, Statistic

STATISTICS_PAGE = "docs/statistics.md"
BEGIN = "<!-- statistics:begin -->"
END = "<!-- statistics:end -->"


def statistics_page(page: str) -> str:
    """Return the page with the part between its markers rendered anew."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{STATISTICS_PAGE} lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{statistics_markdown()}\n{END}{after}"


def statistics_markdown() -> str:
    """Return a table of all statistics, and a section for each, in the order of exposition."""
    table = [
        "| statistic | columns | range | noise floor | threshold |",
        "| --- | --- | --- | --- | --- |",
        *(_row(statistic) for statistic in STATISTICS),
    ]
    return "\n".join([*table, "", *(_section(statistic) for statistic in STATISTICS)])


def _row(statistic: Statistic) -> str:
    noise = "yes" if statistic.noise is not None else ""
    threshold = "" if statistic.threshold is None else f"{statistic.threshold.default:g}"
    return f"| [{statistic.key}](#{statistic.key}) | {_kinds(statistic)} | {_range(statistic)} | {noise} | {threshold} |"


def _section(statistic: Statistic) -> str:
    """Return what the module's docstring says, then the facts of the declaration, then the function's example."""
    facts = {
        "Series": ", ".join(f"`{family}`" for family in statistic.families),
        "Labels": ", ".join(f"`{label}`" for label in statistic.family.labels),
        "Columns": _kinds(statistic),
        "Range": f"{_range(statistic)}{', symmetric' if statistic.symmetric else ''}",
        "Absent": _absent(statistic),
    }
    if statistic.extra is not None:
        name, values = statistic.extra
        facts[f"Values of `{name}`"] = ", ".join(f"`{value}`" for value in values)
    if statistic.noise is not None:
        facts["Noise floor and margin"] = statistic.noise.formula
    if statistic.threshold is not None:
        facts["Threshold"] = _threshold(statistic)
    facts["Source"] = statistic.reference
    lines = [f"### {statistic.key}", "", _description(statistic), ""]
    lines += [f"- {name}: {text}" for name, text in facts.items()]
    lines += ["", "```pycon", _example(statistic), "```", ""]
    return "\n".join(lines)


def _kinds(statistic: Statistic) -> str:
    if statistic.scope == "window":
        return "the whole window"
    return " and ".join(sorted(statistic.kinds, reverse=True))


def _range(statistic: Statistic) -> str:
    if math.isinf(statistic.lower):
        return "any number"
    upper = "" if math.isinf(statistic.upper) else f" to {statistic.upper:g}"
    return f"{statistic.lower:g}{upper or ' or more'}"


def _absent(statistic: Statistic) -> str:
    reason = f"`{statistic.undefined}`"
    return f"{reason}, or too few values on either side" if statistic.compares else reason


def _threshold(statistic: Statistic) -> str:
    if statistic.threshold is None:
        return ""
    of_baseline = "" if statistic.threshold.baseline is None else " above the baseline's own value"
    return f"{statistic.threshold.default:g}{of_baseline}, or the margin where it is larger. {statistic.threshold.meaning}"


def _description(statistic: Statistic) -> str:
    """Return the module's docstring, with one line a paragraph and single backticks."""
    documentation = inspect.cleandoc(import_module(statistic.compute.__module__).__doc__ or "").replace("``", "`")
    paragraphs = [" ".join(paragraph.split()) for paragraph in documentation.split("\n\n")]
    return "\n\n".join(paragraphs)


def _example(statistic: Statistic) -> str:
    """Return the function's example, without the import that all have."""
    lines = (inspect.getdoc(statistic.compute) or "").splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(">>>"))
    return "\n".join(line for line in lines[start:] if not re.match(r">>> from .* import comparison_of", line))
