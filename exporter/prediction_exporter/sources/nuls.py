r"""NULs in a log: what a crash, a hole of a sparse file, or a writer that reserves space ahead leaves between lines.

No JSON and no text holds NULs, so a run of them ends a line and begins another, whatever was torn before it. NULs that nothing
follows are none of the log's: lines may yet be written over them.
"""

from __future__ import annotations

import re

from prediction_exporter.sources.content import Content, PlainContent

#: So many in a row are no character of UTF-16 or UTF-32 text, whose lines must stay whole to be named.
_RUN = 4

#: Beside a newline or before an object, one is enough.
_BREAKS = re.compile(rb"\0{%d,}|\A\0+|\0+(?=\n|\{[^\0])|(?<=\n)\0+" % _RUN)

#: Bytes that are looked through at a time.
_BLOCK = 1 << 20


def without_nuls(window: bytes, start: int, *, ended: bool, final: bool) -> bytes:
    r"""Return a window with line breaks and blanks for the NULs that part lines, from ``start`` on, each byte at its place.

    A long run becomes one blank line.

    Args:
        window: bytes of a file.
        start: where to begin.
        ended: whether something follows the window, or nothing ever will; else NULs that it ends in are cut off.
        final: whether nothing ever will.

    >>> without_nuls(b'{"a":1}\n{"to\0\0\0\0\0{"a":2}\n\0\0', 0, ended=False, final=False)
    b'{"a":1}\n{"to\n   \n{"a":2}\n'
    """
    text = window.rstrip(b"\0")
    if len(text) <= start:  # a part of a long run
        return window[:start] + (_blank(len(window) - start) if ended else b"")
    if final:
        window = text + _blank(len(window) - len(text))
    elif not ended:
        window = text
    return window[:start] + _BREAKS.sub(_break, window[start:])


def _break(match: re.Match[bytes]) -> bytes:
    return _blank(len(match[0]))


def _blank(length: int) -> bytes:
    """Return the end of a line and a blank one, of a length in all."""
    return b"\n" * length if length < _RUN else b"\n" + b" " * (length - 2) + b"\n"


def read_settled(content: Content, position: int, length: int) -> bytes:
    """Read at a position, and again where there are NULs: lines that are being written over them may look like a gap."""
    window = content.read_at(position, length)
    while b"\0" in window:
        again = content.read_at(position, length)
        if again.startswith(window.rstrip(b"\0")):
            break
        window = again
    return window


def next_byte(content: PlainContent, position: int) -> tuple[bool, int]:
    """Return whether another byte than NUL stands at a position or behind it, and where; else where the file ends."""
    while True:
        position = content.next_data(position)
        block = content.read_at(position, _BLOCK)
        blank = len(block) - len(block.lstrip(b"\0"))
        position += blank
        if blank < len(block) or not block:
            return bool(block), position
