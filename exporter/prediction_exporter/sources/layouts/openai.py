"""OpenAI's API: chat completions as the API answers, and as proxies such as LiteLLM log them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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
from prediction_exporter.sources.layouts.values import between_ms, first_there

#: What answers say that they are, with one of what they have.
_ANSWERS: Mapping[str, tuple[str, ...]] = {
    "chat.completion": ("choices", "usage"),
    "text_completion": ("choices", "usage"),
    "response": ("output", "usage"),
    "list": ("usage",),
}

_CHUNK = "chat.completion.chunk"

#: Keys that a request and an answer are logged under.
_REQUESTS = ("request", "request_body", "body", "requestBody", "request_kwargs")
_ASKED = ("messages", "prompt", "input")
_RESPONSES = ("response", "response_body", "responseBody", "output", "response_obj")

#: Keys that parameters of a request are logged under, apart from it or within.
_PARAMETERS = ("model_parameters", "optional_params")
_BEGINS, _ENDS = ("startTime", "start_time"), ("endTime", "end_time")

_CODE, _FAILURE = re.compile("[1-5][0-9]{2}"), re.compile("[45][0-9]{2}")


def _is_meant(record: Record) -> bool:
    record = _payload(record)
    if "call_type" in record and "startTime" in record:
        return True
    if _answer_of(record):
        return True
    asked = _request_of(record)
    return "error" in record and "model" in asked and any(key in asked for key in _ASKED)


def _payload(record: Record) -> Record:
    """Return what LiteLLM logs of a call, also where it stands beside what it was called with."""
    inner = record.get("standard_logging_object")
    return inner if isinstance(inner, Mapping) else record


def _request_of(record: Record) -> Mapping[str, Any]:
    """Return the request that a record holds; an empty one where there is none."""
    return first_there(object_in(record.get(key)) or None for key in _REQUESTS) or {}


def _parameters_of(record: Record) -> dict[str, Any]:
    """Return what a request asked for, wherever it is logged; what the request itself says counts before the rest."""
    request = _request_of(record)
    apart = [object_in(part.get(key)) for part in (record, request) for key in _PARAMETERS]
    return {name: value for part in (*apart, request) for name, value in part.items()}


def _answer_of(record: Record) -> Mapping[str, Any]:
    """Return the answer that a record is or holds; an empty one where there is none."""
    if _is_answer(record):
        return record
    for key in _RESPONSES:
        value = parsed(record.get(key))
        if isinstance(value, Mapping) and isinstance(value.get("body"), str | Mapping):
            value = object_in(value["body"])
        if isinstance(value, list):
            value = _of_chunks([item for item in value if isinstance(item, Mapping)])
        if isinstance(value, Mapping) and _is_answer(value):
            return value
    return {}


def _is_answer(value: Mapping[str, Any]) -> bool:
    kind = value.get("object")
    if isinstance(kind, str):
        return any(key in value for key in _ANSWERS.get(kind, ()))
    if value.get("type") == "message":
        return "stop_reason" in value and "usage" in value
    return any("finish_reason" in choice for choice in objects_in(value.get("choices")))


def _of_chunks(chunks: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the answer that was streamed in chunks: usage is told of all so far, so the last counts and not their sum."""
    chunks = [chunk for chunk in chunks if chunk.get("object") == _CHUNK]
    if not chunks:
        return {}
    finish = None
    calls: set[tuple[Any, Any]] = set()
    refused = False
    for chunk in chunks:
        for choice in objects_in(chunk.get("choices")):
            delta = object_in(choice.get("delta"))
            if choice.get("index", 0) == 0:
                finish = first_there((choice.get("finish_reason"), finish))
            calls |= {(str(choice.get("index")), str(call.get("index"))) for call in objects_in(delta.get("tool_calls"))}
            refused |= bool(delta.get("refusal"))
    return {
        **chunks[0],
        "object": "chat.completion",
        "usage": first_there(object_in(chunk.get("usage")) or None for chunk in reversed(chunks)),
        "choices": [{"finish_reason": finish, "message": {"tool_calls": [{}] * len(calls), "refusal": refused or None}}],
    }


