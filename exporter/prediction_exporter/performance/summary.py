"""A summary of performance for people: what the measures read, a line."""

from __future__ import annotations

import numpy as np

from prediction_exporter.performance import MEASURES, Measured, Performance, PerformanceLayout, measure
from prediction_exporter.performance.base import class_label
from prediction_exporter.performance.confusion import MACRO


def summary(performance: Performance) -> str:
    """Return what the measures of a model read, each with its standard error, and which are undefined and why.

    Of measures by class it is that of the positive class, else the mean of all.
    """
    values, undefined = [], []
    for key, found in measure(MEASURES, performance, None, alpha=0.5, min_labels=1).items():
        at = _main(performance.layout, found)
        if at is None:
            continue
        of = next((label for label in found.entries[at] if label), "")
        name = f"{key} of {of}" if of and of != MACRO else key
        if np.isnan(found.values[at]):
            undefined.append(f"{name} ({found.statuses[at]})")
        else:
            error = "" if np.isnan(found.errors[at]) else f" ± {found.errors[at]:.2g}"
            values.append(f"{name} {found.values[at]:.4g}{error}")
    return ", ".join(values) + (f"; undefined: {', '.join(undefined)}" if undefined else "")


def _main(layout: PerformanceLayout, found: Measured) -> int | None:
    """Return the entry of a measure that is said; None of a table of many."""
    if len(found.entries) == 1:
        return 0
    positive = (class_label(layout, layout.positive), "") if layout.positive is not None else None
    return next((found.entries.index(one) for one in (positive, ("", MACRO)) if one in found.entries), None)
