"""What distances read without drift, and how often their thresholds raise a false alarm, by simulation.

Each column of a layout is a replication: thousands of baselines, each with a window from the same distribution, are compared in
one call. The edges of numeric bins are quantiles of the baseline's sample, so the true chance of a bin is random: the gap of
two order statistics, which is Dirichlet distributed whatever the distribution. Drawing these and multinomial counts is the same
as drawing rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import stats

from prediction_exporter.baseline.numbers import FINE_SHARES
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.statistics import STATISTICS, Comparison, Reference, Statistic
from prediction_exporter.statistics.base import Noise, Threshold
from samples import ALPHA, column_of, compare

Floats = NDArray[np.float64]

REPLICATIONS = 4000
BASELINE = 10_000
ROWS = (30, 100, 200, 1000, 5000)

#: What false alarms may be by the approximations, for a nominal 0.1 %; beside it comes the error of the simulation.
TOLERATED = 0.003

BY_KEY = {statistic.key: statistic for statistic in STATISTICS}
BINNED = ["psi", "jensen_shannon_distance", "hellinger_distance", "kl_divergence", "total_variation_distance"]
DISTANCES = [*BINNED, "wasserstein_distance", "ks_statistic"]


def noise_of(key: str) -> Noise:
    """Return a distance's noise."""
    noise = BY_KEY[key].noise
    assert noise is not None
    return noise


def threshold_of(statistic: Statistic) -> Threshold:
    """Return a statistic's threshold."""
    assert statistic.threshold is not None
    return statistic.threshold


@dataclass(frozen=True)
class Simulation:
    """Baselines of many columns, and the chance of each value bin."""

    random: Generator
    reference: Reference
    chances: Floats
    edges: Floats

    def window(self, rows: int, chances: Floats | None = None) -> Comparison:
        """Draw a window of each column."""
        profile = Profile.empty(self.reference.layout)
        drawn = self.random.multinomial(rows, self.chances if chances is None else chances)
        profile.values[:] = drawn.ravel()
        profile.counts[self.reference.layout.rows_slot] = rows
        return Comparison(self.reference, profile)


def reference_of_counts(
    columns: Sequence[Column], counts: NDArray[np.int64], effects: dict[str, float] | None = None
) -> Reference:
    """Return the reference of these value bins."""
    layout = Layout(columns)
    baseline = Profile.empty(layout)
    baseline.values[:] = counts.ravel()
    baseline.counts[layout.rows_slot] = counts[0].sum()
    of_columns = {key: dict.fromkeys(layout.names, effect) for key, effect in (effects or {}).items()}
    return Reference(baseline, alpha=ALPHA, min_predictions=1, effects=of_columns)


def numeric(
    seed: int,
    *,
    fine: bool = False,
    rows: int = BASELINE,
    replications: int = REPLICATIONS,
    quantile: Callable[[Floats], Floats] = lambda p: np.asarray(stats.norm.ppf(p)),
    scale: float = 1.0,
    effects: dict[str, float] | None = None,
) -> Simulation:
    """Return columns with ten drift bins, and more fine ones, from samples of a distribution given by its quantile function."""
    random = np.random.default_rng(seed)
    deciles = np.arange(1, 10) * rows // 10
    ranks = np.unique([0, *deciles, rows, *((FINE_SHARES * rows).astype(int) if fine else [])])
    in_bins = np.diff(ranks)
    gaps = in_bins.astype(float)
    gaps[[0, -1]] -= 0.5  # of rows + 1 gaps, one lies below the smallest value and one above the largest
    chances = random.dirichlet(np.concatenate(([1.0], gaps, [1.0])), replications)
    edges = quantile(np.cumsum(chances, axis=1)[:, :-1])
    drift = np.isin(ranks, deciles)
    columns = [
        Column(
            name=str(index),
            role=Role.FEATURE,
            kind=Kind.NUMERIC,
            edges=tuple(of_column.tolist()),
            drift_edges=tuple(of_column[drift].tolist()),
            scale=scale,
        )
        for index, of_column in enumerate(edges)
    ]
    counts = np.tile(np.concatenate(([0], in_bins, [0])), (replications, 1))
    return Simulation(random, reference_of_counts(columns, counts, effects), chances, edges)


