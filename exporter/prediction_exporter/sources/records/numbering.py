"""Row numbers: which of the predictions of a record that share its id an event is."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: The field of a flat event that holds which row of its record it is, from 0.
ROW = "row of the record"

#: The field of one of a table that holds the time of its record, in microseconds since the epoch.
TIME = "time of the record"


def row_numbers(rows: pl.Series, ids: pl.Series | None) -> NDArray[np.int64]:
    """Return which row of its record each event is: 0 for one that has an id of its own.

    Args:
        rows: places in the record, (n,), events of a record one after the other.
        ids: what names each event; None where nothing does.

    >>> row_numbers(pl.Series([0, 1, 0, 1]), pl.Series(["a", "a", "b", "c"])).tolist()
    [0, 1, 0, 0]
    """
    numbers: NDArray[np.int64] = rows.cast(pl.Int64, strict=False).fill_null(0).to_numpy()
    if ids is None or not numbers.any():
        return numbers
    firsts = np.maximum.accumulate(np.where(numbers == 0, np.arange(len(numbers)), 0))
    shared = ids.eq_missing(ids.gather(firsts)).to_numpy()
    return np.where(shared, numbers, 0)
