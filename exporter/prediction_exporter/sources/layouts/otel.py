"""OpenTelemetry: log records and spans with attributes of ``gen_ai``, in batches of OTLP JSON or one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.sources.layouts.base import Options, Record, RecordLayout
from prediction_exporter.sources.layouts.generation import (
    MEASURED,
    NOTES,
    Generation,
    number_of,
    object_in,
    objects_in,
    parsed,
)
from prediction_exporter.sources.layouts.values import first_there
from prediction_exporter.sources.records.payloads import PayloadError

#: Operations that are generations. Those of agents tell the tokens of the generations within again.
_OPERATIONS = frozenset({None, "chat", "text_completion", "generate_content", "embeddings", "completion"})

#: The event of one choice, before there was one for the whole generation.
_CHOICE = "gen_ai.choice"

_EVENT_NAMES = ("eventName", "event_name", "EventName")

_ATTRIBUTES = ("attributes", "Attributes", "LogAttributes", "SpanAttributes")

_INPUT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_CACHED = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cached_tokens")
_REASONING = ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens")
_COSTS = ("gen_ai.usage.cost", "gen_ai.usage.cost_usd", "gen_ai.cost.total")

#: Seconds, as conventions and vLLM write them.
_FIRST_TOKEN = (
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.server.time_to_first_token",
    "gen_ai.latency.time_to_first_token",
)
_LATENCY = ("gen_ai.client.operation.duration", "gen_ai.server.request.duration", "gen_ai.latency.e2e")

#: What tells that a record is of a generation.
_TELLING = (*_INPUT, *_OUTPUT, "gen_ai.response.finish_reasons", "gen_ai.response.id", "gen_ai.request.model")

_NANOSECONDS_PER_MILLISECOND = 1e6

#: The status of a span that failed.
_FAILED = frozenset({2, "2", "ERROR", "STATUS_CODE_ERROR", "Error"})


def _is_meant(record: Record) -> bool:
    return _batch(record) is not None or _is_generation(record, _attributes(record))


def _batch(record: Record) -> list[Mapping[str, Any]] | None:
    """Return the parts of a batch; None where a record is none."""
    for key in ("resourceLogs", "resourceSpans"):
        if isinstance(record.get(key), list):
            return objects_in(record[key])
    return None


def _flat(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    batch = _batch(record)
    found = [record] if batch is None else list(_within(batch))
    found = [one for one in found if _is_generation(one, _attributes(one))]
    if len(found) > options.most:
        raise PayloadError(f"{len(found)} generations are more than {options.most}", "too_many_rows")
    for one in found:
        yield _generation_of(one, _attributes(one), options.now).event()


def _within(batch: list[Mapping[str, Any]]) -> Iterator[Record]:
    """Yield the log records and spans of a batch."""
    for of_resource in batch:
        for scopes, records in (("scopeLogs", "logRecords"), ("scopeSpans", "spans")):
            for scope in objects_in(of_resource.get(scopes)):
                yield from objects_in(scope.get(records))


def _attributes(record: Record) -> dict[str, Any]:
    """Return the attributes of a record by their names, from any of the forms that they are written in."""
    found: dict[str, Any] = {}
    for key in _ATTRIBUTES:
        value = record.get(key)
        if isinstance(value, Mapping):
            found.update(value)
        elif isinstance(value, list):
            found.update({str(item.get("key")): _plain(item.get("value")) for item in objects_in(value)})
    if not found:
        found = {key: value for key, value in record.items() if key.startswith(("gen_ai.", "error.", "event."))}
    return found


def _plain(value: Any) -> Any:
    """Return a value as protobuf writes it in JSON, where an integer of 64 bits is a text."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return value
    [(kind, inner)] = value.items()
    if kind == "arrayValue":
        return [_plain(item) for item in objects_in(object_in(inner).get("values"))]
    if kind == "kvlistValue":
        return {str(item.get("key")): _plain(item.get("value")) for item in objects_in(object_in(inner).get("values"))}
    return number_of(inner) if kind in ("intValue", "doubleValue") else inner


def _event_name(record: Record, attributes: Mapping[str, Any]) -> Any:
    return first_there((*map(record.get, _EVENT_NAMES), attributes.get("event.name")))


def _is_generation(record: Record, attributes: Mapping[str, Any]) -> bool:
    operation = attributes.get("gen_ai.operation.name")
    if not isinstance(operation, str | None) or operation not in _OPERATIONS:
        return False
    name = _event_name(record, attributes)
    if name == _CHOICE:  # one of several choices is no other generation
        return object_in(_plain(record.get("body"))).get("index") in (None, 0, "0")
    if isinstance(name, str) and name.startswith("gen_ai.") and name != "gen_ai.client.inference.operation.details":
        return False
    return any(attributes.get(key) is not None for key in _TELLING)


