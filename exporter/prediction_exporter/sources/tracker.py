"""Which file holds which stream: every look at the folders settles it anew.

First by device and inode, verified by what was read; then a stream whose file is gone or was overwritten is looked for in
files that nobody knows; then each of these that is left is a copy of a stream, or a new one. Whatever is not certainly a copy
is new.

A look asks for each file once. Where it has changed under the look (a name stands for another file by now, a file was
truncated after it had been recognised), nothing of that is believed: the look is taken again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Literal

from prediction_exporter.sources.adoption import Adoption
from prediction_exporter.sources.comparing import behind, end_of_last_line, is_repetitive
from prediction_exporter.sources.content import Content, Look, PlainContent
from prediction_exporter.sources.copies import Copies, Verdict
from prediction_exporter.sources.discovery import File, FileId, Found, discover
from prediction_exporter.sources.memory import Relation
from prediction_exporter.sources.naming import matches
from prediction_exporter.sources.streams import Stream, doubt

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
#: How often a look is taken again at once, because files changed under it.
LOOKS = 4
#: The last bytes that were read tell a file that was edited: a quarter of them all, at most so many.
EDIT_BYTES = 4096


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
        self._copies: dict[Look, Stream] = {}
        self._held: dict[Stream, None] = {}
        self._before: dict[str, Stream] = {}
        self._unknown: list[File] = []
        self._settled = self._still = True

    def restore(self, streams: list[Stream], horizon: int | None) -> None:
        """Continue with these streams; what the pattern does not name any more is forgotten."""
        self.streams = [stream for stream in streams if matches(stream.home, self._pattern)]
        self._copies = {look: stream for stream in self.streams for look in stream.copies}
        self.horizon = horizon

    def look(self) -> None:
        """Find the files and settle which stream each of them holds.

        Nothing that is readable may depend on a later look: whatever is new is a stream, opened, when this returns.
        """
        for stream in self.streams:
            stream.fresh = False
        self._before = {stream.path: stream for stream in self.streams if stream.gone is None}
        for _ in range(LOOKS):
            files = self._look()
            if self._still:
                break
        self._move_horizon(files)
        self._forget()

    def _look(self) -> list[File]:
        found = self._find()
        self.errors = found.errors
        self.matched = [file for file in found.files if file.matched]
        self._settled, self._still = not found.errors, True
        for stream in self.streams:
            stream.file, stream.copied = None, False
        files = sorted(found.files, key=_precedence)
        known: dict[FileId | None, list[Stream]] = {}
        for stream in self.streams:
            known.setdefault(stream.id, []).append(stream)
        unknown = [file for file in files if not self._recognise(file, known.get(file.id, []))]
        for stream in self.streams:
            self._check_nameless(stream)
        self._unknown = unknown = self._adopt(unknown)
        copies = Copies(self.streams, self.open)
        for file in unknown:
            empty = file.rotated and not file.size  # a copy that is about to be made, or nothing
            if file.home is not None and not empty:
                self._judge(file, file.home, copies)
        looks = {file.look for file in unknown}
        for look in self._copies.keys() - looks:
            self._copies.pop(look).copies.discard(look)
        return files

    def _find(self) -> Found:
        """Find the files as they are named at one moment, if names stand still for so long."""
        homes, paths = {stream.home for stream in self.streams}, {stream.path for stream in self.streams}
        for _ in range(LOOKS):
            found = discover(self._pattern, homes, paths)
            if not found.moved:
                break
        return found

    def open(self, file: File) -> Content | None:
        """Open a file; an error is noted."""
        try:
            return file.open()
        except FileNotFoundError:
            self._unsettle()  # renamed or compressed under our eyes
        except OSError as error:
            self._note(file, error)
        return None

    def _unsettle(self) -> None:
        self._settled = self._still = False

    def _note(self, file: File, error: OSError) -> None:
        self.errors[file.label] = error
        self._settled = False

    def _recognise(self, file: File, streams: list[Stream]) -> bool:
        """Attach a file to the one of the streams with its device and inode that its content confirms."""
        for stream in streams:
            if stream.seal == file.look:
                stream.attach(file, stream.content, self._clock())
                return True
            if stream.comes_back_in(file):
                doubt(file, stream)
                stream.lose()
                continue
            if stream.memory.empty and not stream.memory.ahead and file.rotated and file.size:
                stream.close()  # it was empty, so only what the file holds now tells what it is
                self.streams.remove(stream)
                continue
            content = stream.content if isinstance(stream.content, PlainContent) else self.open(file)
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
        if not stream.nameless:
            stream.nameless, stream.changed = True, self._clock()
        stream.grow(size, self._clock())

    def _adopt(self, unknown: list[File]) -> list[File]:
        """Find the streams that have lost their file in unknown files; return the files that remain."""
        lost = [stream for stream in self.streams if stream.file is None and not stream.memory.empty]
        adopted = set()
        if lost:
            for stream, file, content in Adoption(lost, unknown, self._copies, self.open, self._note).found():
                self._attach(stream, file, content)
                adopted.add(file.id)
        return [file for file in unknown if file.id not in adopted]

    def _relation(self, stream: Stream, file: File, content: Content) -> Relation | None:
        """Compare; ``None`` where the file cannot be read."""
        try:
            return stream.relation(content)
        except OSError as error:
            self._note(file, error)
            return None

    def _attach(self, stream: Stream, file: File, content: Content) -> None:
        stream.attach(file, content, self._clock())
        if stream.ignored:
            stream.finish(file.look)
            stream.close()
        self.keep(stream)

    def keep(self, stream: Stream) -> None:
        """Keep a file open, unless too many are: then the one that is longest done with is closed, or else this one."""
        self._held.pop(stream, None)
        if stream.content is None or stream.file is None:
            return
        self._held[stream] = None
        while len(self._held) > OPEN_FILES:
            oldest = next(iter(self._held))
            idle = oldest.content is None or oldest.sealed
            victim = oldest if idle else stream
            victim.close()
            del self._held[victim]

    def _judge(self, file: File, home: str, copies: Copies) -> None:
        """Decide about a file that is no known stream's: a copy of one, a new stream, or none of ours."""
        original = self._copies.get(file.look)
        if original is not None and file.look in original.copies and not (original.lost and original.memory.empty):
            original.copied = True
            return
        content = self.open(file)
        if content is None:
            return
        kept = False
        try:
            if file.compression is not None and not content.read_at(0, 1) and not content.complete:
                self._settled = False  # too little of it is written yet to tell what it is
                return
            verdict, original = copies.judge(file, content) if file.rotated else (Verdict.NEW, None)
            if verdict is Verdict.MOVING:
                self._unsettle()
            elif verdict is Verdict.COPY and original is not None:
                original.copied = True
                original.copies.add(file.look)
                self._copies[file.look] = original
            else:
                self._register(file, home, content, copies)
                kept = True
        except OSError as error:
            self._note(file, error)
        finally:
            if not kept:
                content.close()

    def _register(self, file: File, home: str, content: Content, copies: Copies) -> None:
        """Make a stream of a file that holds none of the known ones."""
        stream = Stream(home=home, path=file.path, id=file.id, changed=self._clock(), fresh=True)
        first = self.horizon is None
        old = not file.matched and file.mtime_ns < (self.horizon or 0)
        at_end = first and self._start == "end"
        stream.ignored = old or (first and not file.matched) or (at_end and file.compression is not None)
        if stream.ignored and isinstance(content, PlainContent):
            stream.memory.begin(content, content.length())
        elif at_end and not stream.ignored:
            stream.memory.begin(content, end_of_last_line(content))
        elif not file.rotated:
            self._go_on_behind_edit(stream, file, content, copies)
        self.streams.append(stream)
        self._attach(stream, file, content)
        copies.add(stream)

    def _go_on_behind_edit(self, stream: Stream, file: File, content: Content, copies: Copies) -> None:
        """Begin behind the lines that were read last of the file that had this name, where an edit has left them in place."""
        former = self._before.get(file.path)
        if former is None or former.fresh or former.ignored:
            return
        recent = former.memory.recent[-min(EDIT_BYTES, former.offset // 4) :]
        anchor = recent[recent.find(b"\n") + 1 :]
        if anchor.count(b"\n") < 2 or is_repetitive(anchor):  # noqa: PLR2004 - one line may well be there by chance
            return
        place = behind(content, anchor)
        if place is None:
            return
        if former.file is not None or any(self._is_copy(other, former, copies) for other in self._unknown):
            doubt(file, former)  # it was rotated, so this is another log that happens to be alike, or sed kept a backup
            return
        stream.memory.begin(content, place)
        stream.wrapper = former.wrapper
        former.ignored = True
        former.close()
        logger.warning(
            "a log file was edited; reading goes on behind the line that was read last",
            extra={"path": file.label, "offset": stream.offset},
        )

    def _is_copy(self, file: File, stream: Stream, copies: Copies) -> bool:
        content = self.open(file) if file.rotated and not file.families().isdisjoint(stream.families()) else None
        if content is None:
            return False
        try:
            return copies.judge(file, content) == (Verdict.COPY, stream)
        finally:
            content.close()

    def _move_horizon(self, files: Iterable[File]) -> None:
        if self.horizon is not None and not self._settled:
            return
        if self.horizon is None and self.errors and not self.streams:
            return  # nothing was seen yet, so this was no start
        newest = max((file.mtime_ns for file in files), default=0)
        # A file that is not read yet may come back under another inode, as old as it is.
        unread = (stream.file.mtime_ns for stream in self.streams if stream.file is not None and not stream.sealed)
        self.horizon = max(self.horizon or 0, min(newest, int(self._clock() * 1e9) - COARSE_NS, *unread))

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
        remembered = {stream for stream in kept if not stream.memory.empty and not (stream.ignored and stream.truncated)}
        self.streams = [stream for stream in self.streams if stream.gone is None or stream in remembered]


def _precedence(file: File) -> tuple[bool, bool, int, int]:
    """Originals before copies: plain before compressed, live before rotated, long before short, old before new."""
    return (file.compression is not None, file.rotated, -file.size, file.mtime_ns)


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
