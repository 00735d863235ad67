"""What the windows of a column with a season are compared with: what its baseline shows in the window's hours."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from prediction_exporter import baseline, config
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.record import BaselineRecord
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.collectors.report import ModelReport
from prediction_exporter.collectors.switches import Switches
from prediction_exporter.config import Fields
from prediction_exporter.counting.windows import Span
from prediction_exporter.evidence.learnt import Learnt
from prediction_exporter.monitor import budget
from prediction_exporter.monitor.references import load_baseline, references_of
from prediction_exporter.statistics.evaluation import evaluate
from prediction_exporter.web.landing.columns import Window
from watched import Series, Watched, config_text, model_text, read, total

#: A Monday.
START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 14
PER_HOUR = 120
BERLIN = "Europe/Berlin"

EXPECTED, FOUND = "model_window_expected_bin_predictions", "model_window_bin_predictions"
CYCLIC = ("amount", "channel")


def rows(start: datetime, hours: int, *, per_hour: int = PER_HOUR, seed: int = 1, timezone: str = "UTC") -> pl.DataFrame:
    """Return rows of some hours: a number and a category that follow the local hour of the day, and two that do not.

    At night most rows lack the number.
    """
    chance = np.random.default_rng(seed)
    seconds = np.repeat(np.arange(hours), per_hour) * 3600 + chance.integers(0, 3600, hours * per_hour)
    times = [start + timedelta(seconds=int(second)) for second in seconds]
    of_day = np.array([time.astimezone(ZoneInfo(timezone)).hour for time in times])
    cycle = np.sin(2 * np.pi * of_day / 24)
    amount = chance.normal(size=len(times)) + 1.5 * cycle
    lacks = chance.random(len(times)) < np.where(of_day < 5, 0.6, 0.02)
    return pl.DataFrame(
        {
            "ts": times,
            "amount": pl.Series(amount).set(pl.Series(lacks), None),
            "channel": np.where(chance.random(len(times)) < 0.5 + 0.35 * cycle, "app", "shop"),
            "plain": chance.normal(size=len(times)),
            "region": chance.choice(["north", "south"], len(times)),
        }
    )


def save(data: pl.DataFrame, folder: Path, timezone: str = "UTC") -> BaselineRecord:
    """Build a baseline of rows."""
    data.write_parquet(folder / "train.parquet")
    fields = Fields.model_validate({"time": "ts"})
    built = build(read_table(folder / "train.parquet"), fields, kinds={}, task=None, where="models[0]", timezone=timezone)
    baseline.save(built.record, folder / "baseline.json")
    return built.record


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a baseline of two weeks, which knows the daily cycle."""
    folder = tmp_path_factory.mktemp("season")
    save(rows(START, 24 * DAYS), folder)
    return folder


def watched(tmp_path: Path, folder: Path, windows: str = "[1h, 24h]") -> Watched:
    """Return a model with a folder's baseline."""
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "baseline.json").write_bytes((folder / "baseline.json").read_bytes())
    found = Watched(tmp_path)
    found.configure(config_text(model_text(fields="{time: ts}"), more=f"windows: {windows}"))
    return found


def look(model: Watched, data: pl.DataFrame, at: datetime) -> tuple[ModelReport, Series]:
    """Log rows, in the order of time, and look at the model."""
    lines = [json.dumps(line | {"ts": line["ts"].timestamp()}) for line in data.sort("ts").iter_rows(named=True)]
    model.write("".join(f"{line}\n" for line in lines))
    model.clock.now = at.timestamp()
    monitor = model.monitors[-1] if model.monitors else model.start(config.load(model.file))
    return read(monitor, model.clock)


def of_bins(series: Series, name: str, **labels: str) -> dict[str, float]:
    """Return the series of one column and window by bin."""
    found = ((dict(key), value) for (of, key), value in series.items() if of == name)
    return {key["bin"]: value for key, value in found if labels.items() <= key.items()}


