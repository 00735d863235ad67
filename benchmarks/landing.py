"""Landing page: what one with 42 columns and 2 windows costs, and what the first page of a process costs beside it.

The first one loads the templates' engine and compiles the templates; an exporter that is only scraped never does.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from data import lines, prepare

from prediction_exporter.collectors.report import ModelReport
from prediction_exporter.config import Config
from prediction_exporter.counting.state import State
from prediction_exporter.monitor.model_monitor import ModelMonitor

EVENTS = 20_000
ROUNDS = 30


def report_of(folder: Path) -> tuple[Config, ModelReport]:
    """Return a model's report, as the exporter makes it."""
    config = prepare(folder)
    (folder / "app.log").write_bytes(lines(EVENTS, seed=1, until=time.time(), seconds=80_000))
    state = State(config.state_dir)
    monitor = ModelMonitor(config, config.models[0], place="models[0]", state=state, max_versions=8)
    monitor.read(until=lambda: False)
    report = monitor.evaluate()
    monitor.close()
    state.close()
    return config, report


#: Prints the seconds and the MiB that the pages' modules take in a process that has loaded what an exporter runs with.
LOADING = """
import time
import prediction_exporter.monitor.monitor, prediction_exporter.web.server

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

before, began = resident(), time.perf_counter()
import prediction_exporter.commands.pages
print(time.perf_counter() - began, resident() - before)
"""


def main() -> None:
    """Print times and memory."""
    with tempfile.TemporaryDirectory() as name:
        config, report = report_of(Path(name))

    def page() -> bytes:
        from prediction_exporter.web.landing import render_page

        return render_page([report], config, now=time.time(), telemetry_path="/metrics")

    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        size = len(page())
        seconds.append(time.perf_counter() - began)
    measured = [subprocess.check_output([sys.executable, "-c", LOADING], text=True).split() for _ in range(5)]
    loading, memory = (median(map(float, values)) for values in zip(*measured, strict=True))
    print(f"landing: a page of {size:,} bytes")
    print(f"  loading the pages       {loading * 1e3:8.1f} ms   {memory:5.1f} MiB")
    print(f"  the first page          {seconds[0] * 1e3:8.1f} ms   (with what it loads)")
    print(f"  each further page       {median(seconds[1:]) * 1e3:8.1f} ms")


if __name__ == "__main__":
    main()
