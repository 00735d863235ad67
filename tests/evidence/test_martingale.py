"""Evidence from counts is what a gambler has who bets on each row, and obeys the laws of such a game."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from gambler import MONDAY, Gambler, Setting, counted, hour_of_week, rows_of, starts
from prediction_exporter.counting.slices import SLICE_SECONDS
from prediction_exporter.evidence.bets import BETS
from prediction_exporter.evidence.detector import Detector, Walk
from prediction_exporter.evidence.variation import Variation

FEW = 12  # rows of a slice at most: an hour of them stays below the rows that a mean needs


def begun(detector: Detector) -> tuple[Walk, Variation]:
    """Return bets and variation before the first slice."""
    return detector.begin(), detector.variation()


@pytest.mark.parametrize("season", [1, 24, 168])
@pytest.mark.parametrize("seed", range(3))
def test_evidence_is_that_of_a_gambler(season: int, seed: int) -> None:
    """Over random slices, some of them empty, every bet has the capital of one who bets row by row."""
    rng = np.random.default_rng([seed, season])
    setting = Setting.drawn(rng, season=season)
    detector = setting.detector()
    walk, variation = begun(detector)
    gamblers = [
        [Gambler.of(scores, learnt, at) for at in range(len(scores.names))]
        for scores, learnt in zip(setting.scores, setting.learnt, strict=True)
    ]
    # Until the first hour is over the baseline alone tells what a row is worth.
    worth = [1.0 / learnt.effect for learnt in setting.learnt]
    common = [
        min((float(w) for w, rare in zip(of, scores.rare, strict=True) if not rare), default=math.nan)
        for of, scores in zip(worth, setting.scores, strict=True)
    ]
    usual = float(np.nanmedian(common))
    empty = 0
    for start in starts(1.0, MONDAY + 11 * 3600):
        rows = rows_of(rng, setting, FEW) if rng.random() < 0.7 else [[] for _ in setting.columns]
        if not rows[0]:
            empty += start > MONDAY + 11 * 3600 and walk.newest is not None
            continue
        detector.fold(walk, variation, start, counted(setting, rows))
        for column, of_column in enumerate(gamblers):
            bound = common[column] if math.isfinite(common[column]) else usual
            for score, gambler in enumerate(of_column):
                own = float(worth[column][score])
                exponent = min(own, bound) if setting.scores[column].rare[score] else own
                gambler.play(hour_of_week(start), rows[column], exponent, empty)
                assert walk.capital[column, score] == pytest.approx(gambler.capital, rel=1e-9)
        empty = 0
    for column, of_column in enumerate(gamblers):
        mean = sum(sum(gambler.capital) for gambler in of_column) / len(of_column) / len(BETS)
        assert detector.mean_capital(walk)[column] == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_a_game_without_a_change_is_fair(seed: int) -> None:
    """On the baseline's own shares no row is expected to raise any bet, whatever the distribution: all cells are enumerated."""
    rng = np.random.default_rng(seed)
    setting = Setting.drawn(rng, rows=100_000)
    for scores, learnt in zip(setting.scores, setting.learnt, strict=True):
        counts = rng.multinomial(10_000, np.ones(scores.values.shape[2]) / scores.values.shape[2])
        del counts
        for at in range(len(scores.names)):
            gambler = Gambler.of(scores, learnt, at)
            values, takes = np.array(gambler.values[0]), np.array(gambler.takes)
            # The shares under which the score has mean 0 are not unique; any two cells that balance it are such.
            low, high = np.flatnonzero(takes & (values < 0)), np.flatnonzero(takes & (values > 0))
            for one in low:
                for other in high:
                    share = values[other] / (values[other] - values[one])
                    for bet in gambler.bets:
                        factors = 1.0 + bet * (values[[one, other]] - gambler.tolerance)
                        assert (factors > 0.0999).all()
                        assert share * factors[0] + (1 - share) * factors[1] <= 1.0