def without_seasons(learnt: tuple[Learnt, ...]) -> tuple[Learnt, ...]:
    """Return what a baseline taught but for its seasons."""
    return tuple(replace(each, hours=1, counts=None, copies=1) for each in learnt)


def over(series: Series, name: str) -> Iterator[tuple[str, str]]:
    """Yield window and column wherever a statistic of all traffic is above its threshold."""
    of_all = {key: value for (of, key), value in series.items() if of == name and ("segment", "all") in key}
    thresholds = {key: value for (of, key), value in series.items() if of == f"{name}_threshold"}
    for key, value in of_all.items():
        if value > thresholds[key]:
            yield dict(key)["window"], dict(key)["column"]


def test_two_weeks_of_a_daily_cycle(tmp_path: Path, folder: Path) -> None:
    """No look finds a distance above its threshold, at whatever hour; compared with all of the baseline, most nights do."""
    model = watched(tmp_path / "m", folder)
    begin = START + timedelta(days=DAYS)
    data = rows(begin, 24 * DAYS, seed=2)
    loaded = config.load(model.file)
    known = load_baseline(loaded.models[0], "models[0]")
    assert known is not None
    plain = references_of(loaded, loaded.models[0], replace(known, learnt=without_seasons(known.learnt)))
    alarms, former = Counter[str](), Counter[str]()
    last = begin
    steps = range(11, 24 * DAYS, 11)  # each hour of the day
    for step in steps:
        at = begin + timedelta(hours=step)
        report, series = look(model, data.filter(pl.col("ts").is_between(last, at, closed="left")), at)
        last = at
        for name in DISTANCES:
            alarms.update(f"{name} {window} {column}" for window, column in over(series, f"model_column_{name}"))
        for window in report.windows:
            result = evaluate(plain[window.window], window.profile)["psi"]
            assert result.threshold is not None
            passed = result.values > result.threshold
            former.update(f"{window.window} {window.profile.layout.columns[index].name}" for index in np.flatnonzero(passed))
    assert not alarms
    assert {name.partition(" ")[2] for name in former} == set(CYCLIC)
    assert min(former["1h amount"], former["1h channel"]) > len(steps) / 2
    moved = data.filter(pl.col("ts").is_between(last, last + timedelta(hours=1), closed="left")).with_columns(
        pl.col("amount") + 1.2, pl.lit("app").alias("channel")
    )
    _, series = look(model, moved, last + timedelta(hours=1))
    for name in ("psi", "jensen_shannon_distance", "total_variation_distance"):
        assert set(over(series, f"model_column_{name}")) == {("1h", "amount"), ("1h", "channel")}
    assert set(over(series, "model_column_wasserstein_distance")) == {("1h", "amount")}


DISTANCES = (
    "psi",
    "jensen_shannon_distance",
    "hellinger_distance",
    "kl_divergence",
    "total_variation_distance",
    "wasserstein_distance",
    "ks_statistic",
    "missing_ratio",
    "invalid_ratio",
)


def by_hand(record: BaselineRecord, column: str, train: pl.DataFrame, window: pl.DataFrame, zone: str) -> dict[str, float]:
    """Return what is expected of a column, row by row: each row of the window is what its local hour has in the baseline."""
    [of] = [each for each in record.columns if each.name == column]
    edges = [-np.inf, *of.drift_edges, np.inf]
    labels = [*of.categories, "other"] if of.categories else [f"{a:.6g}" for a in edges[:-1]]
    # Below and above the baseline's range are cells of their own, so the bins at the ends have two.
    cells = [1.0] * len(labels) if of.categories else [2.0, *[1.0] * (len(labels) - 2), 2.0]

    def bin_of(value: float | str) -> int:
        if isinstance(value, str):
            return labels.index(value)
        return next(place for place, (a, b) in enumerate(pairwise(edges)) if a <= value < b)

    def valued(data: pl.DataFrame) -> Iterator[tuple[int, float | str]]:
        for time, value in data.select("ts", column).drop_nulls().iter_rows():
            yield time.astimezone(ZoneInfo(zone)).hour, value

    counts = np.zeros((24, len(labels)))
    for hour, value in valued(train):
        counts[hour, bin_of(value)] += 1
    of_all = (counts.sum(axis=0) + 0.5 * np.array(cells)) / (counts.sum() + 0.5 * sum(cells))
    shares = (counts + 20 * of_all) / (counts.sum(axis=1, keepdims=True) + 20)
    expected = np.zeros(len(labels))
    for hour, _ in valued(window):
        expected += shares[hour]
    return dict(zip(labels, expected.tolist(), strict=True))


