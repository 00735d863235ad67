"""What a model costs is not known, though somebody wanted to know it."""

from __future__ import annotations

from prediction_exporter.collectors.bill import BILL_CHARGES, BILL_NEWEST, BILL_REJECTED
from prediction_exporter.collectors.cost import COST_BUDGET, COST_MONTH_END, COST_MONTH_TO_DATE
from prediction_exporter.collectors.running import COLLECTOR_SUCCESS
from prediction_exporter.cost.months import METHOD
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, figure, own, query
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, owner, series
from prediction_exporter.kit.cost import CURRENCY_KEY, MONTH_END, budget
from prediction_exporter.kit.promql import MODEL_KEY, by, latest, on
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT, DURATION

#: A bill whose newest usage is older is no longer written: clouds take a day or two. A limit, which no time scale changes.
DAYS_STALE = 3


def _unknown(scale: Scale) -> str:
    newest = f"max {by(MODEL_KEY)} ({latest(BILL_NEWEST.name, scale)})"
    nothing = f"max {by(MODEL_KEY)} ({latest(BILL_CHARGES.name, scale)}) >= 0\n  unless {on(MODEL_KEY)} {newest}"
    rejected = f"max {by(MODEL_KEY)} ({latest(BILL_REJECTED.name, scale)}) > 0"
    uncompared = f"({budget(scale)} unless {on(CURRENCY_KEY)} {MONTH_END})"
    return (
        f"count {by(MODEL_KEY)} (\n  time() - {newest} > {DAYS_STALE * 86_400}\n"
        f"  or {on(MODEL_KEY)}\n  {nothing}\n"
        f"  or {on(MODEL_KEY)}\n  {rejected}\n"
        f"  or {on(MODEL_KEY)}\n  max {by(MODEL_KEY)} {uncompared}\n)"
    )


def _description(scale: Scale) -> str:
    newest = latest(own(BILL_NEWEST.name, MODEL_KEY), scale)
    charges = latest(own(BILL_CHARGES.name, MODEL_KEY), scale)
    rejected = latest(own(BILL_REJECTED.name, MODEL_KEY), scale)
    spent_in = f"max by (currency) ({own(MONTH_END.name, MODEL_KEY)})"
    uncompared = f"max by (currency) ({latest(own(COST_BUDGET.name, MODEL_KEY), scale)}) unless {spent_in}"
    return (
        "What {{ $labels.model }} costs is not known, or only in part."
        f"{{{{ with {query(f'max({charges})', MODEL_KEY)} }}}} Its bill: charges used {COUNT.of('(. | first | value)')}, "
        "refused "
        + figure(f"sum(max by (reason) ({rejected}))", MODEL_KEY, COUNT)
        + f"{{{{ with {query(f'time() - max({newest})', MODEL_KEY)} }}}}, newest usage {DURATION.of('(. | first | value)')} old"
        "{{ else }}, no usage at all{{ end }}.{{ end }}"
        f"{{{{ range {query(uncompared, MODEL_KEY)} }}}} Its budget is in {{{{ .Labels.currency }}}}, in which nothing is "
        "counted.{{ end }}"
    )


_LONG = "x600"
_OF = {"model": "credit-risk"}
_OWNER = owner("cost", "finance", f"1{_LONG}")


def _bill(newest: str, *, charges: int = 12, rejected: int = 0) -> tuple[str, ...]:
    return (
        *((series(BILL_NEWEST, newest, _OF),) if newest else ()),
        series(BILL_CHARGES, f"{charges}{_LONG}", _OF),
        series(BILL_REJECTED, f"{rejected}{_LONG}", _OF, reason="amount"),
    )


def _firing(told: str) -> Firing:
    return Firing(
        severity="warning",
        labels={**MODEL_LABELS, "owner": "finance"},
        description=f"What credit-risk costs is not known, or only in part. {told}",
    )


