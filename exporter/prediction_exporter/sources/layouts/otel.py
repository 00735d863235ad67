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
from prediction_exporter.sources.layouts.telemetry import (
    attributes_of,
    batch_of,
    body_of,
    event_name,
    is_failed,
    latency_ms_of,
    span_of,
    time_of,
    within,
)
from prediction_exporter.sources.layouts.values import first_there
from prediction_exporter.sources.records.payloads import PayloadError

#: Words of operations and events that tell the tokens of the generations within again, or have none of their own. Any other
#: counts: what an instrumentation calls a generation is its own (``chat``, ``chat.completions``, ``explanation``).
_AROUND = re.compile(r"(sub|multi)?agent(s|ic)?|workflows?|tools?|retriev(al|als|e|er|ers)|memor(y|ies)|plan(s|ner|ning)?")
#: A word of a name, as in ``invoke_agent``, ``chat.tool``, ``ToolCall`` and ``HTTPTool``.
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

#: The event of one choice, before there was one for the whole generation.
_CHOICE = "gen_ai.choice"
_GENERATION = "gen_ai.client.inference.operation.details"

_INPUT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_CACHED = (
    *("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cached_tokens"),
    "ai.usage.cachedInputTokens",
)
_WRITTEN = ("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens")
_REASONING = ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "ai.usage.reasoningTokens")
_COSTS = ("gen_ai.usage.cost", "gen_ai.usage.cost_usd", "gen_ai.cost.total", "gen_ai.cost.total_cost")

#: Seconds, as conventions and vLLM write them.
_FIRST_TOKEN = (
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.server.time_to_first_token",
    "gen_ai.latency.time_to_first_token",
)
_FIRST_TOKEN_MS = ("ai.response.msToFirstChunk",)
_LATENCY = ("gen_ai.client.operation.duration", "gen_ai.server.request.duration", "gen_ai.latency.e2e")

#: What tells that something was answered.
_ANSWERED = (*_INPUT, *_OUTPUT, "gen_ai.response.finish_reasons", "gen_ai.response.id")

#: The attributes of the first choice, where each is one of its own: before messages were one text.
_FIRST_CHOICE = "gen_ai.completion.0."
_CALL = re.compile(r"gen_ai\.completion\.\d+\.(?:tool_calls\.\d+|function_call)\.name")


def _is_meant(record: Record) -> bool:
    return batch_of(record) is not None or _is_generation(record, attributes_of(record))


