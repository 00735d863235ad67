"""p-value of the chi-square test of homogeneity of two samples, over the drift bins.

Baseline and window are both samples; testing the window against the baseline's shares as if they were exact rejects far too
often. Bins where an expected count is below 5 are pooled; where the pool is still below 5, it joins the column's largest bin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from prediction_exporter.statistics.base import BOTH_KINDS, Statistic, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats

#: Smallest expected count of a cell, after Cochran.
LEAST_EXPECTED = 5.0


def chi2_p_value(comparison: Comparison) -> Floats:
    """Return the p-value of each column, (C,), in [0, 1]; NaN where pooling leaves a single bin.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> chi2_p_value(comparison_of(["yes", "no"] * 20, ["yes"] * 25 + ["no"] * 15)).round(4)
    array([0.2598])
    """
    reference = comparison.reference
    starts = comparison.layout.drift_offsets[:-1]
    bins = reference.drift_bins
    window = comparison.window.drift_counts.astype(np.float64)
    baseline = comparison.expected.counts.copy()
    both = window + baseline
    n, m = comparison.valid, comparison.expected.valid
    with np.errstate(invalid="ignore", divide="ignore"):
        smaller_share = np.minimum(n, m) / (n + m)
    pooled = both * np.repeat(smaller_share, bins) < LEAST_EXPECTED
    pool_window = np.add.reduceat(np.where(pooled, window, 0.0), starts)
    pool_baseline = np.add.reduceat(np.where(pooled, baseline, 0.0), starts)
    joins = (pool_window + pool_baseline) * smaller_share < LEAST_EXPECTED
    largest = _first_largest(both, starts, bins)
    into = largest[joins]
    window[into] += pool_window[joins]
    baseline[into] += pool_baseline[joins]
    kept = ~pooled
    terms = np.where(kept, _cell_terms(window, baseline, np.repeat(n, bins), np.repeat(m, bins)), 0.0)
    pool_terms = np.where(joins, 0.0, _cell_terms(pool_window, pool_baseline, n, m))
    statistic = np.add.reduceat(terms, starts) + pool_terms
    freedom = np.add.reduceat(kept.astype(np.float64), starts) + ~joins - 1
    defined = (freedom > 0) & (n > 0) & (m > 0)
    return np.where(defined, special.chdtrc(np.maximum(freedom, 1), statistic), np.nan)


def _cell_terms(window: Floats, baseline: Floats, n: Floats, m: Floats) -> Floats:
    """Return a cell's part of the statistic; for two samples it is (m w - n b)**2 / (n m (w + b))."""
    with np.errstate(invalid="ignore", divide="ignore"):
        term: Floats = (window * np.sqrt(m / n) - baseline * np.sqrt(n / m)) ** 2 / (window + baseline)
    return np.where(window + baseline > 0, term, 0.0)


def _first_largest(values: Floats, starts: NDArray[np.intp], bins: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the position of the largest value of each column, the first of equals."""
    largest = np.repeat(np.maximum.reduceat(values, starts), bins)
    positions = np.where(values == largest, np.arange(len(values)), len(values))
    return np.minimum.reduceat(positions, starts)


CHI2_P_VALUE = Statistic(
    key="chi2_p_value",
    title="Chi-square p-value",
    family=column_family(
        "model_column_chi2_p_value",
        "p-value of the chi-square test that window and baseline have the same shares; no effect size, not for alerts.",
        "drift",
    ),
    scope="column",
    kinds=BOTH_KINDS,
    compares=True,
    compute=chi2_p_value,
    undefined="single_bin",
    lower=0.0,
    upper=1.0,
    unit="short",
    reference="Pearson, 1900; Cochran, 1954, for the pooling; scipy.stats.chi2_contingency(correction=False).",
    is_distance=False,
    symmetric=True,
)