def shorter(found: dict[str, float]) -> dict[str, float]:
    """Return bins of numbers by where they begin."""
    return {label.partition("[")[2].partition(",")[0].replace("-Inf", "-inf") or label: n for label, n in found.items()}


@pytest.fixture(scope="module")
def berlin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BaselineRecord, pl.DataFrame]:
    """Return a baseline that follows the hours of Berlin in winter time, and its rows."""
    folder = tmp_path_factory.mktemp("berlin")
    train = rows(START, 24 * 8, per_hour=60, seed=3, timezone=BERLIN)
    return folder, save(train, folder, BERLIN), train


def test_expected_counts_are_those_of_the_rows_hours(tmp_path: Path, berlin: tuple[Path, BaselineRecord, pl.DataFrame]) -> None:
    """By hand, of a day that has 23 hours; they add up to the values, and columns without a season have none."""
    folder, record, train = berlin
    at = datetime(2026, 3, 29, 14, 30, tzinfo=UTC)  # summer time began at 1:00 UTC
    data = rows(at.replace(minute=0) - timedelta(hours=30), 31, per_hour=40, seed=4, timezone=BERLIN)
    data = data.filter(pl.col("ts") < at)
    _, series = look(watched(tmp_path / "m", folder), data, at)
    for span in (Span.of("1h", 3600), Span.of("24h", 86_400)):
        oldest = datetime.fromtimestamp(span.oldest(at.timestamp()), UTC)
        window = data.filter(pl.col("ts") >= oldest)
        for column in CYCLIC:
            found = of_bins(series, EXPECTED, column=column, window=span.name, segment="all")
            expected = by_hand(record, column, train, window, BERLIN)
            assert shorter(found) == pytest.approx(expected, rel=1e-9)
            assert sum(found.values()) == pytest.approx(window[column].drop_nulls().len(), rel=1e-12)
    assert {dict(key)["column"] for of, key in series if of == EXPECTED} == set(CYCLIC)


def test_expected_counts_add_up_over_replicas(tmp_path: Path, folder: Path) -> None:
    """One that serves the night and one that serves the day expect together what one expects that serves both."""
    begin = START + timedelta(days=DAYS)
    at = begin + timedelta(days=1)
    data = rows(begin, 24, per_hour=60, seed=5)
    night = pl.col("ts").dt.hour() < 7
    parts = (data, data.filter(night), data.filter(~night))
    both, *halves = (look(watched(tmp_path / str(i), folder), part, at)[1] for i, part in enumerate(parts))
    for column in CYCLIC:
        labels = {"column": column, "window": "24h"}
        found = [of_bins(each, EXPECTED, **labels) for each in halves]
        whole = of_bins(both, EXPECTED, **labels)
        assert {bin_: sum(each[bin_] for each in found) for bin_ in whole} == pytest.approx(whole, rel=1e-12)
        assert max(abs(found[0][bin_] / sum(found[0].values()) - whole[bin_] / sum(whole.values())) for bin_ in whole) > 0.1


