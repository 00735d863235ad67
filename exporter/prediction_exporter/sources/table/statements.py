"""Statements: how an engine is asked for the counts of all measures, in few scans.

Four styles, by what an engine has and does fastest; ``docs/sources/tables.md`` has the measurements:

- ``grouping_sets``: many columns in one scan, grouped by the slots of each.
- ``unpivot``: the same without such sets: each row becomes several, one for each column.
- ``histograms``: no groups by slots at all, but one aggregate for each column that gives the counts of all its bins.
- ``conditional_counts``: an aggregate for each edge, which counts the values below it; categories are grouped one by one.

Sums and extremes are aggregates of the groups of rows in each style. Every statement has these layers: the rows of a span of
time with the number of their group; the slots of their values; the counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, func, select, tuple_
from sqlalchemy.sql import Subquery

from prediction_exporter.sources.table.aggregates import of_amount, of_bins, of_code, of_number, of_rows
from prediction_exporter.sources.table.dialects import Dialect
from prediction_exporter.sources.table.expressions import Expression, all_of, whole
from prediction_exporter.sources.table.groups import Groups
from prediction_exporter.sources.table.measures import Code, Measures, Number
from prediction_exporter.sources.table.relation import Relation
from prediction_exporter.sources.table.slots import Bins, Cell, Slots

_T = TypeVar("_T")

#: Aggregates that are asked for in a statement. The least limit is that of PostgreSQL, 1664.
WIDE_EXPRESSIONS = 1000

#: Styles that count the bins of numbers by aggregates.
_WIDE_STYLES = ("histograms", "conditional_counts")

#: Columns that are grouped in one scan.
GROUPED_COLUMNS = 20

#: Rows of counts that are fetched at a time.
FETCH_ROWS = 10_000

#: Time, group and segment of a row.
GroupKey = tuple[Any, int, int]


#: A statement, and what takes the values behind the key of each of its rows.
_Statement = tuple[Select[Any], Callable[[Cell, Sequence[Any]], None]]


@dataclass(frozen=True, eq=False)
class Slotted:
    """Some bins of a number."""

    number: Number
    bins: Bins


@dataclass(frozen=True)
class Part:
    """A span of time that is counted: from ``start`` to before ``end``, in slices of ``width`` seconds."""

    start: int
    end: int
    width: int


class Statements:
    """Asks for the counts of a relation's rows.

    Args:
        connection: an open connection.
        dialect: the kind of database.
        relation: the table.
        measures: what is counted.
        groups: by what.
        slots: where the counts go.
    """

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        relation: Relation,
        measures: Measures,
        groups: Groups,
        slots: Slots,
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._relation = relation
        self._measures = measures
        self._groups = groups
        self._slots = slots

    def count(self, part: Part, segment: int | None) -> dict[GroupKey, Cell]:
        """Return what is counted of a part's rows.

        Args:
            part: the span of time.
            segment: index of the column by whose slots the groups are split, where they are.
        """
        cells: dict[GroupKey, Cell] = {}
        for statement, take in self._statements(part, segment):
            with self._connection.execute(statement) as result:
                while rows := result.fetchmany(FETCH_ROWS):
                    for row in map(tuple, rows):
                        key = (row[0], int(row[1]), int(row[2]))
                        if key not in cells:
                            cells[key] = Cell.empty(self._slots)
                        take(cells[key], row[3:])
        return cells

    def _statements(self, part: Part, segment: int | None) -> Iterator[_Statement]:
        scan = _Scan(self._dialect, self._relation, self._groups, self._measures, part, segment)
        measures, style = self._measures, self._dialect.style
        wide: list[Number | Code] = [*measures.numbers]
        grouped: list[Slotted | Code] = []
        (wide if style == "histograms" else grouped).extend(measures.codes.values())
        if style not in _WIDE_STYLES:
            grouped += [Slotted(number, bins) for number in measures.numbers for bins in number.bins]
        for position, chosen in enumerate(self._bundles(wide)):
            yield self._wide(scan, chosen, with_rows=position == 0)
        together = GROUPED_COLUMNS if style in ("grouping_sets", "unpivot") else 1
        for several in _chunks(grouped, together):
            yield self._sets(scan, several)

    def _bundles(self, wide: Sequence[Number | Code]) -> Iterator[list[Number | Code]]:
        """Yield columns whose aggregates go into one statement; one statement at least."""
        bundle: list[Number | Code] = []
        left = WIDE_EXPRESSIONS
        for one in wide:
            needed = 8
            if isinstance(one, Number) and self._dialect.style == "conditional_counts":
                needed += sum(len(bins.edges) for bins in one.bins)
            if bundle and needed > left:
                yield bundle
                bundle, left = [], WIDE_EXPRESSIONS
            bundle.append(one)
            left -= needed
        yield bundle

    def _wide(self, scan: _Scan, chosen: Sequence[Number | Code], *, with_rows: bool) -> _Statement:
        """Return the statement of aggregates of some columns, and of the rows."""
        dialect = self._dialect
        numbers = [one for one in chosen if isinstance(one, Number)]
        codes = [one for one in chosen if isinstance(one, Code)]
        also = self._measures.outlier_numbers if with_rows else []
        rows = scan.rows(list(dict.fromkeys([*numbers, *also])), codes, time=with_rows)
        wanted = list(of_rows(self._measures, rows.c)) if with_rows else []
        for amount in self._measures.amounts if with_rows else ():
            wanted += of_amount(amount, self._slots.sums[amount.name], rows.c, dialect)
        for number in numbers:
            wanted += of_number(number, rows.c, dialect)
        if dialect.style in _WIDE_STYLES:
            for number in numbers:
                for bins in number.bins:
                    wanted += of_bins(number, bins, rows.c, dialect)
        if dialect.histogram is not None:
            wanted += [of_code(code, rows.c, dialect.histogram) for code in codes]
        keys = scan.keys(rows)

        def take(cell: Cell, values: Sequence[Any]) -> None:
            for aggregate, value in zip(wanted, values, strict=True):
                if value is not None:
                    aggregate.put(cell, value)

        return select(*keys, *(aggregate.expression for aggregate in wanted)).group_by(*keys), take

    def _sets(self, scan: _Scan, several: Sequence[Slotted | Code]) -> _Statement:
        """Return the statement of the counts of some columns."""
        numbers = dict.fromkeys(one.number for one in several if isinstance(one, Slotted))
        codes = [one for one in several if isinstance(one, Code)]
        rows = scan.rows(list(numbers), codes)
        slots = [
            one.number.slot(rows.c, one.bins, self._dialect) if isinstance(one, Slotted) else rows.c[one.label]
            for one in several
        ]

        def take(cell: Cell, values: Sequence[Any]) -> None:
            cell.counts[int(values[0])] += int(values[1])

        if self._dialect.unpivot is not None:
            unpivoted = select(*scan.keys(rows), self._dialect.unpivot(slots).label("pe_s")).subquery("pe_slots")
            by = [*scan.keys(unpivoted), unpivoted.c.pe_s]
            return select(*by, func.count()).group_by(*by), take
        labels = [f"pe_s{i}" for i in range(len(slots))]
        slotted = select(*scan.keys(rows), *(slot.label(label) for slot, label in zip(slots, labels, strict=True))).subquery(
            "pe_slots"
        )
        keys = scan.keys(slotted)
        found = [slotted.c[label] for label in labels]
        if len(found) == 1:
            query = select(*keys, found[0], func.count()).group_by(*keys, found[0])
        else:
            sets = func.grouping_sets(*(tuple_(*keys, slot) for slot in found))
            query = select(*keys, func.coalesce(*found), func.count()).group_by(sets)
        return query, take


@dataclass(frozen=True)
class _Scan:
    """The rows of a part, with their time, group and segment."""

    dialect: Dialect
    relation: Relation
    groups: Groups
    measures: Measures
    part: Part
    segment: int | None

    def rows(self, numbers: Sequence[Number], codes: Sequence[Code], *, time: bool = False) -> Subquery:
        part = self.part
        at = self.relation.time.key(part.width)
        segment = whole(0) if self.segment is None else self.measures.codes[self.segment].expression()
        selected: list[Expression] = [
            at.label("pe_at"),
            self.groups.expression().label("pe_group"),
            segment.label("pe_segment"),
        ]
        if time:
            column = self.relation.column(self.relation.schema.time)
            assert column is not None  # noqa: S101 - what is counted by time has a column of times
            selected.append(column.label("pe_time"))
            for amount in self.measures.amounts:
                selected += amount.expressions(self.dialect)
            if self.groups.knows_refusals and self.measures.missing():
                selected.append(all_of(self.measures.missing()).label("pe_blank"))
        for number in numbers:
            selected += number.expressions()
        selected += [code.expression().label(code.label) for code in codes]
        where = self.relation.time.where(part.start, part.end)
        query = select(*selected).select_from(self.relation.source).where(where)
        if (
            self.dialect.is_dynamic
        ):  # what a value is would be computed anew for each edge, were this merged into what is around
            query = query.offset(0)
        return query.subquery("pe_rows")

    @staticmethod
    def keys(rows: Subquery) -> list[Expression]:
        return [rows.c.pe_at, rows.c.pe_group, rows.c.pe_segment]


def _chunks(items: Sequence[_T], size: int) -> list[Sequence[_T]]:
    return [items[i : i + size] for i in range(0, len(items), size)]
