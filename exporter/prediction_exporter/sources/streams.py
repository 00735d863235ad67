"""A stream: the bytes of one log file from its creation to its end, whatever names and copies it gets in between.

A stream is known by device and inode, verified by what was seen of its bytes: a digest of its first kilobyte (of what
there is of it, extended while the file is shorter) and one of the kilobyte before the offset. So a file that was
truncated and has grown beyond the offset since, or a new file with the inode of a deleted one, is not taken for the old
stream; and the old stream is found again in a renamed, copied or compressed file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import Any

from prediction_exporter.sources.content import Content, PlainContent
from prediction_exporter.sources.discovery import File, FileId, family
from prediction_exporter.sources.wrappers import Wrapper

HEAD_BYTES = 1024


def digest(data: bytes | memoryview) -> str:
    """Return a digest that tells contents apart."""
    return hashlib.blake2b(data, digest_size=12).hexdigest()


class Relation(Enum):
    """How a file's content stands to a stream."""

    SAME = "holds all that was read of the stream"
    SHORTER = "begins like the stream and ends before the offset"
    OTHER = "is something else"


@dataclass(frozen=True, slots=True)
class Head:
    """The first bytes of a stream, at most :data:`HEAD_BYTES`.

    Attributes:
        length: how many bytes were seen.
        digest: their digest.
        raw: the bytes themselves; unknown (``None``) after a restart until the stream is seen again, for they are not stored.
    """

    length: int = 0
    digest: str = ""
    raw: bytes | None = None

    @classmethod
    def of(cls, raw: bytes) -> Head:
        """Return the head that consists of these bytes."""
        return cls(len(raw), digest(raw), raw)

    def begins_like(self, start: bytes) -> bool:
        """Return whether a content that starts like this is the same as far as both are known."""
        if len(start) >= self.length:
            return not self.length or digest(start[: self.length]) == self.digest
        return self.raw is not None and self.raw.startswith(start)


