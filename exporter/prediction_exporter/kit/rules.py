"""Prometheus rule files, from the recorded series and the alerts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prediction_exporter.config.values import Area
from prediction_exporter.kit.alert import AREAS, Alert, Condition, label_arguments
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.boards.board import path_of
from prediction_exporter.kit.groups import INTERVAL, RECORDING_GROUPS
from prediction_exporter.kit.happened import changed
from prediction_exporter.kit.health import EVALUATED
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.texts import to_yaml
from prediction_exporter.kit.wording import defined

RECORDING_FILE = "prometheus/rules/prediction-exporter-recording.rules.yml"
ALERTS_FILE = "prometheus/rules/prediction-exporter-alerts.rules.yml"


@dataclass(frozen=True, kw_only=True)
class Links:
    """Where messages lead; None where an address is not known.

    Attributes:
        runbooks: address of a folder with the runbook pages.
        exporter: address of the exporter, which serves its page and the runbooks.
        owners: addresses of owners' own runbooks, by owner.
        grafana: address of the Grafana that has the dashboards.
        verdicts: whether the exporter serves its form, where a person says whether an alarm was right.
    """

    runbooks: str | None = None
    exporter: str | None = None
    owners: Mapping[str, str] = field(default_factory=dict)
    grafana: str | None = None
    verdicts: bool = False

    def page(self, alert: Alert) -> str | None:
        """Return the address of the shipped runbook."""
        if self.runbooks is not None:
            return f"{self.runbooks.rstrip('/')}/{alert}.md"
        # While the exporter is down it serves no runbook for that either.
        exporter = self.exporter_page(alert)
        return None if exporter is None else f"{exporter}runbooks/{alert}"

    def runbook(self, alert: Alert) -> str | None:
        """Return a template of the runbook's address: the owner's own, where it has some."""
        page = self.page(alert)
        if not self.owners:
            return page
        owners = [f'eq $labels.owner "{name}" }}}}{address.rstrip("/")}/{alert}' for name, address in self.owners.items()]
        otherwise = "" if page is None else "{{ else }}" + page
        return "{{ if " + "{{ else if ".join(owners) + otherwise + "{{ end }}"

    def exporter_page(self, alert: Alert) -> str | None:
        """Return the address of the exporter's page, where the exporter can be asked."""
        return f"{self.exporter.rstrip('/')}/" if self.exporter is not None and alert.exporter_answers else None

    def verdict_of(self, alert: Alert) -> str | None:
        """Return a template of the address where a person says whether the alarm was right; empty where no model is known."""
        page = self.exporter_page(alert)
        if page is None or not self.verdicts:
            return None
        column = "&column={{ $labels.column | urlquery }}" if "column" in alert.key else ""
        return f"{{{{ with $labels.model }}}}{page}notes?model={{{{ . | urlquery }}}}&alert={alert}{{{{ end }}}}{column}"

    def dashboard_of(self, alert: Alert, scale: Scale) -> str | None:
        """Return a template of the dashboard's address, with its variables filled from the alert.

        It is that of the column, where the alert is about one, and else that of the model. Where it is about one window, the
        page opens with it: in another there may be nothing to see.
        """
        if self.grafana is None:
            return None
        optional = ("cluster", "namespace", *(("model",) if alert.without_model else ()))
        filled = [f"{{{{ with $labels.{name} }}}}var-{name}={{{{ . | urlquery }}}}&{{{{ end }}}}" for name in optional]
        names = [name for name in ("model", "version", "column") if name in alert.key and name not in optional]
        filled.append("&".join(f"var-{name}={{{{ $labels.{name} | urlquery }}}}" for name in names))
        if alert.window is not None:
            filled.append(f"{{{{ range {alert.window(scale)} }}}}&var-window={{{{ .Labels.window | urlquery }}}}{{{{ end }}}}")
        return f"{self.grafana.rstrip('/')}{path_of(board_of(alert))}?{''.join(filled)}"


