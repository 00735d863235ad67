"""Entities: how many rows each has of what the rows belong to - a customer, a session, a device - as a mergeable sketch.

Rows of one entity resemble each other, so they say less than as many independent ones. How much less at most, where all of an
entity's rows are alike, is Kish's: n rows of entities with m each count as ``sum(m) ** 2 / sum(m ** 2)``.

A sketch keeps the entities whose hashes are the smallest (bottom-k), each with the exact number of its rows. Whoever is among
the smallest of a whole is among the smallest of each part that it is in, so sketches add up exactly, in any order. Hashes say
nothing of sizes, so the kept ones are a fair sample of all. No value is kept, only its hash.

References:
    Kish, Survey Sampling, 1965.
    Cohen, Kaplan, Summarizing data using bottom-k sketches, 2007.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.answers import served
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profiler import ALL, Key, bucket_codes, runs, version_codes

Hashes = NDArray[np.uint64]

#: Entities that a sketch keeps at most, 16 bytes each. Where few of them have most of the rows these few must be among the kept
#: ones: of sessions of 1 to 2,000 rows, 1,024 let five alarms in four months through that were none, and 4,096 no one.
KEPT = 4096

#: Of the hash.
SEED = 0x5EED_0F_E177

#: What stands for no entity, and is no hash.
NOBODY = 0

#: Texts that loggers write where there is no entity: as one they would be a giant.
NOBODIES = ("", "null", "NULL", "None", "none", "nil", "undefined", "nan", "NaN", "NaT", "<NA>")


def entity_hashes(texts: pl.Series) -> Hashes:
    """Return the hash of each text of a String series, :data:`NOBODY` where it is null, an object or a list."""
    hashes = texts.hash(SEED).to_numpy().copy()
    hashes[hashes == NOBODY] = 1
    containers = texts.str.starts_with("[") | texts.str.starts_with("{")
    if texts.null_count() or containers.any():
        hashes[containers.fill_null(value=True).to_numpy()] = NOBODY
    return hashes


@cache
def fingerprint() -> str:
    """Return what tells this hash from others: that of another release of polars may differ."""
    return format(int(entity_hashes(pl.Series(["entity"]))[0]), "016x")


@cache
def _nobodies() -> Hashes:
    return np.sort(entity_hashes(pl.Series(NOBODIES)))


@dataclass(frozen=True, slots=True, eq=False)
class Entities:
    """How many rows entities have. ``a + b`` is the sketch of both's rows together.

    Attributes:
        hashes: uint64 (n,), of the kept entities, ascending.
        counts: int64 (n,), rows of each.
        rows: rows of all entities, kept or not.
        alone: rows that name no entity: each counts as one of its own.
    """

    hashes: Hashes
    counts: NDArray[np.int64]
    rows: int = 0
    alone: int = 0

    @classmethod
    def empty(cls) -> Entities:
        """Return the sketch of no rows."""
        return cls(np.empty(0, np.uint64), np.empty(0, np.int64))

    @classmethod
    def of(cls, hashes: Hashes) -> Entities:
        """Return the sketch of rows, by the hash of each one's entity."""
        ordered = np.sort(hashes)
        ordered = ordered[np.searchsorted(ordered, NOBODY, side="right") :]
        distinct, bounds = runs(ordered) if len(ordered) else (ordered, np.zeros(1, np.intp))
        counts = np.diff(bounds).astype(np.int64)
        known = np.searchsorted(distinct, _nobodies())
        known = known[known < len(distinct)]
        nobodies = known[np.isin(distinct[known], _nobodies())]
        if len(nobodies):
            distinct, counts = np.delete(distinct, nobodies), np.delete(counts, nobodies)
        rows = int(counts.sum())
        return cls(distinct[:KEPT].copy(), counts[:KEPT].copy(), rows, len(hashes) - rows)

    def __add__(self, other: Entities) -> Entities:
        rows, alone = self.rows + other.rows, self.alone + other.alone
        if not len(self.hashes) or not len(other.hashes):
            some = self if len(self.hashes) else other
            return Entities(some.hashes, some.counts, rows, alone)
        both = np.concatenate((self.hashes, other.hashes))
        order = np.argsort(both, kind="stable")  # two runs, which are merged
        distinct, bounds = runs(both[order])
        counts = np.add.reduceat(np.concatenate((self.counts, other.counts))[order], bounds[:-1])
        return Entities(distinct[:KEPT].copy(), counts[:KEPT].copy(), rows, alone)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self.hashes.nbytes + self.counts.nbytes

    @property
    def total(self) -> int:
        """Rows of all, those without an entity included."""
        return self.rows + self.alone

    @property
    def squares(self) -> float:
        """Sum of the squared rows of each entity: exact as long as all are kept, and else estimated from those that are."""
        kept = float(self.counts.sum())
        if not kept:
            return float(self.alone)
        return float(np.square(self.counts, dtype=np.float64).sum()) / kept * self.rows + self.alone

    @property
    def effective(self) -> float:
        """Rows that are independent, where all rows of an entity are alike (Kish); NaN without a row.

        >>> two_of_a_and_two_alone = entity_hashes(pl.Series(["a", "a", "b", None]))
        >>> round(Entities.of(two_of_a_and_two_alone).effective, 3)
        2.667
        """
        return self.total**2 / self.squares if self.total else float("nan")

    @property
    def dependence(self) -> float:
        """Rows that stand for one that is independent, at least 1; 1 without a row."""
        return max(self.squares / self.total, 1.0) if self.total else 1.0


