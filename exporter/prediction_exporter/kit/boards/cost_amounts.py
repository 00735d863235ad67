"""The row of the dashboard of costs on what is added up over requests, as tokens, and is billed by."""

from __future__ import annotations

from prediction_exporter.collectors.traffic import FIELD_AMOUNT, FIELD_VALUES
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.boards.selectors import MODEL, rate
from prediction_exporter.kit.fleet import SHARED, counted_once
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import MODEL_KEY

_UNSAID = "nothing is added up: predictions.fields.sums"
_LEGEND = "{{model}} {{field}}"


def amounts() -> list[Panel]:
    """Return the panels of the row."""
    added, lacking, all_ = (
        " ".join(f"sum by (model, field) {counted_once((*MODEL_KEY, 'field'), rate(family, matchers), SHARED)}".split())
        for family, matchers in (
            (FIELD_AMOUNT, MODEL),
            (FIELD_VALUES, (*MODEL, 'state!="valid"')),
            (FIELD_VALUES, MODEL),
        )
    )
    return [
        p.timeseries(
            "Amounts",
            "What each field that is added up, as tokens, grows by in a second, in its own unit, over all requests.",
            Query(expr=added, legend=_LEGEND),
            unit="short",
            no_data=_UNSAID,
        ),
        p.timeseries(
            "Requests without an amount",
            "Share of requests in which the field is missing, or is no finite number from 0 on: amounts lack theirs.",
            Query(expr=f"{lacking} / ({all_} > 0)", legend=_LEGEND),
            unit="percentunit",
            maximum=1,
            no_data=_UNSAID,
        ),
    ]
