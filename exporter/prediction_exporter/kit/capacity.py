"""Capacity: how much of what a service can bear is used, how many of its replicas run, and which model is asked most."""

from __future__ import annotations

from prediction_exporter.collectors.identity import CAPACITY_CONCURRENT, CAPACITY_REQUESTS, MODEL_INFO
from prediction_exporter.collectors.traffic import REQUEST_DURATION, REQUESTS
from prediction_exporter.families import Family
from prediction_exporter.kit.fleet import REPLICA_KEY, counted_once
from prediction_exporter.kit.promql import MODEL_KEY, Recorded, by, latest, on
from prediction_exporter.kit.recording import TRAFFIC
from prediction_exporter.kit.scale import Scale, duration

#: What requests and their time are averaged over.
SPAN = duration("5m")


def _used(scale: Scale, counter: str, capacity: Family, resource: str) -> str:
    grown = counted_once(MODEL_KEY, f"rate({counter}[{scale(SPAN)}])")
    share = f"{grown}\n/ {on(MODEL_KEY)}\nmax {by(MODEL_KEY)} ({latest(capacity.name, scale)})"
    return f'label_replace(\n{share},\n"resource", "{resource}", "", "")'


USED = Recorded(
    name="model_resource:model_capacity:used_ratio",
    labels=(*MODEL_KEY, "resource"),
    help=(
        "Share of the configured capacity that is used: of requests a second, and of requests at the same time, whose mean is "
        "the time that all requests of a second take together (Little's law)."
    ),
    expr=lambda scale: "\nor\n".join(
        (
            _used(scale, REQUESTS.name, CAPACITY_REQUESTS, "requests_per_second"),
            _used(scale, f"{REQUEST_DURATION}_sum", CAPACITY_CONCURRENT, "concurrency"),
        )
    ),
)

REPLICAS = Recorded(
    name="model:model_replicas:up",
    labels=MODEL_KEY,
    help="Replicas of a model that run: exporters beside it that answer.",
    # A target that Prometheus finds twice is one replica.
    expr=lambda scale: f"count {by(MODEL_KEY)} (max {by(REPLICA_KEY)} ({latest(MODEL_INFO.name, scale)}))",
)

FLEET_SHARE = Recorded(
    name="model:model_requests:fleet_ratio30m",
    labels=MODEL_KEY,
    help="Share of the requests of all models in the last half hour that are this one's.",
    expr=lambda _: f"{TRAFFIC} / scalar(sum({TRAFFIC}) > 0)",
)
