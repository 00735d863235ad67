"""Seldon Core: the events of requests and responses of its executor and of MLServer's."""

from __future__ import annotations

from prediction_exporter.sources.layouts.base import RecordLayout
from prediction_exporter.sources.layouts.cloudevents import flat_events, half_of_event, is_event

LAYOUT = RecordLayout(
    name="seldon",
    writer="Seldon Core's request logging: CloudEvents with `tensor`, `ndarray`, `strData` or `jsonData`, or V2 tensors",
    evidence="genuine: the events that Seldon's request logger is tried with",
    flat=flat_events,
    half=half_of_event,
    is_meant=is_event,
    notes=(
        "The time is `ce-time`, that of the request; without it that of reading, and no latency.",
        "The version is the model's where the response tells it, else the predictor, `ce-endpoint`.",
        "A request and its response are joined by `ce-requestid`; feedback, outliers and metrics are left out.",
        "Several numbers under `names` are the scores of these classes; one is the prediction.",
    ),
)
