"""What happens to exporters while an alert fires, or while it must not: tests that follow from those which an alert declares.

A second replica in the same state is told of once, and so is one that Prometheus finds as two targets. A rollout or a restart
neither ends an alert nor begins one, and where all is deleted the alert ends, and another one tells of that.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prediction_exporter.collectors.source import SOURCE_UP
from prediction_exporter.kit.alert import Alert, Case, Check, Firing
from prediction_exporter.kit.alerts.model_gone import MODEL_GONE
from prediction_exporter.kit.cases import MODEL_LABELS, series
from prediction_exporter.kit.delays import figures_of
from prediction_exporter.kit.promql import by, select
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.timeline import Line, lines

#: Every alert has tests of these kinds: the first two are declared with it, the others follow.
KINDS = ("firing", "silent", "replica", "rollout", "restart", "gone")

#: Minutes that an exporter takes to start, and for which an alert is looked at after something has happened.
STARTS, WATCHED = 2, 20
#: Minutes for which an alert is looked at where nothing happens, and by which it may be later where scrapes are two apart.
STEADY, SLOW = 15, 5
#: Minutes after which an alert on what is deleted has ended; and where its figures are of spans of time, of which the longest
#: that must be bad is two hours.
ENDED, ENDED_SPANS = 45, 150


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What an expression gives at a minute: values by their labels."""

    expr: str
    minute: int
    samples: tuple[tuple[tuple[tuple[str, str], ...], float], ...]


@dataclass(frozen=True, kw_only=True)
class EventTest:
    """A test whose expectations are of alerts' labels alone.

    Attributes:
        kind: one of :data:`KINDS`.
        name: of the case that it follows from.
        series: what is scraped.
        expected: what expressions give.
    """

    kind: str
    name: str
    series: tuple[Line, ...]
    expected: tuple[Expected, ...]


def event_tests(alert: Alert) -> list[EventTest]:
    """Return the tests of an alert: while it fires with each of its severities, and in each case that is silent."""
    silent = [case for case in alert.tests if not (case.begun_by or any(check.firing for check in case.checks))]
    return [
        *(test for case, check in _each_severity(alert) for test in _while_firing(alert, case, check)),
        *(test for case in silent for test in _while_silent(alert, case)),
    ]


def steady_tests(alert: Alert) -> list[EventTest]:
    """Return tests in which nothing happens: the alert goes on firing with each of its severities, and never begins."""
    found = []
    for case, check in _each_severity(alert):
        since, until = _minute(check.at), _minute(check.at) + STEADY
        steady = tuple(line.steadily(since, until) for line in lines(case.series))
        expected = (_throughout(alert, since + SLOW, until, check.firing),)
        found.append(EventTest(kind="firing", name=case.name, series=steady, expected=expected))
    for case in alert.tests:
        if not any(check.firing for check in case.checks):
            expected = (_never(alert, max(_minute(check.at) for check in case.checks)),)
            found.append(EventTest(kind="silent", name=case.name, series=lines(case.series), expected=expected))
    return found


def _never(alert: Alert, until: int) -> Expected:
    return Expected(expr=f"count(count_over_time({_firing(alert)}[{until}m]))", minute=until, samples=())


def _each_severity(alert: Alert) -> Iterable[tuple[Case, Check]]:
    """Return the first check in which each severity fires, each once."""
    left = {condition.severity for condition in alert.conditions}
    for case in alert.tests:
        for check in case.checks:
            found = {firing.severity for firing in check.firing} & left
            if found:
                left -= found
                yield case, check


