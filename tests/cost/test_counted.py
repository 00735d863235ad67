"""Costs of a running exporter: counted once over restarts, kills and reloads, and told where they cannot be."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from prediction_exporter import config
from prediction_exporter.collectors.base import NO_MODEL, Poll
from prediction_exporter.collectors.report import ModelReport
from prediction_exporter.cost.rates import Share
from prediction_exporter.cost.usage import Metered
from prediction_exporter.exposition import Samples
from prediction_exporter.monitor.costs import STORED_AS, CostMonitor
from prediction_exporter.monitor.polling import Poller
from running import Running
from watched import Watched, config_text, model_text, read

COST = "maturity: 0\ncost: {per_1000_predictions: 1000, per_hour: 3600, budget_per_month: 5}"
SERIES = "model_cost_total"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A monitor that is stopped after the test."""
    made = Running(tmp_path)
    yield made
    made.stop()


def test_predictions_cost_once_over_restarts_and_reloads(running: Running) -> None:
    """10 answered and 2 failed, a restart, 5 more, a reload, 1 more: 16 at a price of 1 each, and no second lost."""
    began = time.monotonic()
    running.watched.log(10)
    running.watched.log(2, status=500)
    running.start(model_text(more=COST))
    running.wait(lambda: running.total(SERIES, component="predictions") == 10)
    first = running.total(SERIES, component="replica") or 0.0
    seen = time.monotonic()  # it is of now, or of before
    running.stop()
    running.watched.log(5)
    running.start(model_text(more=COST))
    running.wait(lambda: running.total(SERIES, component="predictions") == 15)
    assert running.rewrite(config_text(model_text(more=COST.replace("budget_per_month: 5", "budget_per_month: 6")))) is None
    running.watched.log(1)
    running.wait(lambda: running.total(SERIES, component="predictions") == 16)
    assert running.total("model_cost_budget_per_month") == 6
    seconds, since = fresh(running)
    assert seconds - first > since - seen  # a second costs 1, and none is lost
    assert seconds < time.monotonic() - began + 1
    month = running.total("model_cost_month_to_date")
    assert month is not None
    assert 16 + seconds - 1 < month < 16 + time.monotonic() - began + 1


def fresh(running: Running) -> tuple[float, float]:
    """Return what a replica cost up to now, and a time that it was surely counted after.

    The second value that is seen was told after the look before it. What is told next but one was not there when that after it
    was put together: so it was counted later.
    """
    values: list[float] = []
    looks = [time.monotonic()]
    since = 0.0

    def changed() -> bool:
        nonlocal since
        value = running.total(SERIES, component="replica")
        if value is not None and value not in values:
            values.append(value)
            since = looks[-1] if len(values) == 2 else since
        looks.append(time.monotonic())
        return len(values) == 4

    running.wait(changed)
    return values[-1], since


def test_each_prediction_costs_once_wherever_the_process_dies(tmp_path: Path) -> None:
    """Before or after the costs of what was read are stored: 60 deaths at random, and the sum is that of the log."""
    watched, chance = Watched(tmp_path), random.Random(4)
    loaded = watched.configure(config_text(model_text(more=COST)))
    logged = 0
    for _ in range(60):
        monitor = watched.start(loaded)
        assert watched.state is not None
        costs = cost_monitor(watched, loaded, lambda monitor=monitor: {"m": monitor.evaluate()})  # type: ignore[misc]  # its own
        for _ in range(chance.randint(1, 3)):
            count = chance.randint(0, 20)
            watched.log(count)
            logged += count
            read(monitor, watched.clock)
            if chance.random() < 0.5:
                costs.read(until=lambda: False)
        watched.clock.now += 1
    costs.read(until=lambda: False)
    assert costs.evaluate()["m"].totals[Share("predictions", "USD")] == logged


def cost_monitor(
    watched: Watched, loaded: config.Config, reports: Callable[[], Mapping[str, ModelReport]], **more: Any
) -> CostMonitor:
    """Return a monitor of costs on the state of a model's."""
    assert watched.state is not None
    given: dict[str, Any] = {"metered": lambda _: Metered(), "clock": watched.clock, "monotonic": lambda: 0.0, **more}
    return CostMonitor(loaded, state=watched.state, reports=reports, **given)


def test_costs_that_cannot_be_counted_are_told_and_cost_no_other_series(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counters that stood still would say that nothing costs anything: the collector fails instead."""

    def fails(*_: object, **__: object) -> bool:
        raise OSError("no room")

    running.watched.log(3)
    monkeypatch.setattr(CostMonitor, "read", fails)
    running.start(model_text(more=COST))
    running.wait(lambda: running.total("prediction_exporter_collector_success", collector="cost") == 0)
    assert running.requests("m") == 3
    assert running.total(SERIES) is None
    monkeypatch.undo()
    running.wait(lambda: running.total(SERIES, component="predictions") == 3)


class Process(Poll):
    """Stands for what will look at a model's process."""

    interval, timeout = 1000.0, 10.0

    def __init__(self) -> None:
        self.cpu, self.fails = 100.0, False

    def poll(self) -> Samples:
        """Look."""
        if self.fails:
            raise OSError("gone")
        return Samples()

    def metered(self) -> Metered:
        """Return what was seen."""
        return Metered({"4711-99": self.cpu}, memory_bytes=2.0**30)

    def most(self) -> Any:
        """Nothing."""
        raise AssertionError


def test_what_a_poll_sees_has_its_price_while_it_sees_it(tmp_path: Path) -> None:
    """The way in which a collector tells what has a price: a poll that fails tells nothing, and is caught up with."""
    watched = Watched(tmp_path)
    monitor = watched.start(watched.configure(config_text(model_text(more=COST))))
    report, _ = read(monitor, watched.clock)
    model = monitor.config.models[0]
    assert model.cost is not None
    priced = model.cost.model_copy(update={"per_cpu_second": config.Cost.model_validate({"per_hour": 2}).per_hour})
    loaded = monitor.config.model_copy(update={"models": (model.model_copy(update={"cost": priced}),)})
    process = Process()
    poller = Poller("process", NO_MODEL, process)
    reports: Mapping[str, ModelReport] = {"m": report}
    assert watched.state is not None
    costs = cost_monitor(watched, loaded, lambda: reports, metered=lambda _: poller.metered() or Metered())

    def turn() -> Any:
        poller._once(time.monotonic())
        costs.read(until=lambda: False)
        return costs.evaluate()["m"].totals[Share("cpu", "USD")]

    assert turn() == 0
    process.cpu = 107.5
    assert turn() == 15
    process.cpu, process.fails = 110.0, True
    assert turn() == 15
    process.fails = False
    assert turn() == 20


def test_costs_of_a_model_that_is_watched_no_longer_are_dropped(tmp_path: Path) -> None:
    """And those of others go on."""
    watched = Watched(tmp_path)
    both = watched.configure(config_text(model_text("a", more=COST), model_text("b", more=COST)))
    watched.start(both)
    assert watched.state is not None
    costs = cost_monitor(watched, both, dict)
    costs.read(until=lambda: False)
    assert set(costs.evaluate()) == {"a", "b"}
    watched.clock.now += 100
    left = cost_monitor(watched, watched.configure(config_text(model_text("b", more=COST))), dict)
    left.read(until=lambda: False)
    assert {name: of.totals[Share("replica", "USD")] for name, of in left.evaluate().items()} == {"b": 100}
    stored = watched.state.load(STORED_AS)
    assert stored is not None
    assert set(stored.counters["models"]) == {"b"}
