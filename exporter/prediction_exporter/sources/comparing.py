"""Compares contents, and finds places in them."""

from __future__ import annotations

from collections import Counter

import xxhash

from prediction_exporter.sources.content import Content
from prediction_exporter.sources.decompress import BLOCK_BYTES

SAMPLE_BYTES = 64 << 10
HEAD_BYTES = 1024
FIRST_BYTES = 4096
COMPARED_BYTES = 256 << 10


def begins_with(whole: Content, part: Content) -> bool:
    """Return whether a content begins with every byte of another one, which has any but NULs at its end.

    These may be space that was reserved when it was copied, and written to in the original since.
    """
    at, size = 0, FIRST_BYTES
    while block := part.read_at(at, size):
        if whole.read_at(at, len(block)) != block:
            text = block.rstrip(b"\0")
            last = len(text) < len(block) and not part.read_at(at + len(block), 1)
            return last and at + len(text) > 0 and whole.read_at(at, len(text)) == text
        at, size = at + len(block), COMPARED_BYTES
    return at > 0


def head_of(start: bytes) -> str:
    """Return a short digest of a content's first line: files with different ones need not be compared.

    It is empty where there is none yet.
    """
    first, newline, _ = start[:HEAD_BYTES].partition(b"\n")
    return xxhash.xxh32_hexdigest(first) if newline or len(first) == HEAD_BYTES else ""


def is_repetitive(data: bytes) -> bool:
    r"""Return whether lines are so alike that another log may well begin with the same: each stands there more than once.

    >>> is_repetitive(b'{"status": 200}\n' * 3), is_repetitive(b'{"id": 1}\n{"id": 2}\n')
    (True, False)
    """
    counts = Counter(data.splitlines())
    return bool(counts) and 1 not in counts.values()


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
