"""Payloads: the inputs or outputs of a model as servers write them, to one value for each row.

A row is an object of named values, a list of unnamed ones, or a single value. What is not clear is decided so:

- An object whose values are all lists has a column in each of them, and they must be in step. One whose values are objects of
  the same numbered keys is a frame as pandas writes it without being told how. Any other object is one row.
- A list has a row in each item; of names that are configured, a list of as many single values is one row.
- An object around a payload is opened by the keys that servers use. One with two of these is refused: the place has to be told.
- Of names, those that the record has count; configured ones are for values that have none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from prediction_exporter.config.records import Encoding
from prediction_exporter.sources.records.errors import PayloadError, too_many
from prediction_exporter.sources.records.texts import decoded

__all__ = ["PayloadError", "rows_of"]

#: Keys of an object whose value is the payload itself.
_AROUND = ("dataframe_split", "dataframe_records", "instances", "inputs", "predictions", "outputs", "ndarray", "tensor")

#: The same where nothing stands beside them but what describes a payload.
_AROUND_ALONE = ("data", "records")
_BESIDE = {
    *("columns", "context", "id", "index", "meta", "metadata", "method", "name", "names", "parameters", "params", "schema"),
    *("jsonData", "status"),
}

#: Keys of an only value of a row that hold its values, where these have configured names.
_VALUES = ("features", "values", "instance", "input", "data")

#: Levels of objects around a payload that are opened.
_MOST_AROUND = 4


def rows_of(
    payload: Any,
    *,
    names: Sequence[str] = (),
    encoding: Encoding = "auto",
    most: int = 1_000_000,
    named: bool = False,
    rows: int | None = None,
) -> list[Any]:
    """Return the rows of a payload.

    Args:
        payload: parsed JSON, or a text of what ``encoding`` says.
        names: of the values of a row, where these have none of their own.
        encoding: of a text.
        most: rows that are taken.
        named: whether values of a single named tensor keep its name; else they stand alone, as outputs do.
        rows: how many there are, where another payload of the record tells it.

    Raises:
        PayloadError: it is none of the known forms, has more rows, or values for which there are more or fewer names.
    """
    forms = _Forms(tuple(names), most, named=named)
    found = forms.rows(decoded(payload, encoding, names=names, most=most, rows=rows), _MOST_AROUND)
    if len(found) > most:
        raise too_many(len(found), most)
    return [_named(row, names) for row in found] if names else found


@dataclass(frozen=True, slots=True)
class _Forms:
    """The forms of payloads.

    Attributes:
        names: of the values of a row.
        most: rows that are taken.
        named: whether values of a single tensor keep its name.
    """

    names: tuple[str, ...]
    most: int
    named: bool

    def rows(self, payload: Any, around: int) -> list[Any]:
        """Return the rows of a payload, in at most so many objects around it."""
        if isinstance(payload, list):
            return self._of_list(payload)
        if not isinstance(payload, Mapping):
            return [payload]
        if "columns" in payload and isinstance(payload.get("data"), list):
            return self._of_frame(payload["columns"], payload["data"])
        if "shape" in payload and ("data" in payload or "values" in payload):
            return self._of_tensors([payload])
        key = _key_around(payload) if around else None
        return self._of_object(payload) if key is None else self._inside(payload, key, around)

    def _inside(self, payload: Mapping[str, Any], key: str, around: int) -> list[Any]:
        """Return the rows of a payload that stands in an object, which may have the names of their values, too."""
        inner = payload[key]
        if key == "inputs" and isinstance(inner, Mapping) and "shape" not in inner and _key_around(inner) is None:
            return self._of_columns(inner)
        own = payload.get("names")
        if not (isinstance(own, list) and own and all(isinstance(name, str) for name in own)):
            return self.rows(inner, around - 1)
        found = _Forms(tuple(own), self.most, named=self.named).rows(inner, around - 1)
        return [_named(row, own) for row in found] if self.named or len(own) > 1 else found

    def _of_list(self, items: list[Any]) -> list[Any]:
        if len(items) > self.most:
            raise too_many(len(items), self.most)
        if items and all(isinstance(item, Mapping) and "shape" in item for item in items):
            if all("data" in item or "values" in item for item in items):
                return self._of_tensors(items)
            if any("datatype" in item for item in items):
                raise PayloadError("tensors whose data is not in the record")
        if items and all(isinstance(item, Mapping) and "datatype" in item and "data" in item for item in items):
            raise PayloadError("tensors without a shape")
        names = self.names
        if len(names) > 1 and len(items) == len(names) and not any(isinstance(item, list | Mapping) for item in items):
            return [items]  # the values of one row
        return items

    def _of_frame(self, columns: Any, data: list[Any]) -> list[Any]:
        """Return the rows of a frame that is split into the names of its columns and lists of values."""
        if not isinstance(columns, list):
            raise PayloadError("a frame without a list of columns")
        if len(data) > self.most:
            raise too_many(len(data), self.most)
        # Names of several levels are lists.
        names = [".".join(map(str, name)) if isinstance(name, list) else str(name) for name in columns]
        if data and all(isinstance(row, Mapping) for row in data):
            return data
        if any(not isinstance(row, list) or len(row) != len(names) for row in data):
            raise PayloadError("rows of a frame are not as long as its columns", "uneven_rows")
        return [_by_name(names, row) for row in data]

    def _of_object(self, payload: Mapping[str, Any]) -> list[Any]:
        """Return the rows of columns, of a frame by its index, or an object as the one row that it is."""
        values = list(payload.values())
        if values and all(isinstance(value, list) for value in values):
            return self._of_columns(payload)
        if values and all(isinstance(value, Mapping) and value for value in values):
            first = values[0].keys()
            if all(map(_is_index, first)) and all(value.keys() == first for value in values[1:]):
                return self._of_columns({name: [column[key] for key in first] for name, column in payload.items()})
            if all(map(_is_index, payload)):
                return self._of_list(values)
        return [payload]

    def _of_columns(self, columns: Mapping[str, Any]) -> list[Any]:
        """Return the rows of named lists in step."""
        lists = {name: column if isinstance(column, list) else [column] for name, column in columns.items()}
        lengths = {len(column) for column in lists.values()}
        if len(lengths) > 1:
            raise PayloadError("columns are of different lengths", "uneven_rows")
        if max(lengths, default=0) > self.most:
            raise too_many(max(lengths), self.most)
        return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]

    def _of_tensors(self, tensors: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return the rows of tensors whose first dimension is the row: values of one alone, or an object with those of all."""
        columns: dict[str, list[Any]] = {}
        for place, tensor in enumerate(tensors):
            columns.setdefault(str(tensor.get("name", place)), self._of_tensor(tensor))
        if len(columns) > 1:
            return self._of_columns(columns)
        [(name, values)] = columns.items()
        if self.named and not self.names and "name" in tensors[0] and not any(isinstance(value, list) for value in values):
            return [{name: value} for value in values]
        return values

    def _of_tensor(self, tensor: Mapping[str, Any]) -> list[Any]:
        shape, data = tensor["shape"], tensor.get("data", tensor.get("values"))
        if not isinstance(shape, list) or not all(isinstance(size, int) and not isinstance(size, bool) for size in shape):
            raise PayloadError("a tensor whose shape is no list of whole numbers")
        if not isinstance(data, list):
            raise PayloadError("a tensor whose data is no list")
        flat = _flat(data, len(shape))
        unknown = [place for place, size in enumerate(shape) if size < 0]
        known = math.prod(size for size in shape if size >= 0)
        fits = known == len(flat) if not unknown else len(unknown) == 1 and known > 0 and len(flat) % known == 0
        if not fits:
            raise PayloadError(f"a tensor of shape {shape[:8]} has {len(flat)} values", "uneven_rows")
        rows = 1 if not shape else shape[0] if shape[0] >= 0 else len(flat) // known
        if rows > self.most:
            raise too_many(rows, self.most)
        if not rows:
            return []
        width = len(flat) // rows
        return flat if width == 1 else [flat[at : at + width] for at in range(0, rows * width, width)] if width else [[]] * rows


