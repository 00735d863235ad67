"""Databricks: the inference tables of model serving, of AI Gateway and those before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prediction_exporter.sources.layouts.base import Options, Record, RecordLayout
from prediction_exporter.sources.layouts.captured import map_of, predictions
from prediction_exporter.sources.layouts.values import first_of
from prediction_exporter.sources.records.payloads import PayloadError


def _flat(record: Record, options: Options) -> Iterator[dict[str, Any]]:
    codes = record.get("logging_error_codes")
    if codes and (record.get("request") is None or record.get("response") is None):
        raise PayloadError("a row whose bodies were not logged, as its logging_error_codes say")
    own = {
        "time": first_of(record, ("timestamp_ms", "request_time")),
        "id": first_of(record, ("client_request_id", "databricks_request_id")),
        "version": map_of(record.get("request_metadata")).get("model_version") or record.get("served_entity_id"),
        "status": record.get("status_code"),
        "latency_ms": first_of(record, ("execution_time_ms", "execution_duration_ms")),
    }
    yield from predictions(own, record.get("request"), record.get("response"), options)


LAYOUT = RecordLayout(
    name="databricks",
    writer="Databricks, inference tables of model serving",
    evidence="the documentation of inference tables, with bodies that MLflow's scoring server read and wrote",
    flat=_flat,
    is_meant=lambda record: "databricks_request_id" in record,
    notes=(
        "The id is client_request_id where the caller gave one, else databricks_request_id.",
        "The version is that of the model in request_metadata, or served_entity_id in tables of AI Gateway.",
        "Rows that were sampled count once each: sampling_fraction is not read.",
        "Of models that generate text only requests, status and latency are counted.",
        "A row whose bodies were too large to be logged is refused.",
    ),
)
