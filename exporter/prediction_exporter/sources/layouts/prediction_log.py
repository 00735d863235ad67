"""TensorFlow Serving's ``PredictionLog``, as the JSON mapping of protocol buffers writes it."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from prediction_exporter.sources.layouts.base import Options, Record
from prediction_exporter.sources.layouts.bodies import events_of
from prediction_exporter.sources.layouts.protocols import named_features, result_of, rows_of_columns
from prediction_exporter.sources.layouts.tensors import in_step
from prediction_exporter.sources.records.errors import too_many
from prediction_exporter.sources.records.payloads import PayloadError, rows_of

#: The logs of a kind of request; others are known and not read.
_READ = ("predict_log", "classify_log", "regress_log")
_KINDS = (*_READ, "multi_inference_log", "session_run_log", "predict_streamed_log")

#: Values of a tensor that one value may stand for.
_MOST_FILLED = 1_000_000

#: How NumPy names the types of a tensor's bytes, which are little-endian.
_DTYPES = {
    "DT_FLOAT": "<f4",
    "DT_DOUBLE": "<f8",
    "DT_HALF": "<f2",
    "DT_INT8": "i1",
    "DT_INT16": "<i2",
    "DT_INT32": "<i4",
    "DT_INT64": "<i8",
    "DT_UINT8": "u1",
    "DT_UINT16": "<u2",
    "DT_UINT32": "<u4",
    "DT_UINT64": "<u8",
    "DT_BOOL": "?",
}


def kind_of(record: Record) -> str | None:
    """Return which log of a ``PredictionLog`` a record is; None where it is none."""
    return next((kind for kind in _KINDS if isinstance(_get(record, kind), Mapping)), None)


def flat_log(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the predictions of a log.

    Raises:
        PayloadError: it is of a kind that is not read, or its values cannot be.
    """
    kind = kind_of(record)
    if kind not in _READ:
        raise PayloadError(f"a {kind}, which is not read")
    log = _get(record, kind)
    request, response = _mapping(log, "request"), _mapping(log, "response")
    inputs, outputs = _ROWS[kind](request, response, options)
    metadata = _get(record, "log_metadata")
    seconds = _get(metadata, "timestamp_secs")
    specs = [_get(part, "model_spec") for part in (response, metadata, request)]
    version = next((found for spec in specs if (found := _get(spec, "version")) is not None), None)
    own = {"time": _integer(seconds) or options.now, **({} if version is None else {"version": version})}
    yield from events_of(own, [named_features(row) for row in inputs], [result_of(row) for row in outputs])


def _get(value: Any, name: str) -> Any:
    """Return a field by its name in the protocol, or by the one that JSON gives it."""
    if not isinstance(value, Mapping):
        return None
    first, *rest = name.split("_")
    return value.get(name, value.get(first + "".join(part.capitalize() for part in rest)))


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    found = _get(value, name)
    if not isinstance(found, Mapping):
        raise PayloadError(f"a log without a {name}")
    return found


def _list(value: Any, name: str) -> list[Any]:
    found = _get(value, name)
    if not isinstance(found, list):
        raise PayloadError(f"a log whose {name} is no list")
    return found


def _integer(value: Any) -> int | None:
    """Return a long integer, which JSON of protocol buffers writes as text; None where it is none or 0."""
    try:
        return int(value) or None
    except (TypeError, ValueError, OverflowError):
        return None


_Rows = tuple[list[Any], list[Any]]


def _predicted(request: Mapping[str, Any], response: Mapping[str, Any], options: Options) -> _Rows:
    inputs = _columns(_mapping(request, "inputs"), options.most)
    outputs = _columns(_mapping(response, "outputs"), options.most)
    return rows_of_columns(inputs, options.names), rows_of_columns(outputs, (), keep=True)


def _classified(request: Mapping[str, Any], response: Mapping[str, Any], options: Options) -> _Rows:
    found = [_classes(item) for item in _list(_get(response, "result"), "classifications")]
    return _examples(request, options.most), found


def _regressed(request: Mapping[str, Any], response: Mapping[str, Any], options: Options) -> _Rows:
    # A value of 0 is left out of the JSON of protocol buffers.
    found = [
        0.0 if (value := _get(item, "value")) is None else value for item in _list(_get(response, "result"), "regressions")
    ]
    return _examples(request, options.most), found


