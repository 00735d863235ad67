"""SQL of numbers: which bin a value lies in, and what of it can be added up in every engine.

Values are compared as doubles, with bounds that are doubles to the last bit: an engine finds the same bin as the profiler.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal_column, not_, null, or_

from prediction_exporter.counting.layout import Column
from prediction_exporter.sources.table.dialects import Dialect

Expression = ColumnElement[Any]

LARGEST = sys.float_info.max

#: Deviations of a value from its column's center, in units of the scale, between which the square of it is added up: the sum of
#: any number of rows stays finite, and no square is so small that it is 0. PostgreSQL raises an error for either.
LARGEST_SQUARED, SMALLEST_SQUARED = 1e140, 1e-140

#: Terms of an OR that stand beside each other: SQLite's limit is a depth of 1000.
MAX_TERMS = 200


def whole(number: int) -> Expression:
    """Return an integer as SQL writes it."""
    return literal_column(str(number))


def finite(value: Expression, dialect: Dialect) -> ColumnElement[bool]:
    """Return whether a double is a finite number: NaN lies nowhere, or above all others."""
    # No BETWEEN: of NaN ClickHouse's NOT BETWEEN is false too.
    return and_(value >= dialect.number(-LARGEST), value <= dialect.number(LARGEST))


def is_nan(value: Expression, dialect: Dialect) -> ColumnElement[bool]:
    """Return whether a double is NaN: of infinity there is an arc tangent, which lies between -2 and 2."""
    angle = func.atan(value)
    return and_(~finite(value, dialect), not_(and_(angle > dialect.number(-2.0), angle < dialect.number(2.0))))


def nested_bins(value: Expression, edges: Sequence[float], dialect: Dialect, first: int = 0) -> Expression:
    """Return ``first`` and the number of edges up to a value: a binary search, written out."""
    if not edges:
        return whole(first)
    middle = len(edges) // 2
    below = nested_bins(value, edges[:middle], dialect, first)
    above = nested_bins(value, edges[middle + 1 :], dialect, first + middle + 1)
    return case((value < dialect.number(edges[middle]), below), else_=above)


def bins(value: Expression, edges: Sequence[float], dialect: Dialect, first: int = 0) -> Expression:
    """Return ``first`` and the number of edges up to a value, which is finite."""
    if dialect.bins is not None and edges:
        found = dialect.bins(value, edges)
        return found + whole(first) if first else found
    return nested_bins(value, edges, dialect, first)


def any_of(conditions: Sequence[ColumnElement[bool]]) -> Expression:
    """Return 1 where any of many conditions holds, else 0."""
    if not conditions:
        return whole(0)
    parts = [conditions[i : i + MAX_TERMS] for i in range(0, len(conditions), MAX_TERMS)]
    return case(*((or_(*part), whole(1)) for part in parts), else_=whole(0))


def all_of(conditions: Sequence[ColumnElement[bool]]) -> Expression:
    """Return 1 where all of many conditions hold, else 0."""
    parts = [conditions[i : i + MAX_TERMS] for i in range(0, len(conditions), MAX_TERMS)]
    return case(*((not_(and_(*part)), whole(0)) for part in parts), else_=whole(1)) if parts else whole(1)


@dataclass(frozen=True)
class Deviation:
    """``(x - center) / scale`` of a column's values, as far as it and its square can be added up.

    Attributes:
        low, high: the values between which it can; where there are others, the sums are infinite.
    """

    center: float
    scale: float
    low: float
    high: float

    @classmethod
    def of(cls, column: Column) -> Deviation:
        """Return the deviation that a column's moments are of."""
        reach = min(LARGEST_SQUARED * column.scale, LARGEST / 4)
        return cls(column.center, column.scale, max(column.center - reach, -LARGEST), min(column.center + reach, LARGEST))

    def expression(self, value: Expression, dialect: Dialect) -> Expression:
        """Return it in SQL; null for what cannot be added up, and for what is no number."""
        number = dialect.number
        difference = value - number(self.center) if self.center else value
        deviation = difference / number(self.scale) if self.scale != 1 else difference
        usable: ColumnElement[bool] = value.between(number(self.low), number(self.high))
        smallest = SMALLEST_SQUARED * self.scale
        if abs(self.center) * sys.float_info.epsilon / 4 < smallest:  # else no difference of doubles is so small
            small = and_(value > number(self.center - smallest), value < number(self.center + smallest))
            return case((and_(usable, not_(small)), deviation), (small, number(0.0)), else_=null())
        return case((usable, deviation), else_=null())


#: Values as they are, as far as they can be added up.
PLAIN = Deviation(0.0, 1.0, -LARGEST_SQUARED, LARGEST_SQUARED)


def seconds(value: Expression, factor: float, dialect: Dialect) -> Expression:
    """Return a duration in seconds; null where it is unknown, negative or infinite."""
    number = dialect.number
    within = value.between(number(0.0), number(LARGEST))
    if factor == 1:
        return case((within, value), else_=null())
    small = value.between(number(0.0), number(LARGEST_SQUARED**-2))
    return case((small, number(0.0)), (within, value * number(factor)), else_=null())
