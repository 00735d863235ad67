"""Vertex AI: rows of the table that request-response logging fills."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.sources.layouts.base import Options, Record, RecordLayout
from prediction_exporter.sources.layouts.captured import body_of, failure_of, predictions
from prediction_exporter.sources.records.payloads import PayloadError

#: The key of the predictions in an answer.
_PREDICTIONS = "predictions"

_REQUESTS = ("request_payload", "full_request")
_RESPONSES = ("response_payload", "full_response")


def _body(payload: Any, key: str) -> Any:
    """Return the body that a list of texts stands for: an instance or a prediction in each, or all of it in the only one."""
    if payload is None or payload == []:
        return None
    parts = payload if isinstance(payload, list) else [payload]
    # A repeated field as BigQuery's API writes it: each item under a key of its own.
    parts = [part["v"] if isinstance(part, Mapping) and set(part) == {"v"} else part for part in parts]
    bodies = [_parsed(part) for part in parts]
    if len(bodies) == 1 and isinstance(bodies[0], Mapping):
        if key not in bodies[0]:
            return {key: bodies} if failure_of(bodies[0]) is None else bodies[0]
        bodies = bodies[0][key] if isinstance(bodies[0][key], list) else [bodies[0][key]]
    return {key: bodies}


def _parsed(text: Any) -> Any:
    """Return an instance or a prediction.

    Raises:
        PayloadError: it begins like JSON and is none.
    """
    body = body_of(text)
    if not isinstance(body, str):
        return body
    if body.lstrip()[:1] in ("{", "["):
        raise PayloadError("a payload with a text that is no JSON")
    try:
        return json.loads(body)  # a number
    except ValueError:
        return body


def _answer(payload: Any) -> Any:
    body = _body(payload, _PREDICTIONS)
    if isinstance(body, Mapping) and _PREDICTIONS in body:
        return {_PREDICTIONS: [_of_classes(answer) for answer in body[_PREDICTIONS]]}
    return body


def _of_classes(answer: Any) -> Any:
    """Return an answer of AutoML, classes with their scores in step, as the likeliest class with the scores by class."""
    if not isinstance(answer, Mapping):
        return answer
    if isinstance(answer.get("value"), int | float):  # of a regression, with its bounds
        return {"prediction": answer["value"]}
    classes = answer.get("classes", answer.get("displayNames"))
    scores = answer.get("scores", answer.get("confidences"))
    if not isinstance(classes, list) or not isinstance(scores, list) or not scores or len(classes) != len(scores):
        return answer
    if not all(isinstance(score, int | float) for score in scores):
        return answer
    by_class = {str(name): score for name, score in zip(classes, scores, strict=True)}
    return {"prediction": classes[scores.index(max(scores))], "score": by_class}


def _flat(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    own = {
        "time": record.get("logging_time"),
        "id": record.get("request_id"),
        "version": record.get("deployed_model_id"),
    }
    asked, answered = (_one_of(record, keys) for keys in (_REQUESTS, _RESPONSES))
    yield from predictions(own, _body(asked, "instances"), _answer(answered), options)


def _one_of(record: Record, keys: tuple[str, str]) -> Any:
    """Return a payload, or else the whole body, which rows of models that generate have beside an empty one."""
    return next((record[key] for key in keys if record.get(key)), None)


LAYOUT = RecordLayout(
    name="vertex",
    writer="Google Vertex AI, request-response logging of endpoints, as a table or exported from it",
    evidence="the documentation of request-response logging and of what AutoML models answer",
    flat=_flat,
    is_meant=lambda record: any(key in record for key in (*_REQUESTS, *_RESPONSES)),
    notes=(
        "The version is deployed_model_id, the id request_id, the time logging_time.",
        "Rows have no status and no latency, and are a sample where samplingRate is below 1.",
        "Of AutoML's answers the prediction is the class with the highest score, and the scores are those by class.",
        "Of models that generate text only requests are counted.",
    ),
)
