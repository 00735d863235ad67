"""Evaluation: all statistics of 50 columns in 2 windows, for windows of 10**4 and of 10**7 events.

Beside that, what it takes to see the windows from two others, as ``references`` does: from that of the version before at each
evaluation, from last week's once in a quarter of an hour.

The floor is one pass of NumPy over the same counts. Aims: under 10 ms, and within 10 % for both sizes; under 10 ms too where
all columns follow the hour of the week, what is expected included.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from prediction_exporter.baseline.builder import numeric_column
from prediction_exporter.counting.cells import Cells
from prediction_exporter.counting.hours import ByHour
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.statistics import DISTANCES, Reference
from prediction_exporter.statistics.evaluation import Result, evaluate
from prediction_exporter.statistics.seasons import HOURS_OF_WEEK, seasons_of

NUMERIC, CATEGORICAL, WINDOWS = 38, 12, 2
SIZES = (10_000, 10_000_000)
ROUNDS = 60


def profile(layout: Layout, rows: int, rng: np.random.Generator) -> Profile:
    """Draw a profile of so many rows."""
    result = Profile.empty(layout)
    for index, column in enumerate(layout.columns):
        first, end = layout.value_offsets[index : index + 2]
        shares = np.full(column.bins, 1 / column.bins)
        result.counts[first:end] = rng.multinomial(rows, shares)
    result.counts[layout.rows_slot] = rows
    result.sums[0], result.sums[1] = rows * 0.1, rows * 1.2
    result.extremes[0], result.extremes[1] = -3.0, -3.0
    return result


def with_seasons(reference: Reference, rng: np.random.Generator) -> Reference:
    """Return the same baseline, whose columns all follow the hour of the week."""
    cells = Cells(reference.layout)
    whole = np.split(cells.of(reference.baseline), cells.offsets[1:-1])
    by_slot = [rng.multinomial(of, rng.dirichlet(np.full(HOURS_OF_WEEK, 5.0), len(of))).T for of in whole]
    seasons = seasons_of(reference.baseline, by_slot)
    return Reference(reference.baseline, alpha=reference.alpha, min_predictions=reference.min_predictions, seasons=seasons)


def day(window: Profile) -> ByHour:
    """Return a window's rows as those of a day."""
    hours = np.arange(24)
    part = np.full(24, 1 / 24)
    return ByHour(hours, part * window.rows, part[:, None] * window.valid, 1)


def median(function: Callable[[], object]) -> float:
    """Return the median time of a call in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        function()
        times.append(time.process_time() - began)
    return statistics.median(times) * 1e3


def _seen_from(other: Profile, window: Profile) -> dict[str, Result]:
    return evaluate(Reference(other, alpha=1e-4, min_predictions=30), window, statistics=DISTANCES)


def main() -> None:
    """Print the times and their ratio."""
    rng = np.random.default_rng(0)
    values = np.sort(rng.normal(size=50_000))
    columns = [numeric_column(f"num_{i}", Role.FEATURE, values) for i in range(NUMERIC)]
    table = tuple(f"value_{i}" for i in range(12))
    columns += [Column(name=f"cat_{i}", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=table) for i in range(CATEGORICAL)]
    layout = Layout(columns)
    reference = Reference(profile(layout, 50_000, rng), alpha=1e-4, min_predictions=30)
    print(f"evaluation: {len(columns)} columns x {WINDOWS} windows, all statistics, {layout.values:,} bins")
    found = []
    for rows in SIZES:
        windows = [profile(layout, rows, rng) for _ in range(WINDOWS)]
        found.append(median(lambda windows=windows: [evaluate(reference, window) for window in windows]))  # type: ignore[misc]  # the default binds the loop variable; mypy infers no type for it
        print(f"  {rows:12,} events     {found[-1]:8.2f} ms   (aim: under 10)")
    others = [profile(layout, SIZES[0], rng) for _ in range(WINDOWS)]
    seen = median(lambda: [_seen_from(other, window) for other, window in zip(others, windows, strict=True)])
    print(f"  from two other windows  {seen:8.2f} ms   (more; where references are configured)")
    seasonal = with_seasons(reference, rng)
    windows = [profile(layout, SIZES[0], rng) for _ in range(WINDOWS)]
    by_hour = [day(window) for window in windows]

    def evaluate_with_seasons() -> None:
        for window, hours in zip(windows, by_hour, strict=True):
            evaluate(seasonal, window, expected=seasonal.expected(hours))

    print(f"  all with a season       {median(evaluate_with_seasons):8.2f} ms   (aim: under 10)")
    counts = windows[0].values.astype(float)
    floor = median(lambda: [np.add.reduceat(np.log(counts + 0.5), layout.value_offsets[:-1]) for _ in range(WINDOWS)])
    print(f"  one NumPy pass          {floor:8.2f} ms   ({found[0] / floor:.0f} times as much for everything)")
    print(f"  ratio of the sizes      {found[1] / found[0]:8.2f}      (aim: 0.9 to 1.1)")


if __name__ == "__main__":
    main()
