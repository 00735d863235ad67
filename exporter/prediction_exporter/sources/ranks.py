"""Ranks: what labels of a ranking say was chosen of a list, as texts of logs, files and tables have it, to sets of ranks."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from prediction_exporter.counting.ranks import set_of

#: The rank of the first item, where the configuration does not say.
FIRST = 1

#: What labels may be, for messages.
FORMS = "the rank of what was chosen, a list of ranks, or the number before the rank of the first item where nothing was"


def sets_of(texts: pl.Series, first: int | None = None) -> pl.Series:
    """Return the sets of ranks that labels say, Float64; null where one says none.

    A label is the rank of one item, or a list of ranks as JSON writes it or with commas alone. Nothing was chosen of a list
    whose label is the rank before the first one, or an empty list. No rank is in a list twice, and none lies before the first:
    both are signs of a list that says of each item whether it was chosen.

    >>> sets_of(pl.Series(["3", "0", "[1, 3]", "[]", "1,3", "2.0", "[0, 1, 0]", "[1, 1]", "1.5", "true", None]), 1).to_list()
    [4.0, 0.0, 5.0, 0.0, 5.0, 2.0, None, None, None, None, None]
    >>> sets_of(pl.Series(["0", "-1", "[0, 2]"]), 0).to_list()
    [1.0, 0.0, 5.0]

    Args:
        texts: String.
        first: what the rank of the first item is, 0 or 1; None for 1.
    """
    first = FIRST if first is None else first
    distinct = texts.unique()
    found = [None if text is None else _set_of(text.strip(), first) for text in distinct.to_list()]
    return texts.replace_strict(distinct, pl.Series(found, dtype=pl.Float64), return_dtype=pl.Float64)


def _set_of(text: str, first: int) -> float | None:
    if text.startswith("["):
        return _set_of_list(text, first)
    if "," in text:
        return _set_of_items(text.split(","), first)
    rank = _whole(text)
    if rank is None or rank < first - 1:
        return None
    return set_of(() if rank < first else (rank - first + 1,))


def _set_of_list(text: str, first: int) -> float | None:
    try:
        items: Sequence[Any] = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _set_of_items(items, first)


def _set_of_items(items: Sequence[Any], first: int) -> float | None:
    ranks = [_whole(item) for item in items]
    if any(rank is None or rank < first for rank in ranks) or len(set(ranks)) < len(ranks):
        return None
    return set_of(rank - first + 1 for rank in ranks if rank is not None)


def _whole(value: Any) -> int | None:
    """Return a whole number that a value is, or the text of it; None for any other."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if math.isfinite(number) and number == math.floor(number) else None
