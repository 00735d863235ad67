"""Refusals: how many lines of a source were refused, and for what; now and then it is said."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping

from prediction_exporter.logs import Quiet
from prediction_exporter.sources.base import Rejected

logger = logging.getLogger(__name__)


class Refusals:
    """Counts what one source has refused.

    Args:
        what: whose lines they are, for people.
        shown_as: returns how an example may be shown.

    Attributes:
        counts: lines by reason.
    """

    def __init__(self, what: str, *, shown_as: Callable[[str], str] = str) -> None:
        self._what = what
        self._shown_as = shown_as
        self._quiet = Quiet()
        self._untold: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()

    def restore(self, stored: Mapping[str, int]) -> None:
        """Continue from the counts that were stored."""
        self.counts = Counter(stored)

    def add(self, rejected: Rejected) -> None:
        """Count refused lines, and say how many there were since it was last said."""
        for reason, count in rejected.counts.items():
            self.counts[reason] += count
            self._untold[reason] += count
            if self._quiet.lets(reason):
                untold = self._untold.pop(reason)
                example = self._shown_as(rejected.examples.get(reason, ""))
                logger.warning("%s: refused %d lines as %s, such as %r", self._what, untold, reason, example)