_RATES = (
    series(COST_MONTH_TO_DATE, f"5{_LONG}", _OF, currency="USD", period="1970-01"),
    series(COST_MONTH_END, f"9{_LONG}", _OF, currency="USD", method=METHOD),
)

MODEL_COST_UNKNOWN = Alert(
    name="ModelCostUnknown",
    area="cost",
    key=MODEL_KEY,
    window=None,
    conditions=(Condition(severity="warning", expr=_unknown, hold=duration("2h"), keep=duration("30m")),),
    summary="What a model costs is not known: its bill or its budget cannot be used.",
    description=_description,
    worst=None,
    action="Look at the bill, its filters and the budget's currency: the exporter's log says what it misses.",
    meaning=(
        f"One of these is so on every replica: the newest usage that is billed is older than {DAYS_STALE} days; no usage in "
        "the bill is the model's; charges of it cannot be used, so that the sums are too small; or the budget is in a currency "
        "in which nothing is projected, as where no bill can be read."
    ),
    impact="No alert on the model's cost can fire, or too late.",
    diagnosis=(
        Diagnosis(question="Can the bill be read?", query=COLLECTOR_SUCCESS.where(model="MODEL", collector="bill")),
        Diagnosis(question="How old is it?", query=f"time() - {BILL_NEWEST.where(model='MODEL')}"),
        Diagnosis(question="How many charges are refused, and why?", query=BILL_REJECTED.where(model="MODEL")),
        Diagnosis(question="Which currencies are there?", query=MONTH_END.where(model="MODEL")),
        Diagnosis(question="In which one is the budget?", query=COST_BUDGET.where(model="MODEL")),
    ),
    mitigation=(
        "1. The bill cannot be read: the log of the exporter has the file, or what the server answered.\n"
        "2. It is old: has the export stopped, or does it write elsewhere? Credentials and quotas expire, too.\n"
        "3. No charge is the model's: compare `tags`, `resource_ids`, `filter` and `names` with the bill; the log names some "
        "that it has. Tags must be switched on for bills in some clouds, and are not there for the time before.\n"
        "4. Charges are refused as `amount`, `currency` or `time`: the export is damaged, or was edited.\n"
        "5. The currency: amounts in different ones are not added up. Set `currency` to that of the bill, and the budget in it."
    ),
    muted_by=(EXPORTER_DOWN,),
    without_model=False,
    tests=(
        Case(
            name="a bill that was last written four days ago",
            series=(*_bill(f"-345600{_LONG}"), _OWNER),
            checks=(
                Check(at="110m", firing=()),
                Check(at="130m", firing=(_firing("Its bill: charges used 12, refused 0, newest usage 4d 2h old."),)),
            ),
        ),
        Case(
            name="a bill without any charge of the model",
            series=(*_bill("", charges=0), _OWNER),
            checks=(Check(at="130m", firing=(_firing("Its bill: charges used 0, refused 0, no usage at all."),)),),
        ),
        Case(
            name="a charge that cannot be used",
            series=(*_bill(f"0+60{_LONG}", rejected=1), _OWNER),
            checks=(Check(at="130m", firing=(_firing("Its bill: charges used 12, refused 1, newest usage 0s old."),)),),
        ),
        Case(
            name="a budget in another currency than that of the rates, and no bill",
            series=(
                series(COST_BUDGET, f"100{_LONG}", _OF, currency="EUR"),
                *_RATES,
                _OWNER,
            ),
            checks=(Check(at="130m", firing=(_firing("Its budget is in EUR, in which nothing is counted."),)),),
        ),
        Case(
            name="a bill of yesterday, a budget in its currency, and a model that nobody asks the cost of",
            series=(
                *_bill(f"-86400+60{_LONG}"),
                series(COST_BUDGET, f"100{_LONG}", _OF, currency="USD"),
                *_RATES,
                _OWNER,
            ),
            checks=(Check(at="200m", firing=()),),
        ),
    ),
)