def _generation_of(record: Record, attributes: Mapping[str, Any], now: float) -> Generation:
    body = object_in(_plain(record.get("body"))) if _event_name(record, attributes) == _CHOICE else {}
    reasons = first_there((attributes.get("gen_ai.response.finish_reasons"), body.get("finish_reason")))
    context = object_in(record.get("context"))
    model = attributes.get("gen_ai.request.model")
    calls, refusal = _content_of(attributes, body)
    begin, end = (first_there(map(record.get, keys)) for keys in (_BEGINS, _ENDS))
    return Generation(
        time=_time_of(first_there((end, *(one for key in _TIMES if _is_time(one := record.get(key))), now))),
        id=first_there((attributes.get("gen_ai.response.id"), *map(record.get, _IDS), context.get("span_id"))),
        version=first_there((attributes.get("gen_ai.response.model"), model)),
        status=_status_of(record, attributes),
        finish=_first_reason(reasons),
        latency_ms=first_there((_nanoseconds_between(begin, end), *_milliseconds(attributes, _LATENCY))),
        first_token_ms=first_there(_milliseconds(attributes, _FIRST_TOKEN)),
        numbers={
            "input_tokens": first_there(map(attributes.get, _INPUT)),
            "output_tokens": first_there(map(attributes.get, _OUTPUT)),
            "cached_tokens": first_there(map(attributes.get, _CACHED)),
            "reasoning_tokens": first_there(map(attributes.get, _REASONING)),
            "cost": first_there(map(attributes.get, _COSTS)),
            "tool_calls": calls,
            "temperature": attributes.get("gen_ai.request.temperature"),
            "max_tokens": attributes.get("gen_ai.request.max_tokens"),
        },
        names={
            "model": model,
            "provider": first_there((attributes.get("gen_ai.provider.name"), attributes.get("gen_ai.system"))),
            "operation": attributes.get("gen_ai.operation.name"),
            "refusal": refusal,
        },
    )


_BEGINS = ("startTimeUnixNano", "start_time")
_ENDS = ("endTimeUnixNano", "end_time")
_TIMES = ("timeUnixNano", "observedTimeUnixNano", "timestamp", "observed_timestamp", "Timestamp", "time", "@timestamp")
_NANOSECONDS = re.compile(r"[0-9]{1,20}")
_IDS = ("spanId", "span_id", "SpanId")


def _first_reason(reasons: Any) -> Any:
    """Return the first reason of a list, of a text of one, or of a text with commas."""
    found = parsed(reasons)
    if isinstance(found, list):
        return first_there(found)
    return found.partition(",")[0].strip() if isinstance(found, str) else found


def _is_time(value: Any) -> bool:
    return value not in (None, 0, "0", "")


def _time_of(value: Any) -> Any:
    """Return a time; nanoseconds are written as text."""
    return int(value) if isinstance(value, str) and _NANOSECONDS.fullmatch(value) else value


def _nanoseconds_between(begin: Any, end: Any) -> float | None:
    first, last = _time_of(begin), _time_of(end)
    if not isinstance(first, int) or not isinstance(last, int) or not 0 < first <= last:
        return None
    return (last - first) / _NANOSECONDS_PER_MILLISECOND


def _milliseconds(attributes: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[float | None]:
    for key in keys:
        seconds = number_of(attributes.get(key))
        yield seconds * 1000 if isinstance(seconds, int | float) and seconds >= 0 else None


def _status_of(record: Record, attributes: Mapping[str, Any]) -> Any:
    """Return the code of HTTP where there is one, else whether there was an error."""
    code = attributes.get("http.response.status_code")
    if isinstance(code, int) and not isinstance(code, bool):
        return code
    status = object_in(record.get("status"))
    told = first_there((status.get("code"), status.get("status_code")))
    is_failed = isinstance(told, str | int) and told in _FAILED
    return "error" if attributes.get("error.type") or is_failed else "ok"


def _content_of(attributes: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[int | None, str | None]:
    """Return how many tools were called and whether the answer is a refusal; None where the answer is not logged."""
    message = object_in(body.get("message"))
    if body and ("message" in body or "tool_calls" in body):
        calls = objects_in(first_there((message.get("tool_calls"), body.get("tool_calls"))))
        return len(calls), "refusal" if message.get("refusal") else "none"
    messages = objects_in(attributes.get("gen_ai.output.messages"))
    if not messages:
        return None, None
    kinds = [part.get("type") for one in messages for part in objects_in(one.get("parts"))]
    return kinds.count("tool_call"), "refusal" if "refusal" in kinds else "none"


LAYOUT = RecordLayout(
    name="otel",
    writer="OpenTelemetry with the conventions for generative AI: OTLP JSON of logs and traces, records of an SDK",
    evidence="made records with the conventions' examples, in batches as opentelemetry-proto's example",
    flat=_flat,
    is_meant=_is_meant,
    measured=MEASURED,
    notes=(
        *NOTES,
        "Operations that count are chat, text_completion, generate_content, completion and embeddings: agents tell them again.",
        "Where logs and traces of the same generations are in one file, choose one of them with where.",
        "The version is the model that answered, the id its response's or else the span's.",
    ),
)
