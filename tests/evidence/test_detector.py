"""Alarms: they begin at the limit, stay until the change is over, and are few without one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from gambler import MONDAY
from prediction_exporter.counting.cells import Cells
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.slices import SLICE_SECONDS
from prediction_exporter.evidence.bets import Bets
from prediction_exporter.evidence.detector import LOOKS_PER_MONTH, Detector, Walk
from prediction_exporter.evidence.learnt import Learnt, scores_of
from prediction_exporter.evidence.replay import Replay
from prediction_exporter.evidence.scores import column_scores
from prediction_exporter.evidence.variation import Variation

COLUMNS, DAY, HOUR = 10, 86_400, 3600
EDGES = np.concatenate(([-4.2], np.linspace(-1.3, 1.3, 9), [4.2]))
CELLS = len(EDGES) + 3

Counts = NDArray[np.int64]


@dataclass
class Traffic:
    """Normal columns at a rate, in sessions whose rows are alike, with a daily cycle in the first two."""

    rate: float = 100.0
    session: int = 1
    cycle: float = 0.0

    def counts(self, rng: np.random.Generator, days: int, seconds: int, shift: float = 0.0, since: float = 0.0) -> Counts:
        """Draw the rows in each cell of each column by stretches of time, (T, C, B); shifted after so many days."""
        sessions = rng.poisson(self.rate * 24 * days / self.session)
        start = np.repeat(rng.random(sessions) * days * DAY, self.session)
        at = start + (rng.random(len(start)) * HOUR / 2 if self.session > 1 else 0.0)
        kept = at < days * DAY
        place = (at[kept] // seconds).astype(np.int64)
        total = days * DAY // seconds
        found = np.empty((total, COLUMNS, CELLS), np.int64)
        for column in range(COLUMNS):
            values = np.repeat(rng.standard_normal(sessions), self.session)[kept]
            if column < 2:
                values += self.cycle * np.sin(2 * np.pi * at[kept] / DAY)
            values += shift * (at[kept] >= since * DAY)
            cells = np.searchsorted(EDGES, values, side="right")
            found[:, column] = np.bincount(place * CELLS + cells, minlength=total * CELLS).reshape(total, CELLS)
        return found


def column(name: str) -> Column:
    """Return a column with these edges."""
    edges = tuple(EDGES.tolist())
    return Column(name=name, role=Role.FEATURE, kind=Kind.NUMERIC, edges=edges, drift_edges=edges[1:-1])


def detector_of(baseline: Counts, *, replay: bool = True, learning: float = DAY, budget: float = 1.0) -> Detector:
    """Return the detector that a baseline's hours teach."""
    columns = [column(f"c{place}") for place in range(COLUMNS)]
    learnt, scores = [], []
    for place, one in enumerate(columns):
        hours = baseline[:, place]
        whole = hours.sum(axis=0)
        taught = Replay(np.arange(len(hours))).learn(one, hours, (2.0, 2.0)) if replay else None
        learnt.append(taught or Learnt.nothing(column_scores(one, whole[None], (2.0, 2.0))))
        scores.append(scores_of(one, whole, learnt[-1], (2.0, 2.0)))
    return Detector(Bets(Cells(Layout(columns)), scores, learnt), budget, learning=learning)


def played(detector: Detector, counts: Counts) -> tuple[Walk, list[tuple[float, int]]]:
    """Fold slices; return the bets, and the hour and column of each alarm that began."""
    walk, variation = detector.begin(), detector.variation()
    before, begun = walk.alarmed.copy(), []
    for place, of_slice in enumerate(counts):
        detector.fold(walk, variation, MONDAY + place * SLICE_SECONDS, of_slice.reshape(-1))
        begun += [(place / 12, int(at)) for at in np.flatnonzero(walk.alarmed & ~before)]
        before = walk.alarmed.copy()
    return walk, begun


@pytest.mark.parametrize(
    "traffic", [Traffic(), Traffic(session=5), Traffic(cycle=0.7)], ids=["independent", "sessions", "cycle"]
)
def test_a_week_without_a_change_is_silent_and_a_shift_is_found(traffic: Traffic) -> None:
    """Neither sessions nor a cycle raise an alarm; half a standard deviation does, in each column that has no cycle."""
    rng = np.random.default_rng(1)
    detector = detector_of(traffic.counts(rng, 28, HOUR))
    days, since = 12, 7
    _, begun = played(detector, traffic.counts(rng, days, SLICE_SECONDS, shift=0.5, since=since))
    assert not [found for found in begun if found[0] < since * 24]
    assert {at for _, at in begun} >= set(range(2, COLUMNS))


