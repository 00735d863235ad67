"""What a record says once of all its predictions and is added up: the cost of a batch is not that of each of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prediction_exporter.config import Predictions
from prediction_exporter.counting.layout import Layout
from prediction_exporter.sources.fields.schema import Path, lookup
from prediction_exporter.sources.layouts.base import Record
from prediction_exporter.sources.layouts.registry import measured_of


class ToldOnce:
    """Leaves what is added up, and is the record's own, to the first of its predictions.

    Args:
        predictions: how they are read.
        layout: the model's columns. One that is added up too is a value of each prediction.
    """

    def __init__(self, predictions: Predictions, layout: Layout | None) -> None:
        columns = set() if layout is None else {column.name for column in layout.columns}
        fields = [field for field in measured_of(predictions).sums.values() if field not in columns]
        self._paths: list[Path] = [tuple(field.split(".")) for field in fields]

    def leave(self, record: Record, events: Sequence[dict[str, Any]]) -> None:
        """Take what the record itself has out of all events but the first."""
        for path in self._paths if len(events) > 1 else ():
            own = lookup(record, path)
            for event in events[1:] if own is not None else ():
                if lookup(event, path) is own:
                    _remove(event, path)


def _remove(event: dict[str, Any], path: Path) -> None:
    """Remove what stands at a path; objects on the way are others' too, and are copied."""
    *way, last = path
    inside = event
    for key in way:
        within = inside[str(key)]
        assert isinstance(within, Mapping)  # noqa: S101 - something stands inside of it
        copied = inside[str(key)] = dict(within)
        inside = copied
    del inside[str(last)]
