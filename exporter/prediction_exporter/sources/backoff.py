"""Backing off: a source that failed is left alone for a while, longer each time."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_SECONDS = 1.0
MOST_SECONDS = 300.0


class Backoff:
    """How long a source that fails is left alone: the double each time, and at random within that.

    Exporters that lost the same database at the same moment do not all come back at the same moment.

    Args:
        clock: Unix time.
        chance: gives numbers from 0 to 1.
    """

    def __init__(self, *, clock: Callable[[], float], chance: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._until = 0.0

    def is_over(self) -> bool:
        """Return whether it is time to try, which it also is where the clock was put back."""
        return not 0 < self._until - self._clock() <= MOST_SECONDS

    def failed(self) -> None:
        """Wait for half to all of the time whose turn it is."""
        longest = min(FIRST_SECONDS * 2.0**self._failures, MOST_SECONDS)
        self._failures += 1 if longest < MOST_SECONDS else 0
        self._until = self._clock() + longest * (0.5 + 0.5 * self._chance())

    def succeeded(self) -> None:
        """Try without waiting."""
        self._failures, self._until = 0, 0.0
