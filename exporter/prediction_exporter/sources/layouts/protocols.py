"""Inference protocols: the bodies of a request to a model server and of its response, to predictions.

What servers of this family understand is told apart by the body alone: V1 (``instances``, ``predictions``), V2 tensors
(``inputs``, ``outputs``), TensorFlow's columns, messages of Seldon (``data``, ``strData``, ``jsonData``), frames, and text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prediction_exporter.sources.layouts.base import Options
from prediction_exporter.sources.layouts.bodies import FAILED, FIRST_FAILURE, events_of, features_of
from prediction_exporter.sources.layouts.tensors import are_tensors, classes_of, columns_of, is_ranked
from prediction_exporter.sources.layouts.texts import are_of_text
from prediction_exporter.sources.records.payloads import PayloadError, rows_of

#: Outputs that are the prediction, the likeliest name first, as frameworks and converters call them.
_LABELS = (
    *("predict", "prediction", "predictions", "predicted_label", "label", "labels", "output_label", "class", "classes"),
    *("class_id", "class_ids", "predicted_class"),
)

#: Outputs that are scores.
_SCORES = (
    *("predict_proba", "probabilities", "probability", "output_probability", "proba", "probas", "probs", "prob", "scores"),
    *("score", "confidence", "logistic", "softmax"),
)

#: Keys under which a request has its inputs, and a response its outputs.
_REQUEST_KEYS = ("instances", "inputs", "examples", "dataframe_split", "dataframe_records", "data", "strData", "jsonData")
_RESPONSE_KEYS = ("predictions", "outputs", "results", "result", "data", "strData", "jsonData")

#: Keys of a response that say what went wrong.
_ERROR_KEYS = ("error", "detail")

_OK = 200

#: Characters that no text has, but bytes that were taken for one.
_BYTES = re.compile(r"[\x00-\x08\x0e-\x1f\ufffd]")


def parsed(body: Any) -> Any:
    """Return a body that is a text of JSON as what it says; anything else as it is.

    Raises:
        PayloadError: it begins like JSON and is none, or something stands behind it; or it is no text.
    """
    if not isinstance(body, str):
        return body
    if _BYTES.search(body):
        raise PayloadError("a body of bytes, as one that is compressed or binary")
    if body.lstrip()[:1] not in ("{", "["):
        return body
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            raise PayloadError("something stands behind the JSON of a body, as tensors in bytes do") from error
        raise PayloadError("a body that is no JSON") from error
    except (ValueError, RecursionError) as error:
        raise PayloadError("a body that is no JSON") from error


def predictions(own: Mapping[str, Any], request: Any, response: Any, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the flat events of a request and its response; of a model that writes text, one without features.

    Args:
        own: what all events have; a ``status`` among it is that of the response.
        request: its body; None where it is not known, so that features are not.
        response: its body.
        options: what the configuration says.

    Raises:
        PayloadError: a body cannot be read, or they have different numbers of rows.
    """
    status = own.get("status")
    failure = status if _is_failure(status) else failure_of(response)
    if failure is not None:
        yield {**own, "status": failure}
        return
    request, response = (None if body is None else parsed(body) for body in (request, response))
    known = {**own, "status": _OK} if status is None else own
    if are_of_text(request, response):
        yield dict(known)
        return
    outcomes = outputs_of(response, options)
    inputs = None
    if request is not None:
        inputs = inputs_of(request, options, is_whole=_has_ranked(response))
        are_single = not any(isinstance(row, Mapping | list) for row in inputs)
        if are_single and len(inputs) == len(options.names) > 1 == len(outcomes):
            inputs = [dict(zip(options.names, inputs, strict=True))]  # the values of one row, without a dimension for rows
    yield from events_of(known, None if inputs is None else [named_features(row) for row in inputs], outcomes)


def _is_failure(status: Any) -> bool:
    if isinstance(status, str) and status.strip().isascii() and status.strip().isdigit():
        status = int(status) if len(status) <= 3 else None  # noqa: PLR2004 - no HTTP status has more digits
    return isinstance(status, int) and not isinstance(status, bool) and status >= FIRST_FAILURE


