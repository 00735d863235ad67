"""Which file holds which stream: every look at the folders settles it anew."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Literal

from prediction_exporter.sources.comparing import is_part, outgrows, repeats, seek_known_end, seek_last_line
from prediction_exporter.sources.content import Content, PlainContent
from prediction_exporter.sources.discovery import File, FileId, discover, matches
from prediction_exporter.sources.streams import HEAD_BYTES, Relation, Stream

logger = logging.getLogger(__name__)

Start = Literal["beginning", "end"]

GRACE_SECONDS = 60.0
#: A stream without any file is remembered this long, and no more than so many of them: a volume that was away for
#: a while does not look new when it is back, and the state stays small.
MEMORY_SECONDS = 86_400.0
MEMORY_STREAMS = 64
#: More files than this are not kept open between reads. One that is not is lost if it is deleted before it was read.
OPEN_FILES = 256
#: How much coarser than the clock the time stamps of files may be.
COARSE_NS = 2_000_000_000


class Tracker:
    """The streams of a pattern and the files that hold them.

    Attributes:
        streams: all known streams, also those that are never read.
        horizon: an unknown rotated file that was last written before this time (ns) is older than the state and ignored;
            ``None`` before the first look ever. It is the newest time stamp that any file had, so that it comes from the clock
            of the file system; the own clock only limits it.
        errors: what could not be read in the last look, by path.
        matched: how many files the pattern named in the last look.
    """

    def __init__(self, pattern: str, start: Start, clock: Callable[[], float]) -> None:
        self.streams: list[Stream] = []
        self.horizon: int | None = None
        self.errors: dict[str, OSError] = {}
        self.matched: list[File] = []
        self._pattern = pattern
        self._start = start
        self._clock = clock
        self._copies: dict[tuple[int, ...], Stream] = {}
        self._settled = True

    def restore(self, streams: list[Stream], horizon: int | None) -> None:
        """Continue with these streams; what the pattern does not name any more is forgotten."""
        self.streams = [stream for stream in streams if matches(stream.home, self._pattern)]
        self.horizon = horizon

    def look(self) -> None:
        """Find the files and settle which stream each of them holds.

        Nothing that is readable may depend on a later look: whatever is new is a stream, opened, when this returns.
        """
        found = discover(
            self._pattern,
            {stream.home for stream in self.streams},
            {stream.path for stream in self.streams},
        )
        self.errors = found.errors
        self.matched = [file for file in found.files if file.matched]
        self._settled = not found.errors
        for stream in self.streams:
            stream.file, stream.copied = None, False
        files = sorted(found.files, key=_precedence)
        known: dict[FileId | None, list[Stream]] = {}
        for stream in self.streams:
            known.setdefault(stream.id, []).append(stream)
        unknown = [file for file in files if not self._recognise(file, known.get(file.id, []))]
        for stream in self.streams:
            self._check_nameless(stream)
        unknown = self._adopt(unknown)
        for file in unknown:
            empty = file.rotated and not file.size  # a copy that is about to be made, or nothing
            if file.home is not None and not empty:
                self._judge(file, file.home)
        self._copies = {file.look: self._copies[file.look] for file in unknown if file.look in self._copies}
        self._move_horizon(files)
        self._forget()

    def open(self, file: File) -> Content | None:
        """Open a file; an error is noted."""
        try:
            content = file.open()
        except FileNotFoundError:
            self._settled = False  # renamed or compressed under our eyes; the next look shows the result
        except OSError as error:
            self.errors[file.label] = error
            self._settled = False
        else:
            return content
        return None

    def _recognise(self, file: File, streams: list[Stream]) -> bool:
        """Attach a file to the one of the streams with its device and inode that its content confirms."""
        for stream in streams:
            if stream.seal == file.look:
                stream.attach(file, None, self._clock())
                return True
            if not stream.head.length and stream.content is None and (file.size or file.rotated):
                self.streams.remove(stream)  # it was empty, so only what the file holds now tells what it is
                continue
            content = stream.content or self.open(file)
            if content is None:
                stream.file = file
                return True
            relation = self._relation(stream, file, content)
            if relation is Relation.SAME:
                self._attach(stream, file, content)
                return True
            if content is not stream.content:
                content.close()
            if relation is None:
                stream.file = file  # cannot be read now
                return True
            stream.lose()
        return False

    def _check_nameless(self, stream: Stream) -> None:
        """Keep on reading a file that was deleted or moved out of sight, but not one that was truncated."""
        if stream.file is not None or not isinstance(stream.content, PlainContent):
            return
        try:
            size, relation = stream.content.length(), stream.relation(stream.content)
        except OSError as error:
            self.errors[stream.path] = error
            return
        if relation is not Relation.SAME:
            stream.lose()
            return
        stream.learn_head(stream.content)
        if size != stream.size or not stream.nameless:
            stream.size, stream.changed, stream.nameless = size, self._clock(), True

    def _adopt(self, unknown: list[File]) -> list[File]:
        """Find the streams that have lost their file in unknown files; return the files that remain."""
        longest = sorted(unknown, key=lambda file: (file.compression is not None, -file.size))
        for stream in self.streams:
            if stream.file is None and stream.head.length:
                adopted = next((file for file in longest if file in unknown and self._can_adopt(stream, file)), None)
                if adopted is not None:
                    unknown = [file for file in unknown if file is not adopted]
        return unknown

    def _can_adopt(self, stream: Stream, file: File) -> bool:
        if stream.families().isdisjoint(file.families()):
            return False
        replaced = file.path == stream.path
        if stream.content is not None:  # still readable; only a longer file that took its name is better (rsync does that)
            if not replaced or file.compression is not None or file.size < stream.size:
                return False
        elif not file.rotated and not replaced:
            return False
        content = self.open(file)
        if content is None:
            return False
        if self._relation(stream, file, content) is Relation.SAME:
            self._attach(stream, file, content)
            return True
        content.close()
        return False

    def _relation(self, stream: Stream, file: File, content: Content) -> Relation | None:
        """Compare; ``None`` where the file cannot be read."""
        try:
            relation = stream.relation(content)
            if relation is Relation.SAME and stream.file is None and outgrows(content, stream):
                return Relation.OTHER
        except OSError as error:
            self.errors[file.label] = error
            self._settled = False
            return None
        return relation

    def _attach(self, stream: Stream, file: File, content: Content) -> None:
        stream.attach(file, content, self._clock())
        if stream.ignored:
            stream.seal = file.look
            stream.close()
        elif not stream.sealed:
            stream.seal = None
        self.limit_open(stream)

    def limit_open(self, stream: Stream) -> None:
        """Close a file if too many are open; it is opened again by its name when it is read."""
        if len(self.streams) <= OPEN_FILES or stream.file is None:
            return
        if sum(other.content is not None for other in self.streams) > OPEN_FILES:
            stream.close()

    def _judge(self, file: File, home: str) -> None:
        """Decide about a file that is no known stream's: a copy of one, a new stream, or none of ours."""
        original = self._copies.get(file.look)
        if original is not None:
            original.copied = True
            return
        content = self.open(file)
        if content is None:
            return
        kept = False
        try:
            start = content.read_at(0, HEAD_BYTES)
            if file.compression is not None and len(start) < HEAD_BYTES and not content.complete:
                self._settled = False  # too little of it is written yet to tell what it is
            elif not (file.rotated and self._is_copy(file, content, start)):
                self._register(file, home, content)
                kept = True
        except OSError as error:
            self.errors[file.label] = error
            self._settled = False
        finally:
            if not kept:
                content.close()

    def _is_copy(self, file: File, content: Content, start: bytes) -> bool:
        for stream in self.streams:
            if not stream.head.length or stream.families().isdisjoint(file.families()):
                continue
            if isinstance(stream.content, PlainContent) and stream.content is not content and is_part(content, stream.content):
                certain, copy = True, True
            else:
                # Also where the original is open: it may have been truncated since this look recognised it.
                certain, copy = stream.sealed, repeats(stream, content, start)
            if copy:
                stream.copied = True
                if certain and file.compression is not None:
                    self._copies[file.look] = stream
                return True
        return False

    def _register(self, file: File, home: str, content: Content) -> None:
        """Make a stream of a file that holds none of the known ones."""
        stream = Stream(home=home, path=file.path, id=file.id, changed=self._clock())
        first = self.horizon is None
        old = not file.matched and file.mtime_ns < (self.horizon or 0)
        at_end = first and self._start == "end"
        stream.ignored = old or (first and not file.matched) or (at_end and file.compression is not None)
        if stream.ignored:
            seek_known_end(stream, content)
        elif at_end:
            seek_last_line(stream, content)
        self.streams.append(stream)
        self._attach(stream, file, content)

    def _move_horizon(self, files: Iterable[File]) -> None:
        if self.horizon is not None and not self._settled:
            return
        if self.horizon is None and self.errors and not self.streams:
            return  # nothing was seen yet, so this was no start
        newest = max((file.mtime_ns for file in files), default=0)
        self.horizon = max(self.horizon or 0, min(newest, int(self._clock() * 1e9) - COARSE_NS))

    def _forget(self) -> None:
        now = self._clock()
        for stream in self.streams:
            if not stream.lost or stream.copied:
                stream.gone = None
            elif stream.gone is None:
                stream.gone = now
        gone = [stream for stream in self.streams if stream.gone is not None]
        gone.sort(key=lambda stream: stream.gone or 0.0, reverse=True)
        kept = [stream for stream in gone[:MEMORY_STREAMS] if now - (stream.gone or 0.0) < MEMORY_SECONDS]
        for stream in gone:
            _report(stream, now)
        remembered = {id(stream) for stream in kept if stream.head.length}
        self.streams = [stream for stream in self.streams if stream.gone is None or id(stream) in remembered]


def _precedence(file: File) -> tuple[bool, bool, int, int]:
    """Originals before copies, plain before compressed, old before new; of equal age the longest."""
    return (file.compression is not None, file.rotated, file.mtime_ns, -file.size)


def _report(stream: Stream, now: float) -> None:
    """Log once that unread bytes were lost, when no copy has turned up for a while."""
    if stream.reported or stream.ignored or now - (stream.gone or now) < GRACE_SECONDS:
        return
    stream.reported = True
    if stream.truncated or stream.size > stream.offset:
        logger.warning(
            "a log file was truncated or removed before it was read to its end, and no copy of it was found",
            extra={"path": stream.path, "offset": stream.offset, "lost_bytes_at_least": stream.size - stream.offset},
        )
