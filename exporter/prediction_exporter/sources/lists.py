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


def beside_label(values: pl.Series, step: OfLabel, texts: Callable[[pl.Series], pl.Series]) -> pl.Series | None:
    """Return what stands beside a label in each list of objects; None where the objects have no such keys.

    Args:
        values: lists of structs.
        step: the label, and the keys of the structs.
        texts: returns labels as texts.

    >>> lists = pl.Series([[{"c": "a", "p": 0.3}, {"c": "b", "p": 0.7}], [], None, [{"c": "b", "p": 1.0}]])
    >>> beside_label(lists, OfLabel("b", "c", "p"), lambda labels: labels).to_list()
    [0.7, None, None, 1.0]
    """
    inner = values.dtype.inner if isinstance(values.dtype, pl.List) else None
    if not isinstance(inner, pl.Struct) or not {step.labels, step.values} <= {field.name for field in inner.fields}:
        return None
    lengths = values.list.len().fill_null(0)
    objects = values.filter(lengths > 0).explode().struct
    found = np.flatnonzero((texts(objects.field(step.labels)) == step.label).fill_null(value=False).to_numpy())
    rows = np.repeat(np.arange(len(values)), lengths.to_numpy())[found]
    at = np.full(len(values), -1)
    at[rows[::-1]] = found[::-1]  # of a label that stands twice, the first counts
    positions = pl.Series(at)
    return objects.field(step.values).gather(positions.set(positions < 0, None))
