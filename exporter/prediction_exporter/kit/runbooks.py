"""Runbook pages and the page of all alerts, from the alerts' declarations."""

from __future__ import annotations

from prediction_exporter.kit.alert import AREAS, Alert
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.texts import NOTE
from prediction_exporter.templates import Markdown, markdown

FOLDER = "docs/runbooks"
OVERVIEW = "docs/alerts.md"
_AREA_TEXTS = {
    "service": "the model's service, and the exporter that watches it",
    "data": "what comes into the model",
    "drift": "what the model sees and predicts, compared with its baseline",
}
_AREAS = {area: _AREA_TEXTS[area] for area in AREAS if any(alert.area == area for alert in ALERTS)}


def runbook_pages(scale: Scale) -> dict[str, str]:
    """Return a page for each alert, by path."""
    template = markdown(link=_link).get_template("kit/templates/runbook.md")
    return {f"{FOLDER}/{alert}.md": template.render(alert=alert, scale=scale, note=NOTE) for alert in ALERTS}


def alerts_page() -> str:
    """Return the page that lists all alerts by area."""
    template = markdown(link=lambda alert: _link(alert, "runbooks/")).get_template("kit/templates/alerts.md")
    return template.render(areas=_AREAS, alerts=ALERTS, note=NOTE)


def _link(alert: Alert, folder: str = "") -> Markdown:
    return Markdown(f"[{alert}]({folder}{alert}.md)")
