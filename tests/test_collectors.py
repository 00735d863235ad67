"""Collectors: each stands alone, in what it declares, in what it costs, and when it fails."""

from __future__ import annotations

import argparse
import itertools
import logging
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

import forked
from pages import Page
from prediction_exporter import cli
from prediction_exporter.collectors import NAMES, registry, switches, traffic
from prediction_exporter.collectors.base import (
    NO_MODEL,
    Collector,
    LiveCollector,
    ModelCollector,
    Moment,
    Most,
    Poll,
    PollingCollector,
    Subject,
)
from prediction_exporter.collectors.identity import IdentitySeries
from prediction_exporter.collectors.registry import COLLECTORS, FAMILIES
from prediction_exporter.collectors.running import COLLECTOR_FAMILIES, COLLECTOR_SUCCESS
from prediction_exporter.collectors.switches import Switches
from prediction_exporter.commands.collector_flags import add_collector_flags, collector_flags
from prediction_exporter.config import Config
from prediction_exporter.errors import ConfigError
from prediction_exporter.exposition import Samples, label_text
from prediction_exporter.families import Family
from prediction_exporter.kit.readers import readers, refuse_excluded, unwatched
from prediction_exporter.monitor import budget
from prediction_exporter.monitor import collecting as collecting_module
from prediction_exporter.monitor.monitor import plan
from prediction_exporter.monitor.polling import Poller
from prediction_exporter.monitor.references import load_baseline
from prediction_exporter.web.site import chosen
from processes import Exporter, samples
from running import Running
from watched import LABELLED, WITH_ID, Watched, config_text, model_text, read, samples_of, total

Start = Callable[..., Exporter]
SUCCESS = COLLECTOR_SUCCESS.name
TWO = (model_text("a", "a.log"), model_text("b", "b.log"))
every_collector = pytest.mark.parametrize("collector", COLLECTORS.values(), ids=lambda collector: collector.name)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A monitor that is stopped after the test."""
    made = Running(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def live(tmp_path: Path) -> Watched:
    """A folder for models, in real time."""
    return Watched.live(tmp_path)


# What is declared


@every_collector
def test_what_is_rendered_is_declared(tmp_path: Path, collector: Collector) -> None:
    """A collector shows none of another's families."""
    watched = Watched(tmp_path)
    watched.log_labelled(60)
    text = config_text(model_text(more=f"{FULL}\n{LABELLED}", fields=WITH_ID))
    report, _ = read(watched.start(watched.configure(text)), watched.clock)
    declared = {family.name for family in collector.families}
    assert declared
    if isinstance(collector, ModelCollector):
        shown = report.collected[collector.name].samples.lines.keys()
        assert shown
        assert shown <= declared
    else:
        assert isinstance(collector, LiveCollector | PollingCollector)
        assert collector.name not in report.collected


FULL = """baseline: baseline.json
segments: [color]
references: [week, version]
slo: {availability: 0.99, latency: {under: 60ms, ratio: 0.9}, freshness: {within: 1h, ratio: 0.9}}
capacity: {requests_per_second: 10, concurrency: 2}
replicas: {expected: 1}"""


def test_every_family_has_one_collector() -> None:
    """So that switching it off takes away what it says, and nothing else."""
    of = [family.name for collector in COLLECTORS.values() for family in collector.families]
    assert sorted([*of, *(family.name for family in COLLECTOR_FAMILIES)]) == sorted(family.name for family in FAMILIES)


@every_collector
def test_summaries_are_a_sentence(collector: Collector) -> None:
    """For help and docs."""
    assert re.fullmatch(r"[A-Z][^.]+\.", collector.summary)


# What fails


class Failing(IdentitySeries):
    """A collector whose rendering fails while it is told to."""

    error: BaseException | None = RuntimeError("a defect")

    def render(self, moment: Moment) -> Samples:
        """Fail, or not."""
        if self.error is not None:
            raise self.error
        return super().render(moment)


