"""Requests and responses of the Open Inference Protocol (V2), each a record of its own, in one record, or as CloudEvents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.sources.fields.roles import KNOWN_NAMES
from prediction_exporter.sources.layouts.base import SIDES, Half, Options, Record
from prediction_exporter.sources.layouts.cloudevents import event_of, is_event, predictions_of, sides_of
from prediction_exporter.sources.layouts.pairs import flat_pairs, is_pair, with_sides
from prediction_exporter.sources.layouts.tensors import are_tensors

#: What all layouts of V2 say.
NOTES = (
    (
        "Records may be requests and responses that are joined by `id`, both in one under `request` and `response`, or "
        "`inputs` and `outputs` side by side, and CloudEvents."
    ),
    (
        "The time is the record's (`time`, `timestamp` and the like); V2 itself has none: then it is that of reading, and "
        "there is no latency."
    ),
    (
        "The prediction is the output `predict`, `label` or the like, or the only one; `predict_proba`, `probabilities` and "
        "the like, and an output of several values, are scores."
    ),
    "A tensor of several values has one name: write `rows.names` for them.",
)


def flat_v2(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    """Yield the predictions of a record, or of two that were joined.

    Raises:
        PayloadError: a body cannot be read, or stands alone.
    """
    record = with_sides(record)
    request, response = sides_of(record)
    if request or response or is_event(record):
        yield from predictions_of(request, response, options)
    else:
        yield from flat_pairs(record, options)


def half_of_v2(record: Record) -> Half | None:
    """Return which half of a prediction a record is; None where it is whole, or has no id to find the other by."""
    event = event_of(record)
    if event is not None:
        return event.half
    identity = record.get("id")
    if any(side in record for side in SIDES) or not isinstance(identity, str | int) or identity == "":
        return None
    answers = are_tensors(record.get("outputs")) or _is_error(record)
    asks = "inputs" in record
    if asks == answers or (not asks and _is_of_a_batch(record)):
        return None
    return Half(str(identity), SIDES[0] if asks else SIDES[1])


def is_v2(record: Record) -> bool:
    """Return whether a record is a request, a response, or both, or tells an error in the place of a response."""
    return is_event(record) or is_pair(record) or _is_error(record)


def _is_error(record: Record) -> bool:
    """Return whether a record tells an error in the place of a response, and nothing that a program's own log has."""
    known = {"id", "error", "model_name", "model_version", "parameters", *KNOWN_NAMES["time"], *KNOWN_NAMES["status"]}
    return bool(record.get("error")) and record.keys() <= known and ("id" in record or _is_of_a_batch(record))


def _is_of_a_batch(record: Record) -> bool:
    """Return whether a record is what ``mlserver infer`` writes: responses without their requests."""
    parameters = record.get("parameters")
    return isinstance(parameters, Mapping) and "batch_index" in parameters
