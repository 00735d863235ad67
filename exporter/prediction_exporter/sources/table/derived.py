"""Derived numbers in SQL: what the profiler makes of texts and dates in this process, from the same characters and seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, case, func, literal, null, or_

from prediction_exporter.counting.categories import NON_FINITE_WORDS
from prediction_exporter.counting.functions import Function
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column
from prediction_exporter.sources.derived import BLANKS, EARLIEST, LATEST
from prediction_exporter.sources.table.dialects import Dialect
from prediction_exporter.sources.table.expressions import Expression
from prediction_exporter.sources.table.relation import Relation
from prediction_exporter.sources.table.spellings import Comparable, Form

_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Place:
    """Where the values of a derived column stand.

    Attributes:
        column: the derived column.
        comparable: the column of the table.
        samples: some of its values, without nulls.
    """

    column: Column
    comparable: Comparable
    samples: Sequence[Any]


class UncountedError(Exception):
    """The database cannot make a number as the profiler does; the message says why."""


def expression_of(place: Place, relation: Relation, dialect: Dialect) -> Expression | None:
    """Return the number in SQL, null where it is missing; None where it is missing in all rows.

    Raises:
        UncountedError: the database cannot make it of such a column as the profiler does.
    """
    function = place.column.function
    if function is Function.AGE_DAYS:
        return _age(place, relation, dialect)
    if place.column.held is Held.CONTAINER:
        raise UncountedError("lists are not looked into")
    return _length(place, dialect)


def _length(place: Place, dialect: Dialect) -> Expression | None:
    comparable = place.comparable
    if comparable.form is Form.CONTAINER:
        return None  # lists and objects have no length as a text
    if comparable.form not in (Form.TEXT, Form.DYNAMIC):
        raise UncountedError("the column is no text")
    text = comparable.value
    rest = text
    for blank in BLANKS:
        rest = func.replace(rest, literal(blank), literal(""))
    bracketed = or_(*(text.like(literal(form)) for form in ("[%]", "{%}")))
    nothing = or_(comparable.column.is_(None), comparable.among(sorted(NON_FINITE_WORDS)), bracketed)
    return case(
        (nothing, null()),
        (rest == literal(""), dialect.number(0.0)),
        else_=dialect.double(dialect.length(comparable.column)),
    )


def _age(place: Place, relation: Relation, dialect: Dialect) -> Expression:
    seconds, at = dialect.seconds, relation.column(relation.schema.time)
    times = relation.samples[relation.time_name]
    if seconds is None or at is None or not all(_is_instant(some, relation) for some in (times[:1], place.samples[:1])):
        raise UncountedError("it takes a date or a timestamp, as the time of the prediction is one, both in UTC")
    column = place.comparable.column
    since = seconds(column)
    days = dialect.double(seconds(at) - since) / dialect.number(_DAY_SECONDS)
    return case((and_(since >= literal(EARLIEST), since < literal(LATEST), at.is_not(None)), days), else_=null())


def _is_instant(samples: Sequence[Any], relation: Relation) -> bool:
    """Return whether a column that begins like this holds instants, or local times that are in UTC; also one without any."""
    return all(
        (isinstance(value, datetime) and value.tzinfo is not None)
        or (isinstance(value, date) and relation.timezone == "UTC" == relation.schema.timezone)
        for value in samples
    )
