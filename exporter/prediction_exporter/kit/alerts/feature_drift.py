"""A feature is distributed otherwise than in the baseline."""

from __future__ import annotations

from prediction_exporter.collectors.windows import BASELINE_BIN_RATIO
from prediction_exporter.kit.alert import NUMBER, Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.baseline_mismatch import BASELINE_MISMATCH
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.invalid_values import INVALID_VALUES
from prediction_exporter.kit.alerts.missing_values import MISSING_VALUES
from prediction_exporter.kit.alerts.no_predictions import NO_PREDICTIONS
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.alerts.widespread_drift import WIDESPREAD_DRIFT
from prediction_exporter.kit.cases import TARGET, VERSION_LABELS, bins, owner, psi, psi_threshold, window
from prediction_exporter.kit.columns import AboveThreshold
from prediction_exporter.kit.promql import VERSION_COLUMN_KEY
from prediction_exporter.kit.recording import BIN_SHARE, COLUMN_COUNT, PSI_FLEET, PSI_THRESHOLD
from prediction_exporter.kit.scale import duration

_ABOVE = AboveThreshold(
    pairs=((PSI_FLEET, PSI_THRESHOLD),), matchers=('role="feature"',), now=False, counted=COLUMN_COUNT, show=NUMBER
)
_B = {**TARGET, "instance": "b:10900"}
_SHIFTED = (900, 100)
_SMALL = (50, 10)


def _firing(counts: tuple[int, int], windowed: str = "1h") -> Firing:
    rows = sum(counts)
    return Firing(
        severity="warning",
        labels={**VERSION_LABELS, "column": "income", "role": "feature", "owner": "risk-ds"},
        description=(
            f"income of credit-risk 2 has a PSI of {psi(counts):.2f}, against a threshold of {psi_threshold(rows):.2f}, "
            f"over {rows} values in {windowed}."
        ),
        worst=f"income {psi(counts):.2f}",
        window=windowed,
    )


FEATURE_DRIFT = Alert(
    name="ModelFeatureDrift",
    area="drift",
    key=VERSION_COLUMN_KEY,
    window=_ABOVE.window,
    conditions=(Condition(severity="warning", expr=_ABOVE.expr, hold=duration("30m"), keep=duration("15m")),),
    summary="A feature is no longer distributed as it was when the model was trained.",
    description=_ABOVE.description(
        "{{ $labels.column }} of {{ $labels.model }} {{ $labels.version }} has a PSI of <value>, against a threshold of "
        "<threshold>, over <count> values in <window>."
    ),
    worst=_ABOVE.worst,
    action="Compare the feature's bins with the baseline's on the dashboard: broken upstream, or a real change to retrain for?",
    meaning=(
        "The feature's PSI against the baseline, of all replicas together, is above its threshold in at least one window for "
        "30 minutes. The threshold is the larger of the configured effect and of what chance rarely exceeds at this size."
    ),
    impact="The model sees input that it has learnt less about. How much that harms depends on the feature's weight.",
    diagnosis=(
        Diagnosis(
            question="How large is it, by window?",
            query=PSI_FLEET.where(model="MODEL", column="COLUMN", segment="all"),
        ),
        Diagnosis(
            question="Against which threshold?", query=PSI_THRESHOLD.where(model="MODEL", column="COLUMN", segment="all")
        ),
        Diagnosis(
            question="Which bins have grown?",
            query=(
                f"{BIN_SHARE.where(model='MODEL', column='COLUMN', segment='all', window='WINDOW')}"
                " - on (cluster, namespace, job, model, column, role, bin) group_left () "
                f"max by (cluster, namespace, job, model, column, role, bin) ({BASELINE_BIN_RATIO.where(model='MODEL')})"
            ),
        ),
        Diagnosis(question="Only in a segment?", query=f"topk(10, {PSI_FLEET.where(model='MODEL', column='COLUMN')})"),
    ),
    mitigation=(
        "1. A step at one point in time: look for a deployment upstream, another unit, a changed default.\n"
        "2. A slow trend: the population changes. Plan retraining, and check performance as labels arrive.\n"
        "3. A daily cycle: use a window of a whole cycle, or raise this column's threshold in the configuration.\n"
        "4. Expected, as a campaign: silence the alert for its duration."
    ),
    muted_by=(
        EXPORTER_DOWN,
        SOURCE_STALE,
        NO_PREDICTIONS,
        BASELINE_MISMATCH,
        MISSING_VALUES,
        INVALID_VALUES,
        WIDESPREAD_DRIFT,
    ),
    without_model=False,
    tests=(
        Case(
            name="a shifted feature beside a steady one; then its scrape fails, then the exporter restarts",
            series=(
                *window(1000, values="x10 _x1 1000x35 _x3 1000x40"),
                bins("income", _SHIFTED, values="x10 _x1 900x35 _x3 900x40")[0],
                bins("income", _SHIFTED, values="x10 _x1 100x35 _x3 100x40")[1],
                *bins("income", _SHIFTED)[2:],
                *bins("age", (500, 500)),
                owner("drift"),
            ),
            checks=(
                Check(at="29m", firing=()),
                Check(at="35m", firing=(_firing(_SHIFTED),)),
                Check(at="49m", firing=(_firing(_SHIFTED),)),
                Check(at="60m", firing=(_firing(_SHIFTED),)),
            ),
        ),
        Case(
            name="two replicas, each shifted to another side, are steady as a fleet",
            series=(
                *window(1000),
                *bins("income", (900, 100)),
                *window(1000, target=_B),
                *bins("income", (100, 900), target=_B),
                owner("drift"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
        Case(
            name="above the effect, below what chance gives at this sample size",
            series=(*window(40), *bins("income", (29, 11)), owner("drift")),
            checks=(Check(at="60m", firing=()),),
        ),
        Case(
            name="a small sample that chance does not explain, in the long window alone",
            series=(
                *window(20),
                *bins("income", (10, 10)),
                *window(60, "24h")[:1],
                *bins("income", _SMALL, name="24h")[:2],
                bins("income", _SMALL, name="24h")[-1],
                owner("drift"),
            ),
            checks=(Check(at="35m", firing=(_firing(_SMALL, "24h"),)),),
        ),
        Case(
            name="too few predictions, an empty window, and a drifted score, which is not a feature",
            series=(
                *window(20),
                *bins("income", (20, 0)),
                *bins("age", (0, 0)),
                *bins("score", (900, 100), role="score"),
                owner("drift"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
    ),
)
