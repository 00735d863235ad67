"""Predicting: predictions are put, and joined with labels that came before them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.state_step import Step
from prediction_exporter.labels.batches import Pairs, Predictions
from prediction_exporter.labels.contents import DAY, Contents
from prediction_exporter.labels.days import Found
from prediction_exporter.labels.groups import NONE
from prediction_exporter.labels.keys import Ids, hash_ids, salts
from prediction_exporter.labels.pairs import pairs_of
from prediction_exporter.labels.rows import Keys, Records
from prediction_exporter.labels.waiting import cover, newest, note_days, note_joined, put_labels

_SECOND = 1_000_000
_DAY = DAY * _SECOND

#: Predictions may be so many days ahead of the clock.
_AHEAD = 1


def put_predictions(held: Contents, step: Step, batch: Predictions, *, now: float, sample: float, most: int) -> Pairs:
    """Put predictions; return the pairs that they make with labels that are there.

    Args:
        held: where to.
        step: the transaction.
        batch: the predictions.
        now: the time, in seconds since the epoch.
        sample: the share of ids that is kept.
        most: bytes that all may take.
    """
    tallies, today = held.tallies, int(now // DAY)
    batch = batch.take(_acceptable(held, batch, now))
    ids = hash_ids(batch.ids)
    if sample < 1:
        sampled = np.flatnonzero(ids.sampled(sample))
        batch, ids = batch.take(sampled), ids.take(sampled)
    if not len(batch):
        return pairs_of(held.shape, held.groups, np.empty(0, held.predictions.record), np.empty(0, held.labels.record))
    of_id = ids.keys + salts(None, batch.rows, len(batch))
    keys = of_id if batch.parts is None else ids.keys + salts(batch.parts, batch.rows, len(batch))
    known, early = held.mended(step, lambda: (held.predictions.find(step, keys), _early(held, step, keys, of_id, ids)))
    fresh = _fresh(held, keys, ids, known)
    free = held.room_for_predictions(step, len(fresh), most, today)
    tallies.give_up("prediction", "room", len(fresh) - free)
    fresh = fresh[:free]
    days = batch.times // _DAY
    open_days = ~np.isin(days[fresh], list(held.gone))
    tallies.give_up("prediction", "gone", np.count_nonzero(~open_days))
    fresh = fresh[open_days]
    records, named = _records(held, batch, ids, fresh, sample)
    tallies.give_up("prediction", "names", np.count_nonzero(~named))
    fresh, records = fresh[named], records[named]
    tallies.predictions += len(fresh)
    for day in np.unique(days[fresh]).tolist():
        mine = days[fresh] == day
        held.predictions.put(step, day, keys[fresh[mine]], records[mine])
    cover(held, step, records, days[fresh], labelled=False)
    return _join(held, step, Rows(fresh, records, days[fresh]), early, today)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Predictions that were put.

    Attributes:
        places: intp (n,), ascending, their places in the batch.
        records: (n,).
        days: int64 (n,).
    """

    places: NDArray[np.intp]
    records: Records
    days: NDArray[np.int64]


def _acceptable(held: Contents, batch: Predictions, now: float) -> NDArray[np.intp]:
    """Return which predictions have all that they need, at a time that is not too far."""
    missing = batch.ids.is_null() | batch.predicted.is_null()
    if held.shape.kind != "class":
        missing |= ~batch.predicted.is_finite().fill_null(value=False)
    empty = missing.to_numpy()
    old = ~empty & (batch.times // _DAY < held.oldest_day(now))
    ahead = ~empty & (batch.times // _DAY > now // DAY + _AHEAD)
    held.tallies.give_up("prediction", "empty", np.count_nonzero(empty))
    held.tallies.give_up("prediction", "old", np.count_nonzero(old))
    held.tallies.give_up("prediction", "ahead", np.count_nonzero(ahead))
    return np.flatnonzero(~(empty | old | ahead))


def _early(held: Contents, step: Step, keys: Keys, of_id: Keys, ids: Ids) -> Found:
    """Return the label that counts of each prediction that has one already, by their places in the batch."""
    size = len(keys)
    asked = keys if of_id is keys else np.concatenate((keys, of_id))
    found = held.labels.find(step, asked)
    specific = found.places < size if of_id is not keys else np.zeros(len(found), np.bool_)
    found = Found(found.places % size, found.keys, found.days, found.records)
    own = found.records["check"] == ids.checks[found.places]
    return newest(found.take(own), specific[own])


def _fresh(held: Contents, keys: Keys, ids: Ids, known: Found) -> NDArray[np.intp]:
    """Return which predictions are not there yet, ascending; of several of one key the first."""
    is_there = np.zeros(len(keys), np.bool_)
    is_there[known.places] = True
    checks = np.zeros(len(keys), np.uint32)
    checks[known.places] = known.records["check"]
    others = np.flatnonzero(~is_there)
    _, firsts, inverse = np.unique(keys[others], return_index=True, return_inverse=True)
    fresh = others[firsts]
    checks[others] = ids.checks[fresh][inverse]
    same = checks == ids.checks
    repeated = np.ones(len(keys), np.bool_)
    repeated[fresh] = False
    held.tallies.duplicates += int(np.count_nonzero(repeated & same))
    held.tallies.collisions += int(np.count_nonzero(repeated & ~same))
    return np.sort(fresh)


def _records(
    held: Contents, batch: Predictions, ids: Ids, fresh: NDArray[np.intp], share: float
) -> tuple[Records, NDArray[np.bool_]]:
    """Return the rows of some predictions, and which of them could be named."""
    records = np.zeros(len(fresh), held.predictions.record)
    if not len(fresh):
        return records, np.ones(0, np.bool_)
    batch = batch.take(fresh)
    last = int(batch.times.max() // _DAY)
    groups = held.groups.group_codes([batch.versions, batch.parts, *batch.segments], share, last)
    named = groups != NONE
    if held.shape.kind == "class":
        classes = held.groups.class_codes(batch.predicted, last)
        named &= classes != NONE
        records["predicted"][named] = classes[named]
        named[named] = held.groups.cell_codes(groups[named], classes[named], last) != NONE
    else:
        records["predicted"] = batch.predicted.to_numpy()
        named[named] = held.groups.cell_codes(groups[named], None, last) != NONE
    records["check"] = ids.checks[fresh]
    records["time"] = batch.times // _SECOND
    records["group"][named] = groups[named]
    if batch.scores is not None and held.shape.scores:
        records["scores"] = batch.scores
    return records, named


def _join(held: Contents, step: Step, put: Rows, early: Found, today: int) -> Pairs:
    """Return the pairs of predictions that were put with labels that were found; the labels are put again to outlive them."""
    places = np.searchsorted(put.places, early.places)
    there = places < len(put.places)
    there[there] = put.places[places[there]] == early.places[there]
    places, early = places[there], early.take(there)
    predictions, days = put.records[places], put.days[places]
    if len(places):
        distinct, firsts = np.unique(early.keys, return_index=True)
        labels = early.records[firsts].copy()
        labels["joined"] = 1
        former = Found(np.arange(len(distinct)), distinct, early.days[firsts], early.records[firsts])
        put_labels(held, step, distinct, labels, former, today)
        note_days(held, np.maximum(early.days, today), days)
        cover(held, step, predictions, days, labelled=True)
        note_joined(held, predictions, early.records)
    return pairs_of(held.shape, held.groups, predictions, early.records)
