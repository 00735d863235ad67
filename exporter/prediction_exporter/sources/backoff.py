"""Waiting longer and longer between tries of a place that fails."""

from __future__ import annotations

import random as randomness
import time
from collections.abc import Callable


class Backoff:
    """Says when a place that failed may be tried again.

    The wait doubles with each failure in a row. Each is drawn between a half and the whole of it, so that many exporters do not
    come back to a store at the same moment.

    Args:
        first: longest wait after the first failure, in seconds.
        most: longest wait of all, in seconds.
        clock: seconds; one that is put back ends a wait.
        random: draws from [0, 1).
    """

    def __init__(
        self,
        first: float = 1.0,
        most: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = randomness.random,
    ) -> None:
        self._first = first
        self._most = most
        self._clock = clock
        self._random = random
        self._failures = 0
        self._since = self._until = float("-inf")

    def wait_over(self) -> bool:
        """Return whether the place may be tried now."""
        return not self._since <= self._clock() < self._until

    def failed(self) -> None:
        """Note that a try failed: wait from now on."""
        longest = min(self._first * 2.0 ** min(self._failures, 60), self._most)
        self._failures += 1
        self._since = self._clock()
        self._until = self._since + longest * (0.5 + self._random() / 2)

    def succeeded(self) -> None:
        """Note that a try succeeded: the next failure is the first one."""
        self._failures = 0
        self._since = self._until = float("-inf")