def entities_of(
    events: Events, *, seconds: int, wider: Sequence[tuple[int, int]] = (), layout: Layout | None = None
) -> dict[Key, Entities]:
    """Return the sketch of each version and slice of events whose source tells entities; what made no prediction is in none.

    Args:
        events: the events.
        seconds: length of a slice.
        wider: how wide the buckets are that older events are folded in, see :meth:`Profiler.fold`.
        layout: the columns that tell whether a prediction was made; without them each request that did not fail made one.
    """
    hashes = events.entities
    kept = np.flatnonzero(served(events, layout)) if hashes is not None else ()
    if hashes is None or not len(kept):
        return {}
    versions, version_code = version_codes(events.versions)
    wide = [(before, width) for before, width in wider if width > seconds]
    starts, start_code = bucket_codes(events.times, seconds, wide)
    groups = start_code * len(versions) + version_code
    if len(kept) < len(groups):
        groups, hashes = groups[kept], hashes[kept]
    if np.any(groups[1:] < groups[:-1]):
        order = np.argsort(groups, kind="stable")
        groups, hashes = groups[order], hashes[order]
    present, bounds = runs(groups)
    found = {}
    for place, group in enumerate(present.tolist()):
        start, version = divmod(group, len(versions))
        found[Key(versions[version], ALL, int(starts[start]))] = Entities.of(hashes[bounds[place] : bounds[place + 1]])
    return found


def to_arrays(sketches: Sequence[Entities]) -> tuple[list[list[int]], dict[str, NDArray[Any]]]:
    """Return sketches as numbers and arrays, side by side, for the state file."""
    numbers = [[len(sketch.hashes), sketch.rows, sketch.alone] for sketch in sketches]
    empty = Entities.empty()
    return numbers, {
        "entity hashes": np.concatenate([empty.hashes, *(sketch.hashes for sketch in sketches)]),
        "entity counts": np.concatenate([empty.counts, *(sketch.counts for sketch in sketches)]),
    }


def from_arrays(numbers: Sequence[Sequence[int]], arrays: Mapping[str, NDArray[Any]]) -> list[Entities]:
    """Return the sketches that :func:`to_arrays` was given."""
    ends = np.cumsum([kept for kept, _, _ in numbers])
    hashes, counts = arrays["entity hashes"], arrays["entity counts"]
    return [
        Entities(hashes[end - kept : end], counts[end - kept : end], rows, alone)
        for (kept, rows, alone), end in zip(numbers, ends.tolist(), strict=True)
    ]
