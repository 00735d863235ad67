"""A model that was watched is gone, together with all that watched it."""

from __future__ import annotations

from prediction_exporter.collectors.source import SOURCE_UP
from prediction_exporter.collectors.traffic import REQUESTS
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.cases import MODEL_LABELS, SCOPE_LABELS, TARGET, owner, series
from prediction_exporter.kit.fleet import remembered, watching
from prediction_exporter.kit.promql import INSTANCE_KEY, MEMORY, MODEL_KEY, by, latest, on
from prediction_exporter.kit.scale import Scale, duration

_B = {**TARGET, "instance": "b:10900"}


def _gone(scale: Scale) -> str:
    # An exporter that is still scraped was told to watch the model no longer, or is down, which is another alert.
    unscraped = f"{remembered(scale)}\n  unless {on(INSTANCE_KEY)} {latest('up', scale)}"
    return f"count {by(MODEL_KEY)} (\n  {unscraped}\n  unless {on(MODEL_KEY)} {watching(scale)}\n)"


_FIRING = Firing(
    severity="warning",
    labels={**MODEL_LABELS, "owner": "ml-ops"},
    description=(
        "Nothing watches credit-risk any more: of the exporters that did within a day (1), none is a target of Prometheus."
    ),
)

MODEL_GONE = Alert(
    name="ModelGone",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=(Condition(severity="warning", expr=_gone, hold=duration("10m"), keep=duration("5m")),),
    summary="A model that was watched is gone, and so is every exporter that watched it.",
    description=lambda _: (
        "Nothing watches {{ $labels.model }} any more: of the exporters that did within a day ({{ $value }}), none is a target "
        "of Prometheus."
    ),
    worst=None,
    action="See whether the model was meant to go. If not, start its pods again, or repair how Prometheus finds them.",
    meaning=(
        "Exporters showed the model within a day. For more than ten minutes Prometheus has known none of them as a target, so "
        "that there is not even a failed scrape: the deployment was deleted or scaled to nothing, or the discovery of targets "
        "does not find it. A model that was taken out of the configuration of an exporter which still answers does not fire."
    ),
    impact="The model may not be served. No other alert on it can fire, and its dashboards are empty. It ends after a day.",
    diagnosis=(
        Diagnosis(
            question="Which exporters watched it?",
            query=f"last_over_time({SOURCE_UP.where(model='MODEL')}[{MEMORY}])",
        ),
        Diagnosis(question="Which targets of the job are left?", query="up{job='JOB'}"),
        Diagnosis(question="When did its requests end?", query=f"sum(increase({REQUESTS.where(model='MODEL')}[1h]))"),
    ),
    mitigation=(
        "1. Are the model's pods there? Look for a deleted deployment, a scale to nothing, an eviction.\n"
        "2. They are: look at the targets of Prometheus, the labels that its monitor selects, and at network policies.\n"
        "3. It was meant to go: silence the alert for a day, after which it ends."
    ),
    muted_by=(),
    without_model=False,
    exporter_answers=False,
    tests=(
        Case(
            name="the only pod is deleted, with its target",
            series=(
                series("up", "1x20", target=TARGET),
                series(SOURCE_UP, "1x20", model="credit-risk"),
                owner("service", "ml-ops", "1x20"),
            ),
            checks=(Check(at="30m", firing=()), Check(at="40m", firing=(_FIRING,)), Check(at="2h", firing=(_FIRING,))),
        ),
        Case(
            name="a rollout: another pod takes over after five minutes",
            series=(
                series("up", "1x20", target=TARGET),
                series(SOURCE_UP, "1x20", model="credit-risk"),
                series("up", "_x25 1x100", target=_B),
                series(SOURCE_UP, "_x25 1x100", target=_B, model="credit-risk"),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="30m", firing=()), Check(at="100m", firing=())),
        ),
        Case(
            name="one of two replicas is gone",
            series=(
                series("up", "1x20", target=TARGET),
                series(SOURCE_UP, "1x20", model="credit-risk"),
                series("up", "1x100", target=_B),
                series(SOURCE_UP, "1x100", target=_B, model="credit-risk"),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
        Case(
            name="an exporter that is down, which is another alert, and one that was told to watch the model no longer",
            begun_by="pods in whose place others come, that show the model no more than these did",
            series=(
                series("up", "1x20 0x100", target=TARGET),
                series(SOURCE_UP, "1x20", model="credit-risk"),
                series("up", "1x120", target={**SCOPE_LABELS, "instance": "c:10900"}),
                series(SOURCE_UP, "1x20", target={**SCOPE_LABELS, "instance": "c:10900"}, model="other"),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
        Case(
            name="an exporter that was told to watch the model no longer, and is deleted later with what it still watches",
            series=(
                series("up", "1x40", target=TARGET),
                series(SOURCE_UP, "1x20", model="credit-risk"),
                series(SOURCE_UP, "1x40", model="other"),
                owner("service", "ml-ops", "1x20"),
                series("up", "_x45 1x100", target=_B),
                series(SOURCE_UP, "_x45 1x100", target=_B, model="other"),
            ),
            checks=(Check(at="60m", firing=()), Check(at="2h", firing=())),
        ),
        Case(
            name="a restart that takes eight minutes",
            series=(
                series("up", "1x20 _x8 1x60", target=TARGET),
                series(SOURCE_UP, "1x20 _x8 1x60", model="credit-risk"),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="28m", firing=()), Check(at="60m", firing=())),
        ),
    ),
)