class _PanicError(BaseException):
    """As compiled libraries raise for a panic."""


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that puts collectors in the place of those of the same name, or beside them."""

    def register(*collectors: Collector) -> None:
        found = {**COLLECTORS, **{collector.name: collector for collector in collectors}}
        groups = {**{name: c.families for name, c in found.items()}, NO_MODEL: COLLECTOR_FAMILIES}
        monkeypatch.setattr(registry, "COLLECTORS", found)
        monkeypatch.setattr(switches, "COLLECTORS", found)
        monkeypatch.setattr(collecting_module, "FAMILIES_BY_COLLECTOR", groups)

    return register


def identity(open_: Callable[[Subject], Any]) -> ModelCollector:
    """Return the identity collector with other series."""
    return ModelCollector(name="identity", summary="Fails.", families=COLLECTORS["identity"].families, maturity=0, open=open_)


@pytest.mark.parametrize("error", [RuntimeError("a defect"), _PanicError("a panic")], ids=str)
def test_a_collector_that_fails_costs_its_own_series_alone(
    running: Running,
    registered: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: BaseException,
) -> None:
    """They are withdrawn, a series and the log say so, and they come back with it; the other model's stay."""
    registered(identity(lambda s: Failing(s) if s.model.name == "a" else IdentitySeries(s)))
    monkeypatch.setattr(Failing, "error", None)
    running.watched.log(30, to="a.log")
    running.watched.log(20, to="b.log")
    running.start(*TWO)
    assert running.total("model_info", model="a") == 1
    monkeypatch.setattr(Failing, "error", error)
    running.wait(lambda: running.total(SUCCESS, model="a", collector="identity") == 0)
    assert running.total("model_info", model="a") is None
    assert (running.requests("a"), running.total("model_info", model="b")) == (30, 1)
    assert running.total(SUCCESS, model="a", collector="traffic") == 1
    assert running.total(SUCCESS, model="b", collector="identity") == 1
    told = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert [record.getMessage() for record in told] == [f"collector identity of model a failed: {error}"]
    assert told[0].exc_info is not None
    monkeypatch.setattr(Failing, "error", None)
    running.wait(lambda: running.total("model_info", model="a") == 1)
    assert running.total(SUCCESS, model="a", collector="identity") == 1


def test_a_collector_that_cannot_be_opened_or_counted_keeps_nobody_from_starting(
    running: Running, registered: Callable[..., None]
) -> None:
    """Its success says 0."""

    def fail(_: object) -> Any:
        raise RuntimeError("a defect")

    class Uncountable(traffic.TrafficSeries):
        most = fail

    registered(
        identity(fail),
        ModelCollector(name="traffic", summary="S.", families=COLLECTORS["traffic"].families, maturity=0, open=Uncountable),
    )
    running.watched.log(30, to="a.log")
    running.start(TWO[0])
    assert running.total(SUCCESS, model="a", collector="identity") == 0
    assert running.total("model_info") is None
    assert running.requests("a") == 30


def gauge(name: str, *labels: str) -> Family:
    """Return a family."""
    return Family(name=name, type="gauge", help="A gauge.", labels=labels, group="exporter")


UNOPENED = gauge("unopened")


class Careless(Poll):
    """A poll that was written without its interval, or with one that never ends, and cannot be closed."""

    timeout = 1.0

    def poll(self) -> Samples:
        """Give nothing."""
        return Samples()

    def most(self) -> Most:
        """None."""
        return Most({}, {})

    def close(self) -> None:
        """Fail."""
        raise RuntimeError("cannot be closed")


class Hurried(Careless):
    """Asks without a pause."""

    interval = 0.0


_numbers = itertools.count()


def _raise(error: BaseException) -> Any:
    raise error


BROKEN_OPENS: dict[str, Callable[[Config], Any]] = {
    "it raises": lambda _: _raise(RuntimeError("a defect")),
    "it panics": lambda _: _raise(_PanicError("a panic")),
    "it gives nothing": lambda _: None,
    "it gives a model that is not there": lambda _: {"stranger": Careless()},
}


