"""SageMaker: what data capture writes of an endpoint's requests and answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from prediction_exporter.config.records import Encoding
from prediction_exporter.sources.layouts.base import Options, Record, RecordLayout
from prediction_exporter.sources.layouts.captured import body_of, failure_of, inputs_of, outputs_of, rows_in_step
from prediction_exporter.sources.records.payloads import PayloadError

_ENCODINGS: dict[str, Encoding] = {"CSV": "csv", "JSON": "json", "BASE64": "base64"}

#: Inputs that are no values of features: the predictions for them count all the same.
_MEDIA = ("image/", "audio/", "video/", "application/x-image")

#: Inputs and outputs that are not read.
_BINARY = ("x-npy", "x-npz", "x-parquet", "x-recordio", "x-protobuf", "x-libsvm")


def _is_meant(record: Record) -> bool:
    return isinstance(record.get("captureData"), Mapping)


def _payload(side: Any) -> Any:
    """Return what a side of a record holds; None where it was not captured."""
    if not isinstance(side, Mapping) or side.get("data") in (None, ""):
        return None
    kind = str(side.get("observedContentType") or "").lower()
    unread = next((name for name in _BINARY if name in kind), None)
    if unread is not None:
        raise PayloadError(f"a payload of content type {unread}, which is not read")
    encoding: Encoding = _ENCODINGS.get(str(side.get("encoding")).upper(), "auto")
    return body_of(side["data"], encoding)


def _flat(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    captured = record["captureData"]
    metadata = record.get("eventMetadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    own = {"time": metadata.get("inferenceTime"), "id": metadata.get("inferenceId") or metadata.get("eventId")}
    own = {key: value for key, value in own.items() if value is not None}
    if metadata.get("invocationSource") == "ShadowExperiment":
        own["stage"] = "shadow"
    answer = _payload(captured.get("endpointOutput"))
    status = failure_of(answer)
    if status is not None:
        yield {**own, "status": status}
        return
    side = captured.get("endpointInput")
    is_media = isinstance(side, Mapping) and str(side.get("observedContentType")).lower().startswith(_MEDIA)
    asked = None if is_media else _payload(side)
    parsed = replace(options, encoding="auto")
    yield from rows_in_step(
        own,
        None if asked is None else inputs_of(asked, parsed),
        None if answer is None else outputs_of(answer, parsed),
    )


LAYOUT = RecordLayout(
    name="sagemaker",
    writer="Amazon SageMaker, data capture of endpoints",
    evidence="records of AWS's developer guide, of the tests of its Python SDK, and of reports there",
    flat=_flat,
    is_meant=_is_meant,
    notes=(
        "CSV has no names: write rows: {names: [...]}, or rows: {names: baseline} where it is in the order of the baseline.",
        "The id is inferenceId where the caller gave one, else eventId.",
        "Ground truth has the id as eventMetadata.eventId, and the label as groundTruthData.data.",
        "An answer of one number is the prediction, or the score where the baseline has a score and no prediction.",
        "Records have no version and no latency, and of failures only those that the container answers with a body.",
    ),
)
