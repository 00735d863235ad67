"""A model that is watched by its server's own metrics: what an exporter shows of it, and that nothing pretends to be read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pages import Page
from prediction_exporter.cli import main
from prediction_exporter.web.landing import render_page
from running import Running

ALONE = """
  - name: m
    owner: me
    maturity: 0
    server: {kind: fastapi, match: {job: shop, handler: /predict}}
    slo: {availability: 0.99, latency: {under: 300ms, ratio: 0.9}}
"""
BESIDE = """
  - name: m
    owner: me
    maturity: 0
    server: {kind: %s}
    slo: {latency: {under: 500ms, ratio: 0.9}}
    predictions:
      log: {path: app.log, start: beginning}
"""
LINES = "".join(
    f'{{"time": {int(time.time()) - 60}, "id": "{i}", "latency_ms": 700, "status": 200, "prediction": "a"}}\n' for i in range(5)
)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A monitor that is stopped at the end."""
    found = Running(tmp_path)
    yield found
    found.stop()


def names(running: Running) -> set[str]:
    """Return the names of what is shown of the model."""
    return {name for name, labels in running.series if ("model", "m") in labels}


def test_what_is_shown_of_a_model_without_predictions(running: Running) -> None:
    """What it is, whose, what was promised and what ties its server to it; nothing of a source, also after a restart."""
    for _ in range(2):
        running.start(ALONE)
        running.wait(lambda: running.total("model_server_info") == 1)
        shown = {name for name in names(running) if not name.startswith(("model_alarms", "prediction_exporter_collector"))}
        assert shown == {
            "model_info",
            "model_owner_info",
            "model_slo_objective_ratio",
            "model_slo_latency_seconds",
            "model_server_info",
            "model_server_expected_info",
            "model_server_latency_bound_seconds",
        }
        assert running.total("model_server_info", kind="fastapi", match="handler=/predict,job=shop") == 1
        assert running.total("model_server_latency_bound_seconds", model="m") == 0.1
        assert running.total("model_server_expected_info") == 4
        assert running.total("prediction_exporter_collector_success", model="m") == 3  # identity, server, notes
        running.stop()


def test_the_page_says_by_what_it_is_watched(running: Running) -> None:
    """It waits for no lines, and names no collector that has nothing to do."""
    running.start(ALONE)
    monitor = running.monitor
    running.wait(lambda: "m" in monitor.reports)
    off = {"m": monitor.switches.off(monitor.config, monitor.config.models[0])}
    reports = list(monitor.reports.values())
    page = Page(render_page(reports, monitor.config, now=time.time(), telemetry_path="/metrics", unwatched=off))
    assert page.pills == ["watched by its server"]
    assert page.fact("Source") == "series of its model server: fastapi handler=/predict,job=shop · asked by Prometheus"
    assert "Waiting for" not in page.text
    assert "no predictions" not in page.text


@pytest.mark.parametrize(
    ("server", "left"),
    [
        ("fastapi, match: {handler: /predict}", set()),
        ("triton, match: {model: m}", {"model_requests_slow_total", "model_request_duration_seconds_count"}),
        ("kserve, match: {model_name: m}", {"model_requests_total", "model_requests_failed_total"}),
    ],
)
def test_nothing_counts_twice_beside_a_log(running: Running, server: str, left: set[str]) -> None:
    """What the server tells is left out of what is counted of the log; the rest of it stays."""
    (running.watched.folder / "app.log").write_text(LINES)
    running.start(BESIDE % server)
    running.wait(lambda: running.total("prediction_exporter_events_total") == 5)
    counted = {
        "model_requests_total",
        "model_requests_failed_total",
        "model_requests_slow_total",
        "model_request_duration_seconds_count",
    }
    assert names(running) & counted == left


def test_check_config_says_what_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What rules make of the server, and that a bucket stands in for the objective."""
    file = tmp_path / "exporter.yml"
    file.write_text(f'state_dir: {tmp_path}\nowners: {{me: {{slack: "#me"}}}}\nmodels:{ALONE}')
    assert main(["check", "config", str(file)]) == 0
    told = capsys.readouterr()
    assert "m: watched by its server's own metrics, fastapi handler=/predict,job=shop\n" in told.out
    assert "  rules make of them: requests, failed, duration\n" in told.out
    assert "prediction_exporter_source_up" not in told.out
    [warning] = told.err.splitlines()
    assert "slo.latency.under: 300ms is no bucket of the histogram of fastapi: requests above 0.1s count as slow" in warning
    assert "not watched" not in told.err


def test_a_baseline_without_predictions_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There would be nothing to compare with it."""
    file = tmp_path / "exporter.yml"
    file.write_text(f'owners: {{me: {{slack: "#me"}}}}\nmodels:{ALONE}')
    status = main(["baseline", "--config.file", str(file), "--model", "m", "--data", "x.csv", "--output", "b.json"])
    assert status != 0
    assert "models[0].predictions: are not there" in capsys.readouterr().err
