"""``predictions.rows``: one record to the flat events of its predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.config import Fields
from prediction_exporter.config.records import Rows
from prediction_exporter.sources.fields.placed import PlacesSeen
from prediction_exporter.sources.fields.stated import stated
from prediction_exporter.sources.fields.unserved import Unserved
from prediction_exporter.sources.layouts.base import Options, Record
from prediction_exporter.sources.records.decoding import decode
from prediction_exporter.sources.records.payloads import PayloadError, rows_of
from prediction_exporter.sources.records.places import take

#: What holds a model's outputs: a row of one value is that value.
_OUTPUTS = ("prediction", "score")

#: What has a value for each feature.
_NAMED = ("features", "attributions")

#: What holds inputs and outputs, in any form of a payload. The others are plain lists, or one value for all rows.
_PAYLOADS = (*_NAMED, *_OUTPUTS)


class RowsInRecord:
    """Unfolds records whose predictions stand where ``predictions.rows`` says.

    Args:
        rows: that section.
        fields: what the configuration says of fields; an output that one of them stands in stays an object.

    Attributes:
        seen: how many records have what stands at each place, of those whose requests did not fail.
    """

    def __init__(self, rows: Rows, fields: Fields) -> None:
        self.seen = PlacesSeen(rows)
        self._each = rows.each
        named = [one.name for one in stated(fields)]
        self._places = rows.places
        self._objects = {key for key in _OUTPUTS if any(name.startswith(f"{key}.") for name in named)}
        self._is_unserved = Unserved(fields)

    def flat(self, record: Record, options: Options) -> Iterator[dict[str, Any]]:
        """Yield the events of a record: what it has of its own, with the values of one row each.

        A record that has nothing at any of the places is one event, as that of a request that failed.

        Raises:
            PayloadError: a payload cannot be read, or the lists are not in step.
        """
        if self._each is not None:
            yield from self._of_objects(record, self._each, options)
            return
        own, found = take(record, self._places.values(), options.encoding)
        self._count(record, own, found)
        payloads = {key: found[place] for key, place in self._places.items() if place in found}
        columns, of_all = self._columns(payloads, options)
        lengths = {key: len(values) for key, values in columns.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{key} {length}" for key, length in lengths.items())
            raise PayloadError(f"lists are not in step: {told}", "uneven_rows")
        own.update(of_all)
        if not columns:
            yield own
            return
        keys = tuple(columns)
        for values in zip(*columns.values(), strict=True):
            yield {**own, **dict(zip(keys, values, strict=True))}

    def _count(self, record: Record, own: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        """Count what a record has, unless its request failed: such a one may lack all."""
        status = self._places.get("status", "")
        of_all = {"status": found[status]} if isinstance(found.get(status), str | int) else {}
        if not self._is_unserved({**own, **of_all}, holds_any=bool(found.keys() - {status})):
            self.seen.count(record, found)

    def _columns(self, payloads: Mapping[str, Any], options: Options) -> tuple[dict[str, list[Any]], dict[str, Any]]:
        """Return what has a value for each row, and what has one for all of them."""
        columns: dict[str, list[Any]] = {}
        of_all: dict[str, Any] = {}
        for key, payload in payloads.items():
            if key in _PAYLOADS:
                columns[key] = self._payload(key, payload, options, next(map(len, columns.values()), None))
                continue
            values = _list_of(payload)
            if not isinstance(values, list):
                of_all[key] = values
                continue
            if len(values) > options.most:
                raise PayloadError(f"{len(values)} rows are more than {options.most}", "too_many_rows")
            columns[key] = values
        return columns, of_all

    def _payload(self, key: str, payload: Any, options: Options, rows: int | None) -> list[Any]:
        names = options.names if key in _NAMED else ()
        encoding, most = options.encoding, options.most
        try:
            found = rows_of(payload, names=names, encoding=encoding, most=most, named=key not in _OUTPUTS, rows=rows)
        except PayloadError as error:
            raise PayloadError(f"{key}: {error}", error.reason) from error
        if key in _OUTPUTS and any(isinstance(row, list | Mapping) for row in found):
            return [self._single(row, key) for row in found]
        return found

    def _single(self, value: Any, key: str) -> Any:
        """Return the value of a row of one, as outputs of one column are written."""
        while len(value) == 1 if isinstance(value, list | Mapping) else False:
            if isinstance(value, Mapping):
                [inner] = value.values()
                if key in self._objects or isinstance(inner, list | Mapping):
                    return value
                return inner
            [value] = value
        return value

    def _of_objects(self, record: Record, place: str, options: Options) -> Iterator[dict[str, Any]]:
        own, found = take(record, [place], options.encoding)
        self._count(record, own, found)
        if not found:
            yield own
            return
        try:
            rows = rows_of(found[place], names=options.names, encoding=options.encoding, most=options.most)
        except PayloadError as error:
            raise PayloadError(f"{place}: {error}", error.reason) from error
        if not all(isinstance(row, Mapping) for row in rows):
            raise PayloadError(f"{place} has an item that is no object")
        for row in rows:
            yield {**own, **row}


def _list_of(value: Any) -> Any:
    """Return the list that a text is of; anything else as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    try:
        return decode(value)
    except ValueError:
        return value
