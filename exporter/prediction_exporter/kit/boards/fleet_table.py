"""Tables of the dashboard of all models: the models themselves, the worst first, and the alerts that fire."""

from __future__ import annotations

from prediction_exporter.kit import panels as p
from prediction_exporter.kit.alert import AREAS, SEVERITIES
from prediction_exporter.kit.boards import fleet_queries as q
from prediction_exporter.kit.boards.board import link, path_of
from prediction_exporter.kit.boards.selectors import OWNED
from prediction_exporter.kit.inhibitions import SAME
from prediction_exporter.kit.looks import BAD, GOOD, NEAR, PLAIN, Json, meanings, thresholds
from prediction_exporter.kit.panels import Panel
from prediction_exporter.kit.promql import on, select
from prediction_exporter.kit.tables import MULTIPLE, TEXT, Cell, colored, never_empty, table
from prediction_exporter.kit.variables import carried
from prediction_exporter.kit.verdicts import HEALTH_COLORS, HEALTH_WORDS

NOT_RECORDED = "no model is watched, or rules are not evaluated"


def _of_row(*names: str) -> dict[str, str]:
    """Return variables that get the values of a row; a label that it has not is one without a value."""
    return {name: f"${{__data.fields.{name}:percentencode}}" for name in names}


_SEVERITY_COLORS: dict[str, str] = dict(zip(SEVERITIES, (BAD, NEAR, PLAIN), strict=True))
_FILLED: Json = {"type": "color-background", "mode": "basic"}


def models(kept: tuple[str, ...]) -> Panel:
    """Return the table of the models; its links keep some variables."""
    fields = {
        "health": q.health(),
        "areas": q.owners(),
        "requests": q.requests(),
        "errors": q.errors(),
        "slow": q.slow(),
        "budget": q.budget_left(),
        "drifted": q.drifted(),
        "worst": q.worst_column(),
        "newest": q.newest(),
        "measures": q.performance(),
    }
    of_model = _of_row(*q.PLACED)
    of_column = _of_row(*q.PLACED, "version", "window", "column")
    of_owner = f"{path_of('fleet')}?{carried('datasource', 'cluster', 'namespace')}&var-owner={_of_row('owner')['owner']}"
    health = {
        "mappings": meanings(HEALTH_WORDS, HEALTH_COLORS),
        "custom.align": "left",
        "custom.cellOptions": _FILLED,
        "color": {"mode": "thresholds"},
        "thresholds": thresholds([(None, "transparent")]),
    }
    left = colored(((None, BAD), (0, NEAR), (0.25, GOOD)), unit="percentunit", decimals=0)
    drifted = colored(((None, GOOD), (1, NEAR)), unit="short", decimals=0)
    return table(
        "Models, worst first",
        "How each model is by its alerts. Requests a second; errors and slow requests of the last five minutes as multiples of "
        "what objectives allow, and what is left of the error budget that is used up most. How many features drifted; the "
        "worst column, as a multiple of its threshold, of all that is watched of it in any window; the age of the newest "
        "request; the worst measure of performance, at 1 surely worse than the baseline. A model, its worst column and its "
        "owner are links.",
        *(
            p.now(expr if name == "health" else never_empty(expr, fields["health"]), name, table=True)
            for name, expr in fields.items()
        ),
        cells=(
            Cell(name="model", label="model", link=("Show ${__value.text}", link("model", *kept, **of_model))),
            Cell(name="namespace", label="namespace", width=116),
            Cell(name="owner", label="owner", width=106, link=("Models of ${__value.text}", of_owner)),
            Cell(name="health", width=98, look=health),
            Cell(name="requests", width=84, look={"unit": "short", "decimals": 2}),
            Cell(name="errors", width=68, look=MULTIPLE),
            Cell(name="slow", width=64, look=MULTIPLE),
            Cell(name="budget", width=72, look=left),
            Cell(name="drifted", width=72, look=drifted),
            Cell(
                name="column",
                label="column",
                width=130,
                link=("Show ${__value.text}", link("column", *kept, **of_column)),
            ),
            Cell(name="worst", width=80, look=MULTIPLE),
            Cell(name="newest", width=80, look={"unit": "s", "decimals": 0}),
            Cell(name="measures", width=84, look=MULTIPLE),
        ),
        hidden=("version", "window", "segment", "role", "job", "__name__"),
        sort_by=("health", "worst"),
        height=9,
        no_data=NOT_RECORDED,
    )


def alerts(kept: tuple[str, ...]) -> Panel:
    """Return the table of the alerts that fire; its links keep some variables."""
    chosen = (*OWNED, 'alertname=~"Model.+"', f'area=~"{"|".join(AREAS)}"')
    firing = select("ALERTS", *chosen, alertstate="firing")
    # Where it has become critical the warning fires on: nobody is told of that, either.
    graver = select("ALERTS", *chosen, alertstate="firing", severity="critical")
    told = f"({firing} unless {on(SAME)} {graver} or {graver})"
    # The one says since when, the other that they fire: with the same labels but for this one.
    since = f"{select('ALERTS_FOR_STATE', *chosen)} and ignoring (alertstate) {told}"
    severity = {
        **TEXT,
        "mappings": meanings({name: name for name in SEVERITIES}, _SEVERITY_COLORS),
        "custom.cellOptions": _FILLED,
    }
    of_model = _of_row(*q.PLACED)
    return table(
        "Firing now",
        "Every alert on a model or on its exporter that fires, the newest first, and since when it is so; one that has become "
        "critical as such alone.",
        p.now(f"({since}) * 1000", "since", table=True),
        cells=(
            Cell(name="severity", label="severity", width=104, look=severity),
            Cell(name="alert", label="alertname", width=200),
            Cell(name="model", label="model", link=("Show ${__value.text}", link("model", *kept, **of_model))),
            Cell(name="namespace", label="namespace", width=116),
            Cell(name="version", label="version", width=96),
            Cell(name="column", label="column", width=150),
            Cell(name="area", label="area", width=104),
            Cell(name="owner", label="owner", width=110),
            Cell(name="since", width=130, look={"unit": "dateTimeFromNow"}),
        ),
        hidden=("cluster", "job", "instance", "role", "stage", "slo", "__name__"),
        sort_by=("since",),
        height=8,
        no_data="no alert fires, or rules are not evaluated: see the models above",
    )
