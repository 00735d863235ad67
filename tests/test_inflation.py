"""Inflation: what windows of a baseline read without a change, by a loop over raw rows; default thresholds follow it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy import special

from prediction_exporter import baseline, config
from prediction_exporter.baseline import Baseline
from prediction_exporter.baseline.builder import BuildResult, build
from prediction_exporter.baseline.inflation import FEWEST, LARGE, USUAL, Inflation
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.config import Fields
from prediction_exporter.counting.profile import Profile
from prediction_exporter.errors import BaselineError
from prediction_exporter.evidence.replay import FOLDS
from prediction_exporter.monitor.references import references_of
from prediction_exporter.statistics import Comparison, Reference
from prediction_exporter.statistics.psi import DEFAULT, PSI
from watched import model_text

Hours = NDArray[np.int64]
Values = NDArray[Any]

START = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())  # a Monday


def wander(chance: np.random.Generator, hours: int, *, size: float, days: float) -> NDArray[np.float64]:
    """Return a level by hour that goes about by so many standard deviations and is forgotten within days."""
    keep = math.exp(-1 / (24 * days))
    level = np.empty(hours)
    level[0] = chance.normal()
    for hour in range(1, hours):
        level[hour] = keep * level[hour - 1] + math.sqrt(1 - keep**2) * chance.normal()
    return size * level


def traffic(chance: np.random.Generator, days: int, rate: float) -> Hours:
    """Return the hour of each row."""
    return np.repeat(np.arange(days * 24), chance.poisson(rate, days * 24))


def made(hours: Hours, columns: dict[str, Values], folder: Path) -> tuple[BuildResult, Baseline]:
    """Build a baseline of rows by their hours, and read its file."""
    times = pl.Series((START + hours * 3600) * 1_000_000).cast(pl.Datetime("us", "UTC"))
    pl.DataFrame({"ts": times, **columns}).write_parquet(folder / "train.parquet")
    table = read_table(folder / "train.parquet")
    fields = Fields.model_validate({"time": "ts"})
    result = build(table, fields, kinds={}, task=None, where="models[0].predictions.fields")
    baseline.save(result.record, folder / "baseline.json")
    return result, baseline.load(folder / "baseline.json")


def references(loaded: Baseline, folder: Path, more: str = "baseline: baseline.json") -> dict[str, Reference]:
    """Return what windows of an hour, six and a day are compared with."""
    windows = "windows: [1h, 6h, 24h, 7d]"
    text = f'state_dir: state\n{windows}\nowners: {{me: {{slack: "#me"}}}}\n\nmodels:{model_text(more=more)}'
    (folder / "exporter.yml").write_text(text)
    settings = config.load(folder / "exporter.yml")
    return dict(references_of(settings, settings.models[0], loaded))


def psi_of(counts: Values, others: Values) -> float:
    """Return the PSI of two counts, smoothed by half a count."""
    p = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    q = (others + 0.5) / (others.sum() + 0.5 * len(others))
    return float(((p - q) * np.log(p / q)).sum())


def half_of_differences(counts: Values, others: Values) -> float:
    """Return the total variation distance of two counts."""
    return float(np.abs(counts / counts.sum() - others / others.sum()).sum() / 2)


@pytest.mark.parametrize("gap", [False, True])
def test_levels_are_those_of_a_loop_over_raw_rows(*, gap: bool, tmp_path: Path) -> None:
    """Of each window, at any hour, against the rows of the folds that it was not in: the quantile is NumPy's."""
    chance = np.random.default_rng(11)
    hours = traffic(chance, 20, 60)
    if gap:  # an afternoon without any row
        hours = hours[(hours < 101) | (hours > 105)]
    level = wander(chance, 480, size=0.6, days=0.5)[hours]
    number = chance.normal(size=len(hours)) + level
    text = np.where(chance.normal(size=len(hours)) + level > 0.3, "up", "down")
    result, loaded = made(hours, {"number": number, "text": text}, tmp_path)
    records = {column.name: column for column in result.record.columns}
    present = np.unique(hours)
    fold_of = dict(
        zip(present.tolist(), np.repeat(range(FOLDS), [len(f) for f in np.array_split(present, FOLDS)]), strict=True)
    )
    fold = np.array([fold_of[hour] for hour in hours.tolist()])
    places = {
        "number": np.searchsorted(records["number"].drift_edges, number, side="right"),
        "text": np.array([records["text"].categories.index(each) for each in text.tolist()]),
    }
    bins = {"number": len(records["number"].drift_edges) + 1, "text": 3}
    for name, at in places.items():
        inflation = loaded.inflation[loaded.layout.index(name)]
        assert inflation.hours == (1, 6, 24)
        for number_of_length, length in enumerate(inflation.hours):
            found: dict[str, list[float]] = {"psi": [], "total_variation_distance": []}
            for begin in present[present + length - 1 <= present[-1]].tolist():
                inside = (hours >= begin) & (hours < begin + length)
                others = ~np.isin(fold, np.unique(fold[inside]))
                if inside.sum() < FEWEST:
                    continue
                counts = [np.bincount(at[rows], minlength=bins[name]) for rows in (inside, others)]
                found["psi"].append(psi_of(*counts))
                found["total_variation_distance"].append(half_of_differences(*counts))
            for key, values in found.items():
                expected = float(np.quantile(values, USUAL))
                assert inflation.levels[key][number_of_length] == pytest.approx(expected, rel=1e-3), (name, length, key)


