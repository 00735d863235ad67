"""NDCG: what the first ranks were worth, discounted, by what they would be in the best order of the same items.

A list of which nothing was worth anything counts as 0, as it does in scikit-learn.
"""

from __future__ import annotations

from prediction_exporter.performance.base import Effect, Floats, Measure, is_ranking, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.moments import FORMULA_OF_MEANS, Mean

_MEAN = Mean("ndcg", "ndcg2")


def ndcg(performance: Performance) -> Floats:
    """Return the mean over lists, (1,), in [0, 1].

    >>> from prediction_exporter.performance.examples import of_lists
    >>> ndcg(of_lists([[1, 0, 0], [0, 1]])).round(4)
    array([0.8155])
    """
    return _MEAN.values(performance)


NDCG = Measure(
    key="ndcg",
    title="NDCG",
    family=measure_family("model_ndcg", "Normalised discounted cumulative gain, mean over the lists of the window."),
    applies=is_ranking,
    entries=one,
    compute=ndcg,
    error=_MEAN.errors,
    error_formula=FORMULA_OF_MEANS,
    bound=None,
    floor=None,
    reasons=(),
    better="higher",
    effect=Effect(default=0.1, scale=ndcg, chance=0.0, meaning="A tenth of the baseline."),
    lower=0.0,
    upper=1.0,
    unit="short",
    reference="Jaervelin and Kekaelaeinen, Cumulated gain-based evaluation of IR techniques, 2002; sklearn.metrics.ndcg_score.",
)
