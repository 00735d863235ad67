"""Spans: minutes of a table, as many at a time as a statement names and as have a bounded number of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

MINUTE = 60

#: Predictions that are joined at a time, at least one minute of them.
STEP_ROWS = 50_000

#: Spans of time that a statement names.
STEP_SPANS = 50

#: Spans ``[first, last)`` of whole minutes, in seconds since the epoch, which ascend and do not overlap.
Spans = Sequence[tuple[int, int]]


def in_minutes(spans: Spans) -> Spans:
    """Return spans of seconds in minutes."""
    return [(first // MINUTE, last // MINUTE) for first, last in spans]


def together(spans: Spans) -> list[tuple[int, int]]:
    """Return spans, which ascend, with those in one that follow each other.

    >>> together([(0, 60), (60, 120), (180, 240)])
    [(0, 120), (180, 240)]
    """
    found: list[tuple[int, int]] = []
    for first, last in spans:
        if found and found[-1][1] == first:
            found[-1] = found[-1][0], last
        else:
            found.append((first, last))
    return found


def chunks(spans: Spans) -> Iterator[Spans]:
    """Yield as many spans at a time as a statement names."""
    return (spans[at : at + STEP_SPANS] for at in range(0, len(spans), STEP_SPANS))


def steps(spans: Spans, counts: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Yield spans of bounded rows."""
    for start, end in spans:
        first, rows = start, 0
        for at in sorted(at for at in counts if start <= at < end):
            if rows + counts[at] > STEP_ROWS and at > first:
                yield first, at
                first, rows = at, 0
            rows += counts[at]
        yield first, end


def first_of(spans: Spans, counts: Mapping[int, int]) -> Spans:
    """Return as many of the first spans, or as much of the first, as have a bounded number of rows together."""
    found: list[tuple[int, int]] = []
    rows = 0
    for first, last in steps(spans, counts):
        inside = sum(count for at, count in counts.items() if first <= at < last)
        if found and rows + inside > STEP_ROWS:
            break
        found.append((first, last))
        rows += inside
    return found


def without(spans: Spans, end: int) -> list[tuple[int, int]]:
    """Return what of spans is not before a time."""
    return [(max(first, end), last) for first, last in spans if last > end]
