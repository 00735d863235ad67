"""How many records have what ``predictions.rows`` names: one that none has makes one prediction of each, which reads well."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from prediction_exporter.config.records import Rows
from prediction_exporter.config.suggesting import suggest
from prediction_exporter.sources.fields.made import MADE
from prediction_exporter.sources.fields.names import flatten
from prediction_exporter.sources.outcomes import is_set_on_failure

#: Names of a record that a message shows.
_MOST_SHOWN = 30


class PlacesSeen:
    """Counts records and those of them that have something at each place.

    Args:
        rows: where the predictions of a record stand. A status that is written on failure alone is rightly absent.
    """

    def __init__(self, rows: Rows) -> None:
        self._places = {f"rows.{key}": at for key, at in rows.named.items() if not (key == "status" and is_set_on_failure(at))}
        self._met = dict.fromkeys(self._places, 0)
        self._records = 0
        self._names: tuple[str, ...] = ()

    def count(self, record: Mapping[str, Any], found: Collection[str]) -> None:
        """Count a record that has something at some places."""
        self._records += 1
        for key, at in self._places.items():
            self._met[key] += at in found
        self._names = self._names or tuple(name for name in flatten([record]) if name not in MADE)

    def ratios(self) -> dict[str, float]:
        """Return the share of all records that have something at each place, by its key; nothing before the first."""
        return {key: met / self._records for key, met in self._met.items()} if self._records else {}

    def unseen(self) -> tuple[str, ...]:
        """Return a sentence for each place at which no record has anything."""
        if not self._records:
            return ()
        told = f"none of {self._records:,} records has" if self._records > 1 else "the one record lacks"
        has = f" (they have: {', '.join(self._names[:_MOST_SHOWN])})"
        return tuple(f"{key}: {told} {at}{self._hint(at)}{has}" for key, at in self._places.items() if not self._met[key])

    def _hint(self, place: str) -> str:
        if "*" in place:
            return "; a place has no wildcards: name the list itself"
        if place.startswith(("$", "/")):
            return "; a place is written as request.rows or outputs[0].data"
        parents = {name[:end] for name in self._names for end, mark in enumerate(name) if mark in ".["}
        return suggest(place, sorted({*self._names, *parents}))
