"""A categorical column holds values that the baseline does not know."""

from __future__ import annotations

from prediction_exporter.collectors.windows import WINDOW_BIN_PREDICTIONS
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import TARGET, VERSION_LABELS, bins, owner, share, window
from prediction_exporter.kit.columns import AboveThreshold
from prediction_exporter.kit.figures import UNSEEN, values
from prediction_exporter.kit.promql import VERSION_COLUMN_KEY
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.wording import PERCENT
from prediction_exporter.statistics.invalid_ratio import INVALID_RATIO
from prediction_exporter.statistics.missing_ratio import MISSING_RATIO
from prediction_exporter.statistics.non_finite_ratio import NON_FINITE_RATIO
from prediction_exporter.statistics.unseen_ratio import UNSEEN_RATIO

_ABOVE = AboveThreshold(figures=(UNSEEN,), matchers=(), now=True, counted=values, show=PERCENT)
_ALL = 'segment="all"'
_B = {**TARGET, "instance": "b:10900"}


def _valid(target: dict[str, str]) -> tuple[str, ...]:
    """Return that no prediction lacks the column's value."""
    return tuple(share(each, "region", 0, 0.02, target=target)[0] for each in (MISSING_RATIO, INVALID_RATIO, NON_FINITE_RATIO))


UNSEEN_CATEGORIES = Alert(
    name="ModelUnseenCategories",
    area="data",
    key=VERSION_COLUMN_KEY,
    window=_ABOVE.window,
    conditions=(Condition(severity="warning", expr=_ABOVE.expr, hold=duration("15m"), keep=duration("15m")),),
    summary="A column holds categories that the model has never seen in training.",
    description=_ABOVE.description(
        "<value> of the values of {{ $labels.column }} of {{ $labels.model }} version {{ $labels.version }} are not in the "
        "baseline's category table, against a threshold of <threshold>, over <count> values in <window>."
    ),
    worst=_ABOVE.worst,
    action="Look up the new values where the predictions are written: a spelling or code that changed, or new ones to learn?",
    meaning=(
        "A share of the column's values above the threshold is not in the baseline's category table. Values never become "
        "labels, so the new categories themselves stand only where predictions are written."
    ),
    impact="The model treats these values as unknown, whatever it knew of what they mean.",
    diagnosis=(
        Diagnosis(question="Which columns?", query=f"topk(10, {UNSEEN.over.where(model='MODEL')})"),
        Diagnosis(
            question="Which categories have become rarer in exchange?",
            query=f"sum by (bin) ({WINDOW_BIN_PREDICTIONS.where(_ALL, model='MODEL', column='COLUMN', window='WINDOW')})",
        ),
        Diagnosis(
            question="Only in a segment?", query=f"topk(10, {UNSEEN_RATIO.family.where(model='MODEL', column='COLUMN')})"
        ),
    ),
    mitigation=(
        "1. Count the column's values in the log or table and compare with the baseline's.\n"
        "2. Changed codes or spelling: map them in the producer.\n"
        "3. New categories: retrain, and build a new baseline. Until then raise the column's threshold, with a date."
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE),
    without_model=False,
    graphed=_ABOVE.series,
    tests=(
        Case(
            name="weighted by the replicas' values: 9 in 100 of 1,000 and none of 500 are 6 in 100",
            series=(
                *window(1000),
                *bins("region", (500, 500)),
                *share(UNSEEN_RATIO, "region", 0.09, 0.04),
                *window(500, target=_B),
                *bins("region", (250, 250), target=_B),
                *share(UNSEEN_RATIO, "region", 0, 0.05, target=_B),
                *_valid(TARGET),
                *_valid(_B),
                owner("data", "data-eng"),
            ),
            checks=(
                Check(
                    at="20m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**VERSION_LABELS, "column": "region", "role": "feature", "owner": "data-eng"},
                            description=(
                                "6 % of the values of region of credit-risk version 2 are not in the baseline's category "
                                "table, against a threshold of 5 %, over 1,500 values in 1h."
                            ),
                            worst="region 6 %",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="below the threshold",
            series=(
                *window(1000),
                *bins("region", (500, 500)),
                *share(UNSEEN_RATIO, "region", 0.03, 0.04),
                owner("data"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
    ),
)
