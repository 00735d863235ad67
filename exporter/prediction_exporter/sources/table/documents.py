"""Columns of JSON: what stands in them, by the rules of the log."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from prediction_exporter.sources.fields.schema import Path
from prediction_exporter.sources.json_reader import nested_dtypes
from prediction_exporter.sources.values import text_of

_KEY = "document"


def parsed(texts: pl.Series, paths: Iterable[Path], lists: Iterable[Path] = ()) -> pl.Series:
    """Return the values at paths of JSON texts, each as text, in structs and lists where paths lead into these.

    Args:
        texts: JSON, String.
        paths: paths whose first part is the column.
        lists: those of all columns that lead to lists as a whole.
    """
    named = set(paths)
    below = {(_KEY, *path[1:]) for path in named}
    dtype = nested_dtypes(below, below, {(_KEY, *path[1:]) for path in named.intersection(lists)})[_KEY]
    lines = "".join(f'{{"{_KEY}": {"null" if text is None else text}}}\n' for text in texts.to_list())
    try:
        frame = pl.read_ndjson(io.BytesIO(lines.encode()), schema={_KEY: dtype})
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        frame = pl.DataFrame()
    if frame.height == len(texts):
        return frame.get_column(_KEY).rename(texts.name)
    # One value of another shape, or one that is written on several lines, is enough.
    values = [None if text is None else json.loads(text) for text in texts.to_list()]
    return pl.Series(texts.name, [_shaped(value, dtype) for value in values], dtype=dtype)


def _shaped(value: Any, dtype: pl.DataType) -> Any:
    if isinstance(dtype, pl.Struct):
        found = value if isinstance(value, Mapping) else {}
        return {field.name: _shaped(found.get(field.name), _instance(field.dtype)) for field in dtype.fields}
    if isinstance(dtype, pl.List):
        return [_shaped(item, _instance(dtype.inner)) for item in value] if isinstance(value, list) else None
    return text_of(value)


def _instance(dtype: Any) -> pl.DataType:
    instance: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return instance