def categorical(seed: int, shares: Sequence[float], *, rows: int = BASELINE, replications: int = REPLICATIONS) -> Simulation:
    """Return columns of a category for each share, and samples of them as baselines."""
    random = np.random.default_rng(seed)
    names = tuple(str(index) for index in range(len(shares)))
    columns = [Column(name=str(i), role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=names) for i in range(replications)]
    chances = np.tile(np.array([*shares, 0.0]) / sum(shares), (replications, 1))
    counts = random.multinomial(rows, chances)
    return Simulation(random, reference_of_counts(columns, counts), chances, np.empty((replications, 0)))


def standard_error_of_rate(rate: float, replications: int) -> float:
    """Return the standard error of a rate."""
    return math.sqrt(rate * (1 - rate) / replications)


def check_floor(key: str, comparison: Comparison, tolerance: float) -> None:
    """The mean over the columns is the noise floor, but for the tolerance and four standard errors."""
    values, floor = BY_KEY[key].compute(comparison), noise_of(key).floor(comparison)
    error = 4 * float(values.std()) / math.sqrt(len(values))
    assert abs(float(values.mean() - floor.mean())) < tolerance * floor.mean() + error


def check_false_alarms(key: str, comparison: Comparison, tolerated: float = TOLERATED) -> None:
    """The rate over the columns is at most the tolerated one, but for three standard errors."""
    rate = float(np.mean(BY_KEY[key].compute(comparison) > noise_of(key).quantile(comparison)))
    assert rate <= tolerated + 3 * standard_error_of_rate(tolerated, len(comparison.layout.columns))


#: By name, quantile function and about the standard deviation between the extreme quantiles.
DISTRIBUTIONS: dict[str, tuple[Callable[[Floats], Floats], float]] = {
    "normal": (lambda p: np.asarray(stats.norm.ppf(p)), 1.0),
    "lognormal": (lambda p: np.asarray(stats.lognorm.ppf(p, 1.0)), 2.0),
    "cauchy": (lambda p: np.asarray(stats.cauchy.ppf(p)), 5.0),
}


@pytest.fixture(scope="module")
def deciles() -> Simulation:
    """Columns with ten drift bins of a tenth each."""
    return numeric(1)


@pytest.fixture(scope="module", params=DISTRIBUTIONS)
def percentiles(request: pytest.FixtureRequest) -> Simulation:
    """Columns with a hundred fine bins, of distributions with light and heavy tails."""
    quantile, scale = DISTRIBUTIONS[request.param]
    return numeric(2, fine=True, replications=1500, quantile=quantile, scale=scale)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("key", BINNED)
def test_noise_floor_and_false_alarms_of_ten_bins(deciles: Simulation, key: str, rows: int) -> None:
    """Floors are exact to 3 %, where a bin should hold 32 rows and more; below they are sums over its binomial distribution."""
    comparison = deciles.window(rows)
    check_floor(key, comparison, 0.03)
    check_false_alarms(key, comparison)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("key", ["wasserstein_distance", "ks_statistic"])
def test_noise_floor_and_false_alarms_of_fine_bins(percentiles: Simulation, key: str, rows: int) -> None:
    """The limits of Donsker's theorem are within 5 % from thirty rows on; there a heavy tail has 1 % of false alarms."""
    comparison = percentiles.window(rows)
    check_floor(key, comparison, 0.05)
    check_false_alarms(key, comparison, TOLERATED if rows > 30 else 0.01)


@pytest.mark.parametrize("baseline_rows", [200, 1000])
@pytest.mark.parametrize("key", DISTANCES)
def test_a_small_baseline_is_noise_too(key: str, baseline_rows: int) -> None:
    """With as many rows as the window, it doubles the noise; the floors know it to 10 %."""
    fine = key in {"wasserstein_distance", "ks_statistic"}
    comparison = numeric(3, rows=baseline_rows, fine=fine, replications=1500).window(baseline_rows)
    check_floor(key, comparison, 0.10)
    check_false_alarms(key, comparison)


HEAVY: dict[str, tuple[list[float], float]] = {
    "two": ([0.5, 0.5], 0.15),
    "three": ([1.0, 1.0, 1.0], 0.15),
    "twenty": ([0.05] * 20, 0.05),
    "zeros": ([0.7] + [0.003] * 100, 0.15),
}


