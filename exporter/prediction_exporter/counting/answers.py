"""Answers: which requests have made a prediction, and so are in profiles and wait for labels."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.categories import CategoryEncoder
from prediction_exporter.counting.events import Events, ValueState
from prediction_exporter.counting.layout import Column, Layout


def served(events: Events, layout: Layout | None) -> NDArray[np.bool_]:
    """Return which requests have made a prediction, bool (n,).

    None that failed has, and none that was refused by its caller's fault and of which every column counts as missing: what a
    server turns away before it looks says nothing of the columns. One that holds anything shows what was sent, and counts.

    Args:
        events: the events.
        layout: the columns that a profile has; None where they are not known, and only failures tell.
    """
    found = ~events.failed
    if events.refused is None or layout is None:
        return found
    left = np.flatnonzero(events.refused)
    for column in layout.columns:
        if not len(left):
            break
        left = left[_missing(events, column, left)]
    found[left] = False
    return found


def _missing(events: Events, column: Column, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return whether a column counts as missing at some rows."""
    values = events.columns[column.name].gather(rows)
    absent = values.is_null().to_numpy()
    states = events.states.get(column.name)
    if states is not None:
        counted = [column.state_of(state) is ValueState.MISSING for state in ValueState]
        return np.array(counted, np.bool_)[states[rows]]
    if column.is_number or not column.nan_is_missing or absent.all():
        return absent
    encoder = CategoryEncoder(column.categories, column.held)
    words = [text for text in values.drop_nulls().unique().to_list() if encoder.code(text) == encoder.nan]
    is_word: NDArray[np.bool_] = values.is_in(pl.Series(words, dtype=pl.String)).fill_null(value=False).to_numpy()
    return absent | is_word
