"""What is remembered of the bytes that were read of a log: a hash of all of them, and the last ones themselves.

Two contents are the same log only if every byte that was read of one stands in the other at the same place. The hash says so
at the price of one pass over these bytes, without keeping any. It goes on where it stood while a file is read; after a
restart it is made anew by the pass that verifies the file. NULs are left out of it, so that a hole of terabytes costs nothing.

Hashes of earlier places, the *marks*, recognise a copy that ends before the last byte that was read: it was made, then more
was written and read, then the log was truncated.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import xxhash

from prediction_exporter.sources.comparing import HEAD_BYTES, head_of
from prediction_exporter.sources.content import Content, PlainContent

#: Bytes that are hashed at a time.
PASS_BYTES = 256 << 10
#: The last bytes that are kept as they are while a file is open, so that it costs little to see that they still stand in it.
RECENT_BYTES = 16 << 10
#: Bytes before the place where reading begins that are remembered as if they had been read.
BEFORE_BYTES = 64 << 10
#: An open file's bytes are hashed again whenever it has changed, unless they are more than this.
AGAIN_BYTES = 1 << 20
AHEAD_BYTES = 4096
MARKS = 4
#: What a position of version 1 holds digests of.
KILOBYTE = 1024


class Relation(Enum):
    """How a content stands to what is remembered."""

    SAME = "holds all of it"
    PART = "begins like it and ends within it"
    OTHER = "is something else, or too little is known to tell"


@dataclass(frozen=True, slots=True)
class Edges:
    """What a position of version 1 holds: digests of the first kilobyte and of the one before the offset."""

    head_length: int
    head: str
    anchor: str

    def stand_in(self, content: Content, offset: int) -> bool:
        """Return whether a content has both."""
        length = min(offset, KILOBYTE)
        head = content.read_at(0, self.head_length)
        before = content.read_at(offset - length, length)
        return (
            len(head) == self.head_length
            and len(before) == length
            and (not head or _digest_1(head) == self.head)
            and (not before or _digest_1(before) == self.anchor)
        )


def _without_nuls(data: bytes, length: int) -> bytes | memoryview:
    """Return the first bytes of some, so many, without NULs; where there are none, without a copy."""
    return memoryview(data)[:length] if data.find(b"\0", 0, length) < 0 else data[:length].replace(b"\0", b"")


def _digest_1(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


@dataclass(slots=True)
class Memory:
    """The bytes of a stream from ``since`` up to ``offset``.

    Attributes:
        since: where remembering begins: 0, or a little before the place where reading began.
        offset: how many bytes were delivered or skipped.
        digest: hash of the bytes between the two.
        marks: earlier offsets with the hash of the bytes up to them, ascending, closer together towards the offset.
        recent: the last of these bytes; empty while nothing is open.
        ahead: the first bytes of a file of which nothing was read yet, so that it is not confused with what replaces them.
        first: what the first line is, in short; empty where that is not known.
        edges: what is known instead of all this from an older position.
    """

    since: int = 0
    offset: int = 0
    digest: str = field(default_factory=lambda: xxhash.xxh3_128().hexdigest())
    marks: list[tuple[int, str]] = field(default_factory=list)
    recent: bytes = b""
    ahead: bytes = b""
    first: str = ""
    edges: Edges | None = None
    _hash: xxhash.xxh3_128 | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is remembered, so that nothing can be told apart by it."""
        return self.offset == self.since and self.edges is None

    @property
    def head(self) -> str:
        """What the first line is, in short, also where it was not read yet; empty where that is not known."""
        return self.first or (head_of(self.ahead) if not self.offset else "")

    def begin(self, content: Content, offset: int) -> None:
        """Begin at a place of a content; at its beginning if it has become shorter than that."""
        since = max(offset - BEFORE_BYTES, 0)
        before = content.read_at(since, offset - since)
        if len(before) < offset - since:
            since, before = 0, b""
        self.since = self.offset = since
        self.marks, self.recent, self.edges, self._hash = [], b"", None, xxhash.xxh3_128()
        self._take(before, len(before))

    def look_ahead(self, content: Content) -> None:
        """Remember the first bytes of a content, where nothing was read of it."""
        if self.empty and len(self.ahead) < AHEAD_BYTES:
            self.ahead = content.read_at(self.offset, AHEAD_BYTES).rstrip(b"\0")  # lines may yet be written over NULs

    def advance(self, data: bytes, length: int) -> None:
        """Remember more bytes: the first of some that follow the offset, so many."""
        self._advance(data, length)

    def leap(self, position: int) -> None:
        """Remember the NULs between the offset and a position behind it."""
        length = position - self.offset
        self._advance(bytes(min(length, RECENT_BYTES)), length)

    def _advance(self, data: bytes, length: int) -> None:
        if self.offset > self.since:
            self.marks.append((self.offset, self.digest))
        self._take(data, length)
        kept, reach = [], 1
        for mark in reversed(self.marks):
            if self.offset - mark[0] >= reach:
                kept.append(mark)
                reach = 2 * (self.offset - mark[0])
        self.marks = kept[:MARKS][::-1]

    def _take(self, data: bytes, length: int) -> None:
        """Take the first bytes of some, so many; of a longer run of NULs, the last ones are given."""
        if self._hash is None:
            if self.offset > self.since:
                raise ValueError("what was read before must be verified first")
            self._hash = xxhash.xxh3_128()
        if not self.offset:
            self.first = head_of(data[: min(length, HEAD_BYTES)])
        self._hash.update(_without_nuls(data, length))
        self.digest = self._hash.hexdigest()
        self.offset += length
        end = min(length, len(data))
        self.recent = (self.recent + data[max(end - RECENT_BYTES, 0) : end])[-RECENT_BYTES:]
        self.ahead = b""

    def stands_in(self, content: PlainContent, following: bytes = b"") -> bool:
        """Return whether an open file still holds the recent bytes, and those ``following`` them that were just read."""
        recent, start = self.recent, following[:AHEAD_BYTES] or self.ahead
        if content.read_at(self.offset - len(recent), len(recent) + len(start)) != recent + start:
            return False
        return content.length() >= self.offset + len(following)  # last: it may be truncated before each call

    def check(self, content: Content) -> Relation:
        """Compare all of it with a content, in one pass over that; where it is the same, reading can go on in it."""
        if self.edges is not None:
            if not self.edges.stand_in(content, self.offset):
                return Relation.OTHER
            self.begin(content, self.offset)
            return Relation.SAME
        if self.ahead and content.read_at(self.offset, len(self.ahead)) != self.ahead:
            return Relation.OTHER
        hashed, at, matched, recent = xxhash.xxh3_128(), self.since, self.since, b""
        for end, digest in (*self.marks, (self.offset, self.digest)):
            while at < end:
                data = min(content.next_data(at), end) if isinstance(content, PlainContent) else at  # behind a hole
                block = content.read_at(data, min(end - data, PASS_BYTES))
                hashed.update(_without_nuls(block, len(block)))
                recent = (recent + bytes(min(data - at, RECENT_BYTES)) + block)[-RECENT_BYTES:]
                at = data + len(block)
                if at < end and not block:
                    return self._check_end(content, at, matched)
            if hashed.hexdigest() != digest:
                return Relation.OTHER
            matched = end
        self._hash, self.recent = hashed, recent
        return Relation.SAME

    def _check_end(self, content: Content, end: int, matched: int) -> Relation:
        """Compare a content that ends at ``end`` behind the mark ``matched``."""
        begin = max(self.offset - len(self.recent), matched)
        known = self.recent[len(self.recent) - (self.offset - begin) :][: max(end - begin, 0)]
        if end > begin and content.read_at(begin, len(known)) != known:
            return Relation.OTHER
        whole = begin == matched and end > self.since  # every byte of it was compared
        return Relation.PART if whole or matched > self.since else Relation.OTHER

    def rest(self) -> None:
        """Keep only what a position keeps, while the file is closed."""
        self.recent, self.ahead, self._hash = b"", b"", None

    def to_json(self) -> dict[str, Any]:
        """Return what must survive a restart."""
        if self.edges is not None:
            edges = self.edges
            return {"offset": self.offset, "edges": [edges.head_length, edges.head, edges.anchor]}
        optional = {"since": self.since, "first": self.first, "marks": [list(mark) for mark in self.marks]}
        return {
            "offset": self.offset,
            **({} if self.empty else {"digest": self.digest}),
            **{key: value for key, value in optional.items() if value},
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Memory:
        """Return what ``to_json`` described, of this version or of version 1."""
        offset = state["offset"]
        if "edges" in state:
            length, head, anchor = state["edges"]
            return cls(offset=offset, edges=Edges(length, head, anchor))
        if "anchor" in state:
            length, head = state["head"]
            return cls(offset=offset, edges=Edges(length, head, state["anchor"]) if offset else None)
        marks = [(mark[0], mark[1]) for mark in state.get("marks", ())]
        since = state.get("since", 0)
        known = {"digest": state["digest"]} if offset > since else {}
        return cls(since=since, offset=offset, marks=marks, first=state.get("first", ""), **known)
