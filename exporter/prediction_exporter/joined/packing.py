"""Packing: counts of one minute as bytes. Most counts are 0, most others are small, and sums have a few long digits."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

#: How values are written, the narrowest first, and what the narrower ones hold.
_TYPES: tuple[np.dtype[Any], ...] = (np.dtype("i1"), np.dtype("<i4"), np.dtype("<i8"))
_MOST = (2**7 - 1, 2**31 - 1)

_HEAD = struct.Struct("<3I")
_SEAL = struct.Struct("<I")
_KEY = struct.Struct("<q")
_NARROW = 1 << 16

#: A row: its key, and its body.
Row = tuple[int, bytes]


class DamagedRowError(Exception):
    """A row is not what was written."""


def place_type(width: int) -> np.dtype[Any]:
    """Return the type of places in counts of a width."""
    return np.dtype("<u2") if width <= _NARROW else np.dtype("<u4")


def pack_rows(keys: list[int], counts: Counts) -> Iterator[Row]:
    """Yield rows with their seals.

    Args:
        keys: of each row.
        counts: int64 (n, width).
    """
    rows, places = np.nonzero(counts)
    values = counts[rows, places]
    sizes = np.abs(values)
    sizes[values == np.iinfo(np.int64).min] = np.iinfo(np.int64).max
    classes = (sizes > _MOST[0]).astype(np.int8) + (sizes > _MOST[1])
    order = np.lexsort((places, classes, rows))
    bounds = np.searchsorted(rows[order] * len(_TYPES) + classes[order], np.arange(len(keys) * len(_TYPES) + 1)).tolist()
    packed_places = places[order].astype(place_type(counts.shape[1]))
    ordered = values[order]
    for row, key in enumerate(keys):
        ends = bounds[row * len(_TYPES) : (row + 1) * len(_TYPES) + 1]
        parts = [_HEAD.pack(*(ends[at + 1] - ends[at] for at in range(len(_TYPES))))]
        parts.append(packed_places[ends[0] : ends[-1]].tobytes())
        parts += [ordered[ends[at] : ends[at + 1]].astype(kind).tobytes() for at, kind in enumerate(_TYPES)]
        body = b"".join(parts)
        yield key, body + _SEAL.pack(_seal(key, body))


def _seal(key: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(_KEY.pack(key)))


def seal_of(row: Row) -> int:
    """Return the seal of a row.

    Raises:
        DamagedRowError: the row is not what was written under this key.
    """
    key, body = row
    seal: int = _SEAL.unpack(body[-_SEAL.size :])[0] if len(body) >= _HEAD.size + _SEAL.size else -1
    if seal != _seal(key, body[: -_SEAL.size]):
        raise DamagedRowError
    return seal


def add_packed(counts: Counts, body: bytes, sign: int = 1) -> None:
    """Add what a body holds to counts, int64 (width,), in place; or take it out, where the sign is -1."""
    sizes = _HEAD.unpack_from(body)
    kind = place_type(len(counts))
    places = np.frombuffer(body, kind, sum(sizes), _HEAD.size)
    at, offset = 0, _HEAD.size + sum(sizes) * kind.itemsize
    for size, of_values in zip(sizes, _TYPES, strict=True):
        if size:
            values = np.frombuffer(body, of_values, size, offset)
            counts[places[at : at + size]] += values if sign > 0 else -values.astype(np.int64)
            at, offset = at + size, offset + size * of_values.itemsize
