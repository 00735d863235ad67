"""Reading: a span of time that a source read as a whole."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """A span of time that was read as a whole: it takes the place of all former readings of it.

    Attributes:
        start, end: the span, from the one to before the other, as whole seconds of Unix time.
        closed: whether it is not read again, and counts for good.
        is_news: whether it enters the counters; the windows are also filled with what happened before anybody watched.
        in_windows: whether it is counted at all; what is older than the windows, or in them already, may only wait for labels.
    """

    start: int
    end: int
    closed: bool
    is_news: bool = True
    in_windows: bool = True
