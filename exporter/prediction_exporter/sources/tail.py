"""Follows log files as bytes: each line that is written to them is delivered exactly once.

What happens to a file is told from the files alone, at every call of :meth:`Tail.read`:

- a *growing* file is read up to its last newline; the rest waits;
- a *renamed* file is read on through its open descriptor, also when it is deleted, until it has been quiet for
  :data:`~prediction_exporter.sources.tracker.GRACE_SECONDS`; then its unterminated last line is delivered as a line;
- a *truncated* file is read from its beginning, after the copy that was made of it was read from the old offset;
- files *rotated while nobody looked*, compressed (``.gz``, ``.zst``, ``.xz``, ``.bz2``) or not, are found by their content:
  the one that was being read goes on at its offset, those never seen are read whole, those older than the position are not;
- an *edited* file goes on behind the line that was read last, where that is still found in it.

Files are told apart by device and inode; where an inode tells nothing, by every byte that was read
(:mod:`prediction_exporter.sources.streams`, :mod:`prediction_exporter.sources.memory`). A file that cannot be told is read,
and the doubt is logged.

Not recovered: bytes that no file holds any more; what a compressor left out because it was written after the
compressor had read the file; a logical line of a container that begins in one file and ends in the next (each part
counts as a line). Blank lines may be delivered, but count as lines nowhere.

NULs are no part of any line: what stands before them and behind them are lines of their own, and NULs that nothing follows
wait, as lines may yet be written over them.

The position remembers each stream that has a file among those looked at, and of the others at most
:data:`~prediction_exporter.sources.tracker.MEMORY_STREAMS`, for one day.
"""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from prediction_exporter.errors import SourceError, StateError, in_short
from prediction_exporter.sources.base import EXAMPLE_BYTES, Rejected
from prediction_exporter.sources.content import CompressedContent, Content, Look, PlainContent, look_of
from prediction_exporter.sources.cutting import runs
from prediction_exporter.sources.memory import Relation
from prediction_exporter.sources.nuls import next_byte, read_settled, without_nuls
from prediction_exporter.sources.streams import Stream
from prediction_exporter.sources.tracker import GRACE_SECONDS, Tracker
from prediction_exporter.sources.wrappers import Rest, Wrapper, detect, record_limit, unwrap

logger = logging.getLogger(__name__)

POSITION_VERSION = 2
_READABLE_VERSIONS = (1, 2)

#: Files that are read in step.
IN_STEP = 8

