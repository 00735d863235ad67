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

#: Share of the half hours with requests, above which a model of which no week is known is in constant use.
USUAL = 0.5
#: Days before this one whose same hour is looked at, beside that of a week ago.
DAYS = range(1, 7)


def _silent(scale: Scale) -> str:
    hour = scale(duration("1h"))
    day = scale(duration("1d"))

    def used(days: int) -> str:
        """Return whether there were requests all through this hour, so many days ago."""
        return f"min_over_time({TRAFFIC}[{hour}] offset {scale(duration(f'{days}d'))}) > bool 0"

    week_ago = f"{used(7)} == 1"
    some_day = " or ".join(f"({used(days)} == 1)" for days in DAYS)
    known = f"last_over_time({TRAFFIC}[{hour}] offset {scale(duration('7d'))})"
    # A day ago too, so that a night of silence does not become what is usual.
    slots = f"({TRAFFIC} > bool 0)[{day}:{scale(HALF_HOUR)}]"
    constant = f"(avg_over_time({slots}) > {USUAL} or avg_over_time({slots} offset {day}) > {USUAL})"
    return (
        f"{TRAFFIC} == 0\n"
        f"and {on(MODEL_KEY)}\n"
        "(\n"
        f"  ({week_ago} and {on(MODEL_KEY)} ({some_day}))\n"
        f"  or {on(MODEL_KEY)}\n"
        f"  ({constant} unless {on(MODEL_KEY)} {known})\n"
        ")"
    )


_STOPPED = Firing(
    severity="critical",
    labels={**MODEL_LABELS, "owner": "ml-ops"},
    description="credit-risk has had no request for 30 minutes, after 10,800 in the last week.",
)

NO_PREDICTIONS = Alert(
    name="ModelNoPredictions",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=(Condition(severity="critical", expr=_silent, hold=duration("2m"), keep=duration("5m")),),
    summary="A model has had no request for half an hour, at a time when it usually has some.",
    description=lambda scale: (
        "{{ $labels.model }} has had no request for 30 minutes, after "
        + figure(total(MODEL_KEY, f"increase({own(REQUESTS.name, MODEL_KEY)}[{scale(duration('7d'))}])"), MODEL_KEY, COUNT)
        + " in the last week."
    ),
    worst=None,
    action="Check whether the model server and its callers run; then whether its predictions are still written.",
    meaning=(
        "No request was read from the model's source, or counted by its server, for 30 minutes, though there were some all "
        "through this hour a week ago and on another day of the week. A server of which nothing is seen counts none. So a "
        "model that is asked in office hours, or for two hours a day, is missed in these alone, and the outage is no part of "
        "what it is compared with. As long as no week is known, a model counts that had requests in more than half of a day's "
        "half hours. Prometheus must keep its series for eight days."
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
        "2. It answers: are its predictions still written to the log, table or files in the exporter's configuration? "
        "Where its own metrics are watched: is it scraped, with the labels of `match`?\n"
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
