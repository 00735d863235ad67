"""Time in rendered files: durations are objects in the declarations, so that a demonstration can make an hour a minute."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_exporter.config.units import Duration

#: Age in seconds from which a reading is no longer that of now; a limit, which no time scale changes.
SECONDS_STALE = 600

_UNITS = (("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


def duration(text: str) -> Duration:
    """Return a duration written as in Prometheus."""
    return Duration.parse(text)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much faster than real time a rendered file runs: ``Scale(60)`` writes an hour as ``1m``.

    It is applied to waiting times and to range selectors. Limits that an expression compares with stay as they are.
    """

    factor: float = 1.0

    def __post_init__(self) -> None:
        if not self.factor > 0:
            raise ValueError("the time scale must be above 0")

    def __call__(self, span: Duration) -> str:
        """Return the duration's text, at least a millisecond."""
        if self.factor == 1.0:
            return str(span)
        return _text(max(1, round(self.seconds(span) * 1000)))

    def seconds(self, span: Duration) -> float:
        """Return the duration's length in real seconds."""
        return span.seconds / self.factor


def _text(milliseconds: int) -> str:
    parts = []
    for unit, size in _UNITS:
        count, milliseconds = divmod(milliseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
