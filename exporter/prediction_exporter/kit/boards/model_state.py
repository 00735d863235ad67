"""The row on the model's state: statements about now; each can be red, and none is green where nothing answers."""

from __future__ import annotations

from prediction_exporter.collectors.identity import SLO_LATENCY, SLO_OBJECTIVE
from prediction_exporter.collectors.source import LAST_SUCCESS
from prediction_exporter.collectors.traffic import REQUEST_DURATION, REQUESTS, REQUESTS_FAILED
from prediction_exporter.kit import looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.alerts.no_predictions import NO_PREDICTIONS
from prediction_exporter.kit.alerts.widespread_drift import LEAST as WIDESPREAD
from prediction_exporter.kit.boards.selectors import (
    FEATURE,
    MODEL,
    SERVED,
    WINDOW,
    allowed,
    answered,
    compared,
    drifted,
    rate_now,
    with_bad_data,
)
from prediction_exporter.kit.burn import PAGES
from prediction_exporter.kit.fleet import total
from prediction_exporter.kit.groups import HEALTH
from prediction_exporter.kit.health import Health
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.performance import BESIDE, WORST
from prediction_exporter.kit.promql import MODEL_KEY, select
from prediction_exporter.kit.recording import HALF_HOUR, TRAFFIC
from prediction_exporter.kit.scale import SECONDS_STALE
from prediction_exporter.kit.verdicts import HEALTH_COLORS, HEALTH_WORDS, in_words, leading, out_of

_FIRING = (*MODEL, 'alertstate="firing"')
#: How many times as fast as allowed the error budget is used where somebody is called, over whichever span.
_CALLED = PAGES[-1][0]
#: What a severity is in a series of health.
_SEVERITIES = {"critical": Health.CRITICAL, "warning": Health.WARNING, "info": Health.INFO}
#: Columns about which an alert is drawn on its own.
_EACH = 3
#: A request a second that is next to none.
_SOME = 1e-6


def state(links: dict[str, str]) -> list[Panel]:
    """Return the panels of the row; ``links`` lead to the dashboards of a name."""
    return [
        _health(),
        leading(_watched(), "Exporter", links["exporter"]),
        _alerts(),
        leading(_performance(), "Performance", links["performance"]),
        leading(_traffic(), "Service", links["service"]),
        leading(_errors(), "Service", links["service"]),
        leading(_latency(), "Service", links["service"]),
        *_columns(),
        _over_time(),
    ]


def _health() -> Panel:
    return in_words(
        p.stat(
            "State",
            "What the alerts on the model say of it; not watched where nobody sees it, where too few predictions are compared, "
            "or where rules are not evaluated.",
            p.now(f"max({HEALTH.where(*MODEL)})", "state"),
            unit="short",
            no_data="not watched",
        ),
        HEALTH_WORDS,
        HEALTH_COLORS,
    )


def _watched() -> Panel:
    return p.stat(
        "Watched",
        "Time since the source was read and the statistics were evaluated without error, on the slowest replica that answers.",
        p.now(f"time() - min({LAST_SUCCESS.where(*MODEL)})", "age"),
        unit="s",
        steps=((None, looks.GOOD), (SECONDS_STALE, looks.BAD)),
        decimals=0,
        no_data="no exporter answers",
    )


def _alerts() -> Panel:
    alerts = select("ALERTS", *_FIRING, 'severity!="info"')
    # None fires only where some could: where rules are evaluated, on a model that is watched.
    watched = f"(max({HEALTH.where(*MODEL)}) != {Health.NOT_WATCHED}) * 0"
    return p.counts(
        p.stat(
            "Alerts",
            "Alerts on the model that fire now, information left out.",
            p.now(f"count(count by (alertname, version, column) ({alerts})) or {watched}", "alerts"),
            unit="short",
            steps=looks.NONE_OR_RED,
            no_data="none could fire",
        )
    )


def _performance() -> Panel:
    worst = WORST.where(*WINDOW, f'stage!~"{BESIDE}"')
    return p.stat(
        "Performance",
        "How far the worst measure is from the baseline, as a multiple of what its threshold allows: at 0 it is as good, above "
        "1 it is surely worse. Of the mature window, by the labels that have come.",
        p.now(f"max({answered(worst)})", "worst measure"),
        unit=looks.MULTIPLE_UNIT,
        steps=looks.MULTIPLE_STEPS,
        decimals=1,
        no_data="unknown, or no labels read",
    )


