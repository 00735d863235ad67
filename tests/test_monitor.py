"""All models together: what hangs or fails stops itself alone, and a reload is whole or not at all."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from prediction_exporter import config
from prediction_exporter.config import Config
from prediction_exporter.counting.state import State, StoredModel
from prediction_exporter.errors import ConfigError
from prediction_exporter.exposition import Snapshot
from prediction_exporter.memory import Room
from prediction_exporter.monitor import collecting, worker
from prediction_exporter.monitor import monitor as module
from prediction_exporter.monitor.model_monitor import ModelMonitor
from prediction_exporter.monitor.worker import NO_ROOM, UNEXPECTED
from prediction_exporter.sources.base import Batch
from prediction_exporter.sources.log import LogSource
from processes import samples
from running import SECONDS, Running
from watched import config_text, model_text, save_baseline, total

TWO = (model_text("a", "a.log"), model_text("b", "b.log"))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A monitor that is stopped after the test."""
    made = Running(tmp_path)
    yield made
    made.stop()


class Hanging:
    """A poll that hangs for one log while it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, log: str) -> None:
        self.reached = threading.Event()
        self.released = threading.Event()
        self.usual = LogSource.poll

        def poll(source: LogSource) -> Iterator[Batch]:
            for batch in self.usual(source):
                if source.name.endswith(log) and not self.released.is_set():
                    self.reached.set()
                    self.released.wait(60)
                yield batch

        monkeypatch.setattr(LogSource, "poll", poll)


def test_the_snapshot_counts_its_series_and_holds_every_model(running: Running) -> None:
    """The exporter's own series too."""
    running.watched.log(30, to="a.log")
    running.watched.log(20, to="b.log")
    running.start(*TWO)
    assert (running.requests("a"), running.requests("b")) == (30, 20)
    snapshot = running.snapshots[-1]
    lines = [line for line in snapshot.text.decode().splitlines() if not line.startswith("#")]
    assert running.total("prediction_exporter_series") == len(lines) == len(running.series) == snapshot.series
    assert running.total("prediction_exporter_series_limit") == 50_000
    assert running.total("process_cpu_seconds_total") is not None


