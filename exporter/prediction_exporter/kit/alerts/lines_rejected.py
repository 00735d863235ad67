"""Lines of the prediction log cannot be used."""

from __future__ import annotations

from prediction_exporter.families import EVENTS, EVENTS_REJECTED
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, own, query
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, owner, series
from prediction_exporter.kit.promql import MODEL_KEY, by
from prediction_exporter.kit.scale import Scale, duration

#: Share of refused lines, and lines in the span, from which the alert fires. Old events are no fault of the format.
REFUSED, LEAST = 0.01, 100
_SPAN = duration("15m")
_FAULTY = 'reason!="too_old"'


def _rejected(scale: Scale) -> str:
    rejected = f"sum {by(MODEL_KEY)} (increase({EVENTS_REJECTED.where(_FAULTY)}[{scale(_SPAN)}]))"
    used = f"sum {by(MODEL_KEY)} (increase({EVENTS}[{scale(_SPAN)}]))"
    return f"{rejected}\n/\n({rejected} + {used} >= {LEAST})\n> {REFUSED}"


def _description(scale: Scale) -> str:
    by_reason = f"sum by (reason) (increase({own(EVENTS_REJECTED.name, MODEL_KEY, _FAULTY)}[{scale(_SPAN)}]))"
    listed = query(f"sort_desc(topk(5, {by_reason} > 0))", MODEL_KEY)
    return (
        "{{ $value | humanizePercentage }} of the lines of {{ $labels.model }} in the last 15 minutes were refused, "
        f"more than {REFUSED:.0%}: "
        f"{{{{ range $i, $each := {listed} }}}}{{{{ if $i }}}}, {{{{ end }}}}{{{{ $each.Labels.reason }}}} "
        '{{ $each.Value | printf "%.0f" }}{{ end }}.'
    )


_REASON = {"model": "credit-risk", "reason": "malformed"}

LINES_REJECTED = Alert(
    name="ModelLinesRejected",
    area="data",
    key=MODEL_KEY,
    conditions=(Condition(severity="warning", expr=_rejected, hold=duration("5m"), keep=duration("10m")),),
    summary="Lines of a model's prediction log are refused: every figure misses these predictions.",
    description=_description,
    worst=None,
    action="Compare a refused line with the field names in the exporter's configuration; the exporter's log shows examples.",
    meaning=(
        f"More than {REFUSED:.0%} of the lines read in 15 minutes, and of at least {LEAST}, could not be used: malformed, "
        "too long, without a time, or with a time in the future. Lines that are merely too old are not counted."
    ),
    impact="Predictions in refused lines are in no figure. Drift and quality describe the rest, which may be a biased part.",
    diagnosis=(
        Diagnosis(
            question="For which reason?",
            query=f"sum by (reason) (increase({EVENTS_REJECTED.where(model='MODEL')}[15m]))",
        ),
        Diagnosis(question="On which replica?", query=f"sum by (instance) (rate({EVENTS_REJECTED.where(model='MODEL')}[5m]))"),
        Diagnosis(question="How many are used?", query=f"sum(increase({EVENTS.where(model='MODEL')}[15m]))"),
    ),
    mitigation=(
        "1. The log's format changed with a version of the model server: adapt `predictions.fields`, or roll back.\n"
        "2. Two writers share one file and tear each other's lines: give each its own file and use a glob.\n"
        "3. Times in the future: correct the clock, or the configured time zone."
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
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "owner": "data-eng"},
                            description=(
                                "10% of the lines of credit-risk in the last 15 minutes were refused, more than 1%: "
                                "malformed 150."
                            ),
                        ),
                    ),
                ),
            ),
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