def _traffic() -> Panel:
    lately = total(MODEL_KEY, rate_now(REQUESTS, MODEL))
    half_hour = f"sum({answered(TRAFFIC.where(*MODEL))}) / {HALF_HOUR.seconds:g}"
    # Rare requests are no silence. Below 0 is what an alert is about: at this hour there usually are some.
    missed = f"0 - max({select('ALERTS', *_FIRING, alertname=str(NO_PREDICTIONS))})"
    return p.stat(
        "Traffic",
        "Requests a second to all versions in the last five minutes, all replicas together; where there was none, in the last "
        "half hour. Red where at this hour there usually are some.",
        p.now(f"({lately} > 0) or ({missed} and on () ({half_hour})) or {half_hour}", "requests"),
        unit="reqps",
        steps=((None, looks.BAD), (0, looks.NEAR), (_SOME, looks.GOOD)),
        texts={"-1": "stopped"},
        width=4,
        no_data="no requests seen",
    )


def _errors() -> Panel:
    failed, requests = (f"sum({rate_now(family, SERVED)})" for family in (REQUESTS_FAILED, REQUESTS))
    return p.stat(
        "Errors",
        "Share of this version's requests that failed in the last five minutes, as a multiple of what the objective allows; "
        f"red from {_CALLED} on, where somebody is called if it goes on.",
        p.now(f"{failed} / ({requests} > 0) / {allowed('availability')}", "errors"),
        unit=looks.MULTIPLE_UNIT,
        steps=((None, looks.GOOD), (1, looks.NEAR), (_CALLED, looks.BAD)),
        decimals=1,
        width=5,
        no_data="unknown, or no slo.availability",
    )


def _latency() -> Panel:
    promised = f"scalar(max({SLO_OBJECTIVE.where(*MODEL, slo='latency')}))"
    buckets = f"sum by (le) ({rate_now(f'{REQUEST_DURATION}_bucket', SERVED)})"
    return p.stat(
        "Latency",
        "Duration that as many of this version's requests stayed under in the last five minutes as the objective asks for, as "
        "a multiple of the objective's; interpolated within the buckets.",
        p.now(f"histogram_quantile({promised}, {buckets}) / on () max({SLO_LATENCY.where(*MODEL)})", "latency"),
        unit=looks.MULTIPLE_UNIT,
        steps=looks.MULTIPLE_STEPS,
        decimals=1,
        width=5,
        no_data="unknown, or no slo.latency",
    )


def _columns() -> list[Panel]:
    features = (*WINDOW, FEATURE)
    return [
        p.counts(
            p.stat(
                "Columns with bad data",
                "Columns of which more is missing, invalid, unseen or out of range in the window than their thresholds allow.",
                p.now(with_bad_data(WINDOW), "columns"),
                unit="short",
                steps=looks.NONE_OR_RED,
                width=5,
                no_data="unknown, or too few predictions",
            )
        ),
        out_of(
            p.counts(
                p.stat(
                    "Drifted features",
                    "Features whose PSI in the window is above its threshold, which takes the sample size into account, and "
                    "how many are compared.",
                    p.now(drifted(features), "drifted"),
                    unit="short",
                    steps=((None, looks.GOOD), (1, looks.NEAR), (WIDESPREAD, looks.BAD)),
                    width=5,
                    no_data="unknown, or too few predictions",
                )
            ),
            compared(features),
        ),
    ]


def _over_time() -> Panel:
    of_severity = (
        f"{select('ALERTS', *_FIRING, severity=severity)} * {health.value}" for severity, health in _SEVERITIES.items()
    )
    each = f"max by (alertname, column) ({' or '.join(of_severity)})"
    # Of a drift of everything, a strip for each column would leave none that can be read.
    fired = f"count by (alertname, column) (count_over_time({select('ALERTS', *_FIRING)}[$__range] @ end()))"
    many = f"count by (alertname) ({fired}) > {_EACH}"
    together = f"max by (alertname) ({each} and on (alertname) ({many}))"
    alerts = f'{each} unless on (alertname) ({many}) or label_replace({together}, "column", "in many columns", "", "")'
    return p.states(
        "Health and alerts over time",
        f"How the model was, and which alerts fired when: of a column on its own, and of more than {_EACH} columns together.",
        # Grafana has no words for strips of nothing, and where nobody says anything nobody watches.
        Query(expr=f"max({HEALTH.where(*MODEL)}) or on () vector({Health.NOT_WATCHED})", legend="health"),
        Query(expr=alerts, legend="{{alertname}} {{column}}"),
        colors=HEALTH_COLORS,
        texts=HEALTH_WORDS,
        width=24,
        height=7,
        no_data="not watched",
    )