def test_what_is_missing_at_night(tmp_path: Path, folder: Path) -> None:
    """As many as the baseline lacks at night are no alarm there; by day they are."""
    begin = START + timedelta(days=DAYS)
    data = rows(begin, 30, seed=6)
    model = watched(tmp_path / "m", folder)
    at = begin + timedelta(hours=3)
    _, series = look(model, data.filter(pl.col("ts") < at), at)
    assert total(series, "model_column_missing_ratio", column="amount", window="1h") == pytest.approx(0.6, abs=0.1)
    assert not list(over(series, "model_column_missing_ratio"))
    day = begin + timedelta(hours=15)
    noon = data.filter(pl.col("ts").is_between(day - timedelta(hours=1), day, closed="left"))
    lacking = noon.with_columns(pl.when(pl.int_range(pl.len()) % 5 == 0).then(pl.col("amount")).alias("amount"))
    _, series = look(model, lacking.with_columns(pl.when(pl.int_range(pl.len()) % 5 < 3).then(pl.lit(1.0)).alias("plain")), day)
    assert ("1h", "amount") in set(over(series, "model_column_missing_ratio"))


def test_a_baseline_without_seasons_is_compared_as_before(tmp_path: Path, folder: Path) -> None:
    """A file of a former release says nothing of hours: no series are expected, and its nights are drift."""
    record = BaselineRecord.model_validate_json((folder / "baseline.json").read_text())
    former = tuple(column.model_copy(update={"learnt": None}) for column in record.columns)
    (tmp_path / "former").mkdir()
    baseline.save(record.model_copy(update={"columns": former, "replay": None}), tmp_path / "former" / "baseline.json")
    begin = START + timedelta(days=DAYS)
    at = begin + timedelta(hours=7)
    data = rows(begin, 7, seed=7)
    model = watched(tmp_path / "m", tmp_path / "former")
    report, series = look(model, data, at)
    assert not [key for key in series if key[0] == EXPECTED]
    assert ("1h", "amount") in set(over(series, "model_column_psi"))
    assert all(window.expected is not None and window.expected.season is None for window in report.windows)


def test_the_budget_counts_what_is_expected(tmp_path: Path, folder: Path) -> None:
    """To the series, in every segment."""
    model = watched(tmp_path / "m", folder)
    model.configure(
        config_text(
            model_text(fields="{time: ts}", more="baseline: baseline.json\nsegments: [region]"), more="windows: [1h, 24h]"
        )
    )
    loaded = config.load(model.file)
    begin = START + timedelta(days=DAYS)
    data = rows(begin, 1, seed=8)
    unseen = data.with_columns(pl.lit("east").alias("region"))
    _, series = look(model, pl.concat([data, unseen]), begin + timedelta(hours=1))
    most = budget.total(budget.of_model(loaded, loaded.models[0], load_baseline(loaded.models[0], ""), Switches()), 1)
    found = [key for key in series if key[0] == EXPECTED]
    assert len(found) == most[EXPECTED] > 0
    bins = {name: sum((name_ == FOUND) and (("column", name) in key) for name_, key in series) for name in CYCLIC}
    assert len(found) == sum(bins.values())


def test_the_page_compares_with_the_same(tmp_path: Path, folder: Path) -> None:
    """Its bars are the expected ones, and no mean of other hours stands beside them."""
    model = watched(tmp_path / "m", folder)
    begin = START + timedelta(days=DAYS)
    report, series = look(model, rows(begin, 3, seed=9), begin + timedelta(hours=3))
    loaded = config.load(model.file)
    known = load_baseline(loaded.models[0], "")
    assert known is not None
    [window] = [Window(each, known, 30, hours=1) for each in report.windows if each.window == "1h"]
    amount, plain = (window.row(known.layout.index(name)) for name in ("channel", "plain"))
    app = of_bins(series, EXPECTED, column="channel", window="1h")
    share = app["app"] / sum(app.values())
    assert f"app\u2069: baseline {100 * share:.1f}" in str(amount.figure)
    assert (amount.means, amount.of_hours, plain.of_hours) == (None, True, False)
    assert plain.means is not None
    assert window.row(known.layout.index("amount")).means is None
