"""Values that are told apart by what they are called: categories, versions, statuses; known ones by code, in SQL and here.

What a value means is settled in this process alone, by the rules of rows mode: SQL compares values of the column's own type
with those that are known, and tells where there are others. These are asked for then, the most frequent first.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from sqlalchemy import BigInteger, Boolean, ColumnElement, Integer, Numeric, and_, case, func, literal, or_

from prediction_exporter.counting.categories import NAN, PANDAS_WORDS, CategoryEncoder
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column
from prediction_exporter.sources.table.dialects import Dialect
from prediction_exporter.sources.table.expressions import Expression, finite, is_nan, whole
from prediction_exporter.sources.table.rows import frame_of
from prediction_exporter.sources.typed import texts_of_values

#: Values that are asked for at a time, and that are remembered of a column beside those of its table.
MAX_KNOWN = 1000

_INT32, _INT64 = 2**31, 2**63

#: Texts of objects and lists, as patterns of LIKE; what else may be a list of numbers is asked for.
_CONTAINERS = ('{"%}', "{}", "[]", '["%]', "[[%]", "[{%]")
_LIST, _OBJECT = "[%]", "{%}"

_WORDS = ("True", "TRUE", "False", "FALSE", "true", "false", "-0", "NaN", "Infinity", "-Infinity", *PANDAS_WORDS)


class Form(Enum):
    """What the values of a column are, which decides what they are compared with."""

    TEXT = auto()
    BOOLEAN = auto()
    INTEGER = auto()
    FLOAT = auto()
    TEMPORAL = auto()
    CONTAINER = auto()
    DYNAMIC = auto()
    """Of any type, from row to row."""

    @classmethod
    def of(cls, samples: Sequence[Any], dialect: Dialect) -> Form:
        """Return the form of a column, told by some of its values, of which none is None."""
        if dialect.is_dynamic:
            return cls.DYNAMIC
        if not samples:
            return cls.TEXT  # as which values of every type can be compared
        first = samples[0]
        for types, form in _FORMS:
            if isinstance(first, types):
                return form
        if isinstance(first, Decimal):
            return cls.INTEGER if all(v.is_finite() and v.as_tuple().exponent == 0 for v in samples) else cls.FLOAT
        return cls.TEXT


_FORMS: tuple[tuple[type | tuple[type, ...], Form], ...] = (
    (bool, Form.BOOLEAN),
    (int, Form.INTEGER),
    (float, Form.FLOAT),
    ((date, datetime), Form.TEMPORAL),
    ((list, tuple, dict), Form.CONTAINER),
)


#: What a form has for false and true.
_FLAGS: dict[Form, type] = {Form.BOOLEAN: bool, Form.INTEGER: int, Form.FLOAT: float, Form.DYNAMIC: int}


def texts_of(values: Sequence[Any]) -> list[str | None]:
    """Return values as the texts that rows mode makes of them."""
    if not values:
        return []
    texts: list[str | None] = texts_of_values(frame_of(["value"], [(value,) for value in values])["value"]).to_list()
    return texts


class Comparable:
    """A column as it is compared.

    Attributes:
        column: the column.
        value: what is compared; null where the column is.
        form: what its values are.
    """

    def __init__(self, column: Expression, form: Form, dialect: Dialect) -> None:
        self.column = column
        self.form = form
        self._dialect = dialect
        if form in (Form.TEXT, Form.DYNAMIC):
            self.value = dialect.text(column)
        else:
            self.value = dialect.double(column) if form is Form.FLOAT else column

    def lower(self) -> Expression:
        """Return what is compared, a text, in lower case."""
        return self._dialect.lower(self.value)

    def literal(self, value: Any) -> Expression:
        """Return a value as SQL compares it."""
        if isinstance(value, bool):
            return literal(value, Boolean())
        if isinstance(value, float):
            return self._dialect.number(value)
        if isinstance(value, int):
            if abs(value) >= _INT64:
                return literal(Decimal(value), Numeric())
            return literal(value, Integer() if abs(value) < _INT32 else BigInteger())
        return literal(value)

    def among(self, values: Sequence[Any]) -> ColumnElement[bool]:
        """Return whether the column's value is among some, of which there is at least one."""
        found = [self.literal(value) for value in values]
        return self.value == found[0] if len(found) == 1 else self.value.in_(found)

    def read(self, value: Any) -> Any:
        """Return a value that the database gave for :attr:`value`."""
        if isinstance(value, bytes | bytearray) and self.form is Form.TEXT:
            return bytes(value).decode("utf-8", "replace")
        return value


class Vocabulary:
    """What is known of a column's values: the code of each, at most so many."""

    def __init__(self, known: Mapping[Any, int] | None = None) -> None:
        self.known: dict[Any, int] = dict(known or {})
        self.is_full = False

    def by_code(self) -> dict[int, list[Any]]:
        """Return the known values by their code, in the order in which they became known."""
        found: dict[int, list[Any]] = {}
        for value, code in self.known.items():
            found.setdefault(code, []).append(value)
        return found

    def learn(self, values: Sequence[Any], codes: Callable[[Sequence[Any]], Iterable[int]]) -> bool:
        """Take up values that were asked for; return whether any is new."""
        new = [value for value in dict.fromkeys(values) if value not in self.known and value == value]  # noqa: PLR0124 - NaN
        room = max(2 * MAX_KNOWN - len(self.known), 0)
        self.is_full = len(values) >= MAX_KNOWN or len(new) >= room
        new = new[:room]
        self.known.update(zip(new, codes(new), strict=True))
        return bool(new)


