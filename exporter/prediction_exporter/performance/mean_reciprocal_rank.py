"""Mean reciprocal rank: one by the rank of the first item that was worth something.

A list of which nothing was worth anything counts as 0.
"""

from __future__ import annotations

from prediction_exporter.performance.base import Effect, Floats, Measure, is_ranking, measure_family, one
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.moments import FORMULA_OF_MEANS, Mean

_MEAN = Mean("rr", "rr2")


def mean_reciprocal_rank(performance: Performance) -> Floats:
    """Return the mean over lists, (1,), in [0, 1].

    >>> from prediction_exporter.performance.examples import of_lists
    >>> mean_reciprocal_rank(of_lists([[1, 0, 0], [0, 1]])).round(4)
    array([0.75])
    """
    return _MEAN.values(performance)


MEAN_RECIPROCAL_RANK = Measure(
    key="mean_reciprocal_rank",
    title="Mean reciprocal rank",
    family=measure_family(
        "model_mean_reciprocal_rank",
        "One by the rank of the first item of worth, mean over the lists of the window.",
    ),
    applies=is_ranking,
    entries=one,
    compute=mean_reciprocal_rank,
    error=_MEAN.errors,
    error_formula=FORMULA_OF_MEANS,
    bound=None,
    floor=None,
    reasons=(),
    better="higher",
    effect=Effect(default=0.1, scale=mean_reciprocal_rank, chance=0.0, meaning="A tenth of the baseline."),
    lower=0.0,
    upper=1.0,
    unit="short",
    reference="Voorhees, The TREC-8 question answering track report, 1999.",
)
