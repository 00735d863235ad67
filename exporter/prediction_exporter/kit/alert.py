"""What an alert is: its rules, what it tells whom, what mutes it, its runbook and its tests, declared in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from prediction_exporter.config.units import Duration
from prediction_exporter.config.values import Area
from prediction_exporter.kit.promql import MODEL_KEY, Expression, Recorded, bracketed, joined, on, select
from prediction_exporter.kit.recording import OWNER
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.wording import Format

Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
AREAS: tuple[Area, ...] = get_args(Area)

#: Builds a template of Prometheus' whose queries follow a time scale.
Template = Callable[[Scale], str]


@dataclass(frozen=True, kw_only=True)
class Condition:
    """When an alert fires with a severity.

    Attributes:
        expr: gives one series for each alert, with the alert's key as labels; the owner is joined to it.
        hold: how long it must be so before the alert fires (``for``).
        keep: how long the alert goes on firing after it is no longer so (``keep_firing_for``).
    """

    severity: Severity
    expr: Expression
    hold: Duration
    keep: Duration | None


@dataclass(frozen=True, kw_only=True)
class Firing:
    """An alert that a test expects, with what differs between alerts of the rule; the window is that of its dashboard link."""

    severity: Severity
    labels: Mapping[str, str]
    description: str
    worst: str | None = None
    window: str = "1h"
    changed: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """The alerts that fire at a time after the start of a test; none where the alert must be silent."""

    at: str
    firing: tuple[Firing, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A test of the alert.

    Attributes:
        name: what is so.
        series: at one-minute steps, in promtool's notation.
        checks: what fires when.
        begun_by: why a restart or a rollout in the middle of a silent case rightly begins the alert; empty where none may.
    """

    name: str
    series: tuple[str, ...]
    checks: tuple[Check, ...]
    begun_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """A question to ask in Prometheus; names in capitals, as ``MODEL``, are to be filled in."""

    question: str
    query: str


@dataclass(frozen=True, kw_only=True)
class Alert:
    """The declaration of an alert.

    Attributes:
        name: starts with ``Model``; name of its runbook page too.
        area: which of a model's owners it is for.
        key: labels that tell one of its alerts from another, beside the owner.
        window: a query of a template, whose one series has the worst window, where the alert is about windows.
        conditions: its rules.
        summary: one sentence without figures.
        description: what is wrong, how much, against which threshold, over how many predictions.
        worst: the columns at fault, the worst first, where the alert is about columns.
        action: what the owner should do, in a sentence or two.
        meaning, impact, diagnosis, mitigation: the sections of its runbook.
        muted_by: alerts of the same model in whose presence this one says nothing new.
        without_model: whether it also fires where the model is not known.
        tests: promtool tests, firing and silent.
        graphed: recorded series whose course shows the problem: a message links to them, of the alert's key.
        exporter_answers: whether the exporter can be asked while it fires, so that a message may lead there.
    """

    name: str
    area: Area
    key: tuple[str, ...]
    window: Template | None
    conditions: tuple[Condition, ...]
    summary: str
    description: Template
    worst: Template | None
    action: str
    meaning: str
    impact: str
    diagnosis: tuple[Diagnosis, ...]
    mitigation: str
    muted_by: tuple[Alert, ...]
    without_model: bool
    tests: tuple[Case, ...]
    graphed: tuple[Recorded, ...] = ()
    exporter_answers: bool = True

    def __str__(self) -> str:
        return self.name

    def expr(self, condition: Condition, scale: Scale) -> str:
        """Return the expression of a rule: the condition with its owner, or without one where there is none."""
        bare = bracketed(condition.expr(scale))
        owned = f"{bare}\n* {on(MODEL_KEY)} group_left (owner)\n{OWNER.where(area=self.area)}"
        return joined(owned, f"or {on(self.key)}", bare)


def label_arguments(key: tuple[str, ...]) -> str:
    """Return the alert's labels as arguments of a template's ``printf``; an absent label is empty text."""
    return " ".join(f'(index $labels "{label}")' for label in key)


def given(labels: Sequence[str]) -> str:
    """Return matchers of labels whose values are the arguments of a ``printf``, in this order.

    >>> given(("model", "window"))
    'model=%[1]q, window=%[2]q'
    """
    return ", ".join(f"{label}=%[{i}]q" for i, label in enumerate(labels, start=1))


def own(name: str, key: tuple[str, ...], *matchers: str, **equal: str) -> str:
    """Return a selector of the series that have the alert's labels, for a ``printf`` with :func:`label_arguments`."""
    return select(name, *matchers, given(key), **equal)


def query(expr: str, key: tuple[str, ...], *more: str) -> str:
    """Return a template's query; ``more`` are further arguments of its ``printf``."""
    arguments = " ".join([label_arguments(key), *more])
    return f"query (printf `{expr}` {arguments})"


def at_worst(expr: str, key: tuple[str, ...]) -> str:
    """Return a template that names the replica of which a query gives most, as " at a:10900"; nothing where there is none."""
    return f"{{{{ with {query(f'topk(1, {expr})', key)} }}}} at {{{{ (. | first).Labels.instance }}}}{{{{ end }}}}"


def figure(expr: str, key: tuple[str, ...], show: Format, *more: str) -> str:
    """Return a template that shows the value of a query, or "unknown" where it has none."""
    asked = query(show.scaled(expr), key, *more)
    return f"{{{{ with {asked} }}}}{show.of('(. | first | value)')}{{{{ else }}}}unknown{{{{ end }}}}"
