"""Tallies: what became of predictions and labels, as counters that only rise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_DAY = 86_400

#: Upper ends of the buckets of delays, in seconds; what took longer is in one more.
DELAY_BOUNDS = (60, 300, 900, 3600, 6 * 3600, _DAY, 3 * _DAY, 7 * _DAY, 14 * _DAY, 21 * _DAY, 30 * _DAY)

#: What is given up, and why.
What = Literal["prediction", "label"]
Reason = Literal["empty", "weight", "old", "ahead", "room", "names", "damaged", "gone", "shape"]

#: The reasons in words that go on from what is given up.
WHY: Mapping[Reason, str] = {
    "empty": "they have no id, or no usable value",
    "weight": "their weight is not above 0",
    "old": "they are older than labels.horizon",
    "ahead": "they lie more than a day ahead of the clock",
    "room": "labels.max_size is reached",
    "names": "there are too many classes, versions or segments",
    "damaged": "the state file was damaged",
    "gone": "others of their day were given up before",
    "shape": "what is kept of a prediction has changed",
}


@dataclass(slots=True)
class Tallies:
    """Counters since the model is watched.

    Attributes:
        predictions: predictions that were put to wait.
        labels: labels that were taken, corrections included.
        joined: predictions that got their first label.
        corrected: predictions whose label was replaced.
        duplicates: predictions that were there already.
        repeated: labels that were there already.
        outdated: labels that were known before the one that was there already.
        collisions: predictions and labels whose key another id has; they are given up.
        unmatched: labels that found no prediction for as long as they waited.
        expired: predictions that got no label within the horizon, by predicted class; "" where numbers are predicted.
        given_up: by what and why.
        delays: how long labels took, by their class ("" for numbers): predictions in each bucket of :data:`DELAY_BOUNDS`.
        delay_sums: the sum of these delays, in seconds.
    """

    predictions: int = 0
    labels: int = 0
    joined: int = 0
    corrected: int = 0
    duplicates: int = 0
    repeated: int = 0
    outdated: int = 0
    collisions: int = 0
    unmatched: int = 0
    expired: Counter[str] = field(default_factory=Counter)
    given_up: Counter[tuple[What, Reason]] = field(default_factory=Counter)
    delays: dict[str, list[int]] = field(default_factory=dict)
    delay_sums: Counter[str] = field(default_factory=Counter)

    def give_up(self, what: What, reason: Reason, many: int | np.integer[Any]) -> None:
        """Count what is given up."""
        if many:
            self.given_up[what, reason] += int(many)

    def delayed(self, labels: Iterable[str], codes: NDArray[Any], seconds: NDArray[np.float64]) -> None:
        """Count the delays of labels, by their class.

        Args:
            labels: the classes.
            codes: (n,), which of them each label is.
            seconds: float64 (n,), from 0.
        """
        buckets = np.searchsorted(DELAY_BOUNDS, seconds)
        for code, label in enumerate(labels):
            mine = codes == code
            counts = np.bincount(buckets[mine], minlength=len(DELAY_BOUNDS) + 1)
            former = self.delays.get(label, [0] * len(counts))
            self.delays[label] = [a + b for a, b in zip(former, counts.tolist(), strict=True)]
            self.delay_sums[label] += float(seconds[mine].sum())  # type: ignore[assignment]  # a Counter adds floats as well

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "given_up"}
        return {**plain, "given_up": [[*key, many] for key, many in self.given_up.items()]}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Tallies:
        """Return what :meth:`to_json` gave."""
        tallies = cls(**{name: value for name, value in stored.items() if name != "given_up"})
        tallies.expired, tallies.delay_sums = Counter(tallies.expired), Counter(tallies.delay_sums)
        tallies.given_up = Counter({(what, reason): many for what, reason, many in stored["given_up"]})
        return tallies
