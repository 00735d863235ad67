"""Distinct texts: what a column holds of which most rows hold the same."""

from __future__ import annotations

import polars as pl

#: So many texts are looked through faster than polars is called.
FEW = 500


def distinct_texts(texts: pl.Series) -> set[str]:
    """Return the texts that a String series holds.

    >>> sorted(distinct_texts(pl.Series(["b", "a", None, "b"])))
    ['a', 'b']
    """
    found: set[str | None] = set((texts if len(texts) <= FEW else texts.unique()).to_list())
    return {text for text in found if text is not None}