def failure_of(response: Any) -> Any | None:
    """Return the status of a response that tells an error; None where it tells none.

    Seldon writes an object ``status``; others an ``error`` or a ``detail`` in the place of outputs.

    >>> failure_of({"error": "no such model"}), failure_of({"status": {"code": 503, "status": "FAILURE"}, "data": {}})
    ('error', 503)
    >>> failure_of({"predictions": [1], "error": None})
    """
    try:
        response = parsed(response)
    except PayloadError:
        return None  # told where the outputs are read
    if not isinstance(response, Mapping):
        return None
    status = response.get("status")
    if isinstance(status, Mapping):
        code, word = status.get("code"), status.get("status")
        if _is_failure(code):
            return code
        if (isinstance(word, str) and word.upper() == "FAILURE") or word is True or word == 1:
            return FAILED
    told = [response[key] for key in _ERROR_KEYS if response.get(key)]
    return FAILED if told and not any(key in response for key in _RESPONSE_KEYS) else None


def inputs_of(body: Any, options: Options, *, is_whole: bool = False) -> list[Any]:
    """Return the inputs of each row: an object of named ones, a list of unnamed ones, or a single value.

    Args:
        body: of a request, parsed.
        options: what the configuration says.
        is_whole: whether all tensors of a request belong to one row.

    Raises:
        PayloadError: it cannot be read.
    """
    names, most = options.names, options.most
    if isinstance(body, Mapping):
        inputs = body.get("inputs")
        if are_tensors(inputs):
            return rows_of_columns(columns_of(inputs, most, is_whole=is_whole), names)
        if isinstance(inputs, Mapping):
            return rows_of({"inputs": inputs}, most=most, named=True)
        if "examples" in body:
            return rows_of(_with_context(body["examples"], body.get("context")), names=names, most=most, named=True)
    return _rows_of_body(body, _REQUEST_KEYS, names, options, named=True)


def outputs_of(body: Any, options: Options) -> list[dict[str, Any]]:
    """Return the ``prediction`` and ``score`` of each row, as far as a response has them.

    Raises:
        PayloadError: it cannot be read, or has no outputs.
    """
    most = options.most
    if isinstance(body, Mapping):
        outputs = body.get("outputs")
        if are_tensors(outputs):
            is_whole = _has_ranked(body)
            return [result_of(row) for row in rows_of_columns(columns_of(outputs, most, is_whole=is_whole), (), keep=True)]
        if isinstance(outputs, Mapping):
            return [result_of(row) for row in rows_of({"inputs": outputs}, most=most)]
        if not any(key in body for key in _RESPONSE_KEYS):
            if not any(str(key).lower() in (*_LABELS, *_SCORES) for key in body):
                raise PayloadError(f"a response without any of {', '.join(_RESPONSE_KEYS)}")
            return [result_of(body)]
    rows = _rows_of_body(body, _RESPONSE_KEYS, (), options)
    if isinstance(body, Mapping) and "data" in body:
        return [_scores_of_classes(row) or result_of(row) for row in rows]
    return [result_of(row) for row in rows]


def named_features(row: Any) -> Any:
    """Return the inputs of a row as features, of which each may be a list of one."""
    return {name: single(value) for name, value in row.items()} if isinstance(row, Mapping) else features_of(row)


def result_of(row: Any) -> dict[str, Any]:
    """Return the prediction and the score of a row of outputs.

    One value is the prediction, several without names are scores. Of named ones the name tells; where no name does, the first
    one value is the prediction. The others stand under ``other_outputs``.

    >>> result_of(3), result_of([0.1, 0.9]), result_of({"predict": [1], "predict_proba": [0.2, 0.8]})
    ({'prediction': 3}, {'score': [0.1, 0.9]}, {'prediction': 1, 'score': [0.2, 0.8]})
    >>> result_of({"OUTPUT0": 4, "OUTPUT1": 7})
    {'prediction': 4, 'other_outputs': {'OUTPUT1': 7}}
    """
    row = _opened(single(row))
    ranked = classes_of(row) or _labelled(row)
    if ranked is not None:
        return {"prediction": max(ranked, key=lambda label: ranked[label]), "score": ranked}
    if isinstance(row, list):
        return {"score": row}
    if not isinstance(row, Mapping):
        return {"prediction": row}
    values = {name: single(value) for name, value in row.items()}
    by_name = {str(name).lower(): name for name in values}
    score = next((by_name[name] for name in _SCORES if name in by_name), None)
    label = next((by_name[name] for name in _LABELS if name in by_name), None)
    if label is None:
        label = next((name for name in values if name != score and classes_of(values[name])), None)
    if label is None:
        label = next((name for name in values if name != score and not isinstance(values[name], list | Mapping)), None)
    found: dict[str, Any] = {}
    if label is not None:
        told = result_of(values.pop(label))
        found |= told if not isinstance(told.get("score"), list) or score is None else {}
    if score is None and "score" not in found:
        score = next((name for name in values if isinstance(values[name], list)), None)
    if score is not None:
        found["score"] = values.pop(score)
    return {**found, "other_outputs": values} if values else found


