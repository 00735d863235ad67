"""Source: how reading a model's predictions is going.

These series are rendered when a snapshot is made: the newest event gets older while nothing is read, also where the thread that
should read hangs. The rest of a report stays as it is then, and its ``prediction_exporter_last_success_timestamp_seconds``
stands still: that is how a source that hangs shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from prediction_exporter.collectors.base import LiveCollector, LiveSeries, Most, Published
from prediction_exporter.collectors.report import ModelReport, SourceReport
from prediction_exporter.config import Config, Model
from prediction_exporter.counting.state_file import PARTS
from prediction_exporter.exposition import Samples, label_text
from prediction_exporter.families import MODEL, Family
from prediction_exporter.sources.base import REASONS, SKIPPED, Waiting
from prediction_exporter.sources.fields.stated import stated
from prediction_exporter.sources.records.joining import joins

SOURCE_UP = Family(
    name="prediction_exporter_source_up",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="1 where the last read of the model's source succeeded, 0 where it failed.",
)

SOURCE_LAG = Family(
    name="prediction_exporter_source_lag_seconds",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="Time since the newest event read; it grows while the source brings nothing new.",
)

SOURCE_UNREAD = Family(
    name="prediction_exporter_source_unread_bytes",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="Bytes of the model's log or files that are known and not yet read; a table tells none.",
)

SOURCE_WAITING = Family(
    name="prediction_exporter_source_waiting",
    type="gauge",
    labels=("model", "side"),
    group="exporter",
    help="Requests and responses of the model's source that wait for each other.",
)

SOURCE_WAITING_BYTES = Family(
    name="prediction_exporter_source_waiting_bytes",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="Bytes of them in the state file, compressed; those that came since the last commit are not there yet.",
)

SOURCE_SHARED = Family(
    name="prediction_exporter_source_shared",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="Whether several exporters read the model's source, which fleet rules then count once.",
)

EVENTS = Family(
    name="prediction_exporter_events_total",
    type="counter",
    labels=MODEL,
    group="exporter",
    help="Lines or rows read from the model's source and used.",
)

EVENTS_REJECTED = Family(
    name="prediction_exporter_events_rejected_total",
    type="counter",
    labels=("model", "reason"),
    group="exporter",
    help="Lines or rows read from the model's source and refused, by reason.",
)

EVENTS_SKIPPED = Family(
    name="prediction_exporter_events_skipped_total",
    type="counter",
    labels=("model", "reason"),
    group="exporter",
    help="Lines or rows read from the model's source, in order and not used, as a filter leaves them out; a table tells none.",
)

STATE_DAMAGED = Family(
    name="prediction_exporter_state_damaged_total",
    type="counter",
    labels=("model", "part"),
    group="exporter",
    help="What was damaged in the stored state and dropped: windows, evidence among them, and positions with counters.",
)

FIELD_SEEN = Family(
    name="prediction_exporter_field_seen_ratio",
    type="gauge",
    labels=("model", "field"),
    group="exporter",
    help="Share of the newest sampled records that have a field which the configuration names, or a latency that can be read; "
    "as where, of all records that pass the filter, as rows, of all that have a place of predictions, as only_for, of "
    "predictions that can get a label.",
)

LAST_SUCCESS = Family(
    name="prediction_exporter_last_success_timestamp_seconds",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="When the model's source was last read and its statistics evaluated without error, as Unix time.",
)

EVALUATION_DURATION = Family(
    name="prediction_exporter_evaluation_duration_seconds",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="Time the last evaluation of the model's statistics took.",
)


class SourceSeries(LiveSeries):
    """How reading one model goes."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def render(self, published: Published) -> Samples:
        """Return the series of the model's last report."""
        return self._render(published.reports[self._model.name], published.now)

    def _render(self, report: ModelReport, now: float) -> Samples:
        samples, source = Samples(), report.source
        labels = label_text(SOURCE_UP.labels, (self._model.name,))
        samples.add(SOURCE_UP, labels, source.up)
        if source.newest is not None:
            samples.add(SOURCE_LAG, labels, max(now - source.newest, 0.0))
        if source.unread is not None:
            samples.add(SOURCE_UNREAD, labels, source.unread)
        self._add_waiting(samples, source.waiting)
        samples.add(SOURCE_SHARED, labels, self._model.predictions.shared)
        if source.last_success is not None:
            samples.add(LAST_SUCCESS, labels, source.last_success)
        if (
            report.evaluation_seconds is not None
        ):  # counters that began at 0 and then rose to what is stored would count it anew
            samples.add(EVENTS, labels, source.events, created=source.since)
            for reason in REASONS:
                at = label_text(EVENTS_REJECTED.labels, (self._model.name, reason))
                samples.add(EVENTS_REJECTED, at, source.rejected.get(reason, 0), created=source.since)
            for reason in SKIPPED if self._model.predictions.has_others else ():
                at = label_text(EVENTS_SKIPPED.labels, (self._model.name, reason))
                samples.add(EVENTS_SKIPPED, at, source.skipped.get(reason, 0), created=source.since)
            for part in PARTS:
                at = label_text(STATE_DAMAGED.labels, (self._model.name, part))
                samples.add(STATE_DAMAGED, at, source.damaged.get(part, 0), created=source.since)
            for name, ratio in source.fields_seen.items():
                samples.add(FIELD_SEEN, label_text(FIELD_SEEN.labels, (self._model.name, name)), ratio)
            samples.add(EVALUATION_DURATION, labels, report.evaluation_seconds)
        return samples

    def _add_waiting(self, samples: Samples, waiting: Waiting | None) -> None:
        if waiting is None:
            return
        for side, count in (("request", waiting.requests), ("response", waiting.responses)):
            samples.add(SOURCE_WAITING, label_text(SOURCE_WAITING.labels, (self._model.name, side)), count)
        samples.add(SOURCE_WAITING_BYTES, label_text(MODEL, (self._model.name,)), waiting.size)

    def most(self) -> Most:
        """Count those of a source that tells everything."""
        roles = {one.role for one in stated(self._model.predictions.fields)} | {"latency"}
        roles |= {"where"} if self._model.predictions.where is not None else set()
        rows = self._model.predictions.rows
        roles |= set() if rows is None else {f"rows.{key}" for key in rows.named}
        labels = self._model.labels
        roles |= {"only_for"} if labels is not None and labels.only_for_records is not None else set()
        waiting = Waiting(0, 0, 0) if joins(self._model.predictions) else None
        source = replace(SourceReport.whole(roles), waiting=waiting)
        return Most.of(self._render(ModelReport(self._model, None, source, (), 0.0, 0.0, {}), 0.0))


def _open(config: Config) -> Mapping[str, LiveSeries]:
    return {model.name: SourceSeries(model) for model in config.models}


COLLECTOR = LiveCollector(
    name="source",
    summary="How reading and evaluating a model's predictions goes.",
    families=(
        SOURCE_UP,
        SOURCE_LAG,
        SOURCE_UNREAD,
        SOURCE_WAITING,
        SOURCE_WAITING_BYTES,
        SOURCE_SHARED,
        EVENTS,
        EVENTS_REJECTED,
        EVENTS_SKIPPED,
        STATE_DAMAGED,
        FIELD_SEEN,
        LAST_SUCCESS,
        EVALUATION_DURATION,
    ),
    maturity=0,
    of_predictions=True,
    open=_open,
)
