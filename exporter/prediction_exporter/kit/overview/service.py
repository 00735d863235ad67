"""Rows on the model's state, its service and predictions, and on the exporter that watches it."""

from __future__ import annotations

from prediction_exporter.collectors.exporter import SERIES, SERIES_LIMIT
from prediction_exporter.collectors.identity import SLO_LATENCY, SLO_OBJECTIVE
from prediction_exporter.collectors.source import (
    EVALUATION_DURATION,
    EVENTS,
    LAST_SUCCESS,
    SOURCE_LAG,
    SOURCE_UNREAD,
    SOURCE_UP,
)
from prediction_exporter.collectors.traffic import PREDICTION_SCORE, PREDICTIONS, REQUEST_DURATION, REQUESTS
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.fleet import total
from prediction_exporter.kit.overview.labels import FEATURE, MODEL, VERSION, WINDOW, drifted, error_ratio, rate
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import VERSION_KEY, Series
from prediction_exporter.kit.recording import FAILED_SHARES, PSI_FLEET, PSI_THRESHOLD, SLOW_SHARES
from prediction_exporter.kit.scale import SECONDS_STALE, duration


def _latency(quantile: float) -> str:
    buckets = rate(f"{REQUEST_DURATION}_bucket", **VERSION)
    return f"histogram_quantile({quantile}, sum by (le) ({buckets}))"


def state() -> list[Panel]:
    """Return the panels of the row."""
    return [
        p.stat(
            "Source",
            "Whether the last read of the model's source succeeded on every replica.",
            Query(expr=f"min({SOURCE_UP.where(**MODEL)})", legend="source"),
            unit="short",
            steps=((None, "red"), (1, "green")),
            texts={"0": "failed", "1": "up"},
        ),
        p.stat(
            "Since the last evaluation",
            "Time since the source was read and the statistics were evaluated without error, on the slowest replica.",
            Query(expr=f"time() - min({LAST_SUCCESS.where(**MODEL)})", legend="age"),
            unit="s",
            steps=((None, "green"), (SECONDS_STALE, "red")),
            decimals=0,
        ),
        p.stat(
            "Requests",
            "Requests a second to this version, all replicas together.",
            Query(expr=total(VERSION_KEY, rate(REQUESTS, **VERSION)), legend="requests"),
            unit="reqps",
        ),
        p.stat(
            "Errors",
            "Share of this version's requests that failed.",
            Query(expr=error_ratio(**VERSION), legend="errors"),
            unit="percentunit",
        ),
        p.stat(
            "Latency, 95th percentile",
            "Duration that 95 % of this version's requests stay under, interpolated within the buckets.",
            Query(expr=_latency(0.95), legend="p95"),
            unit="s",
        ),
        p.stat(
            "Drifted features",
            "Features whose PSI in the window is above its threshold, which takes the sample size into account.",
            Query(expr=drifted("", **FEATURE), legend="drifted"),
            unit="short",
            steps=((None, "green"), (1, "orange"), (3, "red")),
            decimals=0,
        ),
    ]


def service() -> list[Panel]:
    """Return the panels of the row."""
    allowed = f"(1 - max({SLO_OBJECTIVE.where(**MODEL, slo='{slo}')}))"
    hour = duration("1h")
    burns = [
        Query(expr=f"max({shares[hour].where(**MODEL)}) / {allowed.replace('{slo}', slo)}", legend=name)
        for name, shares, slo in (("errors", FAILED_SHARES, "availability"), ("latency", SLOW_SHARES, "latency"))
    ]
    return [
        p.timeseries(
            "Requests by version",
            "Requests a second, all replicas together.",
            Query(expr=total(VERSION_KEY, rate(REQUESTS, **MODEL), of="version"), legend="{{version}}"),
            unit="reqps",
            width=6,
        ),
        p.timeseries(
            "Errors by version",
            "Share of requests that failed.",
            Query(expr=error_ratio(" by (version)", **MODEL), legend="{{version}}"),
            unit="percentunit",
            width=6,
        ),
        p.timeseries(
            "Latency",
            "Quantiles of this version's durations, interpolated within the buckets, and the objective where there is one.",
            *(Query(expr=_latency(q), legend=f"p{q * 100:.0f}") for q in (0.5, 0.95, 0.99)),
            Query(expr=f"max({SLO_LATENCY.where(**MODEL)})", legend="threshold"),
            unit="s",
            limits=("threshold",),
            width=6,
        ),
        p.timeseries(
            "Use of the error budget",
            "How many times as fast as the objectives allow errors and slow requests came in the last hour. An hour above 14.4 "
            "uses 2 % of the budget of 30 days.",
            *burns,
            unit="short",
            width=6,
        ),
    ]


def predictions() -> list[Panel]:
    """Return the panels of the row."""
    outputs = 'role=~"prediction|score"'
    return [
        p.timeseries(
            "Predicted classes",
            "Share of each class among this version's predictions; classes that the baseline does not hold are other.",
            Query(
                expr=(
                    f"sum by (class) ({rate(PREDICTIONS, **VERSION)})"
                    f" / on () group_left () (sum({rate(PREDICTIONS, **VERSION)}) > 0)"
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
                    expr=(f"histogram_quantile({q}, sum by (le, column) ({rate(f'{PREDICTION_SCORE}_bucket', **VERSION)}))"),
                    legend=f"p{q * 100:.0f} {{{{column}}}}",
                )
                for q in (0.1, 0.5, 0.9)
            ),
            unit="percentunit",
            maximum=1,
        ),
        p.timeseries(
            "Drift of predictions and scores",
            "PSI of what the model predicts, against the baseline, with its threshold.",
            Query(expr=PSI_FLEET.where(outputs, **WINDOW), legend="{{column}}"),
            Query(expr=f"max({PSI_THRESHOLD.where(outputs, **WINDOW)})", legend="largest threshold"),
            unit="short",
            limits=("largest threshold",),
        ),
    ]


def exporter() -> list[Panel]:
    """Return the panels of the row."""
    watching = f"on (job, instance) group_left () (max by (job, instance) ({SOURCE_UP.where(**MODEL)}) >= bool 0)"

    def of_each(series: Series, name: str) -> Query:
        return Query(expr=series.where(**MODEL), legend=f"{{{{instance}}}}{name}")

    def own(metric: str) -> str:
        return f"{metric} * {watching}"

    return [
        p.timeseries(
            "Age of the newest event",
            "Time since the newest event that was read; it grows while nothing new comes.",
            of_each(SOURCE_LAG, ""),
            unit="s",
        ),
        p.timeseries(
            "Unread", "Bytes of the source that are known and not yet read.", of_each(SOURCE_UNREAD, ""), unit="bytes"
        ),
        p.timeseries(
            "Lines or rows read",
            "Lines or rows of the source that were used, a second, by replica.",
            Query(expr=f"sum by (instance) ({rate(EVENTS, **MODEL)})", legend="{{instance}}"),
            unit="cps",
        ),
        p.timeseries(
            "Duration of an evaluation",
            "Time that the last evaluation of the model's statistics took.",
            of_each(EVALUATION_DURATION, ""),
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
            Query(expr=f"max({own(str(SERIES_LIMIT))})", legend="limit"),
            unit="short",
            limits=("limit",),
        ),
    ]
