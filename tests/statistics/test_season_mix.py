"""The mix of a baseline's hours: by hand, how many rows stand behind it, and what distances read without drift by that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from prediction_exporter.counting.cells import Cells
from prediction_exporter.counting.hours import ByHour, hour_of_week
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import Key
from prediction_exporter.counting.windows import Span, Windows
from prediction_exporter.statistics import STATISTICS, Comparison, Reference
from prediction_exporter.statistics.seasons import Seasons, seasons_of

ALPHA = 0.01
Counts = NDArray[np.int64]

#: A Monday, 00:00 UTC.
MONDAY = 1_795_996_800

NUMBER = Column(
    name="number",
    role=Role.FEATURE,
    kind=Kind.NUMERIC,
    edges=tuple(float(edge) for edge in range(21)),
    drift_edges=(4.0, 8.0, 12.0, 16.0),
)
WORD = Column(name="word", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("a", "b", "c"))


def slots_of(hours: Sequence[int], slots: int) -> list[int]:
    """Return the slot of each hour of the week."""
    return [hour // 24 if slots == 7 else hour % slots for hour in hours]


def baseline_of(column: Column, by_slot: Counts) -> tuple[Profile, Seasons]:
    """Return a baseline of one column, with these rows in its cells by slot, and its seasons."""
    layout = Layout([column])
    profile = Profile.empty(layout)
    whole = by_slot.sum(axis=0)
    starts = [*cell_starts_of(column), column.bins]
    for count, first, end in zip(whole[:-2].tolist(), starts, starts[1:], strict=False):
        inside = np.full(end - first, count // (end - first))
        inside[0] += count - inside.sum()
        profile.values[first:end] = inside
    profile.states[0] = (whole[-2], whole[-1], 0)
    profile.counts[layout.rows_slot] = whole.sum()
    assert Cells(layout).of(profile).tolist() == whole.tolist()
    seasons = seasons_of(profile, [by_slot])
    assert seasons is not None
    return profile, seasons


def cell_starts_of(column: Column) -> list[int]:
    """Return where the cells begin: as drift bins, with what lies out of range apart."""
    return [0, 1, 5, 9, 13, 17, 21] if column is NUMBER else [0, 1, 2, 3]


def by_hour_of(hours: Sequence[int], valid: Sequence[float], rows: Sequence[float] | None = None, width: int = 1) -> ByHour:
    """Return a window of one column."""
    every = np.array(valid if rows is None else rows, np.float64)
    return ByHour(np.array(hours, np.intp), every, np.array(valid, np.float64)[:, None], width)


def by_hand(by_slot: Counts, slots: Sequence[int], valid: Sequence[float]) -> NDArray[np.float64]:
    """Return the share of each value cell, row by row of the window."""
    values = by_slot[:, :-2]
    of_all = (values.sum(axis=0) + 0.5) / (values.sum() + 0.5 * values.shape[1])
    total = np.zeros(values.shape[1])
    for slot, count in zip(slots, valid, strict=True):
        total += count * (values[slot] + 20 * of_all) / (values[slot].sum() + 20)
    return total / sum(valid)


def draw(slots: int, cells: int, seed: int, each: float = 30.0) -> Counts:
    """Return rows by slot and cell; some slots have none."""
    chance = np.random.default_rng(seed)
    counts = chance.poisson(each * chance.gamma(1.0, size=(slots, cells)))
    counts[1 :: max(slots // 4, 2)] = 0
    return counts.astype(np.int64)


@pytest.mark.parametrize("slots", [7, 24, 168])
@pytest.mark.parametrize("column", [NUMBER, WORD], ids=["number", "word"])
def test_the_mix_by_hand(column: Column, slots: int) -> None:
    """Of cells and of drift bins, and of rows without a value."""
    by_slot = draw(slots, len(cell_starts_of(column)) + 2, seed=slots)
    hours, valid, rows = [3, 20, 27, 100, 167], [10.0, 0.0, 5.0, 300.0, 1.0], [10.0, 40.0, 5.0, 310.0, 2.0]
    at = slots_of(hours, slots)
    _, seasons = baseline_of(column, by_slot)
    season = seasons.of(by_hour_of(hours, valid, rows))
    expected = by_hand(by_slot, at, valid)
    assert season.cells == pytest.approx(expected, rel=1e-12)
    drift = [expected[0] + expected[1], *expected[2:5], expected[5] + expected[6]] if column is NUMBER else expected
    assert season.drift == pytest.approx(np.array(drift), rel=1e-12)
    assert season.last[0] == pytest.approx(expected[-1])
    of_all = (by_slot.sum(axis=0) + 0.5) / (by_slot.sum() + 0.5 * by_slot.shape[1])
    without = sum(
        count * (by_slot[slot, -2:] + 20 * of_all[-2:]) / (by_slot[slot].sum() + 20)
        for slot, count in zip(at, rows, strict=True)
    ) / sum(rows)
    assert [season.missing[0], season.bad[0]] == pytest.approx(list(without))


@pytest.mark.parametrize("slots", [7, 24, 168])
def test_how_many_rows_stand_behind_it(slots: int) -> None:
    """A row that is moved between two cells in one slot moves the share by a_k / n_k; sum a_k**2 / n_k is the variance."""
    by_slot = draw(slots, 6, seed=1, each=400.0)
    hours, valid = [0, 1, 30, 31, 150], [50.0, 20.0, 100.0, 1.0, 30.0]
    _, seasons = baseline_of(WORD, by_slot)
    season = seasons.of(by_hour_of(hours, valid))
    inverse = 0.0
    for slot in range(slots):
        rows = by_slot[slot, :-2].sum()
        if rows:
            at = int(by_slot[slot, :2].argmax())
            moved = by_slot.copy()
            moved[slot, at] -= 1
            moved[slot, 1 - at] += 1
            changed = baseline_of(WORD, moved)[1].of(by_hour_of(hours, valid))
            inverse += rows * float(changed.cells[1 - at] - season.cells[1 - at]) ** 2
    assert season.valid[0] == pytest.approx(1 / inverse, rel=2e-3)


def test_the_mix_of_the_baseline_is_all_of_it() -> None:
    """As many rows as it has stand behind it, and of a single hour about as many as that has."""
    by_slot = np.full((24, 6), 500, np.int64)
    _, seasons = baseline_of(WORD, by_slot)
    assert seasons.of(by_hour_of(range(24), [7.0] * 24)).valid == pytest.approx([24 * 2000])
    assert seasons.of(by_hour_of([5], [1000.0])).valid == pytest.approx([2000 * (1 + 20 / 2000) ** 2], rel=1e-3)
    nothing = seasons.of(by_hour_of([], []))
    assert (nothing.valid[0], nothing.drift.sum()) == pytest.approx((24 * 2000, 1.0))


def test_mixes_add_up() -> None:
    """Of two windows, each times its values, they make that of both: also where buckets last several hours."""
    _, seasons = baseline_of(NUMBER, draw(168, 9, seed=5))
    for width in (1, 4):
        one = by_hour_of([3, 50], [10.0, 20.0], width=width)
        other = by_hour_of([50, 166], [5.0, 1.0], width=width)
        both = by_hour_of([3, 50, 166], [10.0, 25.0, 1.0], width=width)
        assert 30 * seasons.of(one).drift + 6 * seasons.of(other).drift == pytest.approx(36 * seasons.of(both).drift, rel=1e-12)


def test_a_bucket_of_several_hours_has_them_as_the_baseline_has() -> None:
    """Its rows are spread over its hours by the baseline's rows in these; around the end of the week too."""
    by_slot = draw(168, 6, seed=6)
    _, seasons = baseline_of(WORD, by_slot)
    hours = [166, 167, 0, 1]
    rows = by_slot[hours, :-2].sum(axis=1)
    spread = (100.0 * rows / rows.sum()).tolist()
    wide, fine = seasons.of(by_hour_of([166], [100.0], width=4)), seasons.of(by_hour_of(hours, spread))
    assert wide.drift == pytest.approx(fine.drift, rel=1e-9)
    assert wide.valid == pytest.approx(fine.valid, rel=1e-9)