def test_independent_rows_scale_nothing(tmp_path: Path) -> None:
    """Whatever a column's bins: the file says nothing of it, nor the words, and each default is what it was."""
    chance = np.random.default_rng(3)
    hours = traffic(chance, 28, 45)
    rows = len(hours)
    columns: dict[str, Values] = {f"n{i}": chance.normal(size=rows) for i in range(3)}
    columns["tail"] = np.where(chance.random(rows) < 0.9, 0.0, chance.lognormal(size=rows))
    columns["many"] = np.array([f"v{i}" for i in range(40)])[chance.integers(0, 40, rows)]
    columns["rare"] = np.where(chance.random(rows) < 0.01, "yes", "no")
    columns["always"] = np.full(rows, "EUR")
    result, loaded = made(hours, columns, tmp_path)
    assert "inflation" not in (tmp_path / "baseline.json").read_text()
    assert not any("PSI" in column.result for column in result.columns)
    assert loaded.inflation == (Inflation(),) * 7
    plain = Reference(loaded.profile, alpha=0.01, min_predictions=30)
    for reference in references(loaded, tmp_path).values():
        assert PSI.effect(reference).tolist() == PSI.effect(plain).tolist()


def test_a_season_scales_nothing(tmp_path: Path) -> None:
    """A window is compared with what its hours show, so that a daily cycle is none of what windows read without a change."""
    chance = np.random.default_rng(6)
    hours = traffic(chance, 42, 60)
    cycle = np.sin(2 * np.pi * (hours % 24) / 24)
    columns = {
        "number": chance.normal(size=len(hours)) + cycle,
        "text": np.where(chance.random(len(hours)) < 0.5 + 0.4 * cycle, "app", "web"),
        "wanders": chance.normal(size=len(hours)) + cycle + wander(chance, 42 * 24, size=0.6, days=0.5)[hours],
    }
    _, loaded = made(hours, columns, tmp_path)
    of = {column.name: index for index, column in enumerate(loaded.layout.columns)}
    assert [loaded.learnt[of[name]].hours for name in ("number", "text", "wanders")] == [24, 24, 1]
    assert [dict(loaded.inflation[of[name]].levels) for name in ("number", "text")] == [{}, {}]
    assert loaded.inflation[of["wanders"]].level("psi", 1) > DEFAULT  # its cycle is not sure enough to be a season


