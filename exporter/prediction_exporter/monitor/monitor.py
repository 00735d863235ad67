"""Monitor: runs every model in a thread of its own, and publishes one snapshot of all.

A source that hangs stops its own model alone: its last report stays up, ``prediction_exporter_source_lag_seconds`` grows and
``prediction_exporter_last_success_timestamp_seconds`` stands still.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from prediction_exporter.collectors.base import Moment, Published, Subject
from prediction_exporter.collectors.cost import COLLECTOR as COST_COLLECTOR
from prediction_exporter.collectors.notes import COLLECTOR as NOTES_COLLECTOR
from prediction_exporter.collectors.report import Collected, ModelReport, NotesReport, SourceReport
from prediction_exporter.collectors.running import ModelCollectors
from prediction_exporter.collectors.switches import NOTHING_RUNS, Switches, excluded_families
from prediction_exporter.config import Config, Model
from prediction_exporter.cost.rates import RateCosts
from prediction_exporter.counting.state import State
from prediction_exporter.counting.traffic import Traffic
from prediction_exporter.errors import ConfigError, PredictionExporterError
from prediction_exporter.exposition import Snapshot
from prediction_exporter.monitor import budget
from prediction_exporter.monitor.collecting import Collecting, reports_by_name
from prediction_exporter.monitor.costs import CostMonitor
from prediction_exporter.monitor.model_monitor import ModelMonitor
from prediction_exporter.monitor.notes import NotesMonitor
from prediction_exporter.monitor.references import load_baseline
from prediction_exporter.monitor.stored import stored_names
from prediction_exporter.monitor.worker import NO_ROOM, UNEXPECTED, Worker

logger = logging.getLogger(__name__)

#: How long stopping models may take together to finish a read and commit it.
STOP_SECONDS = 10.0

#: How long the exporter waits to be ready for models that have no outcome yet. A source that hangs must not take the pod of the
#: model that it watches out of service.
READY_SECONDS = 5.0

_POLL_SECONDS = 0.1  # how soon a reload notices that the exporter is to stop
_ENDS = "the exporter is stopping"


class Monitor:
    """The models of a configuration.

    Args:
        config: the configuration.
        state: the state file.
        publish: takes each finished snapshot.
        switches: which collectors the command line wants, over the configuration.
        start_timestamps: whether OpenMetrics tells since when counters count.
        clock: Unix time.

    Raises:
        PredictionExporterError: the configuration cannot be used; nothing has been started.
    """

    def __init__(
        self,
        config: Config,
        *,
        state: State,
        publish: Callable[[Snapshot], None],
        switches: Switches | None = None,
        start_timestamps: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._publish = publish
        self.switches = switches or Switches()
        self._start_timestamps = start_timestamps
        self._state = state
        self._clock = clock
        self._running = threading.Lock()  # held while models are started or stopped
        self._lock = threading.Lock()  # guards what follows, which several threads read and replace whole
        self.reports: dict[str, ModelReport] = {}
        self.notes: NotesReport | None = None
        self.costs: Mapping[str, RateCosts] | None = {}
        self._published: frozenset[str] = frozenset()
        self._serves = False
        self._was_ready = False
        self._began = time.monotonic()
        self.problem: str | None = None
        versions = plan(config, self.switches)
        self._take_over(config, versions, Collecting(config, self.switches, start_timestamps=start_timestamps))
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._publisher = threading.Thread(target=self._publish_always, name="publisher", daemon=True)

    def _take_over(self, config: Config, versions: int, collecting: Collecting) -> None:
        """Use a configuration that has been checked. The last reports of models that it keeps stay until they have new ones."""
        workers = tuple(
            Worker(
                f"model {model.name}",
                build=partial(self._build, config, index, versions),
                interval=config.interval.seconds,
                take=self._take,
                fail=partial(self._fail, config, index),
            )
            for index, model in enumerate(config.models)
        )
        notes = Worker(
            "notes",
            build=partial(NotesMonitor, config, state=self._state, clock=self._clock),
            interval=config.interval.seconds,
            take=self._take_notes,
            fail=lambda *_: None,  # the log tells; what was last known of them stays
        )
        costs: Worker[Mapping[str, RateCosts]] = Worker(
            "costs",
            build=partial(
                CostMonitor,
                config,
                state=self._state,
                reports=lambda: self.reports,
                metered=collecting.metered,
                clock=self._clock,
            ),
            interval=config.interval.seconds,
            take=self._take_costs,
            fail=lambda worker, _: self._take_costs(worker, None),  # counters that stood still would say that nothing costs
        )
        priced = {model.name for model in config.models if model.cost is not None and model.cost.rates}
        with self._lock:
            self._collecting = collecting
            names = {model.name for model in config.models}
            self.reports = {name: report for name, report in self.reports.items() if name in names}
            self.config = config
            self._workers = workers
            self._notes = notes if self.switches.runs(NOTES_COLLECTOR.name, config, None) else None
            self._costs = costs if priced and self.switches.runs(COST_COLLECTOR.name, config, None) else None
            self.costs = {name: of for name, of in (self.costs or {}).items() if name in priced}
            self._loaded = self._clock()
            self.problem = None

    def _build(self, config: Config, index: int, versions: int) -> ModelMonitor:
        model, place = config.models[index], f"models[{index}]"
        return ModelMonitor(
            config, model, place=place, state=self._state, max_versions=versions, switches=self.switches, clock=self._clock
        )

    def start(self) -> None:
        """Start reading and publishing."""
        self._began = time.monotonic()
        self._publisher.start()
        self._start_workers()

    def _start_workers(self) -> None:
        self._collecting.start()
        for worker in self._all_workers:
            worker.start()

    def stop(self) -> None:
        """Stop reading and publishing; what was read is committed. A reload under way is given up."""
        self._stopping.set()
        with self._running:
            self._stop_workers()
            self._news.set()
            self._publisher.join(STOP_SECONDS)

    @property
    def _all_workers(self) -> list[Worker[ModelReport] | Worker[NotesReport] | Worker[Mapping[str, RateCosts]]]:
        return [
            *self._workers,
            *([] if self._notes is None else [self._notes]),
            *([] if self._costs is None else [self._costs]),
        ]

    def _stop_workers(self, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Tell the models to stop and wait until they have, or until ``unless``."""
        self._collecting.stop()
        for worker in self._all_workers:
            worker.stopping.set()
        deadline = time.monotonic() + STOP_SECONDS
        for worker in self._all_workers:
            while worker.is_alive() and time.monotonic() < deadline and not unless():
                worker.join(min(max(deadline - time.monotonic(), 0.0), _POLL_SECONDS))
            if worker.is_alive() and not unless():
                logger.warning("%s: its source hangs; left behind, what it read last is read again", worker.what)

    def reload(self, load: Callable[[], Config], *, also: Callable[[], None] = lambda: None) -> str | None:
        """Take over a new configuration, whole or not at all; return what is wrong with it, or None.

        The running models stop for as long as the new ones take to read their state.

        Args:
            load: reads the configuration.
            also: takes over what belongs to it once it has been checked; raises where that cannot be, and changes nothing then.
        """
        with self._running:
            try:
                config = load()
                self._refuse(config)
                versions = plan(config, self.switches)
                also()
                collecting = Collecting(config, self.switches, self._collecting, start_timestamps=self._start_timestamps)
            except PredictionExporterError as error:
                logger.error("configuration not reloaded, the former one stays in use: %s", error)  # noqa: TRY400 - for a person
                return self._not_reloaded(str(error))
            except Exception:  # whatever it is, the running models must go on
                logger.exception("configuration not reloaded, the former one stays in use")
                return self._not_reloaded(UNEXPECTED)
            self._stop_workers(unless=self._stopping.is_set)
            if self._stopping.is_set():
                return self._not_reloaded(_ENDS)
            self._take_over(config, versions, collecting)
            self._state.keep(stored_names(config))
            self._start_workers()
            self._news.set()
            logger.info("configuration reloaded")
            return None

    def _not_reloaded(self, problem: str) -> str:
        with self._lock:
            self.problem = f"configuration not reloaded: {problem}"
        self._news.set()
        return problem

    def _refuse(self, config: Config) -> None:
        if self._stopping.is_set():
            raise ConfigError(_ENDS)
        if config.state_dir != self.config.state_dir:
            raise ConfigError("state_dir: cannot change while running; restart the exporter")

    def ready(self) -> tuple[bool, str]:
        """Return whether the exporter serves what it can, and whose outcome, good or bad, has not been published.

        A model is waited for at the start, and only for a while: what is ready once stays it.
        """
        with self._lock:
            waiting = [model.name for model in self.config.models if model.name not in self._published]
            waited = time.monotonic() - self._began >= READY_SECONDS
            ready = self._was_ready or (self._serves and waited)
        told = f"not evaluated yet: {', '.join(waiting)}"
        if not ready:
            return False, told if waiting else "starting"
        return True, f"ready; {told}" if waiting else "ready"

    # What workers call

    def polled(self) -> Mapping[str, Mapping[str, Collected | None]]:
        """Return what the polls gave last, by model and collector; None of one whose first has not ended."""
        with self._lock:
            collecting = self._collecting
        return collecting.polled()

    def _take(self, worker: Worker[ModelReport], report: ModelReport) -> None:
        with self._lock:
            if worker not in self._workers:
                return  # left behind by a reload, and back from where it hung
            self.reports = {**self.reports, report.name: report}
        self._news.set()

    def _take_notes(self, worker: Worker[NotesReport], report: NotesReport) -> None:
        with self._lock:
            if worker is not self._notes or report == self.notes:
                return  # nothing new to publish
            self.notes = report
        self._news.set()

    def _take_costs(self, worker: Worker[Mapping[str, RateCosts]], costs: Mapping[str, RateCosts] | None) -> None:
        with self._lock:
            if worker is self._costs:
                self.costs = costs  # published with the next news of a model, or at the next turn

    def _fail(self, config: Config, index: int, worker: Worker[ModelReport], problem: str) -> None:
        """Show in a model's report that it fails; what was last known of it stays."""
        model = config.models[index]
        last = self.reports.get(model.name)
        if last is None:
            source = SourceReport(model.shown, False, problem, None, None, 0, 0, {}, ())
            report = ModelReport(model, None, source, (), self._clock(), None, self._without_counts(config, model))
        else:
            report = replace(last, source=replace(last.source, up=False, problem=problem))
        self._take(worker, report)

    def _without_counts(self, config: Config, model: Model) -> dict[str, Collected]:
        """Return what collectors tell of a model of which nothing is known but its configuration."""
        try:
            collectors = ModelCollectors(
                Subject(config, model, None, {}),
                self.switches.model_collectors(config, model),
                without=excluded_families(config),
            )
        except PredictionExporterError:  # the same file that the model itself fails for, which its report tells
            return {}
        return collectors.collect(Moment((), Traffic(None)))

    # Publishing

    def _publish_always(self) -> None:
        """Publish whenever there is news, and once an interval, for a snapshot's own figures age while every source hangs."""
        while not self._stopping.is_set():
            interval = self.config.interval.seconds
            self._news.wait(interval if self._serves else min(interval, READY_SECONDS))
            self._news.clear()
            try:
                self._publish_once()
            except MemoryError:
                logger.error("no snapshot could be made: %s", NO_ROOM)  # noqa: TRY400 - for a person
            except Exception:  # a defect: the former snapshot stays, and its time stamps tell its age
                logger.exception("no snapshot could be made")

    def _publish_once(self) -> None:
        with self._lock:
            published = Published(
                reports=reports_by_name(self.reports, self.config),
                reload_succeeded=self.problem is None,
                loaded=self._loaded,
                others=0,
                now=self._clock(),
                notes=self.notes,
                costs=self.costs,
            )
            collecting = self._collecting
        self._publish(collecting.snapshot(published))
        with self._lock:
            self._published = frozenset(published.reports)
            self._serves = True
            self._was_ready = self._was_ready or all(model.name in self._published for model in self.config.models)


def plan(config: Config, switches: Switches) -> int:
    """Check that a configuration can run, and return how many versions of each model get series of their own.

    Raises:
        ConfigError: baselines cannot be read or do not fit the configuration, or the series are too many; the message has a
            line for each problem.
    """
    problems = []
    if not switches.anything(config):
        problems.append(NOTHING_RUNS)
    budgets = budget.of_exporter(config, switches)
    for index, model in enumerate(config.models):
        try:
            budgets += budget.of_model(config, model, load_baseline(model, f"models[{index}]"), switches)
        except PredictionExporterError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return budget.versions_that_fit(config, budgets)
