"""``predictions.where`` in SQL, where an engine is asked for rows or for their counts.

What a comparison means stands in :mod:`prediction_exporter.config.conditions`; :mod:`prediction_exporter.sources.filtering`
has the same for logs and files. Nothing of the configuration's text gets into a statement: columns are those that the table
has, and literals are values of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.sql import FromClause

from prediction_exporter.config.conditions import Compare, Condition, Every, IsNull, Like, Not, Some, fields_of
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.filtering import ORDERS, Filter
from prediction_exporter.sources.table.dialects import DUCKDB, MYSQL, POSTGRESQL, SQLITE, Dialect
from prediction_exporter.sources.table.expressions import Expression
from prediction_exporter.sources.table.operands import Fields, Operand, Test
from prediction_exporter.sources.table.relation import Relation


class TableFilter:
    """Tells predictions from other rows of a table.

    Args:
        chosen: the filter.
        dialect: the kind of database.
        where: the place of the filter in the configuration, for messages.
    """

    def __init__(self, chosen: Filter, dialect: Dialect, *, where: str) -> None:
        self._filter = chosen
        self._dialect = dialect
        self._where = where

    def passing(self, source: FromClause, rows: Sequence[Sequence[Any]], codes: Mapping[str, Any]) -> FromClause:
        """Return the rows of a relation that pass, as a relation.

        Raises:
            ConfigError: it has no such column, or one that cannot be compared so.
        """
        columns = {column.name: column for column in source.c}
        samples = {name: [row[i] for row in rows if row[i] is not None] for i, name in enumerate(columns)}
        test = condition_of(self._filter.condition, columns, samples, codes, self._dialect, where=self._where)
        return select(*columns.values()).select_from(source).where(test).subquery("pe_predictions")

    def count(self, rows: int, passed: int) -> None:
        """Count rows that were looked at, and those of them that passed."""
        self._filter.seen.count(rows, passed, lambda _: True)  # a table has the column, or is refused


def with_eligible(relation: Relation, chosen: Filter | None, dialect: Dialect, *, where: str) -> Relation:
    """Return a relation that tells which of its rows are predictions that can get a label.

    Args:
        relation: the rows.
        chosen: tells these predictions; None where records do not decide it.
        dialect: the kind of database.
        where: the model's place in the configuration, for messages.

    Raises:
        ConfigError: as :func:`condition_of`.
    """
    if chosen is None:
        return relation
    columns, place = {column.name: column for column in relation.source.c}, f"{where}.labels.{chosen.key}"
    test = condition_of(chosen.condition, columns, relation.samples, relation.codes, dialect, where=place)
    return replace(relation, eligible=test)


def condition_of(
    condition: Condition,
    columns: Mapping[str, ColumnElement[Any]],
    samples: Mapping[str, Sequence[Any]],
    codes: Mapping[str, Any],
    dialect: Dialect,
    *,
    where: str,
) -> Test:
    """Return a condition in SQL.

    Args:
        condition: the condition.
        columns: those of the table.
        samples: some values of each, without nulls, as the driver gives them.
        codes: the driver's code for the type of each.
        dialect: the kind of database.
        where: the place of the condition in the configuration, for messages.

    Raises:
        ConfigError: the table has no such column, or one that cannot be compared so.
    """
    if dialect not in (POSTGRESQL, MYSQL, SQLITE, DUCKDB):
        raise ConfigError(
            f"{where}: this database is not asked with a filter (PostgreSQL, MySQL, MariaDB, SQLite and DuckDB are); "
            + ("list classes, or write it " if where.endswith(".only_for") else "write it ")
            + "behind WHERE in a query, as table.query"
        )
    fields = Fields(columns, samples, codes, dialect, where)
    operands = {name: fields.operand(name) for name in dict.fromkeys(fields_of(condition))}
    return _Writer(operands, dialect, where).test(condition)


class _Writer:
    def __init__(self, operands: Mapping[str, Operand], dialect: Dialect, where: str) -> None:
        self._operands = operands
        self._dialect = dialect
        self._where = where

    def test(self, condition: Condition) -> Test:
        match condition:
            case Compare():
                return self._compare(condition)
            case Like():
                return self._like(condition)
            case IsNull():
                return self._operands[condition.field].absent
            case Not():
                return not_(self.test(condition.of).self_group())
            case Every():
                return and_(true(), *(self.test(part) for part in condition.of))
            case Some():
                return or_(false(), *(self.test(part) for part in condition.of))

    def _compare(self, condition: Compare) -> Test:
        operand, value = self._operand(condition.field), condition.value
        if isinstance(value, bool):
            return operand.is_true if value else operand.is_false
        if isinstance(value, float):
            found: Test = ORDERS[condition.operator](operand.number, self._dialect.number(value))
            return found
        if condition.operator == "=":
            return operand.equals(value)
        ordered: Test = ORDERS[condition.operator](self._text(condition.field), literal(value))
        return ordered

    def _operand(self, field: str) -> Operand:
        """Return what a field stands for that is compared."""
        operand = self._operands[field]
        if operand.is_time:
            raise ConfigError(
                f"{self._where}: {field} is a column of times, of which IS NULL and IS NOT NULL alone are asked: write what is "
                "compared with it behind WHERE in a query, as table.query"
            )
        return operand

    def _text(self, field: str) -> Expression:
        text = self._operand(field).text
        if text is None:
            raise ConfigError(
                f"{self._where}: {field} is a column of numbers with fractions, whose texts differ from source to source: "
                "compare numbers with numbers, or write a query that selects a text"
            )
        return text

    def _like(self, condition: Like) -> Test:
        text = self._text(condition.field)
        if self._dialect is SQLITE:  # its LIKE takes capital letters for small ones
            found = func.glob(literal(_pattern(condition.pattern, "*", "?", {mark: f"[{mark}]" for mark in "*?["})), text)
            written = "".join(".*" if part is None else re.escape(part) if part else "." for part in condition.pattern)
            in_python = text.regexp_match(literal(rf"(?s)\A{written}\Z"))
            return case((func.instr(text, func.char(0)) > literal(0), in_python), else_=found)  # a pattern ends at a NUL
        if self._dialect is MYSQL:  # of bytes, a pattern's mark for one character would be for one byte
            text = func.convert(text.op("USING")(literal_column("utf8mb4"))).collate("utf8mb4_bin")
        return text.like(literal(_pattern(condition.pattern, "%", "_", {mark: f"|{mark}" for mark in "%_|"})), escape="|")


def _pattern(parts: Sequence[str | None], several: str, one: str, escaped: Mapping[str, str]) -> str:
    return "".join(several if part is None else escaped.get(part, part) if part else one for part in parts)