_REACHED_FILES = 3  # that a message names


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of one file.

    Attributes:
        data: whole logical lines, each ending in a newline (a finished file's unterminated last line gets one), without
            wrapper; may be empty.
        path: where they come from, for messages.
        rejected: lines refused here: ``oversized`` (longer than the limit) and ``malformed`` (without the wrapper that the
            file's other lines have).
    """

    data: bytes
    path: str
    rejected: Rejected


class OverwrittenError(Exception):
    """A file was truncated under our eyes."""


class Tail:
    """Reads the lines of all files that a path or glob (also with ``**``) names.

    Memory is bounded by a few times ``chunk_bytes`` or ``max_line_bytes``, whichever is larger, however long files and
    lines are.

    Args:
        pattern: a path or a glob.
        start: where to begin in files that exist at the very first start: ``end`` is behind their last newline. Files that
            appear later are read from their beginning.
        wrapper: what container runtime put a wrapper around each line; ``auto`` finds out from the first line that is
            read of each file.
        max_line_bytes: longer lines are counted and skipped.
        chunk_bytes: how much is read at once.
        clock: the time in seconds since the epoch.
        in_step: whether files are read a chunk of each in turn, and not one after the other: lines of one then wait less
            for those of another that belong to them.
    """

    def __init__(
        self,
        pattern: str,
        *,
        start: Literal["beginning", "end"] = "end",
        wrapper: Literal["auto", "none", "docker", "cri"] = "auto",
        max_line_bytes: int = 1 << 20,
        chunk_bytes: int = 8 << 20,
        clock: Callable[[], float] = time.time,
        in_step: bool = False,
    ) -> None:
        self._pattern = str(Path(pattern).absolute())
        self._wrapper: Wrapper | None = None if wrapper == "auto" else wrapper
        self._limit = max_line_bytes
        self._window = max(chunk_bytes, record_limit(self._wrapper, max_line_bytes) + 1)
        self._clock = clock
        self._most_open = IN_STEP if in_step else 1
        self._tracker = Tracker(self._pattern, start, clock)
        self._reported: set[tuple[str, int | None]] = set()

    def restore(self, position: str | None) -> None:
        """Go on behind a position that ``position`` returned; ``None`` is the very first start."""
        if position is None:
            return
        state = json.loads(position)
        if state.get("version") not in _READABLE_VERSIONS:
            raise StateError(f"the position in {self._pattern} was stored by another version of the exporter")
        if state["version"] < POSITION_VERSION:
            logger.warning(
                "the position of a log was stored by an earlier version: its files are recognised by their first and last "
                "kilobyte alone, this once",
                extra={"path": self._pattern},
            )
        now = self._clock()
        streams = [Stream.from_json(stream, now) for stream in state["streams"]]
        self._tracker.restore(streams, state["horizon"])

    def position(self) -> str:
        """Return where reading stands: behind the last line yielded, exactly.

        It is to be stored after a read that yielded nothing, too: the first read settles where ``start: end`` is.
        """
        state = {
            "version": POSITION_VERSION,
            "horizon": self._tracker.horizon,
            "streams": [stream.to_json() for stream in self._tracker.streams],
        }
        return json.dumps(state, sort_keys=True, separators=(",", ":"))

    def reached(self) -> str:
        """Return how far the files were read that are not done with, for people."""
        streams = [stream for stream in self._tracker.streams if not stream.ignored]
        if not streams:
            return "no file was read"
        going_on = sorted(streams, key=lambda stream: (stream.seal is not None, stream.path))
        return in_short([f"{stream.path} at byte {stream.offset}" for stream in going_on], _REACHED_FILES)

    def unread_bytes(self) -> int:
        """Return how many bytes are known to be unread; those of a compressed file as they are on disk."""
        return sum(_unread(stream) for stream in self._tracker.streams if not stream.ignored)

    def close(self) -> None:
        """Close all files; the position stays."""
        for stream in self._tracker.streams:
            stream.close()

    def read(self) -> Iterator[Lines]:
        """Yield what is there now, the oldest file first.

        Between two items, and when the iterator is abandoned, ``position`` covers exactly what was yielded.

        Raises:
            SourceError: no file that the pattern names can be read; what was yielded before stays valid.
        """
        self._tracker.look()
        ordered = sorted(self._tracker.streams, key=lambda stream: (stream.mtime_ns, stream.live))
        waiting = (stream for stream in ordered if not (stream.ignored or stream.lost or stream.sealed))
        reading = deque((stream, self._drain(stream)) for stream in islice(waiting, self._most_open))
        while reading:
            stream, drained = reading.popleft()
            try:
                lines = next(drained, None)
            except OverwrittenError:
                lines = None  # the next look settles it
            except OSError as error:
                self._tracker.errors[stream.label] = error
                lines = None
            if lines is not None:
                reading.append((stream, drained))
                yield lines
            else:
                reading.extend((more, self._drain(more)) for more in islice(waiting, 1))
        self._report_errors()

    def _drain(self, stream: Stream) -> Iterator[Lines]:
        content = self._open(stream)
        if content is None:
            return
        look = look_of(content.stat()) if isinstance(content, PlainContent) else None
        end = look[2] if look else None  # a fast writer must not keep us here
        if isinstance(content, PlainContent) and not stream.memory.stands_in(content):
            raise OverwrittenError
        while end is None or stream.offset < end:
            step = self._step(stream, content)
            if step is None:
                break
            if step.data or step.rejected.total:
                yield step
        self._finish(stream, content, look)

    def _open(self, stream: Stream) -> Content | None:
        """Return the content of a stream; ``None`` where its file has changed since the look, which the next one settles."""
        if stream.content is None and stream.file is not None:
            content = self._tracker.open(stream.file)
            if content is not None and stream.relation(content) is not Relation.SAME:
                content.close()
                return None
            stream.content = content
        return stream.content

    def _step(self, stream: Stream, content: Content) -> Lines | None:
        """Consume one window; ``None`` where there is nothing to consume.

        Raises:
            OverwrittenError: the file does not hold any more what was read of it.
        """
        window = read_settled(content, stream.offset, self._window)
        if isinstance(content, PlainContent) and not stream.memory.stands_in(content, window):
            raise OverwrittenError  # perhaps before the window was read
        full = len(window) == self._window
        final = not full and (content.complete or self._is_quiet(stream))
        text, size, behind = window, len(window), None
        if b"\0" in window:
            behind = _next_byte(stream, content, window)
            text = without_nuls(window, 0, ended=final or behind is not None, final=final)
            full = full and len(text) == size
        if final and text and not text.endswith(b"\n"):
            text += b"\n"
        lines, end = self._take(stream, text, 0, full=full, final=final)
        count = min(end, size)
        if not count:
            return None
        stream.advance(window, count)
        if behind is not None and behind > stream.offset and count == size:
            stream.leap(behind)
        return lines

    def _take(self, stream: Stream, window: bytes, start: int, *, full: bool, final: bool) -> tuple[Lines, int]:
        """Return the lines of a window from ``start`` on, and where the first line begins that must wait."""
        pieces, rejected, end = [], Rejected(), start
        wrapper = self._wrapper_of(stream, window, start)
        cut = list(runs(window, start, limit=record_limit(wrapper, self._limit), skipping=stream.skipping))
        for run in cut if wrapper else cut[:1]:
            if run.oversized:
                if not run.continues:
                    rejected.add("oversized", example=window[run.begin : run.begin + EXAMPLE_BYTES])
                stream.skipping, end = run.opens, run.end
                continue
            rest = Rest.DROP if run is not cut[-1] else Rest.DELIVER if final else Rest.WAIT
            raw = window[run.begin : run.end]
            result = unwrap(wrapper or "none", raw, limit=self._limit, dropping=stream.dropping, rest=rest)
            if full and not result.consumed and end == start:
                result = unwrap(wrapper or "none", raw, limit=self._limit, dropping=stream.dropping, rest=Rest.DROP)
            pieces.append(result.data)
            rejected.merge(result.rejected)
            stream.dropping, end = result.dropping, run.begin + result.consumed
        data = b"".join(pieces)
        return Lines(b"" if data.isspace() else data, stream.label, rejected), end

    def _wrapper_of(self, stream: Stream, window: bytes, start: int) -> Wrapper | None:
        """Return the wrapper of a file, told by its first line; ``None`` where no line tells it yet."""
        if self._wrapper is not None or stream.wrapper is not None:
            return self._wrapper or stream.wrapper
        if stream.skipping:
            return None
        if window[start : start + 1].isspace():
            start = len(window) - len(window[start:].lstrip())
        end = window.find(b"\n", start)
        if 0 <= end - start <= record_limit(None, self._limit):
            stream.wrapper = detect(window[start:end])
        return stream.wrapper

    def _is_quiet(self, stream: Stream) -> bool:
        """Return whether nobody writes to a file any more: renamed or deleted, and unchanged for a while."""
        plain = isinstance(stream.content, PlainContent)
        return plain and not stream.live and self._clock() - stream.changed >= GRACE_SECONDS

    def _finish(self, stream: Stream, content: Content, look: Look | None) -> None:
        """Leave a file alone of which everything was read that is there."""
        if look is not None:
            if stream.offset == look[2] or stream.live:
                stream.finish(look)
            if stream.offset == look[2] and self._is_quiet(stream):
                stream.close()
        elif stream.file is not None:
            stream.finish(stream.file.look)
            if isinstance(content, CompressedContent) and content.damage:
                logger.warning(
                    "a compressed log file is damaged; what follows is lost",
                    extra={"path": stream.label, "offset": stream.offset, "error": content.damage},
                )
            stream.close()
        else:
            stream.close()
        self._tracker.keep(stream)

    def _report_errors(self) -> None:
        """Log each error once while it lasts, and raise where nothing can be read."""
        errors = self._tracker.errors
        for path, error in errors.items():
            if (path, error.errno) not in self._reported:
                logger.warning("a log file cannot be read", extra={"path": path, "error": error.strerror or str(error)})
        self._reported = {(path, error.errno) for path, error in errors.items()}
        if errors and all(file.label in errors for file in self._tracker.matched):
            path, error = next(iter(errors.items()))
            raise SourceError(f"cannot read {path}: {error.strerror or error}") from error


def _next_byte(stream: Stream, content: Content, window: bytes) -> int | None:
    """Return where the next byte is behind a window and behind the NULs that it may end in; ``None`` where nothing is."""
    begin, end = stream.offset, stream.offset + len(window)
    if not window.endswith(b"\0") or not isinstance(content, PlainContent):
        return end  # nobody writes over the NULs of a compressed file
    found, position = next_byte(content, max(stream.blank[1] if stream.blank[0] <= end else 0, end))
    stream.blank = (begin + len(window.rstrip(b"\0")), position)
    # What is written in order stands in the window by now, if anything behind it does.
    return position if found and content.read_at(begin, len(window)) == window else None


def _unread(stream: Stream) -> int:
    if isinstance(stream.content, PlainContent):
        length, (begin, end) = stream.content.length(), stream.blank
        reserved = end - max(begin, stream.offset) if end == length else 0
        return max(length - stream.offset - max(reserved, 0), 0)
    if stream.file is None or stream.sealed:
        return 0
    return stream.file.size if stream.file.compression else max(stream.file.size - stream.offset, 0)
