"""Series of a model: what is known is there with the declared labels, and what is not is absent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from prediction_exporter import baseline
from prediction_exporter.collectors import (
    artifacts,
    bill,
    cost,
    evidence,
    exporter,
    model_process,
    notes,
    server,
    traffic,
    volume,
)
from prediction_exporter.collectors import statistics as module
from prediction_exporter.collectors.base import Published, Subject
from prediction_exporter.collectors.identity import IdentitySeries
from prediction_exporter.collectors.labels import SOURCE_SKIPPED
from prediction_exporter.collectors.registry import FAMILIES, family_list
from prediction_exporter.collectors.report import ModelReport
from prediction_exporter.collectors.running import COLLECTOR_FAMILIES
from prediction_exporter.collectors.source import EVENTS_SKIPPED, SOURCE_WAITING, SOURCE_WAITING_BYTES, SourceSeries
from prediction_exporter.collectors.windows import EXPECTED_BIN_PREDICTIONS
from prediction_exporter.errors import ConfigError
from prediction_exporter.statistics import STATISTICS, Reference
from prediction_exporter.statistics.base import Constant, Floats
from prediction_exporter.statistics.psi import PSI
from watched import LABELLED, NOW, OF_NUMBERS, WITH_ID, Series, Watched, config_text, model_text, read, total

GOLDEN = Path(__file__).parent / "golden" / "families.txt"

FULL = """baseline: baseline.json
learning: 0s
task: binary
areas: {data: you}
importance: {amount: 0.7}
segments: [color]
references: [week, version]
slo: {availability: 0.99, latency: {under: 60ms, ratio: 0.9}, freshness: {within: 1h, ratio: 0.9}}
capacity: {requests_per_second: 10, concurrency: 2}
replicas: {expected: 1}
info: {framework: sklearn, training_data: "a \\"quoted\\" name"}
dependencies: requirements.txt"""


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder for a model."""
    return Watched(tmp_path)


def rendered(watched: Watched, more: str = FULL, **changed: Any) -> Series:
    """Return the series of a model with an hour of predictions."""
    (watched.folder / "requirements.txt").write_text("numpy==2.0\nrequests[socks] == 2.32.3 ; x\n# none\nscipy>=1\n")
    owners = "owners: {me: {slack: '#me'}, you: {email: you@example.com}}"
    text = config_text(model_text(more=f"{more}\n{LABELLED}", fields=WITH_ID)).replace('owners: {me: {slack: "#me"}}', owners)
    watched.build_labelled(text)
    loaded = watched.configure(text)
    watched.log_labelled(60, **changed)
    return read(watched.start(loaded), watched.clock)[1]


def test_the_golden_list_names_every_family() -> None:
    """Names are API: they change on purpose. To accept a change, write what family_list() gives into the file."""
    assert GOLDEN.read_text() == family_list()


def test_names_are_unique_and_well_formed() -> None:
    """A counter ends in _total and nothing else does; no name holds a colon; an info series is told as such."""
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)
    for family in FAMILIES:
        assert (family.type == "counter") == family.name.endswith("_total")
        assert ":" not in family.name
        assert len(set(family.labels)) == len(family.labels)
        assert not family.name.endswith("_info") or family.help.endswith("Always 1.")