def test_counts_add_up() -> None:
    """Two sources of one slice give, counted together, what both give in a slice that comes in two halves without a new bet."""
    rng = np.random.default_rng(3)
    setting = Setting.drawn(rng)
    detector = setting.detector()
    rows, more = rows_of(rng, setting, FEW), rows_of(rng, setting, FEW)
    one, both = begun(detector), begun(detector)
    detector.fold(*one, MONDAY, counted(setting, rows))
    first = one[0].capital.copy()
    other = begun(detector)
    detector.fold(*other, MONDAY, counted(setting, more))
    detector.fold(*both, MONDAY, counted(setting, rows) + counted(setting, more))
    # The capital of the first slice is the product of its factors alone.
    assert both[0].capital == pytest.approx(first * other[0].capital, rel=1e-9)


def test_the_order_within_a_slice_does_not_matter() -> None:
    """Rows of a slice in another order are the same counts, so a gambler who plays them so has the same capital."""
    rng = np.random.default_rng(4)
    setting = Setting.drawn(rng)
    rows = rng.integers(0, setting.scores[0].values.shape[2], 40).tolist()
    gamblers = [Gambler.of(setting.scores[0], setting.learnt[0], 0) for _ in range(2)]
    gamblers[0].play(0, rows, 0.7, 0)
    gamblers[1].play(0, sorted(rows), 0.7, 0)
    assert gamblers[0].capital == pytest.approx(gamblers[1].capital, rel=1e-12)


def test_evidence_of_a_shift_grows_with_it() -> None:
    """The more rows of a slice lie in the upper bins, the more capital has who bets on higher values, and the less on lower."""
    rng = np.random.default_rng(5)
    setting = Setting.drawn(rng)
    detector = setting.detector()
    higher, lower = (setting.scores[0].names.index(name) for name in ("higher", "lower"))
    capitals = []
    for moved in range(11):
        walk, variation = begun(detector)
        cells = [1] * (10 - moved) + [4] * moved  # of the second bin and of the last within the range
        others = [[0] * 10, [0] * 10]
        detector.fold(walk, variation, MONDAY, counted(setting, [cells, *others]))
        capitals.append((walk.capital[0, higher].copy(), walk.capital[0, lower].copy()))
    for (up, down), (more_up, less_down) in pairwise(capitals):
        assert (more_up > up).all()
        assert (less_down < down).all()


def test_a_copy_goes_on_exactly() -> None:
    """Bets and variation that were copied, as the state does, say to the last digit what the others say."""
    rng = np.random.default_rng(6)
    setting = Setting.drawn(rng, season=24)
    detector, again = setting.detector(), setting.detector()
    walk, variation = begun(detector)
    for start in starts(30):
        counts = counted(setting, rows_of(rng, setting, 40))
        if (start - MONDAY) % 7200 == 0:
            kept = walk.copy(), variation.copy()
        detector.fold(walk, variation, start, counts)
        again.fold(*kept, start, counts)
        assert np.array_equal(walk.capital, kept[0].capital)
        assert np.array_equal(variation.mean, kept[1].mean)


def test_empty_slices_are_new_bets() -> None:
    """A slice without rows changes nothing but that a bet begins with it."""
    rng = np.random.default_rng(7)
    setting = Setting.drawn(rng)
    detector = setting.detector()
    nothing = np.zeros(detector.bets.cells.total, np.int64)
    counts = [counted(setting, rows_of(rng, setting, FEW)) for _ in range(2)]
    folded, skipped = begun(detector), begun(detector)
    for place in range(5):
        start = MONDAY + place * SLICE_SECONDS
        detector.fold(*folded, start, counts[place // 4] if place in (0, 4) else nothing)
        if place in (0, 4):
            detector.fold(*skipped, start, counts[place // 4])
    assert folded[0].capital == pytest.approx(skipped[0].capital, rel=1e-12)
