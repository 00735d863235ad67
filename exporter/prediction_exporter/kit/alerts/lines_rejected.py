"""Lines or rows of a model's source cannot be used."""

from __future__ import annotations

from prediction_exporter.collectors.source import EVENTS, EVENTS_REJECTED
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, own, query
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series, shared
from prediction_exporter.kit.fleet import SHARED, counted_once, total
from prediction_exporter.kit.promql import MODEL_KEY
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT, PERCENT

#: Share of the refused, and number of lines or rows in the span, from which the alert fires. Old ones are no fault.
REFUSED, LEAST = 0.01, 100
_SPAN = duration("15m")
_FAULTY = 'reason!="too_old"'


def _rejected(scale: Scale) -> str:
    rejected = counted_once(MODEL_KEY, f"increase({EVENTS_REJECTED.where(_FAULTY)}[{scale(_SPAN)}])", SHARED)
    used = counted_once(MODEL_KEY, f"increase({EVENTS}[{scale(_SPAN)}])", SHARED)
    return f"{rejected}\n/\n({rejected} + {used} >= {LEAST})\n> {REFUSED}"


def _description(scale: Scale) -> str:
    refused = f"increase({own(EVENTS_REJECTED.name, MODEL_KEY, _FAULTY)}[{scale(_SPAN)}])"
    by_reason = total((*MODEL_KEY, "reason"), refused, of="reason", shared=SHARED)
    listed = query(f"sort_desc(topk(5, {by_reason} > 0))", MODEL_KEY)
    return (
        f"{PERCENT.of_unscaled('$value')} of the lines or rows of {{{{ $labels.model }}}} in the last 15 minutes were refused, "
        f"more than {REFUSED * 100:g} %: "
        f"{{{{ range $i, $each := {listed} }}}}{{{{ if $i }}}}, {{{{ end }}}}{{{{ $each.Labels.reason }}}} "
        f"{COUNT.of('$each.Value')}{{{{ end }}}}."
    )


_B = {**TARGET, "instance": "b:10900"}
_REASON = {"model": "credit-risk", "reason": "malformed"}
_A_TENTH = Firing(
    severity="warning",
    labels={**MODEL_LABELS, "owner": "data-eng"},
    description="10 % of the lines or rows of credit-risk in the last 15 minutes were refused, more than 1 %: malformed 150.",
)

LINES_REJECTED = Alert(
    name="ModelLinesRejected",
    area="data",
    key=MODEL_KEY,
    window=None,
    conditions=(Condition(severity="warning", expr=_rejected, hold=duration("5m"), keep=duration("10m")),),
    summary="Lines or rows of a model's source are refused: every figure misses these predictions.",
    description=_description,
    worst=None,
    action="Compare a refused one with the field names in the exporter's configuration; the exporter's log shows examples.",
    meaning=(
        f"More than {REFUSED * 100:g} % of the lines or rows read in 15 minutes, and of at least {LEAST}, could not be used: "
        "malformed, too long, without a time, with a time in the future, or written to their table when their time was closed. "
        "Those that are merely too old are not counted."
    ),
    impact="Refused predictions are in no figure. Drift and quality describe the rest, which may be a biased part.",
    diagnosis=(
        Diagnosis(
            question="For which reason?",
            query=f"sum by (reason) (increase({EVENTS_REJECTED.where(model='MODEL')}[15m]))",
        ),
        Diagnosis(question="On which replica?", query=f"sum by (instance) (rate({EVENTS_REJECTED.where(model='MODEL')}[5m]))"),
        Diagnosis(question="How many are used?", query=f"increase({EVENTS.where(model='MODEL')}[15m])"),
    ),
    mitigation=(
        "1. The log's format or the table's columns changed with a version of the model server: adapt `predictions.fields`, or "
        "roll back.\n"
        "2. Two writers share one file and tear each other's lines: give each its own file and use a glob.\n"
        "3. Times in the future: correct the clock, or the configured time zone.\n"
        "4. Late rows: whatever writes the table falls behind, or `predictions.table.lateness` is shorter than it takes."
    ),
    muted_by=(EXPORTER_DOWN,),
    without_model=False,
    tests=(
        Case(
            name="a tenth of the lines is malformed",
            series=(
                series(EVENTS, "0+90x60", model="credit-risk"),
                series(EVENTS_REJECTED, "0+10x60", _REASON),
                owner("data", "data-eng"),
            ),
            checks=(
                Check(
                    at="30m",
                    firing=(_A_TENTH,),
                ),
            ),
        ),
        Case(
            name="a tenth of the rows of a table that two replicas read",
            series=(
                *(
                    line
                    for target in (TARGET, _B)
                    for line in (
                        series(EVENTS, "0+90x60", target=target, model="credit-risk"),
                        series(EVENTS_REJECTED, "0+10x60", _REASON, target=target),
                        shared(target),
                    )
                ),
                owner("data", "data-eng"),
            ),
            checks=(Check(at="30m", firing=(_A_TENTH,)),),
        ),
        Case(
            name="sixty rows in a table that two replicas read are too few",
            series=(
                *(
                    line
                    for target in (TARGET, _B)
                    for line in (
                        series(EVENTS, "0+3x60", target=target, model="credit-risk"),
                        series(EVENTS_REJECTED, "0+1x60", _REASON, target=target),
                        shared(target),
                    )
                ),
                owner("data"),
            ),
            checks=(Check(at="30m", firing=()),),
        ),
        Case(
            name="too few lines, old events after an outage, and nothing at all",
            series=(
                series(EVENTS, "0+1x60", model="credit-risk"),
                series(EVENTS_REJECTED, "0+1x60", _REASON),
                series(EVENTS, "0+90x60", model="late"),
                series(EVENTS_REJECTED, "0+90x60", model="late", reason="too_old"),
                series(EVENTS_REJECTED, "0x60", model="late", reason="malformed"),
                series(EVENTS, "0x60", model="silent"),
                series(EVENTS_REJECTED, "0x60", model="silent", reason="malformed"),
                owner("data"),
            ),
            checks=(Check(at="30m", firing=()),),
        ),
        Case(
            name="one in two hundred",
            series=(
                series(EVENTS, "0+199x60", model="credit-risk"),
                series(EVENTS_REJECTED, "0+1x60", _REASON),
                owner("data"),
            ),
            checks=(Check(at="30m", firing=()),),
        ),
    ),
)
