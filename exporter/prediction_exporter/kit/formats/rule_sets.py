"""The rules in portions: an object of Kubernetes, a value of a chart or a namespace of Mimir holds one.

A file of all alerts has more bytes than ``kubectl apply`` keeps of an object in its annotation, so that each area has a
portion of its own.
"""

from __future__ import annotations

from typing import Any

from prediction_exporter.kit.formats.order import Order
from prediction_exporter.kit.render import links_of
from prediction_exporter.kit.rules import alerting_groups, recording_groups
from prediction_exporter.kit.servers import server_groups

#: What each name begins with: by it the alert on late rules knows the rules of the kit.
PREFIX = "prediction-exporter"


def rule_sets(order: Order) -> dict[str, list[dict[str, Any]]]:
    """Return groups of rules by the name of their portion."""
    sets = {f"{PREFIX}-recording": recording_groups(order.scale)}
    sets |= {f"{PREFIX}-{area}": [group] for area, group in alerting_groups(order.scale, links_of(order.config)).items()}
    servers = server_groups(order.config, order.scale)
    return sets | ({f"{PREFIX}-servers": servers} if servers else {})
