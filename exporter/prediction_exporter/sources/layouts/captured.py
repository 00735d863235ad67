"""Captured bodies: the inputs of a request and what was answered, as platforms record both, to predictions.

A platform does not know what its models read and answer, and neither is told apart by a protocol: names of the values tell.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prediction_exporter.config.records import Encoding
from prediction_exporter.sources.fields.roles import KNOWN_NAMES, SERVER_NAMES, snake
from prediction_exporter.sources.fields.steps import LABEL_KEYS, SCORE_KEYS, plain_key
from prediction_exporter.sources.layouts.base import Options
from prediction_exporter.sources.layouts.bodies import FAILED, FIRST_FAILURE, events_of, features_of
from prediction_exporter.sources.layouts.texts import are_of_text
from prediction_exporter.sources.outcomes import Outcomes
from prediction_exporter.sources.records.payloads import PayloadError, rows_of


def _keys_of(role: str, *others: str) -> frozenset[str]:
    return frozenset(plain_key(name) for name in (*KNOWN_NAMES[role], *SERVER_NAMES[role], *others))


#: Keys of a predicted value and of a score in an object that a server answers with.
_PREDICTIONS = _keys_of("prediction", *LABEL_KEYS, "value")
_SCORES = _keys_of("score", *SCORE_KEYS)

#: The same in an answer as a whole, in which a name or a value may be anything's.
_OUTPUTS = _PREDICTIONS - {"name", "value"}

#: How often a body may be the text of another.
_MOST_TIMES = 3


def body_of(payload: Any, encoding: Encoding = "auto") -> Any:
    """Return a body that is base64 or the text of JSON as what it says; another text, as CSV, as it is.

    Raises:
        PayloadError: it is no base64 of a text.
    """
    for _ in range(_MOST_TIMES):
        if not isinstance(payload, str):
            break
        if encoding == "base64":
            try:
                payload = base64.b64decode("".join(payload.split()), validate=True).decode()
            except ValueError as error:
                raise PayloadError("no base64 of a text in UTF-8") from error
            encoding = "auto"
        if encoding == "csv" or payload.lstrip()[:1] not in ("{", "[", '"'):
            break
        try:
            payload = json.loads(payload)
        except (ValueError, RecursionError):
            break  # told where its rows are read: it may be CSV, or lines of JSON
    return payload


def is_refused(status: Any) -> bool:
    """Return whether a status is that of a request without predictions: an HTTP status from 400 on, or a word of failure.

    >>> [is_refused(status) for status in (200, "200", 404, "503", "OK", "ERROR", None)]
    [False, False, True, True, False, True, False]
    """
    if status is None or isinstance(status, bool):
        return False
    text = str(status).strip()
    if text.isascii() and text.isdigit() and len(text) == len("404"):
        return int(text) >= FIRST_FAILURE
    return Outcomes().means_failure(text)


def map_of(value: Any) -> Mapping[str, Any]:
    """Return an object that may be written as text, or as pairs of key and value as engines write maps.

    >>> map_of([{"key": "model_version", "value": "3"}]), map_of('{"model_version": "3"}'), map_of(None)
    ({'model_version': '3'}, {'model_version': '3'}, {})
    """
    value = body_of(value)
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and all(isinstance(pair, Mapping) and {"key", "value"} <= pair.keys() for pair in value):
        return {str(pair["key"]): pair["value"] for pair in value}
    return {}


def predictions(own: Mapping[str, Any], request: Any, response: Any, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the events of a request and its response; of one that was not answered with predictions, one without features.

    Args:
        own: what all rows share, with the status where it is known.
        request: its body, or the text of it; None where it was not logged.
        response: the same of the response.
        options: of the layout.

    Raises:
        PayloadError: a body cannot be read, or the two are not in step.
    """
    event = {key: value for key, value in own.items() if value is not None}
    if is_refused(event.get("status")):
        yield event
        return
    answer, asked = body_of(response, options.encoding), body_of(request, options.encoding)
    status = failure_of(answer)
    if status is not None:
        yield {**event, "status": status}
        return
    if are_of_text(asked, answer):
        yield event
        return
    if asked is None and answer is None:
        raise PayloadError("a request that was served, with neither its body nor that of its response")
    inputs = None if asked is None else inputs_of(asked, options)
    yield from rows_in_step(event, inputs, None if answer is None else outputs_of(answer, options))


def rows_in_step(
    own: Mapping[str, Any], inputs: Sequence[Any] | None, outputs: Sequence[Any] | None
) -> Iterator[dict[str, Any]]:
    """Yield the events of a request: what it has of its own, with the inputs and outputs of one row each.

    Args:
        own: what all rows share.
        inputs: of each row an object, or a list of values that have no names; None where they were not logged.
        outputs: what was answered for each row; None where it was not logged.

    Raises:
        PayloadError: there are not as many outputs as inputs.
    """
    if inputs is not None and outputs is not None:
        inputs, outputs = _in_step(inputs, outputs)
    features = None if inputs is None else [features_of(row) for row in inputs]
    yield from events_of(own, features, None if outputs is None else [outcome_of(row) for row in outputs])


def inputs_of(payload: Any, options: Options) -> list[Any]:
    """Return the rows of the inputs of a request, by their names where they have any.

    Raises:
        PayloadError: they are in none of the known forms.
    """
    rows = rows_of(_whole_row(payload), names=options.names, encoding=options.encoding, most=options.most)
    opened = [_unwrapped(row) for row in rows]
    if opened == rows or not options.names:
        return opened
    return rows_of(opened, names=options.names, most=options.most)


