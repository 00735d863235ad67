"""The dashboard of what models cost."""

from __future__ import annotations

from prediction_exporter.collectors.artifacts import STORED, TIMESTAMP
from prediction_exporter.collectors.bill import BILLED
from prediction_exporter.collectors.cost import COST_BUDGET
from prediction_exporter.collectors.identity import MODEL_INFO
from prediction_exporter.kit import looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.boards import choices
from prediction_exporter.kit.boards.annotations import happened
from prediction_exporter.kit.boards.board import Board
from prediction_exporter.kit.boards.cost_amounts import amounts
from prediction_exporter.kit.boards.selectors import MODEL, OWNED
from prediction_exporter.kit.cost import CURRENCY_KEY, MONTH_END, MONTH_TO_DATE, PER_1000, RATE, billed
from prediction_exporter.kit.layout import Row
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import MODEL_KEY, by, on
from prediction_exporter.kit.recording import OWNER
from prediction_exporter.kit.scale import Scale

_NO_COST = "no cost declared: cost"
#: Sums of a month, to be compared with a bill: not rounded to thousands. The currency is in the name of a series.
_MONEY = "locale"
#: Size in pixels of the names of two figures side by side.
_NAME_SIZE = 14


def board() -> Board:
    """Return the dashboard."""
    return Board(
        name="cost",
        title="Cost",
        question="What do models cost, who pays, and will the budget do?",
        variables=[*choices.places(), choices.models()],
        annotations=happened(several=True),
        rows=[
            Row(title="State", panels=_figures()),
            Row(title="Cost", panels=_cost()),
            Row(title="Models", panels=_shares()),
            Row(title="Bills, files and trainings", panels=_bills(), collapsed=True),
            Row(title="Amounts", panels=amounts(), collapsed=True),
        ],
    )


def _figures() -> list[Panel]:
    budgets = f"(max {by(CURRENCY_KEY)} ({COST_BUDGET.where(*MODEL)}) > 0)"
    used = f"{MONTH_END.where(*MODEL)} / {on(CURRENCY_KEY)} group_left () {budgets}"
    known, costed = (f"count by (model) ({series.where(*MODEL)})" for series in (MODEL_INFO, RATE))
    return [
        p.named(
            p.stat(
                "An hour",
                "What the chosen models cost in an hour; what is billed is not to be added to what the rates say.",
                p.now(f"sum by (basis, currency) ({RATE.where(*MODEL)})", "{{basis}} {{currency}}"),
                unit="short",
                decimals=2,
            ),
            size=_NAME_SIZE,
        ),
        p.named(
            p.stat(
                "This month so far",
                "What was spent since the calendar month began in UTC.",
                p.now(f"sum by (basis, currency) ({MONTH_TO_DATE.where(*MODEL)})", "{{basis}} {{currency}}"),
                unit=_MONEY,
                decimals=2,
            ),
            size=_NAME_SIZE,
        ),
        p.stat(
            "Month's end, of the budget",
            "What the month will have cost at its end as a share of the model's budget, of the model that uses most of it.",
            p.now(f"max({used})", "of the budget"),
            unit="percentunit",
            steps=((None, looks.GOOD), (0.8, looks.NEAR), (1, looks.BAD)),
            decimals=0,
        ),
        p.counts(
            p.stat(
                "Models without a cost",
                "Models whose cost nobody declared: they are in no figure here.",
                p.now(f"count({known} unless {costed}) or count({known}) * 0", "models"),
                unit="short",
                steps=((None, looks.GOOD), (1, looks.NEAR)),
            )
        ),
    ]


def _shares() -> list[Panel]:
    owners = f"max by ({', '.join(MODEL_KEY)}, owner) ({OWNER.where(*OWNED, area='service')})"
    rates = RATE.where(*MODEL)
    return [
        p.timeseries(
            "By model",
            "What each model costs in an hour, the most costly first.",
            Query(expr=f"sum by (model, basis, currency) ({rates})", legend="{{model}} {{basis}} {{currency}}"),
            unit="short",
            no_data=_NO_COST,
        ),
        p.timeseries(
            "By owner",
            "What the models of each owner cost in an hour; the owner of a model is that of its service.",
            Query(
                expr=f"sum by (owner, basis, currency) ({rates} * {on(MODEL_KEY)} group_left (owner) {owners})",
                legend="{{owner}} {{basis}} {{currency}}",
            ),
            unit="short",
            no_data=_NO_COST,
        ),
    ]


def _cost() -> list[Panel]:
    def of(expr: str) -> str:
        return f"sum by (basis, currency) ({expr})"

    budget = f"max by (currency) ({COST_BUDGET.where(*MODEL)})"
    return [
        p.timeseries(
            "Cost an hour",
            "What each component costs in an hour, the most costly first: by the rates in the last hour, and as it was billed "
            "for the newest whole day. The two are not to be added.",
            Query(
                expr=f"sum by (basis, component, currency) ({RATE.where(*MODEL)})",
                legend="{{basis}} {{component}} {{currency}}",
            ),
            unit="short",
            width=24,
            no_data=_NO_COST,
        ),
        p.timeseries(
            "Cost of the month",
            "What was spent since the calendar month began in UTC, and what it will be at its end: the rest is projected by "
            "the mean of the last seven days.",
            Query(expr=of(MONTH_TO_DATE.where(*MODEL)), legend="{{basis}} so far {{currency}}"),
            Query(expr=of(MONTH_END.where(*MODEL)), legend="{{basis}} at its end {{currency}}"),
            Query(expr=budget, legend="budget {{currency}}", role=looks.THRESHOLD),
            unit=_MONEY,
            no_data=_NO_COST,
        ),
        p.timeseries(
            "Cost of 1,000 predictions",
            "By the rates, of the last hour; by the bill, the newest billed day over the predictions of the last day.",
            Query(expr=of(PER_1000.where(*MODEL)), legend="{{basis}} {{currency}}"),
            unit="short",
            no_data=_NO_COST,
        ),
    ]


def _bills() -> list[Panel]:
    charged = billed(BILLED, (*MODEL_KEY, "component", "currency", "period"), Scale())
    return [
        p.free_scale(
            p.timeseries(
                "Billed",
                "What was billed for this month and the one before, by component. A credit or a correction lowers it.",
                Query(
                    expr=f"sum by (period, component, currency) ({_of_the_model(charged)})",
                    legend="{{period}} {{component}} {{currency}}",
                ),
                unit=_MONEY,
                width=24,
                no_data="no bill declared: cost.focus or cost.opencost",
            )
        ),
        p.timeseries(
            "Stored for the model",
            "Size of the files that are kept for it, on each replica; replicas that share them have the same.",
            Query(expr=STORED.where(*MODEL), legend="{{model}} {{instance}}"),
            unit="bytes",
            no_data="no files declared, or not found: storage",
        ),
        p.timeseries(
            "Time since the last training",
            "Age of the newest whole artefact on any replica; it falls when another one is there.",
            Query(expr=f"time() - max by (model) ({TIMESTAMP.where(*MODEL)})", legend="{{model}}"),
            unit="s",
            no_data="no artefact declared, or not found: retraining",
        ),
    ]


def _of_the_model(expr: str) -> str:
    """Return an expression of bills with the matchers of the chosen model."""
    return expr.replace(str(BILLED), BILLED.where(*MODEL))
