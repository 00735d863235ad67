"""What the model predicts is distributed otherwise than in the baseline."""

from __future__ import annotations

from prediction_exporter.collectors.traffic import PREDICTIONS
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.baseline_mismatch import BASELINE_MISMATCH
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.no_predictions import NO_PREDICTIONS
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import VERSION_LABELS, bins, moments, owner, psi, psi_threshold, window
from prediction_exporter.kit.columns import DRIFT_ALONE, AboveThreshold
from prediction_exporter.kit.figures import PSI, values
from prediction_exporter.kit.promql import VERSION_COLUMN_KEY
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.wording import NUMBER

_OUTPUTS = 'role=~"prediction|score"'
_ABOVE = AboveThreshold(figures=(PSI,), matchers=(_OUTPUTS,), now=False, counted=values, show=NUMBER, alone=DRIFT_ALONE)
_SHIFTED = (200, 800)

PREDICTION_DRIFT = Alert(
    name="ModelPredictionDrift",
    area="drift",
    key=VERSION_COLUMN_KEY,
    window=_ABOVE.window,
    conditions=(Condition(severity="warning", expr=_ABOVE.expr, hold=duration("30m"), keep=duration("15m")),),
    summary="A model's predictions or scores are no longer distributed as they were in validation.",
    description=_ABOVE.description(
        "The {{ $labels.role }} {{ $labels.column }} of {{ $labels.model }} version {{ $labels.version }} has drifted<shift>: "
        "PSI <value> against a threshold of <threshold>, over <count> values in <window>."
    ),
    worst=_ABOVE.worst,
    action="See whether features drifted or broke at the same time; if none did, compare the model versions in use.",
    meaning=(
        "The PSI of the predicted classes, values or scores against the baseline is above its threshold for 30 minutes, in at "
        "least one window. The threshold takes the sample size into account."
    ),
    impact="Decisions shift: more or fewer approvals, alarms or offers than planned. Whether they are wrong only labels tell.",
    diagnosis=(
        Diagnosis(
            question="How many times its threshold is it, by window and version?",
            query=PSI.over.where(_OUTPUTS, model="MODEL"),
        ),
        Diagnosis(
            question="Which classes have grown?",
            query=f"sum by (class) (rate({PREDICTIONS.where(model='MODEL')}[1h]))",
        ),
        Diagnosis(
            question="Which features drifted with it?",
            query=f"topk(10, {PSI.over.where(model='MODEL', role='feature')})",
        ),
    ),
    mitigation=(
        "1. With a new version: is the shift intended? Build a baseline for it, or roll back.\n"
        "2. With a broken or drifted feature: that alert comes first.\n"
        "3. Neither: the population or its mix of segments has changed. Check performance as labels arrive, and retrain."
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE, NO_PREDICTIONS, BASELINE_MISMATCH),
    without_model=False,
    graphed=_ABOVE.series,
    tests=(
        Case(
            name="a shifted score; a shifted feature is another alert",
            series=(
                *window(1000),
                *bins("probability", _SHIFTED, role="score"),
                *moments("probability", 0.54, baseline=(0.21, 0.2), role="score"),
                *bins("income", _SHIFTED),
                owner("drift"),
            ),
            checks=(
                Check(at="29m", firing=()),
                Check(
                    at="40m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**VERSION_LABELS, "column": "probability", "role": "score", "owner": "risk-ds"},
                            description=(
                                "The score probability of credit-risk version 2 has drifted (mean 0.21 -> 0.54, up 1.7 sd): "
                                f"PSI {psi(_SHIFTED):.2f} against a threshold of {psi_threshold(1000):.2f}, "
                                "over 1,000 values in 1h."
                            ),
                            worst=f"probability {psi(_SHIFTED):.2f}",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="a steady prediction",
            series=(*window(1000), *bins("decision", (480, 520), role="prediction"), owner("drift")),
            checks=(Check(at="60m", firing=()),),
        ),
    ),
)