def _whole_row(payload: Any) -> Any:
    """Return a request whose inputs are single values, of which some are lists, as one of a row: MLflow takes it so."""
    inputs = payload.get("inputs") if isinstance(payload, Mapping) else None
    if not isinstance(inputs, Mapping) or "shape" in inputs or not inputs:
        return payload
    lengths = {len(value) for value in inputs.values() if isinstance(value, list)}
    is_row = any(not isinstance(value, list) for value in inputs.values()) and lengths - {1}
    return {"inputs": [inputs]} if is_row else payload


def _unwrapped(row: Any) -> Any:
    """Return the values of an instance as SageMaker's algorithms take it: under a key that says that they are features."""
    for key in ("data", "features", "values"):
        if isinstance(row, Mapping) and len(row) == 1 and isinstance(row.get(key), list | Mapping):
            row = row[key]
    return row


def outputs_of(payload: Any, options: Options) -> list[Any]:
    """Return the rows of what was answered.

    Predictions and scores in lists in step, as in ``{"predictions": [1], "probabilities": [0.9]}``, are the columns of a row.

    Args:
        payload: parsed JSON.
        options: of the layout.

    Raises:
        PayloadError: it is in none of the known forms.
    """
    columns = _columns_of(payload)
    lengths = {len(value) for value in columns.values() if isinstance(value, list)}
    if columns and len(lengths) == 1 and all(isinstance(value, list) for value in columns.values()):
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    if columns and min(lengths, default=1) == 1:  # of one row, whose scores are a list of their own
        return [{key: _single(value) for key, value in columns.items()}]
    return rows_of(payload, most=options.most)


def _columns_of(payload: Any) -> dict[str, Any]:
    """Return the predictions and the scores in an answer that has both side by side; nothing where it has not."""
    if not isinstance(payload, Mapping):
        return {}
    columns = {key: value for key, value in payload.items() if plain_key(key) in _OUTPUTS | _SCORES}
    are_both = any(plain_key(key) in _OUTPUTS for key in columns) and any(plain_key(key) in _SCORES for key in columns)
    return columns if are_both else {}


def outcome_of(output: Any) -> dict[str, Any]:
    """Return the prediction and the score in what was answered for one row.

    >>> outcome_of({"score": 0.98, "predicted_label": 1})
    {'prediction': 1, 'score': 0.98}
    >>> outcome_of([0.2, 0.8]), outcome_of([3.5]), outcome_of({"0": "setosa"}), outcome_of({"probability": 0.7})
    ({'score': [0.2, 0.8]}, {'prediction': 3.5}, {'prediction': 'setosa'}, {'score': 0.7})
    """
    output = _single(output)
    if isinstance(output, list):
        # Several values for one row are the scores of the classes, in whatever form.
        return {"score": output} if output else {}
    if not isinstance(output, Mapping):
        return {} if output is None else {"prediction": output}
    predictions = [key for key in output if plain_key(key) in _PREDICTIONS]
    scores = [key for key in output if plain_key(key) in _SCORES]
    if len(output) == 1 and not scores:
        return outcome_of(next(iter(output.values())))
    found: dict[str, Any] = {}
    if len(predictions) == 1:
        found["prediction"] = _single(output[predictions[0]])
    elif set(output) - set(scores):
        found["prediction"] = {key: value for key, value in output.items() if key not in scores}
    if len(scores) == 1:
        found["score"] = _single(output[scores[0]])
    return found


def outcome_among(row: Any) -> dict[str, Any]:
    """Return the features of a row that has both, with the prediction and the score, where one field is called like it.

    >>> outcome_among({"age": 4, "prediction": "yes", "probability": 0.7})
    {'features': {'age': 4}, 'prediction': 'yes', 'score': 0.7}
    """
    if not isinstance(row, Mapping):
        return {"features": features_of(row)}
    features, found = dict(row), dict[str, Any]()
    for role in ("prediction", "score"):
        known = (*KNOWN_NAMES[role], *SERVER_NAMES[role])
        names = [name for name in features if snake(name) in known]
        if len(names) == 1:
            found[role] = features.pop(names[0])
    return {"features": features, **found}


def failure_of(payload: Any) -> str | None:
    """Return the status in an answer that is an error, or None where it is none.

    >>> failure_of({"error": "no such model"}), failure_of({"code": 503, "type": "InternalServerException", "message": "x"})
    ('error', '503')
    >>> failure_of({"error_code": "BAD_REQUEST", "message": "x"}), failure_of({"predictions": [1]})
    ('BAD_REQUEST', None)
    """
    if not isinstance(payload, Mapping) or any(plain_key(key) in _OUTPUTS | _SCORES for key in payload):
        return None
    if "message" in payload:
        code = payload.get("error_code", payload.get("code"))
        return str(code) if isinstance(code, str | int) else FAILED if "error" in payload else None
    return FAILED if payload.get("error") or payload.get("errors") else None


def _single(value: Any) -> Any:
    """Return the value of a list of one, as outputs of one column are written."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def _is_plain(values: Sequence[Any]) -> bool:
    return not any(isinstance(value, list | Mapping) for value in values)


def _in_step(inputs: Sequence[Any], outputs: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return as many inputs as outputs where either is the values of one row, or of all rows, in one list; else as they are."""
    if len(inputs) == len(outputs):
        return inputs, outputs
    if len(inputs) == 1 and len(outputs) > 1 and _is_plain(outputs):
        return inputs, [list(outputs)]
    if len(outputs) == 1 and isinstance(outputs[0], list) and len(outputs[0]) == len(inputs) and _is_plain(outputs[0]):
        return inputs, outputs[0]
    if len(outputs) == 1 and len(inputs) > 1 and _is_plain(inputs):
        return [list(inputs)], outputs
    return inputs, outputs  # which is told where they become events
