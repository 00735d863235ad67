"""Tensors of the Open Inference Protocol (V2), as its REST and gRPC messages are written in JSON, to one value for each row."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from prediction_exporter.sources.records.payloads import PayloadError, rows_of

#: A class as Triton's classification extension writes it: its value, its index, and its label where it has one.
_CLASS = re.compile(r"([-+0-9.eE]+):([0-9]+)(?::(.*))?", re.DOTALL)


def are_tensors(payload: Any) -> TypeGuard[list[Mapping[str, Any]]]:
    """Return whether a payload is a list of tensors: each of them names its shape."""
    return (
        isinstance(payload, list) and bool(payload) and all(isinstance(item, Mapping) and "shape" in item for item in payload)
    )


def columns_of(tensors: Sequence[Mapping[str, Any]], most: int, *, is_whole: bool = False) -> dict[str, list[Any]]:
    """Return the rows of each tensor by its name: values, or lists of those of one row.

    Args:
        tensors: at least one.
        most: rows that are taken.
        is_whole: whether all of a tensor belongs to one row, as of a model without batches.

    Raises:
        PayloadError: one cannot be read, two have the same name, or they have different numbers of rows.
    """
    columns: dict[str, list[Any]] = {}
    for place, tensor in enumerate(tensors):
        name = tensor.get("name")
        name = name if isinstance(name, str) and name else str(place)
        if name in columns:
            raise PayloadError("two tensors of one name")
        columns[name] = _rows(tensor, most, is_whole=is_whole)
    return in_step(columns)


def in_step(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the rows of tensors by their names, of which each has as many.

    Raises:
        PayloadError: they have different numbers of rows.
    """
    if len({len(rows) for rows in columns.values()}) > 1:
        told = ", ".join(str(len(rows)) for rows in columns.values())
        raise PayloadError(f"tensors with different numbers of rows: {told}", "uneven_rows")
    return columns


def is_ranked(tensor: Mapping[str, Any]) -> bool:
    """Return whether a tensor holds the ranked classes of one row without a dimension for rows: the model has no batches."""
    shape, data = tensor.get("shape"), tensor.get("data")
    return (
        isinstance(shape, list)
        and len(shape) == 1
        and isinstance(data, list)
        and bool(data)
        and all(isinstance(value, str) and _CLASS.fullmatch(value) for value in data)
    )


def classes_of(row: Any) -> dict[str, float] | None:
    """Return the classes of a row by their label, or else their index, in their order; None where it has none.

    >>> classes_of(["3.3:1:cat", "2.4:3:dog"]), classes_of("0.9:2"), classes_of(["12:30", "later"])
    ({'cat': 3.3, 'dog': 2.4}, {'2': 0.9}, None)
    """
    values = row if isinstance(row, list) else [row]
    found: dict[str, float] = {}
    for value in values:
        matched = _CLASS.fullmatch(value) if isinstance(value, str) else None
        if matched is None:
            return None
        try:
            found[matched[3] or matched[2]] = float(matched[1])
        except ValueError:
            return None
    return found or None


def _rows(tensor: Mapping[str, Any], most: int, *, is_whole: bool) -> list[Any]:
    shape = tensor["shape"]
    if isinstance(shape, list):  # JSON of gRPC writes long integers as text
        shape = [int(size) if isinstance(size, str) and size.isascii() and size.isdigit() else size for size in shape]
        if is_whole:
            shape = [1, *shape]
    return rows_of({"shape": shape, "data": _data(tensor)}, most=most)


def _data(tensor: Mapping[str, Any]) -> list[Any]:
    """Return the values of a tensor, flat or nested."""
    data = tensor.get("data")
    if isinstance(data, list):
        return data
    if isinstance(data, str | int | float):  # MLServer takes a single text or number without a list
        return [data]
    contents = tensor.get("contents")
    if isinstance(contents, Mapping):
        for kind, values in contents.items():
            if isinstance(values, list) and values:
                return [_text(value) for value in values] if str(kind).startswith("bytes") else values
        return []
    parameters = tensor.get("parameters")
    if isinstance(parameters, Mapping) and "binary_data_size" in parameters:
        raise PayloadError("a tensor whose values stand as bytes behind the JSON; ask for JSON, or log what is decoded")
    raise PayloadError("a tensor without data")


def _text(value: Any) -> Any:
    """Return bytes of gRPC, which its JSON writes as base64, as the text that they are."""
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True).decode()
    except ValueError:
        return value
