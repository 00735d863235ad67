"""Derived columns of a baseline: which numbers are made of a column that has no distribution of its own, and their bins."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.baseline.expected import Outside, outside_range
from prediction_exporter.baseline.kinds import FORM_SHARE
from prediction_exporter.baseline.numbers import numeric_column
from prediction_exporter.baseline.tables import Table
from prediction_exporter.config import Fields
from prediction_exporter.counting.events import ValueState
from prediction_exporter.counting.functions import Function
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Role
from prediction_exporter.counting.profiler import MICROSECONDS
from prediction_exporter.errors import BaselineError
from prediction_exporter.sources.derived import derive
from prediction_exporter.sources.fields.names import LIST_ITEM
from prediction_exporter.sources.fields.roles import KNOWN_NAMES, Roles
from prediction_exporter.sources.times import DateParser
from prediction_exporter.sources.typed import times_of

#: What may be stated of a column that is no number and no category, and what is made of one then.
MEANINGS: Mapping[str, tuple[Function, ...]] = {
    "text": (Function.LENGTH,),
    "date": (Function.AGE_DAYS,),
    "vector": (Function.NORM, Function.LENGTH),
    "list": (Function.LENGTH,),
}

#: A value that so many rows have is a value that a sample without drift has too.
LEAST_ZEROS = 5

#: Dates that are written for none, in the years that have dates, and the share of rows that shows that they are.
STAND_INS = (date(1899, 12, 30), date(1899, 12, 31), date(1900, 1, 1), date(1970, 1, 1), date(2099, 12, 31))
MOST_STAND_INS = 0.01

EPOCH_DAY, DAY_SECONDS = date(1970, 1, 1).toordinal(), 86_400

#: Characters of a value that a message shows.
_SHOWN = 40


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When the rows of the data were predicted.

    Attributes:
        times: in microseconds; None where the data does not say.
        dates: reads the dates of features.
    """

    times: NDArray[np.int64] | None
    dates: DateParser


@dataclass(frozen=True, kw_only=True)
class Raw:
    """A column of the data.

    Attributes:
        name, role: its own, and the role of what is made of it.
        values: of any type.
        held: as what they count.
        meaning: what they are, a key of :data:`MEANINGS`, or nothing.
    """

    name: str
    role: Role
    values: pl.Series
    held: Held
    meaning: str


@dataclass(frozen=True, kw_only=True)
class DerivedColumn:
    """A derived column with the numbers of the data.

    Attributes:
        column: its bins.
        numbers: null where there is none.
        states: why.
        outside: how many rows of another sample lie outside of it.
    """

    column: Column
    numbers: pl.Series
    states: NDArray[np.uint8]
    outside: Outside


def moment_of(table: Table, fields: Fields, roles: Roles, timezone: str) -> Moment:
    """Return when the rows of a table were predicted, by the column that is its time, if all of them have one."""
    dates = DateParser(timezone, None)
    if roles.time is None or roles.time not in table.columns:
        return Moment(times=None, dates=dates)
    unit = fields.time.unit if fields.time is not None else None
    return Moment(times=times_of(table.column(roles.time), DateParser(timezone, unit)), dates=dates)


def lists_in(table: Table, fields: Fields, wanted: Mapping[str, tuple[str, Role]]) -> dict[str, str]:
    """Return the features that are lists of numbers, whose items are columns, and where they stand.

    The list that holds all features is none.
    """
    found: dict[str, str] = {}
    for name, (at, role) in wanted.items():
        item, place = LIST_ITEM.fullmatch(name), LIST_ITEM.fullmatch(at)
        if role is Role.FEATURE and item is not None and place is not None and place.group(1) in table.lists:
            found[item.group(1)] = place.group(1)
    return {name: at for name, at in found.items() if at != fields.features and at.lower() not in KNOWN_NAMES["features"]}


def derived_columns(raw: Raw, moment: Moment, *, taken: Collection[str], is_stated: bool) -> Iterator[DerivedColumn]:
    """Yield the columns that are made of a column's values.

    Args:
        raw: the column.
        moment: when its values were predicted.
        taken: names that are other columns', or that are not wanted.
        is_stated: whether the configuration says what they are.

    Raises:
        BaselineError: they are not what the configuration says.
    """
    for function in MEANINGS.get(raw.meaning, ()) if raw.role is not Role.SCORE else ():
        if function is Function.AGE_DAYS and moment.times is None:
            if is_stated:
                raise BaselineError("is date, and the data has no time from which an age could be told")
            continue
        if function.name_for(raw.name) in taken:
            continue
        made = _derived_column(raw, function, moment)
        if made is not None:
            yield made
        elif is_stated:
            example = _example(raw.values)
            raise BaselineError(f"is {raw.meaning}, and {function.value} cannot be told of its values, such as {example}")


def _derived_column(raw: Raw, function: Function, moment: Moment) -> DerivedColumn | None:
    """Return a derived column; None where its numbers cannot be made of nearly all of the values."""
    times = moment.times if moment.times is not None else np.zeros(len(raw.values), np.int64)
    numbers, states = derive(function, raw.held, raw.values, times, moment.dates)
    if function is Function.AGE_DAYS and _stand_ins(numbers, times) >= MOST_STAND_INS * len(numbers):
        return None
    finite = np.sort(numbers.drop_nulls().to_numpy())
    present = int((states != ValueState.MISSING).sum())
    if not len(finite) or len(finite) < FORM_SHARE * present:
        return None
    binned, outside = _binned(raw, function, finite)
    column = replace(binned, held=raw.held, of=raw.name, function=function)
    return DerivedColumn(column=column, numbers=numbers, states=states, outside=outside)


def _stand_ins(ages: pl.Series, times: NDArray[np.int64]) -> int:
    """Return how many dates are those that programs write for none: these grow older for ever."""
    days = np.floor((times // MICROSECONDS - ages.to_numpy() * DAY_SECONDS) / DAY_SECONDS)
    return int(np.isin(days, [day.toordinal() - EPOCH_DAY for day in STAND_INS]).sum())


def _binned(raw: Raw, function: Function, finite: NDArray[np.float64]) -> tuple[Column, Outside]:
    """Return the bins of numbers: what is empty has one of its own, or lies below the range where hardly anything is."""
    zeros = 0 if function is Function.AGE_DAYS else int((finite == 0).sum())
    ranged = finite[finite > 0] if 0 < zeros < min(LEAST_ZEROS, len(finite)) else finite
    own = (0.0,) if zeros >= LEAST_ZEROS else ()
    expected = outside_range(int((ranged == ranged[0]).sum()), int((ranged == ranged[-1]).sum()))
    below = len(finite) - len(ranged)
    column = numeric_column(function.name_for(raw.name), raw.role, ranged, own=own)
    return column, Outside(expected.rows + below, expected.variance + below)


def _example(values: pl.Series) -> str:
    present = values.drop_nulls()
    return repr(str(present[0]))[:_SHOWN] if len(present) else "none"
