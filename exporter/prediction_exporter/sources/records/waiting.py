"""What waits for its other half between two commits in memory, and from then on in the state file.

A commit puts what still waits, and drops what does not any more, in the transaction of the source's position: so each pair is
counted once, whenever the process dies. What is known of all that waits is in memory, 17 bytes a half; its lines are read back
when their other half comes.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import NamedTuple

import numpy as np

from prediction_exporter.counting.state_days import HALVES
from prediction_exporter.counting.state_kept import Kept
from prediction_exporter.counting.state_step import Step
from prediction_exporter.sources.base import Rejected, Waiting
from prediction_exporter.sources.layouts.base import SIDES, Half, Side
from prediction_exporter.sources.records.chunks import CHUNK_BYTES, Chunk, Entry, cut, names_of, pack
from prediction_exporter.sources.records.halves import ALONE, Pair, pair_of
from prediction_exporter.sources.records.index import Index, Part

logger = logging.getLogger(__name__)

#: Bytes of lines that wait in memory, from which on they are to be put, and what each of them takes beside its own bytes.
FRESH_BYTES = 16 << 20
_FRESH_BESIDE = 500

#: Chunks that are kept in memory when they were read.
_CACHED = 16

#: A chunk with less than this share is put together with its neighbours.
_SMALL = CHUNK_BYTES // 4


class _Fresh(NamedTuple):
    """A half that came since the last commit: its id, its side, its line, and when."""

    name: str
    side: Side
    line: bytes
    since: int

    @property
    def size(self) -> int:
        """What it counts for in memory."""
        return len(self.line) + len(self.name) + _FRESH_BESIDE


@dataclass(slots=True)
class _Size:
    """How large a chunk is: its lines, and itself in the state file."""

    lines: int
    stored: int


class WaitingHalves:
    """Lets halves wait for each other.

    Args:
        kept: gives what the state file has.
        within: seconds that a half waits.
        most: bytes of chunks in the state file; the oldest are given up beyond it.
        clock: Unix time.
    """

    def __init__(self, kept: Kept, *, within: float, most: int, clock: Callable[[], float]) -> None:
        self._kept = kept
        self._within = within
        self._most = most
        self._clock = clock
        # By id, the oldest first: of two with the same id either they are of both sides and wait no more, or one is pushed out.
        self._fresh: dict[str, _Fresh] = {}
        self._fresh_bytes = 0
        # What was done since the beginning: a half of the state file was taken, by its place, a fresh one was, or one was
        # added, by its id. Tuples of both would be collected as garbage for longer than all else here takes.
        self._undone: list[int | _Fresh | str] = []
        self._sizes: dict[int, _Size] = {}  # by number, the oldest first
        self._index = Index()
        self._read: OrderedDict[int, Chunk] = OrderedDict()
        self._forgets = False

    @property
    def is_full(self) -> bool:
        """Whether as much has come as is to be kept in memory."""
        return self._fresh_bytes >= FRESH_BYTES

    def waiting(self) -> Waiting:
        """Return how much waits."""
        requests = sum(fresh.side == SIDES[0] for fresh in self._fresh.values())
        stored = self._index.by_side(~self._index.gone)
        size = sum(size.stored for size in self._sizes.values())
        return Waiting(requests + stored[0], len(self._fresh) - requests + stored[1], size)

    # What comes

    def begin(self) -> None:
        """Begin with lines that are read again together, if they are."""
        self._undone = []

    def meet(self, halves: Sequence[Half], lines: Sequence[bytes], rejected: Rejected) -> list[Pair]:
        """Let halves find each other; see :class:`.halves.Halves`.

        Raises:
            StateError: what waits cannot be read back.
        """
        since = int(self._clock())
        stored = self._stored(halves)
        found: list[Pair] = []
        for place, ((name, side), line) in enumerate(zip(halves, lines, strict=True)):
            fresh = self._fresh.get(name)
            if fresh is not None:
                self._take_fresh(fresh)
                if fresh.side != side:
                    found.append(pair_of(side, line, fresh.line))
                    continue
                rejected.add("same_id", example=f"a {side} whose id a later one has, too")
            elif place in stored:
                own, partner, other = stored[place]
                if other is not None and self._take_stored(partner):
                    found.append(pair_of(side, line, other))
                    continue
                if own >= 0 and self._take_stored(own):
                    rejected.add("same_id", example=f"a {side} whose id a later one has, too")
            self._add(_Fresh(name, side, line, since))
        return found

    def _stored(self, halves: Sequence[Half]) -> dict[int, tuple[int, int, bytes | None]]:
        """Return of those halves that the state file knows something of, by their places, where they and their others stand.

        There is a line where the other half waits; that is read chunk by chunk.
        """
        if not (len(self._index.keys) and halves):
            return {}
        keys, checks = names_of(halves)
        own, other = self._index.find(keys), self._index.find(keys ^ np.uint64(1))
        found: dict[int, tuple[int, int, bytes | None]] = {
            place: (int(own[place]), -1, None) for place in np.flatnonzero((own >= 0) & (other < 0)).tolist()
        }
        places = np.flatnonzero(other >= 0)
        chunks = self._index.chunks[other[places]]
        for number in np.unique(chunks).tolist():
            among = places[chunks == number]
            lines = self._chunk(number).lines(keys[among] ^ np.uint64(1), checks[among])
            for place, line in zip(among.tolist(), lines, strict=True):
                found[place] = int(own[place]), int(other[place]), line
        return found

    def _chunk(self, number: int) -> Chunk:
        """Return a chunk, which is kept for the next time."""
        found = self._read.get(number)
        if found is None:
            found = Chunk(self._kept.read(number))
            if not found.has(self._index.of(number)):
                self._kept.refuse()
            while len(self._read) >= _CACHED:
                self._read.popitem(last=False)
            self._read[number] = found
        self._read.move_to_end(number)
        return found

    def _add(self, fresh: _Fresh) -> None:
        self._fresh[fresh.name] = fresh
        self._fresh_bytes += fresh.size
        self._undone.append(fresh.name)

    def _take_fresh(self, fresh: _Fresh) -> None:
        del self._fresh[fresh.name]
        self._fresh_bytes -= fresh.size
        self._undone.append(fresh)

    def _take_stored(self, place: int) -> bool:
        """Take a half out that the state file has; return whether it was still there."""
        if self._index.gone[place]:
            return False
        self._index.gone[place] = True
        self._undone.append(place)
        return True

    def undo(self) -> None:
        """Take back what happened since the beginning: the lines will be read again."""
        for done in reversed(self._undone):
            if isinstance(done, int):
                self._index.gone[done] = False
            elif isinstance(done, str):
                self._fresh_bytes -= self._fresh.pop(done).size
            else:
                self._fresh[done.name] = done
                self._fresh_bytes += done.size
        self._undone = []

    # What goes

    def expire(self, began: float) -> Rejected:
        """Give up what was read longer ago than it may wait, at a time up to which all is read that was there."""
        self._undone = []
        rejected = Rejected()
        limit = began - self._within
        if limit <= 0:
            return rejected
        late = ~self._index.gone & (self._index.since < limit)
        if late.any():
            self._refuse(rejected, self._index.by_side(late), int(self._index.since[late].min()))
            self._index.gone |= late
        for fresh in [one for one in self._fresh.values() if one.since < limit]:
            del self._fresh[fresh.name]
            self._fresh_bytes -= fresh.size
            self._refuse(rejected, (int(fresh.side == SIDES[0]), int(fresh.side == SIDES[1])), fresh.since)
        return rejected

    def _refuse(self, rejected: Rejected, by_side: tuple[int, int], since: int) -> None:
        read = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M:%S")
        for side, count in zip(SIDES, by_side, strict=True):
            rejected.add(ALONE[side], count, example=f"a {side} read {read} UTC")

    # From and to the state file

    def restore(self, *, resumed: bool) -> None:
        """Begin with what the state file has.

        Raises:
            StateError: it cannot be read.
        """
        self._fresh, self._fresh_bytes, self._undone = {}, 0, []
        self._sizes, self._index = {}, Index()
        self._read.clear()
        there: list[Part] = []
        for number in self._kept.numbers():
            data = self._kept.read(number)
            chunk = Chunk(data)
            self._sizes[number] = _Size(chunk.size, len(data))
            there.append(Part(number, chunk.keys, chunk.since))
        self._index.replace((), there)
        self._forgets = not resumed

    def put(self, step: Step) -> Rejected:
        """Put what waits now, and drop what does not any more; return what was given up for want of room.

        After a commit that failed, this is of no use any more.
        """
        step.keep_halves()
        rejected = Rejected()
        self._undone = []
        if self._forgets:
            self._forget(step, rejected)
        left = self._index.left()
        last = max(self._sizes, default=-1)
        runs = list(self._runs())
        fresh = self._take_all_fresh()
        if fresh and not (runs and runs[-1][-1] == last):
            runs.append([])
        written: list[Part] = []
        for place, run in enumerate(runs):
            written += self._rewrite(step, run, left, fresh if place == len(runs) - 1 and (not run or run[-1] == last) else ())
        self._index.replace([number for run in runs for number in run], written)
        self._make_room(step, rejected)
        return rejected

    def _forget(self, step: Step, rejected: Rejected) -> None:
        """Drop what belongs to lines that are not read on: another log begins."""
        self._forgets = False
        if not self._sizes:
            return
        waits = ~self._index.gone
        logger.warning("%d requests and responses of another source are given up", int(waits.sum()))
        for side, count in zip(SIDES, self._index.by_side(waits), strict=True):
            rejected.add(ALONE[side], count, example=f"a {side} of another source")
        step.drop_parts(HALVES)
        self._sizes, self._index = {}, Index()
        self._read.clear()

    def _take_all_fresh(self) -> list[Entry]:
        waiting = sorted(self._fresh.values(), key=lambda fresh: fresh.since)  # what was taken back came last
        self._fresh, self._fresh_bytes = {}, 0
        keys, checks = names_of([Half(fresh.name, fresh.side) for fresh in waiting])
        return [
            Entry(key, check, fresh.since, fresh.line)
            for key, check, fresh in zip(keys.tolist(), checks.tolist(), waiting, strict=True)
        ]

    def _runs(self) -> Iterator[list[int]]:
        """Yield the numbers of chunks that are to be written together: those with gaps, and small ones beside them."""
        touched = self._index.touched()
        last = max(self._sizes, default=-1)
        run: list[int] = []
        for number, size in sorted(self._sizes.items()):
            is_part = number in touched or size.lines < _SMALL
            if is_part:
                run.append(number)
            if run and (not is_part or number == last):
                grows = is_part and self._fresh
                if grows or len(run) > 1 or run[0] in touched:
                    yield run
                run = []

    def _rewrite(self, step: Step, run: Sequence[int], left: Container[int], fresh: Iterable[Entry]) -> list[Part]:
        """Put what is left of some chunks, and what is fresh behind it, in their place."""
        written: list[Part] = []
        free = list(run)
        for piece in cut(chain(self._left_of(step, [number for number in run if number in left]), fresh)):
            # The pieces of old chunks are no more than these were, and each ends behind the chunk in whose place it comes.
            number = free.pop(0) if free else max(self._sizes, default=-1) + 1
            data = pack(piece)
            step.put_part("", number, data, HALVES)
            self._sizes[number] = _Size(sum(entry.size for entry in piece), len(data))
            keys = np.array([entry.key for entry in piece], np.uint64)
            written.append(Part(number, keys, np.array([entry.since for entry in piece], np.uint32)))
        for number in free:
            step.drop_part("", number, HALVES)
            del self._sizes[number]
        for number in run:
            self._read.pop(number, None)
        return written

    def _left_of(self, step: Step, numbers: Iterable[int]) -> Iterator[Entry]:
        for number in numbers:
            data = step.part("", number, HALVES)
            if data is None:
                raise self._kept.damage()
            chunk = Chunk(data)
            if not chunk.has(self._index.of(number)):
                raise self._kept.damage()
            waits = self._index.find(chunk.keys) >= 0
            yield from chunk.entries(waits)

    def _make_room(self, step: Step, rejected: Rejected) -> None:
        size = sum(size.stored for size in self._sizes.values())
        if size <= self._most:
            return
        left = self._index.left()
        dropped: list[int] = []
        for number in sorted(self._sizes):
            if size <= self._most:
                break
            size -= self._sizes.pop(number).stored
            rejected.add("no_room", left[number], example="one of the oldest")
            step.drop_part("", number, HALVES)
            self._read.pop(number, None)
            dropped.append(number)
        self._index.replace(dropped, ())
