"""KServe: the events of its inference logger, as a sink of CloudEvents or its object store keeps them."""

from __future__ import annotations

from prediction_exporter.sources.layouts.base import RecordLayout
from prediction_exporter.sources.layouts.cloudevents import flat_events, half_of_event, is_event

LAYOUT = RecordLayout(
    name="kserve",
    writer="KServe's inference logger: CloudEvents as a sink logs them (headers and body, or structured), or its object store",
    evidence="genuine: events that KServe's agent sent to an HTTP sink; those of the object store by its source and tests",
    flat=flat_events,
    half=half_of_event,
    is_meant=is_event,
    notes=(
        (
            "The time is that of the request, the latency the time between the two events; CSV and Parquet of the object "
            "store have no time: that of reading is taken, and there is no latency."
        ),
        "The logger has to have `mode: all`: a request and its response are joined by their id.",
        "Of models that generate text only requests, status and latency are counted.",
        (
            "KServe logs no response that is not 200, so that a failed request waits for one in vain; one that was answered "
            "with `error` in the place of predictions counts as failed."
        ),
        (
            "A transformer and a predictor that are both logged count a request twice; keep one of them with `where`, as "
            "`headers.\"ce-component\" = 'predictor'`."
        ),
        (
            "What the sink `event_display` prints is text over many lines, which is not read: have a sink write each event as"
            " a line of JSON."
        ),
    ),
)
