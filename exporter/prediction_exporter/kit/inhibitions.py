"""What mutes what: the alerts that say nothing new while another one fires."""

from __future__ import annotations

from typing import Any

from prediction_exporter.kit.alert import Alert
from prediction_exporter.kit.alerts import ALERTS

_SCOPE = ("cluster", "namespace")
#: What a critical alert and the warning that it mutes have in common.
SAME = ("alertname", *_SCOPE, "model", "version", "stage", "column")
#: What only alerts of the kit are, in an Alertmanager that has others too.
OURS = ('alertname=~"Model[A-Z].*"', 'area=~".+"')


def inhibit_rules(among: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return the rules.

    Args:
        among: matchers of the alerts that mute and are muted by their severity, where there are alerts of others.
    """
    rules = [
        {
            "source_matchers": ['severity="critical"', *among],
            "target_matchers": ['severity=~"warning|info"', *among],
            "equal": list(SAME),
        }
    ]
    for source in ALERTS:
        targets: dict[tuple[str, ...], list[Alert]] = {}
        for alert in ALERTS:
            if source in alert.muted_by:
                shared: tuple[str, ...] = tuple(
                    label for label in ("version", "stage", "column") if label in source.key and label in alert.key
                )
                targets.setdefault(shared, []).append(alert)
        for shared, alerts in targets.items():
            named = [f'alertname="{source}"']
            if any(condition.severity == "info" for condition in source.conditions):
                # As information it says that another replica fills the gap: the model's figures are whole.
                named.append('severity=~"critical|warning"')
            muted = [f'alertname=~"{"|".join(str(alert) for alert in alerts)}"']
            rules.append({"source_matchers": named, "target_matchers": muted, "equal": [*_SCOPE, "model", *shared]})
            if source.without_model:
                # A label that is absent on one side alone is never equal, so this one goes by the scrape job.
                bare = [*named, 'model=""']
                rules.append({"source_matchers": bare, "target_matchers": muted, "equal": [*_SCOPE, "job"]})
    return rules
