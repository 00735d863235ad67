"""What the demo prints: blocks with the time since its start, one at a time, and on a terminal what is being waited for."""

from __future__ import annotations

import html
import re
import shutil
import textwrap
import threading
import time
from collections.abc import Callable, Iterable
from typing import TextIO

MARGIN = " " * 7
BAR = f"{MARGIN}| "
LEAST_WIDTH = 40

#: Slack's own form of a link.
_LINK = re.compile(r"<([^|<>]+)\|([^<>]+)>")
#: Takes the cursor to the start of the line and clears it.
_CLEAR = "\r\033[K"


class Narrator:
    """Prints blocks; those of different threads do not mix."""

    def __init__(self, output: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._output = output
        self._clock = clock
        self._started = clock()
        self._lock = threading.Lock()
        self._waiting = False

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    def say(self, text: str, body: Iterable[str] = ()) -> None:
        """Print a line, and below it the lines of a body, wrapped."""
        width = max(shutil.get_terminal_size().columns - len(BAR), LEAST_WIDTH)
        lines = [f"{clock(self.seconds):>5}  {text}"]
        for line in body:
            whole = not line or "://" in line  # an address is copied or clicked as a whole
            parts = [line] if whole else textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
            lines += [f"{BAR}{part}".rstrip() for part in parts]
        self._print("\n".join(lines) + "\n" * (2 if len(lines) > 1 else 1))

    def restart(self) -> None:
        """Count time from now."""
        self._started = self._clock()

    def plain(self, *lines: str) -> None:
        """Print lines without a time."""
        self._print("\n".join(lines) + "\n")

    def wait_for(self, text: str) -> None:
        """On a terminal, say on a line that the next one replaces what comes next."""
        if self._output.isatty():
            width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be wiped
            self._print(f"{clock(self.seconds):>5}  {text}"[:width], waiting=True)

    def _print(self, text: str, *, waiting: bool = False) -> None:
        with self._lock:
            self._output.write(f"{_CLEAR if self._waiting else ''}{text}")
            self._output.flush()
            self._waiting = waiting


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds.

    >>> clock(59.7), clock(3601)
    ('1:00', '60:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def readable(text: str) -> list[str]:
    """Return the lines of a Slack message as they are read: links by their names, each with its address below.

    >>> readable("income &gt; 0 · <http://wiki/income|Runbook>")
    ['income > 0 · Runbook', '  Runbook: http://wiki/income']
    """
    lines: list[str] = []
    for line in text.splitlines():
        links = _LINK.findall(line)
        lines.append(html.unescape(_LINK.sub(r"\2", line)).rstrip())
        lines += [f"  {name}: {html.unescape(address)}" for address, name in links]
    return lines