def _flat(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    record = _payload(record)
    answer = _answer_of(record)
    parameters = _parameters_of(record)
    asked = first_there((record.get("model"), parameters.get("model"), answer.get("model")))
    begin, end = (first_there(map(record.get, keys)) for keys in (_BEGINS, _ENDS))
    generation = Generation(
        time=first_there((end, begin, *map(record.get, _TIMES), *map(answer.get, _CREATED), options.now)),
        id=first_there((record.get("request_id"), record.get("id"), answer.get("id"))),
        version=first_there((answer.get("model"), asked)),
        status=_status_of(record, answer),
        finish=_finish_of(answer),
        latency_ms=first_there((between_ms(begin, end), *_durations(record, _LATENCIES))),
        first_token_ms=first_there((_first_token_ms(record, begin, end), *_durations(record, _FIRST_TOKENS))),
        numbers=_usage_of(record, answer)
        | {
            "cost": first_there(map(record.get, _COSTS)),
            "temperature": parameters.get("temperature"),
            "max_tokens": first_there(map(parameters.get, _MOST_TOKENS)),
        },
        names={
            "model": asked,
            "provider": record.get("custom_llm_provider"),
            "call_type": record.get("call_type"),
            "stream": first_there((record.get("stream"), parameters.get("stream"))),
            "refusal": _refusal_of(answer),
        },
    )
    generation.numbers |= _counts_of(record, parameters, answer)
    yield generation.event()


_TIMES = ("timestamp", "time", "ts", "@timestamp", "created_at")
_CREATED = ("created", "created_at")
_COSTS = ("response_cost", "spend", "cost", "cost_usd")
_MOST_TOKENS = ("max_completion_tokens", "max_tokens", "max_output_tokens")

#: Durations by their keys, with what makes milliseconds of them.
_LATENCIES = {"latency_ms": 1, "duration_ms": 1, "request_duration_ms": 1, "response_time_ms": 1, "response_time": 1000}
_FIRST_TOKENS = {"time_to_first_token_ms": 1, "ttft_ms": 1, "time_to_first_token": 1000}


def _durations(record: Record, keys: Mapping[str, int]) -> Iterator[float | None]:
    for key, scale in keys.items():
        value = number_of(record.get(key))
        yield value * scale if isinstance(value, int | float) and value >= 0 else None


def _first_token_ms(record: Record, begin: Any, end: Any) -> float | None:
    """Return the time to the first token; LiteLLM writes the end of it all where nothing was streamed."""
    first = record.get("completionStartTime")
    is_streamed = record.get("stream")
    if is_streamed is False or (is_streamed is None and first == end):
        return None
    return between_ms(begin, first)


def _status_of(record: Record, answer: Mapping[str, Any]) -> Any:
    """Return a code of HTTP where there is one, else the word success or failure where the record tells."""
    response = object_in(record.get("response"))
    code = first_there((record.get("status_code"), response.get("status_code")))
    error = first_there((record.get("error"), object_in(record.get("response")).get("error"), answer.get("error")))
    word = record.get("status") if record.get("status") in ("success", "failure") else None
    if code is None and (word == "failure" or error):
        told = object_in(record.get("error_information")).get("error_code") or object_in(error).get("code")
        code = str(told) if _FAILURE.fullmatch(str(told)) else "failure"
    if code == "failure" or _CODE.fullmatch(str(code)):
        return code
    return word or ("success" if answer else None)


def _choices(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return objects_in(answer.get("choices"))


def _finish_of(answer: Mapping[str, Any]) -> Any:
    choices = _choices(answer)
    if choices:
        return choices[0].get("finish_reason")
    if answer.get("object") == "response":
        return first_there((object_in(answer.get("incomplete_details")).get("reason"), answer.get("status")))
    return answer.get("stop_reason")


def _refusal_of(answer: Mapping[str, Any]) -> str | None:
    """Return whether the answer is a refusal; None where no answer is logged that would tell."""
    messages = [object_in(choice.get("message")) for choice in _choices(answer)]
    parts = [part for item in objects_in(answer.get("output")) for part in objects_in(item.get("content"))]
    if any(message.get("refusal") for message in messages) or any(part.get("type") == "refusal" for part in parts):
        return "refusal"
    return "none" if answer and (messages or parts or "stop_reason" in answer) else None


def _usage_of(record: Record, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return tokens by what they are of. Where some API leaves the cached ones out of those of the input, they are added."""
    told = object_in(answer.get("usage")) or object_in(object_in(record.get("metadata")).get("usage_object"))
    told = {**{key: record.get(key) for key in ("prompt_tokens", "completion_tokens")}, **_there(told)}
    inside = object_in(first_there((told.get("prompt_tokens_details"), told.get("input_tokens_details"))))
    outside = object_in(first_there((told.get("completion_tokens_details"), told.get("output_tokens_details"))))
    read, written = told.get("cache_read_input_tokens"), told.get("cache_creation_input_tokens")
    given = first_there((told.get("prompt_tokens"), told.get("input_tokens")))
    if told.get("prompt_tokens") is None and not inside and _are_counts(given):
        given = given + sum(extra for extra in (read, written) if isinstance(extra, int) and _are_counts(extra))
    return {
        "input_tokens": given,
        "output_tokens": first_there((told.get("completion_tokens"), told.get("output_tokens"))),
        "cached_tokens": first_there((inside.get("cached_tokens"), read, told.get("prompt_cache_hit_tokens"))),
        "reasoning_tokens": outside.get("reasoning_tokens"),
    }


def _there(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _are_counts(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _counts_of(record: Record, parameters: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many messages were sent, and how many tools were called; None where that is not logged."""
    messages = objects_in(first_there((parameters.get("messages"), record.get("messages"))))
    called = None
    if _choices(answer):
        sent = [object_in(choice.get("message")) for choice in _choices(answer)]
        called = sum(len(objects_in(one.get("tool_calls"))) + (1 if one.get("function_call") else 0) for one in sent)
    elif objects_in(answer.get("output")) or objects_in(answer.get("content")):
        items = (*objects_in(answer.get("output")), *objects_in(answer.get("content")))
        called = sum(item.get("type") in ("function_call", "tool_use") for item in items)
    return {"tool_calls": called, "messages": len(messages) or None}


LAYOUT = RecordLayout(
    name="openai",
    writer="OpenAI's API and servers of its kind (vLLM), proxies (LiteLLM), batches",
    evidence="records that LiteLLM wrote, those of its tests, and made ones of the form of the API's answers",
    flat=_flat,
    is_meant=_is_meant,
    measured=MEASURED,
    notes=(
        *NOTES,
        "Chunks of a stream in lines of their own are skipped: have the whole answer logged, or its chunks as one list.",
        "The version is the model that answered, latency from startTime to endTime or a field such as latency_ms.",
    ),
)
