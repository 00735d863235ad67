"""What a model server is: names and labels of what it counts, and where that stands in its source."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

#: What of a model's service a server can tell.
Part = Literal["requests", "failed", "duration"]

#: The default buckets of Prometheus' client for Python, in seconds.
PYTHON_CLIENT = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

#: HTTP's codes that are the server's fault, also where they are grouped as ``5xx``.
SERVER_ERROR = "5.."


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Counters whose sum counts something.

    Attributes:
        names: of the metrics, as Prometheus stores them.
        matchers: of their labels, in PromQL, beside those that tell the model.
        none_is_zero: whether a series that is not there has counted nothing: it appears with the first request that it counts.
            Where it is there from the start, its absence means that the server does not tell it.
    """

    names: tuple[str, ...]
    matchers: tuple[str, ...] = ()
    none_is_zero: bool = False


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The bound of a histogram that stands for a limit.

    Attributes:
        lower: the largest bound up to the limit, in seconds: what it does not hold counts as slow.
        upper: the smallest bound from the limit on, in seconds; None where the limit is above all.
    """

    lower: float
    upper: float | None

    @property
    def is_exact(self) -> bool:
        """Whether the limit is a bound itself."""
        return self.lower == self.upper


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """A histogram of durations.

    Attributes:
        name: without ``_bucket``, ``_count`` and ``_sum``.
        unit: seconds that its values are counted in: 0.001 for milliseconds.
        buckets: its bounds without infinity, ascending, in its own unit, as the server has them unless told otherwise.
        matchers: of its labels, as of :class:`Counted`.
    """

    name: str
    unit: float
    buckets: tuple[float, ...]
    matchers: tuple[str, ...] = ()

    @property
    def seconds(self) -> tuple[float, ...]:
        """The bounds in seconds.

        >>> Histogram(name="a_ms", unit=0.001, buckets=(5, 250)).seconds
        (0.005, 0.25)
        """
        return tuple(self.in_seconds(bound) for bound in self.buckets)

    def in_seconds(self, value: float) -> float:
        """Return a value of the histogram in seconds, without the digits that a product makes up."""
        return float(f"{value * self.unit:.12g}")

    def in_unit(self, seconds: float) -> float:
        """Return a duration in the histogram's unit."""
        return float(f"{seconds / self.unit:.12g}")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file of the server's own project that says so."""

    repository: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Server:
    """A kind of model server.

    Attributes:
        kind: its key everywhere.
        title: what it is called, with the releases that this holds for.
        model_labels: labels of its series that tell one model from another: a match must name each of them.
        example: values of labels for documentation and messages.
        requests: what counts requests, failed ones included.
        failed: what counts those that failed for the server's fault; None where it tells none by model.
        duration: None where it has no histogram of them by model.
        outcome: labels that tell how a request ended: they are added up, and no match may name them.
        absent: what it does not tell, and what to do about that, for people.
        sources: where its names are from.
        seen: the release that was run, asked and scraped, and whose series tests hold; None where none was.
    """

    kind: str
    title: str
    model_labels: tuple[str, ...]
    example: tuple[tuple[str, str], ...]
    requests: Counted
    failed: Counted | None
    duration: Histogram | None
    outcome: tuple[str, ...]
    absent: str
    sources: tuple[Source, ...]
    seen: str | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """What it tells."""
        more: dict[Part, object] = {"failed": self.failed, "duration": self.duration}
        return ("requests", *(part for part, found in more.items() if found is not None))


def bound_for(limit: float, buckets: Sequence[float]) -> Bound | None:
    """Return the bound of a histogram that stands for a limit, both in seconds; None where the smallest is above it.

    Of two bounds beside the limit it is the lower one: a request that was too slow never counts as fast enough.

    >>> bound_for(0.1, (0.05, 0.25))
    Bound(lower=0.05, upper=0.25)
    >>> bound_for(0.25, (0.05, 0.25)).is_exact
    True
    >>> bound_for(0.01, (0.05, 0.25)) is None
    True
    """
    at = bisect_right(buckets, limit)
    if at == 0:
        return None
    lower = buckets[at - 1]
    if lower == limit:
        return Bound(lower=lower, upper=lower)
    return Bound(lower=lower, upper=buckets[at] if at < len(buckets) else None)
