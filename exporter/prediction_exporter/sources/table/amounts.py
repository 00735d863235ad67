"""Amounts: what is added up of each row, in SQL: numbers from 0 on that are finite, and whether there is nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, null

from prediction_exporter.sources.table.dialects import Dialect
from prediction_exporter.sources.table.expressions import LARGEST, Expression, whole

#: Doubles above it are added up apart and ``SCALE`` times as small, so that no sum of them overflows, for which PostgreSQL and
#: MySQL raise an error. Both are powers of two, by which nothing is rounded.
LARGE = 2.0**960
SCALE = 2.0**64


@dataclass(frozen=True, eq=False)
class Amount:
    """What is added up of each row.

    Attributes:
        name: what the sum is called.
        label: its name in SQL.
        column: the column; None where the table has none.
        value: the column as doubles, null where a value is no number; None where no value of it is one.
    """

    name: str
    label: str
    column: Expression | None
    value: Expression | None

    def expressions(self, dialect: Dialect) -> list[Expression]:
        """Return what a relation selects that the aggregates are of: whether there is nothing, and what is added."""
        nothing = whole(1) if self.column is None else case((self.column.is_(None), whole(1)), else_=whole(0))
        found: list[Expression] = [nothing.label(f"{self.label}_missing")]
        if self.value is not None:
            usable = and_(self.value >= dialect.number(0.0), self.value <= dialect.number(LARGEST))
            found.append(case((usable, self.value), else_=null()).label(self.label))
        return found

    def parts(self, columns: Any, dialect: Dialect) -> tuple[Expression, Expression]:
        """Return what is added up of a relation that selects these: numbers as they are, and large ones made small."""
        value: ColumnElement[Any] = columns[self.label]
        is_large = value > dialect.number(LARGE)
        plain = case((is_large, null()), else_=value)
        return plain, case((is_large, value * dialect.number(1 / SCALE)), else_=null())
