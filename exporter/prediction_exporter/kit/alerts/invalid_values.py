"""A column holds values of a wrong type, NaN or infinities."""

from __future__ import annotations

from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import VERSION_LABELS, owner, share, window
from prediction_exporter.kit.columns import USELESS, AboveThreshold, of_rows
from prediction_exporter.kit.figures import INVALID, NON_FINITE
from prediction_exporter.kit.promql import VERSION_COLUMN_KEY
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.wording import PERCENT
from prediction_exporter.statistics.invalid_ratio import INVALID_RATIO
from prediction_exporter.statistics.non_finite_ratio import NON_FINITE_RATIO

_ABOVE = AboveThreshold(
    figures=(INVALID, NON_FINITE),
    matchers=(),
    now=True,
    counted=of_rows,
    show=PERCENT,
)
_INCOME = {**VERSION_LABELS, "column": "income", "role": "feature"}

INVALID_VALUES = Alert(
    name="ModelInvalidValues",
    area="data",
    key=VERSION_COLUMN_KEY,
    window=_ABOVE.window,
    conditions=(
        Condition(severity="critical", expr=_ABOVE.expr_from(USELESS), hold=duration("5m"), keep=duration("15m")),
        Condition(severity="warning", expr=_ABOVE.expr, hold=duration("15m"), keep=duration("15m")),
    ),
    summary="A column holds values that the model cannot use: a wrong type, NaN or an infinity.",
    description=_ABOVE.description(
        "{{ $labels.column }} of {{ $labels.model }} version {{ $labels.version }} is of a wrong type in <value> of "
        "predictions (threshold <threshold>) and NaN or infinite in <value 2> (threshold <threshold 2>), "
        "over <count> predictions in <window>.<importance>"
    ),
    worst=_ABOVE.worst,
    action="Look at raw values of the column: what changed in its producer, a type, a unit or a computation?",
    meaning=(
        "Text where the baseline has numbers, objects, or NaN and infinities, in more predictions than the threshold allows. "
        f"Such values are in no bin. Critical: either in at least {USELESS * 100:g} % of predictions. Only the shortest window "
        "with enough predictions counts."
    ),
    impact="The model fails on such requests or predicts nonsense. Drift of the column, computed from the rest, is muted.",
    diagnosis=(
        Diagnosis(question="Wrong types", query=f"topk(10, {INVALID.over.where(model='MODEL')})"),
        Diagnosis(question="NaN and infinities", query=f"topk(10, {NON_FINITE.over.where(model='MODEL')})"),
        Diagnosis(
            question="Only on some replicas?",
            query=INVALID_RATIO.family.where(model="MODEL", column="COLUMN", segment="all"),
        ),
    ),
    mitigation=(
        "1. Look at some of the column's values in the prediction log or table.\n"
        "2. NaN: a division or logarithm in the feature's computation fails on new input. Where pandas logs missing values so, "
        "set `nan: missing` for the column, and build the baseline anew.\n"
        '3. Text: a client sends `"12.5"` for `12.5`, or a unit with it. Repair the producer; reject such requests meanwhile.'
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE),
    without_model=False,
    graphed=_ABOVE.series,
    tests=(
        Case(
            name="no wrong types, but NaN in a fifth of the predictions",
            series=(
                *window(500),
                *share(INVALID_RATIO, "income", 0.0, 0.02),
                *share(NON_FINITE_RATIO, "income", 0.2, 0.03),
                owner("data", "data-eng"),
            ),
            checks=(
                Check(at="14m", firing=()),
                Check(
                    at="20m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**_INCOME, "owner": "data-eng"},
                            description=(
                                "income of credit-risk version 2 is of a wrong type in 0 % of predictions (threshold 2 %) "
                                "and NaN or infinite in 20 % (threshold 3 %), over 500 predictions in 1h."
                            ),
                            worst="income 20 %",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="text in all predictions but a few: the column is as good as missing",
            series=(
                *window(500),
                *share(INVALID_RATIO, "income", 0.998, 0.02),
                *share(NON_FINITE_RATIO, "income", 0.002, 0.03),
                owner("data", "data-eng"),
            ),
            checks=(
                Check(at="4m", firing=()),
                Check(
                    at="10m",
                    firing=(
                        Firing(
                            severity="critical",
                            labels={**_INCOME, "owner": "data-eng"},
                            description=(
                                "income of credit-risk version 2 is of a wrong type in 99.8 % of predictions (threshold 2 %) "
                                "and NaN or infinite in 0.2 % (threshold 3 %), over 500 predictions in 1h."
                            ),
                            worst="income 99.8 %",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="both below their thresholds",
            series=(
                *window(500),
                *share(INVALID_RATIO, "income", 0.02, 0.02),
                *share(NON_FINITE_RATIO, "income", 0.02, 0.03),
                owner("data"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
    ),
)
