"""Requests and responses of the Open Inference Protocol (V2), each a record of its own, in one record, or as CloudEvents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.sources.layouts.base import SIDES, Half, Options, Record
from prediction_exporter.sources.layouts.cloudevents import event_of, flat_events, half_of_event, is_event
from prediction_exporter.sources.layouts.pairs import flat_pairs, is_pair
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
    sides = [record.get(side) for side in SIDES]
    if is_event(record) or any(isinstance(side, Mapping) and is_event(side) for side in sides):
        yield from flat_events(record, options)
    else:
        yield from flat_pairs(record, options)


def half_of_v2(record: Record) -> Half | None:
    """Return which half of a prediction a record is; None where it is whole, or has no id to find the other by."""
    if event_of(record) is not None:
        return half_of_event(record)
    identity = record.get("id")
    if any(side in record for side in SIDES) or not isinstance(identity, str | int) or identity == "":
        return None
    answers = are_tensors(record.get("outputs"))
    asks = "inputs" in record
    if asks == answers or (not asks and _is_of_a_batch(record)):
        return None
    return Half(str(identity), SIDES[0] if asks else SIDES[1])


def is_v2(record: Record) -> bool:
    """Return whether a record is a request, a response, or both, or tells an error in the place of a response."""
    return is_event(record) or is_pair(record) or ("error" in record and _is_of_a_batch(record))


def _is_of_a_batch(record: Record) -> bool:
    """Return whether a record is what ``mlserver infer`` writes: responses without their requests."""
    parameters = record.get("parameters")
    return isinstance(parameters, Mapping) and "batch_index" in parameters
