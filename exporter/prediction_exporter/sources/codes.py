"""Codes: a number for each text of a column of which most rows hold the same, at the price of its distinct ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.sources.distinct import distinct_texts


def codes_of(texts: pl.Series, code_of: Callable[[str], int], *, missing: int) -> NDArray[np.uint8]:
    """Return a code from 0 to 255 for each text of a String series, and ``missing`` where there is none.

    >>> codes_of(pl.Series(["a", None, "bcd"]), len, missing=9).tolist()
    [1, 9, 3]
    """
    codes = {text: code_of(text) for text in distinct_texts(texts)}
    found = set(codes.values())
    if not found:
        return np.full(len(texts), missing, np.uint8)
    if found == {missing} or (len(found) == 1 and not texts.null_count()):
        return np.full(len(texts), found.pop(), np.uint8)
    coded = texts.replace_strict(list(codes), list(codes.values()), default=missing, return_dtype=pl.UInt8)
    positions: NDArray[np.uint8] = coded.to_numpy()
    return positions
