"""Sums that can be taken back: fixed-point numbers in digits of 24 bits, each an int64.

Floats do not add up the same in another order, and a term that is subtracted leaves a rest. Here each term is cut to a multiple
of 2**-72 and split into six digits; digits are added as integers. So sums of parts are the sum of the whole in any order, and
what is taken out leaves nothing, to the last bit. Six columns of integers add up in any database, too.

A digit has room for 2**39 terms; terms must be smaller than 2**78 in size, of which there is room for 2**33.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

DIGITS = 6
_BITS = 24
_FRACTION_BITS = 72

#: What the first digit counts.
_HIGHEST = 2.0 ** (_BITS * (DIGITS - 1) - _FRACTION_BITS)

#: Terms that are added up at a time: their digits' sums are exact as floats, and they stay in the processor's cache.
BLOCK = 16_384


def digits_of(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the digits of terms, (..., n) to (6, ..., n): whole numbers with the sign of the term."""
    digits = np.empty((DIGITS, *terms.shape))
    rest = terms / _HIGHEST
    for digit in digits:
        np.trunc(rest, out=digit)
        np.subtract(rest, digit, out=rest)  # exact, as is what follows: a power of two
        np.multiply(rest, 2.0**_BITS, out=rest)
    return digits


def sum_of(terms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the sums of at most :data:`BLOCK` terms each, (..., n) to (..., 6).

    >>> third = np.array([1 / 3])
    >>> many = sum_of(np.array([1e9, 1 / 3, -2.5])) - sum_of(np.array([1e9])) - sum_of(np.array([-2.5]))
    >>> bool((many == sum_of(third)).all()), float(value_of(many))
    (True, 0.3333333333333333)
    """
    sums: NDArray[np.int64] = np.moveaxis(digits_of(terms).sum(axis=-1), 0, -1).astype(np.int64)
    return sums


def value_of(digits: NDArray[np.int64]) -> Fraction:
    """Return the number that six digits stand for, exactly."""
    whole = 0
    for digit in digits.tolist():
        whole = (whole << _BITS) + digit
    return Fraction(whole, 1 << _FRACTION_BITS)
