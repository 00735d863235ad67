"""What is fuzzed: samples to begin from, and the laws that hold for every input, however it was mutated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: Bytes of an input. Everything that is read has its own limits, which other tests are about.
MAX_BYTES = 1 << 17

#: Seconds of one processor that an input may take.
MAX_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that reads what others wrote.

    Attributes:
        name: what it is called on the command line.
        what: what is tried, as a phrase.
        samples: gives real inputs, which the mutations begin from; its argument is an empty folder.
        open: gives the check of one input, which raises where a law is broken; its argument is an empty folder.
        tokens: pieces that mean something there.
    """

    name: str
    what: str
    samples: Callable[[Path], list[bytes]]
    open: Callable[[Path], Callable[[bytes], None]]
    tokens: tuple[bytes, ...]
