"""Source: how reading a model's predictions is going."""

from __future__ import annotations

from prediction_exporter.families import MODEL, Family

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

LAST_SUCCESS = Family(
    name="prediction_exporter_last_success_timestamp_seconds",
    type="gauge",
    labels=MODEL,
    group="exporter",
    help="When the model's source was last read and its statistics evaluated without error, as Unix time.",
)


#: In the order of exposition.
FAMILIES: tuple[Family, ...] = (
    SOURCE_UP,
    SOURCE_LAG,
    SOURCE_UNREAD,
    SOURCE_SHARED,
    EVENTS,
    EVENTS_REJECTED,
    LAST_SUCCESS,
)
