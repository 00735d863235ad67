"""Switches: which collectors run, and which families they show.

In the order of precedence: a flag of the command line, then ``series`` of the configuration, then the model's ``maturity``.
What is excluded by the family's own name stays so, whatever is said of its collector.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from prediction_exporter.collectors.base import (
    NO_MODEL,
    Collector,
    LiveCollector,
    LiveSeries,
    ModelCollector,
    Poll,
    PollingCollector,
)
from prediction_exporter.collectors.registry import COLLECTORS
from prediction_exporter.collectors.running import closed, opened_live, opened_polls
from prediction_exporter.config import Config, Model

T = TypeVar("T")

#: Why a collector does not run for a model of which nothing is read.
NO_PREDICTIONS = "no predictions"

#: What is wrong where no collector runs.
NOTHING_RUNS = "every collector is switched off; switch one on with --collector.NAME, or take it out of series.exclude"


@dataclass(frozen=True)
class Switches:
    """What the command line says.

    Attributes:
        flags: by collector, True for ``--collector.NAME`` and False for ``--no-collector.NAME``.
        named_only: whether what has no flag is off, by ``--collector.disable-defaults``.
    """

    flags: Mapping[str, bool] = field(default_factory=dict)
    named_only: bool = False

    def why_off(self, collector: Collector, config: Config, model: Model | None) -> str | None:
        """Return why a collector does not run, or None where it does; ``model`` is None for what belongs to no model."""
        if self._has_nothing(collector, model):
            return NO_PREDICTIONS
        flag = self.flags.get(collector.name)
        if flag is not None:
            return None if flag else f"--no-collector.{collector.name}"
        if self.named_only:
            return "--collector.disable-defaults"
        if collector.name in config.series.exclude:
            return "series.exclude"
        if model is not None and collector.maturity > model.maturity:
            return f"maturity {model.maturity}"
        return None

    @staticmethod
    def _has_nothing(collector: Collector, model: Model | None) -> bool:
        return model is not None and collector.of_predictions and not model.predictions.are_read

    def runs(self, name: str, config: Config, model: Model | None) -> bool:
        """Return whether the collector of this name runs."""
        return self.why_off(COLLECTORS[name], config, model) is None

    def model_collectors(self, config: Config, model: Model) -> list[ModelCollector]:
        """Return the collectors that render what was counted of a model."""
        running = [c for c in COLLECTORS.values() if self.why_off(c, config, model) is None]
        return [collector for collector in running if isinstance(collector, ModelCollector)]

    def live(self, config: Config) -> dict[tuple[str, str], LiveSeries]:
        """Return the live series by collector and model.

        Raises:
            ConfigError: a collector cannot use the configuration.
        """
        found = {c.name: opened_live(c, config) for c in COLLECTORS.values() if isinstance(c, LiveCollector)}
        return self._running(config, found)

    def polls(self, config: Config) -> dict[tuple[str, str], Poll]:
        """Return the polls by collector and model.

        Raises:
            ConfigError: a collector cannot use the configuration.
        """
        found = {c.name: opened_polls(c, config) for c in COLLECTORS.values() if isinstance(c, PollingCollector)}
        return self._running(config, found)

    def _running(self, config: Config, found: Mapping[str, Mapping[str, T]]) -> dict[tuple[str, str], T]:
        models = {NO_MODEL: None, **{model.name: model for model in config.models}}
        return {
            (name, model): series
            for name, of_model in found.items()
            for model, series in of_model.items()
            if self.runs(name, config, models[model])
        }

    def anything(self, config: Config) -> bool:
        """Return whether any collector runs."""
        polls = self.polls(config)
        for (name, _), poll in polls.items():  # they were opened to be counted alone
            closed(name, poll)
        names = COLLECTORS.keys() - unasked({name for name, _ in polls})
        return any(self.runs(name, config, model) for name in names for model in config.models)

    def off(self, config: Config, model: Model) -> dict[str, str]:
        """Return the collectors that do not run for a model, and why."""
        reasons = {name: self.why_off(collector, config, model) for name, collector in COLLECTORS.items()}
        return {name: reason for name, reason in reasons.items() if reason is not None}


def levels(switches: Switches, config: Config, model: Model) -> Iterator[str]:
    """Yield what a model's maturity switches on, and what the next level would add, for the person who chooses it."""
    of_model = [collector for collector in COLLECTORS.values() if _is_of(collector, config, model)]
    running = [collector.name for collector in of_model if switches.runs(collector.name, config, model)]
    yield f"maturity {model.maturity}: {', '.join(running)}"
    if model.maturity == max(collector.maturity for collector in of_model):
        return
    following = model.maturity + 1
    added = ", ".join(collector.name for collector in of_model if collector.maturity == following) or "nothing yet"
    baseline = ", from a baseline" if not model.maturity and model.baseline is None else ""
    yield f"maturity {following} would add {added}{baseline}"


def _is_of(collector: Collector, config: Config, model: Model) -> bool:
    """Return whether a collector is about a model, as it is configured."""
    if isinstance(collector, PollingCollector):
        return model.name in opened_polls(collector, config)
    if isinstance(collector, LiveCollector):
        return model.name in opened_live(collector, config)
    return True


def excluded_families(config: Config) -> frozenset[str]:
    """Return the names of the families that the configuration excludes one by one."""
    return frozenset(config.series.exclude) - COLLECTORS.keys()


def unasked(polled: Collection[str]) -> set[str]:
    """Return the collectors that poll, and for which a configuration opens no poll."""
    return {name for name, collector in COLLECTORS.items() if isinstance(collector, PollingCollector)} - set(polled)
