"""Ids of two tables, compared by their engine: as they are where both are of one kind, else as texts.

What the comparison finds too much does no harm: rows are paired again by their ids' texts when they have come.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Connection, String, and_, case, cast, func, literal, literal_column, select
from sqlalchemy.exc import DBAPIError

from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.table.dialects import SQLITE, Dialect
from prediction_exporter.sources.table.relation import Relation

logger = logging.getLogger(__name__)

Expression = ColumnElement[Any]

#: What ids are, as the driver gives them. ``decorated`` are texts of which some are whole numbers with ``.0`` behind them.
_Kind = Literal["whole", "fraction", "text", "decorated", "uuid", "bytes"]

_NUMBERS: tuple[_Kind, ...] = ("whole", "fraction")
_TEXTS: tuple[_Kind, ...] = ("text", "decorated")

_DECORATED = re.compile(r"-?\d+\.0")

#: What stands around ids in tables that were loaded from files.
_BLANKS = (" ", "\t", "\r", "\n")

#: Whole numbers up to here are exact as doubles, and are in the range of every engine's integers.
_EXACT = 9_007_199_254_740_992


@dataclass(frozen=True)
class _Ids:
    """A column of ids.

    Attributes:
        column: the column.
        kind: what its values are; None while there are none.
        is_padded: whether some are texts with blanks around them, which are no part of an id.
    """

    column: Expression
    kind: _Kind | None
    is_padded: bool

    def as_text(self, dialect: Dialect, *, packed: bool = False) -> Expression:
        """Return it as the text that a log would have, or as that without any blanks."""
        text = self._text(dialect)
        for blank in _BLANKS if packed else ():
            text = func.replace(text, literal(blank), literal(""))
        return text

    def _text(self, dialect: Dialect) -> Expression:
        if self.kind == "fraction":
            whole = and_(
                self.column >= literal_column(str(-_EXACT)),
                self.column <= literal_column(str(_EXACT)),
                self.column == func.round(self.column),
            )
            return case((whole, _text(cast(self.column, BigInteger), dialect)), else_=_text(self.column, dialect))
        text = _text(self.column, dialect)
        if self.kind == "decorated":
            return case((text.like(literal("%.0")), func.substr(text, 1, func.length(text) - 2)), else_=text)
        return text


def _text(column: Expression, dialect: Dialect) -> Expression:
    # Of SQLite's columns each value has a type of its own, and only a cast makes all of them texts.
    return cast(column, String) if dialect is SQLITE else dialect.text(column)


def compared(
    connection: Connection, dialect: Dialect, predictions: Relation, labels: Relation, *, where: str
) -> tuple[Expression, Expression]:
    """Return what :func:`comparable` does, such that the engine compares it: not all do where collations differ.

    Args:
        connection: an open connection.
        dialect: the kind of database.
        predictions: the one table.
        labels: the other one.
        where: the model's place in the configuration, for messages.

    Raises:
        ConfigError: the engine cannot compare them.
    """
    ids = comparable(dialect, predictions, labels, where=where)
    sides = zip(ids, ("predicted", "labelled"), (predictions, labels), strict=True)
    # By names of their own: Spark's dialect says no table before them.
    one, other = (select(of.label(name)).select_from(relation.source).limit(1).subquery() for of, name, relation in sides)
    try:
        connection.execute(select(func.count()).select_from(one.join(other, one.c.predicted == other.c.labelled))).all()
    except DBAPIError as error:
        if "collation" not in str(error.orig).lower():
            raise
        connection.rollback()
        logger.warning("%s.labels.join: ids are compared byte by byte, and without an index: %s", where, error.orig)
        return comparable(dialect, predictions, labels, where=where, as_they_are=False)
    return ids


def comparable(
    dialect: Dialect, predictions: Relation, labels: Relation, *, where: str, as_they_are: bool = True
) -> tuple[Expression, Expression]:
    """Return the ids of predictions and those of labels, such that equal ones are equal in the engine.

    Args:
        dialect: the kind of database.
        predictions: the one table.
        labels: the other one.
        where: the model's place in the configuration, for messages.
        as_they_are: whether texts are compared in the collations of their columns, where an index serves.

    Raises:
        ConfigError: the engine cannot compare them.
    """
    one, other = _ids_of(predictions, f"{where}.predictions.fields.id"), _ids_of(labels, f"{where}.labels.fields.id")
    kinds = [one.kind, other.kind]
    packed = one.is_padded or other.is_padded
    if kinds == ["text", "text"] and (packed or not as_they_are):
        return one.as_text(dialect, packed=packed), other.as_text(dialect, packed=packed)
    if kinds in (["text", "text"], ["uuid", "uuid"], ["bytes", "bytes"], [None, None]):
        return one.column, other.column
    if all(kind in _NUMBERS for kind in kinds):
        return one.column, other.column
    if "bytes" in kinds and None not in kinds:
        raise ConfigError(
            f"{where}.labels.join: ids are {kinds[0]} in one table and {kinds[1]} in the other, which the database does not "
            "compare; write labels.join: state"
        )
    return one.as_text(dialect, packed=packed), other.as_text(dialect, packed=packed)


def _ids_of(relation: Relation, place: str) -> _Ids:
    path = relation.schema.id
    column = relation.column(path)
    if path is None or column is None or len(path) > 1:
        problem = "no column is recognised as the id" if column is None else f"{path} is inside of a document"
        raise ConfigError(f"{place}: {problem}, by which the database joins labels; name a column, or write labels.join: state")
    values = relation.samples[str(path[0])]
    return _Ids(column, _kind_of(values, place), any(isinstance(value, str) and value != value.strip() for value in values))


def _kind_of(values: Sequence[Any], place: str) -> _Kind | None:
    kinds = {_kind_of_value(value) for value in values}
    if not kinds:
        return None
    if kinds <= set(_NUMBERS):
        return "fraction" if "fraction" in kinds else "whole"
    if kinds <= {*_TEXTS, *_NUMBERS} and kinds & set(_TEXTS):  # of SQLite, where a column may hold both
        return "text" if kinds == {"text"} else "decorated"
    if len(kinds) == 1 and None not in kinds:
        return kinds.pop()
    raise ConfigError(
        f"{place}: the database compares numbers, texts and UUIDs, and this column has {type(values[0]).__name__}; write "
        "labels.join: state"
    )


def _kind_of_value(value: Any) -> _Kind | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return "decorated" if _DECORATED.fullmatch(value) else "text"
    if isinstance(value, int):
        return "whole"
    if isinstance(value, float | Decimal):
        return "fraction"
    if isinstance(value, UUID):
        return "uuid"
    return "bytes" if isinstance(value, bytes | bytearray | memoryview) else None
