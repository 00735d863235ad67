"""Recounting: the pairs of a day once more, for whoever has lost what was counted of them or counts something else now."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prediction_exporter.counting.state_step import Step
from prediction_exporter.labels.batches import Pairs
from prediction_exporter.labels.contents import Contents
from prediction_exporter.labels.days import Found
from prediction_exporter.labels.keys import salt
from prediction_exporter.labels.pairs import pairs_of
from prediction_exporter.labels.waiting import newest

_AT_A_TIME = 20_000


def pairs_of_day(held: Contents, step: Step, day: int) -> Iterator[Pairs]:
    """Yield all pairs that the predictions of a day make now."""
    for keys, records in held.predictions.pages(step, day, _AT_A_TIME):
        groups, of_row = held.groups.decoded(records["group"])
        salts = np.array([salt(group.part) for group in groups], np.uint64)[of_row]
        found = held.labels.find(step, np.concatenate((keys, keys - salts)))
        places = found.places % len(keys)
        own = found.records["check"] == records["check"][places]
        labels = newest(Found(places, found.keys, found.days, found.records).take(own), (found.places < len(keys))[own])
        yield pairs_of(held.shape, held.groups, records[labels.places], labels.records)
