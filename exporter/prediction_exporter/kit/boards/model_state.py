"""The row on the model's state: figures about now; each can be red, and none is green where nothing answers."""

from __future__ import annotations

from prediction_exporter.collectors.identity import SLO_LATENCY
from prediction_exporter.collectors.source import LAST_SUCCESS, SOURCE_UP
from prediction_exporter.collectors.traffic import REQUEST_DURATION, REQUESTS, REQUESTS_FAILED
from prediction_exporter.kit import looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.alerts.widespread_drift import LEAST as WIDESPREAD
from prediction_exporter.kit.boards.selectors import (
    FEATURE,
    MODEL,
    SERVED,
    WINDOW,
    allowed,
    drifted,
    latency,
    rate_now,
    with_bad_data,
)
from prediction_exporter.kit.fleet import total
from prediction_exporter.kit.groups import HEALTH
from prediction_exporter.kit.health import Health
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import VERSION_KEY, select
from prediction_exporter.kit.scale import SECONDS_STALE

_NONE_OR_RED = ((None, looks.GOOD), (1, looks.BAD))


def state() -> list[Panel]:
    """Return the panels of the row."""
    return [*_verdicts(), *_service(), _health()]


def _verdicts() -> list[Panel]:
    alerts = select("ALERTS", *MODEL, 'alertstate="firing"', 'severity!="info"')
    # None fires only where some could: where rules are evaluated, on a model that is watched.
    watched = f"(max({HEALTH.where(*MODEL)}) != {Health.NOT_WATCHED}) * 0"
    return [
        p.counts(
            p.stat(
                "Alerts",
                "Alerts on the model that fire now, information left out.",
                p.now(f"count(count by (alertname, version, column) ({alerts})) or {watched}", "alerts"),
                unit="short",
                steps=_NONE_OR_RED,
            )
        ),
        p.counts(
            p.stat(
                "Columns with bad data",
                "Columns of which more is missing, invalid, unseen or out of range in the window than their thresholds allow.",
                p.now(with_bad_data(WINDOW), "columns"),
                unit="short",
                steps=_NONE_OR_RED,
            )
        ),
        p.counts(
            p.stat(
                "Drifted features",
                "Features whose PSI in the window is above its threshold, which takes the sample size into account.",
                p.now(drifted((*WINDOW, FEATURE)), "drifted"),
                unit="short",
                steps=((None, looks.GOOD), (1, looks.NEAR), (WIDESPREAD, looks.BAD)),
            )
        ),
        p.stat(
            "Source",
            "Whether the last read of the model's source succeeded on every replica that answers.",
            p.now(f"min({SOURCE_UP.where(*MODEL)})", "source"),
            unit="short",
            steps=((None, looks.BAD), (1, looks.GOOD)),
            texts={"0": "failed", "1": "up"},
        ),
    ]


def _health() -> Panel:
    return p.states(
        "Health",
        "What the alerts on the model say of it over time; not watched where nobody sees it, where too few predictions are "
        "compared, or where rules are not evaluated.",
        Query(expr=f"max({HEALTH.where(*MODEL)})", legend="health"),
        colors={
            str(Health.HEALTHY.value): looks.GOOD,
            str(Health.INFO.value): looks.PLAIN,
            str(Health.WARNING.value): looks.NEAR,
            str(Health.NOT_WATCHED.value): looks.UNKNOWN,
            str(Health.CRITICAL.value): looks.BAD,
        },
        texts={str(state.value): state.words for state in Health},
        width=24,
        height=3,
    )


def _service() -> list[Panel]:
    failed, requests = (f"sum({rate_now(family, SERVED)})" for family in (REQUESTS_FAILED, REQUESTS))
    return [
        p.stat(
            "Requests",
            "Requests a second to this version in the last five minutes, all replicas together; to all where the model's "
            "server counts them.",
            p.now(total(VERSION_KEY, rate_now(REQUESTS, SERVED)), "requests"),
            unit="reqps",
        ),
        p.limited(
            p.stat(
                "Errors",
                "Share of this version's requests that failed in the last five minutes; red above what the objective allows.",
                p.now(f"{failed} / ({requests} > 0)", "errors"),
                unit="percentunit",
            ),
            p.now(allowed("availability"), "allowed"),
        ),
        p.limited(
            p.stat(
                "Latency, p95",
                "Duration that 95 % of this version's requests stayed under in the last five minutes, interpolated within the "
                "buckets; red above the objective's.",
                p.now(latency(0.95, rate_now(f"{REQUEST_DURATION}_bucket", SERVED)), "p95"),
                unit="s",
            ),
            p.now(f"max({SLO_LATENCY.where(*MODEL)})", "objective"),
        ),
        p.stat(
            "Last evaluation",
            "Time since the source was read and the statistics were evaluated without error, on the slowest replica.",
            p.now(f"time() - min({LAST_SUCCESS.where(*MODEL)})", "age"),
            unit="s",
            steps=((None, looks.GOOD), (SECONDS_STALE, looks.BAD)),
            decimals=0,
        ),
    ]
