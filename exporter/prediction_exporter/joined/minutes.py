"""Minutes: counts of performance by minute and key in the state file, in a table for each day."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from prediction_exporter.counting.state_days import PERFORMANCE, Extent, create_table, table_of, tables
from prediction_exporter.counting.state_step import Step
from prediction_exporter.joined.folding import Block, Key
from prediction_exporter.joined.packing import DamagedRowError, Row, add_packed, pack_rows, seal_of
from prediction_exporter.labels.names import Names
from prediction_exporter.performance import PerformanceLayout

#: Minutes of a day.
DAY = 1440

#: How many keys there may be of all days together; the pairs of any further one count in no series.
MOST_KEYS = 50_000

_BESIDE = ("", 0)
_FETCHED = 5_000


class DamagedMinutesError(Exception):
    """The table of a day does not hold what was put there."""

    def __init__(self, day: int) -> None:
        super().__init__(day)
        self.day = day


class Minutes:
    """What is kept on disk. It follows the steps it is used in, all of which must be committed.

    Args:
        layout: what is counted.

    Attributes:
        pending: days that have to be counted anew, and hold nothing until then.
    """

    def __init__(self, layout: PerformanceLayout) -> None:
        self._layout = layout
        self._extents: dict[int, Extent] = {}
        self._changed: set[int] = set()
        self._keys = Names(MOST_KEYS)
        self._known: dict[int, Key] = {}
        self._known_of = -1
        self.pending: set[int] = set()

    def load(self, step: Step) -> list[int] | None:
        """Take over what is stored, every row of which is read and checked.

        Returns:
            The days whose tables are damaged, which are dropped; None where nothing of this layout is there, and all is.
        """
        stored = {(row.version, row.start): row.profile for row in step.parts(PERFORMANCE)}
        beside = stored.pop(_BESIDE, None)
        told = None if beside is None else json.loads(zlib.decompress(beside))
        if told is None or told["layout"] != self._layout.digest:
            step.drop_parts(PERFORMANCE)
            return None
        self._keys.restore(told["keys"])
        self.pending = set(told["pending"])
        there = tables(step.connection, step.model)
        damaged = [day for day in told["days"] if (PERFORMANCE, day) not in stored]
        for (_, day), extent in sorted(stored.items()):
            self._extents[day] = Extent.from_bytes(extent)
            if self._table(step, day) not in there or not self._is_whole(step, day):
                damaged.append(day)
        for day in damaged:
            self.drop(step, day)
        return sorted(damaged)

    def _table(self, step: Step, day: int) -> str:
        return table_of(step.model, PERFORMANCE, day)

    def _is_whole(self, step: Step, day: int) -> bool:
        rows = seals = 0
        try:
            for row in self._rows(step, day, 0, DAY):
                rows, seals = rows + 1, seals + seal_of(row)
        except DamagedRowError:
            return False
        return (rows, seals) == self._extents[day]

    def days(self) -> list[int]:
        """Return the days that have a table, ascending."""
        return sorted(self._extents)

    def key(self, code: int) -> Key:
        """Return the key of a code."""
        if self._known_of != self._keys.changes:
            self._known = {of: Key(*json.loads(text)) for of, text in self._keys.texts().items()}
            self._known_of = self._keys.changes
        return self._known[code]

    def codes(self, names: Iterable[Key], day: int) -> list[int]:
        """Return the code of each key that rows of days up to this one have; -1 where there are too many."""
        found = (self._keys.code(json.dumps(name), day) for name in names)
        return [-1 if code is None else code for code in found]

    def add(self, step: Step, block: Block) -> Block:
        """Add counts; return those that were taken, whose keys are codes.

        Raises:
            DamagedMinutesError: a row that is there is damaged.
        """
        used = np.unique(block.keys)
        codes = np.full(len(block.names), -1, np.int64)
        codes[used] = self.codes([block.names[key] for key in used.tolist()], int(block.minutes.max()) // DAY)
        keys = codes[block.keys]
        taken = keys >= 0
        if self.pending:
            taken &= ~np.isin(block.minutes // DAY, list(self.pending))
        if not taken.all():
            block, keys = Block(block.minutes[taken], block.keys[taken], block.names, block.counts[taken]), keys[taken]
        days = block.minutes // DAY
        for day in np.unique(days).tolist():
            mine = np.flatnonzero(days == day)
            at = (block.minutes[mine] - day * DAY) << 32 | keys[mine]
            order = np.argsort(at)
            self._put(step, day, at[order].tolist(), block.counts[mine[order]])
        return Block(block.minutes, keys, block.names, block.counts)

    def _put(self, step: Step, day: int, keys: list[int], counts: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> None:
        table = self._table(step, day)
        rows, seals = self._extents.get(day, Extent())
        if day not in self._extents:
            create_table(step.connection, table)
        else:
            places = {key: place for place, key in enumerate(keys)}
            statement = f"SELECT t.key, t.body FROM json_each(?) AS k CROSS JOIN {table} AS t ON t.key = k.value"  # noqa: S608 - a name of this package
            for former in step.connection.execute(statement, (str(keys),)).fetchall():
                rows, seals = rows - 1, seals - self._sealed(former, day)
                add_packed(counts[places[former[0]]], former[1])
        packed = list(pack_rows(keys, counts))
        step.connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", packed)  # noqa: S608 - as above
        self._extents[day] = Extent(rows + len(packed), seals + sum(map(seal_of, packed)))
        self._changed.add(day)

    def _sealed(self, row: Row, day: int) -> int:
        try:
            return seal_of(row)
        except DamagedRowError:
            raise DamagedMinutesError(day) from None

    def _rows(self, step: Step, day: int, first: int, last: int) -> Iterator[Row]:
        statement = f"SELECT key, body FROM {self._table(step, day)} WHERE key >= ? AND key < ? ORDER BY key"  # noqa: S608 - as above
        cursor = step.connection.execute(statement, (first << 32, last << 32))
        while fetched := cursor.fetchmany(_FETCHED):
            yield from fetched

    def scan(self, step: Step, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """Yield the code of the key and the packed counts of each row of the minutes ``[first, last)``.

        Raises:
            DamagedMinutesError: a row is damaged.
        """
        for day in self.days():
            begin, end = max(first - day * DAY, 0), min(last - day * DAY, DAY)
            if begin < end:
                for row in self._rows(step, day, begin, end):
                    self._sealed(row, day)
                    yield row[0] & 0xFFFF_FFFF, row[1]

    def drop(self, step: Step, day: int) -> None:
        """Drop a day."""
        step.connection.execute(f"DROP TABLE IF EXISTS {self._table(step, day)}")
        step.drop_part(PERFORMANCE, day, PERFORMANCE)
        self._extents.pop(day, None)
        self._changed.discard(day)

    def expire(self, step: Step, oldest: int) -> None:
        """Drop the days before one, and the keys that no other has."""
        for day in [day for day in self._extents if day < oldest]:
            self.drop(step, day)
        self.pending = {day for day in self.pending if day >= oldest}
        self._keys.forget_before(min([oldest, *self._extents]))

    def save(self, step: Step) -> None:
        """Put what is beside the tables, before the commit."""
        for day in self._changed:
            step.put_part(PERFORMANCE, day, self._extents[day].to_bytes(), PERFORMANCE)
        self._changed.clear()
        beside = {
            "layout": self._layout.digest,
            "keys": self._keys.to_json(),
            "pending": sorted(self.pending),
            "days": self.days(),
        }
        step.put_part(*_BESIDE, zlib.compress(json.dumps(beside, separators=(",", ":")).encode(), 1), PERFORMANCE)
