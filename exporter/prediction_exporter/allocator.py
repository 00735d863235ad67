"""Allocator: what it keeps of memory that is not used any more, and that it is given back.

The C library of most Linux systems has a heap for every few threads, and keeps what was freed in the midst of one. What many
models need one after the other while they catch up would so be held many times over, for as long as the exporter runs, and be
missing where there is a limit.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time

#: Heaps of the process: models parse on one core together, so that few of them ever wait for each other.
HEAPS = 2

#: Memory is given back at most so often: each time all heaps are gone through, which takes milliseconds.
GIVE_BACK_SECONDS = 30.0

_M_ARENA_MAX = -8  # of malloc.h
_OWN_SETTING = "MALLOC_ARENA_MAX"


def keep_few_heaps() -> None:
    """Keep to few heaps from now on, unless the operator says otherwise; does nothing with another C library."""
    mallopt = _of_the_c_library("mallopt")
    if mallopt is not None and _OWN_SETTING not in os.environ:
        mallopt(_M_ARENA_MAX, HEAPS)


class GivingBack:
    """Gives back what was freed, from time to time. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0.0

    def __call__(self) -> None:
        """Give back what was freed, unless that was done just now; does nothing with another C library."""
        now = time.monotonic()
        with self._lock:
            if now < self._next:
                return
            self._next = now + GIVE_BACK_SECONDS
        trim = _of_the_c_library("malloc_trim")
        if trim is not None:
            trim(0)


def _of_the_c_library(name: str) -> ctypes._NamedFuncPointer | None:
    """Return a function of the C library that this process runs with; None where it has none of this name."""
    return getattr(ctypes.CDLL(None), name, None)


#: Of this process.
give_back = GivingBack()
