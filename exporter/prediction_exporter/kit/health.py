"""Health: one figure for a model, from the alerts on it and from whether it is watched at all.

What is not watched is neither well nor ill: where nobody sees what a model does, where too few predictions are compared, or
where rules are not evaluated, no alert can fire, and that none does says nothing.
"""

from __future__ import annotations

from enum import IntEnum

from prediction_exporter.collectors.source import SOURCE_UP
from prediction_exporter.collectors.traffic import REQUESTS
from prediction_exporter.kit.alert import AREAS, Severity
from prediction_exporter.kit.alerts.model_rules_late import MODEL_RULES_LATE
from prediction_exporter.kit.fleet import FRESH, REPLICA_KEY, remembered, watching
from prediction_exporter.kit.promql import BRIDGE, INSTANCE_KEY, MODEL_KEY, Recorded, by, joined, latest, on, select
from prediction_exporter.kit.recording import SHORTEST_WINDOW
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.serving import served


class Health(IntEnum):
    """Values of the series, the more urgent the larger, so that the largest of several models says how they are.

    >>> max(Health.WARNING, Health.NOT_WATCHED).words
    'not watched'
    """

    HEALTHY = 0
    INFO = 1
    WARNING = 2
    NOT_WATCHED = 3
    CRITICAL = 4

    @property
    def words(self) -> str:
        """What it is called in pages and panels."""
        return self.name.lower().replace("_", " ")


EVALUATED = Recorded(
    name="rule_group:model_rules:evaluated",
    labels=("rule_group",),
    help="1 for each group of these rules that is evaluated: its last rule.",
    expr=lambda _: "vector(1)",
)


def _firing(*matchers: str) -> str:
    return select("ALERTS", 'alertstate="firing"', *matchers)


def _of_alerts(severity: Severity, state: Health) -> str:
    areas = f'area=~"{"|".join(AREAS)}"'
    found = _firing('alertname=~"Model.+"', areas, 'model!=""', f'severity="{severity}"')
    return f"max {by(MODEL_KEY)} ({found}) * {state}"


def _known(scale: Scale) -> str:
    """Return models with their replicas of a day, but for those that an exporter which answers was told to watch no longer."""
    answering = f"min_over_time(up[{scale(BRIDGE)}]) == 1"
    missed = f"{remembered(scale)} unless {on(INSTANCE_KEY)} {answering}"
    return f"count {by(MODEL_KEY)} ({missed} or {on(REPLICA_KEY)} {watching(scale)})"


def health(*, groups: int) -> Recorded:
    """Return the series.

    Args:
        groups: how many groups of rules must be evaluated for a model to be watched.
    """

    def watched(scale: Scale) -> str:
        # What is bridged is bridged as in alerts: one failed scrape or one late evaluation is no change. Where nothing is read
        # there is nothing to compare, and a server that shows its requests is all that is to be seen.
        compared = f"{latest(FRESH.name, scale)} and {on(MODEL_KEY)} {latest(SHORTEST_WINDOW.name, scale)}"
        shown = f"{served(scale)} and {on(MODEL_KEY)} rate({REQUESTS.where(version='')}[{scale(BRIDGE)}])"
        either = f"({compared} or {on(MODEL_KEY)} {shown} unless {on(MODEL_KEY)} {latest(SOURCE_UP.name, scale)})"
        return f"({either} and {on(())} count(group by (rule_group) ({EVALUATED})) >= {groups})"

    def expr(scale: Scale) -> str:
        rules_late = _firing(f'alertname="{MODEL_RULES_LATE}"', 'model=""')
        states = (
            _of_alerts("critical", Health.CRITICAL),
            f"({_known(scale)} unless {on(MODEL_KEY)} {watched(scale)}) * 0 + {Health.NOT_WATCHED}",
            _of_alerts("warning", Health.WARNING),
            # Rules that fail are those of all models.
            f"({watched(scale)} and {on(())} {rules_late}) * 0 + {Health.WARNING}",
            _of_alerts("info", Health.INFO),
            f"{watched(scale)} * {Health.HEALTHY}",
        )
        first, *others = states
        for state in others:
            first = joined(first, f"or {on(MODEL_KEY)}", state)
        return first

    return Recorded(
        name="model:model_health:state",
        labels=MODEL_KEY,
        help=(
            f"How the model is, by its alerts: {', '.join(f'{state.value} {state.words}' for state in Health)}. Not watched is "
            "one that no replica sees and whose server does not show it, whose windows have had too few predictions for a day, "
            "or whose rules are not evaluated; one that is gone is so for a day."
        ),
        expr=expr,
    )
