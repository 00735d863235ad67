"""Tells rotated files that are copies of a stream from those that are logs of their own.

A copy holds no byte that its original does not give. A log of its own may be the same by chance: both begin with a banner, or
all lines are alike. What is certain of it is that it was the log after the other one was renamed. So a file is a copy

- of a log that stands where it stood, by a name that rotation gives;
- of a rotated file, by the same name, compressed or in another folder;
- of another rotated file, if it was rotated before that, or at least not written after it;
- of a file without a name any more, if it was not written after that, or else once.

Where nothing but the content speaks for it, and that is lines that all stand there more than once, the file is read, and the
doubt is logged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto
from pathlib import PurePath

from prediction_exporter.sources.comparing import HEAD_BYTES, SAMPLE_BYTES, begins_with, head_of, is_repetitive
from prediction_exporter.sources.content import Content, PlainContent
from prediction_exporter.sources.discovery import File
from prediction_exporter.sources.memory import Relation
from prediction_exporter.sources.naming import rotated_before
from prediction_exporter.sources.streams import Stream, doubt


class Verdict(Enum):
    """What an unknown rotated file is."""

    COPY = auto()
    NEW = auto()
    MOVING = auto()
    """Not to be told now: its original has changed since it was recognised."""


class Copies:
    """The originals that files may be copies of, by their names.

    Args:
        streams: all streams.
        open_file: opens a file; ``None`` where it cannot be opened now.
    """

    def __init__(self, streams: list[Stream], open_file: Callable[[File], Content | None]) -> None:
        self._open = open_file
        self._by_name: dict[str, list[Stream]] = {}
        self._by_head: dict[tuple[str, str], list[Stream]] = {}
        self._nameless: dict[str, list[Stream]] = {}
        for stream in streams:
            self.add(stream)

    def add(self, stream: Stream) -> None:
        """Take in a stream."""
        if stream.file is not None:
            self._by_name.setdefault(PurePath(stream.path).name, []).append(stream)
        for family in stream.families():
            if stream.file is not None:
                self._by_head.setdefault((family, stream.memory.head), []).append(stream)
                continue
            self._nameless.setdefault(family, []).append(stream)

    def judge(self, file: File, content: Content) -> tuple[Verdict, Stream | None]:
        """Return what a file is, and the original of a copy."""
        for stream in self._originals(file, content):
            same = self._is_part(content, stream)
            if same is Verdict.MOVING:
                return same, None
            if same is Verdict.COPY:
                if self._is_plausible(file, content, stream):
                    return same, stream
                doubt(file, stream)
        return Verdict.NEW, None

    def _originals(self, file: File, content: Content) -> Iterator[Stream]:
        """Yield the streams that a file may be a copy of, those in its own folder first."""
        folder = PurePath(file.path).parent
        families = sorted(file.families())
        named = [stream for name in sorted(file.ancestors()) for stream in self._by_name.get(name, ()) if stream.names(file)]
        heads = (head_of(content.read_at(0, HEAD_BYTES)), "")
        alike = [stream for family in families for head in heads for stream in self._by_head.get((family, head), ())]
        nameless = [stream for family in families for stream in self._nameless.get(family, ())]
        named.sort(key=lambda stream: PurePath(stream.path).parent != folder)
        yield from dict.fromkeys((*named, *nameless, *alike))

    def _is_part(self, content: Content, stream: Stream) -> Verdict:
        """Return whether a content holds nothing but what the stream gives."""
        if stream.lost:
            relation = Relation.OTHER if stream.memory.empty else stream.memory.check(content)
            longer = relation is Relation.SAME and content.read_at(stream.offset, 1)
            return Verdict.NEW if longer or relation is Relation.OTHER else Verdict.COPY
        original = stream.content
        if not isinstance(original, PlainContent):
            original = self._open(stream.file) if stream.file is not None else None
        if original is None:
            return Verdict.MOVING
        try:
            if begins_with(original, content):
                # What is open may hold something else since it was recognised, and this be a copy of that.
                return Verdict.COPY if stream.relation(original) is Relation.SAME else Verdict.MOVING
            # The original may have been truncated since it was recognised; what was read of it is remembered.
            if stream.relation(original) is Relation.SAME or stream.memory.check(content) is Relation.OTHER:
                return Verdict.NEW
            return Verdict.MOVING
        finally:
            if original is not stream.content:
                original.close()

    def _is_plausible(self, file: File, content: Content, stream: Stream) -> bool:
        """Return whether a content that is the same as a stream's belongs to a copy of it."""
        original, named = stream.file, stream.file is not None and stream.names(file)
        if original is not None and named and (original.rotated or not stream.fresh):
            return True
        repeats = is_repetitive(content.read_at(0, SAMPLE_BYTES))
        if original is None:
            return self._is_credited(file, stream, repeats=repeats)
        if repeats:
            return False
        if named:  # both are new; what was written before the other's end is no copy of all of it
            return file.mtime_ns >= original.mtime_ns or content.length() < original.size
        before = rotated_before(file.path, original.path) if original.rotated else None
        return file.mtime_ns <= original.mtime_ns if before is None else before

    def _is_credited(self, file: File, stream: Stream, *, repeats: bool) -> bool:
        """Return whether a file is the copy of one that has no name any more, which may have been compressed or moved."""
        if not repeats and file.mtime_ns <= stream.mtime_ns:
            return True
        if stream.credit not in (None, file.id) or (repeats and file.compression is None):
            return False
        stream.credit = file.id
        return True
