"""BentoML: the data log of its monitors."""

from __future__ import annotations

from typing import Any

from prediction_exporter.sources.layouts.base import Record, RecordLayout, one_event
from prediction_exporter.sources.layouts.captured import outcome_among

#: Fields that a monitor adds to what was logged.
_TIME, _ID, _TRACE = "timestamp", "request_id", "trace_id"


def _event(record: Record) -> dict[str, Any]:
    logged = {name: value for name, value in record.items() if name not in (_TIME, _ID, _TRACE)}
    return {"time": record[_TIME], "id": record[_ID], **outcome_among(logged)}


LAYOUT = RecordLayout(
    name="bentoml",
    writer="BentoML, data log of bentoml.monitor",
    evidence="records of BentoML's monitoring guide",
    flat=one_event(_event),
    is_meant=lambda record: _TIME in record and _ID in record,
    notes=(
        "Times are local and without a zone: write predictions.timezone.",
        "Which column is the prediction is told by its name, as pred; of another write fields: {prediction: features.NAME}.",
        "Columns of the role target are no labels; leave them out of the baseline.",
        "Predictions of one request share its request_id.",
        "Records have no version, status or latency.",
    ),
)
