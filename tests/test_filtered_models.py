"""Models whose logs hold other lines: their counters over restarts, and what an alert is about."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from prediction_exporter.collectors.source import SourceSeries
from prediction_exporter.config import Config
from prediction_exporter.monitor import budget
from watched import Watched, config_text, model_text, read, total

SKIPPED = "prediction_exporter_events_skipped_total"


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder for a model."""
    return Watched(tmp_path)


def filtered(watched: Watched, where: str) -> Config:
    """Write a configuration with a filter."""
    text = config_text(model_text()).replace("predictions: {", f'predictions: {{where: "{where}", ')
    return watched.configure(text)


def other_lines(count: int) -> str:
    """Return lines that are no predictions, of which some look like one."""
    chance = random.Random(3)
    kinds = ['{"kind": "health", "ts": "soon", "amount": {}}', '{"kind": "access", "color": ["red"]}', '{"level": "info"}']
    return "".join(chance.choice(kinds) + "\n" for _ in range(count))


def test_what_is_left_out_is_counted_once_over_restarts(watched: Watched) -> None:
    """Beside what counts and what is refused, in one transaction with the position; bad lines are bad as ever."""
    loaded = filtered(watched, "kind = 'prediction'")
    for part in range(1, 4):
        watched.write(other_lines(50))
        watched.log(20, kind="prediction")
        watched.write("{torn\n")
        watched.log(5, kind="prediction", ts=None)
        monitor = watched.start(loaded)
        _, series = read(monitor, watched.clock)
        monitor.commit()
        monitor.close()
        assert total(series, SKIPPED, model="m", reason="filtered") == 50 * part
        assert total(series, "prediction_exporter_events_total") == 20 * part
        assert total(series, "prediction_exporter_events_rejected_total", reason="malformed") == part
        assert total(series, "prediction_exporter_events_rejected_total", reason="missing_time") == 5 * part


def test_without_a_filter_nothing_is_said_of_one(watched: Watched) -> None:
    """No series more than before."""
    watched.log(5)
    _, series = read(watched.start(), watched.clock)
    assert total(series, SKIPPED) is None
    assert total(series, "prediction_exporter_field_seen_ratio", field="where") is None


def test_a_filter_that_nothing_passes_is_told(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    """In the log, and in the series that ModelFieldNotFound is about, which is 0 while it is so and never after."""
    watched.log(30, kind="prediction")
    loaded = filtered(watched, "kind = 'predicton'")
    monitor = watched.start(loaded)
    report, series = read(monitor, watched.clock)
    assert report.source.up
    assert total(series, "prediction_exporter_field_seen_ratio", field="where") == 0
    assert total(series, SKIPPED) == 30
    [told] = [record.getMessage() for record in caplog.records if "passes the filter" in record.getMessage()]
    assert told.startswith("model m: predictions.where: none of 30 records passes the filter (they have: ")
    watched.log(1, kind="predicton")
    _, series = read(monitor, watched.clock)
    assert total(series, "prediction_exporter_field_seen_ratio", field="where") == pytest.approx(1 / 31)
    watched.write(other_lines(5000))
    _, series = read(monitor, watched.clock)
    assert total(series, "prediction_exporter_field_seen_ratio", field="where") == pytest.approx(1 / 5031)
    most = budget.total([SourceSeries(loaded.models[0]).most()], 1)
    for name in (SKIPPED, "prediction_exporter_field_seen_ratio"):
        assert most[name] == sum(found == name for found, _ in series)
