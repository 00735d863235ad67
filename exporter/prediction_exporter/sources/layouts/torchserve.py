"""TorchServe: the lines of its access log, and predictions that a handler logs as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.sources.layouts.base import Options, Record, RecordLayout
from prediction_exporter.sources.layouts.cloudevents import flat_events, half_of_event, is_event
from prediction_exporter.sources.records.payloads import PayloadError

_TIME = r"(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?)"

#: A line of the access log, in its own file or beside others: the client, the request, its status and its milliseconds.
_ACCESS = re.compile(
    _TIME + r'(?: \[[A-Z ]+\] \S+ ACCESS_LOG)? - \S* ?"(?P<method>\S+) (?P<path>\S+) \S+" (?P<status>\d+) (?P<took>\d+)\s*'
)

#: A line that a handler printed, with an object at its end.
_MODEL = re.compile(_TIME + r" \[[A-Z ]+\] (?P<worker>\S+) MODEL_LOG - [^{]*(?P<object>\{.*\})\s*", re.DOTALL)

#: Requests to a model, of TorchServe's own interface, KServe's V1 and V2, SageMaker's and gRPC's; others manage and watch.
_INFERENCE = re.compile(
    r"/predictions/(?P<model>[^/?]+)(?:/(?P<version>[^/?]+))?(?:\?.*)?"
    r"|/v1/models/[^/:?]+(?:/versions/[^/:?]+)?:predict(?:\?.*)?"
    r"|/v2/models/[^/?]+(?:/versions/(?P<v2>[^/?]+))?/infer(?:\?.*)?"
    r"|/invocations(?:\?.*)?"
    r"|org\.pytorch\.serve\.grpc\.(?:inference|openinference)\.\w+/(?:Predictions|StreamPredictions2?|ModelInfer)"
)

#: What gRPC's status OK is in HTTP.
_OK = 200


def _reads(line: str) -> Record | None:
    """Return a request of the access log, or what a handler logged of one; None of any other line."""
    found = _ACCESS.fullmatch(line.strip())
    if found is not None:
        path = _INFERENCE.fullmatch(found["path"])
        return None if path is None else {"logger": "ACCESS_LOG", **found.groupdict(), **_of_path(path)}
    found = _MODEL.fullmatch(line.strip())
    if found is None:
        return None
    try:
        told = json.loads(found["object"])
    except (ValueError, RecursionError):
        return None
    return {"logger": "MODEL_LOG", "time": found["time"], "worker": found["worker"], "logged": told}


def _of_path(path: re.Match[str]) -> dict[str, str | None]:
    return {"model": path["model"], "version": path["version"] or path["v2"]}


def _flat(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    if record.get("logger") not in ("ACCESS_LOG", "MODEL_LOG"):
        yield from flat_events(record, options)
        return
    time = str(record.get("time")).replace(",", ".")
    if record["logger"] == "MODEL_LOG":
        logged = record.get("logged")
        if not isinstance(logged, Mapping):
            raise PayloadError("a handler's line without an object")
        yield {"time": time, **logged}
        return
    status, took = (_whole(record.get(key)) for key in ("status", "took"))
    if record.get("method") == "gRPC" and status == 0:
        status = _OK
    event = {"time": time, "status": status, "latency_ms": took}
    version = record.get("version")
    yield event if version is None else {**event, "version": version}


def _whole(value: Any) -> int:
    try:
        return int(str(value))
    except ValueError as error:
        raise PayloadError("a line of the access log without numbers at its end") from error


LAYOUT = RecordLayout(
    name="torchserve",
    writer="TorchServe: `access_log.log`, `ts_log.log` or its standard output; predictions that a handler prints as JSON",
    evidence="genuine: lines printed in TorchServe's documentation, examples and issues; a handler's JSON by its documentation",
    flat=_flat,
    half=half_of_event,
    is_meant=lambda record: record.get("logger") in ("ACCESS_LOG", "MODEL_LOG") or is_event(record),
    reads=_reads,
    notes=(
        "The time is the line's, without a zone: write `timezone` where the server's is not UTC.",
        (
            "The access log has the status, the latency and the version in the path of each request, and neither features nor"
            " predictions: it is enough for `maturity: 0`. Requests that manage or watch the server are left out."
        ),
        (
            "A handler that prints an object of JSON for each prediction (`MODEL_LOG`) is read like any log of JSON lines; "
            "one that logs both counts twice: read `model_log.log` alone, or filter by `logger = 'MODEL_LOG'`."
        ),
        "Behind KServe's logger its events are read as those of `kserve`.",
    ),
)
