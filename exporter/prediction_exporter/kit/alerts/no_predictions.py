"""A model that is normally asked all the time is asked no longer."""

from __future__ import annotations

from prediction_exporter.collectors.source import SOURCE_LAG
from prediction_exporter.collectors.traffic import REQUESTS, VERSION_FIRST_SEEN
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, figure, own
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series, shared
from prediction_exporter.kit.fleet import total
from prediction_exporter.kit.promql import MODEL_KEY, on
from prediction_exporter.kit.recording import HALF_HOUR, TRAFFIC
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT

#: Share of the last day's half hours that had requests, above which a silent half hour is not normal.
USUAL = 0.5


def _silent(scale: Scale) -> str:
    slots = f"[{scale(duration('1d'))}:{scale(HALF_HOUR)}]"
    return f"{TRAFFIC} == 0\nand {on(MODEL_KEY)}\navg_over_time(({TRAFFIC} > bool 0){slots}) > {USUAL}"


_STOPPED = Firing(
    severity="critical",
    labels={**MODEL_LABELS, "owner": "ml-ops"},
    description="credit-risk has had no request for 30 minutes, after 10,800 in the last day.",
)

NO_PREDICTIONS = Alert(
    name="ModelNoPredictions",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=(Condition(severity="critical", expr=_silent, hold=duration("2m"), keep=duration("5m")),),
    summary="A model that is in constant use has had no request for half an hour.",
    description=lambda scale: (
        "{{ $labels.model }} has had no request for 30 minutes, after "
        + figure(total(MODEL_KEY, f"increase({own(REQUESTS.name, MODEL_KEY)}[{scale(duration('1d'))}])"), MODEL_KEY, COUNT)
        + " in the last day."
    ),
    worst=None,
    action="Check whether the model server and its callers run; then whether its predictions are still written.",
    meaning=(
        "No request was read from the model's source for 30 minutes, though more than half of the last day's half hours had. "
        "A model that is asked in batches, or only in office hours, does not fire."
    ),
    impact="Whoever relies on the predictions gets none, or they are no longer written and the model is unwatched.",
    diagnosis=(
        Diagnosis(
            question="When did the requests stop, and for which version?",
            query=f"sum by (version) (rate({REQUESTS.where(model='MODEL')}[5m]))",
        ),
        Diagnosis(question="How old is the newest event?", query=SOURCE_LAG.where(model="MODEL")),
        Diagnosis(question="Was a version rolled out?", query=f"time() - {VERSION_FIRST_SEEN.where(model='MODEL')}"),
    ),
    mitigation=(
        "1. Does the model server answer? Look at its pods, its load balancer and its callers.\n"
        "2. It answers: are its predictions still written to the log, table or files in the exporter's configuration?\n"
        "3. A rollout began it: roll back.\n"
        "4. The model is no longer used: remove it from the exporter's configuration."
    ),
    muted_by=(SOURCE_STALE,),
    without_model=False,
    graphed=(TRAFFIC,),
    tests=(
        Case(
            name="constant traffic that stops at 3 h",
            series=(
                series(REQUESTS, "0+60x180 10800x120", model="credit-risk", version="2"),
                owner("service", "ml-ops", "1x300"),
            ),
            checks=(
                Check(at="3h29m", firing=()),
                Check(
                    at="3h40m",
                    firing=(_STOPPED,),
                ),
            ),
        ),
        Case(
            name="traffic that stops in a table that two replicas read",
            series=(
                *(
                    line
                    for target in (TARGET, {**TARGET, "instance": "b:10900"})
                    for line in (
                        series(REQUESTS, "0+60x180 10800x120", target=target, model="credit-risk", version="2"),
                        shared(target, values="1x300"),
                    )
                ),
                owner("service", "ml-ops", "1x300"),
            ),
            checks=(Check(at="3h40m", firing=(_STOPPED,)),),
        ),
        Case(
            name="a nightly batch",
            series=(
                series(REQUESTS, "0x120 0+1000x20 20000x150", model="credit-risk", version="2"),
                owner("service", "ml-ops", "1x600"),
            ),
            checks=(Check(at="3h20m", firing=()), Check(at="4h", firing=())),
        ),
        Case(
            name="an old version without requests beside a new one",
            series=(
                series(REQUESTS, "0+60x180 10800x120", model="credit-risk", version="1"),
                series(REQUESTS, "0x170 0+60x130", model="credit-risk", version="2"),
                owner("service", "ml-ops", "1x300"),
            ),
            checks=(Check(at="4h", firing=()),),
        ),
        Case(
            name="the exporter is restarted and its scrapes fail for ten minutes",
            series=(
                series(REQUESTS, "0+60x100 _x10 6700+60x100", model="credit-risk", version="2"),
                owner("service", "ml-ops", "1x300"),
            ),
            checks=(Check(at="1h48m", firing=()), Check(at="2h", firing=())),
        ),
    ),
)
