"""Classes of labels and predictions, by the names that the baseline has for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.categories import OTHER, CategoryEncoder
from prediction_exporter.performance import PerformanceLayout


def meant(texts: pl.Series, meanings: Mapping[str, str]) -> pl.Series:
    """Return the classes that labels mean, String; what means nothing else is as it was.

    >>> meant(pl.Series(["1", "0.0 ", "true", "approve", None]), {"1": "decline", "0": "approve", "true": "decline"}).to_list()
    ['decline', 'approve', 'decline', 'approve', None]
    """
    if not meanings:
        return texts
    encoder = CategoryEncoder(tuple(meanings))
    codes = encoder.encode(without_blanks(texts, encoder))
    known = codes < len(meanings)
    found = pl.Series([*meanings.values(), None], dtype=pl.String).gather(np.where(known, codes, len(meanings)))
    return found.zip_with(pl.Series(known & texts.is_not_null().to_numpy()), texts)


def without_blanks(texts: pl.Series, encoder: CategoryEncoder) -> pl.Series:
    """Return texts without the blanks around those that are no class with them, String.

    >>> without_blanks(pl.Series(["no ", " no", "maybe ", None]), CategoryEncoder(("yes", "no", " no"))).to_list()
    ['no', ' no', 'maybe', None]
    """
    strange = pl.Series(encoder.encode(texts) == encoder.other)
    return texts.str.strip_chars().zip_with(strange, texts) if strange.any() else texts


def classes_of(texts: pl.Series, performance: PerformanceLayout) -> pl.Series:
    """Return texts as the classes that they spell, String; null where they spell nothing: no text, NaN, a list, an object."""
    encoder = performance.encoder()
    texts = without_blanks(texts, encoder)
    codes = encoder.encode(texts)
    names = (*performance.classes, stranger(performance))
    absent = (codes > performance.other) | texts.is_null().to_numpy()
    if "" not in performance.classes:
        absent |= (texts == "").fill_null(value=False).to_numpy()
    return named(names, codes, absent)


def stranger(performance: PerformanceLayout) -> str:
    """Return what any class is called that is none of the classes."""
    name = OTHER
    while name in performance.classes:
        name += "*"
    return name


def named(names: Sequence[str], codes: NDArray[np.int32], absent: NDArray[np.bool_]) -> pl.Series:
    """Return the names at codes, String; null where nothing is."""
    places = pl.Series(np.minimum(codes, len(names) - 1).astype(np.uint32))
    if absent.any():
        places = places.set(pl.Series(absent), None)
    return pl.Series(names, dtype=pl.String).gather(places)
