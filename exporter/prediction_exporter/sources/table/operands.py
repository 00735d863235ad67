"""What fields stand for in SQL, as filters compare them: texts and numbers of columns, and of what is inside of JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Numeric,
    String,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    type_coerce,
)

from prediction_exporter.config.suggesting import suggest
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.filtering import (
    LISTS,
    LONGEST_NUMBER,
    LONGEST_WITH_EXPONENT,
    NUMBER,
    NUMBER_WITH_EXPONENT,
    OBJECTS,
)
from prediction_exporter.sources.table.dialects import DUCKDB, MYSQL, POSTGRESQL, Dialect
from prediction_exporter.sources.table.expressions import Expression, finite, is_nan
from prediction_exporter.sources.table.fetching import is_document
from prediction_exporter.sources.table.spellings import Form
from prediction_exporter.sources.values import text_of

Test = ColumnElement[bool]

#: Numbers up to here have no fraction that a double could hold beside them, and fit into an integer.
_WHOLE = 2.0**53

_WORDS = {"NaN": None, "Infinity": 1.0, "-Infinity": -1.0}


@dataclass(frozen=True)
class Operand:
    """What stands in a field, as it is compared.

    Attributes:
        absent: whether there is nothing.
        text: its text; null for what has none, as objects and lists. None where the engine's texts of numbers are others.
        number: its number, finite, as a double; null for all else.
        equals: whether it is a text.
        is_true, is_false: whether it is the one, and whether it is the other.
        is_time: whether it is a time, which compares with nothing: how one is written differs from source to source.
    """

    absent: Test
    text: Expression | None
    number: Expression
    equals: Callable[[str], Test]
    is_true: Test
    is_false: Test
    is_time: bool = False


class Fields:
    """Finds what fields stand for in a table."""

    def __init__(
        self,
        columns: Mapping[str, ColumnElement[Any]],
        samples: Mapping[str, Sequence[Any]],
        codes: Mapping[str, Any],
        dialect: Dialect,
        where: str,
    ) -> None:
        self._columns = columns
        self._samples = samples
        self._codes = codes
        self._dialect = dialect
        self._where = where

    def operand(self, name: str) -> Operand:
        """Return what a field stands for: a column, or a part of one that holds JSON."""
        if name in self._columns:
            column = self._columns[name]
            if is_document(self._dialect, self._codes.get(name)):
                return self._of_json(name, ())
            return self._of_column(column, Form.of(self._samples[name], self._dialect))
        first, *rest = name.split(".")
        if rest and first in self._columns and is_document(self._dialect, self._codes.get(first)):
            return self._of_json(first, rest)
        told = suggest(name, self._columns)
        if rest and first in self._columns:
            told = f"; {first} is a column, and only those of JSON are looked into"
        raise ConfigError(
            f"{self._where}: the table has no column {name}{told} (it has: {', '.join(list(self._columns)[:50])})"
        )

    def _of_column(self, column: ColumnElement[Any], form: Form) -> Operand:
        dialect = self._dialect
        absent = column.is_(None)
        if form is Form.DYNAMIC:
            return self._of_dynamic(column)
        if form is Form.TEXT:
            return self._of_text(absent, dialect.text(column))
        if form is Form.BOOLEAN:
            text = case((absent, null()), (column, literal("true")), else_=literal("false"))
            return _plain(absent, text, cast(null(), Double))
        if form is Form.INTEGER:
            return self._of_integer(column, absent)
        if form is Form.FLOAT:
            value = dialect.double(column)
            return self._of_number(absent, value, text=None)
        nothing = cast(null(), String)
        return replace(_plain(absent, nothing, cast(null(), Double)), is_time=form is Form.TEMPORAL)

    def _of_text(self, absent: Test, text: Expression) -> Operand:
        told = case((absent, null()), (_is_container(text), null()), else_=text)
        return _plain(absent, told, self._number_of(absent, text))

    def _of_integer(self, column: ColumnElement[Any], absent: Test) -> Operand:
        dialect = self._dialect
        text = case((absent, null()), else_=dialect.text(column))
        return self._of_number(absent, dialect.double(column), text=text)

    def _of_number(self, absent: Test, value: Expression, *, text: Expression | None) -> Operand:
        dialect = self._dialect
        number = case((finite(value, dialect), value), else_=null()) if dialect.has_non_finite else value

        def equals(word: str) -> Test:
            return _told(absent, _is_spelled(value, word, dialect))

        if not dialect.has_booleans:
            return Operand(absent, text, number, equals, number == dialect.number(1.0), number == dialect.number(0.0))
        neither = _told(absent, false())
        return Operand(absent, text, number, equals, neither, neither)

    def _of_dynamic(self, column: ColumnElement[Any]) -> Operand:
        """Return what stands in a column of SQLite, where each value has a type of its own."""
        dialect = self._dialect
        kind, absent = func.typeof(column), column.is_(None)
        whole = and_(column == cast(column, BigInteger), func.abs(column) < literal(_WHOLE, Double()))
        words = (
            (column == literal_column("9e999"), literal("Infinity")),
            (column == literal_column("-9e999"), literal("-Infinity")),
        )
        of_real = case((whole, cast(cast(column, BigInteger), String)), *words, else_=null())
        of_text = cast(dialect.text(column), String)
        is_number = kind.in_([literal("integer"), literal("real")])
        text = case(
            (kind == literal("integer"), cast(column, String)),
            (kind == literal("real"), of_real),
            (or_(absent, _is_container(of_text)), null()),
            else_=of_text,
        )
        value = cast(column, Double)
        number = case(
            (and_(is_number, finite(value, dialect)), value),
            (is_number, null()),
            else_=self._number_of(absent, of_text),
        )

        def equals(word: str) -> Test:
            of_number = or_(_is_spelled(value, word, dialect), text == literal(word))
            return case((is_number, func.coalesce(of_number, false())), else_=text == literal(word))

        def is_(word: str, number_: float) -> Test:
            return case((is_number, func.coalesce(number == dialect.number(number_), false())), else_=text == literal(word))

        return Operand(absent, text, number, equals, is_("true", 1.0), is_("false", 0.0))

    def _of_json(self, name: str, inside: Sequence[str]) -> Operand:
        """Return what stands at a path of JSON."""
        node, kind, text = self._node(name, inside)
        dialect = self._dialect
        absent = or_(node.is_(None), func.lower(kind) == literal("null"))
        words = {"string": ("string", "varchar"), "container": ("object", "array"), "boolean": ("boolean",)}
        of_kind = {key: func.lower(kind).in_([literal(word) for word in found]) for key, found in words.items()}
        is_number = not_(or_(absent, *of_kind.values()))
        value = case((is_number, self._double_of(text)), else_=null())
        trimmed = case((text.like(literal("%.%")), func.rtrim(func.rtrim(text, literal("0")), literal("."))), else_=text)
        told = case(
            (or_(absent, of_kind["container"]), null()),
            (and_(of_kind["string"], _is_container(text)), null()),
            *((and_(is_number, _is_spelled(value, word, dialect)), literal(word)) for word in self._beyond),
            (is_number, trimmed),
            else_=text,
        )
        number = case(
            (is_number, case((finite(value, dialect), value), else_=null())),
            (of_kind["string"], self._number_of(absent, text)),
            else_=null(),
        )

        def equals(word: str) -> Test:
            return case((is_number, _is_spelled(value, word, dialect)), else_=told == literal(word))

        return Operand(absent, told, number, equals, told == literal("true"), told == literal("false"))

    def _node(self, name: str, inside: Sequence[str]) -> tuple[Expression, Expression, Expression]:
        """Return a part of a document, the word for its kind, and its text without quotes."""
        column = self._columns[name]
        if self._dialect is POSTGRESQL:
            of = "json" if self._codes.get(name) == _JSON_OID else "jsonb"
            node = (
                getattr(func, f"{of}_extract_path")(column, *(literal(part, String()) for part in inside)) if inside else column
            )
            text = func.coalesce(node.op("#>>")(literal_column("'{}'::text[]")), null())
            return node, getattr(func, f"{of}_typeof")(node), self._as_written(text)
        document = func.to_json(column)
        pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in inside)
        node = func.json_extract(document, literal(pointer)) if inside else document
        return node, func.json_type(node), self._as_written(func.json_extract_string(node, literal("$")))

    def _as_written(self, text: Expression) -> Expression:
        return text.collate("C") if self._dialect is POSTGRESQL else text.collate("binary")

    def _number_of(self, absent: Test, text: Expression) -> Expression:
        """Return the number that a text is, as a double."""
        length = func.length(text)
        plain = and_(self._fits(text, NUMBER), length <= literal(LONGEST_NUMBER))
        odd = and_(self._fits(text, NUMBER_WITH_EXPONENT), length <= literal(LONGEST_WITH_EXPONENT))
        return case((absent, null()), (or_(plain, odd), self._cast(text)), else_=null())

    def _fits(self, text: Expression, pattern: str) -> Test:
        if self._dialect is DUCKDB:
            found: Test = func.regexp_full_match(text, literal(pattern))
            return found
        end = {POSTGRESQL.driver: "$", MYSQL.driver: r"\z"}.get(self._dialect.driver, r"\Z")
        if self._dialect is MYSQL:
            text = func.convert(text.op("USING")(literal_column("utf8mb4")))
        return text.regexp_match(literal(f"^{pattern}{end}"))

    @property
    def _beyond(self) -> tuple[str, ...]:
        """The texts of numbers of JSON that are beyond all doubles, where the database has such numbers."""
        return ("Infinity", "-Infinity") if self._dialect is POSTGRESQL else ()

    def _double_of(self, text: Expression) -> Expression:
        """Return the double that a number of JSON is: infinite beyond all of them, as a log has it.

        PostgreSQL has numbers of any size in JSON, and refuses a whole statement where one is cast that is out of range.
        """
        if self._dialect is not POSTGRESQL:
            return self._cast(text)
        is_short = and_(self._fits(text, NUMBER), func.length(text) <= literal(LONGEST_NUMBER))
        is_endless = or_(func.length(text) > literal(_MOST_DIGITS), self._fits(text, _LONG_EXPONENT))
        exact = case((is_endless, null()), else_=cast(text, Numeric))
        return case(
            (is_short, self._cast(text)),
            (exact > literal_column(_ABOVE), literal_column("'Infinity'::float8")),
            (exact < literal_column(f"-{_ABOVE}"), literal_column("'-Infinity'::float8")),
            (func.abs(exact) < literal_column(_BELOW), literal_column("0::float8")),
            (is_endless, null()),
            else_=self._cast(text),
        )

    def _cast(self, text: Expression) -> Expression:
        if self._dialect is DUCKDB:
            return func.try_cast(text.op("AS")(literal_column("DOUBLE")))
        if self._dialect is MYSQL:
            return self._dialect.double(type_coerce(text, Double))
        return cast(text, Double)


#: Numbers above this are rounded to no double, and those below the other one to zero, as PostgreSQL's numbers of any size.
_ABOVE, _BELOW = "1.7976931348623158e308", "2.5e-324"

#: Characters of a number of JSON that PostgreSQL surely has a number for, and exponents of which it may have none.
_MOST_DIGITS = 5000
_LONG_EXPONENT = r".*[eE][-+]?[0-9]{5,}"

#: PostgreSQL's code for JSON as it was written, beside that for JSON as it is stored.
_JSON_OID = 114


def _plain(absent: Test, text: Expression, number: Expression) -> Operand:
    def equals(word: str) -> Test:
        found: Test = text == literal(word)
        return found

    return Operand(absent, text, number, equals, equals("true"), equals("false"))


def _told(absent: Test, found: Test) -> Test:
    """Return a test that is null where there is nothing."""
    return case((absent, null()), else_=found)


def _is_container(text: Expression) -> Test:
    """Return whether a text is an object or a list in JSON."""
    begin = func.substr(text, 1, 2)
    return or_(
        and_(begin.in_([literal(word) for word in OBJECTS]), text.like(literal("%}"))),
        and_(begin.in_([literal(word) for word in LISTS]), text.like(literal("%]"))),
    )


def _is_spelled(value: Expression, word: str, dialect: Dialect) -> Test:
    """Return whether a number's text is a word."""
    if word in _WORDS:
        if not dialect.has_non_finite:
            return false()
        sign = _WORDS[word]
        if sign is None:
            return is_nan(value, dialect)
        beyond = value > dialect.number(_LARGEST) if sign > 0 else value < dialect.number(-_LARGEST)
        return and_(beyond, not_(is_nan(value, dialect)))
    try:
        number = float(word)
    except ValueError:
        return false()
    if not math.isfinite(number):  # more digits than a double has
        return false()
    spelled = text_of(number) == word or (word.removeprefix("-").isdecimal() and word == str(int(word)))
    return value == dialect.number(number) if spelled else false()


_LARGEST = 1.7976931348623157e308
