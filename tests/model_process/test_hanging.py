"""Whatever hangs behind it, a scrape is answered as fast as before."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import requests

from processes import Exporter
from watched import Watched, config_text, model_text

Start = Callable[..., Exporter]

#: A file that begins to hang each collector, of whatever kind, as soon as it is there.
HANGING = """
import dataclasses, sys, threading, time
from pathlib import Path
from prediction_exporter.collectors import registry, switches
from prediction_exporter.collectors.base import PollingCollector

hangs = Path(sys.argv.pop())

def wait():
    while hangs.exists():
        time.sleep(0.05)

def slowed(found):
    for series in found.values() if isinstance(found, dict) else [found]:
        name = "poll" if hasattr(series, "poll") else "render"
        asked = getattr(series, name)
        setattr(series, name, lambda *moment, asked=asked: (wait(), asked(*moment))[1])
    return found

for name, collector in list(registry.COLLECTORS.items()):
    opened = collector.open
    registry.COLLECTORS[name] = dataclasses.replace(collector, open=lambda of, opened=opened: slowed(opened(of)))
from prediction_exporter.cli import main
sys.exit(main(sys.argv[1:]))
"""


def median_of_scrapes(exporter: Exporter) -> float:
    """Return the median of forty scrapes, in seconds."""
    taken = []
    for _ in range(40):
        began = time.perf_counter()
        answer = requests.get(f"{exporter.url}/metrics", timeout=5)
        taken.append(time.perf_counter() - began)
        assert answer.status_code == 200
        assert b"model_requests_total" in answer.content
    return statistics.median(taken)


def test_a_scrape_is_as_fast_while_every_collector_hangs(tmp_path: Path) -> None:
    """Those of models, those of the moment, and those that poll: nothing is computed at a scrape."""
    watched = Watched.live(tmp_path)
    watched.configure(config_text(model_text(more="baseline: baseline.json\nprocess: {command: pytest}")))
    watched.log(40)
    hangs = tmp_path / "hangs"
    exporter = Exporter(watched.file, command=("-c", HANGING), arguments=(str(hangs),))
    try:
        exporter.start()
        exporter.wait_for(lambda: exporter.total("model_requests_total") == 40, "counted")
        exporter.wait_for(lambda: exporter.total("model_process_up") == 1, "found")
        before = median_of_scrapes(exporter)
        hangs.touch()
        watched.log(7)
        time.sleep(2.5)  # two evaluations, which hang
        assert exporter.total("model_requests_total") == 40
        during = median_of_scrapes(exporter)
        hangs.unlink()
        exporter.wait_for(lambda: exporter.total("model_requests_total") == 47, "counted")
    finally:
        hangs.unlink(missing_ok=True)
        exporter.stop()
    assert during < 2 * before + 0.05


def test_a_pid_file_that_hangs_costs_its_own_series_alone(tmp_path: Path, start_exporter: Start) -> None:
    """A pipe in its place gives no answer; the model's predictions are counted, and a signal still ends it."""
    watched = Watched.live(tmp_path)
    os.mkfifo(tmp_path / "model.pid")
    watched.configure(config_text(model_text(more="baseline: baseline.json\nprocess: {pid_file: model.pid}")))
    watched.log(40)
    exporter = start_exporter(watched.file)
    exporter.wait_for(lambda: exporter.total("model_requests_total") == 40, "counted")
    assert exporter.total("model_process_up") == 0
    assert exporter.stop() == 0
