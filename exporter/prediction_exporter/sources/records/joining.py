"""Joining: the requests and responses of a source, brought together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prediction_exporter.config import Predictions
from prediction_exporter.config.records import MOST_WAITING, WAITS
from prediction_exporter.counting.state_kept import Kept
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.layouts.base import SIDES, Record
from prediction_exporter.sources.layouts.registry import layout_of
from prediction_exporter.sources.records.halves import Halves, Joined, JoinedByLayout, Place, SampledHalves, Sides
from prediction_exporter.sources.records.waiting import WaitingHalves


@dataclass(slots=True)
class Met:
    """How many records were requests and responses, and how many of them found each other."""

    requests: int = 0
    responses: int = 0
    pairs: int = 0

    def __str__(self) -> str:
        """Return it as words."""
        requests, responses = _many(self.requests, "request"), _many(self.responses, "response")
        return f"{_many(self.pairs, 'pair')} of {requests} and {responses}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


class Joiner:
    """Joins the two records of each prediction.

    Args:
        sides: tells which of the two a record is.
        halves: where they wait for each other.

    Attributes:
        halves: the same.
        met: how many there were, and how many of them found each other.
    """

    def __init__(self, sides: Sides, halves: Halves) -> None:
        self._sides = sides
        self.halves = halves
        self.met = Met()

    def join(
        self, records: Sequence[Record], lines: Sequence[bytes], rejected: Rejected
    ) -> tuple[list[tuple[Place, Place]], list[int]]:
        """Return pairs of a request and its response that are complete now, and which records are neither.

        Args:
            records: what has come.
            lines: the same, as they were written.
            rejected: where those are counted that are refused.

        Raises:
            StateError: what waits cannot be read back.
        """
        refused = rejected.total
        sides = self._sides(records, rejected)
        others = [place for place, half in enumerate(sides) if half is None]
        del others[: rejected.total - refused]  # as many of them are refused
        places = [place for place, half in enumerate(sides) if half is not None]
        found = [half for half in sides if half is not None]
        pairs = self.halves.meet(found, [lines[place] for place in places], rejected)
        requests = sum(half.side == SIDES[0] for half in found)
        self.met.requests += requests
        self.met.responses += len(found) - requests
        self.met.pairs += len(pairs)

        def at(place: Place) -> Place:
            return places[place] if isinstance(place, int) else place

        return [(at(request), at(response)) for request, response in pairs], others

    def missed(self) -> tuple[str, ...]:
        """Return what is wrong where none of the records found its other half, with the place in the configuration."""
        told, met = self._sides.unseen(), self.met
        if told or met.pairs or not (met.requests or met.responses):
            return told
        if not isinstance(self._sides, Joined):
            return (f"layout: no request and response have the same id: {met}",)
        if met.requests and met.responses:
            return (f"join.id: {self._sides.field} has no value that a request and a response share: {met}",)
        side = SIDES[1] if met.requests else SIDES[0]
        return (f"join.{side}: no {side} with an id is among the sampled records: {met}",)


def joins(predictions: Predictions) -> bool:
    """Return whether a prediction has two records."""
    if predictions.layout is not None:
        return layout_of(predictions.layout).half is not None
    return predictions.join is not None


def joiner_of(predictions: Predictions, kept: Kept | None, clock: Callable[[], float]) -> Joiner | None:
    """Return what joins records; None where each is whole.

    Args:
        predictions: how they are read.
        kept: gives what the state file has of those that wait; None where they are only looked at.
        clock: Unix time.
    """
    joining = predictions.join
    half = layout_of(predictions.layout).half if predictions.layout is not None else None
    sides: Sides
    if joining is not None:
        sides = Joined(joining)
    elif half is not None:
        sides = JoinedByLayout(half)
    else:
        return None
    if kept is None:
        return Joiner(sides, SampledHalves())
    within, most = (WAITS, MOST_WAITING) if joining is None else (joining.within, joining.max_size)
    return Joiner(sides, WaitingHalves(kept, within=within.seconds, most=int(most), clock=clock))
