"""Days: the tables of one kind, one for each day, as a single one that is asked for many keys at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.profiler import runs
from prediction_exporter.counting.state_days import Extent, create_table, table_of
from prediction_exporter.counting.state_step import Step
from prediction_exporter.labels.filters import Filter, Probe
from prediction_exporter.labels.keys import signed
from prediction_exporter.labels.rows import Keys, Records, bodies, seals

_FETCHED = 20_000


class DamagedDayError(Exception):
    """A table holds what nobody has put there."""

    def __init__(self, kind: str, day: int) -> None:
        super().__init__(kind, day)
        self.kind = kind
        self.day = day


@dataclass(slots=True)
class _Day:
    extent: Extent
    filter: Filter
    turn: int
    changed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Rows that were found.

    Attributes:
        places: intp (n,), the places of their keys among those that were asked for.
        keys: uint64 (n,), these keys.
        days: int64 (n,), the days of their tables.
        records: (n,), the rows.
    """

    places: NDArray[np.intp]
    keys: Keys
    days: NDArray[np.int64]
    records: Records

    def __len__(self) -> int:
        return len(self.places)

    def take(self, wanted: NDArray[np.bool_] | NDArray[np.intp]) -> Found:
        """Return some of them."""
        return Found(self.places[wanted], self.keys[wanted], self.days[wanted], self.records[wanted])