@pytest.mark.parametrize(("shares", "tolerance"), HEAVY.values(), ids=HEAVY.keys())
def test_heavy_values_lower_the_floor_of_kolmogorov_smirnov(shares: list[float], tolerance: float) -> None:
    """The largest of a few differences is below the largest of many, which the floor knows to 15 %."""
    random = np.random.default_rng(10)
    edges = tuple(float(index) for index in range(1, len(shares)))
    columns = [Column(name=str(index), role=Role.FEATURE, kind=Kind.NUMERIC, edges=edges) for index in range(2000)]
    chances = np.tile(np.array(shares) / sum(shares), (2000, 1))
    reference = reference_of_counts(columns, random.multinomial(5000, chances))
    comparison = Simulation(random, reference, chances, np.empty((2000, 0))).window(1000)
    check_floor("ks_statistic", comparison, tolerance)
    check_false_alarms("ks_statistic", comparison)


CATEGORIES: dict[str, tuple[list[float], int]] = {
    "binary": ([0.7, 0.3], 10_000),
    "three": ([1.0, 1.0, 1.0], 1000),
    "zipf": ([(rank + 1) ** -1.5 for rank in range(50)], 1_000_000),
    "rare": ([1.0] + [1e-5] * 40, 1_000_000),
}


@pytest.mark.parametrize("rows", [30, 100, 500, 5000])
@pytest.mark.parametrize("name", CATEGORIES)
def test_rare_categories_raise_no_false_alarms(name: str, rows: int) -> None:
    """Half a count in each of forty bins that should hold a thousandth of a row is a PSI of 1.2 without any drift."""
    shares, baseline_rows = CATEGORIES[name]
    comparison = categorical(4, shares, rows=baseline_rows, replications=2000).window(rows)
    for key in BINNED:
        check_false_alarms(key, comparison)
    for key in ("psi", "kl_divergence"):
        check_floor(key, comparison, 0.06)


def test_the_limit_alone_would_always_alarm_on_rare_categories() -> None:
    """This is what the sums over the binomial distribution are for."""
    comparison = categorical(5, *CATEGORIES["rare"][:1], rows=1_000_000, replications=500).window(100)
    limit = comparison.reference.chi_square_quantile * comparison.inverse_sizes
    assert np.mean(BY_KEY["psi"].compute(comparison) > np.maximum(limit, 0.2)) > 0.99


def test_the_noise_floor_of_psi_is_the_known_one(deciles: Simulation) -> None:
    """In the limit it is (B - 1)(1/N + 1/M): 0.09 for ten bins, ten thousand and a hundred rows."""
    comparison = deciles.window(5000)
    known = 9 * (1 / BASELINE + 1 / 5000)
    np.testing.assert_allclose(noise_of("psi").floor(comparison), known, rtol=1e-9)
    np.testing.assert_allclose(noise_of("psi").quantile(comparison), stats.chi2.ppf(0.999, 9) * known / 9, rtol=1e-9)
    chi = stats.chi.mean(9) * math.sqrt(known / 9)
    np.testing.assert_allclose(noise_of("hellinger_distance").floor(comparison), chi / math.sqrt(8), rtol=1e-9)
    np.testing.assert_allclose(
        noise_of("jensen_shannon_distance").floor(comparison), chi / math.sqrt(8 * math.log(2)), rtol=1e-9
    )
    few = deciles.window(100)
    known = 9 * (1 / BASELINE + 1 / 100)
    np.testing.assert_allclose(noise_of("psi").floor(few), known, rtol=0.06)
    np.testing.assert_allclose(noise_of("psi").quantile(few), stats.chi2.ppf(0.999, 9) * known / 9, rtol=1e-3)


def test_a_threshold_without_the_sample_size_is_an_alarm_clock() -> None:
    """With a hundred rows on both sides, PSI is above 0.1 in four of five windows, with no drift at all."""
    simulation = numeric(6, rows=100, replications=1000)
    assert np.mean(BY_KEY["psi"].compute(simulation.window(100)) > 0.1) > 0.75


