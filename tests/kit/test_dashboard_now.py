"""Dashboards tell the truth: what they ask of a real Prometheus that scrapes the real exporter and evaluates the rules.

A model of three versions: the first is retired, the third was rolled back after an hour, and the second is served, without its
amounts in four of five predictions. A wide one of forty features, of which one is hardly there. One that is deleted from the
configuration. Then their exporter is stopped.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import yaml

from grafana import Page, panels, sent
from prediction_exporter import baseline, config
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.demo import stack
from prediction_exporter.demo.sinks import LOOPBACK, free_port
from prediction_exporter.kit.dashboards import BOARDS
from prediction_exporter.kit.health import Health
from prediction_exporter.kit.render import render, write
from processes import Exporter
from watched import config_text, event, model_text, save_baseline

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Prometheus")

#: Rules run so many times faster: an evaluation a second, and an alert after seconds.
SCALE = 60.0
HOUR = 3600.0
MISSING = 0.8
#: Of the wide model's features, two are an event's, and one of the others is hardly there.
FEATURES, HARDLY_THERE, NEARLY_ALL = 40, "c07", 0.97
NAMESPACES = ("ml", "staging")
#: What is served; its name has what ends a text in PromQL, and what escapes.
RETIRED, SERVED, ROLLED_BACK = "1", r"""2 "b" \c'd""", "3"
WAIT_SECONDS = 90.0
#: Panels that show figures; the others show tables and bars.
DASHBOARDS = {board.name: board.content() for board in BOARDS}
FIGURES = [panel["title"] for panel in panels(DASHBOARDS["model"]) if panel["type"] == "stat"]
ABOUT_NOW = {
    name: [panel["title"] for panel in panels(dashboard) if panel["targets"][0]["instant"]]
    for name, dashboard in DASHBOARDS.items()
}

#: What is still known when nothing answers.
AFTER_THE_END = {
    "model": {"State", "Alerts"},
    "fleet": {"Models", "Critical", "Warning", "Not watched", "Models, worst first", "Firing now"},
    "exporter": {"Exporters up", "Exporters down", "Instances, the latest first"},
}


@dataclass
class Watched:
    """The models' exporter, the log of one of them, and the Prometheus that scrapes it."""

    exporter: Exporter
    log: Path
    prometheus: str

    def page(self, name: str = "model", *, ago: float = 0.0, **given: str) -> Page:
        """Return a dashboard, opened now or at a time ago; of the first model unless another is given."""
        given = {"model": "m"} | given
        return Page(DASHBOARDS[name], self.prometheus, at=time.time() - ago, span=6 * 3600, rate_interval="10s", given=given)

    def predict(self, count: int, version: str, since: float, until: float, *, missing: float = 0.0) -> None:
        """Log predictions of a version, spread over hours ago."""
        chance = random.Random(count)
        now = time.time()
        with self.log.open("a", encoding="utf-8") as file:
            for i in range(count):
                at = now - HOUR * (since - (since - until) * i / count)
                gone = {"amount": None} if i < missing * count else {}
                file.write(json.dumps(event(at, chance, version=version, **gone)) + "\n")

    def rows(self, ago: float = 0.0) -> dict[str, dict[tuple[str, str], float]]:
        """Return the values of the table of all models by heading, model and namespace."""
        page = self.page("fleet", ago=ago)
        (table,) = [panel for panel in panels(page.dashboard) if panel["title"] == "Models, worst first"]
        names = [target["legendFormat"] for target in table["targets"]]
        of_queries = zip(names, page.shown("Models, worst first"), strict=True)
        return {
            name: {(labels["model"], labels["namespace"]): value for labels, value in found if not math.isnan(value)}
            for name, found in of_queries
        }


def wide_event(at: float, chance: random.Random, *, missing: float = 0.0) -> dict[str, object]:
    """Return an event with forty features; one may be missing."""
    numbers = {f"c{i:02}": chance.gauss(0, 1) for i in range(FEATURES - 2)}
    gone = {HARDLY_THERE: None} if chance.random() < missing else {}
    return event(at, chance, **{**numbers, **gone})


