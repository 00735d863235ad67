"""Runbook pages and the page of all alerts, from the alerts' declarations."""

from __future__ import annotations

from prediction_exporter.kit.alert import AREAS, Alert, Condition
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.delays import EXPLANATION, figures_of, waits
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.texts import NOTE

FOLDER = "docs/runbooks"
OVERVIEW = "docs/alerts.md"
_HEAD = f"<!-- {NOTE} -->\n"
_INTRODUCTION = (
    "Every alert carries `severity`, `area`, `model` and, where one is known, `owner`. It is sent to the owner of the area, "
    "with what is wrong, by how much, against which threshold and over how many predictions. Critical alerts are sent at once; "
    "warnings on data and drift wait for working hours where these are configured.\n"
)
_AREA_TEXTS = {
    "service": "the model's service, and the exporter that watches it",
    "data": "what comes into the model",
    "drift": "what the model sees and predicts, compared with its baseline",
}


def runbook_pages(scale: Scale) -> dict[str, str]:
    """Return a page for each alert, by path."""
    return {f"{FOLDER}/{alert}.md": _page(alert, scale) for alert in ALERTS}


def alerts_page() -> str:
    """Return the page that lists all alerts by area."""
    parts = [
        _HEAD,
        "# Alerts\n",
        _INTRODUCTION,
        f"{EXPLANATION}\n",
    ]
    for area in AREAS:
        parts += [
            f"## {area.capitalize()}: {_AREA_TEXTS[area]}\n",
            "| alert | severity | for | figures of | tells | muted by |\n| --- | --- | --- | --- | --- | --- |",
            *(_row(alert) for alert in ALERTS if alert.area == area),
            "",
        ]
    return "\n".join(parts).rstrip() + "\n"


def _row(alert: Alert) -> str:
    severities = ", ".join(condition.severity for condition in alert.conditions)
    muted_by = ", ".join(_link(other, "runbooks/") for other in alert.muted_by)
    link = _link(alert, "runbooks/")
    return f"| {link} | {severities} | {waits(alert)} | {figures_of(alert)} | {alert.summary} | {muted_by} |"


def _link(alert: Alert, folder: str = "") -> str:
    return f"[{alert}]({folder}{alert}.md)"


def _page(alert: Alert, scale: Scale) -> str:
    parts = [
        _HEAD,
        f"# {alert}\n",
        f"{alert.summary}\n",
        f"**Do this first:** {alert.action}\n",
        f"## Meaning\n\n{alert.meaning}\n",
        *(_condition(alert, condition, scale) for condition in alert.conditions),
        f"## Impact\n\n{alert.impact}\n",
        "## Diagnosis\n\nPaste into Prometheus; replace the names in capitals.\n",
        *(f"{each.question}\n\n```promql\n{each.query}\n```\n" for each in alert.diagnosis),
        f"## Mitigation\n\n{alert.mitigation}\n",
    ]
    if alert.muted_by:
        others = ", ".join(_link(other) for other in alert.muted_by)
        parts.append(f"Muted while one of these fires for the same model, and not merely as info: {others}.\n")
    return "\n".join(parts)


def _condition(alert: Alert, condition: Condition, scale: Scale) -> str:
    keep = "" if condition.keep is None else f", and for {scale(condition.keep)} after it has ended"
    return (
        f"Fires as {condition.severity}, to the owner of the area {alert.area}, once this has held for "
        f"{scale(condition.hold)}{keep}:\n\n```promql\n{condition.expr(scale)}\n```\n"
    )
