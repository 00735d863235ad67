"""Runbooks and the list of all alerts, from the alerts' declarations: in Markdown, and as pages that the exporter serves."""

from __future__ import annotations

import re
from functools import cache

from jinja2 import Environment

from prediction_exporter.config.values import Area
from prediction_exporter.kit.alert import Alert
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.delays import EXPLANATION, figures_of, waits
from prediction_exporter.kit.rules import by_area
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.texts import NOTE
from prediction_exporter.templates import Markdown, html, markdown, page

FOLDER = "docs/runbooks"
OVERVIEW = "docs/alerts.md"
AREA_TEXTS: dict[Area, str] = {
    "service": "the model's service, and the exporter that watches it",
    "data": "what comes into the model",
    "drift": "what the model sees and predicts, compared with its baseline",
    "performance": "how often the model is right",
    "cost": "what the model costs",
    "pipelines": "the jobs that feed and train the model",
}


def runbook_pages(scale: Scale) -> dict[str, str]:
    """Return a page for each alert, by path."""
    template = markdown(link=_link).get_template("kit/templates/runbook.md")
    return {f"{FOLDER}/{alert}.md": template.render(alert=alert, scale=scale, note=NOTE) for alert in ALERTS}


def alerts_page() -> str:
    """Return the page that lists all alerts by area."""
    filters = {"link": lambda alert: _link(alert, "runbooks/"), "waits": waits, "figures": figures_of}
    template = markdown(**filters).get_template("kit/templates/alerts.md")
    return template.render(areas=by_area(), texts=AREA_TEXTS, note=NOTE, delays=EXPLANATION)


def _link(alert: Alert, folder: str = "") -> Markdown:
    return Markdown(f"[{alert}]({folder}{alert}.md)")


# Served by the exporter


def served_runbook(name: str) -> tuple[bool, bytes]:
    """Return whether there is such a runbook, and its page; the list of all answers the empty name, and what is not there.

    A name may be written as some catalogues of runbooks do, in small letters, or as the file that it is in the repository.
    """
    wanted = name.casefold().removesuffix(".md")
    alert = next((alert for alert in ALERTS if alert.name.casefold() == wanted), None)
    if alert is not None:
        return True, page(_pages(), "kit/templates/runbook.html", alert=alert, scale=Scale())
    return not name, page(_pages(), "kit/templates/runbooks.html", areas=by_area(), texts=AREA_TEXTS, unknown=name)


@cache
def _pages() -> Environment:
    return html(steps=steps)


def steps(text: str) -> list[str]:
    r"""Return the steps of a numbered list.

    >>> steps("1. Look.\n2. Mend it.")
    ['Look.', 'Mend it.']
    """
    found = re.findall(r"^(\d+)\. (.+)$", text, re.MULTILINE)
    if [int(number) for number, _ in found] != list(range(1, len(text.splitlines()) + 1)):
        raise ValueError(f"this is no list of steps, one a line: {text}")
    return [step for _, step in found]
