"""Rows on the model's service and its predictions, and on the exporter that watches it."""

from __future__ import annotations

from prediction_exporter.collectors.exporter import SERIES, SERIES_LIMIT
from prediction_exporter.collectors.identity import SLO_LATENCY, SLO_OBJECTIVE
from prediction_exporter.collectors.source import EVALUATION_DURATION, EVENTS, SOURCE_LAG, SOURCE_UNREAD
from prediction_exporter.collectors.traffic import PREDICTION_SCORE, PREDICTIONS, REQUEST_DURATION, REQUESTS
from prediction_exporter.kit import looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.burn import PAGES
from prediction_exporter.kit.figures import PSI
from prediction_exporter.kit.fleet import total
from prediction_exporter.kit.overview.labels import (
    MODEL,
    OUTPUT,
    SERVED,
    VERSION,
    WINDOW,
    WINDOWS,
    allowed,
    error_ratio,
    latency,
    rate,
    watching,
)
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import VERSION_KEY, Series
from prediction_exporter.kit.recording import FAILED_SHARES, SLOW_SHARES, WINDOW_COUNT
from prediction_exporter.kit.scale import duration

#: How many times as fast as allowed the error budget is used where somebody is called at once.
FASTEST = PAGES[0][0]


def service() -> list[Panel]:
    """Return the panels of the row."""
    hour = duration("1h")
    burns = [
        Query(expr=f"max({shares[hour].where(*MODEL)}) / {allowed(slo)}", legend=name)
        for name, shares, slo in (("errors", FAILED_SHARES, "availability"), ("latency", SLOW_SHARES, "latency"))
    ]
    return [
        p.timeseries(
            "Requests by version",
            "Requests a second, all replicas together.",
            Query(expr=total(VERSION_KEY, rate(REQUESTS, MODEL), of="version"), legend="{{version}}"),
            unit="reqps",
        ),
        p.timeseries(
            "Errors by version",
            "Share of requests that failed.",
            Query(expr=error_ratio(MODEL, "version"), legend="{{version}}"),
            Query(expr=allowed("availability"), legend="allowed", role=looks.THRESHOLD),
            unit="percentunit",
        ),
        p.timeseries(
            "Latency",
            "Quantiles of this version's durations, interpolated within the buckets, and the objective where there is one.",
            *(
                Query(expr=latency(q, rate(f"{REQUEST_DURATION}_bucket", SERVED)), legend=f"p{q * 100:.0f}")
                for q in (0.5, 0.95, 0.99)
            ),
            Query(expr=f"max({SLO_LATENCY.where(*MODEL)})", legend="objective", role=looks.THRESHOLD),
            unit="s",
        ),
        p.timeseries(
            "Use of the error budget",
            "How many times as fast as the objectives allow errors and slow requests came in the last hour. An hour above "
            f"{FASTEST} uses 2 % of the budget of 30 days.",
            *burns,
            Query(expr=f"max({SLO_OBJECTIVE.where(*MODEL)}) * 0 + {FASTEST}", legend="alert at once", role=looks.THRESHOLD),
            unit=looks.MULTIPLE_UNIT,
            decimals=1,
            no_data="no objective declared: slo",
        ),
    ]


def predictions() -> list[Panel]:
    """Return the panels of the row."""
    drift = PSI.over.where(*WINDOW, OUTPUT)
    return [
        p.timeseries(
            "Predicted classes",
            "Share of each class among this version's predictions; classes that the baseline does not hold are other.",
            Query(
                expr=(
                    f"sum by (class) ({rate(PREDICTIONS, VERSION)})"
                    f" / on () group_left () (sum({rate(PREDICTIONS, VERSION)}) > 0)"
                ),
                legend="{{class}}",
            ),
            unit="percentunit",
            maximum=1,
        ),
        p.timeseries(
            "Scores",
            "Quantiles of this version's scores, interpolated within the buckets.",
            *(
                Query(
                    expr=(f"histogram_quantile({q}, sum by (le, column) ({rate(f'{PREDICTION_SCORE}_bucket', VERSION)}))"),
                    legend=f"p{q * 100:.0f} {{{{column}}}}",
                )
                for q in (0.1, 0.5, 0.9)
            ),
            unit="percentunit",
            maximum=1,
        ),
        p.counts(
            p.timeseries(
                "Predictions in the window",
                "The size of the sample, all replicas together.",
                Query(expr=f"sum by (window) ({WINDOW_COUNT.where(*WINDOWS)})", legend="{{window}}"),
                unit="short",
            )
        ),
        p.multiples(
            p.timeseries(
                "Drift of predictions and scores",
                "PSI of what the model predicts, against the baseline, as a multiple of its threshold.",
                Query(
                    expr=f"max by (column) ({drift})",
                    legend="{{column}}",
                ),
                unit="",
                no_data="no predictions in the window, or fewer than the model's least number",
            )
        ),
    ]


def exporter() -> list[Panel]:
    """Return the panels of the row."""

    def of_each(series: Series) -> Query:
        return Query(expr=series.where(*MODEL), legend="{{instance}}")

    def own(metric: str) -> str:
        return f"{metric} {watching()}"

    return [
        p.timeseries(
            "Age of the newest event",
            "Time since the newest event that was read; it grows while nothing new comes.",
            of_each(SOURCE_LAG),
            unit="s",
        ),
        p.timeseries("Unread", "Bytes of the source that are known and not yet read.", of_each(SOURCE_UNREAD), unit="bytes"),
        p.timeseries(
            "Lines or rows read",
            "Lines or rows of the source that were used, a second, by replica.",
            Query(expr=f"sum by (instance) ({rate(EVENTS, MODEL)})", legend="{{instance}}"),
            unit="cps",
        ),
        p.timeseries(
            "Duration of an evaluation",
            "Time that the last evaluation of the model's statistics took.",
            of_each(EVALUATION_DURATION),
            unit="s",
        ),
        p.timeseries(
            "Memory",
            "Resident memory of the exporters that watch the model.",
            Query(expr=own("process_resident_memory_bytes"), legend="{{instance}}"),
            unit="bytes",
        ),
        p.timeseries(
            "Series",
            "Series that the exporter serves, and how many the configuration allows.",
            Query(expr=own(str(SERIES)), legend="{{instance}}"),
            Query(expr=f"max({own(str(SERIES_LIMIT))})", legend="limit", role=looks.THRESHOLD),
            unit="short",
        ),
    ]