def save_wide_baseline(path: Path) -> None:
    """Build the wide model's baseline."""
    chance = random.Random(1)
    table = pl.DataFrame([wide_event(0.0, chance) for _ in range(400)]).drop("ts", "version", "latency_ms", "status")
    table.write_parquet(path.with_suffix(".parquet"))
    fields = config.Fields.model_validate({"prediction": "decision", "score": "score"})
    found = build(read_table(path.with_suffix(".parquet")), fields, kinds={}, task=None, where="models[1]")
    baseline.save(found.record, path)


def log_wide(path: Path, count: int, since: float) -> None:
    """Log predictions of the wide model, spread over hours until now."""
    chance, now = random.Random(count), time.time()
    with path.open("a", encoding="utf-8") as file:
        for i in range(count):
            found = wide_event(now - HOUR * since * (1 - i / count), chance, missing=NEARLY_ALL)
            file.write(json.dumps(found) + "\n")


def wait(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition holds, or fail."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {WAIT_SECONDS} s"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Everything, running, until the rules have compared the window, alerts fire, and one model is forgotten."""
    folder = tmp_path_factory.mktemp("now")
    save_baseline(folder / "baseline.json")
    save_wide_baseline(folder / "wide.json")
    slo = "slo: {availability: 0.99, latency: {under: 500ms, ratio: 0.99}}"
    served = model_text(more=f"baseline: baseline.json\nsegments: [color]\n{slo}")
    wide = model_text("wide", "wide.log", more="baseline: wide.json")
    deleted = model_text("deleted", "app.log")
    file = folder / "exporter.yml"
    file.write_text(config_text(served, wide, deleted, more="windows: [1h, 24h]"))
    write(render(None, time_scale=SCALE), folder / "kit")
    exporter = Exporter(file)
    port = free_port()
    running = Watched(exporter, folder / "app.log", f"http://{LOOPBACK}:{port}")
    running.predict(300, RETIRED, 5, 4.5)
    running.predict(300, SERVED, 4, 1.5)
    running.predict(300, ROLLED_BACK, 3, 2)
    running.predict(500, SERVED, 0.9, 0, missing=MISSING)
    log_wide(folder / "wide.log", 500, 0.9)
    try:
        exporter.start()
        with _prometheus(folder, port, f"{LOOPBACK}:{exporter.port}"):
            wait(lambda: running.page().figure("Traffic") is not None, "counters")
            wait(lambda: len(running.rows()["health"]) == 3 * len(NAMESPACES), "health of all models")
            running.predict(100, SERVED, 0.001, 0, missing=MISSING)
            log_wide(folder / "wide.log", 100, 0.001)
            file.write_text(config_text(served, wide, more="windows: [1h, 24h]"))
            exporter.signal(signal.SIGHUP)
            wait(lambda: all(running.page(namespace=n).figure("Alerts") for n in NAMESPACES), "alert in both namespaces")
            wait(lambda: running.page("fleet").figure("Critical") == len(NAMESPACES), "critical alert in both namespaces")
            wait(lambda: running.page("fleet").figure("Models") == 2 * len(NAMESPACES), "end of the deleted model")
            yield running
    finally:
        exporter.stop()


def _prometheus(folder: Path, port: int, target: str) -> stack.Process:
    # One exporter under two names: the same model in two namespaces.
    targets = [{"targets": [target], "labels": {"namespace": name}} for name in NAMESPACES]
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "kit/prometheus/rules/*.yml")],
        "scrape_configs": [{"job_name": "prediction-exporter", "static_configs": targets}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    address = f"{LOOPBACK}:{port}"
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    command.append(f"--web.listen-address={address}")
    return stack.Process("Prometheus", command, ready=f"http://{address}/-/ready", log=folder / "prometheus.log")


def test_a_page_opens_on_what_is_served_and_on_what_is_worst(watched: Watched) -> None:
    """Not on the retired version, which is the first by name, nor on the newest, which was rolled back."""
    page = watched.page()
    assert page.options["model"] == ["deleted", "m", "wide"]  # all of the time range
    assert page.options["version"] == [SERVED, ROLLED_BACK, RETIRED]
    assert page.values["version"] == sent({"includeAll": False}, SERVED, ())
    assert page.options["worst"][0] == "amount"
    column = watched.page("column")
    assert column.values["column"] == column.options["column"][0] == "amount"
    assert set(column.options["column"]) == {"amount", "color", "decision", "score"}
    assert page.options["namespace"] == ["ml", "staging"]
    assert page.values["cluster"] == page.values["namespace"] == ".*"


def test_a_feature_that_is_missing_turns_the_top_row_red(watched: Watched) -> None:
    """One column with bad data, in each namespace and in both; its alert; and everything else is well."""
    for page in (watched.page(), watched.page(namespace="ml")):
        found = {title: page.figure(title) for title in FIGURES}
        shown = {title: value for title, value in found.items() if value is not None}
        assert found.keys() - shown.keys() == {"Performance"}  # there are no labels
        assert shown["State"] == Health.WARNING
        assert shown["Columns with bad data"] == 1
        assert shown["Drifted features"] == 0
        assert shown["Alerts"] == 1
        assert shown["Traffic"] > 0
        assert shown["Errors"] == 0
        assert 0 < shown["Latency"] < 1
        assert shown["Watched"] < 30


def test_one_of_forty_columns_is_told_on_the_first_screen(watched: Watched) -> None:
    """That it is one, of how many, and which: it is the first of the table, and is drawn beside its alert."""
    page = watched.page(model="wide")
    assert page.figure("State") == Health.CRITICAL
    assert page.figure("Columns with bad data") == 1
    _, ((of, _),) = page.shown("Drifted features")
    assert of["unit"] == f"suffix: of {FEATURES - 1}"  # one has too few values to be compared
    worst, drift, *_ = page.shown("Columns, worst first")
    assert [labels["column"] for labels, value in drift if math.isnan(value)] == [HARDLY_THERE]
    values = {labels["column"]: value for labels, value in worst}
    assert len(values) == FEATURES + 2  # the prediction and its score
    assert max(values, key=values.__getitem__) == HARDLY_THERE
    assert [column for column, value in values.items() if value > 1] == [HARDLY_THERE]
    health, alerts = page.shown("Health and alerts over time")
    assert [value for _, value in health] == [Health.CRITICAL]
    assert {(labels["alertname"], labels["column"]): value for labels, value in alerts}[
        "ModelMissingValues", HARDLY_THERE
    ] == Health.CRITICAL


def test_of_all_models_the_worst_stands_first_with_its_owner(watched: Watched) -> None:
    """What is critical, what is a warning; the column at fault, in the window where it is seen; and no deleted model."""
    page = watched.page("fleet")
    expected = {"Models": 4, "Critical": 2, "Warning": 2, "Not watched": 0, "Drifted features": 0}
    assert {title: page.figure(title) for title in expected} == expected
    assert page.figure("Requests") is not None
    assert page.figure("Without traffic") is not None
    rows = watched.rows()
    assert rows["health"] == {
        (model, namespace): state
        for model, state in (("m", Health.WARNING), ("wide", Health.CRITICAL))
        for namespace in NAMESPACES
    }
    # The wide model has no objectives, and no labels are read.
    incomplete = {name for name, found in rows.items() if found.keys() != rows["health"].keys()}
    assert incomplete == {"errors", "slow", "budget", "measures"}
    assert set(rows["errors"].values()) <= {0}  # none, where there was no request for a moment
    found = {labels["model"]: (labels["column"], labels["version"]) for labels, _ in page.shown("Models, worst first")[7]}
    assert found == {"m": ("amount", SERVED), "wide": (HARDLY_THERE, "1")}
    # Nothing is measured, which Grafana could not merge: one row says so, without a value.
    assert not rows["measures"]
    assert all(page.shown("Models, worst first"))
    owners = {labels["owner"] for labels, _ in page.shown("Models, worst first")[1]}
    assert owners == {"me"}
    (alerts,) = page.shown("Firing now")
    assert {(labels["model"], labels["column"]) for labels, _ in alerts} == {("m", "amount"), ("wide", HARDLY_THERE)}
    # One that has become critical is not a warning beside it.
    assert {(labels["model"], labels["severity"]) for labels, _ in alerts} == {("m", "warning"), ("wide", "critical")}
    assert page.query('ALERTS{model="wide", alertstate="firing", severity="warning"}')
    assert all(time.time() - 120 < value / 1000 < time.time() for _, value in alerts)


def test_an_owner_sees_what_is_theirs(watched: Watched) -> None:
    """And nothing of it, where somebody else is chosen."""
    assert watched.page("fleet", owner="me").figure("Models") == 4
    page = watched.page("fleet", owner="nobody")
    assert [title for title in ABOUT_NOW["fleet"] if any(page.shown(title))] == []


def test_before_anything_is_watched_there_is_no_figure(watched: Watched) -> None:
    """Not even that no alert fires: none could."""
    page = watched.page(ago=12 * HOUR)
    assert [title for title in FIGURES if page.figure(title) is not None] == []


def test_a_window_without_the_problem_shows_none(watched: Watched) -> None:
    """The figures are of the window that is chosen, which is why an alert's link names its own."""
    page = watched.page(version=ROLLED_BACK, window="24h")
    assert page.figure("Columns with bad data") == 0
    assert watched.page(version=ROLLED_BACK, window="1h").figure("Columns with bad data") is None


def test_the_worst_column_stands_first_with_what_is_wrong_with_it(watched: Watched) -> None:
    """Its share as a multiple of its threshold, as the exporter has both; it is the worst of all that is watched of it."""
    page = watched.page()
    worst, drift, missing, invalid, unknown, values = (
        {labels["column"]: value for labels, value in found} for found in page.shown("Columns, worst first")
    )
    of = {"model": "m", "version": SERVED, "window": "1h", "column": "amount", "segment": "all"}
    share, threshold = (watched.exporter.total(f"model_column_missing_ratio{end}", **of) for end in ("", "_threshold"))
    assert share == pytest.approx(MISSING, abs=0.05)
    assert missing["amount"] == pytest.approx(share / threshold, rel=0.01)
    assert worst["amount"] == missing["amount"] == max(worst.values()) > 1
    assert all(value < 1 for column, value in worst.items() if column != "amount")
    assert drift["amount"] < 1
    assert invalid["amount"] == 0
    assert set(unknown) >= {"amount", "color"}
    assert values["amount"] == watched.exporter.total("model_window_bin_predictions", **of)


def test_the_page_of_a_column_says_what_the_exporter_says(watched: Watched) -> None:
    """Of all traffic and of a segment: each figure as it is exported, added up from counts or not."""
    page = watched.page("column")
    assert page.options["window"] == ["1h", "24h"]
    assert page.options["segment"][0] == "all"
    assert {*page.options["segment"][1:]} >= {"color=blue", "color=red"}
    for segment in ("all", "color=red"):
        page = watched.page("column", segment=segment)
        of = {"model": "m", "version": SERVED, "window": "1h", "column": "amount", "segment": segment}
        psi = [watched.exporter.total(f"model_column_psi{end}", **of) for end in ("", "_threshold", "_noise_floor")]
        quantiles = [watched.exporter.total("model_column_quantile", q=q, **of) for q in ("0.95", "0.5", "0.05")]
        missing = [watched.exporter.total(f"model_column_missing_ratio{end}", **of) for end in ("", "_threshold")]
        assert [found[0][1] for found in page.shown("PSI")] == pytest.approx(psi)
        assert sum(value for found in page.shown("What makes the PSI") for _, value in found) == pytest.approx(psi[0])
        assert [found[0][1] for found in page.shown("Missing")] == pytest.approx(missing)
        assert [found[0][1] for found in page.shown("Quantiles")[:3]] == pytest.approx(quantiles)
        # In both namespaces.
        assert page.figure("Values") == 2 * watched.exporter.total("model_window_bin_predictions", **of)
        assert page.figure("Drifted since") == 0
        # Baseline and window; nothing of a day before, as that is not chosen.
        assert [sum(value for _, value in found) for found in page.shown("Distribution now")] == pytest.approx([1, 1, 0, 0])
    # Its own column is the same in all of a segment.
    assert watched.page("column", segment="color=red", column="color").figure("PSI / threshold") is None


def test_graphs_draw_what_is_worst(watched: Watched) -> None:
    """The missing column as a multiple of its threshold, and no line for what is 0 all the time."""
    missing, *others = watched.page().shown("Bad values")
    assert {labels["column"] for labels, _ in missing} == {"amount"}
    assert missing[0][1] > 1
    assert all(value < 1 for found in others for _, value in found)
    (line,) = [value for labels, value in watched.page().shown("When was which column bad")[0] if labels["column"] == "amount"]
    assert line > 1


def test_what_happened_is_told_once_and_at_its_time(watched: Watched) -> None:
    """Each version when its first request came, the one alert when it began; on the page of another column, no alert."""
    page = watched.page()
    seen = {labels["version"]: value for labels, value in page.query("model_version_first_seen_timestamp_seconds{model='m'}")}
    told = {title: (begin, end) for title, begin, end in page.events("Versions")}
    assert len(told) == len(page.events("Versions"))
    # Milliseconds, as Grafana has them, are rounded where they are so many.
    assert told == {f"version {name}": pytest.approx((at, at)) for name, at in seen.items()}
    ((title, begin, end),) = page.events("Alerts")
    assert (title, begin) == ("ModelMissingValues warning", end)
    ((_, of_column, _),) = watched.page("column", column="amount").events("Alerts")
    assert of_column == pytest.approx(begin, abs=page.step)
    assert watched.page("column", column="color").events("Alerts") == []
    # It was read anew when a model was deleted; of the baseline there was one all the time.
    ((_, read),) = page.query("max(last_over_time(prediction_exporter_config_last_reload_success_timestamp_seconds[1m]))")
    wait(lambda: watched.page().events("Configs"), "configuration among what happened")
    title, begin, _ = watched.page().events("Configs")[-1]
    assert title == "configuration read"
    assert begin == pytest.approx(read, abs=1)
    assert page.events("Baselines") == []


def test_a_stopped_exporter_leaves_no_figure(watched: Watched) -> None:
    """Within one look-back nothing about now is left but the alert that says so; the past can still be looked at."""
    assert watched.exporter.stop() == 0

    def left() -> list[str]:
        pages = {name: watched.page(name) for name in DASHBOARDS}
        # Of a figure with a limit, the figure.
        return [
            f"{name}: {title}"
            for name, page in pages.items()
            for title in ABOUT_NOW[name]
            if title not in AFTER_THE_END.get(name, ()) and page.shown(title)[0]
        ]

    wait(lambda: not left(), "end of what is shown as now")
    wait(lambda: (watched.page().figure("Alerts") or 0) > 0, "alert that the exporter is down")
    # What is known of them is that nobody knows, or what was and is critical.
    wait(lambda: min(watched.rows()["health"].values()) >= Health.NOT_WATCHED, "end of what is known of models")
    assert left() == []
    assert {model for model, _ in watched.rows()["health"]} >= {"m", "wide"}
    page = watched.page()
    assert page.options["version"] == [SERVED, ROLLED_BACK, RETIRED]
    # Which of them it is stands among the instances.
    (down, *_) = watched.page("exporter").shown("Instances, the latest first")
    assert down == [({"instance": f"{LOOPBACK}:{watched.exporter.port}"}, 1)]
    assert watched.page("column").options["column"][0] == "amount"
    assert page.query("max_over_time(model_column:model_column_badness:max[10m])")
