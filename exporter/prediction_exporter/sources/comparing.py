"""Compares contents, and finds places in them."""

from __future__ import annotations

from prediction_exporter.sources.content import Content
from prediction_exporter.sources.decompress import BLOCK_BYTES

SAMPLE_BYTES = 64 << 10
COMPARED_BYTES = 256 << 10


def begins_with(whole: Content, part: Content) -> bool:
    """Return whether a content begins with every byte of another one, which has any."""
    at = 0
    while block := part.read_at(at, COMPARED_BYTES):
        if whole.read_at(at, len(block)) != block:
            return False
        at += len(block)
    return at > 0


def is_repetitive(data: bytes) -> bool:
    """Return whether lines are so alike that another log may well begin with the same.

    >>> is_repetitive(b'{"status": 200}\\n' * 3), is_repetitive(b'{"id": 1}\\n{"id": 2}\\n')
    (True, False)
    """
    lines = data.splitlines()
    return len(lines) > 1 and 2 * len(set(lines)) <= len(lines)


def behind(content: Content, wanted: bytes) -> int | None:
    """Return where a content goes on behind bytes that it holds exactly once; else None."""
    found, at, window = None, 0, b""
    while block := content.read_at(at, BLOCK_BYTES):
        keep = window[max(len(window) - len(wanted) + 1, 0) :]
        window, begin = keep + block, at - len(keep)
        at += len(block)
        index = window.find(wanted)
        if index < 0:
            continue
        if found is not None or window.find(wanted, index + 1) >= 0:
            return None
        found = begin + index + len(wanted)
    return found


def end_of_last_line(content: Content) -> int:
    """Return the place behind a content's last newline; 0 where it has none."""
    end = content.length()
    while end > 0:
        begin = max(end - BLOCK_BYTES, 0)
        newline = content.read_at(begin, end - begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0