class Categories:
    """The values of a categorical column.

    Args:
        comparable: the column in SQL.
        column: its table, and what it holds.
        vocabulary: what is known of its values beyond the table.
        is_boolean: whether 0 and 1 are false and true.
    """

    def __init__(
        self, comparable: Comparable, column: Column, vocabulary: Vocabulary, *, is_boolean: bool, dialect: Dialect
    ) -> None:
        categories = column.categories
        self.comparable = comparable
        self.vocabulary = vocabulary
        self._dialect = dialect
        self._encoder = CategoryEncoder(categories, column.held)
        self._held = column.held
        self._is_boolean = is_boolean
        self._has_numbers = any(category[:1] in "-0123456789" for category in categories if category) or (
            column.held is Held.BOOLEAN
        )
        if not vocabulary.known:
            spelled = list(dict.fromkeys(value for text in (*categories, *_WORDS) for value in self._spelled(text)))
            # What means no category is told by not being known.
            coded = zip(spelled, self.codes(spelled), strict=True)
            vocabulary.known.update({value: code for value, code in coded if code != self._encoder.other})

    def _spelled(self, text: str) -> Iterable[Any]:
        """Yield the values of the column's form that may mean a category."""
        form = self.comparable.form
        if form in (Form.TEXT, Form.DYNAMIC):
            yield text
            yield {"true": "1", "false": "0"}.get(text, text)
        if form in _FLAGS and text in ("true", "false"):
            yield _FLAGS[form](text == "true")
        if form is Form.TEMPORAL:
            for kind in (date, datetime):
                with contextlib.suppress(ValueError):
                    yield kind.fromisoformat(text)
        if form in (Form.INTEGER, Form.DYNAMIC):
            with contextlib.suppress(ValueError):
                number = int(text)
                if form is Form.INTEGER or abs(number) < _INT64:
                    yield number
        if form in (Form.FLOAT, Form.DYNAMIC):
            with contextlib.suppress(ValueError):
                value = float(text)
                if math.isfinite(value) or (form is Form.DYNAMIC and not math.isnan(value)):
                    yield value

    def codes(self, values: Sequence[Any]) -> list[int]:
        """Return the codes of values, by the encoder's rules."""
        texts = texts_of(values)
        if self._is_boolean:
            words = {"0": "false", "1": "true"}
            texts = [words.get(t, t) if t and isinstance(v, int) else t for v, t in zip(values, texts, strict=True)]
        return [self._encoder.code(text) if text is not None else self._encoder.other for text in texts]

    def expression(self, slots: Callable[[int], int], missing: int, suspect: int) -> Expression:
        """Return the slot of each value.

        Args:
            slots: gives the slot of a code.
            missing: the slot of nulls.
            suspect: the slot of what may be a spelling that is not known yet.
        """
        column, value = self.comparable.column, self.comparable.value
        null = (column.is_(None), whole(missing))
        encoder = self._encoder
        if self.comparable.form is Form.CONTAINER:
            return case(null, else_=whole(slots(encoder.code("{}"))))
        if self._held is Held.CONTAINER and self.comparable.form in (Form.TEXT, Form.DYNAMIC):
            bracketed = or_(*(value.like(literal(form)) for form in (_LIST, _OBJECT)))
            nan = (self.comparable.among([NAN]), whole(slots(encoder.nan)))
            return case(null, nan, (bracketed, whole(slots(encoder.other))), else_=whole(slots(encoder.invalid)))
        cases = [(self.comparable.among(found), whole(slots(code))) for code, found in self.vocabulary.by_code().items()]
        if self.comparable.form in (Form.INTEGER, Form.FLOAT, Form.DYNAMIC):
            number = self._dialect.number
            cases += [(value.between(number(low), number(high)), whole(slots(code))) for low, high, code in encoder.intervals]
        if self.comparable.form is Form.FLOAT:
            if slots(encoder.nan) != slots(encoder.non_finite):
                cases.append((is_nan(value, self._dialect), whole(slots(encoder.nan))))
            cases.append((~finite(value, self._dialect), whole(slots(encoder.non_finite))))
        if self.comparable.form in (Form.TEXT, Form.DYNAMIC):
            cases.append((or_(*(value.like(literal(form)) for form in _CONTAINERS)), whole(slots(encoder.invalid))))
            if not self.vocabulary.is_full:
                cases.append((self.is_suspect(), whole(suspect)))
        return case(null, *cases, else_=whole(slots(encoder.other)))

    def missing(self, *, nan: bool) -> ColumnElement[bool]:
        """Return whether there is no value; ``nan`` is whether NaN is none, as a number or as one of its words."""
        column, value, form = self.comparable.column, self.comparable.value, self.comparable.form
        found: ColumnElement[bool] = column.is_(None)
        if not nan:
            return found
        if form is Form.FLOAT:
            return or_(found, is_nan(value, self._dialect))
        if form not in (Form.TEXT, Form.DYNAMIC):
            return found
        words = [NAN] if self._held is Held.CONTAINER else self.vocabulary.by_code().get(self._encoder.nan, [])
        return or_(found, self.comparable.among(words)) if words else found

    def is_suspect(self) -> ColumnElement[bool]:
        """Return whether a text that is not known may still be the number of a category, or a list of numbers."""
        value = self.comparable.value
        conditions: list[ColumnElement[bool]] = [value.like(literal(_LIST))]
        if self._has_numbers:
            digits = func.substr(value, 1, 1).in_([literal(digit) for digit in "-0123456789"])
            marked = or_(*(value.like(literal(f"%{mark}%")) for mark in ".eE"))
            conditions.append(digits if self._encoder.intervals else and_(digits, marked))
        suspects = or_(*conditions)
        if self.comparable.form is Form.DYNAMIC:
            suspects = and_(func.typeof(value) == literal("text"), suspects)
        return suspects
