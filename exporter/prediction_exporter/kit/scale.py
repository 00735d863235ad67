"""Time in rendered files: durations are objects in the declarations, so that a demonstration can make an hour a minute."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_exporter.config.units import Duration

#: Age in seconds from which a reading is no longer that of now; a limit, which no time scale changes.
SECONDS_STALE = 600

#: Seconds between two scrapes or two evaluations of rules, at least: a busy machine does not keep a shorter beat.
LEAST_INTERVAL = 2.0

#: Seconds that a rule looks back or waits, at least: as at real time, some scrapes may fail and some evaluations be late.
LEAST_SPAN = 15.0

_UNITS = (("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


def duration(text: str) -> Duration:
    """Return a duration written as in Prometheus."""
    return Duration.parse(text)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much faster than real time a rendered file runs: ``Scale(60)`` writes an hour as ``1m``.

    It is applied to waiting times and to range selectors. Limits that an expression compares with stay as they are. What
    would be shorter than the machine can keep to is as long as the floors above; at real time nothing is.

    >>> demonstration = Scale(60)
    >>> demonstration(duration("1h")), demonstration(duration("5m")), demonstration.interval(duration("5m"))
    ('1m', '15s', '5s')
    """

    factor: float = 1.0

    def __post_init__(self) -> None:
        if not self.factor > 0:
            raise ValueError("the time scale must be above 0")

    def __call__(self, span: Duration) -> str:
        """Return the text of how far a rule looks back, or how long an alert waits or stays."""
        return str(span) if self.factor == 1.0 else written(self.seconds(span))

    def interval(self, span: Duration) -> str:
        """Return the text of how often something is done, or of how long messages are collected."""
        return str(span) if self.factor == 1.0 else written(self.seconds(span, least=LEAST_INTERVAL))

    def seconds(self, span: Duration, *, least: float = LEAST_SPAN) -> float:
        """Return how long it takes: at least so many seconds, unless it is shorter at real time."""
        return max(span.seconds / self.factor, min(least, span.seconds))


def written(seconds: float) -> str:
    """Return a number of seconds in Prometheus' syntax."""
    milliseconds = round(seconds * 1000)
    parts = []
    for unit, size in _UNITS:
        count, milliseconds = divmod(milliseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