def _key_around(payload: Mapping[str, Any]) -> str | None:
    """Return the key of an object that holds a payload; None where it is none around one.

    Raises:
        PayloadError: there are several.
    """
    keys = [key for key in _AROUND if isinstance(payload.get(key), list | Mapping)]
    if len(keys) > 1:
        raise PayloadError(f"has {keys[0]} and {keys[1]}; name the place of one of them")
    if keys:
        return keys[0]
    alone = [key for key in _AROUND_ALONE if isinstance(payload.get(key), list | Mapping)]
    return alone[0] if len(alone) == 1 and payload.keys() - {alone[0]} <= _BESIDE else None


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdigit()


def _flat(data: list[Any], levels: int) -> list[Any]:
    """Return the values of nested lists, of as many levels at most."""
    for _ in range(levels - 1):
        if not data or not isinstance(data[0], list):
            break
        if not all(isinstance(item, list) for item in data):
            raise PayloadError("a tensor whose lists are of different depths", "uneven_rows")
        data = list(chain.from_iterable(data))
    return data


def _by_name(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Return values by their names; of a name that stands twice, the first counts."""
    row = dict(zip(names, values, strict=True))
    if len(row) < len(names):
        row = dict(zip(reversed(names), reversed(values), strict=True))
    return row


def _named(row: Any, names: Sequence[str]) -> Any:
    """Return a row of unnamed values by their names.

    Raises:
        PayloadError: there are more or fewer.
    """
    if isinstance(row, Mapping):
        if len(row) == 1:
            [(key, inner)] = row.items()
            if key in _VALUES and isinstance(inner, list) and key not in names:
                return _named(inner, names)
        return row
    if row is None:
        return None
    values = row if isinstance(row, list) else [row]
    if len(values) != len(names):
        what = f"a row of {len(values)} values" if isinstance(row, list) else "a row of a single value"
        there = f"there are {len(names)} names" if len(names) > 1 else "there is 1 name"
        raise PayloadError(f"{what}, for which {there}", "uneven_rows")
    return _by_name(names, values)
