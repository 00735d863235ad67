"""Replay: what a baseline's own hours teach is what closed forms and a loop written out say."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from prediction_exporter.counting.cells import STATE_CELLS, cell_starts
from prediction_exporter.counting.layout import Column, Kind, Role
from prediction_exporter.evidence.learnt import LEAST_TOLERANCE, Learnt, scores_of
from prediction_exporter.evidence.replay import Replay
from prediction_exporter.evidence.scores import column_scores

Counts = NDArray[np.int64]
Values = NDArray[np.float64]

#: Ten bins of equal mass of a standard normal value, and the range that no value leaves.
DECILES = (-1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816)
NUMBER = Column(name="amount", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(-9.0, *DECILES, 9.0), drift_edges=DECILES)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEKDAY = Column(name="weekday", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=WEEKDAYS)


def cells_of(values: Values) -> NDArray[np.intp]:
    """Return the cell of each value of the number, missing where it is NaN."""
    bins = np.searchsorted(NUMBER.edges, values, side="right")
    places = np.searchsorted(cell_starts(NUMBER), bins, side="right") - 1
    return np.where(np.isnan(values), len(cell_starts(NUMBER)), places)


def counted(hours: NDArray[np.int64], cells: NDArray[np.intp], width: int) -> tuple[NDArray[np.int64], Counts]:
    """Return the hours that have rows, and the rows in each cell."""
    distinct, places = np.unique(hours, return_inverse=True)
    counts = np.bincount(places * width + cells, minlength=len(distinct) * width).reshape(len(distinct), width)
    return distinct, counts.astype(np.int64)


def of_numbers(hours: NDArray[np.int64], values: Values) -> tuple[NDArray[np.int64], Counts]:
    """Return the hours that have rows, and the rows in each cell of the number."""
    return counted(hours, cells_of(values), len(cell_starts(NUMBER)) + STATE_CELLS)


def of_weekdays(hours: NDArray[np.int64]) -> tuple[NDArray[np.int64], Counts]:
    """Return the hours that have rows, and those of each day of the week."""
    return counted(hours, (hours // 24 % 7).astype(np.intp), len(cell_starts(WEEKDAY)) + STATE_CELLS)


def learn(column: Column, rows: tuple[NDArray[np.int64], Counts]) -> Learnt:
    """Return what rows by hour teach."""
    return Replay(rows[0]).learn(column, rows[1])


def traffic(days: int, rate: float, seed: int = 1) -> tuple[NDArray[np.int64], np.random.Generator]:
    """Return the hour of each row, as many as come at random, and the chance they came by."""
    chance = np.random.default_rng(seed)
    return np.repeat(np.arange(days * 24), chance.poisson(rate, days * 24)), chance


def shift_of(learnt: Learnt, attribute: str) -> float:
    """Return what was learnt of the scores of a shift, the larger."""
    return float(getattr(learnt, attribute)[:2].max())


def test_independent_rows_vary_as_samples_do() -> None:
    """An hour's mean has the variance of a sample's, each row counts as one, and the least shift is seen."""
    hours, chance = traffic(56, 100)
    learnt = learn(NUMBER, of_numbers(hours, chance.normal(size=len(hours))))
    assert learnt.replayed
    assert learnt.hours == 1
    assert learnt.first == pytest.approx(1.0, abs=4 * math.sqrt(2 / (56 * 24)))
    assert learnt.effect.max() == 1.0
    assert learnt.tolerance.tolist() == [LEAST_TOLERANCE] * len(learnt.tolerance)


@pytest.mark.parametrize("size", [3, 10])
def test_rows_of_a_session_count_as_one(size: int) -> None:
    """Sessions of k equal rows within an hour: the variance of an hour's mean is k times that of independent rows."""
    hours, chance = traffic(42, 50)
    values = np.repeat(chance.normal(size=len(hours)), size)
    learnt = learn(NUMBER, of_numbers(np.repeat(hours, size), values))
    assert shift_of(learnt, "first") == pytest.approx(size, rel=4 * math.sqrt(2 / (42 * 24)))
    assert shift_of(learnt, "first") < shift_of(learnt, "effect") < 1.3 * size
    assert shift_of(learnt, "tolerance") == LEAST_TOLERANCE


