"""Readers: which alerts and panels need which family, so that nobody switches off what is watched without being told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from prediction_exporter.collectors.registry import COLLECTORS, FAMILIES
from prediction_exporter.collectors.running import COLLECTOR_FAMILIES
from prediction_exporter.collectors.switches import NO_PREDICTIONS, Switches, excluded_families
from prediction_exporter.config import Config
from prediction_exporter.config.suggesting import suggest
from prediction_exporter.errors import ConfigError, in_short
from prediction_exporter.families import Family
from prediction_exporter.kit.alert import Alert
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.dashboards import dashboards
from prediction_exporter.kit.groups import RECORDING_GROUPS
from prediction_exporter.kit.rules import Links, annotation_templates
from prediction_exporter.kit.scale import Scale
from prediction_exporter.performance import MEASURES

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")

#: How many readers a message names.
SHOWN = 5


@cache
def readers() -> Mapping[str, tuple[str, ...]]:
    """Return, by family, the alerts and dashboards that read it, themselves or through recorded series.

    A recorded series stands for itself where no alert and no dashboard reads it.
    """
    scale = Scale()
    recorded = {series.name: series.expr(scale) for group in RECORDING_GROUPS for series in group.series}
    ends = {alert.name: _texts(alert, scale) for alert in ALERTS}
    ends |= {f"dashboard {path.rpartition('/')[2].removesuffix('.json')}": _chosen(text) for path, text in dashboards().items()}
    reached = {reader: _reached(text, recorded) for reader, text in ends.items()}
    used = set().union(*reached.values())
    reached |= {name: _reached(expr, recorded) for name, expr in recorded.items() if name not in used}
    return {
        family.name: found
        for family in FAMILIES
        if (found := tuple(reader for reader, names in reached.items() if names & _names_of(family)))
    }


def _chosen(text: str) -> str:
    """Return a dashboard with what it reads of whichever measure is chosen."""
    return "".join(text.replace("${measure:regex}", measure.key) for measure in MEASURES)


def _texts(alert: Alert, scale: Scale) -> str:
    """Return what Prometheus evaluates for an alert: its conditions, and the queries of its annotations."""
    conditions = [alert.expr(condition, scale) for condition in alert.conditions]
    annotations = annotation_templates(alert, scale, Links(grafana=""))
    # What changed before is told where it is known: no alert needs the series for it.
    return " ".join([*conditions, *(text for name, text in annotations.items() if name != "changed")])


def _reached(text: str, recorded: Mapping[str, str]) -> set[str]:
    """Return every name in a text, and in the expressions of the recorded series that it reads."""
    found: set[str] = set()
    waiting = {text}
    while waiting:
        names = set(_NAME.findall(waiting.pop())) - found
        found |= names
        waiting |= {recorded[name] for name in names if name in recorded}
    return found


def _names_of(family: Family) -> set[str]:
    """Return the names of a family's series."""
    endings = ("_bucket", "_sum", "_count") if family.type == "histogram" else ("",)
    return {f"{family.name}{ending}" for ending in endings}


def refuse_excluded(config: Config, file: Path) -> None:
    """Check what the configuration in a file excludes.

    Raises:
        ConfigError: an entry is no collector and no family, or a family that is read; a line for each.
    """
    families = [family.name for collector in COLLECTORS.values() for family in collector.families]
    names = [*COLLECTORS, *families]
    problems = []
    for index, name in enumerate(config.series.exclude):
        if name in map(str, COLLECTOR_FAMILIES):
            problems.append(f"series.exclude[{index}]: {name} tells of the collectors themselves and is always shown")
        elif name not in names:
            free = [family for family in families if family not in readers()]
            allowed = f"collectors: {', '.join(COLLECTORS)}; families that nothing reads: {', '.join(free)}"
            problems.append(
                f"series.exclude[{index}]: no collector and no family is called {name}{suggest(name, names)} ({allowed})"
            )
        elif name in excluded_families(config) and name in readers():
            problems.append(f"series.exclude[{index}]: {name} is read by {in_short(readers()[name], SHOWN)}")
    if problems:
        raise ConfigError("\n".join(f"{file}: {problem}" for problem in problems))


def unwatched(config: Config, switches: Switches) -> list[str]:
    """Return what is not watched because its collector is switched off, with why, a line for each collector and model."""
    lines = []
    for model in config.models:
        for name, reason in switches.off(config, model).items():
            needing = dict.fromkeys(r for family in COLLECTORS[name].families for r in readers().get(family.name, ()))
            meant = reason == NO_PREDICTIONS or reason.startswith(
                "maturity"
            )  # what a model is not ripe for is nobody's mistake
            if needing and not meant:
                lines.append(f"{model.name}: not watched: {name} ({reason}), which {', '.join(needing)} need")
    return lines
