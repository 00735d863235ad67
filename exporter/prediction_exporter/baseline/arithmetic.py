"""Arithmetic: numbers that differ by what sums leave in their last digits are one value, as ``0.1 + 0.2`` and ``0.3`` are.

A logger that writes fewer than all digits, as pandas does, makes one number of them, and so no border of a bin and no category
may tell them apart. Whole numbers are exact, and never taken for one another.
"""

from __future__ import annotations

from itertools import groupby

import numpy as np
import polars as pl

from prediction_exporter.baseline.numbers import Floats
from prediction_exporter.sources.values import text_of

#: The largest difference, in units of the number's size: a few thousand of the smallest there are, in the thirteenth digit.
LEFT_OVER = 2.0**-40


def without_left_overs(values: pl.Series, numbers: pl.Series | None) -> tuple[pl.Series, pl.Series | None]:
    """Return a column, and the same as numbers where they are some; one number for each that arithmetic left several of.

    >>> without_left_overs(column := pl.Series([0.3, 0.1 + 0.2, 0.4]), column)[0].to_list()
    [0.3, 0.3, 0.4]
    """
    if numbers is None:
        return values, None
    present = numbers.drop_nulls().to_numpy()
    distinct = np.unique(present[np.isfinite(present)])
    meant = _meant(distinct)
    is_left_over = meant != distinct
    if not is_left_over.any():
        return values, numbers
    known = dict(zip(distinct[is_left_over].tolist(), meant[is_left_over].tolist(), strict=True))
    changed = numbers.replace_strict(known, default=None, return_dtype=pl.Float64)
    settled = pl.select(pl.coalesce(changed, numbers)).to_series().alias(numbers.name)
    if values.dtype != pl.String:
        return settled, settled
    texts = changed.map_elements(text_of, return_dtype=pl.String)
    return pl.select(pl.coalesce(texts, values)).to_series().alias(values.name), settled


def _meant(distinct: Floats) -> Floats:
    """Return the number that each of strictly increasing ones means: of those that differ by too little, the shortest."""
    with np.errstate(over="ignore"):  # what is farther apart than any number is not near
        gaps = np.diff(distinct)
    near = np.flatnonzero(
        (gaps <= LEFT_OVER * np.abs(distinct[:-1]))
        & ((distinct[:-1] != np.floor(distinct[:-1])) | (distinct[1:] != np.floor(distinct[1:])))
    )
    first = np.arange(len(distinct))
    for at in near.tolist():  # from the first of a group on, so that a dense column is no single one
        begin = first[at]
        if distinct[at + 1] - distinct[begin] <= LEFT_OVER * abs(distinct[begin]):
            first[at + 1] = begin
    meant = distinct.copy()
    members = np.flatnonzero(first != np.arange(len(distinct)))
    for begin, group in groupby(members.tolist(), key=lambda at: int(first[at])):
        several = [begin, *group]
        meant[several] = min(distinct[several].tolist(), key=lambda number: len(repr(number)))
    return meant
