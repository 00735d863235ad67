"""Aggregate mode: the engine counts, and only counts cross the wire.

The counts are those that rows mode would have given, bin by bin. Three things are bounded, where rows mode sees every row:

- Values that are spelled in an unusual way, as ``1.0`` for a category ``1``, are recognised for the most frequent
  ``MAX_KNOWN`` of a read; the rest of them count as unseen.
- So many versions are told apart, and so many statuses that may mean success, and stages; rows of the rest count as version
  ``other``, as failed with an error, and as stage ``other``.
- Squares of deviations beyond 1e140 scales from the center are not added up: the sums are infinite where there is any.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from math import gcd
from typing import Any

from sqlalchemy import Connection, func, not_, select
from sqlalchemy.sql import ColumnElement

from prediction_exporter.sources.base import Batch
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.table.dialects import Dialect
from prediction_exporter.sources.table.groups import NO_ID, Groups, Learned
from prediction_exporter.sources.table.measures import Measures
from prediction_exporter.sources.table.relation import Relation
from prediction_exporter.sources.table.slots import Cell, Slots
from prediction_exporter.sources.table.spellings import MAX_KNOWN, Comparable
from prediction_exporter.sources.table.statements import GroupKey, Part, Statements
from prediction_exporter.sources.table.tallying import Tallying

logger = logging.getLogger(__name__)

#: Cells of a part, for each column that splits it; None for the parts as they are.
Counted = list[tuple[Part, int | None, dict[GroupKey, Cell]]]


class CountsReader:
    """Asks the engine for counts.

    Args:
        context: the model.
        dialect: the kind of database.
        relation: the table, and which of its columns is what.
        connection: an open connection.
        learned: what former readers of the table learned of its values.

    Raises:
        ConfigError: a column cannot be counted in the database.
    """

    def __init__(
        self,
        context: SourceContext,
        dialect: Dialect,
        relation: Relation,
        connection: Connection,
        learned: Learned | None = None,
    ) -> None:
        self._context = context
        self._relation = relation
        self._connection = connection
        self._learned = learned if learned is not None else Learned()
        self._slots = Slots(context.layout, context.traffic, tuple(relation.schema.sums))
        self._measures = Measures(context, dialect, relation, self._slots, self._learned.categories)
        self._tell_uncounted()
        self._groups = Groups(relation, self._measures, self._learned)
        self._statements = Statements(connection, dialect, relation, self._measures, self._groups, self._slots)
        layout = context.layout
        indices = [layout.index(name) for name in context.segments] if layout is not None else []
        # Of a column that the table lacks no value is valid.
        self._splits: list[int | None] = [index for index in indices if index in self._measures.codes] or [None]

    def _tell_uncounted(self) -> None:
        uncounted = {name: why for name, why in self._measures.uncounted.items() if name not in self._learned.told}
        if uncounted:
            self._learned.told.update(uncounted)
            logger.warning(
                "the database does not count %s: mode: rows does",
                ", ".join(f"{name} ({why})" for name, why in uncounted.items()),
            )

    def read(self, start: int, end: int, width: int) -> Iterator[Batch]:
        """Yield what the engine counts of a span."""
        parts = list(_parts(start, end, width))
        if self._groups.version is not None and not self._learned.versions.known:
            self._learn_versions(start, end)
        if self._groups.status is not None and not self._learned.statuses.known:
            self._learn_statuses(start, end)
        if self._groups.stage is not None and not self._learned.stages.known:
            self._learn_stages(start, end)
        counted = self._count(parts)
        if self._learn(start, end, counted):
            counted = self._count(parts)
        tallying = Tallying(self._context, self._relation, self._measures, self._groups, self._slots)
        for part, split, cells in counted:
            tallying.add(part, width, split, cells, is_first=split == self._splits[0])
        yield tallying.batch()

    def _count(self, parts: list[Part]) -> Counted:
        return [(part, split, self._statements.count(part, split)) for part in parts for split in self._splits]

    # What is not known yet

    def _learn(self, start: int, end: int, counted: Counted) -> bool:
        """Ask for the values that were counted without being known; return whether there were any worth counting again."""
        cells = [
            (group, cell) for _, split, found in counted if split == self._splits[0] for (_, group, _), cell in found.items()
        ]
        kinds = {self._groups.kind(group) for group, _ in cells if group != NO_ID}
        learned = False
        if any(self._groups.is_unknown_version(kind.position) for kind in kinds):
            learned |= self._learn_versions(start, end)
        if any(kind.asks_status for kind in kinds) and not self._learned.statuses.is_full:
            learned |= self._learn_statuses(start, end)
        if any(kind.asks_stage for kind in kinds) and not self._learned.stages.is_full:
            learned |= self._learn_stages(start, end)
        for index, slot in self._slots.suspects.items():
            if any(cell.counts[slot] for _, cell in cells):
                categories = self._measures.categories[index]
                values = self._ask(start, end, categories.comparable, categories.vocabulary.known, categories.is_suspect())
                learned |= categories.vocabulary.learn(values, categories.codes)
        return learned

    def _learn_versions(self, start: int, end: int) -> bool:
        assert self._groups.version is not None  # noqa: S101 - a group has an unknown one
        return self._groups.learn_versions(self._ask(start, end, self._groups.version))

    def _learn_statuses(self, start: int, end: int) -> bool:
        status = self._groups.status
        assert status is not None  # noqa: S101 - a group asks for it
        known = self._learned.statuses.known
        return self._groups.learn_statuses(self._ask(start, end, status, known, self._groups.may_succeed()))

    def _learn_stages(self, start: int, end: int) -> bool:
        stage = self._groups.stage
        assert stage is not None  # noqa: S101 - a group asks for it
        return self._groups.learn_stages(self._ask(start, end, stage, self._learned.stages.known))

    def _ask(
        self,
        start: int,
        end: int,
        comparable: Comparable,
        known: Collection[Any] = (),
        condition: ColumnElement[bool] | None = None,
    ) -> list[Any]:
        """Return the most frequent values of a column in a span, without those that are known."""
        where = [self._relation.time.where(start, end), comparable.column.is_not(None)]
        if condition is not None:
            where.append(condition)
        if known:
            where.append(not_(comparable.among(list(known))))
        values = (
            select(comparable.value.label("pe_value")).select_from(self._relation.source).where(*where).subquery("pe_values")
        )
        count = func.count().label("pe_count")
        query = select(values.c.pe_value, count).group_by(values.c.pe_value).order_by(count.desc()).limit(MAX_KNOWN)
        return [comparable.read(value) for value, _ in self._connection.execute(query)]


def _parts(start: int, end: int, width: int) -> Iterator[Part]:
    """Yield the parts of a span: its whole slices, and those that it cuts, in slices that its ends divide."""
    first, last = -(-start // width) * width, end // width * width
    if first > last:  # it lies within a slice
        yield Part(start, end, gcd(start, end, width))
        return
    if start < first:
        yield Part(start, first, gcd(start, width))
    if first < last:
        yield Part(first, last, width)
    if last < end:
        yield Part(last, end, gcd(end, width))
