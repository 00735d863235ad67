"""Newest ids of predictions and labels, and what is told of them: that they repeat, or that neither side can find the other."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from prediction_exporter.labels import Labels, Predictions
from prediction_exporter.labels.tallies import What
from prediction_exporter.logs import Quiet
from prediction_exporter.monitor.id_forms import OFTEN_AGAIN, unlike

logger = logging.getLogger(__name__)

#: Seconds between two log lines about something that does not come right by itself.
SELDOM = 3600.0

#: Ids of the newest predictions and labels that are compared while no label finds a prediction.
_IDS = 200


class NewestIds:
    """The ids of one model that came last.

    Args:
        model: its name.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._newest: dict[str, list[str]] = {"prediction": [], "label": []}
        self._quiet = Quiet(SELDOM)

    def note(self, what: What, batches: Sequence[Predictions | Labels]) -> None:
        """Keep the newest ids of predictions or labels."""
        if batches:
            self._newest[what] = batches[-1].ids.drop_nulls().tail(_IDS).to_list() or self._newest[what]

    def tell_duplicates(self, again: int, read: int) -> None:
        """Say so where many of the predictions that were read have the id of an earlier one."""
        if read >= _IDS and again >= OFTEN_AGAIN * read and self._quiet.lets("again"):
            logger.warning(
                "model %s: %d of %d predictions have the id of an earlier one: labels are joined with the first alone",
                self._model,
                again,
                read,
            )

    def tell_unlike(self) -> None:
        """Say so where the ids of both sides are written differently; it is asked while no label has found a prediction."""
        if not all(self._newest.values()):
            return
        told = unlike(self._newest["prediction"], self._newest["label"])
        if told is not None and self._quiet.lets("unlike"):
            logger.warning("labels of model %s find no prediction: %s", self._model, told)