def test_an_hour_raises_no_false_alarms() -> None:
    """Windows of an hour of which the baseline has 300 rows: thresholds hold, and noise floors are what is read on average.

    With the whole baseline's 7,200 rows behind it, PSI would read nearly twice its floor.
    """
    chance = np.random.default_rng(11)
    effects = {statistic.key: {"number": 0.0} for statistic in STATISTICS if statistic.threshold is not None}
    shares = np.array([0.0, 0.1, 0.3, 0.25, 0.2, 0.15, 0.0])
    passed, read, floors = Counter[str](), dict.fromkeys(DISTANCES, 0.0), dict.fromkeys(DISTANCES, 0.0)
    for _ in range(400):
        by_slot = np.concatenate((chance.multinomial(300, shares, 24), np.zeros((24, 2), np.int64)), axis=1)
        profile, seasons = baseline_of(NUMBER, by_slot)
        reference = Reference(profile, alpha=ALPHA, min_predictions=1, effects=effects, seasons=seasons)
        window = Profile.empty(profile.layout)
        cells = chance.multinomial(400, shares)
        for count, first in zip(cells.tolist(), cell_starts_of(NUMBER), strict=True):
            window.values[first] += count
        window.counts[window.layout.rows_slot] = 400
        comparison = Comparison(reference, window, expected=reference.expected(by_hour_of([9], [400.0])))
        for statistic in STATISTICS:
            if statistic.key in DISTANCES:
                assert statistic.threshold is not None
                assert statistic.noise is not None
                value = float(statistic.compute(comparison)[0])
                passed[statistic.key] += int(value > statistic.threshold.of(statistic, comparison)[0])
                read[statistic.key] += value
                floors[statistic.key] += float(statistic.noise.floor(comparison)[0])
    # Of 400 with a chance of 0.01 each, 12 or more come once in a thousand times.
    assert {key: count for key, count in passed.items() if count >= 12} == {}
    for key in ("psi", "jensen_shannon_distance", "hellinger_distance", "kl_divergence", "total_variation_distance"):
        assert read[key] == pytest.approx(floors[key], rel=0.1), key


