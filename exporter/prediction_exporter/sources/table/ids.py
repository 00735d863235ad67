"""Ids of two tables, compared by their engine: as they are where both are of one kind, else as texts.

What the comparison finds too much does no harm: rows are paired again by their ids' texts when they have come.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, String, and_, case, cast, func, literal, literal_column

from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.table.dialects import SQLITE, Dialect
from prediction_exporter.sources.table.relation import Relation

Expression = ColumnElement[Any]

#: What ids are, as the driver gives them. ``decorated`` are texts of which some are whole numbers with ``.0`` behind them.
_Kind = Literal["whole", "fraction", "text", "decorated", "uuid", "bytes"]

_NUMBERS: tuple[_Kind, ...] = ("whole", "fraction")
_TEXTS: tuple[_Kind, ...] = ("text", "decorated")

_DECORATED = re.compile(r"-?\d+\.0")

#: Whole numbers up to here are exact as doubles, and are in the range of every engine's integers.
_EXACT = 9_007_199_254_740_992


@dataclass(frozen=True)
class _Ids:
    """A column of ids."""

    column: Expression
    kind: _Kind | None

    def as_text(self, dialect: Dialect) -> Expression:
        """Return it as the text that a log would have."""
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


def comparable(dialect: Dialect, predictions: Relation, labels: Relation, *, where: str) -> tuple[Expression, Expression]:
    """Return the ids of predictions and those of labels, such that equal ones are equal in the engine.

    Args:
        dialect: the kind of database.
        predictions: the one table.
        labels: the other one.
        where: the model's place in the configuration, for messages.

    Raises:
        ConfigError: the engine cannot compare them.
    """
    found = [
        _ids_of(predictions, f"{where}.predictions.fields.id"),
        _ids_of(labels, f"{where}.labels.fields.id"),
    ]
    kinds = [ids.kind for ids in found]
    if None in kinds or kinds in (["text", "text"], ["uuid", "uuid"], ["bytes", "bytes"]):  # one of them has no values at all
        if None in kinds and kinds.count(None) == 1:
            return found[0].as_text(dialect), found[1].as_text(dialect)
        return found[0].column, found[1].column
    if all(kind in _NUMBERS for kind in kinds):
        return found[0].column, found[1].column
    if "bytes" in kinds:
        raise ConfigError(
            f"{where}.labels.join: ids are {kinds[0]} in one table and {kinds[1]} in the other, which the database does not "
            "compare; write labels.join: state"
        )
    return found[0].as_text(dialect), found[1].as_text(dialect)


def _ids_of(relation: Relation, place: str) -> _Ids:
    path = relation.schema.id
    column = relation.column(path)
    if path is None or column is None or len(path) > 1:
        problem = "no column is recognised as the id" if column is None else f"{path} is inside of a document"
        raise ConfigError(f"{place}: {problem}, by which the database joins labels; name a column, or write labels.join: state")
    return _Ids(column, _kind_of(relation.samples[str(path[0])], place))


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
