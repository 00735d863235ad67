"""Which field of a log is what: told by its lines, kept over restarts, looked at again where it stops fitting.

An outage is no mistake of the configuration: requests that failed have no features, and a log may hold nothing else for a day.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from prediction_exporter.config import Predictions
from prediction_exporter.counting.layout import Layout
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.base import Batch
from prediction_exporter.sources.fields.memory import absent, fingerprint, from_json, refit, to_json
from prediction_exporter.sources.fields.recognise import log_schema, stated_outcomes, status_path
from prediction_exporter.sources.fields.schema import EventSchema
from prediction_exporter.sources.fields.seen import FieldsSeen
from prediction_exporter.sources.jsonl import served_of, texts_of
from prediction_exporter.sources.layouts.registry import measured_of
from prediction_exporter.sources.outcomes import failures_of, statuses_of
from prediction_exporter.sources.records.unfolding import Records

logger = logging.getLogger(__name__)

Events = Sequence[Mapping[str, Any]]

#: Events in a row that have nothing where the schema says, after which another look is taken.
MISFIT_EVENTS = 200

#: The key of a stored position that holds what was recognised.
_KEY = "fields"


def recognise_log(sample: Events, predictions: Predictions, layout: Layout | None, *, where: str) -> EventSchema:
    """Return where everything stands in a log's events, from its first lines and the configuration.

    Raises:
        ConfigError: they do not tell.
    """
    return recognise(sample, predictions, layout, where=where)[0]


def recognise(sample: Events, predictions: Predictions, layout: Layout | None, *, where: str) -> tuple[EventSchema, bool]:
    """Return where everything stands in a log's events, and whether the request of any of them was served.

    Raises:
        ConfigError: the events do not tell.
    """
    place, fields = f"{where}.{predictions.SECTION}.fields", predictions.fields
    path = status_path(sample, fields, where=place)
    any_served = bool(sample)
    if path is not None:
        statuses = statuses_of(texts_of(sample, path), stated_outcomes(path, fields))
        any_served = not (statuses.failed | statuses.refused).all()
    schema = log_schema(
        sample,
        fields,
        layout,
        timezone=predictions.timezone,
        where=place,
        all_failed=not any_served,
        measured=measured_of(predictions),
    )
    return schema, any_served or bool(served_of(sample, schema))


class LogFields:
    """What is known of a log's fields.

    Attributes:
        schema: which field is what; None where nothing tells it yet.
        is_told: whether it was told by a request that was served, and is kept.
        seen: how often the fields that the configuration names are there.
        chosen: tells predictions from other records; None where there are no others, as records that are unfolded are told
            before. All else here is of predictions alone.
    """

    def __init__(self, predictions: Predictions, layout: Layout | None, records: Records, *, where: str) -> None:
        self.chosen = records.chosen
        self._predictions = predictions
        self._layout = layout
        self._where = where
        self._fingerprint = fingerprint(predictions, layout)
        self._unseen: dict[str, int] = {}
        self._complaint = ""
        self._looked_at: tuple[Events, EventSchema, bool] | None = None
        self.schema: EventSchema | None = None
        self.is_told = False
        self.seen = FieldsSeen(predictions.fields, records.passed, records.places)

    def restore(self, position: str | None) -> None:
        """Take over what was recognised when a position was stored, if it is of this configuration and baseline."""
        kept = None if position is None else json.loads(position).get(_KEY)
        if kept is not None and kept["of"] == self._fingerprint:
            self.schema = from_json(kept["schema"], self._layout, self._predictions.timezone, self._predictions.fields)
            self.is_told = True

    def into(self, position: str) -> str:
        """Return a position, which is a JSON object, with what is recognised in it."""
        if self.schema is None or not self.is_told:
            return position
        kept = json.dumps({"of": self._fingerprint, "schema": to_json(self.schema)}, sort_keys=True, separators=(",", ":"))
        return f'{{"{_KEY}":{kept},{position.removeprefix("{")}'

    def tells(self, sample: Events) -> bool:
        """Return whether a sample tells all fields: it has what the baseline has, in requests that were served."""
        try:
            return self._recognise(sample)[1]
        except ConfigError:
            return False

    def take(self, sample: Events) -> None:
        """Take what a sample tells, beside what is known already.

        Raises:
            ConfigError: it does not tell, and nothing is known.
        """
        try:
            schema, is_told = self._recognise(sample)
            self._looked_at = None
        except ConfigError as error:
            if self.schema is None:
                raise
            if str(error) != self._complaint:
                logger.warning("%s; reading goes on with the fields as they were recognised before", error)
            self._complaint = str(error)
            self.see(sample)
            return
        if self.schema is not None and self.is_told:
            schema, is_told = refit(self.schema, schema, sample), True
        self.schema, self.is_told = schema, is_told
        self.see(sample)

    def see(self, sample: Events) -> None:
        """Count which fields some events have, of requests that were served."""
        self.seen.count(sample if self.schema is None else served_of(sample, self.schema), self.schema)

    def see_read(self, batch: Batch, most: int) -> bool:
        """Count which fields the first events of a batch have, so many, and return whether what was read of them tells it."""
        if self.schema is None or len(batch.events) != 1 or batch.rejected.total:
            return False  # what was read by polars and line by line is not in the order of the lines
        [events] = batch.events
        served = np.flatnonzero(~events.failed[:most])
        if events.refused is not None and events.refused[:most].any():
            return False  # some of these may have nothing, and are left out
        have = events.latencies is not None and bool(np.isfinite(events.latencies[served]).all())
        return self.seen.count_read(len(served), self.schema, have_latency=have)

    def failing(self, sample: Events) -> tuple[str, ...]:
        """Return what the failed ones of some events have as their status, the most frequent first."""
        if self.schema is None or self.schema.status is None:
            return ()
        texts = texts_of(sample, self.schema.status)
        failed = texts.filter(failures_of(texts, self.schema.outcomes))
        return tuple(failed.value_counts(sort=True)[failed.name].to_list())

    def fits(self, batch: Batch) -> bool:
        """Return whether no other look has to be taken after this batch."""
        if self.schema is None or not (batch.events or batch.rejected.total):
            return True
        if not self.is_told:
            return all(events.failed.all() for events in batch.events)
        gone = absent(self.schema, batch.events, batch.rejected)
        count = sum(len(events) - int(events.failed.sum()) for events in batch.events) or batch.rejected.total
        self._unseen = {name: self._unseen.get(name, 0) + count for name in gone}
        if max(self._unseen.values(), default=0) < MISFIT_EVENTS:
            return True
        self._unseen = {}
        return False

    def _recognise(self, sample: Events) -> tuple[EventSchema, bool]:
        """Return what a sample tells, and whether a request of it was served. What tells is asked for twice in a row."""
        if self._looked_at is None or self._looked_at[0] is not sample:
            schema, is_told = recognise(sample, self._predictions, self._layout, where=self._where)
            self._looked_at = sample, schema, is_told
        return self._looked_at[1:]
