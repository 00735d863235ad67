"""Evaluation: every measure of a window, what the baseline reads, thresholds, and why a value is absent.

One wrapper runs all measures: one that fails says so in its status and takes nothing beside it down.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from prediction_exporter.logs import Quiet
from prediction_exporter.performance.base import Entries, Floats, Measure
from prediction_exporter.performance.counts import Performance
from prediction_exporter.performance.curves import NO_SCORES

logger = logging.getLogger(__name__)

_complaints = Quiet()

OK = "ok"
ERROR = "error"
NO_LABELS = "no_labels"
INCONSISTENT = "inconsistent_counts"
UNDEFINED = "undefined"
NO_BASELINE = "no_baseline_labels"
UNDEFINED_BASELINE = "undefined_in_baseline"
TOO_FEW = "too_few_labels"
NOT_COMPARED = "not_compared"


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure of a window; all arrays are of its E entries, NaN where absent.

    Attributes:
        entries: the values of the measure's own labels.
        values: what the window reads.
        errors: standard errors of that.
        bounds: how far at most a value is from that of the raw pairs; 0 where it is exact.
        baseline: what the baseline reads.
        thresholds: what an alert compares with: values of a measure where higher is better with less than it, of others with
            more, sizes where near to 0 is better. NaN where there is no baseline, or too few pairs on either side.
        statuses: for each entry, ``ok`` or why its value is absent.
        compared: for each entry, ``ok`` or why its threshold is absent: the value's reason first.
    """

    entries: Entries
    values: Floats
    errors: Floats
    bounds: Floats
    baseline: Floats
    thresholds: Floats
    statuses: tuple[str, ...]
    compared: tuple[str, ...]


def measure(
    measures: Sequence[Measure],
    window: Performance,
    baseline: Performance | None,
    *,
    alpha: float,
    min_labels: int,
    effects: Mapping[str, float] | None = None,
    off_scale: str | None = None,
) -> dict[str, Measured]:
    """Return what each measure that the model has reads, by its key.

    Args:
        measures: those that are wanted, in their order.
        window: mature pairs.
        baseline: pairs of the data that the model was validated on; None where it has no labels.
        alpha: chance of a false alarm for each value and look that the thresholds are made for.
        min_labels: fewest pairs on both sides for a threshold.
        effects: effects by key, in the measure's own unit, overriding the defaults.
        off_scale: why no measure of the window's scores is told, see :mod:`~prediction_exporter.performance.scale`.

    Raises:
        ValueError: window and baseline have different layouts.
    """
    if baseline is not None and baseline.layout.digest != window.layout.digest:
        raise ValueError("window and baseline have different layouts")
    chosen = [one for one in measures if one.applies(window.layout)]
    told = {one.key: off_scale if off_scale is not None and NO_SCORES in one.reasons else OK for one in chosen}

    def run(one: Measure) -> Measured:
        return _run(one, window, baseline, alpha, min_labels, (effects or {}).get(one.key), told[one.key])

    return {one.key: _isolated(one, window, run) for one in chosen}


def _isolated(one: Measure, window: Performance, run: Callable[[Measure], Measured]) -> Measured:
    try:
        return run(one)
    except Exception:  # whatever it is, it must not take down the other measures; it is logged and shows in the status
        if _complaints.lets(one.key):  # it fails for every window, again and again
            logger.exception("measure %s failed", one.key)
        entries = one.entries(window.layout)
        absent = np.full(len(entries), np.nan)
        failed = (ERROR,) * len(entries)
        return Measured(entries, absent, absent, absent, absent, absent, failed, failed)


