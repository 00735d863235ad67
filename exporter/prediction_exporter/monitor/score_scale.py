"""Scale of scores: whether those of a sample are shares where the baseline's are percent, or the other way round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Kind, Layout, Role
from prediction_exporter.performance.layout import ROUNDING

#: Values of a sample from which on it is told: of a baseline half of whose scores lie above 1, so many never all lie below.
_ENOUGH = 20

#: The largest percentage, and the part of a sample that lies above 1 where it is of percentages.
_PERCENT, _MOST = 100.0, 0.5


def scale_of_scores(events: Sequence[Events], layout: Layout, place: str) -> list[str]:
    """Return for each score that seems to be on another scale than in the baseline how, and what to do, a sentence.

    Args:
        events: those of a sample.
        layout: the baseline's.
        place: where the predictions stand in the configuration.
    """
    found = []
    for column in layout.columns:
        if column.role is not Role.SCORE or column.kind is not Kind.NUMERIC or column.is_derived or not column.edges:
            continue
        parts = [one.columns[column.name].drop_nulls().to_numpy() for one in events]
        values = np.concatenate([part[np.isfinite(part)] for part in parts]) if parts else np.empty(0)
        if len(values) < _ENOUGH or values.min() < -ROUNDING:
            continue
        low, high = column.edges[0], column.edges[-1]
        middle = column.drift_edges[len(column.drift_edges) // 2] if column.drift_edges else low
        are_shares = low >= -ROUNDING and high <= 1 + 2 * ROUNDING
        is_percent = values.max() <= _PERCENT and np.mean(values > 1 + ROUNDING) > _MOST
        of_percent = low >= 0 and middle > 1 and high <= _PERCENT + 1
        if not (are_shares and is_percent) and not (of_percent and values.max() <= 1 + ROUNDING):
            continue
        wanted = "shares of 1" if are_shares else "percentages"
        found.append(
            f"{place}.fields.score: sampled values of {column.name} lie from {values.min():.3g} to {values.max():.3g}, and "
            f"the baseline's from {low:.3g} to {high:.3g}; have the scores logged as {wanted}, or build the baseline from data "
            "that have them as the log does: performance is measured by no score otherwise"
        )
    return found
