"""Drift of labels: how much the labels of a window are spread in another way than those of the baseline's data.

It is the population stability index of the labels, as the statistics have it for columns: the same smoothing, noise floor and
threshold. Classes are those of the confusion matrix, numbers have the bins of the baseline's predictions. Weighted labels count
as as many as Kish's figure says, in whole ones by bin: with a sample of equal weights that is each label once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.performance.base import Floats
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.evaluation import INCONSISTENT, NO_BASELINE, NO_LABELS, OK, TOO_FEW
from prediction_exporter.performance.layout import PerformanceLayout
from prediction_exporter.statistics.comparison import Comparison, Reference
from prediction_exporter.statistics.psi import PSI

#: Its key in ``performance.effects``.
LABEL_DRIFT = "label_drift"

#: Why it is absent where all labels fall into one bin.
ONE_BIN = "one_bin"


@dataclass(frozen=True, slots=True)
class LabelDrift:
    """The labels of a window beside those of the baseline.

    Attributes:
        bins: the classes, ``other`` among them, or the bins of actual values, as label values.
        counts: labels of the window by bin, what they weigh, (K,).
        ratios: share of the baseline's labels by bin, smoothed, (K,), in sum 1; NaN where it has none.
        psi: population stability index between the two, from 0; NaN where there are too few labels.
        noise_floor: what it reads from sampling alone.
        threshold: what an alert compares with; NaN where there are too few labels on either side.
        status: ``ok``, or why the value is absent.
    """

    bins: tuple[str, ...]
    counts: NDArray[np.float64]
    ratios: NDArray[np.float64]
    psi: float
    noise_floor: float
    threshold: float
    status: str


def drifts(layout: PerformanceLayout) -> bool:
    """Return whether labels have a distribution that is compared; what was chosen of lists has none."""
    return layout.task != "ranking"


def label_drift(
    window: Performance, baseline: Performance, *, alpha: float, min_labels: int, effect: float | None = None
) -> LabelDrift:
    """Return how far a window's labels are from the baseline's.

    Args:
        window: mature pairs.
        baseline: pairs of the data that the model was validated on.
        alpha: chance of a false alarm for each look that the threshold is made for.
        min_labels: fewest labels on both sides, effective ones.
        effect: the PSI that matters; 0.2 by default.

    Raises:
        ValueError: the layouts differ, or are of a ranking, whose gains are no distribution of labels.
    """
    if window.layout.digest != baseline.layout.digest:
        raise ValueError("window and baseline have different layouts")
    if not drifts(window.layout):
        raise ValueError("task: the gains of a ranking are not compared")
    layout = _layout_of(window)
    reference = Reference(
        _profile_of(layout, baseline),
        alpha=alpha,
        min_predictions=max(min_labels, 1),
        effects={} if effect is None else {PSI.key: {layout.names[0]: effect}},
    )
    [column] = layout.columns
    status = _status(window, baseline, len(column.drift_labels), min_labels)
    psi = noise_floor = threshold = np.nan
    if status == OK:
        assert PSI.noise is not None and PSI.threshold is not None  # noqa: S101, PT018 - PSI declares both
        comparison = Comparison(reference, _profile_of(layout, window))
        [psi], [noise_floor], [threshold] = (
            found.tolist()
            for found in (PSI.compute(comparison), PSI.noise.floor(comparison), PSI.threshold.of(PSI, comparison))
        )
    return LabelDrift(tuple(column.drift_labels), labels_of(window), reference.smoothed, psi, noise_floor, threshold, status)


def labels_of(performance: Performance) -> Floats:
    """Return what labels weigh by bin, (K,), in the order of :attr:`LabelDrift.bins`."""
    block = "table" if performance.layout.is_regression else "confusion"
    labels: Floats = performance.weight(block).sum(axis=0)
    return labels


def _layout_of(performance: Performance) -> Layout:
    """Return the layout of the labels as a column."""
    layout = performance.layout
    if layout.is_regression:
        return Layout(
            [Column(name="label", role=Role.PREDICTION, kind=Kind.NUMERIC, edges=layout.edges, drift_edges=layout.edges)]
        )
    return Layout([Column(name="label", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=layout.classes)])


def _profile_of(layout: Layout, performance: Performance) -> Profile:
    """Return the labels as the profile of a column, in effective ones."""
    profile = Profile.empty(layout)
    profile.values[:] = np.rint(labels_of(performance) * performance.factor)
    profile.counts[layout.rows_slot] = profile.values.sum()
    return profile


def _status(window: Performance, baseline: Performance, bins: int, min_labels: int) -> str:
    reasons = (
        (INCONSISTENT, not (window.is_consistent and baseline.is_consistent)),
        (NO_LABELS, window.rows == 0),
        (NO_BASELINE, baseline.rows == 0),
        (ONE_BIN, bins == 1),
        (TOO_FEW, min(window.effective, baseline.effective) < min_labels),
    )
    return next((name for name, holds in reasons if holds), OK)