def _while_firing(alert: Alert, case: Case, check: Check) -> Iterable[EventTest]:
    at = _minute(check.at) + STARTS
    until = at + WATCHED
    steady = tuple(line.steadily(_minute(check.at), until) for line in lines(case.series))

    def test(kind: str, happened: Sequence[Line], *expected: Expected) -> EventTest:
        return EventTest(kind=kind, name=case.name, series=tuple(happened), expected=expected)

    scraped = [line for line in steady if "instance" in line.labels]
    of_instance = "instance" in alert.key
    twins = tuple(_twin(firing) for firing in check.firing) if of_instance else ()
    both = (*steady, *(line.on("twin") for line in scraped))
    yield test("replica", both, _throughout(alert, _minute(check.at), _minute(check.at), (*check.firing, *twins)))
    found_again = (*steady, *(line.labelled(endpoint="metrics") for line in scraped))
    yield test("replica", found_again, _throughout(alert, _minute(check.at), _minute(check.at), check.firing))
    yield test("restart", [_restarted(line, at) for line in steady], _throughout(alert, at, until, check.firing))
    if of_instance:
        # It is about a pod that is no more. Whether the new one is in the same trouble is for another alert.
        old = _firing(alert, 'instance!~"new-.*"')
        yield test("rollout", _rolled_out(steady, at), Expected(expr=f"count({old})", minute=at + _ended(alert), samples=()))
    else:
        yield test("rollout", _rolled_out(steady, at), _throughout(alert, at, until, check.firing))
    yield test("gone", [line.ended(at) for line in _there(steady, at)], *_gone(alert, at))


def _while_silent(alert: Alert, case: Case) -> Iterable[EventTest]:
    until = max(_minute(check.at) for check in case.checks)
    all_ = lines(case.series)
    never = _never(alert, until)
    events = {"restart": [_restarted(line, until // 2) for line in all_], "rollout": _rolled_out(all_, until // 2)}
    for kind, happened in events.items():
        yield EventTest(kind=kind, name=case.name, series=tuple(happened), expected=(never,))


def _ended(alert: Alert) -> int:
    return ENDED_SPANS if re.search(r"\d", figures_of(alert)) else ENDED


def _minute(at: str) -> int:
    return int(duration(at).seconds // 60)


def _firing(alert: Alert, *matchers: str) -> str:
    return select("ALERTS", f'alertname="{alert}"', 'alertstate="firing"', *matchers)


def _throughout(alert: Alert, since: int, until: int, firing: Sequence[Firing]) -> Expected:
    """Expect the alerts to fire in every minute of a span, with the same owner and severity, and no others of that severity."""
    key = (*alert.key, "owner", "severity")
    severities = "|".join(sorted({each.severity for each in firing}))
    counted = f"(count {by(key)} ({_firing(alert, f'severity=~{json.dumps(severities)}')}))[{until - since}m30s:1m]"
    found = Counter(
        tuple(sorted((name, value) for name, value in {**each.labels, "severity": each.severity}.items() if name in key))
        for each in firing
    )
    return Expected(
        expr=f"min_over_time({counted}) and count_over_time({counted}) == {until - since + 1}",
        minute=until,
        samples=tuple(found.items()),
    )


def _gone(alert: Alert, at: int) -> Iterable[Expected]:
    """Expect the alert to end and that of the model which is gone to begin."""
    model = MODEL_LABELS["model"]
    told = f"count by (model) ({_firing(MODEL_GONE, f'model={json.dumps(model)}')})"
    yield Expected(expr=told, minute=at + WATCHED, samples=(((("model", model),), 1.0),))
    if alert is not MODEL_GONE:
        yield Expected(expr=f"count({_firing(alert)})", minute=at + _ended(alert), samples=())


def _twin(firing: Firing) -> Firing:
    return Firing(
        severity=firing.severity,
        labels={**firing.labels, "instance": f"twin-{firing.labels['instance']}"},
        description=firing.description,
    )


def _restarted(line: Line, at: int) -> Line:
    """Return a series whose exporter is away for a moment and begins its counters anew."""
    return line.reset(at).unanswered(at, STARTS) if "instance" in line.labels else line


def _rolled_out(all_: Sequence[Line], at: int) -> list[Line]:
    """Return the series of pods in whose place others come."""
    scraped = [line for line in all_ if "instance" in line.labels]
    others = [line for line in all_ if "instance" not in line.labels]
    return [*others, *(line.ended(at) for line in scraped), *(line.begun(at + STARTS, "new") for line in scraped)]


def _there(all_: Sequence[Line], at: int) -> list[Line]:
    """Return the series with those that show that there was a model, and a target."""
    shown = [line for line in all_ if line.name not in {"up", SOURCE_UP.name} or line.at(at) is not None]
    more = lines([series("up", f"1x{at}"), series(SOURCE_UP, f"1x{at}", model=MODEL_LABELS["model"])])
    known = {line.selector for line in shown}
    return [*shown, *(line for line in more if line.selector not in known)]
