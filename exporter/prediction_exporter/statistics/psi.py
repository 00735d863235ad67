"""Population stability index: the symmetrised Kullback-Leibler divergence over the baseline's drift bins.

``PSI = sum((p - q) * ln(p / q))`` with p and q the smoothed shares of window and baseline, ``(count + 0.5) / (n + 0.5 B)``.

Without drift, PSI / (1/N + 1/M) is approximately chi-square distributed with B - 1 degrees of freedom, N and M being the values
of baseline and window. Ten bins and a hundred rows thus read 0.09 on average with no drift at all.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.families import BASELINE_WINDOW_COLUMN, Family
from prediction_exporter.statistics.base import BOTH_KINDS, Companion, Constant, Statistic, Threshold, column_family
from prediction_exporter.statistics.comparison import Comparison, Floats, Reference
from prediction_exporter.statistics.noise import divergence, divergence_noise

#: The effect that matters, where nothing is configured.
DEFAULT = 0.2


def psi(comparison: Comparison) -> Floats:
    """Return the PSI of each column, (C,), in nats, at least 0.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> psi(comparison_of([1, 2, 3, 4], [1, 1, 2, 4])).round(4)
    array([0.2682])
    """
    return divergence(_term, comparison, smoothed=True)


def _term(p: Floats, q: Floats) -> Floats:
    return (p - q) * np.log(p / q)


_NOISE = divergence_noise(_term, 1, smoothed=True)


#: What a column is taken to be free to drift by at least.
_LEAST_SPREAD = 0.05


def _spread(reference: Reference) -> Floats:
    """Return what part of a column is free to drift, (C,): all of it, or twice what a value leaves that most rows have."""
    return np.clip(2 * (1 - reference.most_frequent), _LEAST_SPREAD, 1.0)


def _effect(reference: Reference) -> Floats:
    return np.where(PSI.applies(reference.layout), _THRESHOLD.effect("psi", reference), np.nan)


def _noise_quantile(comparison: Comparison) -> Floats:
    return _NOISE.quantile(comparison) / comparison.inverse_sizes_of_whole


_THRESHOLD = Threshold(
    default=DEFAULT,
    margin=_NOISE.quantile,
    scale=_spread,
    meaning="0.2 is what a normal column reads whose mean moved by 0.45 standard deviations; of a numeric column most of whose "
    "rows have the same value it is less, as only the others can move.",
)

#: The two parts of the threshold that rules combine with the fleet's sample size.
EFFECT_THRESHOLD = Family(
    name="model_column_psi_effect_threshold",
    type="gauge",
    labels=BASELINE_WINDOW_COLUMN,
    group="drift",
    help="Part of the PSI threshold that is the same for any sample size: the configured effect, or the default one, which is "
    "no less than what windows of this length read in the baseline without any change.",
)
NOISE_QUANTILE = column_family(
    "model_column_psi_noise_quantile",
    "What times (1/N + 1/M) is the sample size's part of the PSI threshold: a chi-square quantile, or more for rare bins "
    "and in seasons.",
    "drift",
)

PSI: Statistic = Statistic(
    key="psi",
    title="Population stability index",
    family=column_family(
        "model_column_psi",
        "Population stability index of the column, window against baseline, over the baseline's drift bins.",
        "drift",
    ),
    scope="column",
    kinds=BOTH_KINDS,
    compares=True,
    compute=psi,
    undefined="no_values",
    lower=0.0,
    upper=float("inf"),
    unit="short",
    reference="Kullback and Leibler, On information and sufficiency, 1951 (their J divergence); Yurdakul, 2018, for its law.",
    is_distance=True,
    symmetric=True,
    smoothed=True,
    noise=_NOISE,
    threshold=_THRESHOLD,
    constants=(Constant(family=EFFECT_THRESHOLD, compute=_effect),),
    companion=Companion(family=NOISE_QUANTILE, compute=_noise_quantile),
)
