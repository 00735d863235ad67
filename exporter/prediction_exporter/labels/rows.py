"""Rows of the tables: records of fixed width, each with a seal that tells it from one that was damaged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.labels.batches import Shape

Records = NDArray[Any]
Keys = NDArray[np.uint64]

#: Bytes of a row beside its body: lengths, the key, and its place on the page.
_CELL = 14

#: How full pages are whose rows come in no order: ln 2 (Yao, On random 2-3 trees, 1978).
_FILL = 0.693

_ODD = np.uint64(0xA24B_AED4_963E_E407)

LABELLED = 1


def prediction_type(shape: Shape) -> np.dtype[Any]:
    """Return the record of a prediction: 26 bytes with a class and a score."""
    fields: list[Any] = [("check", "<u4"), ("time", "<u4"), ("group", "<u4")]
    fields.append(("predicted", "<u2" if shape.kind == "class" else "<f8"))
    if shape.scores:
        fields.append(("scores", f"<f{shape.score_bits // 8}", (shape.scores,)))
    return np.dtype([*fields, ("seal", "<u4")])


def label_type(shape: Shape) -> np.dtype[Any]:
    """Return the record of a label: 27 bytes with a class."""
    value = "<u2" if shape.kind == "class" else "<f8"
    fields = [("check", "<u4"), ("known", "<i8"), ("actual", value), ("weight", "<f8"), ("joined", "u1"), ("seal", "<u4")]
    return np.dtype(fields)


#: The record of a minute and a cell, which is what predictions are covered by.
COVERAGE_TYPE = np.dtype([("predictions", "<u4"), ("labelled", "<u4"), ("seal", "<u4")])


def most_rows(shape: Shape, size: int) -> int:
    """Return how many predictions there is room for in so many bytes on disk, with a label of each."""
    return size // (room(prediction_type(shape)) + room(label_type(shape)))


def seals(keys: Keys, records: Records) -> NDArray[np.uint32]:
    """Return the seal of each record under its key, uint32 (n,): of all its bytes but the seal's own."""
    width = records.dtype.itemsize - 4
    padded = np.zeros((len(records), -(-width // 8) * 8), np.uint8)
    padded[:, :width] = records.view(np.uint8).reshape(len(records), width + 4)[:, :width]
    state = (keys ^ _ODD) * _ODD  # mixed first: the same bits of a minute and of a count must not make up for each other
    state ^= state >> np.uint64(32)
    for word in padded.view(np.uint64).T:
        state = (state ^ word) * _ODD
        state ^= state >> np.uint64(32)
    return (state * _ODD >> np.uint64(32)).astype(np.uint32)


def bodies(records: Records) -> list[bytes]:
    """Return each record as bytes."""
    return records.view(f"V{records.dtype.itemsize}").tolist()  # type: ignore[no-any-return]  # NumPy's stubs know no such view


def room(record: np.dtype[Any]) -> int:
    """Return what a row takes on disk, in bytes, on the average."""
    return round((record.itemsize + _CELL) / _FILL)
