"""Wasserstein distance (earth mover's): the area between the two distribution functions, in baseline standard deviations.

``W = integral |F(x) - G(x)| dx / scale``, from the fine bins: between two edges both functions are taken as straight lines.
Values beyond the baseline's extreme quantiles (0.5 % on each side) count as lying there, as one outlier would otherwise decide
the whole distance. The scale is the standard deviation of the baseline between these quantiles, or its interquartile range
over 1.35 where that is larger. A window's values moved within their bins change W by at most the sum over the bins of the
bin's share times its width.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from prediction_exporter.statistics.base import NUMERIC, Noise, Statistic, Threshold, column_family, finite
from prediction_exporter.statistics.comparison import Comparison, Floats, Reference
from prediction_exporter.statistics.noise import absolute_moments, gamma_quantile


def wasserstein_distance(comparison: Comparison) -> Floats:
    """Return the distance of each numeric column, (C,), in baseline standard deviations, at least 0.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> wasserstein_distance(comparison_of([1, 2, 3, 4], [2, 3, 4, 4])).round(4)
    array([0.559])
    """
    right = comparison.cumulative_difference
    left = np.concatenate(([0.0], right[:-1]))  # only inner bins have a width, so no column reads its neighbour's
    widths = comparison.reference.bin_widths
    magnitudes = np.abs(left) + np.abs(right)
    crossing = left * right < 0
    with np.errstate(invalid="ignore", divide="ignore"):
        crossed = (left * left + right * right) / (2 * magnitudes)
    area = np.where(widths == 0, 0.0, widths * np.where(crossing, crossed, magnitudes / 2))
    total = np.add.reduceat(area, comparison.layout.value_offsets[:-1])
    defined = WASSERSTEIN_DISTANCE.applies(comparison.layout) & (np.minimum(comparison.valid, comparison.reference.valid) > 0)
    return np.where(defined, finite(total), np.nan)


def _bridge(reference: Reference) -> tuple[Floats, Floats]:
    """Return mean and 1 - alpha quantile of the area under |a Brownian bridge at the baseline's F|, (C,) each.

    Without drift, sqrt(NM / (N + M)) (F - G) tends to this bridge (Donsker). The quantile is that of a gamma distribution, or
    that of the area with its sign, the normal difference of the means, which decides the far tail.
    """
    mean = np.full(len(reference.layout.columns), np.nan)
    quantile = np.full(len(reference.layout.columns), np.nan)
    for index in reference.layout.numeric:
        bins = slice(reference.layout.value_offsets[index], reference.layout.value_offsets[index + 1])
        share, widths = reference.cumulative[bins], reference.bin_widths[bins]
        used = (widths != 0) & ~(share <= 0) & ~(share >= 1)
        share, widths = share[used], widths[used]
        covariance = np.minimum.outer(share, share) - np.multiply.outer(share, share)
        first, variance = absolute_moments(covariance, widths)
        with np.errstate(over="ignore", invalid="ignore"):
            signed = math.sqrt(float(widths @ covariance @ widths))
        if math.isfinite(variance):
            mean[index] = first
            gamma = gamma_quantile(np.array(first), np.array(variance), reference.alpha[index])
            quantile[index] = max(float(gamma), -special.ndtri(reference.alpha[index] / 2) * signed)
    return mean, quantile


def _spread(shares: Floats, widths: Floats) -> Floats:
    """Return what the mean area under the bridge is in proportion to, by value bin."""
    return np.where(widths > 0, widths, 0.0) * np.sqrt(np.clip(shares * (1 - shares), 0.0, None))


def _scale(comparison: Comparison) -> Floats:
    """Return by how much the area under the bridge is larger in the window's hours than over all of the baseline, (C,)."""
    scale = np.ones(len(comparison.layout.columns))
    if comparison.season is not None:
        seasons, season = comparison.season
        bins, reference = seasons.value_bins, comparison.reference
        starts = np.cumsum(sizes := np.diff(comparison.layout.value_offsets)[seasons.columns]) - sizes
        widths = reference.bin_widths[bins]
        of_hours = np.add.reduceat(_spread(seasons.cumulative(season.cells), widths), starts)
        of_all = np.add.reduceat(_spread(reference.cumulative[bins], widths), starts)
        scale[seasons.columns] = np.where(of_all > 0, of_hours / np.where(of_all > 0, of_all, 1.0), 1.0)
    return scale


def _floor(comparison: Comparison) -> Floats:
    mean, _ = comparison.reference.cached(_bridge)
    return mean * np.sqrt(comparison.inverse_sizes) * comparison.cached(_scale)


def _quantile(comparison: Comparison) -> Floats:
    _, quantile = comparison.reference.cached(_bridge)
    return quantile * np.sqrt(comparison.inverse_sizes) * comparison.cached(_scale)


WASSERSTEIN_DISTANCE = Statistic(
    key="wasserstein_distance",
    title="Wasserstein distance",
    family=column_family(
        "model_column_wasserstein_distance",
        "Wasserstein distance of the column, window against baseline, in baseline standard deviations.",
        "drift",
    ),
    scope="column",
    kinds=NUMERIC,
    compares=True,
    compute=wasserstein_distance,
    undefined="no_values",
    lower=0.0,
    upper=float("inf"),
    unit="short",
    reference="Vallender, Calculation of the Wasserstein distance between probability distributions on the line, 1974.",
    is_distance=True,
    symmetric=False,  # it is winsorised at the baseline's quantiles
    noise=Noise(
        floor=_floor,
        quantile=_quantile,
        formula="sqrt(2/pi) integral sqrt(F (1 - F)) dx / scale sqrt(1/N + 1/M) on average; "
        "the larger of a gamma and a normal quantile",
    ),
    threshold=Threshold(
        default=0.45,
        margin=_quantile,
        meaning="0.45 is what a normal column reads whose mean moved by 0.45 standard deviations, less what is winsorised.",
    ),
)
