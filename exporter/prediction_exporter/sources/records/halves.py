"""Halves: records of requests and of responses that find each other by their id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from prediction_exporter.counting.state_step import Step
from prediction_exporter.sources.base import Pending, Rejected, Waiting
from prediction_exporter.sources.layouts.base import SIDES, Half, Side

#: The lines of a request and its response.
Pair = tuple[bytes, bytes]

#: Bytes of a sample's requests that are remembered, and of its responses: beyond them, none waits that comes later.
SAMPLED_BYTES = 16 << 20

OTHER: Mapping[Side, Side] = {SIDES[0]: SIDES[1], SIDES[1]: SIDES[0]}

#: Why a half is refused that waited in vain, by its side.
ALONE: Mapping[Side, str] = {"request": "no_response", "response": "no_request"}


def pair_of(side: Side, line: bytes, other: bytes) -> Pair:
    """Return a line of a side, and that of the other side, as a pair."""
    return (line, other) if side == SIDES[0] else (other, line)


class Halves(Pending, Protocol):
    """Where halves wait."""

    def begin(self) -> None:
        """Begin with lines that are read again together, if they are."""

    def meet(self, halves: Sequence[Half], lines: Sequence[bytes], rejected: Rejected) -> list[Pair]:
        """Let halves find each other; return those that are complete now.

        Args:
            halves: what has come, in this order.
            lines: the same, as they were written.
            rejected: where those are counted that another with their id took the place of.
        """

    def undo(self) -> None:
        """Take back what happened since the beginning: the lines will be read again."""

    def expire(self, began: float) -> Rejected:
        """Give up what has waited too long, once all is read that was there at a time; return how much, by reason."""

    def restore(self, *, resumed: bool) -> None:
        """Begin with what the state file has; it belongs to lines that are not read on where reading was not resumed."""


class SampledHalves:
    """Halves of a sample: they wait in memory, as long as it is looked at, and as far as they are few.

    Where there is no more room it is the first ones that stay: of two files that are looked at one after the other, the
    beginnings belong together.
    """

    is_full = False

    def __init__(self) -> None:
        self._waiting: dict[Half, bytes] = {}
        self._room: dict[Side, int] = dict.fromkeys(SIDES, SAMPLED_BYTES)

    def meet(self, halves: Sequence[Half], lines: Sequence[bytes], rejected: Rejected) -> list[Pair]:
        """Let halves find each other."""
        found: list[Pair] = []
        for half, line in zip(halves, lines, strict=True):
            other = Half(half.id, OTHER[half.side])
            partner = self._waiting.pop(other, None)
            if partner is not None:
                self._room[other.side] += len(partner)
                found.append(pair_of(half.side, line, partner))
            elif self._room[half.side] >= len(line):
                if self._waiting.get(half, line) != line:  # and not the same line once more: a sample may be looked at twice
                    rejected.add("same_id", example=f"a {half.side} whose id a later one has, too")
                self._room[half.side] += len(self._waiting.get(half, b"")) - len(line)
                self._waiting[half] = line
        return found

    def begin(self) -> None:
        """Do nothing, as undo."""

    def undo(self) -> None:
        """Do nothing: nothing is counted of a sample."""

    def expire(self, began: float) -> Rejected:
        """Give up nothing."""
        del began
        return Rejected()

    def restore(self, *, resumed: bool) -> None:
        """Forget all: another sample begins."""
        del resumed
        self._waiting, self._room = {}, dict.fromkeys(SIDES, SAMPLED_BYTES)

    def put(self, step: Step) -> Rejected:
        """Keep nothing."""
        del step
        return Rejected()

    def waiting(self) -> Waiting:
        """Return how much waits."""
        requests = sum(half.side == SIDES[0] for half in self._waiting)
        return Waiting(requests, len(self._waiting) - requests, 0)