def _run(
    one: Measure,
    window: Performance,
    baseline: Performance | None,
    alpha: float,
    min_labels: int,
    effect: float | None,
    why: str,
) -> Measured:
    entries = one.entries(window.layout)
    values, statuses = _told(one, window, len(entries))
    if why != OK and window.is_consistent:
        values, statuses = np.full(len(entries), np.nan), (why,) * len(entries)
    absent = np.isnan(values)

    def beside(function: Callable[[Performance], Floats] | None, default: float) -> Floats:
        found = np.full(len(entries), default) if function is None or absent.all() else function(window)
        return np.where(absent | ~np.isfinite(found), np.nan, found)

    errors, bounds = beside(one.error, np.nan), beside(one.bound, 0.0)
    of_baseline = thresholds = np.full(len(entries), np.nan)
    if baseline is not None:
        of_baseline, _ = _told(one, baseline, len(entries))
        if one.effect is not None and one.error is not None and min(window.effective, baseline.effective) >= min_labels:
            margins = special.ndtri(1 - alpha) * np.hypot(errors, one.error(baseline)) + beside(one.floor, 0.0)
            thresholds = _thresholds(one, of_baseline, np.maximum(_effects(one, baseline, of_baseline, effect), margins))
    compared = _compared(
        statuses, of_baseline, thresholds, has_baseline=baseline is not None, is_compared=one.effect is not None
    )
    return Measured(entries, values, errors, bounds, of_baseline, thresholds, statuses, compared)


def _compared(
    statuses: Sequence[str], of_baseline: Floats, thresholds: Floats, *, has_baseline: bool, is_compared: bool
) -> tuple[str, ...]:
    """Return why the thresholds of entries are absent."""
    reasons = np.select(
        [~np.isnan(thresholds), np.array(statuses) != OK, np.full(len(statuses), not is_compared), np.isnan(of_baseline)],
        [OK, np.array(statuses, dtype=object), NOT_COMPARED, UNDEFINED_BASELINE if has_baseline else NO_BASELINE],
        default=TOO_FEW,
    )
    return tuple(reasons.tolist())


def _effects(one: Measure, baseline: Performance, of_baseline: Floats, configured: float | None) -> Floats:
    entries = len(of_baseline)
    if configured is not None or one.effect is None:
        return np.full(entries, np.nan if configured is None else configured)
    scale = np.ones(entries) if one.effect.scale is None else np.abs(one.effect.scale(baseline))
    effects: Floats = one.effect.default * scale
    if one.effect.chance is None:
        return effects
    room = (of_baseline - one.effect.chance) / 2
    return np.where(room > 0, np.minimum(effects, room), effects)


def _thresholds(one: Measure, of_baseline: Floats, margins: Floats) -> Floats:
    if one.better == "higher":
        return of_baseline - margins
    return (np.abs(of_baseline) if one.better == "zero" else of_baseline) + margins


def badness(one: Measure, found: Measured) -> Floats:
    """Return how far a measure's values are on their way from the baseline to their thresholds.

    Returns:
        One for each entry, (E,): 0 at the baseline, negative where a value is better, 1 at the threshold, more where it is
        passed; NaN without a threshold. Of a measure that is best near to 0 it is of sizes.
    """
    values, of_baseline = (np.abs(each) if one.better == "zero" else each for each in (found.values, found.baseline))
    with np.errstate(divide="ignore", invalid="ignore"):
        bad: Floats = (values - of_baseline) / (found.thresholds - of_baseline)
    return np.where(np.isfinite(bad), bad, np.nan)


def _told(one: Measure, performance: Performance, entries: int) -> tuple[Floats, tuple[str, ...]]:
    """Return the values and the statuses of a measure."""
    statuses = np.full(entries, OK, dtype=object)
    for name, holds in (
        *((reason.name, reason.holds) for reason in reversed(one.reasons)),
        (NO_LABELS, lambda of: np.array(of.rows == 0)),
        (INCONSISTENT, lambda of: np.array(not of.is_consistent)),
    ):
        statuses[np.broadcast_to(holds(performance), entries)] = name
    if not (statuses == OK).any():
        return np.full(entries, np.nan), tuple(statuses)
    values = np.where(statuses == OK, one.compute(performance), np.nan)
    statuses[(statuses == OK) & ~np.isfinite(values)] = UNDEFINED
    return np.where(np.isfinite(values), values, np.nan), tuple(statuses)
