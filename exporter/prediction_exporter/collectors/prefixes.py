"""Prefixes of sample lines: what never changes of a line is kept from one evaluation to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prediction_exporter.exposition import label_text, sample_prefix
from prediction_exporter.families import Family

#: What a series is of, the version first: with segment and window where it is a window's.
Place = tuple[str, ...]


class Prefixes:
    """The prefixes of one model's window series, built once for each family, version, segment and window."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._kept: dict[tuple[str, ...], list[str]] = {}
        self._ends: dict[tuple[tuple[str, ...], tuple[str, ...]], str] = {}

    def of(self, family: Family, place: Place, ends: Callable[[], Iterable[tuple[str, ...]]]) -> list[str]:
        """Return a prefix for each of ``ends``, the label values behind those of the window; asked for them only once."""
        found = self._kept.get((family.name, *place))
        if found is None:
            of_window = (self._model, *place)
            begin = label_text(family.labels[: len(of_window)], of_window)
            names = family.labels[len(of_window) :]
            found = [sample_prefix(family.name, begin + self._end(names, end)) for end in ends()]
            self._kept[(family.name, *place)] = found
        return found

    def _end(self, names: tuple[str, ...], values: tuple[str, ...]) -> str:
        """Return the last labels; a column's are the same in most families, and in every window."""
        found = self._ends.get((names, values))
        if found is None:
            text = label_text(names, values)
            found = self._ends[names, values] = f",{text}" if text else ""
        return found

    def forget(self, version: str) -> None:
        """Drop what is kept for a version."""
        self._kept = {key: lines for key, lines in self._kept.items() if key[1] != version}