def board_of(alert: Alert) -> str:
    """Return the name of the dashboard that an alert's messages lead to."""
    return "column" if "column" in alert.key else "model"


def by_area() -> dict[Area, list[Alert]]:
    """Return the alerts of each area that has some."""
    found = {area: [alert for alert in ALERTS if alert.area == area] for area in AREAS}
    return {area: alerts for area, alerts in found.items() if alerts}


def group_of(area: Area) -> str:
    """Return the name of the group of an area's rules."""
    return f"model-{area}"


def recording_groups(scale: Scale) -> list[dict[str, Any]]:
    """Return the groups of recording rules."""
    return [
        {
            "name": group.name,
            "interval": scale.interval(group.interval),
            "rules": [
                *({"record": series.name, "expr": series.expr(scale)} for series in group.series),
                _evaluated(group.name, scale),
            ],
        }
        for group in RECORDING_GROUPS
    ]


def recording_rules(scale: Scale) -> str:
    """Return the file of recording rules."""
    return to_yaml(
        {"groups": recording_groups(scale)},
        "The fleet's figures: counts are added over replicas, those of a shared source taken once, and then compared.",
    )


def _evaluated(group: str, scale: Scale) -> dict[str, Any]:
    """Return the last rule of a group, which says that it was evaluated."""
    return {"record": EVALUATED.name, "expr": EVALUATED.expr(scale), "labels": {"rule_group": group}}


def alerting_groups(scale: Scale, links: Links) -> dict[Area, dict[str, Any]]:
    """Return the group of the alerts of each area."""
    return {
        area: {
            "name": group_of(area),
            "interval": scale.interval(INTERVAL),
            "rules": [
                *(_rule(alert, condition, scale, links) for alert in alerts for condition in alert.conditions),
                _evaluated(group_of(area), scale),
            ],
        }
        for area, alerts in by_area().items()
    }


def alerting_rules(scale: Scale, links: Links) -> str:
    """Return the file of alerts, with a group for each area."""
    return to_yaml(
        {"groups": list(alerting_groups(scale, links).values())},
        "Thresholds are series: an owner changes them in the exporter's configuration, not here.",
    )


def annotation_templates(alert: Alert, scale: Scale, links: Links) -> dict[str, str]:
    """Return the templates of an alert's annotations."""
    texts = {
        "summary": alert.summary,
        "description": defined(alert.description(scale)),
        "worst": None if alert.worst is None else defined(alert.worst(scale)),
        "changed": changed(alert, scale),
        "action": alert.action,
        # Where some owner's message leads to no runbook, the first steps stand in it.
        "first_steps": alert.mitigation if links.page(alert) is None else None,
        "runbook_url": links.runbook(alert),
        "dashboard_url": links.dashboard_of(alert, scale),
        "query": _graph(alert),
        "exporter_url": links.exporter_page(alert),
        "verdict_url": links.verdict_of(alert),
    }
    return {name: text for name, text in texts.items() if text is not None}


def _graph(alert: Alert) -> str | None:
    """Return a template of a query whose graph shows the alert's figures beside their thresholds."""
    if not alert.graphed:
        return None
    labels = [label for label in alert.key if all(label in series.labels for series in alert.graphed)]
    matchers = [f"{label}=%[{i}]q" for i, label in enumerate(labels, start=1)]
    if all("segment" in series.labels for series in alert.graphed):
        matchers.append('segment="all"')
    names = "|".join(str(series) for series in alert.graphed)
    selector = f'{{__name__=~"{names}", {", ".join(matchers)}}}'
    return f"{{{{ printf `{selector}` {label_arguments(tuple(labels))} }}}}"


def _rule(alert: Alert, condition: Condition, scale: Scale, links: Links) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": alert.name, "expr": alert.expr(condition, scale), "for": scale(condition.hold)}
    if condition.keep is not None:
        rule["keep_firing_for"] = scale(condition.keep)
    rule["labels"] = {"severity": condition.severity, "area": alert.area}
    rule["annotations"] = annotation_templates(alert, scale, links)
    return rule
