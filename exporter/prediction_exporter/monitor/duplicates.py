"""Duplicates: how many of the predictions that were read lately had been there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prediction_exporter.counting.windows import Span

#: Parts that a window is counted in.
_PARTS = 60

Bucket = tuple[int, int, int]


class Duplicates:
    """Counts of predictions by the time at which they were read, for each window.

    >>> hour = Span.of("1h", 3600)
    >>> read = Duplicates([hour])
    >>> read.add(0.0, 1, 10)
    >>> read.add(1800.0, 3, 20)
    >>> read.of(1800.0), read.of(3660.0), read.of(9000.0)
    ({'1h': (4, 30)}, {'1h': (3, 20)}, {'1h': (0, 0)})

    Args:
        spans: the windows.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        self._widths = {span.name: max(span.seconds // _PARTS, 1) for span in spans}
        self._seconds = {span.name: span.seconds for span in spans}
        self._buckets: dict[str, dict[int, tuple[int, int]]] = {span.name: {} for span in spans}

    def add(self, now: float, duplicates: int, predictions: int) -> None:
        """Count predictions that were read now, and how many of them had been there."""
        if not predictions:
            return
        for name, buckets in self._buckets.items():
            width = self._widths[name]
            number = int(now // width)
            former = buckets.get(number, (0, 0))
            buckets[number] = former[0] + duplicates, former[1] + predictions
            oldest = self._oldest(name, now)
            self._buckets[name] = {of: counts for of, counts in buckets.items() if oldest <= of <= number}

    def _oldest(self, name: str, now: float) -> int:
        return int(now // self._widths[name]) - self._seconds[name] // self._widths[name] + 1

    def of(self, now: float) -> dict[str, tuple[int, int]]:
        """Return duplicates and all predictions of each window that ends now."""
        found = {}
        for name, buckets in self._buckets.items():
            oldest = self._oldest(name, now)
            inside = [counts for of, counts in buckets.items() if of >= oldest]
            found[name] = sum(duplicates for duplicates, _ in inside), sum(predictions for _, predictions in inside)
        return found

    def to_json(self) -> dict[str, list[Bucket]]:
        """Return it as JSON holds it."""
        return {name: [(of, *counts) for of, counts in buckets.items()] for name, buckets in self._buckets.items()}

    def restore(self, stored: Mapping[str, Sequence[Sequence[int]]]) -> None:
        """Take over what :meth:`to_json` gave, as far as there are the same windows."""
        for name in self._buckets.keys() & stored.keys():
            self._buckets[name] = {of: (duplicates, predictions) for of, duplicates, predictions in stored[name]}
