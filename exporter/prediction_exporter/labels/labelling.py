"""Labelling: labels are put, and joined with the predictions that wait for them; corrections replace what was joined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.ranks import union
from prediction_exporter.counting.state_step import Step
from prediction_exporter.labels.batches import Joined, Labels, Pairs
from prediction_exporter.labels.contents import DAY, Contents
from prediction_exporter.labels.days import Found
from prediction_exporter.labels.groups import NONE
from prediction_exporter.labels.keys import hash_ids, salt, salts
from prediction_exporter.labels.pairs import joined_together, pairs_of
from prediction_exporter.labels.rows import Keys, Records, room
from prediction_exporter.labels.waiting import cover, newest, note_days, note_joined, put_labels

_SECOND = 1_000_000

#: Labels that have found no prediction take at most this share of the room: most of what is labelled may never be predicted.
_EARLY_SHARE = 0.5

Places = NDArray[np.intp]
Truth = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Put:
    """Labels to be put; all columns have the same length n.

    Attributes:
        keys: uint64, of what each names.
        of_id: uint64, of the id and row alone: equal to the key where a label speaks of every prediction of its id.
        records: the rows.
    """

    keys: Keys
    of_id: Keys
    records: Records

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def specific(self) -> Truth:
        """Whether each names more than an id."""
        return np.not_equal(self.keys, self.of_id)

    def take(self, places: Places) -> _Put:
        """Return some of them."""
        return _Put(self.keys[places], self.of_id[places], self.records[places])


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """What is there of some labels.

    Attributes:
        taken: places of the labels that change something.
        former: the labels that they replace, by their places in ``taken``.
        predictions: the predictions that they speak of, by their places in ``taken``.
        others: the labels that count of these predictions beside the former ones, by their places in ``predictions``.
        collisions, repeated, outdated: how many labels change nothing.
    """

    taken: Places
    former: Found
    predictions: Found
    others: Found
    collisions: int
    repeated: int
    outdated: int


def put_labels_of(held: Contents, step: Step, batch: Labels, *, now: float, sample: float, most: int) -> Joined:
    """Put labels; return the pairs that they make, and those that are no more.

    Args:
        held: where to.
        step: the transaction.
        batch: the labels.
        now: the time, in seconds since the epoch.
        sample: the share of ids that is kept.
        most: bytes that all may take.
    """
    put = _acceptable(held, batch, now, max(sample, held.groups.largest_share()))
    if held.shape.adds_up:
        put = _each_once(held, put)
    today = int(now // DAY)
    free = held.room_for_labels(step, len(put), most, today)
    held.tallies.give_up("label", "room", len(put) - free)
    put = put.take(np.arange(free))
    early = int(most * _EARLY_SHARE) // room(held.labels.record)
    empty = pairs_of(held.shape, held.groups, np.empty(0, held.predictions.record), np.empty(0, held.labels.record))
    joined = [Joined(empty, empty)]
    joined += [_put_some(held, step, put.take(places), today, early) for places in _turns(put.of_id)]
    return Joined(joined_together([one.added for one in joined]), joined_together([one.removed for one in joined]))


def _acceptable(held: Contents, batch: Labels, now: float, share: float) -> _Put:
    """Return the labels that have all that they need and are sampled."""
    missing = batch.ids.is_null() | batch.actual.is_null()
    if held.shape.kind != "class":
        missing |= ~batch.actual.is_finite().fill_null(value=False)
    empty = missing.to_numpy()
    weightless = np.zeros(len(batch), np.bool_)
    if batch.weights is not None:
        weightless = ~empty & ~(np.isfinite(batch.weights) & (batch.weights > 0))
    held.tallies.give_up("label", "empty", np.count_nonzero(empty))
    held.tallies.give_up("label", "weight", np.count_nonzero(weightless))
    batch = batch.take(np.flatnonzero(~(empty | weightless)))
    ids = hash_ids(batch.ids)
    if share < 1:
        sampled = np.flatnonzero(ids.sampled(share))
        batch, ids = batch.take(sampled), ids.take(sampled)
    records = np.zeros(len(batch), held.labels.record)
    records["check"] = ids.checks
    known = np.full(len(batch), -1, np.int64) if batch.times is None else batch.times
    records["known"] = np.where(known < 0, int(now * _SECOND), known)
    records["weight"] = 1.0 if batch.weights is None else batch.weights
    of_id = ids.keys + salts(None, batch.rows, len(batch))
    keys = of_id if batch.parts is None else ids.keys + salts(batch.parts, batch.rows, len(batch))
    put = _Put(keys, of_id, records)
    if not len(batch):
        return put
    if held.shape.kind != "class":
        records["actual"] = batch.actual.to_numpy()
        return put
    codes = held.groups.class_codes(batch.actual, int(now // DAY))
    named = codes != NONE
    records["actual"][named] = codes[named]
    held.tallies.give_up("label", "names", np.count_nonzero(~named))
    return put.take(np.flatnonzero(named))


def _each_once(held: Contents, put: _Put) -> _Put:
    """Return labels that add up without those that are there twice: of a thousand clicks on one item a turn each is none."""
    names = np.stack((put.keys, put.of_id, put.records["check"].astype(np.uint64), put.records["actual"].view(np.uint64)))
    _, firsts = np.unique(names, axis=1, return_index=True)
    held.tallies.repeated += len(put) - len(firsts)
    return put.take(np.sort(firsts))


def _turns(of_id: Keys) -> Iterator[Places]:
    """Yield the places of labels, so that each id is among them once, and several of one id come in their order."""
    left = np.arange(len(of_id))
    while len(left):
        _, firsts = np.unique(of_id[left], return_index=True)
        yield np.sort(left[firsts])
        left = np.delete(left, firsts)


def _put_some(held: Contents, step: Step, put: _Put, today: int, early: int) -> Joined:
    """Put labels of ids that all differ."""
    looked = held.mended(step, lambda: _look(held, step, put))
    tallies = held.tallies
    tallies.collisions += looked.collisions
    tallies.repeated += looked.repeated
    tallies.outdated += looked.outdated
    put, former, found = put.take(looked.taken), looked.former, looked.predictions
    records = put.records
    records["joined"][former.places] = former.records["joined"]
    records["joined"][found.places] = 1
    joined = _join(held, step, put, looked)
    is_new = np.ones(len(put), np.bool_)
    is_new[former.places] = False
    waits = np.flatnonzero(is_new & (records["joined"] == 0))
    free = max(early - sum(arrived.waiting for arrived in held.arrived.values()), 0)
    tallies.give_up("label", "room", max(len(waits) - free, 0))
    stored = np.delete(np.arange(len(put)), waits[free:])
    moved = np.searchsorted(stored, former.places)
    former = Found(moved, former.keys, former.days, former.records)
    put_labels(held, step, put.keys[stored], records[stored], former, today)
    tallies.labels += len(stored)
    days = np.full(len(put), today)
    days[looked.former.places] = np.maximum(looked.former.days, today)
    note_days(held, days[found.places], found.days)
    return joined


def _look(held: Contents, step: Step, put: _Put) -> _Looked:
    """Return what is there of some labels, without changing it; those that add up have it, too, from here on."""
    rows = put.records
    there = held.labels.find(step, put.keys)
    former = newest(there, np.zeros(len(there), np.bool_))
    mine, old = rows[former.places], former.records
    collides = mine["check"] != old["check"]
    if held.shape.adds_up:
        mine["actual"] = np.where(collides, mine["actual"], union(mine["actual"], old["actual"]))
        mine["known"] = np.where(collides, mine["known"], np.maximum(mine["known"], old["known"]))
        rows[former.places] = mine
    same = ~collides & (mine["actual"] == old["actual"]) & (mine["weight"] == old["weight"])
    outdated = ~collides & ~same & (mine["known"] < old["known"])
    idle = collides | same | outdated
    taken = np.delete(np.arange(len(put)), former.places[idle])
    former = former.take(~idle)
    former = Found(np.searchsorted(taken, former.places), former.keys, former.days, former.records)
    put = put.take(taken)
    predictions = _predictions_of(held, step, put)
    others = _others_of(held, step, put, predictions)
    counts = (int(np.count_nonzero(which)) for which in (collides, same, outdated))
    return _Looked(taken, former, predictions, others, *counts)


def _predictions_of(held: Contents, step: Step, put: _Put) -> Found:
    """Return the predictions that labels speak of."""
    specific = put.specific
    named, of_all = np.flatnonzero(specific), np.flatnonzero(~specific)
    parts = [np.uint64(salt(part)) for part in held.groups.parts()]
    keys = np.concatenate((put.keys[named], *(put.of_id[of_all] + part for part in parts)))
    labels = np.concatenate((named, *(of_all for _ in parts)))
    found = held.predictions.find(step, keys)
    places = labels[found.places]
    own = found.records["check"] == put.records["check"][places]
    return Found(places, found.keys, found.days, found.records).take(own)


def _others_of(held: Contents, step: Step, put: _Put, predictions: Found) -> Found:
    """Return the labels that speak of the same predictions in the other way: of every one of an id, or of one alone."""
    specific = put.specific[predictions.places]
    keys = np.where(specific, put.of_id[predictions.places], predictions.keys)
    asked = np.flatnonzero(keys != put.keys[predictions.places])
    found = held.labels.find(step, keys[asked])
    places = asked[found.places]
    own = found.records["check"] == predictions.records["check"][places]
    found = Found(places, found.keys, found.days, found.records).take(own)
    return newest(found, np.zeros(len(found), np.bool_))


def _join(held: Contents, step: Step, put: _Put, looked: _Looked) -> Joined:
    """Return what labels change of the pairs."""
    found, others = looked.predictions, looked.others
    current = np.zeros(len(found), held.labels.record)
    has_current, loses = np.zeros(len(found), np.bool_), np.zeros(len(found), np.bool_)
    has_former = np.zeros(len(put), np.bool_)
    of_label = np.zeros(len(put), held.labels.record)
    has_former[looked.former.places] = True
    of_label[looked.former.places] = looked.former.records
    has_current = has_former[found.places]
    current[has_current] = of_label[found.places[has_current]]
    if len(others):
        at, specific = others.places, put.specific[found.places[others.places]]
        known, mine = others.records["known"], put.records["known"][found.places[at]]
        loses[at] = (known > mine) | ((known == mine) & ~specific)
        counts = ~has_current[at] | (known > current["known"][at]) | ((known == current["known"][at]) & ~specific)
        current[at[counts]] = others.records[counts]
        has_current[at] = True
    labels = put.records[found.places]
    same = has_current & (labels["actual"] == current["actual"]) & (labels["weight"] == current["weight"])
    first = ~has_current
    replaces = has_current & ~loses & ~same
    held.tallies.corrected += int(np.count_nonzero(replaces))
    cover(held, step, found.records[first], found.days[first], labelled=True)
    note_joined(held, found.records[first], labels[first])
    changes = first | replaces
    return Joined(
        _pairs(held, found.records[changes], labels[changes]), _pairs(held, found.records[replaces], current[replaces])
    )


def _pairs(held: Contents, predictions: Records, labels: Records) -> Pairs:
    return pairs_of(held.shape, held.groups, predictions, labels)