_ROWS = {"predict_log": _predicted, "classify_log": _classified, "regress_log": _regressed}


def _classes(item: Any) -> dict[str, Any]:
    classes = _list(item, "classes")
    scores: dict[str, float] = {}
    for place, of in enumerate(classes):
        score = _get(of, "score")
        if score is not None and (isinstance(score, bool) or not isinstance(score, int | float)):
            raise PayloadError("a class whose score is no number")
        scores[str(_get(of, "label") or place)] = 0.0 if score is None else score
    if not scores:
        raise PayloadError("a classification without classes")
    return {"label": max(scores, key=lambda label: scores[label]), "score": scores}


def _examples(request: Mapping[str, Any], most: int) -> list[Any]:
    held = _mapping(request, "input")
    with_context = _get(held, "example_list_with_context")
    of = with_context if isinstance(with_context, Mapping) else _mapping(held, "example_list")
    examples = _list(of, "examples")
    if len(examples) > most:
        raise too_many(len(examples), most)
    shared = _features(_get(of, "context")) if _get(of, "context") is not None else {}
    return [{**shared, **_features(example)} for example in examples]


def _features(example: Any) -> dict[str, Any]:
    features = _mapping(_mapping(example, "features"), "feature")
    return {str(name): _feature(feature) for name, feature in features.items()}


def _feature(feature: Any) -> Any:
    for kind in ("float_list", "int64_list", "bytes_list"):
        held = _get(feature, kind)
        if isinstance(held, Mapping):
            values = held.get("value", [])
            if not isinstance(values, list):
                raise PayloadError("a feature whose value is no list")
            return [_value(value, kind) for value in values]
    return None


def _value(value: Any, kind: str) -> Any:
    if kind.startswith("int64") and isinstance(value, str):
        try:
            return int(value)
        except ValueError as error:
            raise PayloadError("an integer that is none") from error
    return _text(value) if kind.startswith(("bytes", "string")) else value


def _text(value: Any) -> Any:
    """Return bytes, which JSON writes as base64, as text; None where they are none in UTF-8, as of an image."""
    try:
        return base64.b64decode(value, validate=True).decode() if isinstance(value, str) else value
    except UnicodeDecodeError:
        return None
    except ValueError as error:
        raise PayloadError("bytes that are no base64") from error


def _columns(tensors: Mapping[str, Any], most: int) -> dict[str, list[Any]]:
    columns = {str(name): _tensor(tensor, most) for name, tensor in tensors.items()}
    return in_step(columns)


def _tensor(tensor: Any, most: int) -> list[Any]:
    dims = _get(_get(tensor, "tensor_shape"), "dim")
    sizes = [_size(dim) for dim in dims] if isinstance(dims, list) else []
    values = _values(tensor)
    count = math.prod(sizes)
    if sizes and sizes[0] > most:
        raise too_many(sizes[0], most)
    if 0 < len(values) < count <= _MOST_FILLED:
        values = [*values, *[values[-1]] * (count - len(values))]  # the last one stands for all that follow
    return rows_of({"shape": sizes, "data": values}, most=most)


def _size(dim: Any) -> int:
    size = _get(dim, "size")
    if size is None:
        return 0  # which is left out
    try:
        found = int(size)
    except (TypeError, ValueError, OverflowError) as error:
        raise PayloadError("a tensor whose shape is no list of whole numbers") from error
    if found < 0:
        raise PayloadError("a tensor whose shape is not known")
    return found


def _values(tensor: Any) -> list[Any]:
    """Return the values of a tensor, which stand in a field of their type, or as bytes."""
    content = _get(tensor, "tensor_content")
    dtype = _get(tensor, "dtype")
    if isinstance(content, str) and content:
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            raise PayloadError("a tensor in bytes of a type that is not read")
        try:
            found: list[Any] = np.frombuffer(base64.b64decode(content, validate=True), _DTYPES[dtype]).tolist()
        except ValueError as error:
            raise PayloadError("a tensor whose content is not of its type") from error
        return found
    if not isinstance(tensor, Mapping):
        raise PayloadError("a tensor that is no object")
    for name in ("float_val", "double_val", "int_val", "int64_val", "uint32_val", "uint64_val", "bool_val", "string_val"):
        values = _get(tensor, name)
        if isinstance(values, list) and values:
            kind = "int64" if name in ("int64_val", "uint64_val") else name
            return [_value(value, kind) for value in values]
    return []