def test_a_full_model_shows_every_family_of_its_task(watched: Watched) -> None:
    """All but those of a regression, entities, seasons, stages, attributions, filters, halves, and what is asked for."""
    watched.log_labelled(60, version="0", at=watched.clock() - 7200)  # also for the day's windows to be compared with
    series = rendered(watched)
    shown = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name, _ in series}
    beside = (server, notes, model_process, artifacts, cost, bill, volume, exporter)
    own = {family.name for family in (*(family for of in beside for family in of.COLLECTOR.families), *COLLECTOR_FAMILIES)}
    of_others = {
        traffic.PREDICTION_VALUE.name,
        traffic.STAGE_REQUESTS.name,
        *(family.name for family in (traffic.FIELD_AMOUNT, traffic.FIELD_VALUES, traffic.DURATION)),
        *(family.name for family in (traffic.ATTRIBUTION, traffic.ATTRIBUTION_VALUES, traffic.BASELINE_ATTRIBUTION)),
        evidence.EFFECTIVE.name,
        EXPECTED_BIN_PREDICTIONS.name,
        EVENTS_SKIPPED.name,
        SOURCE_WAITING.name,
        SOURCE_WAITING_BYTES.name,
        SOURCE_SKIPPED.name,
    }
    of_others |= {family.name for family in FAMILIES if OF_NUMBERS.fullmatch(family.name)}
    assert {family.name for family in FAMILIES} - shown == own | of_others
    assert total(series, "model_window_predictions", segment="all", window="1h") == 60
    by_color = [total(series, "model_window_predictions", window="1h", segment=f"color={c}") for c in ("red", "blue")]
    assert sum(filter(None, by_color)) == 60
    assert total(series, "model_dependency_info", package="requests", package_version="2.32.3") == 1
    assert total(series, "model_info", training_data='a "quoted" name', framework="sklearn", task="binary") == 1
    assert total(series, "model_owner_info", area="data", owner="you", email="you@example.com", slack="") == 1
    assert total(series, "model_owner_info", area="drift", owner="me", slack="#me") == 1
    assert total(series, "prediction_exporter_events_rejected_total", reason="malformed") == 0


def test_bins_and_baseline_ratios_have_the_same_labels(watched: Watched) -> None:
    """Rules join them on column and bin."""
    series = rendered(watched)

    def places(name: str) -> set[tuple[str, str, str]]:
        found = [dict(labels) for of, labels in series if of == name]
        return {(labels["column"], labels["role"], labels["bin"]) for labels in found}

    assert places("model_window_bin_predictions") == places("model_baseline_bin_ratio")
    for column in ("amount", "color", "score", "decision"):
        assert total(series, "model_baseline_bin_ratio", column=column) == pytest.approx(1.0)
        assert total(series, "model_window_bin_predictions", column=column, segment="all", window="24h") == 60


def test_the_baseline_tells_its_moments(watched: Watched) -> None:
    """Of its numeric columns alone, as the data that it was built from has them, whatever the window holds."""
    series = rendered(watched, amount=1e6)
    amounts = pl.read_parquet(watched.folder / "baseline.parquet")["amount"].to_numpy()
    at = {"model": "m", "column": "amount", "role": "feature"}
    assert total(series, "model_baseline_mean", **at) == pytest.approx(np.mean(amounts))
    assert total(series, "model_baseline_stddev", **at) == pytest.approx(np.std(amounts, ddof=1))
    for name in ("model_baseline_mean", "model_baseline_stddev"):
        columns = {dict(labels)["column"] for of, labels in series if of == name}
        assert columns == {"amount", "score"}


def test_the_baseline_tells_its_quantiles(watched: Watched) -> None:
    """In the bin of the data's own value of that rank, as those of windows: off by at most the width of the bin."""
    series = rendered(watched, amount=1e6)
    amounts = pl.read_parquet(watched.folder / "baseline.parquet")["amount"].to_numpy()
    layout = baseline.load(watched.folder / "baseline.json").layout
    edges = np.array([amounts.min(), *layout.columns[layout.names.index("amount")].edges, amounts.max()])
    found = {dict(labels)["q"]: value for of, labels, value in quantiles(series) if dict(labels)["column"] == "amount"}
    assert list(found) == ["0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99"]
    for q, value in found.items():
        true = np.quantile(amounts, float(q), method="inverted_cdf")
        low, high = edges[edges <= true].max(), edges[edges > true].min(initial=amounts.max())
        assert low <= value <= high
        assert high - low < np.std(amounts) / 2  # the bound tells something
    assert {dict(labels)["column"] for _, labels, _ in quantiles(series)} == {"amount", "score"}


def quantiles(series: Series) -> list[tuple[str, frozenset[tuple[str, str]], float]]:
    """Return the baseline's quantiles in their order."""
    return [(of, labels, value) for (of, labels), value in series.items() if of == "model_baseline_quantile"]


