"""Sets of ranks: which items of a list that was shown were chosen, as one float64, which is what the label of a ranking is.

Rank r, from 1, is the bit of 2**(r - 1); all ranks beyond the last that is told apart share one bit more. So sets are whole
numbers below 2**53, which floats hold exactly, and 0 is a list of which nothing was chosen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Ranks that are told apart.
MOST_RANKS = 52

_END = 2.0 ** (MOST_RANKS + 1)


def set_of(ranks: Iterable[int]) -> float:
    """Return a set of ranks, each from 1.

    >>> set_of([1, 3]), set_of([]), set_of([60]) == set_of([53, 1000])
    (5.0, 0.0, True)
    """
    bits = 0
    for rank in ranks:
        bits |= 1 << min(rank - 1, MOST_RANKS)
    return float(bits)


def are_sets(values: Floats) -> NDArray[np.bool_]:
    """Return which values are sets of ranks, bool (n,).

    >>> are_sets(np.array([0.0, 5.0, 0.5, -1.0, np.nan, 2.0**53])).tolist()
    [True, True, False, False, False, False]
    """
    found: NDArray[np.bool_] = (values >= 0) & (values < _END) & (values == np.floor(values))
    return found


def union(some: NDArray[Any], others: NDArray[Any]) -> Floats:
    """Return the ranks that are in one set or the other, (n,).

    >>> union(np.array([1.0, 4.0]), np.array([2.0, 4.0])).tolist()
    [3.0, 4.0]
    """
    return (some.astype(np.int64) | others.astype(np.int64)).astype(np.float64)


def chosen(sets: Floats) -> NDArray[np.bool_]:
    """Return which ranks are in each set, bool (n, 53): those from 1 to 52, and whether any beyond them is.

    >>> chosen(np.array([5.0]))[0, :4].tolist()
    [True, False, True, False]
    """
    bits = np.arange(MOST_RANKS + 1, dtype=np.int64)
    found: NDArray[np.bool_] = (sets.astype(np.int64)[:, None] >> bits & 1).astype(np.bool_)
    return found
