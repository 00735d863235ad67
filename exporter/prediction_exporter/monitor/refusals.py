"""Refusals: how many lines were refused for what reason, told now and then."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from prediction_exporter.logs import Quiet
from prediction_exporter.sources.base import Rejected

logger = logging.getLogger(__name__)


class Refusals:
    """Counts what is refused of a model's lines.

    Args:
        model: its name, for messages.

    Attributes:
        counts: how many lines, by reason.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._quiet = Quiet()
        self._untold: dict[str, int] = {}
        self.counts: dict[str, int] = {}

    def restore(self, counts: Mapping[str, int]) -> None:
        """Go on from what was counted."""
        self.counts = dict(counts)

    def add(self, rejected: Rejected) -> None:
        """Count lines, and tell of them unless that was done a short while ago."""
        for reason, count in rejected.counts.items():
            self.counts[reason] = self.counts.get(reason, 0) + count
            self._untold[reason] = self._untold.get(reason, 0) + count
            if self._quiet.lets(reason):
                untold, example = self._untold.pop(reason), rejected.examples.get(reason, "")
                logger.warning("model %s: refused %d lines as %s, such as %r", self._model, untold, reason, example)
