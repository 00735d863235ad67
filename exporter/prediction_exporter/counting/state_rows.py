"""Rows of the state file, and how one tells that they are what was written.

Every row carries a checksum of all it holds. What a row cannot tell is that another one is missing, or is an older one: so a
model's row has a :class:`Manifest` of its buckets, and the file a list of its models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

#: Raised when the tables change. Files of the versions before are brought to this one when they are opened.
SCHEMA_VERSION = 2

#: Rows of models longer than this have no spare: a position in thousands of files would be written twice at every commit.
SPARE_CHARACTERS = 1 << 18

_OF_A_TIME = 2  # parts of the key of such a sum: the window and the start

#: Tables have their keys as their only order, and are created in this order: so every file's first page is much the same.
TABLES = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,         -- JSON
    checksum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE model (
    name TEXT PRIMARY KEY,
    source TEXT NOT NULL,        -- what the position belongs to: another log starts afresh
    position TEXT,
    counters TEXT NOT NULL,      -- JSON
    manifest TEXT NOT NULL,      -- JSON: which buckets belong to it
    checksum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE spare (             -- the same once more, on other pages: one that is damaged must not cost the position
    name TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    position TEXT,
    counters TEXT NOT NULL,
    manifest TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE bucket (
    model TEXT NOT NULL,
    layout TEXT NOT NULL,        -- digest: counts of other bins are of no use
    version TEXT NOT NULL,
    segment TEXT NOT NULL,
    window TEXT NOT NULL,
    start INTEGER NOT NULL,      -- seconds since the epoch
    checksum INTEGER NOT NULL,
    profile BLOB NOT NULL,
    PRIMARY KEY (model, version, segment, window, start)
) STRICT, WITHOUT ROWID;
"""


def checksum(*values: str | int | bytes | None) -> int:
    """Return what tells a row from one that was damaged: 64 bits, signed as SQLite has them.

    >>> checksum("a", 1, b"") == checksum("a", 1, b""), checksum("a", 1, b"") == checksum("a", 2, b"")
    (True, False)
    """
    text = "\0".join([str(value) for value in values if not isinstance(value, bytes)])
    hashed = hashlib.blake2b(text.encode(errors="replace"), digest_size=8)
    for value in values:
        if isinstance(value, bytes):
            hashed.update(value)
    return int.from_bytes(hashed.digest(), "little", signed=True)


class MetaRow(NamedTuple):
    """Something that is told of the whole file."""

    key: str
    value: str
    checksum: int

    @classmethod
    def of(cls, key: str, value: object) -> MetaRow:
        """Return a row with its checksum."""
        text = json.dumps(value)
        return cls(key, text, checksum(key, text))

    @property
    def is_whole(self) -> bool:
        """Whether it is what was written."""
        return self.checksum == checksum(*self[:-1])


class ModelRow(NamedTuple):
    """A model's position, its counters, and which buckets belong to it."""

    name: str
    source: str
    position: str | None
    counters: str
    manifest: str
    checksum: int

    @classmethod
    def of(cls, name: str, source: str, position: str | None, counters: str, manifest: Manifest) -> ModelRow:
        """Return a row with its checksum."""
        text = manifest.to_text()
        return cls(name, source, position, counters, text, checksum(name, source, position, counters, text))

    @property
    def has_spare(self) -> bool:
        """Whether it is written twice."""
        return len(self.position or "") + len(self.counters) <= SPARE_CHARACTERS

    @property
    def is_whole(self) -> bool:
        """Whether it is what was written."""
        return self.checksum == checksum(*self[:-1])


class BucketKey(NamedTuple):
    """What a bucket is of."""

    model: str
    layout: str
    version: str
    segment: str
    window: str
    start: int


class BucketRow(NamedTuple):
    """A bucket of a window."""

    model: str
    layout: str
    version: str
    segment: str
    window: str
    start: int
    checksum: int
    profile: bytes

    @classmethod
    def of(cls, key: BucketKey, profile: bytes) -> BucketRow:
        """Return a row with its checksum."""
        return cls(*key, checksum(*key, profile), profile)

    @property
    def is_whole(self) -> bool:
        """Whether it is what was written."""
        return self.checksum == checksum(*self[:6], self.profile)

    @property
    def sums(self) -> BucketSums:
        """The sums that it is counted in."""
        return BucketSums.of(self.window, self.start, self.version, self.segment)


class BucketSums(NamedTuple):
    """The two sums of a manifest that a bucket is counted in."""

    time: tuple[str, ...]
    ring: tuple[str, ...]

    @classmethod
    def of(cls, window: str, start: int, version: str, segment: str) -> BucketSums:
        """Return the sums of a bucket."""
        return cls((window, str(start)), (window, version, segment))


@dataclass(slots=True)
class Manifest:
    """Which buckets belong to a model, told by sums of them: how many there are, and the exclusive or of their checksums.

    There is a sum for each time of a window, and one for each window of a version and segment. A bucket belongs to the model
    where either of its sums is right. Where one is missing, damaged or out of date, both of its sums are wrong, and mostly no
    others: so the rest is told to be whole. The size is that of the windows plus that of the segments.
    """

    sums: dict[tuple[str, ...], tuple[int, int]] = field(default_factory=dict)

    def add(self, row: BucketRow) -> None:
        """Count a bucket in."""
        for key in row.sums:
            buckets, checksums = self.sums.get(key, (0, 0))
            self.sums[key] = buckets + 1, checksums ^ row.checksum

    def remove(self, sums: Iterable[tuple[str, ...]], of_bucket: int) -> None:
        """Take a bucket out that was counted in, by its sums and its checksum."""
        for key in sums:
            buckets, checksums = self.sums.pop(key, (0, 0))
            left = buckets - 1, checksums ^ of_bucket
            if left != (0, 0):
                self.sums[key] = left

    def copy(self) -> Manifest:
        """Return the same, to be changed."""
        return Manifest(dict(self.sums))

    def windows(self) -> dict[str, int]:
        """Return the windows that there are buckets of, and the start of the oldest one."""
        oldest: dict[str, int] = {}
        for window, *start in self.sums:
            if len(start) == 1:
                oldest[window] = min(int(start[0]), oldest.get(window, int(start[0])))
        return oldest

    def buckets(self) -> int:
        """Return how many buckets there are."""
        return sum(buckets for key, (buckets, _) in self.sums.items() if len(key) == _OF_A_TIME)

    def unlike(self, other: Manifest) -> Iterator[BucketSums]:
        """Yield the sums of the buckets that cannot be told to belong to both, whether they exist or not."""
        wrong = [key for key in self.sums.keys() | other.sums.keys() if self.sums.get(key) != other.sums.get(key)]
        for time in wrong:
            if len(time) == _OF_A_TIME:
                yield from (BucketSums(time, ring) for ring in wrong if len(ring) != _OF_A_TIME and ring[0] == time[0])

    def to_text(self) -> str:
        """Return it as JSON.

        >>> manifest = Manifest()
        >>> manifest.add(BucketRow("m", "", "1", "all", "1h", 60, 7, b""))
        >>> manifest.to_text()
        '[["1h","60",1,7],["1h","1","all",1,7]]'
        """
        return json.dumps([(*key, *of_key) for key, of_key in self.sums.items()], separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Manifest:
        """Return what :meth:`to_text` gave."""
        return cls({tuple(key): (buckets, checksums) for *key, buckets, checksums in json.loads(text)})
