"""Halves: records of requests and of responses that wait for each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from prediction_exporter.config.records import Joining
from prediction_exporter.config.where_parser import parse_where
from prediction_exporter.sources.fields.schema import lookup
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.layouts.base import SIDES, Half, Record
from prediction_exporter.sources.values import text_of


class Halves(Protocol):
    """What waits."""

    def meet(self, half: Half, record: Record) -> Record | None:
        """Return the other half of a prediction, which waits no more; None where it has not come, so that this one waits."""


class HalvesInMemory:
    """Halves of a sample: they wait as long as it is looked at."""

    def __init__(self) -> None:
        self._waiting: dict[Half, Record] = {}

    def meet(self, half: Half, record: Record) -> Record | None:
        """Return the other half of a prediction, which waits no more; None where it has not come."""
        other = SIDES[1 - SIDES.index(half.side)]
        found = self._waiting.pop(Half(half.id, other), None)
        if found is None:
            self._waiting[half] = record
        return found


def half_of(joining: Joining) -> Callable[[Record], Half | None]:
    """Return what tells which half of a prediction a record is, as ``predictions.join`` says."""
    filters = {side: Filter(parse_where(getattr(joining, side))) for side in SIDES}
    places = ((joining.id,), tuple(joining.id.split(".")))

    def half(record: Record) -> Half | None:
        sides = [side for side in SIDES if filters[side].of_records([record], counts=False)[0]]
        values: list[Any] = [value for place in places if (value := lookup(record, place)) is not None]
        identity = text_of(values[0]) if values else None
        return Half(identity, sides[0]) if len(sides) == 1 and identity is not None else None

    return half
