"""Covering: how many of the predictions of each minute have their label."""

from __future__ import annotations

import numpy as np

from prediction_exporter.counting.state_step import Step
from prediction_exporter.labels.batches import Coverage
from prediction_exporter.labels.contents import DAY, Contents
from prediction_exporter.labels.groups import series

_MINUTES = DAY // 60


def coverage_of(held: Contents, step: Step, first: int, last: int) -> Coverage:
    """Return the coverage of the minutes from ``first`` up to and without ``last``, counted from the epoch."""
    minutes, cells, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, held.coverage.record)]
    for day in held.coverage.days():
        begin, end = max(first - day * _MINUTES, 0), min(last - day * _MINUTES, _MINUTES)
        if begin < end:
            keys, records = held.coverage.scan(step, day, begin << 32, end << 32)
            minutes.append((keys >> np.uint64(32)).astype(np.int64) + day * _MINUTES)
            cells.append((keys & np.uint64(0xFFFF_FFFF)).astype(np.int64))
            counts.append(records)
    present, places = np.unique(np.concatenate(cells), return_inverse=True)
    known = [held.groups.cell(code) for code in present.tolist()]
    records = np.concatenate(counts)
    return Coverage(
        minutes=np.concatenate(minutes),
        versions=series([cell.version for cell in known], places),
        parts=series([cell.part for cell in known], places),
        predicted=series([cell.predicted for cell in known], places),
        predictions=records["predictions"].astype(np.int64),
        labelled=records["labelled"].astype(np.int64),
    )
