"""Durations and sizes as people write them: ``15s``, ``1h30m``, ``64KiB``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: Milliseconds of each unit, in the order in which Prometheus wants them inside a duration.
_MILLISECONDS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
DURATION_PATTERN = "^(?=[0-9])" + "".join(f"(?:([0-9]+){unit})?" for unit in _MILLISECONDS) + "$"
DURATION_FORM = "a duration such as 500ms, 15s, 1h30m, 1d or 1w"

_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
SIZE_PATTERN = "^([0-9]+)(B|KiB|MiB|GiB|TiB)?$"
SIZE_FORM = "a number of bytes, or a size such as 64KiB or 1MiB"


@dataclass(frozen=True, order=True, slots=True)
class Duration:
    """A span of time in Prometheus' syntax: ``500ms``, ``15s``, ``1h30m``, ``1d``.

    ``str()`` gives the text in the units that the user chose, without parts that are zero and without leading zeros:
    ``24h`` stays ``24h`` and does not become ``1d``, while ``01h0m`` becomes ``1h``. Two durations of the same length
    are equal, however they are written.
    """

    seconds: float
    text: str = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read a duration.

        Raises:
            ValueError: the text is none.
        """
        # $ would let a line end pass, so the whole text must match.
        match = re.fullmatch(DURATION_PATTERN, text)
        if match is None:
            raise ValueError(f"not a duration: {DURATION_FORM}")
        parts = [(int(number), unit) for number, unit in zip(match.groups(), _MILLISECONDS, strict=True) if number]
        milliseconds = sum(number * _MILLISECONDS[unit] for number, unit in parts)
        return cls(milliseconds / 1000, "".join(f"{number}{unit}" for number, unit in parts if number) or "0s")

    def __str__(self) -> str:
        return self.text


def parse_size(text: str) -> int:
    """Read a size as a number of bytes.

    Raises:
        ValueError: the text is none.
    """
    match = re.fullmatch(SIZE_PATTERN, text)
    if match is None:
        raise ValueError(f"not a size: {SIZE_FORM}")
    return int(match[1]) * _BYTES[match[2] or "B"]
