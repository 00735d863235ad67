"""What watching costs: how fast logs grow and how full their volumes are, and the exporter's own work."""

from __future__ import annotations

from prediction_exporter.collectors.source import EVENTS
from prediction_exporter.collectors.volume import VOLUME_FREE, VOLUME_SIZE, WRITTEN
from prediction_exporter.kit.fleet import REPLICA_KEY, counted_once
from prediction_exporter.kit.promql import INSTANCE_KEY, MODEL_KEY, Recorded, by, latest, on
from prediction_exporter.kit.scale import Scale, duration

#: What the growth of a log is told of: traffic has a course of the day.
DAY = duration("1d")

#: What the work of an exporter is told of.
_SPAN = duration("1h")

GROWTH = Recorded(
    name="model:prediction_exporter_source_written_bytes:increase1d",
    labels=MODEL_KEY,
    help="Bytes that a model's logs or files grew by in a day, all replicas together; of less where none ran a day.",
    expr=lambda scale: counted_once(MODEL_KEY, f"increase({WRITTEN}[{scale(DAY)}])"),
)


def free_share(scale: Scale) -> str:
    """Return the share of each replica's volume that is free."""
    # A target that Prometheus finds twice is one replica.
    free, size = (f"max {by(REPLICA_KEY)} ({latest(family.name, scale)})" for family in (VOLUME_FREE, VOLUME_SIZE))
    return f"{free}\n/ {on(REPLICA_KEY)}\n({size} > 0)"


def _cost(scale: Scale) -> str:
    cpu = f"max {by(INSTANCE_KEY)} (rate(process_cpu_seconds_total[{scale(_SPAN)}]))"
    events = f"sum {by(INSTANCE_KEY)} (max {by(REPLICA_KEY)} (rate({EVENTS}[{scale(_SPAN)}])))"
    return f"1e6 * {cpu}\n/ {on(INSTANCE_KEY)}\n({events} > 0)"


COST = Recorded(
    name="instance:prediction_exporter_cpu_seconds:per_million_events1h",
    labels=INSTANCE_KEY,
    help="Processor time that an exporter spent in the last hour, for each million of events that it read meanwhile.",
    expr=_cost,
)
