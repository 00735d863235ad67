"""Values of a numeric column lie outside the baseline's range."""

from __future__ import annotations

from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import VERSION_LABELS, bins, owner, share, window
from prediction_exporter.kit.columns import AboveThreshold
from prediction_exporter.kit.figures import OUT_OF_RANGE, values
from prediction_exporter.kit.promql import VERSION_COLUMN_KEY
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.wording import PERCENT
from prediction_exporter.statistics.max import MAX
from prediction_exporter.statistics.min import MIN
from prediction_exporter.statistics.out_of_range_ratio import OUT_OF_RANGE_RATIO

_ABOVE = AboveThreshold(figures=(OUT_OF_RANGE,), matchers=(), now=True, counted=values, show=PERCENT)

OUT_OF_RANGE_VALUES = Alert(
    name="ModelOutOfRangeValues",
    area="data",
    key=VERSION_COLUMN_KEY,
    window=_ABOVE.window,
    conditions=(Condition(severity="info", expr=_ABOVE.expr, hold=duration("30m"), keep=duration("15m")),),
    summary="Values of a column lie outside the range that the model was trained on.",
    description=_ABOVE.description(
        "<value> of the values of {{ $labels.column }} of {{ $labels.model }} version {{ $labels.version }} lie outside the "
        "baseline's range, against a threshold of <threshold>, over <count> values in <window>."
    ),
    worst=_ABOVE.worst,
    action="Compare the column's minimum and maximum with the baseline's: another unit, a default of -1, or new customers?",
    meaning="A share of the column's values above the threshold is below the baseline's minimum or above its maximum.",
    impact="The model extrapolates there: tree models answer with their outermost leaf, linear ones without any limit.",
    diagnosis=(
        Diagnosis(question="The smallest value", query=f"min({MIN.family.where(model='MODEL', column='COLUMN')})"),
        Diagnosis(question="The largest value", query=f"max({MAX.family.where(model='MODEL', column='COLUMN')})"),
        Diagnosis(
            question="Only in a segment?", query=f"topk(10, {OUT_OF_RANGE_RATIO.family.where(model='MODEL', column='COLUMN')})"
        ),
    ),
    mitigation=(
        "1. Another unit or scale (cents for euros): repair the producer.\n"
        "2. A placeholder for a missing value: send null instead.\n"
        "3. The world has changed: retrain with such data, and build a new baseline."
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE),
    without_model=False,
    graphed=_ABOVE.series,
    tests=(
        Case(
            name="a tenth of the values out of range",
            series=(
                *window(800),
                *bins("income", (250, 250)),
                *share(OUT_OF_RANGE_RATIO, "income", 0.1, 0.06),
                owner("data", "data-eng"),
            ),
            checks=(
                Check(at="29m", firing=()),
                Check(
                    at="35m",
                    firing=(
                        Firing(
                            severity="info",
                            labels={**VERSION_LABELS, "column": "income", "role": "feature", "owner": "data-eng"},
                            description=(
                                "10 % of the values of income of credit-risk version 2 lie outside the baseline's range, "
                                "against a threshold of 6 %, over 500 values in 1h."
                            ),
                            worst="income 10 %",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="below the threshold, and a column without values",
            series=(
                *window(800),
                *bins("income", (250, 250)),
                *share(OUT_OF_RANGE_RATIO, "income", 0.05, 0.06),
                *bins("age", (0, 0)),
                share(OUT_OF_RANGE_RATIO, "age", 0, 0.06)[1],
                owner("data"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
    ),
)