@pytest.mark.parametrize(("rows", "noise_only", "with_effect"), [(100, 0.59, 0.59), (200, 0.98, 0.86)])
def test_power_for_a_shift_of_half_a_standard_deviation(rows: int, noise_only: float, with_effect: float) -> None:
    """The noise part alone finds it in 59 % of windows of 100 rows and 98 % of 200; an effect threshold of 0.2 then decides."""
    found = {}
    for effect in (1e-9, 0.2):
        simulation = numeric(7, effects={"psi": effect})
        ends = np.full((REPLICATIONS, 1), np.inf)
        shifted = np.diff(stats.norm.cdf(np.hstack((-ends, simulation.edges, ends)) - 0.5), axis=1)
        comparison = simulation.window(rows, shifted)
        threshold = threshold_of(BY_KEY["psi"]).of(BY_KEY["psi"], comparison)
        found[effect] = float(np.mean(BY_KEY["psi"].compute(comparison) > threshold))
    assert found[1e-9] == pytest.approx(noise_only, abs=0.03)
    assert found[0.2] == pytest.approx(with_effect, abs=0.03)


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.3])
@pytest.mark.parametrize("rows", [30, 100, 1000, 20_000])
def test_shares_raise_no_false_alarms(rows: int, share: float) -> None:
    """The margin of a share holds for rare events and small windows too, where normal quantiles are far off."""
    random = np.random.default_rng(8)
    replications = 20_000
    columns = [Column(name=str(i), role=Role.FEATURE, kind=Kind.CATEGORICAL) for i in range(replications)]
    layout = Layout(columns)
    baseline, window = Profile.empty(layout), Profile.empty(layout)
    for profile, count in ((baseline, BASELINE), (window, rows)):
        profile.counts[layout.rows_slot] = count
        profile.states[:, 0] = random.binomial(count, share, replications)
    statistic = BY_KEY["missing_ratio"]
    effects = {"missing_ratio": dict.fromkeys(layout.names, 0.0)}
    comparison = Comparison(Reference(baseline, alpha=ALPHA, min_predictions=1, effects=effects), window)
    alarms = statistic.compute(comparison) > threshold_of(statistic).of(statistic, comparison)
    assert alarms.mean() <= TOLERATED + 3 * standard_error_of_rate(TOLERATED, replications)


def test_an_outlier_hides_nothing() -> None:
    """A shift of one standard deviation reads the same with a single value of 1e6 added, as the edges are the baseline's."""
    random = np.random.default_rng(9)
    baseline, window = random.normal(size=10_000).tolist(), (random.normal(size=1000) + 1).tolist()
    column = column_of("x", baseline)
    without, with_outlier = (
        {key: float(BY_KEY[key].compute(compare([column], {"x": baseline}, {"x": values}))[0]) for key in DISTANCES}
        for values in (window, [*window, 1e6])
    )
    assert without["psi"] == pytest.approx(0.93, abs=0.1)
    for key in DISTANCES:
        assert with_outlier[key] == pytest.approx(without[key], rel=0.01), key


def test_an_empty_bin_is_worth_half_a_row() -> None:
    """The same data reads a PSI of 0.02 to 7 by the choice of an epsilon; half a count reads about what one row would."""
    column = Column(name="x", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("a", "b", "c"))

    def psi(window: list[int]) -> float:
        counts = np.array([[500, 450, 50, 0]])
        comparison = Comparison(reference_of_counts([column], counts), Profile.empty(Layout([column])))
        comparison.window.values[:] = window
        return float(BY_KEY["psi"].compute(comparison)[0])

    none, one, many = psi([525, 475, 0, 0]), psi([525, 474, 1, 0]), psi([500, 450, 50, 0])
    assert many == 0.0
    assert one < none < 1.35 * one
    assert none == pytest.approx(0.24, abs=0.02)


@pytest.mark.parametrize("key", DISTANCES)
def test_the_default_effects_are_those_of_one_shift(key: str) -> None:
    """Each distance reads its default for a normal column whose mean moved by 0.45 standard deviations."""
    grid = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    column = column_of("x", grid.tolist())
    shifted = compare([column], {"x": grid.tolist()}, {"x": (grid + 0.45).tolist()})
    assert float(BY_KEY[key].compute(shifted)[0]) == pytest.approx(threshold_of(BY_KEY[key]).default, rel=0.05)
