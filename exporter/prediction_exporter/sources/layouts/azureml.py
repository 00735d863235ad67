"""Azure Machine Learning: what the model data collector writes of a deployment's inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from prediction_exporter.sources.layouts.base import Half, Options, Record, RecordLayout, Side
from prediction_exporter.sources.layouts.captured import body_of, failure_of, inputs_of, outcome_among, outputs_of, rows_in_step
from prediction_exporter.sources.records.payloads import PayloadError

_SIDES: dict[str, Side] = {
    "azureml.inference.model_inputs": "request",
    "azureml.inference.model_outputs": "response",
}

#: The type of events with the inputs and the outputs of a row in one.
_COMBINED = "azureml.inference.model_inputs_outputs"

#: What the collector calls the version of a model that has none.
_NO_VERSION = ("", "default")

_DEPLOYMENT = re.compile(r"/deployments/([^/]+)")

_RANGE = re.compile(r"bytes[ _]([0-9]+)-([0-9]+)/([0-9]+)")


def _half(record: Record) -> Half | None:
    side, identity = _SIDES.get(str(record.get("type"))), _identity(record)
    return None if side is None or identity is None else Half(identity, side)


def _identity(event: Record) -> str | None:
    found = event.get("correlationid") or event.get("xrequestid")
    return None if found is None else str(found)


def _data(record: Record) -> Any:
    """Return the data of an event.

    Raises:
        PayloadError: the event has none of it, or a part.
    """
    if record.get("data") is None:
        where = "stands elsewhere, at dataref" if "dataref" in record else "is not there"
        raise PayloadError(f"the data of an event {where}")
    part = _RANGE.fullmatch(str(record.get("contentrange", "")))
    if part is not None:
        first, last, size = (int(number) for number in part.groups())
        if first > 0 or last + 1 < size:
            raise PayloadError("an event with a part of its data")
    return body_of(record["data"])


def _version(record: Record) -> str | None:
    version = record.get("modelversion")
    if version is not None and str(version) not in _NO_VERSION:
        return str(version)
    deployment = _DEPLOYMENT.search(str(record.get("source")))
    return None if deployment is None else deployment.group(1)


def _own(*events: Record) -> dict[str, Any]:
    """Return what all predictions of a request have, by whichever of its events tells it."""
    found = {
        "time": next((event["time"] for event in events if event.get("time")), None),
        "id": next((identity for event in events if (identity := _identity(event)) is not None), None),
        "version": next((version for event in events if (version := _version(event)) is not None), None),
    }
    return {key: value for key, value in found.items() if value is not None}


def _flat(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    kind = record.get("type")
    if kind == _COMBINED:
        for row in inputs_of(_data(record), options):
            yield {**_own(record), **outcome_among(row)}
        return
    if kind is not None:
        raise PayloadError("an event without a correlationid, by which inputs and outputs find each other")
    request, response = record["request"], record["response"]
    own = _own(request, response)
    answer = _data(response)
    status = failure_of(answer)
    if status is not None:
        yield {**own, "status": status}
        return
    yield from rows_in_step(own, inputs_of(_data(request), options), outputs_of(answer, options))


LAYOUT = RecordLayout(
    name="azureml",
    writer="Azure Machine Learning, model data collector of online deployments",
    evidence="records of the tests of Azure's model monitoring",
    flat=_flat,
    half=_half,
    is_meant=lambda record: str(record.get("type")) in (*_SIDES, _COMBINED),
    notes=(
        "The collections are model_inputs and model_outputs; name the folder of both.",
        "The id is correlationid, which both have where the context of the first collect is given to the second.",
        "In events of model_inputs_outputs the prediction is told by its name; else write fields: {prediction: features.NAME}.",
        "The version is modelversion; where that is default, the deployment.",
        "An event whose data stands at dataref, or is a part of it, is refused.",
        "Of inputs alone, write rows: data and fields: {time: time} instead of the layout.",
        "Records have no status and no latency.",
    ),
)
