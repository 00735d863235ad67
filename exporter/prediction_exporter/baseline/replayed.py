"""What a table's times teach of its columns: their rows are counted by the hour, and played again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.baseline.columns import Profiled
from prediction_exporter.baseline.inflation import measured, said
from prediction_exporter.baseline.learnt_record import ReplayRecord
from prediction_exporter.counting.cells import Cells
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Kind, Layout
from prediction_exporter.counting.profiler import MICROSECONDS, Profiler
from prediction_exporter.evidence.learnt import Learnt, scores_of, tolerated
from prediction_exporter.evidence.replay import DAYS_FOR_WEEK, Replay, rounded
from prediction_exporter.evidence.scores import LEAST_DEVIATION
from prediction_exporter.sources.derived import days_of
from prediction_exporter.sources.times import NO_TIME, DateParser
from prediction_exporter.sources.typed import FIRST_TIME, LAST_TIME, times_of

HOUR = 3600
DAY_MICROSECONDS = 24 * HOUR * MICROSECONDS

#: Hours from the Monday before the epoch, which was a Thursday.
EPOCH_HOUR = 72


def local_hours(times: NDArray[np.int64], timezone: str) -> NDArray[np.int64]:
    """Return the local hour of each time, counted from Monday, 29 December 1969, 00:00.

    Of the hour that the end of summer time repeats, both are the same.

    >>> local_hours(np.array([1_795_982_400_000_000]), "Europe/Berlin") % 168  # Sunday, 29 November 2026, 20:00 UTC
    array([165])
    """
    instants = pl.Series(times).cast(pl.Datetime("us", "UTC"))
    wall = instants.dt.convert_time_zone(timezone).dt.replace_time_zone(None).to_physical().to_numpy()
    hours: NDArray[np.int64] = wall // (HOUR * MICROSECONDS) + EPOCH_HOUR
    return hours


@dataclass(frozen=True, eq=False)
class Clock:
    """The hour of each row of a table.

    Attributes:
        hours: int64 (N,), local hours; of rows without a time, anything.
        has_time: bool (N,).
        replay: the hours that there are.
        timezone: whose hours they are.
    """

    hours: NDArray[np.int64]
    has_time: NDArray[np.bool_]
    replay: Replay
    timezone: str

    @classmethod
    def of_column(cls, values: pl.Series, times: NDArray[np.int64], timezone: str) -> Clock | None:
        """Return the clock of rows by the column that is their time, see :meth:`of`.

        Days without a time of day are times too: of events in a log they are none, but training data often has no more.
        """
        left = np.flatnonzero((times == NO_TIME) & (values.dtype == pl.String))
        if len(left):
            times = times.copy()
            times[left] = times_of(days_of(values.gather(left)), DateParser(timezone, None))
        return cls.of(times, timezone)

    @classmethod
    def of(cls, times: NDArray[np.int64], timezone: str) -> Clock | None:
        """Return the clock of rows by their times in microseconds; None where no row has one that a calendar has."""
        has_time = (times != NO_TIME) & (times >= FIRST_TIME) & (times <= LAST_TIME)
        if not has_time.any():
            return None
        # Where all are midnights in UTC, they are days, and are so wherever the hours are those of.
        are_days = not (times[has_time] % DAY_MICROSECONDS).any()
        hours = local_hours(np.where(has_time, times, 0), "UTC" if are_days else timezone)
        return cls(hours, has_time, Replay(np.unique(hours[has_time])), timezone)

    def counts_by_hour(self, layout: Layout, events: Events) -> NDArray[np.int64]:
        """Return the counts of a layout by hour, (T, layout.width), of the rows that have a time."""
        counts = np.zeros((len(self.replay.hours), layout.width), np.int64)
        timed = replace(events, times=self.hours * (HOUR * MICROSECONDS), failed=~self.has_time)
        for keys, block in _blocks(layout, timed):
            counts[np.searchsorted(self.replay.hours, keys)] = block
        return counts

    @property
    def record(self) -> ReplayRecord | None:
        """What the file says of it; nothing, where there was too little to replay."""
        if not self.replay.is_enough:
            return None
        replay = self.replay
        return ReplayRecord(days=replay.days, folds=replay.folds, unit=replay.unit, timezone=self.timezone)

    def words(self) -> str:
        """Return what was replayed, for the person who builds the baseline."""
        return "; ".join(self._sentences())

    def _sentences(self) -> Iterator[str]:
        replay = self.replay
        untimed = int((~self.has_time).sum())
        if not replay.is_enough:
            yield f"the rows are of {counted(replay.windows, replay.unit)}, too few to replay: {ALONE}"
            return
        yield f"replayed {replay.days} days in {replay.folds} folds" + (", day by day" if replay.daily else "")
        if untimed:
            yield f"{untimed:,} rows have no time"
        if replay.days < DAYS_FOR_WEEK:
            yield "what varies from week to week does not show in less than 4 weeks, and better in 12"
        yield "if the data are a sample of the rows, sessions do not show"


ALONE = "production alone teaches what varies without drift"

#: What is said of data without a time, or with one that cannot be read.
NO_TIMES = f"the data has no time that is known (--time names one), so nothing is replayed: {ALONE}"
NO_SUCH_TIMES = f"no time in {{}} can be read, so nothing is replayed: {ALONE}"


def counted(number: int, unit: str) -> str:
    """Return a number of things.

    >>> counted(1, "hour"), counted(3, "day")
    ('1 hour', '3 days')
    """
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def taught(one: Profiled, clock: Clock | None) -> Profiled:
    """Return a column with what its hours taught, and without its rows."""
    if clock is None or one.events is None or not clock.replay.is_enough:
        return replace(one, events=None)
    layout = one.profile.layout
    counts = clock.counts_by_hour(layout, one.events)
    learnt = clock.replay.learn(one.column, Cells(layout).of_counts(counts), _outside(one))
    inflation = measured(one.profile, clock.replay.by_length(counts[:, : layout.values], learnt.hours // learnt.copies))
    return replace(one, events=None, learnt=rounded(learnt), inflation=inflation)


def _outside(one: Profiled) -> tuple[float, float] | None:
    return None if one.outside is None else (one.outside.rows, one.outside.variance)


def sees(one: Profiled) -> Iterator[str]:
    """Yield what can be told of a column, where its hours taught it; of one without a distribution there is nothing to tell."""
    if one.learnt is None or not one.learnt.replayed or one.column.kind is Kind.PRESENCE:
        return
    yield from _watched(one, one.learnt)
    yield from said(one.profile, one.inflation)


def _watched(one: Profiled, learnt: Learnt) -> Iterator[str]:
    """Yield which changes evidence tells from what the column does by itself."""
    scores = scores_of(one.column, Cells(one.profile.layout).of(one.profile), learnt, _outside(one))
    at = np.flatnonzero(scores.main)
    if not len(at):
        return
    tolerance = tolerated(scores, learnt)[at]
    if (tolerance >= scores.values[:, at].max(axis=(0, 2))).all():
        yield "varies by itself, as by the calendar: no change can be told apart from it"
        return
    season = SEASON_WORDS.get((learnt.hours, learnt.copies))
    if season is not None:
        yield f"follows {season}"
    if (scores.deviation[at] <= LEAST_DEVIATION).all():
        return  # what does not vary is seen by any row that does
    in_deviations = tolerance / scores.deviation[at]
    low, high = (f"{value:.2g}" for value in (in_deviations.min(), in_deviations.max()))
    if in_deviations.min() > BLIND:
        yield f"varies by itself, as by the calendar: changes below {low} sd cannot be told apart from it"
    else:
        what = "shifts" if one.column.kind is Kind.NUMERIC else "changes"
        yield f"sees {what} above {low} sd" if low == high else f"sees {what} above {low} to {high} sd"
        effect = float(np.median(learnt.effect[at]))
        if effect >= GROUPED:
            yield f"{effect:.1f} rows count as one" if effect < MANY else f"{effect:,.0f} rows count as one"


#: How a season is called, by its hours and how many of them have the same counts.
SEASON_WORDS = {(24, 1): "the hour of the day", (168, 1): "the hour of the week", (168, 24): "the day of the week"}

#: The tolerance, in standard deviations, of a column that can hardly be watched.
BLIND = 0.5

#: How many rows are worth telling to be as one, and from how many on a fraction is not.
GROUPED, MANY = 1.5, 10.0


def _blocks(layout: Layout, events: Events) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield hours, and the counts of the profiles of these, (hours, layout.width)."""
    for block in Profiler(layout, bucket_seconds=HOUR).blocks(events):
        profiles: Sequence[NDArray[np.int64]] = [profile.counts for profile in block.values()]
        yield np.array([key.bucket // HOUR for key in block]), np.stack(profiles)