def test_what_the_log_does_not_tell_is_absent(watched: Watched) -> None:
    """Without status and latency there are neither failures nor durations, and no zeros in their place."""
    text = config_text(model_text(more=FULL, fields="{time: ts, version: version, prediction: decision, score: score}"))
    (watched.folder / "requirements.txt").touch()
    loaded = watched.configure(text.replace("areas: {data: you}", "areas: {}"))
    watched.log(60, status=None, latency_ms=None)
    series = read(watched.start(loaded), watched.clock)[1]
    assert total(series, "model_requests_total") == 60
    for name in ("model_requests_failed_total", "model_requests_slow_total", "model_request_duration_seconds_bucket"):
        assert total(series, name) is None


@pytest.mark.parametrize(
    ("source", "shared"),
    [
        ("log: {path: app.log}", 0),
        ('table: {url: "sqlite:///p.db", name: predictions}', 0),
        ('table: {url: "sqlite:///p.db", name: predictions, shared: true}', 1),
        ("files: {path: folder, shared: true}", 1),
    ],
)
def test_whether_others_read_the_source_is_shown(watched: Watched, source: str, shared: int) -> None:
    """From the start, for every model: rules add up replicas where it is 0."""
    text = config_text(f"\n  - {{name: m, owner: me, maturity: 0, predictions: {{{source}}}}}\n")
    loaded = watched.configure(text)
    report, _ = read(watched.start(loaded), watched.clock)
    lines = lag(report, 0.0)
    assert lines["prediction_exporter_source_shared"] == [f'prediction_exporter_source_shared{{model="m"}} {shared}']


def test_no_value_is_not_a_number(watched: Watched) -> None:
    """Columns that never come have a status and no series."""
    series = rendered(watched, amount=None)
    assert not any(np.isnan(value) for value in series.values())
    at = {"window": "1h", "segment": "all"}
    assert total(series, "model_column_missing_ratio", column="amount", **at) == 1
    assert total(series, "model_column_mean", column="amount") is None
    assert total(series, "model_column_psi", column="amount") is None
    assert total(series, "model_statistic_status", statistic="min", reason="no_values", **at) == 1
    assert total(series, "model_statistic_status", statistic="psi", reason="ok", **at) == 3


def lag(report: ModelReport, now: float) -> dict[str, list[str]]:
    """Return the lines on a report's source at a time."""
    published = Published({report.name: report}, reload_succeeded=True, loaded=0.0, others=0, now=now)
    return SourceSeries(report.model).render(published).lines


def test_lag_is_that_of_the_moment(watched: Watched) -> None:
    """The newest event ages while the report stays."""
    rendered(watched)
    watched.clock.now = NOW + 100
    report, series = read(watched.start(), watched.clock)
    assert total(series, "prediction_exporter_source_lag_seconds") == 100
    lines = lag(report, NOW + 250)
    assert lines["prediction_exporter_source_lag_seconds"] == ['prediction_exporter_source_lag_seconds{model="m"} 250']
    lines = lag(report, NOW - 5)
    assert lines["prediction_exporter_source_lag_seconds"] == ['prediction_exporter_source_lag_seconds{model="m"} 0']


def test_a_constant_that_fails_is_absent(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter starts, and the statistic's other series are there."""

    def fail(_: Reference) -> Floats:
        raise RuntimeError("a defect")

    (constant,) = PSI.constants
    broken = replace(PSI, constants=(Constant(family=constant.family, compute=fail),))
    monkeypatch.setattr(module, "STATISTICS", tuple(broken if s is PSI else s for s in STATISTICS))
    series = rendered(watched)
    assert total(series, constant.family.name) is None
    assert total(series, "model_column_psi_noise_quantile") is not None
    assert total(series, "model_column_psi") is not None


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file or directory"), (b"\xff", "not UTF-8 text")])
def test_requirements_that_cannot_be_read_are_named(watched: Watched, content: bytes | None, reason: str) -> None:
    """As an error of the configuration."""
    path = watched.folder / "requirements.txt"
    if content is not None:
        path.write_bytes(content)
    loaded = watched.configure(config_text(model_text(more="baseline: baseline.json\ndependencies: requirements.txt")))
    with pytest.raises(ConfigError, match=f"dependencies of model m: {path} cannot be read: {reason}"):
        IdentitySeries(Subject(loaded, loaded.models[0], None, {}))
