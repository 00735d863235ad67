"""Waiting: what both sides of a join need of the contents: the newest label of each, coverage, and labels put under a day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.state_step import Step
from prediction_exporter.labels.contents import DAY, Arrived, Contents
from prediction_exporter.labels.days import DamagedDayError, Found
from prediction_exporter.labels.rows import Keys, Records

_MINUTE = 60
_MICROSECONDS = 1e6


def newest(found: Found, specific: NDArray[np.bool_]) -> Found:
    """Return the label that counts of those that were found for each place.

    It is the one that was known last, and of several the one that names its prediction more exactly; of the same label, which
    may stand in several tables, the one that was put last.
    """
    order = np.lexsort((found.days, specific, found.records["known"], found.places))
    places = found.places[order]
    last = np.append(places[1:] != places[:-1], [True])[: len(places)]
    return found.take(order[last])


def cover(held: Contents, step: Step, predictions: Records, days: NDArray[np.int64], *, labelled: bool) -> None:
    """Count predictions (n,) of these days: as such, or as labelled."""
    classes = predictions["predicted"].astype(np.int64) if held.shape.kind == "class" else None
    for day in np.unique(days).tolist():
        if day in held.gone and not labelled:
            continue
        mine = days == day
        cells = held.groups.cell_codes(
            predictions["group"][mine].astype(np.int64), None if classes is None else classes[mine], day
        )
        minutes = (predictions["time"][mine].astype(np.int64) - day * DAY) // _MINUTE
        keys, counts = np.unique(minutes << 32 | cells, return_counts=True)
        try:
            _count(held, step, day, keys.astype(np.uint64), counts, labelled=labelled)
        except DamagedDayError:
            held.give_up_damaged(step, held.coverage.kind, day, 0)


def _count(held: Contents, step: Step, day: int, keys: Keys, counts: NDArray[np.intp], *, labelled: bool) -> None:
    there, former = held.coverage.read(step, day, keys)
    records = np.zeros(len(keys), held.coverage.record)
    places = np.searchsorted(keys, there)
    records[places] = former
    records["labelled" if labelled else "predictions"] += counts.astype(np.uint32)
    held.coverage.put(step, day, keys, records, former)


def note_joined(held: Contents, predictions: Records, labels: Records) -> None:
    """Count predictions (n,) that got their first label, and how long that took."""
    seconds = np.maximum(labels["known"] / _MICROSECONDS - predictions["time"], 0.0)
    held.tallies.joined += len(predictions)
    if held.shape.kind != "class":
        held.tallies.delayed([""], np.zeros(len(predictions), np.intp), seconds)
        return
    present, codes = np.unique(labels["actual"], return_inverse=True)
    texts = held.groups.classes.texts()
    held.tallies.delayed([texts[code] for code in present.tolist()], codes, seconds)


def put_labels(held: Contents, step: Step, keys: Keys, records: Records, former: Found, today: int) -> None:
    """Put labels (n,), whose keys differ, under today, and take those out of the counts that they replace.

    Args:
        held: where to.
        step: the transaction.
        keys: uint64 (n,).
        records: the labels.
        former: those with these keys that are there, by their places in ``keys``.
        today: the day.
    """
    targets = np.full(len(keys), today)
    targets[former.places] = np.maximum(former.days, today)  # a clock that was put back must not hide what came before
    for place, waited in zip(former.days.tolist(), (former.records["joined"] == 0).tolist(), strict=True):
        if waited and place in held.arrived:
            held.arrived[place].waiting -= 1
    for day in np.unique(targets).tolist():
        mine = targets == day
        replaced = former.take((former.days == day) & mine[former.places])
        held.labels.put(step, day, keys[mine], records[mine], replaced.records)
        held.arrived.setdefault(day, Arrived()).waiting += int((records["joined"][mine] == 0).sum())
    if held.shape.kind == "class" and len(keys):
        held.groups.classes.use(np.unique(records["actual"]).tolist(), int(targets.max()))


def note_days(held: Contents, label_days: NDArray[np.int64], days: NDArray[np.int64]) -> None:
    """Note that labels of these days (n,) found predictions of those (n,)."""
    for label_day, day in np.unique(np.stack((label_days, days), axis=1), axis=0).tolist():
        held.arrived.setdefault(label_day, Arrived()).joined.add(day)