def test_a_source_that_hangs_stops_its_model_alone(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its last report stays with a growing lag; the others go on, and so do the snapshots and the end."""
    monkeypatch.setattr(module, "STOP_SECONDS", 0.3)
    running.watched.log(30, to="a.log")
    running.watched.log(20, to="b.log")
    running.start(*TWO)
    hanging = Hanging(monkeypatch, "a.log")
    running.watched.log(5, to="a.log")
    assert hanging.reached.wait(SECONDS)
    before = running.series
    running.watched.log(5, to="b.log")
    running.wait(lambda: running.requests("b") == 25)
    assert running.requests("a") == 30
    at = {"model": "a"}
    running.wait(lambda: (running.total("prediction_exporter_source_lag_seconds", **at) or 0) > 2)
    name = "prediction_exporter_last_success_timestamp_seconds"
    assert running.total(name, **at) == total(before, name, **at)
    assert (running.total(name, model="b") or 0) > (running.total(name, **at) or 0)
    started = time.monotonic()
    running.stop()
    assert time.monotonic() - started < 2
    assert "model a: its source hangs; left behind" in caplog.text
    hanging.released.set()
    running.start(*TWO)
    running.wait(lambda: (running.requests("a"), running.requests("b")) == (35, 25))


def test_all_sources_hang_and_snapshots_go_on(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from the very first read on: the exporter's own series are served, and it says who is waited for."""
    monkeypatch.setattr(module, "STOP_SECONDS", 0.3)
    hanging = Hanging(monkeypatch, ".log")
    running.watched.log(5, to="a.log")
    running.start(TWO[0], wait=False)
    assert hanging.reached.wait(SECONDS)
    running.wait(lambda: len(running.snapshots) >= 2)
    assert running.total("prediction_exporter_build_info") == 1
    assert running.monitor.ready() == (False, "not evaluated yet: a")
    monkeypatch.setattr(module, "READY_SECONDS", 0.1)
    running.wait(lambda: running.monitor.ready() == (True, "ready; not evaluated yet: a"))
    hanging.released.set()
    running.wait(lambda: running.monitor.ready() == (True, "ready"))


def test_a_source_that_hangs_does_not_keep_the_exporter_from_being_ready(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pod is out of service while a sidecar of it is not ready: at the start for a while at most, after a reload never."""
    monkeypatch.setattr(module, "STOP_SECONDS", 0.3)
    monkeypatch.setattr(module, "READY_SECONDS", 0.5)
    hanging = Hanging(monkeypatch, "a.log")
    running.watched.log(5, to="a.log")
    running.watched.log(5, to="b.log")
    running.start(*TWO, interval="1h", wait=False)
    running.wait(lambda: running.monitor.ready() == (True, "ready; not evaluated yet: a"))
    assert running.requests("b") == 5
    assert running.requests("a") is None
    third = model_text("c", "a.log")
    assert running.rewrite(config_text(third, interval="1h")) is None
    assert running.monitor.ready() == (True, "ready; not evaluated yet: c")
    hanging.released.set()
    running.wait(lambda: running.monitor.ready() == (True, "ready"))


def test_the_first_snapshot_does_not_wait_for_the_interval(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """While every source hangs from the beginning, the exporter serves its own series and is ready."""
    monkeypatch.setattr(module, "STOP_SECONDS", 0.3)
    monkeypatch.setattr(module, "READY_SECONDS", 0.2)
    hanging = Hanging(monkeypatch, "a.log")
    running.watched.log(5, to="a.log")
    running.start(TWO[0], interval="1h", wait=False)
    running.wait(lambda: running.monitor.ready()[0])
    assert running.total("prediction_exporter_build_info") == 1
    hanging.released.set()


def test_a_thread_left_behind_by_a_reload_does_no_harm(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its source answers at last, it neither commits nor reports; every line is counted once."""
    monkeypatch.setattr(module, "STOP_SECONDS", 0.3)
    running.watched.log(30, to="a.log")
    running.start(TWO[0])
    hanging = Hanging(monkeypatch, "a.log")
    running.watched.log(5, to="a.log")
    assert hanging.reached.wait(SECONDS)
    (stuck,) = running.monitor._workers
    usual = ModelMonitor.commit
    refused: list[BaseException] = []

    def commit(monitor: ModelMonitor) -> None:
        try:
            usual(monitor)
        except BaseException as error:
            refused.append(error)
            raise

    monkeypatch.setattr(ModelMonitor, "commit", commit)
    monkeypatch.setattr(LogSource, "poll", hanging.usual)
    assert running.rewrite(config_text(TWO[0])) is None
    running.watched.log(5, to="a.log")
    running.wait(lambda: running.requests("a") == 40)
    hanging.released.set()
    stuck.join(SECONDS)
    assert [type(error).__name__ for error in refused] == ["SupersededError"]
    running.watched.log(5, to="a.log")
    running.wait(lambda: running.requests("a") == 45)
    running.stop()
    running.start(TWO[0])
    assert running.requests("a") == 45
    assert running.total("model_window_predictions", model="a", window="1h", segment="all") == 45


class FailingOnce:
    """An error in the middle of a batch, as often as told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: BaseException, *, model: str, times: int) -> None:
        self.left = times
        usual = ModelMonitor._tallies_of

        def take(monitor: ModelMonitor, *arguments: object) -> Iterator[object]:
            first, *others = usual(monitor, *arguments)  # type: ignore[arg-type]  # passed on as they came
            yield first
            if monitor.model.name == model and self.left:
                self.left -= 1
                raise error
            yield from others

        monkeypatch.setattr(ModelMonitor, "_tallies_of", take)


class _PanicError(BaseException):
    """As polars raises for a panic."""


@pytest.mark.parametrize("error", [RuntimeError("a defect"), _PanicError("a panic")], ids=str)
def test_an_unexpected_error_costs_no_event(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    """The model goes on from its last commit, its series say that it failed meanwhile, and the other model notices nothing."""
    running.watched.log(30, to="a.log")
    running.watched.log(20, to="b.log")
    running.start(*TWO)
    FailingOnce(monkeypatch, error, model="a", times=1)
    running.watched.log(10, to="a.log")
    running.wait(lambda: running.total("prediction_exporter_source_up", model="a") == 0)
    assert running.requests("a") == 30
    assert running.total("prediction_exporter_source_up", model="b") == 1
    assert running.monitor.reports["a"].source.problem == UNEXPECTED
    running.wait(lambda: running.requests("a") == 40)
    running.wait(lambda: running.total("prediction_exporter_source_up", model="a") == 1)
    assert running.total("model_window_predictions", model="a", window="1h", segment="all") == 40
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in told] == [f"model a failed, it goes on from its last commit in 1 s: {error}"]
    assert told[0].exc_info is not None


def _full() -> BaseException:
    """Return what SQLite's driver raises where it finds no memory and has taken back its transaction already."""
    error = sqlite3.OperationalError("cannot rollback - no transaction is active")
    error.__context__ = MemoryError()
    return error


@pytest.mark.parametrize("error", [MemoryError(), _full()], ids=["at once", "while cleaning up"])
def test_a_lack_of_memory_shortens_the_steps_and_costs_no_event(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    """The same lines are read again from the last commit, at once, and no series says that the model failed."""
    room = Room(lambda: None)
    monkeypatch.setattr(worker, "ROOM", room)
    running.watched.log(30, to="a.log")
    running.start(TWO[0])
    FailingOnce(monkeypatch, error, model="a", times=3)
    running.watched.log(10, to="a.log")
    running.wait(lambda: running.requests("a") == 40)
    assert running.total("model_window_predictions", model="a", window="1h", segment="all") == 40
    assert room.step(1 << 20) == 1 << 17
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert told == ["model a: not enough memory, it goes on from its last commit in smaller steps"] * 3


def test_a_lack_of_memory_that_no_step_is_small_enough_for_is_told(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what can be done, until there is room."""
    monkeypatch.setattr(worker, "ROOM", Room(lambda: None))
    running.watched.log(30, to="a.log")
    running.start(TWO[0])
    failing = FailingOnce(monkeypatch, MemoryError(), model="a", times=1000)
    running.watched.log(10, to="a.log")
    running.wait(lambda: running.total("prediction_exporter_source_up", model="a") == 0)
    assert running.monitor.reports["a"].source.problem == NO_ROOM
    failing.left = 0
    running.wait(lambda: running.requests("a") == 40)
    running.wait(lambda: running.total("prediction_exporter_source_up", model="a") == 1)


def test_a_model_that_fails_from_the_beginning_shows_that_it_does(running: Running) -> None:
    """With its owner, and the exporter becomes ready for the sake of the others."""
    loaded = running.watched.configure(config_text(*TWO))
    running.watched.log(20, to="b.log")
    state = State(loaded.state_dir)
    stored = StoredModel(loaded.models[0].predictions.source.shown, '{"version": 99}', {})
    state.commit("a", stored, None, [], keep_from={}, claim=state.claim("a"))
    state.close()
    running.start(*TWO)
    assert running.total("prediction_exporter_source_up", model="a") == 0
    assert running.total("model_owner_info", model="a", area="data") == 1
    assert running.requests("a") is None
    assert running.total("prediction_exporter_last_success_timestamp_seconds", model="a") is None
    assert running.requests("b") == 20
    assert "stored by another version" in (running.monitor.reports["a"].source.problem or "")


def test_a_snapshot_that_cannot_be_made_leaves_the_former(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next one is made."""
    running.start(TWO[0])
    failed = threading.Event()

    def fail(*_: object, **__: object) -> Snapshot:
        failed.set()
        raise RuntimeError("a defect")

    monkeypatch.setattr(collecting, "render", fail)
    assert failed.wait(SECONDS)
    count = len(running.snapshots)
    monkeypatch.undo()
    running.wait(lambda: len(running.snapshots) > count)


def test_a_reload_neither_loses_nor_repeats_a_line(running: Running) -> None:
    """Also while the log grows, again and again, with models that come and go."""
    writing = threading.Event()
    writing.set()
    written = 0

    def write() -> None:
        nonlocal written
        while writing.is_set():
            running.watched.log(7, to="a.log")
            written += 7
            time.sleep(0.005)

    thread = threading.Thread(target=write)
    running.watched.log(1, to="a.log")
    written += 1
    running.start(TWO[0])
    thread.start()
    for turn in range(8):
        time.sleep(0.15)
        assert running.rewrite(config_text(*TWO[: 1 + turn % 2])) is None
    writing.clear()
    thread.join()
    running.wait(lambda: running.requests("a") == written)
    time.sleep(1.2)
    assert running.requests("a") == written
    assert running.total("model_window_predictions", model="a", window="1h", segment="all") == written


def test_series_stay_while_a_reload_goes_on(running: Running) -> None:
    """Models that both configurations have do not disappear from any scrape; those that are gone do."""
    running.watched.log(20, to="a.log")
    running.watched.log(20, to="b.log")
    running.start(*TWO)
    count = len(running.snapshots)
    third = model_text("c", "c.log")
    assert running.rewrite(config_text(TWO[0], third)) is None
    assert running.monitor.ready()[0]
    running.wait(lambda: running.monitor.ready() == (True, "ready"))
    assert running.total("prediction_exporter_source_up", model="c") is not None
    running.wait(lambda: running.requests("b") is None)
    for snapshot in running.snapshots[count:]:
        assert total(samples(snapshot.text.decode()), "model_requests_total", model="a") == 20


def test_a_bad_reload_changes_nothing_and_shows(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is wrong: syntax, a baseline, the series limit, another state folder, or something unforeseen."""
    running.watched.log(20, to="a.log")
    running.start(TWO[0])
    workers = running.monitor._workers
    good = config_text(TWO[0])
    bad = {
        "models: 3": "models",
        config_text(model_text("a", more="baseline: absent.json")): "absent.json: cannot be read",
        config_text(TWO[0], more="series_limit: 10"): "series_limit: 10 series are allowed",
        good.replace("state_dir: state", "state_dir: elsewhere"): "state_dir: cannot change while running",
    }
    for text, message in bad.items():
        assert message in (running.rewrite(text) or "")
        running.wait(lambda: running.total("prediction_exporter_config_last_reload_successful") == 0)
        assert running.monitor.problem is not None
        assert running.rewrite(good.replace("series_limit: 10", "")) is None
        running.wait(lambda: running.total("prediction_exporter_config_last_reload_successful") == 1)
        assert running.monitor.problem is None
    assert running.monitor._workers is not workers

    def fail() -> Config:
        raise OSError("unforeseen")

    workers = running.monitor._workers
    assert running.monitor.reload(fail) == UNEXPECTED
    running.wait(lambda: running.total("prediction_exporter_config_last_reload_successful") == 0)
    assert running.monitor._workers is workers
    assert all(worker.is_alive() for worker in workers)
    running.watched.log(5, to="a.log")
    running.wait(lambda: running.requests("a") == 25)
    assert caplog.text.count("configuration not reloaded, the former one stays in use") == 5


def test_what_belongs_to_a_reload_is_taken_over_with_it_or_not(running: Running) -> None:
    """It is asked last, and where it fails nothing has changed."""
    running.start(TWO[0])
    workers = running.monitor._workers
    calls: list[str] = []

    def fail() -> None:
        calls.append("fail")
        raise ConfigError("bad certificates")

    def load() -> Config:
        return config.load(running.watched.file)

    assert running.monitor.reload(load, also=fail) == "bad certificates"
    assert running.monitor._workers is workers
    running.watched.file.write_text("models: 3")
    assert running.monitor.reload(load, also=fail) is not None
    assert calls == ["fail"]
    running.watched.file.write_text(config_text(TWO[0]))
    assert running.monitor.reload(load, also=lambda: calls.append("done")) is None
    assert calls == ["fail", "done"]


def test_the_end_does_not_wait_for_a_reload_whose_sources_hang(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives the reload up, and waits for the sources once and not twice."""
    monkeypatch.setattr(module, "STOP_SECONDS", 1.0)
    running.watched.log(5, to="a.log")
    running.start(TWO[0])
    hanging = Hanging(monkeypatch, "a.log")
    running.watched.log(5, to="a.log")
    assert hanging.reached.wait(SECONDS)
    monkeypatch.setattr(module, "STOP_SECONDS", 60.0)
    problems: list[str | None] = []
    checked = threading.Event()
    reload = partial(running.monitor.reload, lambda: config.load(running.watched.file), also=checked.set)
    thread = threading.Thread(target=lambda: problems.append(reload()))
    thread.start()
    assert checked.wait(SECONDS)
    time.sleep(0.2)  # in which it begins to wait for the source
    monkeypatch.setattr(module, "STOP_SECONDS", 0.3)
    started = time.monotonic()
    running.stop()
    assert time.monotonic() - started < 5
    thread.join(SECONDS)
    assert problems == ["the exporter is stopping"]
    hanging.released.set()


def test_nothing_starts_again_after_the_end(running: Running) -> None:
    """A reload that comes too late is refused."""
    running.start(TWO[0])
    running.monitor.stop()
    assert running.rewrite(config_text(*TWO)) == "the exporter is stopping"
    assert not any(worker.is_alive() for worker in running.monitor._workers)


def test_a_baseline_that_changes_while_running_is_taken_at_reload(running: Running) -> None:
    """Windows restart with it; counters go on."""
    running.watched.log(20, to="a.log")
    running.start(TWO[0])
    save_baseline(running.watched.folder / "baseline.json", seed=3)
    name = "model_baseline_info"
    before = {labels for found, labels in running.series if found == name}
    assert running.rewrite(config_text(TWO[0])) is None
    running.wait(lambda: {labels for found, labels in running.series if found == name} != before)
    assert running.requests("a") == 20
    assert running.total("model_window_predictions", model="a") is None
