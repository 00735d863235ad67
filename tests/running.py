"""A monitor with real threads, which tests start, turn and stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from prediction_exporter import config
from prediction_exporter.collectors.switches import Switches
from prediction_exporter.counting.state import State
from prediction_exporter.exposition import Snapshot
from prediction_exporter.monitor.monitor import Monitor
from processes import samples
from watched import Series, Watched, config_text, total

SECONDS = 60.0


class Running:
    """A monitor with real threads and what it published last; its clock is the real one."""

    def __init__(self, folder: Path) -> None:
        self.watched = Watched.live(folder)
        self.snapshots: list[Snapshot] = []
        self.state: State | None = None
        self.switches = Switches()
        self.monitor: Monitor

    def start(self, *models: str, more: str = "", interval: str = "1s", wait: bool = True) -> None:
        """Start it, on the state that an earlier one left."""
        loaded = self.watched.configure(config_text(*models, more=more, interval=interval))
        self.state = State(loaded.state_dir)
        self.monitor = Monitor(loaded, state=self.state, publish=self.snapshots.append, switches=self.switches)
        self.monitor.start()
        if wait:
            self.wait(lambda: self.monitor.ready() == (True, "ready"))

    def stop(self) -> None:
        """Stop it."""
        if self.state is not None:
            self.monitor.stop()
            self.state.close()
            self.state = None

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.snapshots[-1].text.decode() if self.snapshots else "no snapshot"
            time.sleep(0.01)

    @property
    def series(self) -> Series:
        """What a scrape would show."""
        return samples(self.snapshots[-1].text.decode()) if self.snapshots else {}

    def total(self, name: str, **labels: str) -> float | None:
        """Return the sum of a metric's series that have these labels."""
        return total(self.series, name, **labels)

    def requests(self, model: str) -> float | None:
        """Return the requests of a model."""
        return self.total("model_requests_total", model=model)

    def rewrite(self, text: str) -> str | None:
        """Reload another configuration; return what is wrong with it."""
        self.watched.file.write_text(text)
        return self.monitor.reload(lambda: config.load(self.watched.file))
