"""Keys: a prediction's place in the store, by what names it.

The id is hashed to 128 bits: 64 make the key, 32 tell two ids of the same key apart, and 32 say whether it is in the sample.
What else names a prediction - its version or stage, and its row in the record - is added to the key, so that of any id the
keys of all its predictions follow, and a label that names an id alone finds each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray

#: What a row in a record adds to a key: an odd number, so that all rows differ.
_OF_ROW = np.uint64(0x9E37_79B9_7F4A_7C15)

_DIGEST = np.dtype([("key", "<u8"), ("check", "<u4"), ("chance", "<u4")])

#: How many bits of a key are used; tests use fewer, so that keys collide.
KEY_BITS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Ids:
    """Hashes of ids.

    Attributes:
        keys: uint64 (n,), of the id alone.
        checks: uint32 (n,), independent of the keys.
        chances: uint32 (n,), independent of both and uniform.
    """

    keys: NDArray[np.uint64]
    checks: NDArray[np.uint32]
    chances: NDArray[np.uint32]

    def take(self, rows: NDArray[np.intp]) -> Ids:
        """Return those at these positions."""
        return Ids(self.keys[rows], self.checks[rows], self.chances[rows])

    def sampled(self, share: float) -> NDArray[np.bool_]:
        """Return which ids belong to a share of all of them; those of a smaller share are among those of a larger one."""
        return self.chances < share * 2.0**32


def hash_ids(ids: pl.Series) -> Ids:
    """Return the hashes of ids, by their texts; the same in every release, as they stay on disk.

    Whole numbers that somebody made floats, as pandas does beside a missing value, also in a CSV file, are the same ids as
    before.

    >>> hash_ids(pl.Series([7.0, 7.5])).keys[0] == hash_ids(pl.Series(["7.0"])).keys[0] == hash_ids(pl.Series(["7"])).keys[0]
    np.True_
    """
    texts = ids.cast(pl.String)
    if ids.dtype == pl.String and texts.str.ends_with(".0").any():
        texts = texts.str.replace(r"^(-?\d+)\.0$", "${1}")
    if ids.dtype.is_float():
        whole = ids.cast(pl.Int64, strict=False)
        texts = whole.cast(pl.String).zip_with((whole == ids).fill_null(value=False), texts)
    digests = b"".join(map(xxhash.xxh3_128_digest, texts.cast(pl.Binary).to_list()))
    hashed = np.frombuffer(digests, _DIGEST)
    keys = hashed["key"] & np.uint64((1 << KEY_BITS) - 1)
    return Ids(keys, hashed["check"].copy(), hashed["chance"].copy())


def salt(part: str | None) -> int:
    """Return what a version or stage adds to a key: nothing where there is none."""
    return 0 if part is None else xxhash.xxh3_64_intdigest(part.encode())


def salts(parts: pl.Series | None, rows: NDArray[np.int64] | None, size: int) -> NDArray[np.uint64]:
    """Return what is added to the keys of ids.

    Args:
        parts: String (n,), null where a prediction or label names none; None where all do not.
        rows: int64 (n,), the row in the record; None where each record is one.
        size: n.
    """
    added = np.zeros(size, np.uint64)
    if parts is not None:
        distinct = parts.unique().to_list()
        by_code = np.array([salt(part) for part in distinct], np.uint64)
        added = by_code[codes_of(parts, distinct)]
    if rows is not None:
        added = added + rows.astype(np.uint64) * _OF_ROW
    return added


def codes_of(values: pl.Series, distinct: Sequence[str | None]) -> NDArray[np.uint32]:
    """Return which of the distinct texts each value is, uint32 (n,)."""
    if len(distinct) <= 1:
        return np.zeros(len(values), np.uint32)
    texts = [text for text in distinct if text is not None]
    codes = values.cast(pl.Enum(texts)).to_physical().cast(pl.UInt32)  # ten times as fast as to replace them
    if len(texts) < len(distinct):
        missing = distinct.index(None)
        places = [*(place for place in range(len(distinct)) if place != missing), missing]
        return np.take(np.array(places, np.uint32), codes.fill_null(len(texts)).to_numpy())
    found: NDArray[np.uint32] = codes.to_numpy()
    return found


def signed(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return keys as SQLite has integers."""
    return keys.view(np.int64)