DISTANCES = {
    "psi",
    "jensen_shannon_distance",
    "hellinger_distance",
    "kl_divergence",
    "total_variation_distance",
    "wasserstein_distance",
    "ks_statistic",
}


def test_hours_are_those_of_the_windows_rows() -> None:
    """Of what is counted for good and of what may still change, together the rows and values of the window."""
    layout = Layout([NUMBER, WORD])
    now = MONDAY + 3 * 86_400.0 + 40
    chance = np.random.default_rng(3)
    for seconds in (3600, 86_400, 31 * 86_400):
        span = Span.of("w", seconds)
        windows = Windows(layout, [span])
        for number in range(300):
            profile = Profile.empty(layout)
            count = int(chance.integers(1, 400))
            profile.values[chance.integers(0, NUMBER.bins)] = count
            profile.states[1] = (1, 2, count - 3) if count > 3 else (count, 0, 0)
            profile.counts[layout.rows_slot] = count
            bucket = int(now - chance.integers(0, seconds)) // 60 * 60
            if number % 3:
                windows.add(Key(version="1", segment="all", bucket=bucket), profile, now=now)
            else:
                windows.replace(bucket, bucket + 60, {Key(version="1", segment="all", bucket=bucket): profile})
        [(_, _, _, total)] = windows.totals(now)
        by_hour = windows.by_hour("1", "all", span, now, "UTC")
        assert by_hour.rows.sum() == total.rows > 0
        assert by_hour.valid.sum(axis=0).tolist() == total.valid.tolist()
        assert by_hour.width == max(span.bucket // 3600, 1)
        if seconds == 3600:
            assert sorted(by_hour.hours.tolist()) == [71, 72]


@pytest.mark.parametrize(
    ("text", "zone", "hour"),
    [
        ("2026-11-30T00:00", "UTC", 0),
        ("2026-11-29T23:59", "UTC", 167),
        ("2026-03-29T00:59", "Europe/Berlin", 145),  # before summer time begins
        ("2026-03-29T01:00", "Europe/Berlin", 147),
        ("2026-10-25T00:30", "Europe/Berlin", 146),  # the hour that comes twice
        ("2026-10-25T01:30", "Europe/Berlin", 146),
        ("2026-11-30T18:29", "Asia/Kolkata", 23),
        ("2026-11-30T18:30", "Asia/Kolkata", 24),
    ],
)
def test_the_hour_of_the_week(text: str, zone: str, hour: int) -> None:
    """In local time, whatever the clock does."""
    start = int(np.datetime64(text, "s").astype(np.int64))
    assert hour_of_week(start, zone) == hour


MANY = Column(name="many", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=tuple(f"c{i}" for i in range(25)), own_bins=24)
THERE = Column(name="there", role=Role.FEATURE, kind=Kind.PRESENCE)


Rows = Mapping[str, Counts]


def profile_of(layout: Layout, counts: Rows) -> Profile:
    """Return a profile of 3,000 rows, of which each column has these in its value bins, missing and invalid."""
    profile = Profile.empty(layout)
    for index, column in enumerate(layout.columns):
        profile.values[slice(*layout.value_offsets[index : index + 2])] = counts[column.name][:-2]
        profile.states[index] = (*counts[column.name][-2:], 0)
    profile.counts[layout.rows_slot] = 3000
    return profile


def read_alone(column: Column, comparison: Comparison) -> dict[str, list[float]]:
    """Return values, threshold and noise floor of each statistic of a column, and what is expected of it."""
    index = comparison.layout.index(column.name)
    bins = slice(*comparison.layout.drift_offsets[index : index + 2])
    found = {"expected": comparison.expected.proportions[bins].tolist()}
    for statistic in STATISTICS:
        if statistic.scope == "column":
            found[statistic.key] = np.atleast_1d(statistic.compute(comparison)[index]).tolist()
            if statistic.threshold is not None:
                found[f"{statistic.key} threshold"] = [float(statistic.threshold.of(statistic, comparison)[index])]
            if statistic.noise is not None:
                found[f"{statistic.key} floor"] = [float(statistic.noise.floor(comparison)[index])]
    return found


def compared(chosen: Sequence[Column], old: Rows, new: Rows, counts: Mapping[str, Counts | None]) -> Comparison:
    """Return the comparison of some columns, whose window is of three hours."""
    layout = Layout(chosen)
    baseline, window = profile_of(layout, old), profile_of(layout, new)
    seasons = seasons_of(baseline, [counts[column.name] for column in chosen])
    reference = Reference(baseline, alpha=ALPHA, min_predictions=1, seasons=seasons)
    part = np.array([0.2, 0.3, 0.5])
    by_hour = ByHour(np.array([5, 77, 78]), part * window.rows, np.outer(part, window.valid), 1)
    return Comparison(reference, window, expected=reference.expected(by_hour))


def test_no_column_reaches_another() -> None:
    """Columns of all seasons, and without one, side by side: each reads what it reads alone; without one, to the last digit."""
    chance = np.random.default_rng(21)
    plain = replace(NUMBER, name="plain")
    by_slot = {NUMBER: 168, plain: 0, WORD: 7, MANY: 24, THERE: 24}
    old, new = (
        {c.name: chance.multinomial(3000, chance.dirichlet(np.full(c.bins + 2, 2.0))) for c in by_slot} for _ in range(2)
    )
    counts: dict[str, Counts | None] = {}
    for column, slots in by_slot.items():
        cells = Cells(Layout([column])).of(profile_of(Layout([column]), old))
        spread = [chance.multinomial(of, chance.dirichlet(np.ones(max(slots, 1)))) for of in cells]
        counts[column.name] = np.array(spread).T if slots else None
    together = compared([*by_slot], old, new, counts)
    for column in by_slot:
        found, alone = read_alone(column, together), read_alone(column, compared([column], old, new, counts))
        assert sum(found["expected"]) == pytest.approx(1.0)
        for key, values in found.items():
            exact = column is plain
            rel, absolute = (0.0, 0.0) if exact else (1e-9, 1e-12)
            assert values == pytest.approx(alone[key], rel=rel, abs=absolute, nan_ok=True), (column.name, key)
