"""Prometheus rule files, from the recorded series and the alerts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prediction_exporter.kit.alert import AREAS, Alert, Condition
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.recording import RECORDING_GROUPS
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.texts import to_yaml

#: How often rules are evaluated.
INTERVAL = duration("1m")
RECORDING_FILE = "prometheus/rules/prediction-exporter-recording.rules.yml"
ALERTS_FILE = "prometheus/rules/prediction-exporter-alerts.rules.yml"


@dataclass(frozen=True, kw_only=True)
class Links:
    """Where messages lead.

    Attributes:
        runbooks: address of the folder of the runbook pages.
        owners: addresses of owners' own runbooks, by owner.
        dashboard: address of the model's dashboard, or None where Grafana's address is not known.
    """

    runbooks: str
    owners: Mapping[str, str] = field(default_factory=dict)
    dashboard: str | None = None

    def runbook(self, alert: Alert) -> str:
        """Return a template of the runbook's address: the owner's own, where it has some."""
        page = f"{self.runbooks.rstrip('/')}/{alert}.md"
        if not self.owners:
            return page
        owners = [f'eq $labels.owner "{name}" }}}}{address.rstrip("/")}/{alert}' for name, address in self.owners.items()]
        return "{{ if " + "{{ else if ".join(owners) + "{{ else }}" + page + "{{ end }}"

    def dashboard_of(self, alert: Alert, scale: Scale) -> str | None:
        """Return a template of the dashboard's address, with its variables filled from the alert.

        Where the alert is about one window, the page opens with it: in another there may be nothing to see.
        """
        if self.dashboard is None:
            return None
        optional = ("cluster", "namespace", *(("model",) if alert.without_model else ()))
        filled = [f"{{{{ with $labels.{name} }}}}var-{name}={{{{ . | urlquery }}}}&{{{{ end }}}}" for name in optional]
        names = [name for name in ("model", "version", "column") if name in alert.key and name not in optional]
        filled.append("&".join(f"var-{name}={{{{ $labels.{name} | urlquery }}}}" for name in names))
        if alert.window is not None:
            filled.append(f"{{{{ range {alert.window(scale)} }}}}&var-window={{{{ .Labels.window | urlquery }}}}{{{{ end }}}}")
        return f"{self.dashboard}?{''.join(filled)}"


def recording_rules(scale: Scale) -> str:
    """Return the file of recording rules."""
    groups = [
        {
            "name": group.name,
            "interval": scale(INTERVAL),
            "rules": [{"record": series.name, "expr": series.expr(scale)} for series in group.series],
        }
        for group in RECORDING_GROUPS
    ]
    return to_yaml(
        {"groups": groups},
        "The fleet's figures: counts are added over replicas, those of a shared source taken once, and then compared.",
    )


def alerting_rules(scale: Scale, links: Links) -> str:
    """Return the file of alerts, with a group for each area."""
    groups = [
        {
            "name": f"model-{area}",
            "interval": scale(INTERVAL),
            "rules": [
                _rule(alert, condition, scale, links)
                for alert in ALERTS
                if alert.area == area
                for condition in alert.conditions
            ],
        }
        for area in AREAS
    ]
    return to_yaml(
        {"groups": groups}, "Thresholds are series: an owner changes them in the exporter's configuration, not here."
    )


def annotation_templates(alert: Alert, scale: Scale, links: Links) -> dict[str, str]:
    """Return the templates of an alert's annotations."""
    found = {"summary": alert.summary, "description": alert.description(scale)}
    if alert.worst is not None:
        found["worst"] = alert.worst(scale)
    found |= {"action": alert.action, "runbook_url": links.runbook(alert)}
    dashboard = links.dashboard_of(alert, scale)
    return found if dashboard is None else {**found, "dashboard_url": dashboard}


def _rule(alert: Alert, condition: Condition, scale: Scale, links: Links) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": alert.name, "expr": alert.expr(condition, scale), "for": scale(condition.hold)}
    if condition.keep is not None:
        rule["keep_firing_for"] = scale(condition.keep)
    rule["labels"] = {"severity": condition.severity, "area": alert.area}
    rule["annotations"] = annotation_templates(alert, scale, links)
    return rule
