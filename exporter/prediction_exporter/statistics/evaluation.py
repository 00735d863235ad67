"""Evaluation: every statistic of a window, with its noise floor and threshold, and why a value is absent.

One wrapper runs all statistics: one that fails says so in its status and takes nothing beside it down.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.logs import Quiet
from prediction_exporter.statistics import STATISTICS, Comparison, Reference, Statistic
from prediction_exporter.statistics.comparison import Expected

logger = logging.getLogger(__name__)

_complaints = Quiet()

OK = "ok"
ERROR = "error"
OVERFLOW = "overflow"
NO_PREDICTIONS = "no_predictions"
TOO_FEW = "too_few_predictions"
NO_BASELINE = "no_baseline_values"
FIXED = "fixed_by_segment"
NOT_WATCHED = "not_watched"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Result:
    """A statistic of a window.

    Attributes:
        values: of the shape that the statistic declares; NaN where absent.
        noise_floor, threshold, companion: (C,), or None where the statistic has none.
        statuses: by reason, the number of columns (of windows, for scope window) with this status.
    """

    values: Floats
    noise_floor: Floats | None
    threshold: Floats | None
    statuses: Mapping[str, int]
    companion: Floats | None = None


def evaluate(
    reference: Reference,
    window: Profile,
    *,
    fixed: str | None = None,
    expected: Expected | None = None,
    statistics: Sequence[Statistic] | None = None,
) -> dict[str, Result]:
    """Return the result of each statistic by its key: of all, or of those that are given.

    ``fixed`` and ``expected`` are as of :class:`Comparison`.
    """
    comparison = Comparison(reference, window, fixed=fixed, expected=expected)
    chosen = STATISTICS if statistics is None else statistics
    return {statistic.key: _isolated(statistic, comparison) for statistic in chosen}


def _isolated(statistic: Statistic, comparison: Comparison) -> Result:
    try:
        return _run(statistic, comparison)
    except Exception:  # whatever it is, it must not take down the other statistics; it is logged and shows in the status
        if _complaints.lets(statistic.key):  # it fails for every window, again and again
            logger.exception("statistic %s failed", statistic.key)
        affected = int(statistic.applies(comparison.layout).sum()) if statistic.scope == "column" else 1
        return Result(np.full(shape_of(statistic, comparison.layout), np.nan), None, None, {ERROR: affected})


def shape_of(statistic: Statistic, layout: Layout) -> tuple[int, ...]:
    """Return the shape of a statistic's values."""
    if statistic.scope == "window":
        return ()
    return (len(layout.columns), *((len(statistic.extra[1]),) if statistic.extra is not None else ()))


def most_statuses(statistic: Statistic, reference: Reference) -> int:
    """Return how many different statuses the columns of one window may have at most."""
    if statistic.scope == "window":
        return 1
    reasons = {OK, OVERFLOW, statistic.undefined}
    if statistic.compares:
        reasons |= {TOO_FEW, FIXED} | ({NO_BASELINE} if (reference.valid == 0).any() else set())
    return min(len(reasons), int(statistic.applies(reference.layout).sum()))


def full_result(statistic: Statistic, reference: Reference, *, fixed: str | None = None) -> Result:
    """Return a result in which nothing is absent but what compares the column whose segment the window is."""
    columns = np.zeros(len(reference.layout.columns))
    values = np.zeros(shape_of(statistic, reference.layout))
    if fixed is not None and statistic.compares and statistic.scope == "column":
        index = reference.layout.index(fixed)
        columns[index] = values[index] = np.nan
    return Result(
        values=values,
        noise_floor=columns if statistic.noise is not None else None,
        threshold=columns if statistic.threshold is not None else None,
        companion=np.zeros(len(columns)) if statistic.companion is not None else None,
        statuses={str(number): 0 for number in range(most_statuses(statistic, reference))},
    )


def unwatched(reference: Reference) -> dict[str, Result]:
    """Return what is known of a window where nobody asks for statistics: nothing, for a reason that is theirs alone."""
    return {s.key: Result(np.full(shape_of(s, reference.layout), np.nan), None, None, {NOT_WATCHED: 1}) for s in STATISTICS}


def absent(statistic: Statistic, layout: Layout, reason: str) -> Result:
    """Return the result of a statistic of columns that are absent, all for the same reason."""
    columns = int(statistic.applies(layout).sum())
    return Result(np.full(shape_of(statistic, layout), np.nan), None, None, {reason: columns} if columns else {})


def _run(statistic: Statistic, comparison: Comparison) -> Result:
    values = comparison.cached(statistic.compute)
    if statistic.scope == "window":
        value = float(values)
        reason = OK if np.isfinite(value) else NO_PREDICTIONS if not comparison.rows else statistic.undefined
        return Result(np.where(np.isfinite(values), values, np.nan), None, None, {reason: 1})
    applies = statistic.applies(comparison.layout)
    allowed = applies & comparison.comparable if statistic.compares else applies
    shown = np.isfinite(values) & (allowed if values.ndim == 1 else allowed[:, None])
    floor = statistic.noise.floor(comparison) if statistic.noise is not None else None
    threshold = statistic.threshold.of(statistic, comparison) if statistic.threshold is not None else None
    companion = statistic.companion.compute(comparison) if statistic.companion is not None else None
    return Result(
        values=np.where(shown, values, np.nan),
        noise_floor=None if floor is None else np.where(allowed & np.isfinite(floor), floor, np.nan),
        threshold=None if threshold is None else np.where(allowed & np.isfinite(threshold), threshold, np.nan),
        statuses=_statuses(statistic, comparison, values, applies, allowed),
        companion=None if companion is None else np.where(applies & np.isfinite(companion), companion, np.nan),
    )


def _statuses(
    statistic: Statistic, comparison: Comparison, values: Floats, applies: NDArray[np.bool_], allowed: NDArray[np.bool_]
) -> Mapping[str, int]:
    """Count the columns that the statistic applies to by status; the first reason that holds is given."""
    finite = np.isfinite(values) if values.ndim == 1 else np.isfinite(values).all(axis=1)
    if (allowed & finite)[applies].all():
        return {OK: int(np.count_nonzero(applies))} if applies.any() else {}
    infinite = np.isinf(values) if values.ndim == 1 else np.isinf(values).any(axis=1)
    reasons = np.select(
        [
            allowed & finite,
            np.full(len(applies), comparison.rows == 0),
            statistic.compares & comparison.fixed,
            statistic.compares & (comparison.reference.valid == 0),
            ~allowed,
            infinite,
        ],
        [OK, NO_PREDICTIONS, FIXED, NO_BASELINE, TOO_FEW, OVERFLOW],
        default=statistic.undefined,
    )
    return dict(sorted(Counter(reasons[applies].tolist()).items()))
