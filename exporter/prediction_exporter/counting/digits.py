"""Digits: how far a number may lie from the value that it stands for, because a logger rounded it.

A training table of 32-bit floats holds ``0.10000000149`` where the log says ``0.1``; a logger that rounds to two decimals
writes ``0.33`` for a third. A number is taken for the value that it is nearest to, if it is within the value's reach:

- 2**-23 of its size, twice the error of a 32-bit float;
- for a value that many rows have and that is no whole number, what it loses by rounding to three significant digits, or to two
  decimals (to more, where two would change it by more than 3 %).

Reaches never overlap: they end halfway between two values of the table, and a column that tells more values apart than 32 bits
do is not of 32 bits.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

#: Twice the relative error of a 32-bit float: the table's value and the log's may each be off by one.
SINGLE = 2.0**-23

#: The fewest decimals and significant digits that a logger keeps, the most decimals that matter, and the largest change.
LEAST_DECIMALS, MOST_DECIMALS = 2, 10
SIGNIFICANT = 3
LARGEST_CHANGE = 0.03

#: What reaches are stretched by, so that rounding errors of their own do not matter.
_STRETCH = 1 + 1e-9


def reach(value: float) -> float:
    """Return how far a number that stands for a value may lie from it.

    >>> round(reach(1 / 3), 6), reach(2.0) < 1e-6, round(reach(0.25), 9)
    (0.003333, True, 3e-08)
    """
    least = abs(value) * SINGLE
    if value.is_integer():
        return least
    lost = [abs(value - float(format(value, f".{SIGNIFICANT}g")))]
    for decimals in range(LEAST_DECIMALS, MOST_DECIMALS + 1):
        change = abs(value - round(value, decimals))
        if change <= LARGEST_CHANGE * abs(value):
            lost.append(change)
            break
    return max(least, *lost) * _STRETCH


def borders(values: NDArray[np.float64], reaches: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the numbers that stand for each value begin, and the number from which on they do not any more.

    Args:
        values: finite and strictly increasing.
        reaches: of each, see :func:`reach`.

    >>> low, high = borders(np.array([1.0, 2.0]), np.array([0.25, 3.0]))
    >>> low.tolist(), high.tolist()
    ([0.75, 1.5], [1.25, 2.5])
    """
    with np.errstate(over="ignore"):
        low, high = values - reaches, values + reaches
        if len(values) > 1:
            halves = values[:-1] / 2 + values[1:] / 2
            low[1:] = np.fmax(low[1:], halves)
            high[:-1] = np.fmin(high[:-1], halves)
            # The outermost have no neighbour there: they reach no further than on their other side.
            low[0] = np.fmax(low[0], values[0] - (halves[0] - values[0]))
            high[-1] = np.fmin(high[-1], values[-1] + (values[-1] - halves[-1]))
            # Between two neighbouring doubles, or where halves are lost, the value itself is its border.
            low[1:] = np.where(low[1:] > values[:-1], low[1:], values[1:])
        low = np.where(np.isfinite(low) & (low <= values), low, values)
        high = np.where(np.isfinite(high) & (high > values), high, np.nextafter(values, np.inf))
    return low, high


def distinct_reaches(texts: list[str]) -> list[tuple[float, float, str]]:
    """Return the interval of each text that is a number with a fraction, first and last number that stand for it.

    >>> [(text, low < 0.33 < high) for low, high, text in distinct_reaches(["1", "x", "0.3333333333"])]
    [('0.3333333333', True)]
    """
    numbers: dict[float, str] = {}
    for text in texts:
        try:
            number = float(text)
        except ValueError:
            continue
        if math.isfinite(number):
            numbers.setdefault(number, text)
    values = np.array(sorted(numbers))
    low, high = borders(values, np.array([reach(value) for value in values.tolist()]))
    return [
        (float(first), float(np.nextafter(end, -np.inf)), numbers[value])
        for value, first, end in zip(values.tolist(), low, high, strict=True)
        if not value.is_integer()
    ]