def shares_above(loaded: Baseline, hours: Hours, values: Values, length: int, folder: Path) -> tuple[float, float]:
    """Return the share of windows whose PSI is above the threshold, as it is and as it were without inflation."""
    column = loaded.layout.columns[0]
    places = np.searchsorted(column.edges, values, side="right")
    reference = references(loaded, folder)[f"{length}h"]
    plain = Reference(loaded.profile, alpha=reference.alpha, min_predictions=reference.min_predictions)
    above = np.zeros(2)
    begins = range(0, int(hours[-1]) - length + 2, max(length // 4, 1))
    for begin in begins:
        inside = (hours >= begin) & (hours < begin + length)
        window = Profile.empty(loaded.layout)
        window.values[:] = np.bincount(places[inside], minlength=column.bins)
        for at, against in enumerate((reference, plain)):
            comparison = Comparison(against, window)
            assert PSI.threshold is not None
            above[at] += PSI.compute(comparison)[0] > PSI.threshold.of(PSI, comparison)[0]
    return float(above[0] / len(begins)), float(above[1] / len(begins))


def test_sessions_are_below_the_threshold_afterwards(tmp_path: Path) -> None:
    """Sessions of ten rows alike: 4 in 10 hours of the weeks after the baseline would be above it, and 1 in 20 is."""
    chance = np.random.default_rng(1)
    hours = np.repeat(traffic(chance, 56, 50), 10)
    values = np.repeat(chance.normal(size=len(hours) // 10), 10)
    then = hours < 28 * 24
    _, loaded = made(hours[then], {"x": values[then]}, tmp_path)
    now, before = shares_above(loaded, hours[~then] - 28 * 24, values[~then], 1, tmp_path)
    assert before > 0.3
    assert now < 0.08  # 5 %, and three standard errors of 672 windows


@pytest.mark.parametrize("length", [1, 24])
def test_a_wander_is_below_the_threshold_afterwards(length: int, tmp_path: Path) -> None:
    """Of columns that go about by half a standard deviation within half a day, on average of several."""
    found = []
    for seed in range(4):
        chance = np.random.default_rng(seed)
        hours = traffic(chance, 56, 60)
        values = chance.normal(size=len(hours)) + wander(chance, 56 * 24, size=0.5, days=0.5)[hours]
        then = hours < 28 * 24
        _, loaded = made(hours[then], {"x": values[then]}, tmp_path)
        found.append(shares_above(loaded, hours[~then] - 28 * 24, values[~then], length, tmp_path))
    now, before = np.mean(found, axis=0)
    assert now < 0.08
    assert before > 2 * now


def inflated(loaded: Baseline, *inflation: Inflation) -> Baseline:
    """Return a baseline with these of its columns."""
    return replace(loaded, inflation=inflation)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    """Return the baseline of two columns of independent values."""
    chance = np.random.default_rng(5)
    hours = traffic(chance, 10, 40)
    columns = {"a": chance.normal(size=len(hours)), "b": chance.normal(size=len(hours))}
    return made(hours, columns, tmp_path_factory.mktemp("plain"))[1]


def test_only_defaults_follow_and_only_their_statistic(plain: Baseline, tmp_path: Path) -> None:
    """A level above the default is the effect, one below changes nothing, and what the owner configured stays as it is."""
    of_a = Inflation((1, 6, 24), {"psi": (0.9, 0.1, 0.0)})
    loaded = inflated(plain, of_a, Inflation())
    effects = {name: PSI.effect(of).tolist() for name, of in references(loaded, tmp_path).items()}
    assert effects == {"1h": [0.9, DEFAULT], "6h": [DEFAULT, DEFAULT], "24h": [DEFAULT, DEFAULT], "7d": [DEFAULT, DEFAULT]}
    for more in ("thresholds: {psi: 0.3}", "thresholds: {columns: {a: {psi: 0.3}}}"):
        configured = references(loaded, tmp_path, f"baseline: baseline.json\n{more}")["1h"]
        assert PSI.effect(configured)[0] == 0.3
    other = references(loaded, tmp_path, "baseline: baseline.json\nthresholds: {columns: {b: {psi: 0.3}}}")["1h"]
    assert PSI.effect(other).tolist() == [0.9, 0.3]
    unlike = references(inflated(plain, Inflation((1,), {"hellinger_distance": (0.9,)}), Inflation()), tmp_path)["1h"]
    assert PSI.effect(unlike).tolist() == [DEFAULT, DEFAULT]


def test_windows_longer_than_any_measured_fall_back_with_their_length(plain: Baseline, tmp_path: Path) -> None:
    """A level of 2.8 of a day is one of 0.4 of a week: what nobody measured is not to blind."""
    loaded = inflated(plain, Inflation((1, 6, 24), {"psi": (2.8, 2.8, 2.8)}), Inflation())
    assert PSI.effect(references(loaded, tmp_path)["7d"])[0] == pytest.approx(0.4)


def test_what_is_said_of_a_calendar(tmp_path: Path) -> None:
    """What turns with every third day follows no season and is far from the whole in each day: the words say how far."""
    hours = traffic(np.random.default_rng(2), 28, 40)
    result, loaded = made(hours, {"turn": np.array(["a", "b", "c"])[hours // 24 % 3]}, tmp_path)
    [said] = [column.result for column in result.columns]
    [inflation] = loaded.inflation
    low, high = f"{inflation.level('psi', 24):.2g}", f"{inflation.level('psi', 1):.2g}"
    assert f"; PSI reads up to {high} in windows of an hour and {low} in windows of a day without any change" in said
    assert said.endswith(
        "; in windows of an hour and a day not even a shift by 1 sd is above that: hardly any drift shows there on dashboards"
    )
    # An hour has 40 rows of one value, 50 in the fullest ones. Its week has that value on three days, so that of the 9 or 10
    # days of each value the three other weeks have 6, 7 and 8.
    one = psi_of(np.array([50, 0, 0, 0]), np.array([6, 7, 8, 0]) * 24 * 40)
    assert inflation.level("psi", 1) == pytest.approx(one, rel=0.05)
    assert one > LARGE * DEFAULT


def test_a_shift_by_a_standard_deviation_reads_what_is_called_large() -> None:
    """The PSI of a normal column in ten bins of equal mass, in closed form."""
    deciles = special.ndtri(np.arange(11) / 10)
    p, q = np.diff(special.ndtr(deciles - 1.0)), np.diff(special.ndtr(deciles))
    assert float(((p - q) * np.log(p / q)).sum()) == pytest.approx(LARGE * DEFAULT, rel=0.01)


def test_the_file_keeps_it(tmp_path: Path) -> None:
    """As it was measured, the same of the same rows in any order; one without says nothing and is of the hash that it was."""
    chance = np.random.default_rng(1)
    hours = np.repeat(traffic(chance, 14, 12), 5)
    values = np.repeat(chance.normal(size=len(hours) // 5), 5)
    result, loaded = made(hours, {"x": values}, tmp_path)
    [column] = result.record.columns
    assert column.inflation is not None
    assert loaded.inflation == (Inflation(column.inflation.hours, column.inflation.levels),)
    assert loaded.inflation[0].levels["psi"][0] > DEFAULT
    order = chance.permutation(len(hours))
    assert made(hours[order], {"x": values[order]}, tmp_path)[0].record.content_hash() == result.record.content_hash()
    former = result.record.model_copy(update={"columns": (column.model_copy(update={"inflation": None}),)})
    baseline.save(former, tmp_path / "former.json")
    assert "inflation" not in (tmp_path / "former.json").read_text()
    assert baseline.load(tmp_path / "former.json").inflation == (Inflation(),)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"hours": [], "levels": {}}, "inflation.hours: "),
        ({"hours": [6, 1], "levels": {"psi": [0.5, 0.5]}}, "hours do not increase"),
        ({"hours": [0, 6], "levels": {"psi": [0.5, 0.5]}}, "inflation.hours.0: "),
        ({"hours": [1, 6], "levels": {"psi": [0.5]}}, "levels are not of the 2 lengths of window"),
        ({"hours": [1], "levels": {"psi": [-0.5]}}, "inflation.levels.psi.0: "),
        ({"hours": [1], "levels": {"psi": [math.inf]}}, "inflation.levels.psi.0: "),
    ],
)
def test_what_the_file_says_has_bounds(written: dict[str, Any], message: str, plain: Baseline, tmp_path: Path) -> None:
    """A level of no length, or one that is no distance, is refused with the place."""
    columns = [column.model_dump(mode="json") for column in baseline.to_columns(plain.profile)]
    columns[0]["inflation"] = written
    text = json.dumps({"format": 1, "rows": plain.profile.rows, "columns": columns})
    (tmp_path / "wrong.json").write_text(text.replace("Infinity", "1e999"))
    with pytest.raises(BaselineError) as error:
        baseline.load(tmp_path / "wrong.json")
    assert message in str(error.value)