def _flat(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    batch = batch_of(record)
    found = [record] if batch is None else list(within(batch))
    found = [one for one in found if _is_generation(one, attributes_of(one))]
    if len(found) > options.most:
        raise PayloadError(f"{len(found)} generations are more than {options.most}", "too_many_rows")
    for one in found:
        yield _generation_of(one, attributes_of(one), options.now).event()


def _is_generation(record: Record, attributes: Mapping[str, Any]) -> bool:
    operation, event = attributes.get("gen_ai.operation.name"), event_name(record, attributes)
    if not isinstance(operation, str | None) or any(map(_is_around, (operation, event))):
        return False
    if event == _CHOICE:  # one of several choices is no other generation
        return body_of(record).get("index") in (None, 0, "0")
    if isinstance(event, str) and event != _GENERATION:  # of a session or of a message, which may name the model too
        return not event.startswith("gen_ai.") and any(attributes.get(key) is not None for key in _ANSWERED)
    return any(attributes.get(key) is not None for key in (*_ANSWERED, "gen_ai.request.model"))


def _is_around(name: object) -> bool:
    return isinstance(name, str) and any(_AROUND.fullmatch(word.lower()) for word in _WORD.findall(name))


def _generation_of(record: Record, attributes: Mapping[str, Any], now: float) -> Generation:
    body = body_of(record) if event_name(record, attributes) == _CHOICE else {}
    model = attributes.get("gen_ai.request.model")
    calls, refusal = _content_of(attributes, body)
    return Generation(
        time=first_there((time_of(record), now)),
        id=first_there((attributes.get("gen_ai.response.id"), span_of(record))),
        version=first_there((attributes.get("gen_ai.response.model"), model)),
        status=_status_of(record, attributes),
        finish=_finish_of(attributes, body),
        latency_ms=first_there((latency_ms_of(record), *_milliseconds(attributes, _LATENCY))),
        first_token_ms=first_there((*_milliseconds(attributes, _FIRST_TOKEN), *_milliseconds(attributes, _FIRST_TOKEN_MS, 1))),
        numbers={
            "input_tokens": _input_of(attributes),
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


def _input_of(attributes: Mapping[str, Any]) -> Any:
    """Return the tokens of the input, of which cached ones are a part; where these are more, they stand apart and are added."""
    given, *cached = (number_of(first_there(map(attributes.get, keys))) for keys in (_INPUT, _CACHED, _WRITTEN))
    apart = sum(tokens for tokens in cached if isinstance(tokens, int | float) and tokens > 0)
    return given + apart if isinstance(given, int | float) and apart > given >= 0 else given


def _finish_of(attributes: Mapping[str, Any], body: Mapping[str, Any]) -> Any:
    """Return why the first choice ended: of a list, of a text of one or with commas, or of what that choice tells itself."""
    found = parsed(attributes.get("gen_ai.response.finish_reasons"))
    if isinstance(found, list):
        found = first_there(found)
    elif isinstance(found, str):
        found = found.partition(",")[0].strip()
    messages = objects_in(attributes.get("gen_ai.output.messages"))
    told = (attributes.get(_FIRST_CHOICE + "finish_reason"), *(one.get("finish_reason") for one in messages[:1]))
    return first_there((found, body.get("finish_reason"), *told))


def _milliseconds(attributes: Mapping[str, Any], keys: tuple[str, ...], factor: int = 1000) -> Iterator[float | None]:
    for key in keys:
        value = number_of(attributes.get(key))
        yield value * factor if isinstance(value, int | float) and value >= 0 else None


def _status_of(record: Record, attributes: Mapping[str, Any]) -> Any:
    """Return the code of HTTP where there is one, else whether there was an error."""
    code = attributes.get("http.response.status_code")
    if isinstance(code, int) and not isinstance(code, bool):
        return code
    return "error" if attributes.get("error.type") or is_failed(record) else "ok"


def _content_of(attributes: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[int | None, str | None]:
    """Return how many tools were called and whether the answer is a refusal; None where the answer is not logged."""
    message = object_in(body.get("message"))
    if body and ("message" in body or "tool_calls" in body):
        calls = objects_in(first_there((message.get("tool_calls"), body.get("tool_calls"))))
        return len(calls), "refusal" if message.get("refusal") else "none"
    messages = objects_in(attributes.get("gen_ai.output.messages"))
    own = [key for key in attributes if key.startswith("gen_ai.completion.")]
    if not messages and not own:
        return None, None
    kinds = [part.get("type") for one in messages for part in objects_in(one.get("parts"))]
    is_refused = "refusal" in kinds or attributes.get(_FIRST_CHOICE + "refusal")
    # Some write messages without the calls in them, and these beside.
    return max(kinds.count("tool_call"), sum(1 for key in own if _CALL.fullmatch(key))), "refusal" if is_refused else "none"


LAYOUT = RecordLayout(
    name="otel",
    writer="OpenTelemetry with the conventions for generative AI: OTLP JSON of logs and traces, records of an SDK",
    evidence=(
        "spans and events that LiteLLM and two instrumentations of OpenAI's client wrote, a published one of LiteLLM, and made "
        "ones with the conventions' examples"
    ),
    flat=_flat,
    is_meant=_is_meant,
    measured=MEASURED,
    notes=(
        *NOTES,
        (
            "Every operation counts but those of agents, workflows, tools, retrieval, memory and planning, as invoke_agent: "
            "they tell again what the generations within them cost."
        ),
        "Attributes of OpenInference (llm.*) are not read: spans that have no others are skipped.",
        "Where logs and traces of the same generations are in one file, choose one of them with where.",
        "The version is the model that answered, the id its response's or else the span's.",
    ),
)
