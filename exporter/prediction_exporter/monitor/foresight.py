"""Foresight: what the evidence will see, and after how long, at the traffic that a look at the source shows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prediction_exporter.baseline import Baseline
from prediction_exporter.baseline.importance import Floats, importance_of
from prediction_exporter.config import Model
from prediction_exporter.counting.entities import Entities, entities_of
from prediction_exporter.counting.profiler import MICROSECONDS
from prediction_exporter.errors import in_short
from prediction_exporter.evidence.detector import Detector
from prediction_exporter.monitor.references import detector_of
from prediction_exporter.sources.base import Look

#: The change that is spoken of, in standard deviations.
CHANGE = 0.5

#: Events that tell how many there are in an hour, and the longest time that is told in hours, in seconds.
FEW, HOUR, DAY = 20, 3600.0, 86_400.0
DAY_SECONDS = int(DAY)

#: Columns that a line names.
_SHOWN = 5

#: Rows of the table of columns; the others are one.
_ROWS = 10


def foresee(model: Model, baseline: Baseline, look: Look) -> Iterator[str]:
    """Yield lines on what a change of half a standard deviation needs to be sure, and in which columns it cannot be seen."""
    detector = detector_of(model, baseline)
    if detector is None or not detector.watched.any():
        return
    entities = entities_in(look)
    if entities.rows:
        yield _counted(model, entities, is_replayed=bool(detector.bets.is_replayed.all()))
    rows = detector.rows_until_sure(CHANGE, entities.dependence)
    names = np.array([column.name for column in baseline.layout.columns])
    seen, blind = detector.watched & np.isfinite(rows), detector.watched & ~np.isfinite(rows)
    budget = f"{model.false_alarms_per_month:g} false alarm{'' if model.false_alarms_per_month == 1 else 's'} a month"
    line = f"drift: {budget} in all; {CHANGE:g} sd is sure in {seen.sum()} of {detector.watched.sum()} columns"
    if seen.any():
        usual = _after(float(np.median(rows[seen])), look)
        slowest = int(np.argmax(np.where(seen, rows, -1.0)))
        longest = _after(float(rows[slowest]), look)
        line += f" after about {usual}" + (f", {names[slowest]} after {longest}" if longest != usual else "")
    yield line
    yield from _split(model, baseline, detector, rows, look)
    if blind.any():
        of = [f"{name} (from {least:.2g} sd)" for name, least in zip(names[blind], detector.visible[blind], strict=True)]
        yield f"smaller changes cannot be told from what varies anyway: {in_short(of, _SHOWN)}"


def entities_in(look: Look) -> Entities:
    """Return how many rows entities have in a look's sample; none where no field names them."""
    parts = (entities_of(events, seconds=DAY_SECONDS) for events in look.batch.events)
    return sum((entities for of_day in parts for entities in of_day.values()), Entities.empty())


def _counted(model: Model, entities: Entities, *, is_replayed: bool) -> str:
    """Return what the sample's rows are worth."""
    alone = f", {entities.alone:,} name none" if entities.alone else ""
    end = "the baseline's own hours tell more, and are believed" if is_replayed else "a day's count as fewer"
    return (
        f"entities: the {entities.total:,} sampled predictions count as {entities.effective:,.0f} independent ones if those of "
        f"one {model.predictions.fields.entity} are all alike{alone}; {end}"
    )


def _split(model: Model, baseline: Baseline, detector: Detector, rows: Floats, look: Look) -> Iterator[str]:
    """Yield a table: each column's part of the budget, and what that sees; as many rows as matter, and the others as one."""
    assert detector.shares is not None  # noqa: S101 - it is a model's
    importance = importance_of(model.importance, baseline)
    known = np.full(len(rows), np.nan) if importance is None else importance
    budget = detector.shares / detector.watched.sum()
    # The most important first, and of equal ones the one that takes longest.
    order = [int(at) for at in np.lexsort((-rows, -np.nan_to_num(known), -budget)) if detector.watched[at]]
    groups = [[at] for at in order[:_ROWS]] + ([order[_ROWS:]] if len(order) > _ROWS else [])
    head = ["column", "importance", "budget", "seen from", f"{CHANGE:g} sd sure after"]
    table = [head]
    for group in groups:
        name = baseline.layout.columns[group[0]].name if len(group) == 1 else f"{len(group)} more"
        of_group = known[group][np.isfinite(known[group])]
        seen, after = detector.visible[group], rows[group]
        table.append(
            [
                name,
                f"{_total(of_group):.1%}" if len(of_group) else "-",
                f"{budget[group].sum():.1%}",
                _range(f"{seen.min():.2g}", f"{seen.max():.2g}") + " sd",
                _range(_sure_after(float(after.min()), look), _sure_after(float(after.max()), look)),
            ]
        )
    if importance is None:
        table = [[*cells[:1], *cells[2:]] for cells in table]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    for first, *others in table:
        yield "  " + "  ".join(
            [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        )


def _total(importance: Floats) -> float:
    # What is made of a feature has a part of what that has itself.
    return min(float(importance.sum()), 1.0)


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _sure_after(rows: float, look: Look) -> str:
    return _after(rows, look) if np.isfinite(rows) else "never"


def _after(rows: float, look: Look) -> str:
    """Return how long so many predictions take, or their number where the sample does not tell their rate."""
    times = np.concatenate([events.times for events in look.batch.events]) if look.batch.events else np.empty(0, np.int64)
    span = float(np.ptp(times)) / MICROSECONDS if len(times) >= FEW else 0.0
    if not span:
        return f"{rows:,.0f} predictions"
    seconds = rows * span / (len(times) - 1)
    if seconds < HOUR:
        return f"{max(seconds / 60, 1):.0f} min"
    return f"{seconds / HOUR:.0f} h" if seconds < 2 * DAY else f"{seconds / DAY:.0f} days"
