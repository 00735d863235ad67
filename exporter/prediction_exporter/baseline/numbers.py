"""Bins of a numeric column, from the values that its baseline has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.digits import SINGLE, borders, reach
from prediction_exporter.counting.layout import Column, Kind, Role

#: Drift bins of a numeric column, for the distances; a value with this share's inverse of the mass gets a bin of its own.
DRIFT_BINS = 10

#: Beside such values the rest of a column has at least so many drift bins, if each holds so many of its values.
REST_BINS = 5
LEAST_IN_BIN = 10

#: Shares that the fine bins end at, beside the drift bins: percentiles, and finer in the tails.
FINE_SHARES = np.concatenate(([0.001, 0.005], np.arange(1, 100) / 100, [0.995, 0.999]))

#: Shares of the baseline between which a column's scale is measured.
SCALE_SHARES = (0.005, 0.995)
IQR_OF_NORMAL = 1.349

#: Numbers beyond the first are squared in units of their size; the second is the largest double.
LARGE = 1e150
LARGEST = float(np.finfo(np.float64).max)

Floats = NDArray[np.float64]


def numeric_column(name: str, role: Role, finite: Floats, *, own: Sequence[float] = ()) -> Column:
    """Return a numeric column with bins from its baseline values, sorted and finite, at least one.

    Edges lie just below values of the baseline, by what a logger may round a number down, but not below halfway to the next
    lower one. A value with at least 1 / DRIFT_BINS of the mass, and each of ``own``, gets a bin of its own, in the drift bins
    too; the other drift bins divide the mass that remains. The first and the last fine bin lie outside the baseline's range.
    """
    distinct, counts = np.unique(finite, return_counts=True)
    is_heavy = (counts * DRIFT_BINS >= len(finite)) | np.isin(distinct, own)
    reaches = np.abs(distinct) * SINGLE
    reaches[is_heavy] = [reach(value) for value in distinct[is_heavy].tolist()]
    low, high = borders(distinct, reaches)
    borders_of_heavy = np.concatenate((low[is_heavy], high[is_heavy]))
    rest = finite[~is_heavy[np.searchsorted(distinct, finite)]]
    drift = np.concatenate((_from(_quantiles(rest, _rest_shares(len(rest), len(finite))), distinct, low), borders_of_heavy))
    drift = np.unique(drift[(drift > finite[0]) & (drift <= finite[-1])])
    fine = np.concatenate(
        (
            drift,
            borders_of_heavy,
            low[:1],
            low[-1:],
            high[-1:],
            _from(_quantiles(finite, FINE_SHARES), distinct, low),
        )
    )
    edges = np.unique(fine[np.isfinite(fine)])
    center, scale = _center_and_scale(finite)
    return Column(
        name=name,
        role=role,
        kind=Kind.NUMERIC,
        edges=tuple(edges.tolist()),
        drift_edges=tuple(drift.tolist()),
        heavy=tuple(distinct[is_heavy].tolist()),
        center=center,
        scale=scale,
    )


def _rest_shares(rest: int, total: int) -> Floats:
    """Return the shares of the values beside the heavy ones at which their drift bins end."""
    bins = DRIFT_BINS
    if rest < total:
        bins = min(max(round(DRIFT_BINS * rest / total), REST_BINS), max(rest // LEAST_IN_BIN, 1))
    return np.arange(1, bins) / bins


def _quantiles(values: Floats, shares: Floats) -> Floats:
    return np.quantile(values, shares, method="inverted_cdf") if len(values) and len(shares) else np.array([])


def _from(values: Floats, distinct: Floats, low: Floats) -> Floats:
    """Return where what stands for each value begins."""
    return low[np.searchsorted(distinct, values)]


def _center_and_scale(finite: Floats) -> tuple[float, float]:
    """Return a median and a robust standard deviation of sorted values, both finite however large these are."""
    low, high = np.quantile(finite, SCALE_SHARES, method="inverted_cdf")
    lower, median, upper = np.quantile(finite, (0.25, 0.5, 0.75), method="inverted_cdf")
    size = max(abs(float(low)), abs(float(high)))
    unit = size if size > LARGE else 1.0
    scale = max(float(np.std(np.clip(finite, low, high) / unit)) * unit, float(upper / IQR_OF_NORMAL - lower / IQR_OF_NORMAL))
    # A column that hardly varies is measured against its size, so that a rounding error is no drift.
    scale = max(scale, 1e-9 * abs(float(median)))
    # Where the distance from the median overflows, that from zero does not.
    spread = max(abs(float(finite[0])), abs(float(finite[-1]))) < LARGEST / 2
    return float(median) if spread else 0.0, scale if 0 < scale < np.inf else 1.0
