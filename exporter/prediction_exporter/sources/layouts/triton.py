"""Triton Inference Server: V2 requests and responses, with its classification extension."""

from __future__ import annotations

from prediction_exporter.sources.layouts.base import RecordLayout
from prediction_exporter.sources.layouts.v2 import NOTES, flat_v2, half_of_v2, is_v2

LAYOUT = RecordLayout(
    name="triton",
    writer="Triton Inference Server: V2 requests and responses that a client, a proxy or KServe's agent logs",
    evidence="genuine: printed responses of a Triton model; the classification extension by its documentation",
    flat=flat_v2,
    half=half_of_v2,
    is_meant=is_v2,
    notes=(
        *NOTES,
        "Of classes that the server ranks (`value:index:label`) the first is the prediction, and all are scores.",
        "Tensors in bytes behind the JSON (`binary_data_size`) cannot be read and are refused as `payload`: ask for JSON.",
        "The trace file of Triton is no log of predictions: a request is many records of it.",
    ),
)
