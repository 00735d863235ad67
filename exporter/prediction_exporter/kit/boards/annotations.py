"""What happened meanwhile, drawn into every graph; each kind can be switched off above the dashboard."""

from __future__ import annotations

from prediction_exporter.collectors.exporter import CONFIG_RELOAD_TIME
from prediction_exporter.collectors.traffic import VERSION_FIRST_SEEN
from prediction_exporter.collectors.windows import BASELINE_CREATED
from prediction_exporter.kit.boards.selectors import MODEL, watching
from prediction_exporter.kit.looks import Json
from prediction_exporter.kit.panels import DATASOURCE
from prediction_exporter.kit.promql import select


def happened() -> list[Json]:
    """Return new versions, baselines and configurations at their time, and alerts for as long as they fire."""
    alerts = select("ALERTS", *MODEL, 'alertstate="firing"')
    return [
        _moments(
            "Versions",
            "blue",
            f"min by (version) ({VERSION_FIRST_SEEN.where(*MODEL)})",
            "version {{version}}",
        ),
        _moments("Baselines", "green", f"max({BASELINE_CREATED.where(*MODEL)})", "another baseline"),
        _moments("Configurations", "purple", f"max({CONFIG_RELOAD_TIME} {watching()})", "configuration read"),
        _annotation("Alerts", "rgba(224, 47, 68, 0.4)", f"max by (alertname, severity) ({alerts})", "{{alertname}}")
        | {"tagKeys": "severity"},
    ]


def _moments(name: str, color: str, seconds: str, title: str) -> Json:
    """Return an annotation at the times that a query's values name."""
    return _annotation(name, color, f"({seconds}) * 1000", title) | {"useValueForTime": True}


def _annotation(name: str, color: str, expr: str, title: str) -> Json:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": expr,
        "step": "1m",
        "titleFormat": title,
        "textFormat": "",
    }
