"""Windows: rules that compare windows with thresholds, on the same counts as ours.

The product's threshold of the population stability index with the half-hour that its alert waits, and the threshold of 0.2 that
is in use everywhere, for windows that follow each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from alarms.streams import DAY, HOUR, Counts, Ints, Stream
from prediction_exporter.counting.cells import STATE_CELLS
from prediction_exporter.counting.events import STATES, ValueState
from prediction_exporter.counting.layout import Kind, Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.slices import SLICE_SECONDS
from prediction_exporter.monitor.references import HIGHEST_ALPHA, MONTH_SECONDS
from prediction_exporter.statistics import ALERTED, Comparison, Reference
from prediction_exporter.statistics.psi import PSI

#: As shipped: fewest values, and how often in succession the index is above when the alert has waited for half an hour.
LEAST, HELD = 30, 2

#: Slices between two looks: more of them would only cost more.
LOOK = 3

#: What everybody compares the index with.
USUAL = 0.2

WINDOWS = (HOUR, DAY)
BUDGETED, USUAL_HOUR, USUAL_DAY = "windows", "psi-0.2-hour", "psi-0.2-day"


class Compared:
    """Columns of numbers of one world's models, side by side."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        watched = [one for stream in streams for one in stream.watched]
        assert all(one.column.kind is Kind.NUMERIC for one in watched)
        columns = [
            replace(one.column, name=f"c{n}", edges=tuple(one.thresholds.tolist()), heavy=()) for n, one in enumerate(watched)
        ]
        self.layout = Layout(columns)
        sizes = [one.count for one in watched]
        firsts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        self._values = np.concatenate(
            [np.arange(first, first + size - STATE_CELLS) for first, size in zip(firsts, sizes, strict=True)]
        )
        self._missing = firsts + np.array(sizes) - STATE_CELLS
        self._rows = np.arange(sizes[0])  # all rows are in the cells of any column
        # As the product divides a model's budget: by columns, figures that alerts read of a number, and windows.
        figures = sum(Kind.NUMERIC in statistic.kinds for statistic in ALERTED)
        parts = len(streams[0].watched) * figures * len(WINDOWS)
        baseline = self.profile(np.concatenate([stream.hourly.sum(axis=0) for stream in streams]))
        self.references = [
            Reference(baseline, alpha=min(span / MONTH_SECONDS / parts, HIGHEST_ALPHA), min_predictions=LEAST)
            for span in WINDOWS
        ]

    def profile(self, cells: Ints) -> Profile:
        """Return the profile of a window by the counts of its cells."""
        profile = Profile.empty(self.layout)
        profile.counts[: self.layout.values] = cells[self._values]
        states = profile.counts[self.layout.values : self.layout.rows_slot].reshape(-1, len(STATES))
        states[:, STATES.index(ValueState.MISSING)] = cells[self._missing]
        profile.counts[self.layout.rows_slot] = cells[self._rows].sum()
        return profile

    def above(self, reference: Reference, cells: Ints) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which columns are above the product's threshold, and which above the usual one."""
        comparison = Comparison(reference, self.profile(cells))
        with np.errstate(invalid="ignore"):
            index = np.where(comparison.comparable, PSI.compute(comparison), np.nan)
            assert PSI.threshold is not None
            return index > PSI.threshold.of(PSI, comparison), index > USUAL


def run(compared: Compared, live: Counts) -> dict[str, list[tuple[int, int]]]:
    """Return by rule the onsets of its alarms, (slice, column)."""
    slices, columns = len(live), len(compared.layout.columns)
    passed = np.concatenate((np.zeros((1, live.shape[1]), np.int64), np.cumsum(live, axis=0, dtype=np.int64)))
    held = np.zeros((len(WINDOWS), columns), np.int64)
    alarmed = {rule: np.zeros(columns, np.bool_) for rule in (BUDGETED, USUAL_HOUR, USUAL_DAY)}
    found: dict[str, list[tuple[int, int]]] = {rule: [] for rule in alarmed}

    def note(rule: str, at: int, now: NDArray[np.bool_]) -> None:
        found[rule] += [(at, int(column)) for column in np.flatnonzero(now & ~alarmed[rule])]
        alarmed[rule] = now

    for at in range(LOOK - 1, slices, LOOK):
        for place, (span, usual) in enumerate(zip(WINDOWS, (USUAL_HOUR, USUAL_DAY), strict=True)):
            length = span // SLICE_SECONDS
            window = passed[at + 1] - passed[max(at + 1 - length, 0)]
            above, above_usual = compared.above(compared.references[place], window)
            held[place] = np.where(above, held[place] + 1, 0)
            if (at + 1) % length == 0:
                note(usual, at, above_usual)
        note(BUDGETED, at, np.asarray((held > HELD).any(axis=0)))
    return found


def delays(onsets: Sequence[tuple[int, int]], columns: int, begin: int) -> list[float]:
    """Return the hours from a change to the first alarm of each column that had one, sorted; what began before is none."""
    first = {column: (at - begin + 1) / 12 for at, column in reversed(onsets) if at >= begin}
    return sorted(round(hours, 2) for column, hours in first.items() if column < columns)