@pytest.mark.parametrize(
    ("kind", "open_"),
    [
        *((kind, open_) for kind in (LiveCollector, PollingCollector) for open_ in BROKEN_OPENS.values()),
        (PollingCollector, lambda _: {NO_MODEL: Careless()}),
        (PollingCollector, lambda _: {NO_MODEL: Hurried()}),
    ],
)
def test_a_collector_beside_the_models_that_cannot_be_opened(
    running: Running,
    registered: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    kind: Any,
    open_: Callable[[Config], Any],
) -> None:
    """It keeps neither the exporter from starting nor a reload from being taken over; its success says 0, and the log why."""
    name = f"unopened{next(_numbers)}"  # what is told once is not told again soon
    registered(kind(name=name, summary="S.", families=(UNOPENED,), maturity=0, open=open_))
    running.watched.log(30, to="a.log")
    running.start(TWO[0])
    running.wait(lambda: running.total(SUCCESS, collector=name) == 0)
    assert running.requests("a") == 30
    assert f"collector {name} failed: it could not be opened: " in caplog.text
    assert running.rewrite(config_text(*TWO)) is None
    running.watched.log(20, to="b.log")
    running.wait(lambda: running.requests("b") == 20 and running.total(SUCCESS, collector=name) == 0)


@pytest.mark.parametrize("kind", [LiveCollector, PollingCollector])
def test_a_configuration_that_such_a_collector_refuses(running: Running, registered: Callable[..., None], kind: Any) -> None:
    """Is no defect of the collector: the exporter does not start with it, and a reload keeps the former one."""
    refuses: list[str] = []

    def open_(_: Config) -> dict[str, Any]:
        if refuses:
            raise ConfigError(refuses[0])
        return {}

    registered(kind(name="strict", summary="S.", families=(UNOPENED,), maturity=0, open=open_))
    running.start(TWO[0])
    refuses.append("models[0].pipeline: there is none")
    assert running.rewrite(config_text(*TWO)) == refuses[0]
    running.watched.log(30, to="a.log")
    running.wait(lambda: running.requests("a") == 30)
    running.stop()
    with pytest.raises(ConfigError, match=r"^models\[0\]\.pipeline: there is none"):
        running.start(TWO[0])


# What polls


OF_MODEL, OF_NONE = gauge("polled_of_model", "model"), gauge("polled_of_none")


class Asking(Poll):
    """A poll that answers with how often it was asked, hangs or fails as it is told."""

    def __init__(self, model: str) -> None:
        self.interval = 0.05
        self.timeout = 30.0  # what is slow is not to be late, on a busy machine either
        self.model = model
        self.asked = 0
        self.closed = threading.Event()
        self.error: Exception | None = None
        self.free = threading.Event()
        self.free.set()

    def poll(self) -> Samples:
        """Wait until it may answer."""
        self.asked += 1
        asked = self.asked
        self.free.wait(30)
        if self.error is not None:
            raise self.error
        samples = Samples()
        if self.model == NO_MODEL:
            samples.add(OF_NONE, "", asked)
        else:
            samples.add(OF_MODEL, label_text(OF_MODEL.labels, (self.model,)), asked)
        return samples

    def most(self) -> Most:
        """One."""
        return Most({(OF_NONE if self.model == NO_MODEL else OF_MODEL).name: 1}, {})

    def close(self) -> None:
        """Note it."""
        self.closed.set()


class Asked:
    """A polling collector for every model and one of no model; the polls that it opened, the newest of each name last."""

    def __init__(self) -> None:
        self.polls: list[Asking] = []
        self.collector = PollingCollector(
            name="asked", summary="Asks.", families=(OF_MODEL, OF_NONE), maturity=0, open=self._open
        )

    def _open(self, config: Config) -> Mapping[str, Poll]:
        polls = {name: Asking(name) for name in (NO_MODEL, *(model.name for model in config.models))}
        self.polls += polls.values()
        return polls

    def started(self, model: str) -> Asking:
        """Return the poll that was started last: the budget opens some that never start."""
        return next(poll for poll in reversed(self.polls) if poll.model == model and poll.asked)


@pytest.fixture
def asked(registered: Callable[..., None]) -> Iterator[Asked]:
    """A polling collector that is registered; none of its polls hangs after the test."""
    made = Asked()
    registered(made.collector)
    yield made
    for poll in made.polls:
        poll.free.set()


