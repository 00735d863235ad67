"""Stored: evidence as bytes of the state file, exactly as it was."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Types of arrays that are stored.
_TYPES = {"<f8", "<i8", "<u8", "|b1"}


def pack(numbers: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return numbers, as JSON has them, and arrays as compressed bytes.

    >>> numbers, arrays = unpack(pack({"late": 3}, {"capital": np.array([1.5, np.inf])}))
    >>> numbers, arrays["capital"]
    ({'late': 3}, array([1.5, inf]))
    """
    plain = {name: np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for name, array in arrays.items()}
    head = {"numbers": dict(numbers), "arrays": [[name, array.dtype.str, array.shape] for name, array in plain.items()]}
    text = json.dumps(head).encode()
    return zlib.compress(b"".join([text, b"\n", *(array.tobytes() for array in plain.values())]), 1)


def unpack(stored: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what :func:`pack` was given.

    Raises:
        ValueError: these are not such bytes.
    """
    try:
        raw = zlib.decompress(stored)
    except zlib.error as error:
        raise ValueError(f"is not what was stored: {error}") from error
    end = raw.index(b"\n")
    head = json.loads(raw[:end])
    arrays: dict[str, NDArray[Any]] = {}
    at = end + 1
    for name, kind, shape in head["arrays"]:
        if kind not in _TYPES:
            raise ValueError(f"has an array of type {kind}")
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(raw, kind, count, offset=at).reshape(shape).astype(np.dtype(kind).newbyteorder("="))
        at += arrays[name].nbytes
    return head["numbers"], arrays
