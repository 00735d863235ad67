"""What happened meanwhile, drawn into graphs as lines; each kind can be switched off.

Grafana asks at a hundred moments of the time range, and fills the space between moments that follow one another with the
colour: what lasts would paint the graph, in as many layers as alerts fire. So each event is told once, at its time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from prediction_exporter.collectors.exporter import CONFIG_RELOAD_TIME
from prediction_exporter.collectors.traffic import VERSION_FIRST_SEEN
from prediction_exporter.collectors.windows import BASELINE_CREATED
from prediction_exporter.kit import looks
from prediction_exporter.kit.boards.selectors import MODEL, watching
from prediction_exporter.kit.looks import Json
from prediction_exporter.kit.panels import DATASOURCE
from prediction_exporter.kit.promql import BRIDGE, by, on, select

#: Nothing is asked for more often than it is scraped; over a longer time range, a hundred times.
_STEP = "15s"
#: What Grafana puts in the place of the time between two moments that it asks for.
_BETWEEN = "$__interval"
#: Panels on which alerts are drawn already, each from its begin to its end.
_OF_STATES = "state-timeline"


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """A kind of event.

    Attributes:
        name: beside its switch.
        color: of its lines.
        expr: has a series for each event, whose labels the title names.
        title: what is said of an event.
        values_are_times: whether the values say when it was, in seconds; else it is when there are any.
        beside_states: whether it is drawn into strips over time too.
    """

    name: str
    color: str
    expr: str
    title: str
    values_are_times: bool = False
    beside_states: bool = True

    def content(self, panels: Iterable[Json]) -> Json:
        """Return what Grafana loads; ``panels`` are those of its dashboard."""
        found: Json = {
            "name": self.name,
            "datasource": DATASOURCE,
            "enable": True,
            "hide": False,
            # Its switch, in releases that have such a menu: above the dashboard four of them take a line.
            "placement": "inControlsMenu",
            "iconColor": self.color,
            "expr": f"({self.expr}) * 1000" if self.values_are_times else self.expr,
            "step": _STEP,
            "titleFormat": self.title,
            "textFormat": "",
            "useValueForTime": self.values_are_times,
        }
        drawn_already = [panel["id"] for panel in panels if panel["type"] == _OF_STATES]
        if drawn_already and not self.beside_states:
            found["filter"] = {"exclude": True, "ids": drawn_already}
        return found


def happened(*narrowed: str, several: bool = False) -> list[Annotation]:
    """Return new versions, baselines, configurations, and alerts that begin to fire.

    Args:
        narrowed: matchers of the alerts that are about what the dashboard shows.
        several: whether the dashboard is of several models, which are named then.
    """
    named, key = ("{{model}} ", ("model",)) if several else ("", ())
    # Of a version the first replica that saw it, also where it has gone since.
    versions = f"min {by((*key, 'version'))} (min_over_time({VERSION_FIRST_SEEN.where(*MODEL)}[$__range] @ end()))"
    alerts = select("ALERTS", *MODEL, *narrowed, 'alertstate="firing"', 'severity!="info"')
    return [
        Annotation(
            name="Versions",
            color=looks.VERSIONS,
            expr=versions,
            title=f"{named}version {{{{version}}}}",
            values_are_times=True,
        ),
        Annotation(
            name="Baselines",
            color=looks.BASELINE.color,
            # When it came into use, and not when it was built, which may be weeks before.
            expr=_another(key, BASELINE_CREATED.where(*MODEL)),
            title=f"{named}another baseline",
        ),
        Annotation(
            name="Configs",
            color=looks.CONFIGURATIONS,
            # Once it is long ago it would be drawn back to where a replica read it that has gone.
            expr=f"max({CONFIG_RELOAD_TIME} {watching()}) > time() - 2 * $__interval_ms / 1000 - {BRIDGE.seconds:g}",
            title="configuration read",
            values_are_times=True,
        ),
        Annotation(
            name="Alerts",
            color=looks.BAD,
            expr=_begun((*key, "alertname", "severity"), alerts),
            title=f"{named}{{{{alertname}}}} {{{{severity}}}}",
            beside_states=False,
        ),
    ]


def _begun(key: tuple[str, ...], series: str) -> str:
    """Return what there is since the moment before, and was not until then."""
    return f"max {by(key)} (max_over_time({series}[{_BETWEEN}])) unless {_before(key, series)}"


def _another(key: tuple[str, ...], series: str) -> str:
    """Return what has another value than before, where it had one."""
    return f"max {by(key)} (last_over_time({series}[{_BETWEEN}])) != {on(key)} {_before(key, series)}"


def _before(key: tuple[str, ...], series: str) -> str:
    """Return the last value until the moment before, over gaps as a restart leaves them, or as Prometheus looks back."""
    return f"max {by(key)} (last_over_time({series}[{BRIDGE}] offset {_BETWEEN}) or {series} offset {_BETWEEN})"
