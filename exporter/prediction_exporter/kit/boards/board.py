"""Boards: a dashboard as it is declared, and Grafana's classic JSON of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prediction_exporter.kit.boards.annotations import Annotation
from prediction_exporter.kit.layout import Row, laid_out
from prediction_exporter.kit.looks import Json
from prediction_exporter.kit.variables import carried

#: What every dashboard of the kit is tagged with: their menus find each other by it.
TAG = "prediction-exporter"
#: What is asked at the default range: drift is slow.
_RANGE = "now-24h"


@dataclass(frozen=True, kw_only=True)
class Board:
    """A dashboard.

    Attributes:
        name: of its file and in its address.
        title: what people call it.
        question: what it answers.
        rows: its panels.
        variables: what can be chosen, each after those that it depends on.
        annotations: what happened meanwhile, drawn into its graphs.
        leads_to: variables that a link above it keeps, by the name of the dashboard that this leads to.
    """

    name: str
    title: str
    question: str
    rows: Sequence[Row]
    variables: Sequence[Json]
    annotations: Sequence[Annotation] = field(default=())
    leads_to: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        """Its identifier in every Grafana."""
        return f"{TAG}-{self.name}"

    @property
    def path(self) -> str:
        """Its address in a Grafana, without the variables."""
        return path_of(self.name)

    def content(self) -> Json:
        """Return what Grafana loads."""
        placed = laid_out(self.rows)
        panels = [each for panel in placed for each in (panel, *panel.get("panels", ()))]
        return {
            "id": None,
            "uid": self.uid,
            "title": self.title,
            "description": self.question,
            "tags": [TAG],
            "schemaVersion": 41,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "browser",
            "refresh": "1m",
            "time": {"from": _RANGE, "to": "now"},
            "timepicker": {},
            "templating": {"list": list(self.variables)},
            "annotations": {"list": [each.content(panels) for each in self.annotations]},
            "links": [*(_to(name, kept) for name, kept in self.leads_to.items()), _others()],
            "panels": placed,
        }


def path_of(name: str) -> str:
    """Return the address of the dashboard of a name in a Grafana, for links from one that is not imported by it.

    >>> path_of("model")
    '/d/prediction-exporter-model/model'
    """
    return f"/d/{TAG}-{name}/{name}"


def link(name: str, *kept: str, **chosen: str) -> str:
    """Return the address of another dashboard, with the time range.

    Args:
        name: of the dashboard.
        kept: variables that stay as they are.
        chosen: variables that get another value: what Grafana makes of ``${__value.text}`` and of its like.

    >>> link("column", "model", column="${__value.text:percentencode}")
    '/d/prediction-exporter-column/column?${model:queryparam}&${__url_time_range}&var-column=${__value.text:percentencode}'
    """
    return "&".join([f"{path_of(name)}?{carried(*kept)}", *(f"var-{name}={value}" for name, value in chosen.items())])


def _to(name: str, kept: Sequence[str]) -> Json:
    """Return the link above a dashboard that leads to another."""
    return {
        "title": name.capitalize(),
        "type": "link",
        "tags": [],
        "asDropdown": False,
        "icon": "dashboard",
        "includeVars": False,
        "keepTime": False,
        "targetBlank": False,
        "tooltip": f"The {name} with what is chosen here",
        "url": link(name, *kept),
    }


def _others() -> Json:
    """Return the menu of the kit's dashboards, which keeps variables and time range."""
    return {
        "title": "Dashboards",
        "type": "dashboards",
        "tags": [TAG],
        "asDropdown": True,
        "icon": "dashboard",
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "The other dashboards of models, with what is chosen here",
        "url": "",
    }