def test_an_alarm_stays_until_the_change_is_over() -> None:
    """It begins once, lasts as long as the shift, and ends after it, without beginning again."""
    rng = np.random.default_rng(2)
    traffic = Traffic(rate=300)
    detector = detector_of(traffic.counts(rng, 14, HOUR))
    walk, variation = detector.begin(), detector.variation()
    parts = [(2, 0.0), (2, 1.0), (3, 0.0)]
    counts = np.concatenate([traffic.counts(rng, days, SLICE_SECONDS, shift=shift) for days, shift in parts])
    alarmed = []
    for place, of_slice in enumerate(counts):
        detector.fold(walk, variation, MONDAY + place * SLICE_SECONDS, of_slice.reshape(-1))
        alarmed.append(walk.alarmed.copy())
    by_column = np.array(alarmed)
    assert not by_column[: 2 * 288].any()
    assert by_column[3 * 288 : 4 * 288].all()
    assert not by_column[-288:].any()
    assert (np.diff(by_column.astype(np.int8), axis=0) == 1).sum() == COLUMNS


def test_an_alarm_begins_at_the_limit() -> None:
    """A column is alarmed from the first slice on at which its capital is the limit or more, and not before."""
    rng = np.random.default_rng(6)
    traffic = Traffic(rate=50)
    detector = detector_of(traffic.counts(rng, 14, HOUR), replay=False, learning=0.0)
    walk, variation = detector.begin(), detector.variation()
    reached = np.zeros(COLUMNS, np.bool_)
    for place, of_slice in enumerate(traffic.counts(rng, 1, SLICE_SECONDS, shift=0.6)):
        detector.fold(walk, variation, MONDAY + place * SLICE_SECONDS, of_slice.reshape(-1))
        reached |= detector.mean_capital(walk) >= detector.limit
        assert np.array_equal(walk.alarmed, reached)
    assert reached.sum() > 0


def test_a_column_alone_needs_the_whole_limit_and_many_share_it() -> None:
    """So many columns moved of which each has the limit divided by their number: counted by trying all numbers."""
    rng = np.random.default_rng(3)
    detector = detector_of(Traffic().counts(rng, 2, HOUR), replay=False, learning=0.0)
    assert detector.limit == LOOKS_PER_MONTH * COLUMNS
    walk, variation = detector.begin(), detector.variation()
    detector.fold(walk, variation, MONDAY, np.zeros(COLUMNS * CELLS, np.int64))
    for _ in range(200):
        shares = 10 ** rng.uniform(-2, 0.2, COLUMNS)
        walk.capital = np.broadcast_to((shares * detector.limit)[:, None, None], walk.capital.shape).copy()
        expected = max(
            (number for number in range(1, COLUMNS + 1) if (shares >= 1 / number - 1e-12).sum() >= number), default=0
        )
        assert detector.evidence(walk, variation).moved == expected


def test_what_has_a_larger_part_of_the_budget_needs_less_and_all_together_are_weighted() -> None:
    """A limit is divided by the part; so many moved of which each has its own over their number, by trying all numbers."""
    rng = np.random.default_rng(7)
    parts = np.array([3.0, 2.0, *([0.625] * 8)])
    assert parts.sum() == COLUMNS
    detector = replace(detector_of(Traffic().counts(rng, 2, HOUR), replay=False, learning=0.0), shares=parts)
    assert detector.limits == pytest.approx(LOOKS_PER_MONTH * COLUMNS / parts)
    walk, variation = detector.begin(), detector.variation()
    detector.fold(walk, variation, MONDAY, np.zeros(COLUMNS * CELLS, np.int64))
    for _ in range(200):
        of_limits = 10 ** rng.uniform(-2, 0.2, COLUMNS)
        walk.capital = np.broadcast_to((of_limits * detector.limits)[:, None, None], walk.capital.shape).copy()
        expected = max(
            (number for number in range(1, COLUMNS + 1) if (of_limits >= 1 / number - 1e-12).sum() >= number), default=0
        )
        assert detector.evidence(walk, variation).moved == expected


def test_an_alarm_begins_at_the_column_s_own_limit_and_shows_no_less() -> None:
    """The column with most of the budget is alarmed first; what is alarmed shows at least its limit until it is back."""
    rng = np.random.default_rng(8)
    parts = np.array([5.5, *([0.5] * 9)])
    detector = replace(detector_of(Traffic().counts(rng, 14, HOUR), replay=False, learning=0.0), shares=parts)
    walk, variation = detector.begin(), detector.variation()
    between = (detector.limits[0] * detector.limits[1]) ** 0.5 / 2
    walk.capital[:] = between
    detector.fold(walk, variation, MONDAY, np.zeros(COLUMNS * CELLS, np.int64))
    assert walk.alarmed.tolist() == [True, *([False] * 9)]
    walk.capital[:] = 0.0
    assert detector.evidence(walk, variation).log10[0] == pytest.approx(np.log10(detector.limits[0]))