@dataclass(slots=True, eq=False)
class Stream:
    """What is known of a stream, and where its bytes are now.

    Attributes:
        home: the name under which the pattern first gave it, or beside which it was found.
        path: the file that holds it or held it last.
        id: device and inode of that file; ``None`` once they are known to belong to something else.
        head: its first bytes.
        offset: how many bytes were delivered or skipped.
        anchor: digest of the last bytes before the offset, at most :data:`HEAD_BYTES`.
        skipping: whether the offset lies inside a line that is too long.
        dropping: the wrapper's streams (``stdout``, ``stderr``) whose current line is being dropped.
        wrapper: the wrapper of its lines, once known.
        ignored: whether it is never read, because it is older than the first start or the last position.
        seal: the look of the file for which nothing more is to be done.
        gone: since when no file of it can be found.
        file: the file that holds it, as of the last look.
        content: that file while it is open. It stays open over renaming and deleting.
        size: the largest known length, in bytes of the stream.
        changed: when it was last seen to grow or to change its name.
        nameless: whether it is read through the open file alone, which was deleted or moved out of sight.
        truncated: whether its file was seen to be overwritten.
        copied: whether a copy of it was seen in the last look.
        reported: whether its loss was logged.
        blank: where its file was seen to hold nothing but NULs behind what was read, and up to where.
    """

    home: str
    path: str
    id: FileId | None
    head: Head = Head()
    offset: int = 0
    anchor: str = ""
    skipping: bool = False
    dropping: frozenset[str] = frozenset()
    wrapper: Wrapper | None = None
    ignored: bool = False
    seal: tuple[int, ...] | None = None
    gone: float | None = None

    file: File | None = None
    content: Content | None = None
    size: int = 0
    changed: float = 0.0
    nameless: bool = False
    truncated: bool = False
    copied: bool = False
    reported: bool = False
    blank: tuple[int, int] = (0, 0)

    def is_in(self, content: Content) -> bool:
        """Return whether an open file still holds this stream: its beginning, and what stands before the offset."""
        if not isinstance(content, PlainContent):
            return True  # a compressed file is written once
        before = content.read_at(self.offset - self.anchor_length, self.anchor_length)
        return (not before or digest(before) == self.anchor) and self.head.begins_like(content.read_at(0, HEAD_BYTES))

    @property
    def live(self) -> bool:
        """Whether its writer may be expected to go on."""
        return self.file is not None and self.file.matched and not self.file.rotated

    @property
    def lost(self) -> bool:
        """Whether there is nothing to read it from."""
        return self.file is None and self.content is None

    @property
    def sealed(self) -> bool:
        """Whether its file is done with, as long as it looks as it does."""
        return self.file is not None and self.seal == self.file.look

    @property
    def label(self) -> str:
        """Its name for messages."""
        return self.file.label if self.file else self.path

    @property
    def mtime_ns(self) -> int:
        """When it was last written; 0 where that cannot be known."""
        if isinstance(self.content, PlainContent):
            return self.content.stat().st_mtime_ns
        return self.file.mtime_ns if self.file else 0

    def families(self) -> set[str]:
        """The logs that it may be a part of."""
        return {family(self.home), family(self.path)}

    def relation(self, content: Content) -> Relation:
        """Compare what was seen of the stream with a content."""
        start = content.read_at(0, HEAD_BYTES)
        if not self.head.begins_like(start):
            return Relation.OTHER
        if len(start) < self.head.length:
            return Relation.SHORTER
        length = self.anchor_length
        before = content.read_at(self.offset - length, length)
        if len(before) < length:
            return Relation.SHORTER
        return Relation.SAME if not length or digest(before) == self.anchor else Relation.OTHER

    @property
    def anchor_length(self) -> int:
        """How many bytes the anchor is the digest of."""
        return min(self.offset, HEAD_BYTES)

    def attach(self, file: File, content: Content | None, now: float) -> None:
        """Read the stream from a file from now on; ``content`` is that file, if it had to be opened."""
        if self.content is not None and self.content is not content:
            self.content.close()
        if file.path != self.path:
            self.changed = now
        self.file, self.content, self.id, self.path = file, content, file.id, file.path
        self.gone, self.nameless, self.truncated = None, False, False
        if content is None:
            return
        self.learn_head(content)
        size = content.length() if isinstance(content, PlainContent) else self.size
        if size != self.size:
            self.size, self.changed = size, now

    def learn_head(self, content: Content) -> None:
        """Take more of the first bytes from the content that holds the stream, where more are wanted."""
        whole = self.head.length == HEAD_BYTES
        if whole and (self.head.raw is not None or not isinstance(content, PlainContent)):
            return  # going back to the beginning of a compressed file would cost a pass through it
        start = content.read_at(0, HEAD_BYTES)
        start = start.rstrip(b"\0") or start  # lines may yet be written over NULs
        # Overwritten since it was recognised? What holds the stream then is told by what was seen of it before.
        if len(start) >= self.head.length and self.head.begins_like(start):
            self.head = Head.of(start)

    def advance(self, count: int, before: memoryview) -> None:
        """Move the offset by ``count``; ``before`` is what lies before the new offset, at least the anchor's length."""
        self.offset += count
        self.size = max(self.size, self.offset)
        self.anchor = digest(before[len(before) - self.anchor_length :])

    def leap(self, position: int, content: Content) -> None:
        """Move the offset to a position; nothing but NULs lies between."""
        begin = max(position - HEAD_BYTES, 0)
        self.advance(position - self.offset, memoryview(content.read_at(begin, position - begin)))

    def lose(self) -> None:
        """Let go of a file that holds something else now: truncated if it was open, else perhaps only its inode is the same."""
        self.truncated |= self.content is not None
        self.close()
        self.file, self.id = None, None

    def seal_file(self, size: int | None = None) -> None:
        """Leave the file alone until it changes; not if it already has another ``size`` than the last look saw."""
        if self.file is not None and size in (None, self.file.size):
            self.seal = self.file.look

    def close(self) -> None:
        """Close the file."""
        if self.content is not None:
            self.content.close()
            self.content = None

    def to_json(self) -> dict[str, Any]:
        """Return what must survive a restart, without what has its default."""
        optional = {
            "id": self.id,
            "skipping": self.skipping,
            "dropping": sorted(self.dropping),
            "wrapper": self.wrapper,
            "ignored": self.ignored,
            "seal": self.seal,
        }
        return {
            "home": self.home,
            "path": self.path,
            "head": [self.head.length, self.head.digest],
            "offset": self.offset,
            "anchor": self.anchor,
            **{key: value for key, value in optional.items() if value},
            **({} if self.gone is None else {"gone": self.gone}),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any], now: float) -> Stream:
        """Return the stream that ``to_json`` described."""
        identity, seal = state.get("id"), state.get("seal")
        return cls(
            home=state["home"],
            path=state["path"],
            id=(identity[0], identity[1]) if identity else None,
            head=Head(*state["head"]),
            offset=state["offset"],
            anchor=state["anchor"],
            skipping=state.get("skipping", False),
            dropping=frozenset(state.get("dropping", ())),
            wrapper=state.get("wrapper"),
            ignored=state.get("ignored", False),
            seal=tuple(seal) if seal else None,
            gone=state.get("gone"),
            size=state["offset"],
            changed=now,
        )
