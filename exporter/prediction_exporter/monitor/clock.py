"""Which time it is for what cannot be taken back: a clock that jumps ahead is believed after a while, not at once."""

from __future__ import annotations

import time
from collections.abc import Callable

#: A clock ahead by more than this has jumped; less is what it is put right by all the time.
SLACK_SECONDS = 60.0

#: For how long a clock that has jumped must stay ahead to be believed: it may have been wrong, and be put right again.
HOLDS_SECONDS = 3600.0


class BelievedClock:
    """Follows a clock, but does not jump ahead with it.

    >>> wall, steady = [1000.0], [0.0]
    >>> believed = BelievedClock(lambda: wall[0], steady=lambda: steady[0])
    >>> wall[0] += 30
    >>> believed()
    1030.0
    >>> wall[0] += 86_400
    >>> believed()
    1030.0
    >>> steady[0] += HOLDS_SECONDS
    >>> believed() == wall[0]
    True

    Args:
        clock: Unix time.
        last: what was believed when this process was not there yet; None where nobody knows.
        steady: seconds of a clock that nobody puts right.
    """

    def __init__(
        self, clock: Callable[[], float], *, last: float | None = None, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._steady = steady
        self._believed = clock() if last is None else last
        self._at = steady()
        self._ahead_since: float | None = None

    def __call__(self) -> float:
        """Return the time that is believed."""
        now, at = self._clock(), self._steady()
        expected = self._believed + at - self._at
        if now > expected + SLACK_SECONDS:
            if self._ahead_since is None:
                self._ahead_since = at
            if at - self._ahead_since < HOLDS_SECONDS:
                now = expected
        else:
            self._ahead_since = None
        self._believed, self._at = now, at
        return now