def test_the_limit_is_the_budget_over_columns_and_looks() -> None:
    """Twice the budget halves the limit."""
    baseline = Traffic().counts(np.random.default_rng(4), 2, HOUR)
    usual, generous = (detector_of(baseline, replay=False, budget=budget).limit for budget in (1.0, 2.0))
    assert generous == usual / 2


def test_nothing_is_bet_while_learning() -> None:
    """In the first day there is no evidence, and what remains of it is told."""
    rng = np.random.default_rng(5)
    detector = detector_of(Traffic().counts(rng, 2, HOUR), replay=False)
    walk, variation = detector.begin(), detector.variation()
    for place, of_slice in enumerate(Traffic().counts(rng, 2, SLICE_SECONDS, shift=2.0)):
        detector.fold(walk, variation, MONDAY + place * SLICE_SECONDS, of_slice.reshape(-1))
        evidence = detector.evidence(walk, variation)
        assert evidence.learning == max(DAY - place * SLICE_SECONDS, 0)
        assert np.isnan(evidence.log10).all() == (place < 288)
    assert evidence.alarmed.all()


def folded(detector: Detector, counts: Counts, dependence: float) -> Walk:
    """Return the bets after an hour's slices at most, so that production has shown nothing by itself."""
    walk, variation = detector.begin(), detector.variation()
    for place, of_slice in enumerate(counts[:12]):
        detector.fold(walk, variation, MONDAY + place * SLICE_SECONDS, of_slice.reshape(-1), dependence)
    return walk


@pytest.mark.parametrize("replay", [False, True])
def test_rows_of_entities_count_as_one_where_no_replay_taught_it(*, replay: bool) -> None:
    """Seven copies of each row, of which seven are worth one, are the evidence of the rows themselves."""
    rng = np.random.default_rng(7)
    detector = detector_of(Traffic().counts(rng, 14, HOUR), replay=replay, learning=0.0)
    counts = Traffic(rate=600).counts(rng, 1, SLICE_SECONDS, shift=0.2)
    alone, copied = folded(detector, counts, 1.0), folded(detector, 7 * counts, 7.0)
    if replay:  # what the baseline's hours taught holds, and they taught independence
        np.testing.assert_array_equal(copied.capital, folded(detector, 7 * counts, 1.0).capital)
    else:
        np.testing.assert_allclose(copied.capital, alone.capital, rtol=1e-9)


@pytest.mark.parametrize("days", [0, 1, 2, 3, 14])
def test_days_that_hardly_differ_take_back_what_entities_could_come_to(days: int) -> None:
    """Rows of which so many are alike differ by so little from day to day once in a hundred times, as SciPy has it."""
    variation = Variation.empty((2, 3))
    variation.count[-1], variation.mean[-1] = days, 1.25
    freedom = days * 2 / 3
    expected = max(1.25 * freedom / stats.chi2.ppf(0.01, freedom), 1.0) if days else np.inf
    np.testing.assert_allclose(variation.at_most(), np.full((2, 3), expected), rtol=1e-9)


def test_a_column_that_differs_in_each_row_is_seen_again() -> None:
    """Entities of fifty rows a day, of which those of one column are alike, and of the others are not: days tell."""
    rng = np.random.default_rng(8)
    detector = detector_of(Traffic().counts(rng, 14, HOUR), replay=False)
    days = 20
    independent = Traffic(rate=50).counts(rng, days, SLICE_SECONDS, shift=0.5, since=16)
    alike = Traffic(rate=50).counts(rng, days, SLICE_SECONDS)[:, 0]
    for day in range(days):  # a day's rows of one column are those of twenty-four entities
        rows = alike[288 * day : 288 * (day + 1)]
        entities = rng.choice(CELLS, 24, p=independent[:, 1].sum(axis=0) / independent[:, 1].sum())
        for of_slice in rows:
            of_slice[:] = np.bincount(rng.choice(entities, int(of_slice.sum())), minlength=CELLS)
    independent[:, 0] = alike
    found = np.full((2, COLUMNS), np.inf)
    for days_until, dependence in zip(found, (1.0, 50.0), strict=True):
        walk, variation = detector.begin(), detector.variation()
        for place, of_slice in enumerate(independent):
            detector.fold(walk, variation, MONDAY + place * SLICE_SECONDS, of_slice.reshape(-1), dependence)
            days_until[walk.alarmed & np.isinf(days_until)] = place / 288
    assert np.isfinite(found[0, 0])
    assert np.isinf(found[1, 0])
    assert (found[1, 1:] >= 16).all()
    assert (found[1, 1:] < 20).sum() >= 7
