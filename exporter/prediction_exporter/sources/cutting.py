"""Cuts a window of a file into runs of lines, without looking at every line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of a window.

    Attributes:
        begin: where it begins.
        end: where it ends.
        oversized: whether it is a line that is too long, or the part of one that the window holds; else whole lines.
        opens: whether such a line goes on behind the window.
        continues: whether such a line began before the window.
    """

    begin: int
    end: int
    oversized: bool = False
    opens: bool = False
    continues: bool = False


def runs(window: bytes, start: int, *, limit: int, skipping: bool) -> Iterator[Run]:
    """Yield the runs of a window; what is left behind the last one is the beginning of a line that may yet fit.

    Costs one search back for a newline per ``limit`` bytes, and one forward for each line that is too long.

    Args:
        window: bytes of a file.
        start: where to begin; before it lies a newline, or nothing, or a line that is being skipped.
        limit: longest line, without its newline.
        skipping: whether the window begins inside a line that is too long.
    """
    position = start
    if skipping:
        newline = window.find(b"\n", start)
        position = len(window) if newline < 0 else newline + 1
        yield Run(start, position, oversized=True, opens=newline < 0, continues=True)
    begin, end = position, window.rfind(b"\n", position) + 1 or position
    while end - position > limit + 1:
        newline = window.rfind(b"\n", position, position + limit + 1)
        behind = newline + 1 if newline >= 0 else window.find(b"\n", position) + 1
        if newline >= 0 or window[position:behind].isspace():  # a blank line is none, however long
            position = behind
            continue
        if position > begin:
            yield Run(begin, position)
        begin, position = position, behind
        yield Run(begin, position, oversized=True)
        begin = position
    if end > begin:
        yield Run(begin, end)
    if len(window) - end > limit:
        yield Run(end, len(window), oversized=True, opens=True)
