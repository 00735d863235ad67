"""The dashboard of all models: what is broken now, whose it is, and what first."""

from __future__ import annotations

from prediction_exporter.kit import looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.boards import choices
from prediction_exporter.kit.boards import fleet_queries as q
from prediction_exporter.kit.boards.board import Board, link, path_of
from prediction_exporter.kit.boards.fleet_table import NOT_RECORDED, alerts, models
from prediction_exporter.kit.boards.selectors import OWNED, PLACE
from prediction_exporter.kit.cost import RATE
from prediction_exporter.kit.health import Health
from prediction_exporter.kit.layout import Row
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import MODEL_KEY, on
from prediction_exporter.kit.recording import OWNER
from prediction_exporter.kit.variables import carried
from prediction_exporter.kit.verdicts import HEALTH_COLORS, HEALTH_WORDS, leading

#: What a link from here to another dashboard keeps; the place is that of the model.
KEPT = ("datasource",)
#: Models whose health is drawn over time: more cannot be told apart.
_STRIPS = 20
_NONE_OR_NEAR = ((None, looks.GOOD), (1, looks.NEAR))


def board() -> Board:
    """Return the dashboard."""
    return Board(
        name="fleet",
        title="Fleet",
        question="What is broken now, whose is it, and what first?",
        variables=choices.places(),
        rows=[
            Row(title="Now", panels=[*_figures(), models(KEPT)]),
            Row(title="Alerts", panels=[alerts(KEPT)]),
            Row(title="History", panels=[_history()]),
            Row(title="Cost", panels=_cost(), collapsed=True),
        ],
    )


def _figures() -> list[Panel]:
    def figure(
        title: str,
        description: str,
        expr: str,
        steps: looks.Steps = ((None, looks.PLAIN),),
        width: int = 3,
        no_data: str = "none is known",
    ) -> Panel:
        query = p.now(expr, title.lower())
        return p.counts(p.stat(title, description, query, unit="short", steps=steps, width=width, no_data=no_data))

    return [
        figure("Models", "Models that are watched, or were within a day and that no exporter was told to forget.", q.models()),
        figure("Critical", "Models with a critical alert.", q.in_state(Health.CRITICAL), looks.NONE_OR_RED),
        figure("Warning", "Models with a warning, and none that is critical.", q.in_state(Health.WARNING), _NONE_OR_NEAR),
        leading(
            figure(
                "Not watched",
                "Models that no replica sees, of which too few predictions are compared, or whose rules are not evaluated: "
                "nobody knows how they are.",
                q.in_state(Health.NOT_WATCHED),
                ((None, looks.GOOD), (1, looks.UNKNOWN)),
                width=4,
            ),
            "Exporters",
            f"{path_of('exporter')}?{carried('datasource', 'cluster', 'namespace', 'owner')}",
        ),
        figure(
            "Without traffic",
            "Models whose predictions can be read and that had no request in the last half hour.",
            q.without_traffic(),
            _NONE_OR_NEAR,
            width=4,
        ),
        figure(
            "Drifted features",
            "Features of all models whose PSI is above its threshold in any window.",
            q.drifted_of_all(),
            width=4,
            no_data="none is compared",
        ),
        p.stat(
            "Requests",
            "Requests a second to all models in the last five minutes.",
            p.now(q.requests_of_all(), "requests"),
            unit="reqps",
            width=3,
            no_data="no requests seen",
        ),
    ]


def _history() -> Panel:
    return leading(
        p.states(
            "Health over time",
            f"What the alerts on each model say of it: the {_STRIPS} worst of the time range. A click leads to the model.",
            Query(expr=q.worst_health(_STRIPS), legend="{{model}} {{namespace}} {{cluster}}"),
            colors=HEALTH_COLORS,
            texts=HEALTH_WORDS,
            width=24,
            height=12,
            no_data=NOT_RECORDED,
        ),
        "Show ${__field.labels.model}",
        link("model", *KEPT, **{name: f"${{__field.labels.{name}:percentencode}}" for name in q.PLACED}),
    )


def _cost() -> list[Panel]:
    rates = f"sum by (cluster, namespace, job, model, basis, currency) ({RATE.where(*PLACE)})"
    owned = f"({rates}) * {on(MODEL_KEY)} group_left (owner) {OWNER.where(*OWNED, area='cost')}"
    by_model = f"sum by (cluster, namespace, model, basis, currency) ({rates} and {q.OWNED_MODELS})"
    no_data = "no rates or bills declared: cost"
    return [
        p.timeseries(
            "Cost by owner",
            "What the models of each owner cost in an hour, by their rates and as billed, which are the same money seen twice. "
            "The owner is that of a model's costs.",
            Query(expr=f"sum by (owner, basis, currency) ({owned})", legend="{{owner}} {{currency}} {{basis}}"),
            unit="short",
            decimals=2,
            no_data=no_data,
        ),
        p.timeseries(
            "Cost by model",
            f"What each model costs in an hour: the {choices.TOP} that cost most in the time range.",
            Query(
                expr=(
                    f"{by_model} and {on(('cluster', 'namespace', 'model'))} topk({choices.TOP}, "
                    f"max by (cluster, namespace, model) (max_over_time({RATE.where(*PLACE)}[$__range] @ end())))"
                ),
                legend="{{model}} {{namespace}} {{currency}} {{basis}}",
            ),
            unit="short",
            decimals=2,
            no_data=no_data,
        ),
    ]