def test_polls_hand_over_their_series(running: Running, asked: Asked) -> None:
    """Of each model and of none, at their own pace; what is of no model carries no label that says so."""
    running.start(*TWO)
    running.wait(lambda: (running.total(OF_MODEL.name, model="b") or 0) > 3)
    assert running.total(OF_NONE.name) is not None
    assert running.total(SUCCESS, model="a", collector="asked") == 1
    own = [dict(labels) for (name, labels) in running.series if name == SUCCESS and ("collector", "asked") in labels]
    assert {"collector": "asked"} in own
    snapshot = running.snapshots[-1]
    assert running.total("prediction_exporter_series") == len(running.series) == snapshot.series
    running.stop()
    assert all(poll.closed.wait(5) for poll in asked.polls)  # also those that were opened to be counted alone


def test_nothing_waits_for_a_poll_that_hangs(running: Running, asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    """Its series are withdrawn after its time-out, snapshots and the other polls go on, and the late answer is discarded."""
    running.start(*TWO)
    running.wait(lambda: running.total(OF_MODEL.name, model="a") is not None)
    poll = asked.started("a")
    poll.timeout = 0.3
    poll.free.clear()
    running.wait(lambda: running.total(SUCCESS, model="a", collector="asked") == 0)
    assert running.total(OF_MODEL.name, model="a") is None
    before = running.total(OF_MODEL.name, model="b") or 0
    running.wait(lambda: (running.total(OF_MODEL.name, model="b") or 0) > before)
    assert "collector asked of model a: no answer in 0.3 s, its series are withdrawn" in caplog.text
    late = poll.asked
    poll.free.set()
    running.wait(lambda: running.total(OF_MODEL.name, model="a") is not None)
    assert (running.total(OF_MODEL.name, model="a") or 0) > late
    assert running.total(SUCCESS, model="a", collector="asked") == 1


def test_a_poll_that_fails_withdraws_its_series(running: Running, asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    """And is asked again."""
    running.start(TWO[0])
    running.wait(lambda: running.total(OF_NONE.name) is not None)
    poll = asked.started(NO_MODEL)
    poll.error = RuntimeError("a defect")
    running.wait(lambda: running.total(OF_NONE.name) is None)
    assert "collector asked failed: a defect" in caplog.text
    assert running.total(OF_MODEL.name, model="a") is not None
    poll.error = None
    running.wait(lambda: running.total(OF_NONE.name) is not None)


def test_a_reload_keeps_what_was_polled_last(running: Running, asked: Asked) -> None:
    """Until there is something new: a slow poll leaves no gap. What the configuration drops is gone."""
    running.start(*TWO)
    running.wait(lambda: running.total(OF_MODEL.name, model="b") is not None)
    former = asked.started("a")

    class Slow(Asking):
        def poll(self) -> Samples:
            time.sleep(0.25)  # several snapshots are made before its first answer
            return super().poll()

    asked._open = lambda config: {model.name: Slow(model.name) for model in config.models}  # type: ignore[method-assign]  # what it opens is slow
    count = len(running.snapshots)
    assert running.rewrite(config_text(TWO[0])) is None
    running.wait(lambda: running.total(OF_MODEL.name, model="b") is None)
    assert all(b'polled_of_model{model="a"}' in snapshot.text for snapshot in running.snapshots[count:])
    assert former.closed.wait(5)


def test_a_poll_whose_thread_has_ended_is_not_shown_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ended it: after the interval and the time-out its last words are of another time."""
    poll = Asking(NO_MODEL)
    poller = Poller("asked", NO_MODEL, poll)
    poller._once(time.monotonic())
    first = poller.outcome()
    assert first is not None
    assert first.success
    later = time.monotonic() + poll.interval + poll.timeout + 0.1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    outcome = poller.outcome()
    assert outcome is not None
    assert not outcome.success
    assert not outcome.samples.lines


# What is switched off


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], ({}, False)),
        (["--collector.traffic", "--no-collector.source"], ({"traffic": True, "source": False}, False)),
        (["--no-collector.traffic", "--collector.traffic"], ({"traffic": True}, False)),
        (["--collector.disable-defaults", "--collector.source"], ({"source": True}, True)),
    ],
)
def test_flags(flags: list[str], expected: tuple[dict[str, bool], bool]) -> None:
    """The last one holds, and without the defaults what is named runs alone; help names both of each pair."""
    parser = argparse.ArgumentParser()
    add_collector_flags(parser)
    assert collector_flags(parser.parse_args(flags)) == expected
    assert "--no-collector.windows" in parser.format_help()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--collector.statistcs"], "--collector.statistcs; did you mean --collector.statistics?"),
        (["--collector.disable"], "--collector.disable; did you mean --collector.disable-defaults?"),
        (["--no-collector.trafic=1"], "--no-collector.trafic=1; did you mean --no-collector.traffic?"),
        (["--collector.typo"], "--collector.typo"),
        (["more.yml"], "more.yml"),
    ],
)
@pytest.mark.parametrize("command", [["run", "--config.file", "c.yml"], ["check", "config", "c.yml"]])
def test_a_flag_that_does_not_exist(
    command: list[str], words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was perhaps meant, and how to see what there is."""
    assert cli.main([*command, *words]) == 2
    called = f"prediction-exporter {' '.join(word for word in command if word in {'run', 'check', 'config'})}"
    expected = f"{called}: error: does not know {hint}\nall that it takes: {called} --help\n"
    assert capsys.readouterr().err.partition("\n")[2] == expected


def test_without_the_defaults_only_what_is_named_runs(tmp_path: Path) -> None:
    """And the reason that is told is the flag that was given."""
    config = Watched(tmp_path).configure()
    made = Switches({"source": True, "traffic": False}, named_only=True)
    reasons = made.off(config, config.models[0])
    assert reasons.pop("traffic") == "--no-collector.traffic"
    assert reasons == dict.fromkeys(set(NAMES) - {"traffic", "source"}, "--collector.disable-defaults")


def test_nothing_at_all_is_an_error(tmp_path: Path) -> None:
    """An exporter that serves nothing would be up, and well."""
    with pytest.raises(ConfigError, match="every collector is switched off"):
        plan(Watched(tmp_path).configure(), Switches(dict.fromkeys(NAMES, False)))


@pytest.mark.parametrize(
    ("flag", "exclude", "maturity", "reason"),
    [
        (None, "[]", 1, None),
        (None, "[]", 0, "maturity 0"),
        (None, "[statistics]", 2, "series.exclude"),
        (None, "[statistics]", 0, "series.exclude"),
        (True, "[statistics]", 0, None),
        (False, "[]", 2, "--no-collector.statistics"),
        (None, "[model_column_kl_divergence]", 2, None),
    ],
)
def test_precedence(tmp_path: Path, *, flag: bool | None, exclude: str, maturity: int, reason: str | None) -> None:
    """A flag, then the series section, then the maturity."""
    more = f"maturity: {maturity}\nbaseline: baseline.json"
    config = Watched(tmp_path).configure(config_text(model_text(more=more), more=f"series: {{exclude: {exclude}}}"))
    made = Switches({} if flag is None else {"statistics": flag})
    assert made.why_off(COLLECTORS["statistics"], config, config.models[0]) == reason
    assert made.off(config, config.models[0]).get("statistics") == reason


def most(config: Config, switches_: Switches) -> int:
    """Return the budget of the first model with one version."""
    found = budget.of_model(config, config.models[0], load_baseline(config.models[0], "models[0]"), switches_)
    return sum(part.series(1) for part in found)


def test_what_is_excluded_is_neither_shown_nor_counted(tmp_path: Path) -> None:
    """A family, or a whole collector."""
    watched = Watched(tmp_path)
    watched.log(60)
    whole = watched.configure()
    everything = most(whole, Switches())
    name = "model_column_kl_divergence_noise_floor"
    shown = read(watched.start(whole), watched.clock)[1]
    assert total(shown, name) is not None
    config = watched.configure(config_text(more=f"series: {{exclude: [{name}, traffic]}}"))
    refuse_excluded(config, watched.file)
    report, left = read(watched.start(config), watched.clock)
    assert total(left, name) is None
    assert total(left, "model_requests_total") is None
    assert total(left, "model_column_kl_divergence_threshold") is not None
    gone = {str(family) for family in COLLECTORS["traffic"].families} | {name}
    counted = sum(of.series(1) for of in traffic_and(name, whole))
    assert everything - most(config, Switches()) == counted + len(COLLECTOR_FAMILIES)
    assert not gone & {family for part in samples_of(report, watched.clock()) for family in part.lines}


def test_what_nothing_reads_can_be_excluded_whole(running: Running) -> None:
    """All that the page of metrics calls not read: none is shown, and the number of series is that of those that are."""
    unread = [str(family) for family in FAMILIES if str(family) not in readers() and family not in COLLECTOR_FAMILIES]
    assert {"python_info", "model_column_kl_divergence_noise_floor"} <= set(unread)
    more = f"series: {{exclude: [{', '.join(unread)}]}}"
    refuse_excluded(running.watched.configure(config_text(more=more)), running.watched.file)
    running.watched.log(60)
    running.start(more=more)
    assert not {name for name, _ in running.series} & set(unread)
    assert running.total("prediction_exporter_series") == len(running.series)


def traffic_and(name: str, config: Config) -> list[Most]:
    """Return the most of the traffic collector, and of one family of the statistics."""
    model = config.models[0]
    baseline = load_baseline(model, "models[0]")
    names = {str(family) for family in COLLECTORS["traffic"].families} | {name}
    rest = {str(family) for family in FAMILIES} - names
    return [of.without(rest) for of in budget.of_model(config, model, baseline, Switches())]


def test_what_is_read_cannot_be_excluded(tmp_path: Path) -> None:
    """Nor what does not exist; a line for each, with what reads it and what there is."""
    watched = Watched(tmp_path)
    text = (
        "series: {exclude: [model_column_missing_ratio, model_column_ps, statistics, nothing, " + str(COLLECTOR_SUCCESS) + "]}"
    )
    with pytest.raises(ConfigError) as caught:
        refuse_excluded(watched.configure(config_text(more=text)), watched.file)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(f"{watched.file}: series.exclude[") for line in lines)
    assert re.search(
        r"series\.exclude\[0\]: model_column_missing_ratio is read by .*ModelMissingValues, .* and \d more", lines[0]
    )
    assert "series.exclude[1]: no collector and no family is called model_column_ps; did you mean model_column_psi?" in lines[1]
    assert "series.exclude[3]: no collector and no family is called nothing (collectors: traffic, windows" in lines[2]
    assert "model_column_kl_divergence_noise_floor" in lines[2].partition("families that nothing reads: ")[2].split(", ")
    assert lines[3].endswith(f"series.exclude[4]: {COLLECTOR_SUCCESS} tells of the collectors themselves and is always shown")
    assert len(lines) == 4


def test_readers_are_those_of_the_rules_and_dashboards() -> None:
    """Directly, and through recorded series."""
    assert "ModelMissingValues" in readers()["model_column_missing_ratio_threshold"]
    assert "ModelFeatureDrift" in readers()["model_window_bin_predictions"]  # by way of the fleet's PSI
    assert "dashboard service" in readers()["model_request_duration_seconds"]
    assert "model_dependency_info" not in readers()
    # By a name that holds the measure which is chosen.
    assert readers()["model_brier_score_standard_error"] == ("dashboard performance",)


def test_what_is_not_watched_is_said(live: Watched, start_exporter: Start) -> None:
    """By check config, and by the real exporter: its series are gone, the others are there."""
    live.configure()
    live.log(60)
    done = forked.run("check", "config", live.file, "--no-collector.statistics")
    assert done.returncode == 0
    assert "m: not watched: statistics (--no-collector.statistics), which " in done.stderr
    assert "ModelMissingValues" in done.stderr
    assert "model_column_psi" not in done.stdout
    shown = start_exporter(live.file, "--no-collector.statistics").metrics()
    assert total(shown, "model_requests_total") == 60
    assert total(shown, "model_window_predictions", window="1h") == 60
    assert total(shown, "model_column_missing_ratio") is None
    assert total(shown, SUCCESS, collector="statistics") is None
    assert total(shown, SUCCESS, collector="windows") == 1


def test_what_a_model_is_not_ripe_for_is_no_warning(tmp_path: Path) -> None:
    """Maturity 0 is a choice, and says nothing that nobody knows."""
    config = Watched(tmp_path).configure(config_text(model_text(more="maturity: 0")))
    assert unwatched(config, Switches()) == []
    assert len(unwatched(config, Switches({"traffic": False}))) == 1


# What a scrape asks for


def test_a_scrape_may_ask_for_some(live: Watched, start_exporter: Start) -> None:
    """By collector, with what is told of these; or for all but some. Both formats are whole, compressed or not."""
    live.configure()
    live.log(60)
    exporter = start_exporter(live.file, "--no-collector.identity")
    whole = exporter.metrics()

    def ask(query: str, **headers: str) -> requests.Response:
        return requests.get(f"{exporter.url}/metrics?{query}", headers=headers, timeout=5)

    some = samples(ask("collect[]=traffic&collect[]=source").text)
    declared = {str(family) for name in ("traffic", "source") for family in COLLECTORS[name].families}
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for name, _ in some}
    assert {"model_request_duration_seconds", "prediction_exporter_source_up"} <= names
    assert names - declared == {str(family) for family in COLLECTOR_FAMILIES}
    told = [dict(labels)["collector"] for name, labels in some if name == SUCCESS]
    assert sorted(told) == ["source", "traffic"]
    rest = samples(ask("exclude[]=traffic&exclude[]=source").text)
    assert rest.keys() | some.keys() == whole.keys()
    assert not rest.keys() & some.keys()
    accepted = ask("collect%5B%5D=traffic", Accept="application/openmetrics-text; version=1.0.0", **{"Accept-Encoding": "gzip"})
    assert accepted.headers["Content-Encoding"] == "gzip"
    families = {family.name for family in parse_openmetrics(accepted.text)}  # type: ignore[no-untyped-call]  # the client has no types for it
    assert "model_requests" in families
    assert "model_window_predictions" not in families
    assert ask("debug=1").text.count("\n") > ask("collect[]=traffic").text.count("\n")
    check = subprocess.run(["promtool", "check", "metrics"], input=ask("collect[]=windows").text, text=True, check=False)
    assert check.returncode == 0


