"""Quantiles of a numeric column, from the counts of its fine bins.

The rank ``q * n`` falls into a bin; within the bin values are taken as evenly spread. A quantile is off by at most the width of
its bin. The outer bins end at the window's own extremes.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.families import BASELINE_COLUMN, Family
from prediction_exporter.statistics.base import NUMERIC, Constant, Statistic, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats, Reference

#: In per cent: as whole numbers, so that a rank that is whole is so in floating point too (0.07 * 100 is not).
PERCENTS = (1, 5, 25, 50, 75, 95, 99)
#: The same as the label shows them.
QUANTILES = tuple(str(percent / 100) for percent in PERCENTS)


def column_quantile(comparison: Comparison) -> Floats:
    """Return the quantiles of each numeric column, (C, Q); NaN where it has no valid value.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> column_quantile(comparison_of([1, 2, 3, 4], [1, 1, 2, 4]))
    array([[1.02, 1.1 , 1.5 , 2.  , 3.  , 4.  , 4.  ]])
    """
    layout, window = comparison.layout, comparison.window
    numeric = layout.numeric
    running = np.cumsum(window.values)
    before = np.concatenate(([0], running))[layout.value_offsets[numeric], None]
    ranks = np.multiply.outer(comparison.valid[numeric], PERCENTS) / 100
    # The running sum goes through all columns; whole ranks in it are exact, and find the same bin.
    bins = np.searchsorted(running, before + np.ceil(ranks).astype(np.int64), side="left")
    counts = window.values[bins]
    low, high = _bounds(comparison)
    with np.errstate(invalid="ignore", divide="ignore"):
        within = (ranks - (running[bins] - counts - before)) / counts
        values = (1 - within) * low[bins] + within * high[bins]  # the difference of the ends may overflow
    values[comparison.valid[numeric] == 0] = np.nan
    return comparison.over_columns(values)


def _bounds(comparison: Comparison) -> tuple[Floats, Floats]:
    """Return the lower and upper end of each value bin, (V,), cut to the window's extremes."""
    layout, window = comparison.layout, comparison.window
    low, high = comparison.reference.cached(_edges)
    bins = np.diff(layout.value_offsets)
    smallest = comparison.over_columns(window.extremes[0])
    largest = comparison.over_columns(-window.extremes[1])
    smallest, largest = np.repeat(smallest, bins), np.repeat(largest, bins)
    # A heavy value may lie beside all of the window's that stand for it.
    return np.fmin(np.fmax(low, smallest), largest), np.fmax(np.fmin(high, largest), smallest)


def _edges(reference: Reference) -> tuple[Floats, Floats]:
    low = np.full(reference.layout.values, -np.inf)
    high = np.full(reference.layout.values, np.inf)
    for index in reference.layout.numeric:
        first, end = reference.layout.value_offsets[index : index + 2]
        column = reference.layout.columns[index]
        edges = np.array(column.edges)
        low[first + 1 : end] = edges
        high[first : end - 1] = edges
        # In the bin of a single value there is nothing between its ends, which lie a rounding error apart.
        alone = first + 1 + np.flatnonzero(edges[1:] == np.nextafter(edges[:-1], np.inf))
        high[alone] = low[alone]
        heavy = first + np.searchsorted(edges, np.array(column.heavy), side="right")
        low[heavy] = high[heavy] = column.heavy
    return low, high


def _of_baseline(reference: Reference) -> Floats:
    return column_quantile(Comparison(reference, reference.baseline))


#: What a graph of the window's quantiles is laid over.
BASELINE_QUANTILE = Family(
    name="model_baseline_quantile",
    type="gauge",
    labels=(*BASELINE_COLUMN, "q"),
    group="window",
    help="Quantile of the column's values in the baseline, interpolated within its fine bins.",
)

QUANTILE = Statistic(
    key="quantile",
    title="Quantiles",
    family=column_family(
        "model_column_quantile",
        "Quantile of the column's values in the window, interpolated within the baseline's fine bins.",
        "quality",
        "q",
    ),
    scope="column",
    kinds=NUMERIC,
    compares=False,
    compute=column_quantile,
    undefined="no_values",
    lower=float("-inf"),
    upper=float("inf"),
    unit="short",
    reference="Hyndman and Fan, Sample quantiles in statistical packages, 1996, type 4 within a bin.",
    is_distance=False,
    symmetric=False,
    extra=("q", QUANTILES),
    constants=(Constant(family=BASELINE_QUANTILE, compute=_of_baseline, extra=QUANTILES),),
)