def _opened(row: Any) -> Any:
    """Return a text of JSON that holds a label or a score, as servers of language models write it, as what it says."""
    if not isinstance(row, str) or row.lstrip()[:1] not in ("{", "["):
        return row
    try:
        told = json.loads(row)
    except (ValueError, RecursionError):
        return row
    is_known = isinstance(told, Mapping) and any(str(name).lower() in (*_LABELS, *_SCORES) for name in told)
    return told if is_known or _labelled(told) else row


def _labelled(row: Any) -> dict[str, float] | None:
    """Return the scores of a list of objects of a label and its score, by their labels; None where it is none.

    >>> _labelled([{"label": "a", "score": 0.2}, {"label": "b", "score": 0.8}])
    {'a': 0.2, 'b': 0.8}
    """
    if not isinstance(row, list) or not row:
        return None
    found: dict[str, float] = {}
    for item in row:
        label, score = (item.get("label"), item.get("score")) if isinstance(item, Mapping) else (None, None)
        if not isinstance(label, str) or isinstance(score, bool) or not isinstance(score, int | float) or label in found:
            return None
        found[label] = score
    return found


def single(value: Any) -> Any:
    """Return the value of a list of one, as outputs of one column are written."""
    return value[0] if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], Mapping) else value


def _scores_of_classes(row: Any) -> dict[str, Any] | None:
    """Return several numbers under names, which are classes then, as scores; None where a name or a value tells otherwise."""
    if not isinstance(row, Mapping) or len(row) == 1:
        return None
    if any(str(name).lower() in (*_LABELS, *_SCORES) for name in row):
        return None
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in row.values())
    return {"score": dict(row)} if numbers else None


def _has_ranked(body: Any) -> bool:
    outputs = body.get("outputs") if isinstance(body, Mapping) else None
    return are_tensors(outputs) and all(is_ranked(tensor) for tensor in outputs)


def rows_of_columns(columns: Mapping[str, list[Any]], names: Sequence[str], *, keep: bool = False) -> list[Any]:
    """Return the rows of tensors: of one alone its lists by the configured names, else objects with the values of all."""
    if len(columns) == 1:
        name, rows = next(iter(columns.items()))
        if names and rows and all(isinstance(row, list) for row in rows):
            return rows_of(rows, names=names)
        if all(isinstance(row, list) for row in rows) and not keep:
            return rows
        return [{name: row} for row in rows]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _rows_of_body(body: Any, keys: Sequence[str], names: Sequence[str], options: Options, *, named: bool = False) -> list[Any]:
    """Return the rows of a body other than of tensors."""
    if not isinstance(body, Mapping):
        if body is None:
            raise PayloadError("an empty body")
        return rows_of(body, names=names, encoding=options.encoding, most=options.most, named=named)
    key = next((key for key in keys if key in body), None)
    if key is None:
        return rows_of([dict(body)], names=names, most=options.most, named=named)
    inner = body[key]
    if key == "strData":
        inner = parsed(inner)
        return [inner] if isinstance(inner, str) else rows_of(inner, names=names, most=options.most, named=named)
    if key == "jsonData":
        return _rows_of_body(parsed(inner), (*keys, "instances", "ndarray"), names, options, named=named)
    if key == "data":
        _check_message(inner)
    if inner is None:
        raise PayloadError(f"{key} that is null")
    if not isinstance(inner, list | Mapping):
        inner = [inner]  # a single value, of TensorFlow's rows
    return rows_of({key: inner} if key.startswith("dataframe") else inner, names=names, most=options.most, named=named)


def _check_message(data: Any) -> None:
    """Refuse the data of a message of Seldon that holds no values which are read."""
    if isinstance(data, list) or (isinstance(data, Mapping) and ("ndarray" in data or "tensor" in data)):
        return
    if isinstance(data, Mapping) and "tftensor" in data:
        raise PayloadError("a message with a tftensor, which is not read: ask for tensor or ndarray")
    raise PayloadError("a message whose data is neither ndarray nor tensor")


def _with_context(examples: Any, context: Any) -> Any:
    """Return examples with the features that all of them have in common."""
    if not isinstance(context, Mapping) or not isinstance(examples, list):
        return examples
    return [{**context, **example} if isinstance(example, Mapping) else example for example in examples]
