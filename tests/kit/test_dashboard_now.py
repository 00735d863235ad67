"""The dashboard tells the truth: what it asks of a real Prometheus that scrapes the real exporter and evaluates the rules.

A model of three versions: the first is retired, the third was rolled back after an hour, and the second is served, without its
amounts in four of five predictions. Then its exporter is stopped.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from grafana import Page, panels, sent
from prediction_exporter.demo import stack
from prediction_exporter.demo.sinks import LOOPBACK, free_port
from prediction_exporter.kit.dashboards import BOARDS
from prediction_exporter.kit.render import render, write
from processes import Exporter
from watched import config_text, event, model_text, save_baseline

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Prometheus")

#: Rules run so many times faster: an evaluation a second, and an alert after seconds.
SCALE = 60.0
HOUR = 3600.0
MISSING = 0.8
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
AFTER_THE_END = {"Alerts"}


@dataclass
class Watched:
    """The model's exporter, its log, and the Prometheus that scrapes it."""

    exporter: Exporter
    log: Path
    prometheus: str

    def page(self, name: str = "model", *, ago: float = 0.0, **given: str) -> Page:
        """Return a dashboard, opened now or at a time ago."""
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


def wait(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition holds, or fail."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {WAIT_SECONDS} s"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Everything, running, until the rules have compared the window and an alert fires."""
    folder = tmp_path_factory.mktemp("now")
    save_baseline(folder / "baseline.json")
    config = folder / "exporter.yml"
    slo = "baseline: baseline.json\nsegments: [color]\nslo: {availability: 0.99, latency: {under: 500ms, ratio: 0.99}}"
    config.write_text(config_text(model_text(more=slo), more="windows: [1h, 24h]"))
    write(render(None, time_scale=SCALE), folder / "kit")
    exporter = Exporter(config)
    port = free_port()
    running = Watched(exporter, folder / "app.log", f"http://{LOOPBACK}:{port}")
    running.predict(300, RETIRED, 5, 4.5)
    running.predict(300, SERVED, 4, 1.5)
    running.predict(300, ROLLED_BACK, 3, 2)
    running.predict(500, SERVED, 0.9, 0, missing=MISSING)
    try:
        exporter.start()
        with _prometheus(folder, port, f"{LOOPBACK}:{exporter.port}"):
            wait(lambda: running.page().figure("Requests") is not None, "counters")
            running.predict(100, SERVED, 0.001, 0, missing=MISSING)
            wait(lambda: all(running.page(namespace=n).figure("Alerts") for n in ("ml", "staging")), "alert in both namespaces")
            yield running
    finally:
        exporter.stop()


def _prometheus(folder: Path, port: int, target: str) -> stack.Process:
    # One exporter under two names: the same model in two namespaces.
    targets = [{"targets": [target], "labels": {"namespace": name}} for name in ("ml", "staging")]
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
        shown = {title: page.figure(title) for title in FIGURES}
        assert shown["Columns with bad data"] == 1
        assert shown["Drifted features"] == 0
        assert shown["Alerts"] == 1
        assert shown["Source"] == 1
        assert shown["Requests"] is not None
        assert shown["Requests"] > 0
        assert shown["Errors"] == 0
        assert shown["Latency, p95"] is not None
        assert shown["Last evaluation"] is not None
        assert shown["Last evaluation"] < 30


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
    of = {"version": SERVED, "window": "1h", "column": "amount", "segment": "all"}
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
        of = {"version": SERVED, "window": "1h", "column": "amount", "segment": segment}
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
        assert [sum(value for _, value in found) for found in page.shown("Distribution now")] == pytest.approx([1, 1])
    # Its own column is the same in all of a segment.
    assert watched.page("column", segment="color=red", column="color").figure("PSI / threshold") is None


def test_graphs_draw_what_is_worst(watched: Watched) -> None:
    """The missing column with its threshold, and no line for what is 0 all the time."""
    lines, threshold = watched.page().shown("Missing values")
    assert {labels["column"] for labels, _ in lines} == {"amount"}
    assert threshold[0][1] < lines[0][1]
    (line,) = [value for labels, value in watched.page().shown("When was which column bad")[0] if labels["column"] == "amount"]
    assert line > 1


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
            if title not in AFTER_THE_END and page.shown(title)[0]
        ]

    wait(lambda: not left(), "end of what is shown as now")
    wait(lambda: (watched.page().figure("Alerts") or 0) > 0, "alert that the exporter is down")
    assert left() == []
    page = watched.page()
    assert page.options["version"] == [SERVED, ROLLED_BACK, RETIRED]
    assert watched.page("column").options["column"][0] == "amount"
    assert page.query("max_over_time(model_column:model_column_badness:max[10m])")
