"""The row of the dashboard of a model on its service, by version: what the dashboard of the service shows in full."""

from __future__ import annotations

from prediction_exporter.collectors.identity import SLO_LATENCY
from prediction_exporter.collectors.traffic import REQUEST_DURATION, REQUESTS
from prediction_exporter.kit import looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.boards.selectors import MODEL, allowed, error_ratio, rate
from prediction_exporter.kit.fleet import total
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import VERSION_KEY

_QUANTILE = 0.95
#: A third of the page for each of three graphs.
_WIDTH = 8


def service() -> list[Panel]:
    """Return the panels of the row."""
    buckets = f"sum by (le, version) ({rate(f'{REQUEST_DURATION}_bucket', MODEL)})"
    return [
        p.timeseries(
            "Requests by version",
            "Requests a second, all replicas together; without a version where the model's server counts them.",
            Query(expr=total(VERSION_KEY, rate(REQUESTS, MODEL), of="version"), legend="{{version}}"),
            unit="reqps",
            width=_WIDTH,
            no_data="no requests seen",
        ),
        p.timeseries(
            "Errors by version",
            "Share of requests that failed, and what the objective allows.",
            Query(expr=error_ratio(MODEL, "version"), legend="{{version}}"),
            Query(expr=allowed("availability"), legend="allowed", role=looks.THRESHOLD),
            unit="percentunit",
            width=_WIDTH,
            no_data="no requests, or nothing says which failed: predictions.fields.status",
        ),
        p.timeseries(
            "Latency by version, p95",
            "Duration that 95 % of requests stayed under, interpolated within the buckets, and the objective.",
            # Of a version without requests it is NaN, of which a legend has nothing to say.
            Query(expr=f"histogram_quantile({_QUANTILE}, {buckets}) >= 0", legend="{{version}}"),
            Query(expr=f"max({SLO_LATENCY.where(*MODEL)})", legend="objective", role=looks.THRESHOLD),
            unit="s",
            width=_WIDTH,
            no_data="no requests, or no durations: predictions.fields.latency",
        ),
    ]
