"""A model will have cost more than its budget at the month's end."""

from __future__ import annotations

from prediction_exporter.collectors.bill import BILL_SHARED, BILLED, BILLED_MONTH_END, BILLED_MONTH_TO_DATE, BILLED_RATE
from prediction_exporter.collectors.cost import COST_BUDGET, COST_MONTH_END, COST_MONTH_TO_DATE
from prediction_exporter.cost.months import METHOD
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, Severity, figure, own, query
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.cost import CURRENCY_KEY, LARGEST, MONTH_END, MONTH_TO_DATE, RATE, budget, projection
from prediction_exporter.kit.promql import on
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import MONEY

#: From which multiple of the budget on somebody has to act.
WARNED_FROM = 1.1


def _over(multiple: float, scale: Scale) -> str:
    allowed = budget(scale) if multiple == 1 else f"{multiple} * {budget(scale)}"
    return f"{projection()}\n> {on(CURRENCY_KEY)}\n({allowed})"


def _description(_: Scale) -> str:
    def of(name: str) -> str:
        bills, rates = (f"max({own(name, CURRENCY_KEY, basis=basis)})" for basis in ("billed", "rates"))
        return figure(f"{bills} or {rates}", CURRENCY_KEY, MONEY)

    most = " or ".join(f"topk(1, {own(LARGEST.name, CURRENCY_KEY, basis=basis)})" for basis in ("billed", "rates"))
    return (
        "{{ $labels.model }} will have cost "
        + MONEY.of("$value")
        + " {{ $labels.currency }} at the end of the month, and its budget is "
        + figure(f"max({own(COST_BUDGET.name, CURRENCY_KEY)})", CURRENCY_KEY, MONEY)
        + "; "
        + of(MONTH_TO_DATE.name)
        + " are spent. The rest is projected by the mean of the last 7 days."
        + f"{{{{ with {query(most, CURRENCY_KEY)} }}}} Most costly is {{{{ (. | first).Labels.component }}}}.{{{{ end }}}}"
    )


_OF = {"model": "credit-risk", "currency": "USD"}
_LONG = "x900"
_B = {**TARGET, "instance": "b:10900"}
_OWNER = owner("cost", "finance", f"1{_LONG}")


def _costs(month_end: float, target: dict[str, str] = TARGET, budget: float = 1000) -> tuple[str, ...]:
    return (
        series(COST_BUDGET, f"{budget:g}{_LONG}", _OF, target=target),
        series(COST_MONTH_TO_DATE, f"400{_LONG}", _OF, target=target, period="1970-01"),
        series(COST_MONTH_END, f"{month_end:g}{_LONG}", _OF, target=target, method=METHOD),
    )


def _bill(month_end: float, target: dict[str, str] = TARGET, *, shared: int = 1, currency: str = "USD") -> tuple[str, ...]:
    of = {"model": "credit-risk", "currency": currency}
    return (
        series(BILLED_MONTH_TO_DATE, f"300{_LONG}", of, target=target),
        series(BILLED_MONTH_END, f"{month_end:g}{_LONG}", of, target=target, method=METHOD),
        series(BILLED_RATE, f"1{_LONG}", of, target=target, component="Compute"),
        series(BILLED_RATE, f"0.5{_LONG}", of, target=target, component="Storage"),
        series(BILL_SHARED, f"{shared}{_LONG}", target=target, model="credit-risk"),
    )


def _firing(severity: Severity, projected: str, spent: str, most: str = "") -> Firing:
    return Firing(
        severity=severity,
        labels={**MODEL_LABELS, "currency": "USD", "owner": "finance"},
        description=(
            f"credit-risk will have cost {projected} USD at the end of the month, and its budget is 1,000.00; {spent} are "
            f"spent. The rest is projected by the mean of the last 7 days.{most}"
        ),
    )


MODEL_COST_OVERRUN = Alert(
    name="ModelCostOverrun",
    area="cost",
    key=CURRENCY_KEY,
    window=None,
    conditions=(
        Condition(severity="warning", expr=lambda scale: _over(WARNED_FROM, scale), hold=duration("2h"), keep=duration("30m")),
        Condition(severity="info", expr=lambda scale: _over(1, scale), hold=duration("2h"), keep=duration("30m")),
    ),
    summary="A model will have cost more than its budget at the end of the month.",
    description=_description,
    worst=None,
    action="See which component grew, and since when. Use less of it, or agree on another budget.",
    meaning=(
        "What the model has cost in this calendar month in UTC, and for the rest of it the mean of the last seven days "
        f"that are known, are together more than `budget_per_month`; from {WARNED_FROM} times the budget on it is a warning. "
        "What was billed counts where there is a bill in the budget's currency, and what the rates say where there is none."
    ),
    impact="Nothing breaks. The month's bill will be larger than was agreed on.",
    diagnosis=(
        Diagnosis(question="What will the month have cost?", query=MONTH_END.where(model="MODEL")),
        Diagnosis(question="What has it cost?", query=MONTH_TO_DATE.where(model="MODEL")),
        Diagnosis(question="Which component costs how much in an hour?", query=f"sort_desc({RATE.where(model='MODEL')})"),
        Diagnosis(question="What was billed, this month and the one before?", query=BILLED.where(model="MODEL")),
    ),
    mitigation=(
        "1. Which component costs most, and did it grow? Ask the third question again with `offset 1w` behind the braces.\n"
        "2. The replicas' hours: is it scaled to what it needs? Compare its requests with what a replica can answer.\n"
        "3. Predictions: does a caller ask more than before, or again and again?\n"
        "4. A purchase that is made once in a month is in what was spent, and is not projected: wait for the month's end.\n"
        "5. Is more wanted? Change `budget_per_month`, and reload."
    ),
    muted_by=(EXPORTER_DOWN,),
    without_model=False,
    graphed=(MONTH_END,),
    tests=(
        Case(
            name="rates of two replicas that will be 20 % over the budget together",
            series=(*_costs(600), *_costs(600, _B), _OWNER),
            checks=(
                Check(at="110m", firing=()),
                Check(at="140m", firing=(_firing("warning", "1,200.00", "800.00"), _firing("info", "1,200.00", "800.00"))),
            ),
        ),
        Case(
            name="a bill that all replicas read, 5 % over the budget, whatever rates say",
            series=(*_costs(9000), *_bill(1050), *_bill(1050, _B), _OWNER),
            checks=(Check(at="140m", firing=(_firing("info", "1,050.00", "300.00", " Most costly is Compute."),)),),
        ),
        Case(
            name="a bill and rates within the budget, a bill in another currency, and a model without a budget",
            series=(
                *_costs(450),
                *_costs(450, _B),
                *_bill(950),
                *_bill(950, _B),
                *_bill(90_000, currency="JPY"),
                series(COST_MONTH_END, f"5000{_LONG}", model="other", currency="USD", method=METHOD),
                series(COST_MONTH_TO_DATE, f"5000{_LONG}", model="other", currency="USD", period="1970-01"),
                _OWNER,
            ),
            checks=(Check(at="200m", firing=()),),
        ),
    ),
)
