"""Aggregates: what an engine computes of a group of rows, and where each result goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, not_, null

from prediction_exporter.sources.table.amounts import Amount
from prediction_exporter.sources.table.dialects import Dialect
from prediction_exporter.sources.table.expressions import LARGEST, PLAIN, Expression, any_of, finite, is_nan, whole
from prediction_exporter.sources.table.measures import Code, Measures, Number
from prediction_exporter.sources.table.slots import Bins, Cell, SumSlots


@dataclass(frozen=True)
class Aggregate:
    """An aggregate in SQL, and what is done with its value, which is not null."""

    expression: Expression
    put: Callable[[Cell, Any], None]


def of_rows(measures: Measures, columns: Any) -> Iterator[Aggregate]:
    """Yield the number of rows, of outliers and of those that hold nothing where that is asked, the first and the last time."""

    def rows(cell: Cell, value: Any) -> None:
        cell.rows = int(value)

    def outliers(cell: Cell, value: Any) -> None:
        cell.outliers = int(value)

    def blank(cell: Cell, value: Any) -> None:
        cell.blank = int(value)

    def time(cell: Cell, value: Any) -> None:
        cell.times.append(value)

    yield Aggregate(func.count(), rows)
    if conditions := measures.outlier(columns):
        yield Aggregate(func.sum(any_of(conditions)), outliers)
    if "pe_blank" in columns:
        yield Aggregate(func.sum(columns.pe_blank), blank)
    yield Aggregate(func.min(columns.pe_time), time)
    yield Aggregate(func.max(columns.pe_time), time)


def of_number(number: Number, columns: Any, dialect: Dialect) -> Iterator[Aggregate]:
    """Yield the sums and extremes of a number."""
    value = columns[number.label]
    if number.moments is not None:
        index, deviation = number.moments
        z = deviation.expression(value, dialect)
        known = number.finite(columns, dialect)
        yield Aggregate(func.sum(z), _into_sums(0, index))
        yield Aggregate(func.sum(z * z), _into_sums(1, index))
        yield Aggregate(func.min(known), _into_extremes(0, index, 1.0))
        yield Aggregate(func.max(known), _into_extremes(1, index, -1.0))
    if number.total is not None:
        yield Aggregate(func.sum(PLAIN.expression(value, dialect)), _into_totals(number.total))


def of_amount(amount: Amount, slots: SumSlots, columns: Any, dialect: Dialect) -> Iterator[Aggregate]:
    """Yield the sums of what is added up, and how many rows have a value, and have none."""
    yield Aggregate(func.sum(columns[f"{amount.label}_missing"]), _into_slot(slots.missing))
    if amount.value is not None:
        plain, scaled = amount.parts(columns, dialect)
        yield Aggregate(func.count(columns[amount.label]), _into_slot(slots.valid))
        yield Aggregate(func.sum(plain), _into_totals(slots.total))
        yield Aggregate(func.sum(scaled), _into_totals(slots.scaled))


def _into_sums(row: int, index: int) -> Callable[[Cell, Any], None]:
    def put(cell: Cell, value: Any) -> None:
        cell.sums[row, index] = float(value)

    return put


def _into_extremes(row: int, index: int, sign: float) -> Callable[[Cell, Any], None]:
    def put(cell: Cell, value: Any) -> None:
        cell.extremes[row, index] = sign * float(value)

    return put


def _into_totals(index: int) -> Callable[[Cell, Any], None]:
    def put(cell: Cell, value: Any) -> None:
        cell.totals[index] = float(value)

    return put


# Counts as aggregates

Histogram = Callable[[Expression, list[Any]], Expression]


def of_bins(number: Number, bins: Bins, columns: Any, dialect: Dialect) -> Iterator[Aggregate]:
    """Yield the counts of a number's bins, and of the rows that have none."""
    known = number.finite(columns, dialect)
    if not bins.edges:
        yield Aggregate(func.count(known), _into_slot(bins.first))
    elif dialect.histogram is not None:
        # The function's bins are closed on the right.
        bounds = [math.nextafter(edge, -math.inf) for edge in bins.edges]
        yield Aggregate(dialect.histogram(known, bounds), _into_counts(bins.first))
    else:
        yield from _of_conditions(number, bins, columns, dialect)
    if bins is number.bins[0]:
        yield from _of_states(number, bins, columns, dialect)


def _of_conditions(number: Number, bins: Bins, columns: Any, dialect: Dialect) -> Iterator[Aggregate]:
    """Yield how many numbers are below each edge, as differences of which the bins are counted."""
    value = columns[number.label]
    first, last = bins.first, bins.first + len(bins.edges)
    for place, edge in enumerate(bins.edges, first):
        yield Aggregate(_count(value < dialect.number(edge)), _moved(place + 1, place))
    yield Aggregate(func.count(number.finite(columns, dialect)), _into_slot(last))
    if not number.is_whole:  # -inf is below each edge, and in no bin
        yield Aggregate(_count(value < dialect.number(-LARGEST)), _moved(first, last))


def _of_states(number: Number, bins: Bins, columns: Any, dialect: Dialect) -> Iterator[Aggregate]:
    value = columns[number.label]
    if number.invalid is None:
        yield Aggregate(_count(value.is_(None)), _into_slot(bins.missing))
    else:
        absent = columns[f"{number.label}_absent"]
        for slot in (bins.missing, number.invalid):
            yield Aggregate(_count(and_(value.is_(None), absent == whole(slot))), _into_slot(slot))
    if not number.is_whole:
        odd = and_(value.is_not(None), ~finite(value, dialect))
        if bins.nan == bins.non_finite:
            yield Aggregate(_count(odd), _into_slot(bins.non_finite))
        else:
            nan = and_(value.is_not(None), is_nan(value, dialect))
            yield Aggregate(_count(nan), _into_slot(bins.nan))
            yield Aggregate(_count(and_(odd, not_(nan))), _into_slot(bins.non_finite))


def _count(condition: ColumnElement[bool]) -> Expression:
    return func.count(case((condition, whole(1)), else_=null()))


def of_code(code: Code, columns: Any, histogram: Histogram) -> Aggregate:
    """Return the counts of a column's slots."""
    slots = sorted(code.possible)

    def put(cell: Cell, value: Any) -> None:
        cell.counts[slots] += list(value)[: len(slots)]

    return Aggregate(histogram(columns[code.label], slots), put)


def _into_counts(first: int) -> Callable[[Cell, Any], None]:
    def put(cell: Cell, value: Any) -> None:
        counts = list(value)  # the bin behind the last bound is there if it is not empty
        cell.counts[first : first + len(counts)] += counts

    return put


def _into_slot(slot: int) -> Callable[[Cell, Any], None]:
    def put(cell: Cell, value: Any) -> None:
        cell.counts[slot] += int(value)

    return put


def _moved(taken: int, given: int) -> Callable[[Cell, Any], None]:
    def put(cell: Cell, value: Any) -> None:
        cell.counts[given] += int(value)
        cell.counts[taken] -= int(value)

    return put
