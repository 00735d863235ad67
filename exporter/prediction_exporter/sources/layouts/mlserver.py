"""MLServer: requests and responses of V2, its CloudEvents, and what ``mlserver infer`` writes."""

from __future__ import annotations

from prediction_exporter.sources.layouts.base import RecordLayout
from prediction_exporter.sources.layouts.v2 import NOTES, flat_v2, half_of_v2, is_v2

LAYOUT = RecordLayout(
    name="mlserver",
    writer="MLServer: V2 requests and responses that are logged, its CloudEvents, and the output of `mlserver infer`",
    evidence="genuine: requests of its tests, and the printed output of `mlserver infer`",
    flat=flat_v2,
    half=half_of_v2,
    is_meant=is_v2,
    notes=(
        *NOTES,
        (
            "What `mlserver infer` writes has no requests: predictions are counted without features; lines with `error` count"
            " as failed."
        ),
    ),
)
