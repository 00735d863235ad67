"""How long it takes until an alert fires, from its rules: what its figures are of, and how long they must be bad."""

from __future__ import annotations

import re

from prediction_exporter.kit.alert import Alert, Condition
from prediction_exporter.kit.groups import COLUMNS_INTERVAL, INTERVAL, RECORDED
from prediction_exporter.kit.recording import SHORTEST_WINDOW
from prediction_exporter.kit.routes import GROUP_WAIT
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.statistics.missing_ratio import MISSING_RATIO

_SHARE = MISSING_RATIO.threshold.default if MISSING_RATIO.threshold is not None else 0.0
_SHORT, _LONG = (_SHARE * duration(window).seconds / 60 for window in ("1h", "24h"))

EXPLANATION = (
    "**How long until an alert fires.** `for` is how long its condition must hold. To that come the exporter's `interval`, the "
    f"scrape, two evaluations of rules (the fleet's figures every {INTERVAL}, those of columns every {COLUMNS_INTERVAL}; then "
    f"the alert every {INTERVAL}), and Alertmanager's `group_wait` ({GROUP_WAIT}): three to four minutes. A figure of a span "
    "of time is bad only once enough of the span is. At steady traffic, a column that goes missing altogether is above the "
    f"threshold of {_SHARE * 100:g} % in a window of 1h after {_SHORT:.0f} minutes, and in one of 24h after {_LONG:.0f}. Where "
    "no figures are named, they are those of now."
)

#: The spans of counters that an expression looks at; how long a missing scrape is bridged is no matter here.
_SPAN = re.compile(r"\b(?:increase|rate|sum_over_time|avg_over_time)\([^\[\]]*\[([^\]:]+)\]")
#: A recorded series that is added up over a span: of what span its own values are is no matter.
_ADDED = re.compile(r"\b(?:sum|avg)_over_time\(([a-zA-Z_:][\w:]*)")
_NAME = re.compile(r"[a-zA-Z_:][\w:]*")


def waits(alert: Alert) -> str:
    """Return how long the condition of each severity must hold, once where it is the same."""
    return ", ".join(dict.fromkeys(Scale()(condition.hold) for condition in alert.conditions))


def figures_of(alert: Alert) -> str:
    """Return what the figures of each severity's condition are of, once where it is the same; nothing where they are of now."""
    return "; ".join(dict.fromkeys(_figures_of(condition) for condition in alert.conditions))


def _figures_of(condition: Condition) -> str:
    recorded = {series.name: series for series in RECORDED}
    waiting, seen, spans = [condition.expr(Scale())], set[str](), set[str]()
    while waiting:
        expr = waiting.pop()
        spans |= set(_SPAN.findall(expr))
        new = {name for name in _NAME.findall(expr) if name in recorded} - set(_ADDED.findall(expr)) - seen
        seen |= new
        waiting += [recorded[name].expr(Scale()) for name in new]
    if SHORTEST_WINDOW.name in seen:
        return "the shortest window with enough predictions"
    if any("window" in recorded[name].labels for name in seen):
        return "each window"
    return ", ".join(sorted(spans, key=lambda span: duration(span).seconds))
