"""Payloads: the inputs or outputs of a model as servers write them, to one value for each row.

A row is an object of named values, a list of unnamed ones, or a single value.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from prediction_exporter.config.records import Encoding

#: Keys of an object whose value is the payload itself, in the order in which they are looked for.
_AROUND = (
    "dataframe_split",
    "dataframe_records",
    "instances",
    "inputs",
    "predictions",
    "outputs",
    "data",
    "ndarray",
    "tensor",
    "records",
)

#: Levels of objects around a payload that are opened.
_MOST_AROUND = 4


class PayloadError(Exception):
    """A payload cannot be read.

    Args:
        reason: why, one of the reasons of :mod:`prediction_exporter.sources.base`.
        what: what is wrong, for messages; nothing of the payload's values is in it.
    """

    def __init__(self, what: str, reason: str = "payload") -> None:
        super().__init__(what)
        self.reason = reason


def rows_of(payload: Any, *, names: Sequence[str] = (), encoding: Encoding = "auto", most: int = 1_000_000) -> list[Any]:
    """Return the rows of a payload.

    Args:
        payload: parsed JSON, or a text of what ``encoding`` says.
        names: of the values of a row, where it has as many and they have none of their own.
        encoding: of a text.
        most: rows that are taken.

    Raises:
        PayloadError: it is none of the known forms, or has more rows.
    """
    rows = _rows(_decoded(payload, encoding), tuple(names), most, _MOST_AROUND)
    if len(rows) > most:
        raise PayloadError(f"{len(rows)} rows are more than {most}", "too_many_rows")
    return [_named(row, names) for row in rows] if names else rows


def _decoded(payload: Any, encoding: Encoding) -> Any:
    """Return what a text stands for; anything else stays as it is."""
    if not isinstance(payload, str):
        return payload
    if encoding == "base64":
        try:
            payload = base64.b64decode(payload, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError) as error:
            raise PayloadError("no base64 of UTF-8") from error
        return _decoded(payload, "auto")
    begin = payload.lstrip()[:1]
    if encoding == "json" or (encoding == "auto" and begin in ("{", "[", '"')):
        try:
            return json.loads(payload)
        except (ValueError, RecursionError) as error:
            if encoding == "json" or "\n{" not in payload:
                raise PayloadError("no JSON") from error
            return _json_lines(payload)
    return list(_csv(payload))


def _json_lines(text: str) -> list[Any]:
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise PayloadError("neither JSON nor lines of it") from error


def _csv(text: str) -> list[Any]:
    """Return the rows of CSV: objects where the first row is a header, of which no field is a number; else lists of values."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise PayloadError("no CSV") from error
    if len(rows) > 1 and not any(_is_number(field) for field in rows[0]) and any(map(_is_number, rows[1])):
        header = [name.strip() for name in rows[0]]
        if any(len(row) != len(header) for row in rows):
            raise PayloadError("rows of CSV are of different lengths", "uneven_rows")
        return [dict(zip(header, map(_value, row), strict=True)) for row in rows[1:]]
    return [[_value(field) for field in row] for row in rows]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _value(field: str) -> Any:
    """Return a field of CSV as JSON has it: a number where it is one, nothing where it is empty, else its text."""
    field = field.strip()
    if not field:
        return None
    try:
        number = json.loads(field)
    except ValueError:
        return field
    return number if isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number) else field


def _rows(payload: Any, names: tuple[str, ...], most: int, around: int) -> list[Any]:
    if isinstance(payload, list):
        return _of_list(payload, names, most)
    if not isinstance(payload, Mapping):
        return [payload]
    if "columns" in payload and isinstance(payload.get("data"), list):
        return _of_frame(payload["columns"], payload["data"])
    if "shape" in payload and ("data" in payload or "values" in payload):
        return _of_tensors([payload], most)
    key = next((key for key in _AROUND if key in payload), None) if around else None
    return _of_object(payload, most) if key is None else _inside(payload, key, names, most, around)


def _of_object(payload: Mapping[str, Any], most: int) -> list[Any]:
    """Return the rows of columns in step, or an object as the one row that it is."""
    columns = list(payload.values())
    in_step = columns and all(isinstance(column, list) for column in columns) and len({len(column) for column in columns}) == 1
    return _of_columns(payload, most) if in_step else [payload]


