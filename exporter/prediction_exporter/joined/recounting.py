"""Recounting: the pairs of some minutes from all of their predictions and labels, by the rules of what waits in the state file.

Where a database has both sides, nothing waits: it is asked for the predictions of minutes that something has changed in, and
for all labels of these. What is counted of the minutes is then replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.ranks import union
from prediction_exporter.labels import Labels, Pairs, Predictions
from prediction_exporter.labels.keys import hash_ids, salts

MINUTE = 60_000_000
_SECOND = 1_000_000

Places = NDArray[np.intp]
Truth = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Recount:
    """What some minutes hold.

    Attributes:
        spans: the minutes since the epoch, ``[first, last)`` each.
        is_whole: whether it is of all predictions of the minutes; else of those that have a label.
        pairs: the predictions that have a label.
        followed: the predictions, labelled or not, each once.
        labelled: bool, whether each of these has a label.
        repeated: predictions that are there again, a row each.
        empty: predictions without an id or a value.
        actual: the first label of each prediction whose first one is new.
        delays: float64, the seconds that these took.
        corrected: how many labels were replaced by newer ones.
    """

    spans: Sequence[tuple[int, int]]
    is_whole: bool
    pairs: Pairs
    followed: Predictions
    labelled: Truth
    repeated: int
    empty: int
    actual: pl.Series
    delays: NDArray[np.float64]
    corrected: int


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """Labels of predictions, by prediction and in the order in which they count; arrays of equal length.

    Attributes:
        places: of the predictions.
        labels: places of the labels.
        specific: bool, whether each label names more than an id.
    """

    places: Places
    labels: Places
    specific: Truth

    def take(self, which: NDArray[np.intp] | Truth) -> _Candidates:
        """Return some of them."""
        return _Candidates(self.places[which], self.labels[which], self.specific[which])


def recount(
    predictions: Predictions,
    labels: Labels,
    *,
    spans: Sequence[tuple[int, int]],
    horizon: float,
    share: float = 1.0,
    since: int | None = None,
    adds_up: bool = False,
) -> Recount:
    """Pair the predictions of some minutes with their labels.

    A prediction that is there more than once is that which was first. Of several labels that which became known last counts,
    and of two of one time that which names its prediction more exactly.

    Args:
        predictions: those of the minutes, and earlier ones of the same ids.
        labels: those of these ids; all have a time.
        spans: the minutes, ``[first, last)`` each.
        horizon: how long a prediction waits for its label, and a label for its prediction, in seconds.
        share: the share of ids that is kept.
        since: microseconds since the epoch from which on labels are new; None where the minutes are, so that all labels are,
            and predictions without a label are among them.
        adds_up: whether labels are sets of ranks, which add up.
    """
    reach = int(horizon * _SECOND)
    inside = _inside(predictions.times, spans)
    usable = _usable(predictions.ids, predictions.predicted)
    empty = int(np.count_nonzero(inside & ~usable))
    predictions = predictions.take(np.flatnonzero(usable)).in_order()
    inside = _inside(predictions.times, spans)
    ids = hash_ids(predictions.ids)
    if share < 1:
        sampled = np.flatnonzero(ids.sampled(share))
        predictions, inside, ids = predictions.take(sampled), inside[sampled], ids.take(sampled)
    of_id = ids.keys + salts(None, predictions.rows, len(predictions))
    keys = of_id if predictions.parts is None else ids.keys + salts(predictions.parts, predictions.rows, len(predictions))
    repeated = _repeated(keys, predictions.times, reach)
    fresh = np.flatnonzero(inside & ~repeated)
    followed = predictions.take(fresh)
    found = _labels_of(followed, keys[fresh], of_id[fresh], labels, reach)
    if adds_up:
        labels, found = _added_up(labels, found)
    places = found.places
    is_last = np.append(places[1:] != places[:-1], [True])[: len(places)]
    known = _times(labels)[found.labels]
    is_new = np.ones(len(places), np.bool_) if since is None else known >= since
    is_first, is_later = _first(places, known <= followed.times[places])
    winners, firsts = found.take(is_last), found.take(is_first & is_new)
    labelled = np.zeros(len(followed), np.bool_)
    labelled[winners.places] = True
    return Recount(
        spans=spans,
        is_whole=since is None,
        pairs=_pairs(followed.take(winners.places), _gathered(labels, winners.labels), share),
        followed=followed,
        labelled=labelled,
        repeated=int(np.count_nonzero(inside & repeated)),
        empty=empty,
        actual=labels.actual.gather(firsts.labels),
        delays=np.maximum(_times(labels)[firsts.labels] / _SECOND - followed.times[firsts.places] // _SECOND, 0.0),
        corrected=int(np.count_nonzero(_replaces(labels, found) & is_later & is_new)),
    )


def _inside(times: NDArray[np.int64], spans: Sequence[tuple[int, int]]) -> Truth:
    minutes = times // MINUTE
    inside = np.zeros(len(times), np.bool_)
    for first, last in spans:
        inside |= (minutes >= first) & (minutes < last)
    return inside


def _usable(ids: pl.Series, values: pl.Series) -> Truth:
    """Return which rows have all that they need."""
    missing = ids.is_null() | values.is_null()
    if values.dtype.is_float():
        missing |= ~values.is_finite().fill_null(value=False)
    return ~missing.to_numpy()


def _times(labels: Labels) -> NDArray[np.int64]:
    assert labels.times is not None  # noqa: S101 - a table of labels has times
    return labels.times


def _repeated(keys: NDArray[np.uint64], times: NDArray[np.int64], reach: int) -> Truth:
    """Return which rows have an earlier one of their key that is not too long ago."""
    order = np.lexsort((times, keys))
    before, after = order[:-1], order[1:]
    repeated = np.zeros(len(keys), np.bool_)
    repeated[after] = (keys[before] == keys[after]) & (times[after] - times[before] <= reach)
    return repeated


def _labels_of(
    predictions: Predictions, keys: NDArray[np.uint64], of_id: NDArray[np.uint64], labels: Labels, reach: int
) -> _Candidates:
    """Return the labels of predictions, by prediction and then in the order in which they count."""
    usable = _usable(labels.ids, labels.actual)
    if labels.weights is not None:
        with np.errstate(invalid="ignore"):
            usable &= np.isfinite(labels.weights) & (labels.weights > 0)
    chosen = np.flatnonzero(usable)
    ids = hash_ids(labels.ids.gather(chosen))
    parts = None if labels.parts is None else labels.parts.gather(chosen)
    named = ids.keys + salts(parts, None, len(chosen))
    specific = named != ids.keys
    order = np.argsort(named, kind="stable")
    asked, askers = keys, np.arange(len(keys))
    more = np.flatnonzero(of_id != keys)
    if len(more):
        asked, askers = np.concatenate((asked, of_id[more])), np.concatenate((askers, more))
    low, high = (np.searchsorted(named[order], asked, side=side) for side in ("left", "right"))
    many = high - low
    places = np.repeat(askers, many)
    at = np.arange(many.sum()) - np.repeat(many.cumsum() - many, many) + np.repeat(low, many)
    mine = order[at]
    known = _times(labels)[chosen][mine]
    near = known >= predictions.times[places] - reach
    places, mine, known = places[near], mine[near], known[near]
    weights = np.ones(len(mine)) if labels.weights is None else labels.weights[chosen][mine]
    # Of labels of one time, those of equal rank by their value: so that what is told again is the same.
    values = labels.actual.gather(chosen).rank("dense").to_numpy()[mine]
    in_order = np.lexsort((weights, values, specific[mine], known, places))
    return _Candidates(places[in_order], chosen[mine][in_order], specific[mine][in_order])


def _added_up(labels: Labels, found: _Candidates) -> tuple[Labels, _Candidates]:
    """Return labels that add up, each candidate with a label of its own: the ranks of it and of all before it.

    Those that name an id alone and those that name more are apart, as they are where they wait in the state file.
    """
    sets = labels.actual.gather(found.labels).to_numpy().copy()
    groups = found.places * 2 + found.specific
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.append([True], np.diff(groups[order]) != 0)[: len(order)])
    position = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    for turn in range(1, int(position.max(initial=0)) + 1):
        mine = np.flatnonzero(position == turn)
        sets[order[mine]] = union(sets[order[mine]], sets[order[mine - 1]])
    times, weights = _times(labels)[found.labels], None if labels.weights is None else labels.weights[found.labels]
    grown = Labels(labels.ids.gather(found.labels), pl.Series(sets), times, weights=weights)
    return grown, _Candidates(found.places, np.arange(len(found.places)), found.specific)


def _first(places: Places, early: Truth) -> tuple[Truth, Truth]:
    """Return which labels are the first of their prediction, and which come after it.

    Of labels that were known before the prediction was made the last one is the first that it has.
    """
    starts = np.flatnonzero(np.append([True], places[1:] != places[:-1])[: len(places)])
    is_first, is_later = np.zeros(len(places), np.bool_), np.zeros(len(places), np.bool_)
    if len(places):
        sizes = np.diff(np.append(starts, len(places)))
        firsts = starts + np.maximum(np.add.reduceat(early.astype(np.intp), starts) - 1, 0)
        is_first[firsts] = True
        is_later = np.arange(len(places)) > np.repeat(firsts, sizes)
    return is_first, is_later


def _replaces(labels: Labels, found: _Candidates) -> Truth:
    """Return which labels say something else than the one before them."""
    actual = labels.actual.gather(found.labels)
    differs = (actual != actual.shift(1)).fill_null(value=False).to_numpy()
    if labels.weights is not None:
        weights = labels.weights[found.labels]
        differs = differs | np.append([False], weights[1:] != weights[:-1])[: len(weights)]
    return differs


def _gathered(labels: Labels, places: Places) -> Labels:
    """Return the labels at places, in any order, some of them more than once."""
    weights = None if labels.weights is None else labels.weights[places]
    return Labels(labels.ids.gather(places), labels.actual.gather(places), _times(labels)[places], weights=weights)


def _pairs(predictions: Predictions, labels: Labels, share: float) -> Pairs:
    """Return predictions (n,) with their labels (n,)."""
    size = len(predictions)
    weights = np.ones(size) if labels.weights is None else labels.weights
    return Pairs(
        minutes=predictions.times // MINUTE,
        versions=predictions.versions,
        parts=pl.repeat(None, size, dtype=pl.String, eager=True) if predictions.parts is None else predictions.parts,
        segments=predictions.segments,
        predicted=predictions.predicted,
        scores=np.empty((size, 0)) if predictions.scores is None else predictions.scores,
        actual=labels.actual,
        weights=weights / share,
    )
