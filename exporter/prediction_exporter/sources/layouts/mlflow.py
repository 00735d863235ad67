"""MLflow: requests to its scoring protocol with their answers, as services and gateways in front of it log them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.sources.layouts.base import Options, Record, RecordLayout
from prediction_exporter.sources.layouts.captured import body_of, map_of, predictions
from prediction_exporter.sources.layouts.values import first_of

#: Keys of the inputs in a request.
_INPUTS = ("dataframe_split", "dataframe_records", "instances", "inputs")

_REQUESTS = ("request", "request_body", "model_input", "input")
_RESPONSES = ("response", "response_body", "model_output", "output")

_TIMES = ("timestamp_ms", "request_time", "timestamp", "time", "ts", "@timestamp")
_IDS = ("client_request_id", "request_id", "databricks_request_id", "trace_id", "id")
_LATENCIES = ("execution_time_ms", "execution_duration_ms", "execution_duration", "latency_ms", "duration_ms")
_VERSIONS = ("model_version", "version", "served_entity_id")


def _is_meant(record: Record) -> bool:
    return any(key in record for key in (*_REQUESTS, *_RESPONSES, *_INPUTS, "predictions"))


def _flat(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    own = {
        "time": first_of(record, _TIMES),
        "id": first_of(record, _IDS),
        "version": first_of(record, _VERSIONS) or first_of(map_of(record.get("request_metadata")), _VERSIONS),
        "status": first_of(record, ("status_code", "status", "state")),
        "latency_ms": first_of(record, _LATENCIES),
    }
    if own["time"] is None:
        own["time"] = options.now
    inputs = {key: record[key] for key in _INPUTS if key in record}
    request, response = body_of(first_of(record, _REQUESTS)), body_of(first_of(record, _RESPONSES))
    if isinstance(request, Mapping) and len(request) == 1:  # the argument of a traced function
        request = request.get("model_input", request)
    if response is None and "predictions" in record:
        response = {"predictions": record["predictions"]}
    yield from predictions(own, request if request is not None else inputs or None, response, options)


LAYOUT = RecordLayout(
    name="mlflow",
    writer="MLflow, requests to the scoring server and their answers as what stands in front of it logs them",
    evidence="bodies that MLflow's scoring server read and wrote; it keeps no log of them itself",
    flat=_flat,
    is_meant=_is_meant,
    notes=(
        "The bodies stand under request and response, as objects or texts, or side by side in the record.",
        "A record without a time has that of reading.",
        "Tables of traces are read by request_time, state and execution_duration; that is in milliseconds.",
    ),
)
