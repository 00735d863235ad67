"""PromQL from objects: series that have a name and selectors, label lists, and the joins that every rule needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from prediction_exporter.config.units import Duration
from prediction_exporter.families import COLUMN, WINDOW
from prediction_exporter.kit.scale import Scale, duration

#: Builds an expression whose range selectors follow a time scale.
Expression = Callable[[Scale], str]

#: Labels that the platform gives to a scrape target and that every rule keeps; listing an absent one is harmless.
SCOPE = ("cluster", "namespace", "job")
INSTANCE_KEY = (*SCOPE, "instance")
MODEL_KEY = (*SCOPE, "model")
VERSION_KEY = (*MODEL_KEY, "version")
#: A version in one of the stages that it may be in.
STAGE_KEY = (*VERSION_KEY, "stage")
WINDOW_KEY = (*SCOPE, *WINDOW)
COLUMN_KEY = (*SCOPE, *COLUMN)
#: A column of a version, whatever the window.
VERSION_COLUMN_KEY = (*VERSION_KEY, "column", "role")

#: How long a value is still taken for the present one: a failed scrape must neither resolve an alert nor restart its `for`.
BRIDGE = duration("5m")

#: How long it is remembered what an exporter that no longer answers was watching, and for whom.
MEMORY = duration("1d")

#: Jobs that scrape this exporter, for alerts about the scrape itself.
JOBS = 'job=~".*prediction-exporter.*"'


class Series(Protocol):
    """What has a name in PromQL: a family, or a recorded series."""

    @property
    def name(self) -> str:
        """The metric name."""

    def where(self, *matchers: str, **equal: str) -> str:
        """Return a selector."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A series that a recording rule writes.

    Attributes:
        name: ``level:metric:operations``.
        labels: the labels it may have, beside none else.
        help: what it holds.
        expr: the rule's expression.
    """

    name: str
    labels: tuple[str, ...]
    help: str
    expr: Expression

    def __str__(self) -> str:
        return self.name

    def where(self, *matchers: str, **equal: str) -> str:
        """Return a selector: ``RECORDED.where('role="feature"', segment="all")``."""
        return select(self.name, *matchers, **equal)


def select(name: str, *matchers: str, **equal: str) -> str:
    """Return a selector of a metric name; just the name where nothing is matched."""
    inner = ", ".join([*matchers, *(f'{label}="{value}"' for label, value in equal.items())])
    return f"{name}{{{inner}}}" if inner else name


def names(labels: tuple[str, ...]) -> str:
    """Return a label list in brackets."""
    return f"({', '.join(labels)})"


def by(labels: tuple[str, ...]) -> str:
    """Return a grouping clause."""
    return f"by {names(labels)}"


def on(labels: tuple[str, ...]) -> str:
    """Return a matching clause."""
    return f"on {names(labels)}"


def latest(selector: str, scale: Scale, span: Duration = BRIDGE) -> str:
    """Return the newest value of a gauge, over gaps as a failed scrape leaves them."""
    return f"last_over_time({selector}[{scale(span)}])"


def largest_of(key: tuple[str, ...], exprs: Sequence[str]) -> str:
    """Return the largest of several expressions' values for each key.

    >>> print(largest_of(("column",), ["a / b", "c / d"]))
    max by (column) (
      label_replace(a / b, "nth", "0", "", "")
      or
      label_replace(c / d, "nth", "1", "", "")
    )
    """
    # Their series have the same labels, of which `or` would keep the first expression's: a label tells them apart.
    apart = [f'label_replace({expr}, "nth", "{i}", "", "")' for i, expr in enumerate(exprs)]
    alternatives = "\nor\n".join(apart)
    return f"max {by(key)} {bracketed(alternatives)}"


def indented(text: str) -> str:
    """Return the lines moved to the right."""
    return "\n".join("  " + line for line in text.splitlines())


def bracketed(text: str) -> str:
    """Return an expression in brackets, on lines of their own."""
    return f"(\n{indented(text)}\n)"


def joined(left: str, operator: str, right: str) -> str:
    """Return two expressions with an operator on a line of its own."""
    return f"{left}\n{operator}\n{right}"