def test_a_mean_that_wanders_is_tolerated() -> None:
    """One that goes about by 0.3 standard deviations within days: no shift is looked for that it makes by itself."""
    hours, chance = traffic(56, 100)
    level = np.zeros(56 * 24)
    keep = math.exp(-1 / 48)
    for hour in range(1, len(level)):
        level[hour] = keep * level[hour - 1] + math.sqrt(1 - keep**2) * chance.normal()
    learnt = learn(NUMBER, of_numbers(hours, chance.normal(size=len(hours)) + 0.3 * level[hours]))
    assert 0.3 < shift_of(learnt, "tolerance") < 1.73
    assert shift_of(learnt, "effect") > 5


def test_a_daily_cycle_is_no_change() -> None:
    """Compared with the same hour of other days it is no variation at all; compared with the whole it would be."""
    hours, chance = traffic(28, 200)
    values = chance.normal(size=len(hours)) + 0.5 * np.sin(2 * np.pi * hours / 24)
    learnt = learn(NUMBER, of_numbers(hours, values))
    assert (learnt.hours, learnt.copies) == (24, 1)
    assert learnt.counts is not None
    assert learnt.counts.tolist() == [
        of_numbers(hours, values)[1][np.arange(28 * 24) % 24 == hour].sum(axis=0).tolist() for hour in range(24)
    ]
    assert shift_of(learnt, "effect") == 1.0
    assert shift_of(learnt, "tolerance") == LEAST_TOLERANCE
    short = learn(NUMBER, of_numbers(hours[hours < 6 * 24], values[hours < 6 * 24]))
    assert short.hours == 1
    assert shift_of(short, "first") > 5


def test_a_calendar_is_followed() -> None:
    """The day of the week is what it is at each hour of the week; in three weeks that cannot be learnt, and nothing is seen."""
    hours, _ = traffic(56, 100)
    learnt = learn(WEEKDAY, of_weekdays(hours))
    assert (learnt.hours, learnt.copies) == (168, 24)
    assert learnt.tolerance[:14].max() < 0.5
    chance = np.random.default_rng(9)
    by_hour = chance.normal(size=168)
    of_week = learn(NUMBER, of_numbers(hours, chance.normal(size=len(hours)) + by_hour[hours % 168]))
    assert (of_week.hours, of_week.copies) == (168, 1)
    assert shift_of(of_week, "tolerance") < 0.2
    short = learn(WEEKDAY, of_weekdays(hours[hours < 21 * 24]))
    assert short.tolerance[:14].min() > 0.4


