"""Tells copies of a stream from other files, and finds the end of a file, by looking at contents."""

from __future__ import annotations

from prediction_exporter.sources.content import BLOCK_BYTES, Content, PlainContent
from prediction_exporter.sources.streams import HEAD_BYTES, Relation, Stream


def is_part(part: Content, whole: PlainContent) -> bool:
    """Return whether a content is the beginning of a file, or all of it, judged by its first and last bytes."""
    start = part.read_at(0, HEAD_BYTES)
    if not start or start != whole.read_at(0, len(start)):
        return False
    length = part.length()
    position = max(length - HEAD_BYTES, 0)
    end = part.read_at(position, HEAD_BYTES)
    return length <= whole.length() and end == whole.read_at(position, len(end))


def repeats(stream: Stream, content: Content, start: bytes) -> bool:
    """Return whether a content gives only what the stream has given or will give, judged by what was seen of it."""
    relation = stream.relation(content)
    if relation is Relation.SHORTER:
        return bool(start)
    return relation is Relation.SAME and not outgrows(content, stream)


def outgrows(content: Content, stream: Stream) -> bool:
    """Return whether a content goes on behind the end of a stream so short that the likeness may be chance."""
    ended = stream.ignored or stream.sealed
    return ended and stream.head.length < HEAD_BYTES and content.length() > stream.offset


def seek_last_line(stream: Stream, content: Content) -> None:
    """Move a stream behind its last newline."""
    end = content.length()
    while end > 0:
        begin = max(end - BLOCK_BYTES, 0)
        newline = content.read_at(begin, end - begin).rfind(b"\n")
        if newline >= 0:
            _seek(stream, content, begin + newline + 1)
            return
        end = begin


def seek_known_end(stream: Stream, content: Content) -> None:
    """Move a stream to its end, so that no longer file is taken for it; not for the price of decompressing it."""
    start = content.read_at(0, HEAD_BYTES)
    if isinstance(content, PlainContent) or len(start) < HEAD_BYTES:
        _seek(stream, content, content.length())


def _seek(stream: Stream, content: Content, offset: int) -> None:
    before = content.read_at(max(offset - HEAD_BYTES, 0), min(offset, HEAD_BYTES))
    stream.advance(offset, memoryview(before))
