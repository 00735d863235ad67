"""Sizes: how many rows are parsed at a time, so that neither many rows nor many columns take more memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prediction_exporter.memory import ROOM

#: Most values that are parsed and counted at a time: rows times the columns that are read of them, present or not.
PART_VALUES = 1 << 19

#: About what a value takes meanwhile, as what was parsed, as a number or a text, and as the bin that it falls into.
VALUE_BYTES = 128

#: Bytes of the shortest line with an event, ``{}`` and its newline.
_SHORTEST = 3

_NEWLINE = ord("\n")
_BLOCK = 256 << 10


def rows_at_a_time(columns: int, *, most: int = PART_VALUES) -> int:
    """Return how many rows may be parsed at a time of which so many columns are read."""
    return max(ROOM.step(most * VALUE_BYTES) // VALUE_BYTES // max(columns, 1), 1)


def line_pieces(data: bytes, lines: int) -> Iterator[tuple[bytes, bool]]:
    r"""Yield whole lines, so many at a time, and whether they are the last.

    >>> list(line_pieces(b"{}\n{}\n{}\n", 2))
    [(b'{}\n{}\n', False), (b'{}\n', True)]
    """
    begin = 0
    for end in _ends(data, lines):
        yield data[begin:end], False
        begin = end
    yield data[begin:] if begin else data, True


def end_of_lines(data: bytes, lines: int) -> int:
    """Return where the last of so many first lines ends; the length of all, where there are no more."""
    return next(_ends(data, lines), len(data))


def _ends(data: bytes, lines: int) -> Iterator[int]:
    """Yield where each piece ends but for the last one, which is not empty."""
    if len(data) <= lines * _SHORTEST:
        return
    characters = np.frombuffer(data, np.uint8)
    # In blocks that stay in the processor's cache; bytes.count takes three times as long.
    blocks = (characters[begin : begin + _BLOCK] for begin in range(0, len(data), _BLOCK))
    if sum(np.count_nonzero(block == _NEWLINE) for block in blocks) <= lines:
        return
    newlines = np.flatnonzero(characters == _NEWLINE) + 1
    yield from (int(end) for end in newlines[lines - 1 :: lines] if end < len(data))