def test_days_whose_rows_have_one_time() -> None:
    """Of these, days are compared, and the day of the week is the season; each of its hours has the counts of the day."""
    chance = np.random.default_rng(5)
    hours = np.repeat(np.arange(70) * 24 + 3, 200)
    independent = learn(NUMBER, of_numbers(hours, chance.normal(size=len(hours))))
    assert independent.hours == 1
    assert independent.tolerance[:2].tolist() == [LEAST_TOLERANCE] * 2
    as_one = learn(NUMBER, of_numbers(hours, chance.normal(size=len(hours)) + np.repeat(chance.normal(size=70), 200)))
    assert as_one.tolerance[:2].min() > 0.8
    assert as_one.effect[:2].min() > 50
    learnt = learn(WEEKDAY, of_weekdays(hours))
    assert (learnt.hours, learnt.copies) == (168, 24)
    assert learnt.counts is not None
    assert [learnt.counts[hour, hour // 24] for hour in range(168)] == [2000] * 168
    assert learnt.counts.sum() == 168 * 2000


def test_copies_of_a_day_are_not_more_rows() -> None:
    """Scores, their deviation and what is left open are those of the seven days."""
    chance = np.random.default_rng(3)
    by_day = chance.integers(0, 30, (7, len(cell_starts(WEEKDAY)) + STATE_CELLS))
    ones = np.ones(len(column_scores(WEEKDAY, by_day).names))
    learnt = Learnt(168, np.repeat(by_day, 24, axis=0), ones, ones, ones, replayed=True, copies=24)
    of_days = column_scores(WEEKDAY, by_day, (12.0, 20.0))
    of_hours = scores_of(WEEKDAY, by_day.sum(axis=0), learnt, (12.0, 20.0))
    np.testing.assert_allclose(of_hours.values, np.repeat(of_days.values, 24, axis=0))
    np.testing.assert_allclose(of_hours.deviation, of_days.deviation)
    np.testing.assert_allclose(of_hours.error, of_days.error)


def test_hours_without_rows() -> None:
    """A shop that is closed at night and on Sundays varies no more for it, also where a stray row is of another year."""
    hours, chance = traffic(56, 100)
    is_open = (hours % 24 >= 8) & (hours % 24 < 18) & (hours // 24 % 7 != 6)
    hours = np.append(hours[is_open], 500_000)
    learnt = learn(NUMBER, of_numbers(hours, chance.normal(size=len(hours))))
    assert learnt.first == pytest.approx(1.0, abs=4 * math.sqrt(2 / (48 * 10)))
    assert learnt.tolerance.tolist() == [LEAST_TOLERANCE] * len(learnt.tolerance)


def test_four_weeks_of_working_days_have_a_week() -> None:
    """From Monday of the first to Friday of the last."""
    hours, _ = traffic(26, 100)
    learnt = learn(WEEKDAY, of_weekdays(hours[hours // 24 % 7 < 5]))
    assert learnt.hours == 168


def test_a_day_that_is_cut_off_is_no_farthest_mean() -> None:
    """Data that end with one odd row just after midnight are not taken for a day of such rows."""
    hours, chance = traffic(28, 200)
    level = np.repeat(0.2 * chance.normal(size=14), 48)
    values = chance.normal(size=len(hours)) + level[hours]
    whole = learn(NUMBER, of_numbers(hours, values))
    cut = learn(NUMBER, of_numbers(np.append(hours, 28 * 24), np.append(values, 5.0)))
    assert shift_of(whole, "tolerance") > LEAST_TOLERANCE
    assert shift_of(cut, "tolerance") == pytest.approx(shift_of(whole, "tolerance"), rel=0.05)


def test_what_lies_outside_is_not_taught() -> None:
    """A range of its own data is left by none of them, which is no evidence: rows are taken as independent ones."""
    hours, chance = traffic(28, 30)
    rows = of_numbers(hours, np.repeat(chance.normal(size=len(hours) // 30 + 1), 30)[: len(hours)])
    learnt = Replay(rows[0]).learn(NUMBER, rows[1], (0.3 * len(hours), 0.0))
    place = column_scores(NUMBER, rows[1].sum(axis=0)[None]).names.index("more outside")
    assert (learnt.first[place], learnt.effect[place], learnt.tolerance[place]) == (1.0, 1.0, LEAST_TOLERANCE)
    assert shift_of(learnt, "first") > 5


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_a_column_that_never_varies(value: float) -> None:
    """A constant, or one that is always missing, varies by nothing."""
    hours, _ = traffic(28, 20)
    learnt = learn(NUMBER, of_numbers(hours, np.full(len(hours), value)))
    assert learnt.hours == 1
    assert set(learnt.first) | set(learnt.effect) == {1.0}
    assert set(learnt.tolerance) == {LEAST_TOLERANCE}


@pytest.mark.parametrize("hours", [np.arange(7), np.arange(7) * 24, np.array([], np.int64)])
def test_too_few_hours_teach_nothing(hours: NDArray[np.int64]) -> None:
    """Fewer than eight windows, of an hour or a day, say nothing of how they vary."""
    many = np.repeat(hours, 100)
    learnt = learn(NUMBER, of_numbers(many, np.zeros(len(many))))
    assert (learnt.replayed, learnt.hours, learnt.counts) == (False, 1, None)
    assert set(learnt.effect) == {1.0}


# The same by loops


def looped(column: Column, hours: NDArray[np.int64], counts: Counts, lengths: list[int]) -> dict[str, list[float]]:
    """Return what is learnt without a season, window by window and cell by cell."""
    scores = column_scores(column, counts.sum(axis=0)[None])
    folds = np.array_split(np.arange(len(hours)), 6 if len({hour // 24 for hour in hours}) >= 60 else 4)
    values: dict[int, Values] = {}
    for fold in folds:
        others = np.delete(counts, fold, axis=0).sum(axis=0)
        values |= dict.fromkeys(fold.tolist(), column_scores(column, others[None]).values[0])
    found: dict[str, list[float]] = {"first": [], "effect": [], "tolerance": []}
    for score, deviation in enumerate(scores.deviation):
        shown = []
        for length in lengths:
            sums: dict[int, float] = {}
            rows: dict[int, int] = {}
            for place, hour in enumerate(hours):
                for cell, count in enumerate(counts[place]):
                    window = int(hour) // length
                    sums[window] = sums.get(window, 0.0) + float(count) * values[place][score, cell]
                    rows[window] = rows.get(window, 0) + int(count) * bool(scores.takes[score, cell])
            usual = np.median([of_all_rows(counts, hours, length, window) for window in sums]) / 2
            for end in (min(sums), max(sums)):
                if of_all_rows(counts, hours, length, end) < usual:
                    rows[end] = 0  # cut off
            means = {window: sums[window] / rows[window] for window in sums if rows[window]}
            squares = [rows[window] * mean**2 / deviation**2 for window, mean in means.items()]
            mean_square = sum(squares) / len(squares)
            shown.append(
                (length, mean_square, 1 + 2 * math.sqrt(2 / len(squares)), len(squares), max(map(abs, means.values())))
            )
        _, first, above, _, _ = shown[0]
        effect = max(1.0, first * above) if first > above else 1.0
        first = max(1.0, first)
        steady = True
        for _, variance, more, windows, _ in shown[1:]:
            if windows >= 20 and variance > effect * more:
                effect = max(1.0, variance * more)
            steady = steady and (windows < 8 or variance <= first * above * more)
        far = [farthest for length, _, _, windows, farthest in shown if length >= 24 and windows >= 8]
        found["first"].append(first)
        found["effect"].append(effect)
        found["tolerance"].append(0.1 if steady else max(0.1, 1.25 * max(far) / deviation))
    return found


def of_all_rows(counts: Counts, hours: NDArray[np.int64], length: int, window: int) -> int:
    """Return the rows of a window."""
    return int(counts[hours // length == window].sum())


@pytest.mark.parametrize("days", [24, 61])
@pytest.mark.parametrize("make", [np.zeros_like, np.cumsum], ids=["independent", "walk"])
def test_as_a_loop_says(make: Callable[[Values], Values], days: int) -> None:
    """Folds, windows, the ladder over their lengths and the tolerance, with missing values, each written out."""
    hours, chance = traffic(days, 12)
    walk = make(chance.normal(0.0, 0.05, days * 24))
    values = chance.normal(size=len(hours)) + walk[hours] - walk.mean()
    values[chance.random(len(values)) < 0.1] = np.nan
    distinct, counts = of_numbers(hours, np.clip(values, -8.0, 8.0))
    expected = looped(NUMBER, distinct, counts, [1, 6, 24, 72, 168])
    learnt = learn(NUMBER, (distinct, counts))
    outside = column_scores(NUMBER, counts.sum(axis=0)[None]).names.index("more outside")
    if learnt.hours == 1:
        for name, numbers in expected.items():
            taught = np.delete(getattr(learnt, name), outside)
            np.testing.assert_allclose(taught, np.delete(numbers, outside), rtol=1e-9, err_msg=name)
    assert learnt.hours == 1, "a season would not be compared"
