"""Real sets: each one's own days replayed as production, and shifts of its columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alarms.ours import SEEN, Rule, run
from alarms.results import Line
from alarms.streams import DAY, HOUR, WEEK, Floats, Ints, Watched
from prediction_exporter.counting.slices import SLICE_SECONDS

#: Numbers with fewer distinct values than this are taken as categories.
FEW = 12

#: What is added to each numeric column, in its standard deviations.
SHIFTS = (0.5, 1.0)

MONDAY = 4 * DAY


@dataclass(eq=False)
class Coded:
    """A column as numbers: of categories, their ranks in the order of the baseline."""

    name: str
    values: Floats
    absent: NDArray[np.bool_]
    is_number: bool

    @classmethod
    def of(cls, name: str, values: pl.Series) -> Coded:
        """Take a column as the baseline would."""
        is_number = values.dtype.is_numeric() and values.n_unique() >= FEW
        if is_number:
            numbers = values.cast(pl.Float64).fill_nan(None)
            return cls(name, numbers.fill_null(0.0).to_numpy(), numbers.is_null().to_numpy(), is_number)
        texts = values.cast(pl.String)
        ranks = texts.rank("dense").fill_null(1).to_numpy().astype(np.float64) - 1
        return cls(name, ranks, texts.is_null().to_numpy(), is_number)

    def watched(self, rows: NDArray[np.bool_]) -> Watched:
        """Return the column that these rows, as a baseline, make of it."""
        values = self.values[rows & ~self.absent]
        if self.is_number:
            return Watched.of_numbers(self.name, values)
        total = int(self.values.max()) + 1
        counts = np.bincount(values.astype(np.int64), minlength=total)
        return Watched.of_categories(self.name, counts, np.arange(1, total) - 0.5)


@dataclass(eq=False)
class Baseline:
    """What the rule learns from: columns and their rows by hour since a Monday."""

    watched: list[Watched]
    hourly: Ints


@dataclass(eq=False)
class Set:
    """A set with times.

    Attributes:
        name: its file's.
        seconds: int64 (N,), since the Monday before its first row.
        columns: its columns.
        is_baseline: bool (N,).
    """

    name: str
    seconds: Ints
    columns: list[Coded]
    is_baseline: NDArray[np.bool_]

    @classmethod
    def read(cls, path: Path) -> Set:
        """Read a file of ``sets.py``."""
        frame = pl.read_parquet(path).sort("time")
        time = frame["time"].to_numpy().astype(np.int64)
        first = (time[0] - MONDAY) // WEEK * WEEK + MONDAY
        columns = [Coded.of(name, frame[name]) for name in frame.columns if name not in ("time", "baseline")]
        return cls(path.stem, time - first, columns, frame["baseline"].to_numpy())

    def baseline(self, rows: NDArray[np.bool_]) -> Baseline:
        """Return what these rows teach."""
        watched = [column.watched(rows) for column in self.columns if (rows & ~column.absent).any()]
        return Baseline(watched, self.counts(watched, rows, HOUR).astype(np.int64))

    def counts(self, watched: list[Watched], rows: NDArray[np.bool_], seconds: int, shift: float = 0.0) -> NDArray[np.int32]:
        """Return the counts of the cells of some rows by stretches of time."""
        by_name = {column.name: column for column in self.columns}
        at = self.seconds[rows] // seconds
        total = int(at.max()) + 1
        found = []
        for one in watched:
            column = by_name[one.column.name]
            values = column.values[rows]
            if shift and column.is_number:
                values = values + shift * column.values[self.is_baseline & ~column.absent].std()
            cells = one.places(values, column.absent[rows])
            counts = np.bincount(at * one.count + cells, minlength=total * one.count)
            found.append(counts.reshape(total, one.count).astype(np.int32))
        return np.concatenate(found, axis=1)


def lines(path: Path) -> Iterator[Line]:
    """Yield what one set gives: its baseline's days, its halves, and shifts of what comes after the baseline."""
    of = Set.read(path)
    rows = of.is_baseline
    middle = np.median(of.seconds[rows]) // DAY * DAY
    first, second = rows & (of.seconds < middle), rows & (of.seconds >= middle)
    for replay in (False, True):
        for name, learnt, played in (
            ("its own days", rows, rows),
            ("second half after the first", first, second),
            ("first half after the second", second, first),
            ("what came after", rows, ~rows),
        ):
            yield _played(of, name, learnt, played, replay=replay)


def _played(of: Set, name: str, learnt: NDArray[np.bool_], played: NDArray[np.bool_], *, replay: bool) -> Line:
    baseline = of.baseline(learnt)
    rule = Rule.of([baseline], [replay])
    live = of.counts(baseline.watched, played, SLICE_SECONDS)
    start = int(np.flatnonzero(live.any(axis=1))[0])
    found = run(rule, [live[start:]], MONDAY + start * SLICE_SECONDS)
    days = (of.seconds[played].max() - of.seconds[played].min()) / DAY + 1e-9
    line: dict[str, Any] = {
        "kind": "real",
        "world": of.name,
        "played": name,
        "replay": replay,
        "days": round(float(days), 1),
        "rows": int(played.sum()),
        "columns": len(baseline.watched),
        "alarms": len(found.onsets),
        "alarmed": sorted({baseline.watched[column].column.name for _, column in found.onsets}),
        "watched": round(float((rule.tolerance < SEEN).mean()), 3),
    }
    if name == "its own days":
        numbers = [n for n, one in enumerate(baseline.watched) if {c.name: c for c in of.columns}[one.column.name].is_number]
        quiet = [n for n in numbers if n not in {column for _, column in found.onsets}]
        for shift in SHIFTS:
            moved = of.counts(baseline.watched, played, SLICE_SECONDS, shift)[start:]
            onsets = run(rule, [moved], MONDAY + start * SLICE_SECONDS).onsets
            delays = [min((at for at, column in onsets if column == n), default=None) for n in quiet]
            hours = sorted((at + 1) / 12 for at in delays if at is not None)
            line[f"shift {shift}"] = {"trials": len(quiet), "hours": [round(hour, 1) for hour in hours]}
    return line