class Days:
    """The tables of one kind of a model. What it knows of them is that of the transaction that it was last used in.

    Args:
        kind: what the rows are of, a word.
        record: type of the rows.
    """

    def __init__(self, kind: str, record: np.dtype[Any]) -> None:
        self.kind = kind
        self.record = record
        self._days: dict[int, _Day] = {}
        self._turns = count()
        self._doubtful: set[int] = set()  # dropped at some time, which may have been undone

    def days(self) -> list[int]:
        """Return the days that have a table, ascending."""
        return sorted(self._days)

    def rows(self, day: int) -> int:
        """Return how many rows a day has."""
        found = self._days.get(day)
        return 0 if found is None else found.extent.rows

    def total(self) -> int:
        """Return how many rows there are."""
        return sum(day.extent.rows for day in self._days.values())

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it takes, mostly."""
        return sum(day.filter.nbytes for day in self._days.values())

    def _table(self, step: Step, day: int) -> str:
        return table_of(step.model, self.kind, day)

    def forget(self, day: int) -> None:
        """Forget a table that is not there."""
        self._days.pop(day, None)

    def load(self, step: Step, day: int, extent: Extent) -> None:
        """Take over a stored table, every row of which is read and checked the first time.

        Raises:
            DamagedDayError: it does not hold what was put there.
        """
        if day in self._days and day not in self._doubtful:  # its filter may know of rows that were not stored, and misses none
            self._days[day] = _Day(extent, self._days[day].filter, next(self._turns))
            return
        known = Filter(extent.rows)
        rows = total = 0
        cursor = step.connection.execute(f"SELECT key, body FROM {self._table(step, day)}")  # noqa: S608 - a name of this package
        while fetched := cursor.fetchmany(_FETCHED):
            keys, records = self._unpacked(fetched, day)
            known.add(Probe(keys))
            rows += len(keys)
            total += int(records["seal"].sum(dtype=np.int64))
        if (rows, total) != extent:
            raise DamagedDayError(self.kind, day)
        self._days[day] = _Day(extent, known, next(self._turns))
        self._doubtful.discard(day)

    def _unpacked(self, fetched: list[tuple[int, bytes]], day: int) -> tuple[Keys, Records]:
        keys = np.fromiter((key for key, _ in fetched), np.int64, len(fetched)).view(np.uint64)
        joined = b"".join([body for _, body in fetched])
        if len(joined) != len(fetched) * self.record.itemsize:
            raise DamagedDayError(self.kind, day)
        records = np.frombuffer(joined, self.record)
        if (records["seal"] != seals(keys, records)).any():
            raise DamagedDayError(self.kind, day)
        return keys, records

    def find(self, step: Step, keys: Keys) -> Found:
        """Return all rows with these keys, which need not differ, by ascending days.

        Raises:
            DamagedDayError: one of them is damaged.
        """
        nothing = Found(np.empty(0, np.intp), np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, self.record))
        if not len(keys):
            return nothing
        order = np.argsort(keys, kind="stable")
        distinct, starts = runs(keys[order])
        probe = Probe(distinct)
        found = [nothing]
        for number in self.days():
            wanted = distinct[self._days[number].filter.may_have(probe)]
            if not len(wanted):
                continue
            rows = self._read(step, number, wanted)
            if not rows:
                continue
            there, records = self._unpacked(rows, number)
            codes = np.searchsorted(distinct, there)
            many = starts[codes + 1] - starts[codes]
            of_row = np.repeat(np.arange(len(codes)), many)
            places = order[np.repeat(starts[codes], many) + np.arange(len(of_row)) - np.repeat(np.cumsum(many) - many, many)]
            found.append(Found(places, there[of_row], np.full(len(places), number), records[of_row]))
        return Found(
            np.concatenate([some.places for some in found]),
            np.concatenate([some.keys for some in found]),
            np.concatenate([some.days for some in found]),
            np.concatenate([some.records for some in found]),
        )

    def read(self, step: Step, day: int, keys: Keys) -> tuple[Keys, Records]:
        """Return the rows of one day with these keys, which differ from each other.

        Raises:
            DamagedDayError: one of them is damaged.
        """
        if day not in self._days:
            return np.empty(0, np.uint64), np.empty(0, self.record)
        return self._unpacked(self._read(step, day, keys), day)

    def _read(self, step: Step, day: int, keys: Keys) -> list[tuple[int, bytes]]:
        asked = str(np.sort(signed(keys)).tolist())  # in the order of the table, whose pages are then read once
        statement = f"SELECT t.key, t.body FROM json_each(?) AS k CROSS JOIN {self._table(step, day)} AS t ON t.key = k.value"  # noqa: S608 - as above
        return step.connection.execute(statement, (asked,)).fetchall()

    def put(self, step: Step, day: int, keys: Keys, records: Records, former: Records | None = None) -> None:
        """Put rows with keys that differ from each other into the table of a day.

        Args:
            step: the transaction.
            day: the day.
            keys: uint64 (n,).
            records: (n,), without their seals.
            former: those rows of the day that these replace, if any; without them no key may be there already.
        """
        if not len(keys):
            return
        table = self._table(step, day)
        if day not in self._days:
            create_table(step.connection, table)
            self._days[day] = _Day(Extent(), Filter(max(len(keys), self._usual(day))), next(self._turns))
        known = self._days[day]
        records = records.copy()
        records["seal"] = seals(keys, records)
        order = np.argsort(signed(keys))
        verb = "INSERT" if former is None else "INSERT OR REPLACE"
        rows = zip(signed(keys)[order].tolist(), bodies(records[order]), strict=True)
        step.connection.executemany(f"{verb} INTO {table} VALUES (?, ?)", rows)
        known.filter.add(Probe(keys))
        replaced, taken = (0, 0) if former is None else (len(former), int(former["seal"].sum(dtype=np.int64)))
        added = int(records["seal"].sum(dtype=np.int64))
        known.extent = Extent(known.extent.rows + len(keys) - replaced, known.extent.seals + added - taken)
        known.turn, known.changed = next(self._turns), True

    def _usual(self, day: int) -> int:
        """Return how many rows a new day may be expected to have: as many as the one before it.

        A filter that is made for them at once errs less than one that grew in parts, each of which errs.
        """
        return self.rows(max((other for other in self._days if other < day), default=day))

    def scan(self, step: Step, day: int, first: int, last: int) -> tuple[Keys, Records]:
        """Return the rows of a day whose keys, as integers, are from ``first`` up to and without ``last``."""
        if day not in self._days:
            return np.empty(0, np.uint64), np.empty(0, self.record)
        statement = f"SELECT key, body FROM {self._table(step, day)} WHERE key >= ? AND key < ? ORDER BY key"  # noqa: S608 - as above
        rows = step.connection.execute(statement, (first, last)).fetchall()
        return self._unpacked(rows, day)

    def pages(self, step: Step, day: int, size: int) -> Iterator[tuple[Keys, Records]]:
        """Yield all rows of a day, so many at a time.

        Raises:
            DamagedDayError: one of them is damaged.
        """
        if day not in self._days:
            return
        cursor = step.connection.execute(f"SELECT key, body FROM {self._table(step, day)}")  # noqa: S608 - as above
        while fetched := cursor.fetchmany(size):
            yield self._unpacked(fetched, day)

    def turns(self) -> dict[int, int]:
        """Return for each day a number that is another one after each change of it."""
        return {number: day.turn for number, day in self._days.items()}

    def drop(self, step: Step, day: int) -> None:
        """Drop the table of a day, with all that it has."""
        step.connection.execute(f"DROP TABLE IF EXISTS {self._table(step, day)}")
        step.drop_part(self.kind, day)
        self._days.pop(day, None)
        self._doubtful.add(day)

    def save(self, step: Step) -> None:
        """Put how much the tables hold that have changed."""
        for number, day in self._days.items():
            if day.changed:
                step.put_part(self.kind, number, day.extent.to_bytes())
                day.changed = False
