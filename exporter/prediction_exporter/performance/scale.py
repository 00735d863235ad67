"""Scale: whether a window's scores are on the scale of the baseline's, as far as counts tell.

Scores in percent beside a baseline of 0 to 1 count as none at all, but for those below one percent, which are taken for
high ones. The other way round all of them lie where few of the baseline's do, so that nothing ranks them. What measures
would make of either is a figure of the scale, and not of the model.
"""

from __future__ import annotations

import numpy as np

from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.curves import curve

MOSTLY_UNSCORED = "mostly_unscored"
OFF_SCALE = "off_scale"

#: Nearly all, and as few as nearly none; half is what the baseline may have up to 1 where it goes far beyond.
_NEARLY_ALL, _NEARLY_NONE, _HALF = 0.9, 0.1, 0.5


def scale_problem(window: Performance, baseline: Performance | None, *, min_labels: int) -> str | None:
    """Return why no measure of a window's scores is told, as a status; None where they are on the baseline's scale.

    Args:
        window: the pairs of a window.
        baseline: those of the baseline, of the same layout; None where it has no labels.
        min_labels: fewest pairs of the window that tell it.
    """
    if baseline is None or not window.layout.scores or window.rows < min_labels or not baseline.rows:
        return None
    if window.unscored > _NEARLY_ALL * window.rows and baseline.unscored < _NEARLY_NONE * baseline.rows:
        return MOSTLY_UNSCORED
    for index, score in enumerate(window.layout.scores):
        if score.is_probability:
            continue
        up_to_one = int(np.searchsorted(score.edges, 1.0)) + 1
        shares = [_share(curve(each, index).both, up_to_one) for each in (window, baseline)]
        if shares[0] == 1.0 and shares[1] < _HALF:
            return OFF_SCALE
    return None


def _share(weights: np.ndarray[tuple[int, ...], np.dtype[np.float64]], first: int) -> float:
    """Return the share of the first bins; NaN without any weight."""
    total = weights.sum()
    return float(weights[:first].sum() / total) if total else float("nan")
