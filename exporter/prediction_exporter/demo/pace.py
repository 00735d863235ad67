"""How fast the demo runs."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_exporter.kit.scale import Scale, duration

#: An hour of the shipped rules is a minute of the demo, at speed 1.
TIME_SCALE = 60.0

#: The least that the exporter's configuration takes, in seconds: for a window, and between two evaluations.
LEAST_WINDOW = 60.0
LEAST_EVALUATION = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How many times faster than a minute for an hour the demo runs.

    >>> Pace(2).hour, Pace(2).window, Pace(0.5).window
    (30.0, 60.0, 120.0)
    """

    speed: float = 1.0

    @property
    def scale(self) -> Scale:
        """The time scale of rules and routes."""
        return Scale(TIME_SCALE * self.speed)

    @property
    def hour(self) -> float:
        """Seconds that stand for an hour."""
        return duration("1h").seconds / self.scale.factor

    @property
    def window(self) -> float:
        """Seconds of the shorter window."""
        return max(self.hour, LEAST_WINDOW)

    @property
    def soon(self) -> float:
        """What the delays of outcomes are multiplied with, which are those of a minute for an hour."""
        return self.hour / 60.0

    @property
    def maturity(self) -> float:
        """Seconds after which every outcome is known and read."""
        return self.hour / 3

    @property
    def times(self) -> dict[str, float]:
        """What stands in the exporter's configuration for times, and the seconds that it is filled with."""
        return {
            "${DEMO_INTERVAL}": self.scale.seconds(duration("15s"), least=LEAST_EVALUATION),
            "${DEMO_WINDOW}": self.window,
            "${DEMO_LONG_WINDOW}": 24 * self.window,
            "${DEMO_MATURITY}": self.maturity,
        }
