"""A stream: the bytes of one log file from its creation to its end, whatever names and copies it gets in between.

A stream is its device and inode, as long as what was read of it still stands there: an inode may be truncated, or be used
again for another file. While its file is open it can only be truncated. Where its bytes reappear under another inode,
renamed by copying, compressed or replaced, that is told by everything that was read of it
(:mod:`prediction_exporter.sources.memory`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from prediction_exporter.sources.content import Content, Look, PlainContent
from prediction_exporter.sources.decompress import COMPRESSIONS
from prediction_exporter.sources.discovery import File, FileId
from prediction_exporter.sources.memory import AGAIN_BYTES, Memory, Relation
from prediction_exporter.sources.naming import family
from prediction_exporter.sources.wrappers import Wrapper

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Stream:
    """What is known of a stream, and where its bytes are now.

    Attributes:
        home: the name under which the pattern first gave it, or beside which it was found.
        path: the file that holds it or held it last.
        id: device and inode of that file; ``None`` once they are known to belong to something else.
        memory: what was read of it, and with it the offset.
        skipping: whether the offset lies inside a line that is too long.
        dropping: the wrapper's streams (``stdout``, ``stderr``) whose current line is being dropped.
        wrapper: the wrapper of its lines, once known.
        ignored: whether it is never read, because it is older than the first start or the last position.
        seal: the look of the file in which nothing is left to be done.
        gone: since when no file of it can be found.
        copies: how files look that are copies of it, and nothing else.
        file: the file that holds it, as of the last look.
        content: that file while it is open. It stays open over renaming and deleting.
        size: the largest known length, in bytes of the stream.
        changed: when it was last seen to grow or to change its name.
        fresh: whether it was found in the last look.
        rotated: whether its file had a name that rotation gives, when it was seen last.
        nameless: whether it is read through the open file alone, which was deleted or moved out of sight.
        truncated: whether its file was seen to be overwritten.
        copied: whether a copy of it was seen in the last look.
        credit: the file that is taken for its copy though nothing but the content says so.
        reported: whether its loss was logged.
        blank: where its file was seen to hold nothing but NULs behind what was read, and up to where.
    """

    home: str
    path: str
    id: FileId | None
    memory: Memory = field(default_factory=Memory)
    skipping: bool = False
    dropping: frozenset[str] = frozenset()
    wrapper: Wrapper | None = None
    ignored: bool = False
    seal: Look | None = None
    gone: float | None = None
    copies: set[Look] = field(default_factory=set)

    file: File | None = None
    content: Content | None = None
    size: int = 0
    changed: float = 0.0
    fresh: bool = False
    rotated: bool = False
    nameless: bool = False
    truncated: bool = False
    copied: bool = False
    credit: FileId | None = None
    reported: bool = False
    blank: tuple[int, int] = (0, 0)

    @property
    def offset(self) -> int:
        """How many bytes were delivered or skipped."""
        return self.memory.offset

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
        """Whether nothing is left to be done in its file, as long as that looks as it does."""
        if self.file is None or self.seal != self.file.look:
            return False
        # The rest of a line in a file that was renamed is waiting for its time.
        return self.ignored or self.live or self.file.compression is not None or self.offset >= self.file.size

    @property
    def ended(self) -> bool:
        """Whether all of it was read or is left out, in a file that nobody writes to."""
        return self.ignored or (self.seal is not None and self.rotated)

    @property
    def label(self) -> str:
        """Its name for messages."""
        return self.file.label if self.file else self.path

    @property
    def mtime_ns(self) -> int:
        """When it was last written; 0 where that cannot be known."""
        if self.file is not None:
            return self.file.mtime_ns
        return self.content.stat().st_mtime_ns if isinstance(self.content, PlainContent) else 0

    def families(self) -> set[str]:
        """The logs that it may be a part of."""
        return {family(self.home), family(self.path)}

    def names(self, file: File) -> bool:
        """Return whether a file has a name that is given to copies of this stream's file."""
        name = PurePath(self.path).name
        if not self.rotated:
            return name in file.ancestors()
        # Of a rotated file: compressed, or in another folder. Another number or date is another file's.
        names = {PurePath(path).name for path in (*file.names, file.path)}
        return name in names | {PurePath(other).stem for other in names if PurePath(other).suffix in COMPRESSIONS}

    def comes_back_in(self, file: File) -> bool:
        """Return whether a rotated file that was done with has the log's name again, and was written since.

        No rotation goes back, but a new log gets the inode of the rotated file that was deleted last.
        """
        if self.seal is None or PurePath(self.path).name == family(self.path):
            return False
        return not file.rotated and file.path != self.path and file.mtime_ns != self.seal[3]

    def relation(self, content: Content) -> Relation:
        """Compare what was read of the stream with a content."""
        if content is self.content and isinstance(content, PlainContent) and self.memory.recent:
            if not self.memory.stands_in(content):
                return Relation.OTHER
            if self.offset - self.memory.since > AGAIN_BYTES:
                return Relation.SAME
        return self.memory.check(content)

    def attach(self, file: File, content: Content | None, now: float) -> None:
        """Read the stream from a file from now on; ``content`` is that file, if it is open."""
        if self.content is not None and self.content is not content:
            self.content.close()
        if file.path != self.path:
            self.changed = now
        self.file, self.content, self.id, self.path, self.rotated = file, content, file.id, file.path, file.rotated
        self.gone, self.nameless, self.truncated = None, False, False
        if content is not None and self.seal != file.look:
            self.learn_head(content)
        if file.compression is None:
            self.grow(file.size, now)

    def learn_head(self, content: Content) -> None:
        """Remember the first bytes of a file that nothing was read of, before that is needed."""
        self.memory.look_ahead(content)

    def grow(self, size: int, now: float) -> None:
        """Note how long the stream is known to be."""
        if size != self.size:
            self.size, self.changed = size, now

    def advance(self, data: bytes, length: int) -> None:
        """Move the offset behind the first bytes of some that follow it, so many."""
        self.memory.advance(data, length)
        self.size = max(self.size, self.offset)

    def leap(self, position: int) -> None:
        """Move the offset to a position; nothing but NULs lies between."""
        self.memory.leap(position)
        self.size = max(self.size, self.offset)

    def lose(self) -> None:
        """Let go of a file that holds something else now: truncated if it was open, else perhaps only its inode is the same."""
        self.truncated |= self.content is not None
        if self.content is not None:
            self.content.close()  # what is remembered stays: it is to be found somewhere else
        self.file, self.content, self.id = None, None, None

    def finish(self, look: Look) -> None:
        """Leave its file alone until it looks otherwise."""
        self.seal = look

    def close(self) -> None:
        """Close the file."""
        if self.content is not None:
            self.content.close()
            self.content = None
            self.memory.rest()
            if self.memory.empty:  # nothing tells any more whether its file is still the one that was copied
                self.copies.clear()

    def to_json(self) -> dict[str, Any]:
        """Return what must survive a restart, without what has its default."""
        optional = {
            "path": self.path if self.path != self.home else None,
            "id": self.id,
            "skipping": self.skipping,
            "dropping": sorted(self.dropping),
            "wrapper": self.wrapper,
            "ignored": self.ignored,
            "seal": self.seal,
            "copies": [] if self.memory.empty else sorted(self.copies),
        }
        return {
            "home": self.home,
            **self.memory.to_json(),
            **{key: value for key, value in optional.items() if value},
            **({} if self.gone is None else {"gone": self.gone}),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any], now: float) -> Stream:
        """Return the stream that ``to_json`` described, of this version or of version 1."""
        identity = state.get("id")
        return cls(
            home=state["home"],
            path=state.get("path", state["home"]),
            id=(identity[0], identity[1]) if identity else None,
            memory=Memory.from_json(state),
            skipping=state.get("skipping", False),
            dropping=frozenset(state.get("dropping", ())),
            wrapper=state.get("wrapper"),
            ignored=state.get("ignored", False),
            seal=_look_of(state["seal"]) if state.get("seal") else None,
            gone=state.get("gone"),
            copies={_look_of(look) for look in state.get("copies", ())},
            size=state["offset"],
            changed=now,
        )


def _look_of(numbers: list[int]) -> Look:
    device, inode, size, mtime_ns = numbers
    return device, inode, size, mtime_ns


def doubt(file: File, stream: Stream) -> None:
    """Log that a file is read though it may be a copy of a stream."""
    logger.warning(
        "a log file begins with the lines that another one had, and is read: it may be a copy, or the lines are all alike",
        extra={"path": file.label, "other": stream.label},
    )
