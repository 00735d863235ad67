"""Matthews correlation: of what was predicted with what is true, for any number of classes.

scikit-learn says 0 where one side is constant; here it is absent.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.performance.base import (
    Effect,
    Flags,
    Floats,
    Measure,
    Reason,
    divide,
    is_classification,
    measure_family,
    one,
)
from prediction_exporter.performance.confusion import FORMULA, confusion, deviation, is_right, smoothed
from prediction_exporter.performance.counts import Performance


def matthews_correlation(performance: Performance) -> Floats:
    """Return the correlation, (1,), in [-1, 1]; NaN where all predictions or all labels are the same.

    >>> from prediction_exporter.performance.examples import of_classes
    >>> matthews_correlation(of_classes(["yes", "yes", "no", "no"], ["yes", "no", "no", "no"])).round(4)
    array([0.5774])
    """
    above, of_predicted, of_actual = _parts(confusion(performance))
    return np.array([np.clip(divide(np.array(above), np.sqrt(of_predicted * of_actual)), -1.0, 1.0)])


def _parts(cells: Floats) -> tuple[float, float, float]:
    """Return the covariance of predictions and labels and the variances of both, each by the square of the pairs."""
    total, predicted, actual = cells.sum(), cells.sum(axis=1), cells.sum(axis=0)
    above = (is_right(len(cells) - 1) * cells).sum() * total - (predicted * actual)[:-1].sum()
    return float(above), float(total**2 - (predicted**2).sum()), float(total**2 - (actual**2).sum())


def _error(performance: Performance) -> Floats:
    cells = smoothed(performance)
    total, predicted, actual = cells.sum(), cells.sum(axis=1), cells.sum(axis=0)
    above, of_predicted, of_actual = _parts(cells)
    if of_predicted <= 0 or of_actual <= 0:
        return np.array([np.nan])
    right = is_right(len(cells) - 1)
    shared = np.append(np.ones(len(cells) - 1), 0.0)
    of_above = total * right + (right * cells).sum() - (shared * actual)[:, None] - (shared * predicted)[None, :]
    of_roots = (total - predicted)[:, None] / of_predicted + (total - actual)[None, :] / of_actual
    gradient = (of_above - above * of_roots) / np.sqrt(of_predicted * of_actual)
    return deviation(cells, gradient[None])


def _is_constant(performance: Performance) -> Flags:
    _, of_predicted, of_actual = _parts(confusion(performance))
    return np.array(of_predicted <= 0 or of_actual <= 0)


MATTHEWS_CORRELATION = Measure(
    key="matthews_correlation",
    title="Matthews correlation",
    family=measure_family(
        "model_matthews_correlation",
        "Matthews correlation of predictions and labels among the pairs of the window, from -1 to 1.",
    ),
    applies=is_classification,
    entries=one,
    compute=matthews_correlation,
    error=_error,
    error_formula=FORMULA,
    bound=None,
    floor=None,
    reasons=(Reason(name="one_class", holds=_is_constant),),
    better="higher",
    effect=Effect(
        default=0.1,
        scale=None,
        chance=0.0,
        meaning="Twice that of accuracy: of two even classes it moves twice as far.",
    ),
    lower=-1.0,
    upper=1.0,
    unit="short",
    reference="Gorodkin, Comparing two K-category assignments, 2004; sklearn.metrics.matthews_corrcoef.",
)
