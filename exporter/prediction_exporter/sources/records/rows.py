"""``predictions.rows``: one record to the flat events of its predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.config.records import Rows
from prediction_exporter.sources.layouts.base import Options, Record
from prediction_exporter.sources.records.payloads import PayloadError, rows_of


class RowsInRecord:
    """Unfolds records whose predictions stand where ``predictions.rows`` says.

    Args:
        rows: that section.
    """

    def __init__(self, rows: Rows) -> None:
        self._each = rows.each
        self._places = rows.places

    def flat(self, record: Record, options: Options) -> Iterator[dict[str, Any]]:
        """Yield the events of a record: what it has of its own, with the values of one row each.

        Raises:
            PayloadError: a payload cannot be read, or the lists are not in step.
        """
        if self._each is not None:
            yield from self._of_objects(record, self._each, options)
            return
        columns: dict[str, list[Any]] = {}
        for key, place in self._places.items():
            payload = _at(record, place)
            if payload is not None:
                names = options.names if key == "features" else ()
                columns[key] = rows_of(payload, names=names, encoding=options.encoding, most=options.most)
        lengths = {key: len(values) for key, values in columns.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{key} {length}" for key, length in lengths.items())
            raise PayloadError(f"lists are not in step: {told}", "uneven_rows")
        own = _without(record, self._places.values())
        if not columns:  # as of a request that failed
            yield own
            return
        for values in zip(*columns.values(), strict=True):
            yield {**own, **dict(zip(columns, map(_single, values), strict=True))}

    def _of_objects(self, record: Record, place: str, options: Options) -> Iterator[dict[str, Any]]:
        payload = _at(record, place)
        own = _without(record, [place])
        if payload is None:
            yield own
            return
        for row in rows_of(payload, names=options.names, encoding=options.encoding, most=options.most):
            if not isinstance(row, Mapping):
                raise PayloadError(f"{place} has an item that is no object")
            yield {**own, **row}


def _single(value: Any) -> Any:
    """Return the value of a list of one: outputs of one column are written so."""
    return value[0] if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], list | Mapping) else value


def _at(record: Record, place: str) -> Any:
    """Return what stands at a place: under its name, or in objects by its parts at dots, also in an object written as text."""
    if place in record:
        return record[place]
    value: Any = record
    for key in place.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def _without(record: Record, places: Any) -> dict[str, Any]:
    """Return a record without what stands at some places."""
    own: dict[str, Any] = dict(record)
    for place in places:
        if place in own:
            del own[place]
            continue
        _drop(own, place.split("."))
    return own


def _drop(record: dict[str, Any], keys: list[str]) -> None:
    inner = record.get(keys[0])
    if len(keys) == 1:
        record.pop(keys[0], None)
    elif isinstance(inner, Mapping):
        record[keys[0]] = copied = dict(inner)
        _drop(copied, keys[1:])