def _inside(payload: Mapping[str, Any], key: str, names: tuple[str, ...], most: int, around: int) -> list[Any]:
    """Return the rows of a payload that stands in an object, which may have the names of their values, too."""
    own = payload.get("names")
    if isinstance(own, list) and own and all(isinstance(name, str) for name in own):
        names = tuple(own)
    inner = payload[key]
    if key == "inputs" and isinstance(inner, Mapping) and "shape" not in inner:
        return _of_columns(inner, most)
    rows = _rows(inner, names, most, around - 1)
    return [_named(row, names) for row in rows] if names else rows


def _of_list(items: list[Any], names: tuple[str, ...], most: int) -> list[Any]:
    if len(items) > most:
        raise PayloadError(f"{len(items)} rows are more than {most}", "too_many_rows")
    if items and all(isinstance(item, Mapping) and "shape" in item and "data" in item for item in items):
        return _of_tensors(items, most)
    if len(names) > 1 and len(items) == len(names) and not any(isinstance(item, list | Mapping) for item in items):
        return [items]  # the values of one row
    return items


def _of_frame(columns: Any, data: list[Any]) -> list[Any]:
    """Return the rows of a frame that is split into the names of its columns and lists of values."""
    if not isinstance(columns, list):
        raise PayloadError("a frame without a list of columns")
    names = [str(name) for name in columns]
    if any(not isinstance(row, list) or len(row) != len(names) for row in data):
        raise PayloadError("rows of a frame are not as long as its columns", "uneven_rows")
    return [dict(zip(names, row, strict=True)) for row in data]


def _of_columns(columns: Mapping[str, Any], most: int) -> list[Any]:
    """Return the rows of named lists in step."""
    lists = {name: column if isinstance(column, list) else [column] for name, column in columns.items()}
    lengths = {len(column) for column in lists.values()}
    if len(lengths) > 1:
        raise PayloadError("columns are of different lengths", "uneven_rows")
    if max(lengths, default=0) > most:
        raise PayloadError(f"{max(lengths)} rows are more than {most}", "too_many_rows")
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def _of_tensors(tensors: Sequence[Mapping[str, Any]], most: int) -> list[Any]:
    """Return the rows of tensors whose first dimension is the row: the values of one alone, or an object with those of all."""
    columns = {str(tensor.get("name", place)): _of_tensor(tensor, most) for place, tensor in enumerate(tensors)}
    if len(columns) == 1:
        return next(iter(columns.values()))
    return _of_columns(columns, most)


def _of_tensor(tensor: Mapping[str, Any], most: int) -> list[Any]:
    shape, data = tensor["shape"], tensor.get("data", tensor.get("values"))
    if not isinstance(shape, list) or not all(isinstance(size, int) and not isinstance(size, bool) for size in shape):
        raise PayloadError("a tensor whose shape is no list of whole numbers")
    if not isinstance(data, list):
        raise PayloadError("a tensor whose data is no list")
    rows = _rows_of_shape(shape, data)
    shape = [rows, *shape[1:]]
    sizes = [size for size in shape if size >= 0]
    if rows > most:
        raise PayloadError(f"{rows} rows are more than {most}", "too_many_rows")
    flat = _flat(data, len(shape))
    if len(sizes) == len(shape) and math.prod(shape) != len(flat):
        raise PayloadError(f"a tensor of shape {shape} has {len(flat)} values", "uneven_rows")
    if not rows or len(flat) % rows:
        if not flat:
            return []
        raise PayloadError(f"a tensor of shape {shape} has {len(flat)} values", "uneven_rows")
    width = len(flat) // rows
    return flat if width == 1 else [flat[at * width : (at + 1) * width] for at in range(rows)]


def _rows_of_shape(shape: list[int], data: list[Any]) -> int:
    """Return the first dimension of a tensor: its size, or where that is open as many as its values fill."""
    if not shape or shape[0] >= 0:
        return shape[0] if shape else 1
    width = math.prod(shape[1:])
    nested = any(isinstance(item, list) for item in data)
    return len(data) if nested or width <= 0 else len(data) // width


def _flat(data: list[Any], levels: int) -> list[Any]:
    """Return the values of nested lists, of as many levels at most."""
    for _ in range(levels - 1):
        if not any(isinstance(item, list) for item in data):
            break
        data = [value for item in data for value in (item if isinstance(item, list) else [item])]
    return data


def _named(row: Any, names: Sequence[str]) -> Any:
    """Return a row of unnamed values by their names, where there are as many."""
    if isinstance(row, list):
        if len(row) != len(names):
            raise PayloadError(f"a row of {len(row)} values, for which there are {len(names)} names", "uneven_rows")
        return dict(zip(names, row, strict=True))
    if len(names) == 1 and not isinstance(row, Mapping):
        return {names[0]: row}
    return row
