"""The row of the dashboard of a model on what is added up over its requests, as tokens and costs, and on further durations."""

from __future__ import annotations

from prediction_exporter.collectors.traffic import DURATION, FIELD_AMOUNT, FIELD_VALUES
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.boards.selectors import VERSION, rate
from prediction_exporter.kit.fleet import SHARED, total
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import VERSION_KEY

_FIELD_KEY = (*VERSION_KEY, "field")
_UNSAID = "nothing is added up: predictions.fields.sums"


def amounts() -> list[Panel]:
    """Return the panels of the row."""
    added, lacking, all_ = (
        total(_FIELD_KEY, rate(family, matchers), of="field", shared=SHARED)
        for family, matchers in (
            (FIELD_AMOUNT, VERSION),
            (FIELD_VALUES, (*VERSION, 'state!="valid"')),
            (FIELD_VALUES, VERSION),
        )
    )
    buckets = f"sum by (le, duration) ({rate(f'{DURATION}_bucket', VERSION)})"
    return [
        p.timeseries(
            "Amounts",
            "What each field that is added up grows by in a second, in its own unit, over all requests to this version.",
            Query(expr=added, legend="{{field}}"),
            unit="short",
            no_data=_UNSAID,
        ),
        p.timeseries(
            "Requests without an amount",
            "Share of this version's requests in which the field is missing, or is no finite number from 0 on: amounts lack "
            "theirs.",
            Query(expr=f"{lacking} / ({all_} > 0)", legend="{{field}}"),
            unit="percentunit",
            maximum=1,
            no_data=_UNSAID,
        ),
        p.timeseries(
            "Further durations",
            "Quantiles of this version's further durations, as the time to the first token, interpolated within the buckets.",
            *(
                Query(expr=f"histogram_quantile({q}, {buckets})", legend=f"{{{{duration}}}} p{q * 100:.0f}")
                for q in (0.5, 0.95)
            ),
            unit="s",
            no_data="no further durations: predictions.fields.durations",
        ),
    ]