THESE = (
    "these do: traffic, windows, statistics, references, evidence, labels, performance, server, notes, cost, source, volume, "
    "exporter"
)


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("collect[]=nothing", f"no collector nothing runs here; {THESE}"),
        ("collect[]=identity", f"no collector identity runs here; {THESE}"),
        ("exclude[]=", f"no collector  runs here; {THESE}"),
        ("collect[]=traffic&exclude[]=source", "collect[] and exclude[] cannot be combined"),
        ("collect=traffic", "collect is written with brackets, and once for each collector: collect[]=NAME"),
        ("collect[]=traffic,source", f"no collector traffic,source runs here; {THESE}"),
    ],
)
def test_what_a_scrape_cannot_ask_for(running: Running, query: str, answer: str) -> None:
    """A collector that does not run is no empty answer: that would pass for a model of which there is nothing to tell."""
    running.switches = Switches({"identity": False})
    running.start(TWO[0])
    groups = running.snapshots[-1].groups
    with pytest.raises(ValueError, match=f"^{re.escape(answer)}$"):
        chosen(query, [name for name in groups if name])


def test_the_page_says_what_is_not_watched(live: Watched, start_exporter: Start) -> None:
    """With why; a model whose drift nobody watches is not within its thresholds."""
    live.configure()
    live.log(60)
    exporter = start_exporter(live.file, "--no-collector.statistics")
    page = Page(requests.get(exporter.url, timeout=5).content)
    assert "Not watched: statistics (--no-collector.statistics)" in page.text
    assert "partly watched" in page.text


def test_the_page_of_levels_tells_where_each_collector_begins() -> None:
    """The level of every collector, but for the exporter's own, which is always there."""
    page = (Path(__file__).parents[1] / "docs/maturity.md").read_text()
    rows = re.findall(r"^\| ([a-z_, ]+) \| (\d) \|", page.partition("## What each level runs")[2], re.MULTILINE)
    told = {name: int(level) for names, level in rows for name in names.split(", ")}
    assert told == {name: collector.maturity for name, collector in COLLECTORS.items() if name != "exporter"}
