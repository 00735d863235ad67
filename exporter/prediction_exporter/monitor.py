"""Monitor: runs every model in a thread of its own, and publishes one snapshot of all.

A source that hangs stops its own model alone; its last report stays up, with the time that it is from.
"""

from __future__ import annotations

import logging
import platform
import threading
import time
from collections.abc import Callable
from functools import partial

from prediction_exporter import __version__, budget
from prediction_exporter import families as f
from prediction_exporter.config import Config
from prediction_exporter.errors import ConfigError, PredictionExporterError
from prediction_exporter.exposition import Samples, Snapshot, label_text, render
from prediction_exporter.model_monitor import ModelMonitor, load_baseline
from prediction_exporter.process import PROCESS_FAMILIES, process_samples
from prediction_exporter.report import FAMILIES, ModelReport
from prediction_exporter.state import State

logger = logging.getLogger(__name__)

#: How long a stopping model may take to finish a read and commit it.
STOP_SECONDS = 10.0

PUBLISHED_FAMILIES = (*FAMILIES, *PROCESS_FAMILIES)


class Monitor:
    """The models of a configuration.

    Args:
        config: the configuration.
        state: the state file.
        publish: takes each finished snapshot.
        clock: Unix time.

    Raises:
        PredictionExporterError: the configuration cannot be used; nothing has been started.
    """

    def __init__(
        self, config: Config, *, state: State, publish: Callable[[Snapshot], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._publish = publish
        self._state = state
        self._clock = clock
        self._lock = threading.Lock()
        self._reload_lock = threading.Lock()
        self._reload_succeeded = True
        self._load(config)

    def _load(self, config: Config) -> None:
        """Build everything that a configuration needs, and only then take it over."""
        versions = plan(config)
        self.config = config
        self.reports: dict[str, ModelReport] = {}
        self._loaded = self._clock()
        self._workers = [
            _Worker(model.name, partial(self._build, index, versions), config.interval.seconds, self._take)
            for index, model in enumerate(config.models)
        ]

    def _build(self, index: int, versions: int) -> ModelMonitor:
        model, place = self.config.models[index], f"models[{index}]"
        return ModelMonitor(self.config, model, place=place, state=self._state, max_versions=versions, clock=self._clock)

    def start(self) -> None:
        """Start reading."""
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """Stop reading; what was read is committed."""
        for worker in self._workers:
            worker.stopping.set()
        for worker in self._workers:
            worker.join(STOP_SECONDS)
            if worker.is_alive():
                logger.warning("model %s: its source hangs; left behind uncommitted", worker.model)

    def reload(self, load: Callable[[], Config]) -> str | None:
        """Take over a new configuration, whole or not at all; return what is wrong with it, or None.

        The running models stop for as long as the new ones take to read their state.
        """
        with self._reload_lock:
            try:
                config = load()
                self._refuse_other_state(config)
                plan(config)
            except PredictionExporterError as error:
                logger.error("configuration not reloaded, the former one stays in use: %s", error)  # noqa: TRY400 - for a person
                self._reload_succeeded = False
                self._republish()
                return str(error)
            self.stop()
            self._load(config)
            self._reload_succeeded = True
            self.start()
            logger.info("configuration reloaded")
            return None

    def _refuse_other_state(self, config: Config) -> None:
        if config.state_dir != self.config.state_dir:
            raise ConfigError("state_dir: cannot change while running; restart the exporter")

    def ready(self) -> tuple[bool, str]:
        """Return whether every model has been evaluated once, and which have not."""
        waiting = [worker.model for worker in self._workers if worker.model not in self.reports]
        return (False, f"not evaluated yet: {', '.join(waiting)}") if waiting else (True, "ready")

    def _take(self, report: ModelReport) -> None:
        with self._lock:
            self.reports = {**self.reports, report.name: report}
        self._republish()

    def _republish(self) -> None:
        with self._lock:
            parts = [self.reports[model.name].samples for model in self.config.models if model.name in self.reports]
            own = process_samples()
            parts += [own, self._own_samples(parts_series=sum(part.series for part in parts) + own.series)]
            self._publish(render(parts, PUBLISHED_FAMILIES, created=self._clock()))

    def _own_samples(self, *, parts_series: int) -> Samples:
        samples = Samples()
        samples.add(f.CONFIG_RELOAD_SUCCESSFUL, "", self._reload_succeeded)
        samples.add(f.CONFIG_RELOAD_TIME, "", self._loaded)
        samples.add(f.SERIES_LIMIT, "", self.config.series_limit)
        samples.add(f.BUILD_INFO, label_text(f.BUILD_INFO.labels, (__version__, platform.python_version())), 1)
        samples.add(f.SERIES, "", parts_series + samples.series + 1)
        return samples


def plan(config: Config) -> int:
    """Check that a configuration can run, and return how many versions of each model get series of their own.

    Raises:
        ConfigError: baselines cannot be read or do not fit the configuration, or the series are too many; the message has a line
            for each problem.
    """
    problems = []
    budgets = []
    for index, model in enumerate(config.models):
        try:
            budgets.append(budget.of_model(config, model, load_baseline(model, f"models[{index}]")))
        except PredictionExporterError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return budget.versions_that_fit(config, budgets)


class _Worker(threading.Thread):
    """Reads and evaluates one model again and again.

    Whatever fails unexpectedly, the model is built anew from what was last committed: a batch that was taken in half is read
    again, and the other models go on.
    """

    def __init__(
        self, name: str, build: Callable[[], ModelMonitor], interval: float, take: Callable[[ModelReport], None]
    ) -> None:
        super().__init__(name=f"model {name}", daemon=True)
        self.model = name
        self.stopping = threading.Event()
        self._build = build
        self._interval = interval
        self._take = take

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                monitor = self._build()
                try:
                    self._watch(monitor)
                finally:
                    monitor.close()
            except Exception:  # a defect of this exporter or a full disk: told, and tried again
                logger.exception("model %s: failed, goes on from its last commit in %.0f s", self.model, self._interval)
                self.stopping.wait(self._interval)

    def _watch(self, monitor: ModelMonitor) -> None:
        """Read until there is nothing more, evaluate at least once an interval, and wait for the next turn."""
        deadline = time.monotonic()
        while not self.stopping.is_set():
            deadline = max(deadline + self._interval, time.monotonic())
            more = monitor.read(until=partial(self._must_pause, deadline))
            if self.stopping.is_set():
                return
            self._take(monitor.evaluate())
            if not more:
                self.stopping.wait(deadline - time.monotonic())

    def _must_pause(self, deadline: float) -> bool:
        return self.stopping.is_set() or time.monotonic() >= deadline
