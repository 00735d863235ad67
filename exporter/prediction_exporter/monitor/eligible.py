"""Eligible: whether the expression that tells which predictions can get a label means anything in their records."""

from __future__ import annotations

from prediction_exporter.sources.filtering import Filter

#: Predictions none of which can get a label from which on that is told: of a few, it says nothing.
ENOUGH_RECORDS = 1000


class Eligible:
    """What is told of ``labels.only_for`` where it is an expression.

    Args:
        chosen: the expression, which counts the records that it was asked of; None where classes tell it, or nothing.
    """

    def __init__(self, chosen: Filter | None) -> None:
        self._seen = None if chosen is None else chosen.seen

    def ratios(self) -> dict[str, float]:
        """Return the share of predictions that can get a label, by the key; empty where it is not known yet."""
        seen = self._seen
        if seen is None or not (seen.passed or seen.is_lacking or seen.records >= ENOUGH_RECORDS):
            return {}
        ratio = seen.ratio()
        return {} if ratio is None else {seen.key: ratio}

    def unseen(self) -> tuple[str, ...]:
        """Return a sentence where no prediction can get a label, or where a field is in no record, with the key."""
        return self._seen.unseen() if self._seen is not None and self.ratios() else ()
