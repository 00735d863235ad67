"""Lists in frames: their only item, and what stands beside a label."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from prediction_exporter.sources.fields.steps import OfLabel


def only_item(values: pl.Series) -> pl.Series:
    """Return the only item of each list; null where there are none or several.

    >>> only_item(pl.Series([[1.5], [], None, [1.0, 2.0]])).to_list()
    [1.5, None, None, None]
    """
    first = values.list.get(0, null_on_oob=True)
    several = values.list.len() > 1
    if not several.any():
        return first
    return pl.select(pl.when(~several).then(first)).to_series()


def opened(values: pl.Series, step: OfLabel, texts: Callable[[pl.Series], pl.Series]) -> pl.DataFrame | None:
    """Return the objects of lists as rows, with the number of their list; None where they have no such keys.

    Args:
        values: lists of structs.
        step: the keys of the structs.
        texts: returns labels as texts.
    """
    inner = values.dtype.inner if isinstance(values.dtype, pl.List) else None
    if not isinstance(inner, pl.Struct) or not {step.labels, step.values} <= {field.name for field in inner.fields}:
        return None
    lengths = values.list.len().fill_null(0)
    objects = values.filter(lengths > 0).explode().struct
    rows = pl.Series(np.repeat(np.arange(len(values)), lengths.to_numpy()))
    return pl.DataFrame({"row": rows, "label": texts(objects.field(step.labels)), "value": objects.field(step.values)})


def beside_label(objects: pl.DataFrame, label: str, height: int) -> pl.Series:
    """Return what stands beside a label in each of so many lists that were opened.

    >>> lists = pl.Series([[{"c": "a", "p": 0.3}, {"c": "b", "p": 0.7}], [], None, [{"c": "b", "p": 1.0}]])
    >>> objects = opened(lists, OfLabel("b", "c", "p"), lambda labels: labels)
    >>> beside_label(objects, "b", len(lists)).to_list()
    [0.7, None, None, 1.0]
    """
    found = np.flatnonzero((objects["label"] == label).fill_null(value=False).to_numpy())
    at = np.full(height, -1)
    at[objects["row"].to_numpy()[found][::-1]] = found[::-1]  # of a label that stands twice, the first counts
    positions = pl.Series(at)
    return objects["value"].gather(positions.set(positions < 0, None))
