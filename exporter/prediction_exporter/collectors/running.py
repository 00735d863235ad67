"""The wrapper that runs every collector: it times it, and isolates the others from its failures."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import NoReturn, Protocol, TypeVar

from prediction_exporter.collectors.base import (
    NO_MODEL,
    LiveCollector,
    LiveSeries,
    ModelCollector,
    ModelSeries,
    Moment,
    Most,
    Poll,
    PollingCollector,
    Published,
    Subject,
)
from prediction_exporter.collectors.report import Collected
from prediction_exporter.config import Config
from prediction_exporter.errors import PredictionExporterError
from prediction_exporter.exposition import Samples, label_text
from prediction_exporter.families import Family
from prediction_exporter.logs import Quiet

logger = logging.getLogger(__name__)

T = TypeVar("T")

COLLECTOR_SUCCESS = Family(
    name="prediction_exporter_collector_success",
    type="gauge",
    labels=("model", "collector"),
    group="exporter",
    help="1 where the last run of the collector succeeded, 0 where it failed and its series are withdrawn.",
)
COLLECTOR_DURATION = Family(
    name="prediction_exporter_collector_duration_seconds",
    type="gauge",
    labels=("model", "collector"),
    group="exporter",
    help="Time the last run of the collector took.",
)

#: What is told of every collector that runs.
COLLECTOR_FAMILIES: tuple[Family, ...] = (COLLECTOR_SUCCESS, COLLECTOR_DURATION)

_complaints = Quiet()


def named(collector: str, model: str) -> str:
    """Return what a collector is called in messages."""
    return f"collector {collector}" if model == NO_MODEL else f"collector {collector} of model {model}"


def run(collector: str, model: str, render: Callable[[], Samples], *, without: Collection[str] = ()) -> Collected:
    """Run a collector once; whatever it raises is logged and costs its own series alone.

    Args:
        collector: its name.
        model: the model's name, NO_MODEL where there is none.
        render: gives the series.
        without: names of families that are not shown.
    """
    started = time.perf_counter()
    try:
        samples, success = render(), True
    except BaseException as error:
        samples, success = Samples(), False
        if _complaints.lets((collector, model, type(error))):  # it fails at every evaluation, again and again
            expected = isinstance(error, PredictionExporterError)
            logger.error(  # noqa: TRY400 - a trace only for what is a defect
                "%s failed: %s", named(collector, model), error, exc_info=None if expected else error
            )
    return Collected(samples.without(without) if without else samples, success, time.perf_counter() - started)


def told(model: str, collected: Mapping[str, Collected]) -> Samples:
    """Return what is told of collectors that have run."""
    samples = Samples()
    for name, outcome in collected.items():
        whose = {"collector": name} if model == NO_MODEL else {"model": model, "collector": name}
        labels = label_text(tuple(whose), tuple(whose.values()))
        samples.add(COLLECTOR_SUCCESS, labels, outcome.success)
        samples.add(COLLECTOR_DURATION, labels, outcome.seconds)
    return samples


class Countable(Protocol):
    """Series that say how many they are at most."""

    def most(self) -> Most:
        """Return the most series that there may be."""
        ...


def most_of(collector: str, model: str, series: Countable, *, without: Collection[str] = ()) -> Most:
    """Return the most that a collector shows, with what is told of it; nothing of its own where it fails to say."""
    try:
        own = series.most().without(without)
    except Exception:  # whatever it is, as when it runs
        logger.exception("%s failed to count its series", named(collector, model))
        own = Most({}, {})
    return Most({**own.fixed, **{family.name: 1 for family in COLLECTOR_FAMILIES}}, own.per_version)


class ModelCollectors:
    """The collectors of one model that render what was counted. One thread uses them at a time.

    Args:
        collectors: those that run.
        without: names of families that are not shown.

    Raises:
        ConfigError: a collector cannot use the configuration.
    """

    def __init__(self, subject: Subject, collectors: Iterable[ModelCollector], *, without: Collection[str] = ()) -> None:
        self._model = subject.model.name
        self._without = without
        self._series = {collector.name: opened(partial(collector.open, subject), _UnopenedSeries) for collector in collectors}

    def collect(self, moment: Moment) -> dict[str, Collected]:
        """Return what each collector gives at a moment, by its name."""
        return {
            name: run(name, self._model, partial(series.render, moment), without=self._without)
            for name, series in self._series.items()
        }

    def most(self) -> list[Most]:
        """Return the most that each collector shows."""
        return [most_of(name, self._model, series, without=self._without) for name, series in self._series.items()]

    def forget(self, version: str) -> None:
        """Drop what is kept of a version."""
        for series in self._series.values():
            series.forget(version)


# Collectors that cannot be opened


def opened(open_: Callable[[], T], unopened: Callable[[BaseException], T]) -> T:
    """Return what a collector opens; where a defect keeps it from that, what fails in its place whenever it would run.

    Raises:
        PredictionExporterError: the configuration is wrong, and is refused.
    """
    try:
        return open_()
    except (PredictionExporterError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - also the panics of compiled libraries, which are no Exception
        return unopened(error)


def opened_live(collector: LiveCollector, config: Config) -> Mapping[str, LiveSeries]:
    """Return the live series of a collector by model, or what stands for them."""

    def open_() -> Mapping[str, LiveSeries]:
        found = dict(collector.open(config))
        _refuse_strangers(found, config)
        return found

    return opened(open_, lambda error: {NO_MODEL: _UnopenedLive(error)})


def opened_polls(collector: PollingCollector, config: Config) -> Mapping[str, Poll]:
    """Return the polls of a collector by model, or what stands for them."""

    def open_() -> Mapping[str, Poll]:
        found = dict(collector.open(config))
        try:
            _refuse_strangers(found, config)
            _refuse_hurry(found.values())
        except BaseException:
            for poll in found.values():
                closed(collector.name, poll)
            raise
        return found

    return opened(open_, lambda error: {NO_MODEL: _UnopenedPoll(error)})


def closed(collector: str, poll: Poll) -> None:
    """Close a poll, whatever it raises."""
    try:
        poll.close()
    except Exception:  # a defect, which is to cost nobody else anything
        logger.exception("%s failed to close", named(collector, NO_MODEL))


def _refuse_strangers(found: Collection[str], config: Config) -> None:
    strangers = set(found) - {NO_MODEL, *(model.name for model in config.models)}
    if strangers:
        raise ValueError(f"it has series of models that the configuration has not: {', '.join(sorted(strangers))}")


def _refuse_hurry(polls: Iterable[Poll]) -> None:
    if not all(poll.interval > 0 and poll.timeout > 0 for poll in polls):
        raise ValueError("its interval and its timeout must be seconds above 0")


class _Unopened:
    """Stands for series that could not be opened: they fail whenever they are asked for."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def _fail(self) -> NoReturn:
        raise RuntimeError(f"it could not be opened: {self._error}") from self._error  # a new one: each raise adds to its trace

    def most(self) -> Most:
        return Most({}, {})


class _UnopenedSeries(_Unopened, ModelSeries):
    def render(self, _: Moment) -> Samples:
        self._fail()


class _UnopenedLive(_Unopened, LiveSeries):
    def render(self, _: Published) -> Samples:
        self._fail()


class _UnopenedPoll(_Unopened, Poll):
    interval = 60.0
    timeout = 10.0

    def poll(self) -> Samples:
        self._fail()
