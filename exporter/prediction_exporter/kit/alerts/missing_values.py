"""A column is missing more often than in the baseline."""

from __future__ import annotations

from prediction_exporter.collectors.windows import WINDOW_PREDICTIONS
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import SCOPE_LABELS, TARGET, VERSION_LABELS, bar, importance, owner, series, share, window
from prediction_exporter.kit.columns import USELESS, AboveThreshold, of_rows
from prediction_exporter.kit.figures import MISSING
from prediction_exporter.kit.promql import VERSION_COLUMN_KEY
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.wording import PERCENT
from prediction_exporter.statistics.missing_ratio import MISSING_RATIO
from prediction_exporter.statistics.schema_mismatch import SCHEMA_MISMATCH

_ABOVE = AboveThreshold(figures=(MISSING,), matchers=(), now=True, counted=of_rows, show=PERCENT)
_INCOME = {**VERSION_LABELS, "column": "income", "role": "feature"}
_B = {**TARGET, "instance": "b:10900"}
_C = {**TARGET, "instance": "c:10900"}


def _text(value: str, threshold: str, count: int, windowed: str, column: str = "income", carries: str = "") -> str:
    return (
        f"{column} of credit-risk version 2 is missing in {value} of predictions, against a threshold of {threshold}, "
        f"over {count:,} predictions in {windowed}.{carries}"
    )


MISSING_VALUES = Alert(
    name="ModelMissingValues",
    area="data",
    key=VERSION_COLUMN_KEY,
    window=_ABOVE.window,
    conditions=(
        Condition(
            severity="critical",
            expr=_ABOVE.expr_from(USELESS),
            hold=duration("5m"),
            keep=duration("15m"),
        ),
        Condition(severity="warning", expr=_ABOVE.expr, hold=duration("15m"), keep=duration("15m")),
    ),
    summary="A column is missing far more often than when the model was trained.",
    description=_ABOVE.description(
        "{{ $labels.column }} of {{ $labels.model }} version {{ $labels.version }} is missing in <value> of predictions, "
        "against a threshold of <threshold>, over <count> predictions in <window>.<importance>"
    ),
    worst=_ABOVE.worst,
    action="Find the producer of the column and when it last changed; until then decide whether to serve a fallback.",
    meaning=(
        "The share of predictions in which the column is absent or null exceeds its threshold: the baseline's share, plus the "
        f"configured increase or what the sample size demands. Critical: missing in at least {USELESS * 100:g} % of them. "
        "Only the shortest window counts that had enough predictions within a day, so the alert ends soon after the repair."
    ),
    impact="The model predicts from a default or an imputed value where it learnt a real one. Drift of the column is muted.",
    diagnosis=(
        Diagnosis(
            question="Which columns, and how many times their threshold?",
            query=f"{MISSING.over.where(model='MODEL')} > 1",
        ),
        Diagnosis(
            question="Only in a segment?",
            query=f"topk(10, {MISSING_RATIO.family.where(model='MODEL', column='COLUMN')})",
        ),
        Diagnosis(
            question="Only on some replicas?",
            query=MISSING_RATIO.family.where(model="MODEL", column="COLUMN", segment="all"),
        ),
        Diagnosis(question="Which columns never come?", query=f"{SCHEMA_MISMATCH.family.where(kind='missing')} == 1"),
    ),
    mitigation=(
        "1. All columns of one producer: it is down, or its join fails. Repair it, and replay if decisions must be redone.\n"
        "2. One column: was it renamed or dropped upstream, or in a version of the model server? Roll back.\n"
        "3. On purpose: retrain without the column, and build a new baseline."
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE),
    without_model=False,
    graphed=_ABOVE.series,
    tests=(
        Case(
            name="missing in every fourth prediction of two replicas, whose scrape fails twice",
            series=(
                *window(600, values="x20 _x1 600x60"),
                *share(MISSING_RATIO, "income", 0.4, 0.06, values="x20 _x1 0.4x60"),
                *window(400, target=_B),
                *share(MISSING_RATIO, "income", 0.025, 0.07, target=_B),
                *share(MISSING_RATIO, "age", 0.01, 0.06),
                owner("data", "data-eng", "1x20 _x1 1x60"),
            ),
            checks=(
                Check(at="14m", firing=()),
                *(
                    Check(
                        at=at,
                        firing=(
                            Firing(
                                severity="warning",
                                labels={**_INCOME, "owner": "data-eng"},
                                description=_text("25 %", "7 %", 1000, "1h"),
                                worst="income 25 %",
                            ),
                        ),
                    )
                    for at in ("19m", "30m")
                ),
            ),
        ),
        Case(
            name="missing in all predictions, while one of three replicas names another owner",
            series=(
                *window(600),
                *share(MISSING_RATIO, "income", 1.0, 0.06),
                *share(MISSING_RATIO, "age", 0.5, 0.06),
                owner("data", "data-eng"),
                owner("data", "data-eng-2", target=_B),
                owner("data", "data-eng", target=_C),
            ),
            checks=(
                Check(
                    at="10m",
                    firing=(
                        Firing(
                            severity="critical",
                            labels={**_INCOME, "owner": "data-eng"},
                            description=_text("100 %", "6 %", 600, "1h"),
                            worst=f"{bar(10)} income 100 %, {bar(5)} age 50 %",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="missing in all predictions: what it carries of the score is told, and weakens nothing",
            series=(
                *window(600),
                *share(MISSING_RATIO, "income", 1.0, 0.06),
                *importance({"income": 0.01, "age": 0.99}),
                owner("data", "data-eng"),
            ),
            checks=(
                Check(
                    at="10m",
                    firing=(
                        Firing(
                            severity="critical",
                            labels={**_INCOME, "owner": "data-eng"},
                            description=_text("100 %", "6 %", 600, "1h", carries=" It carries 1 % of the score."),
                            worst="income 100 %",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="a value in every thousandth prediction; and one replica's two predictions that have it change nothing",
            series=(
                *window(1000),
                *share(MISSING_RATIO, "income", 0.999, 0.06),
                *window(2, target=_B),
                *share(MISSING_RATIO, "income", 0.0, 0.06, target=_B)[:1],
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
                            description=_text("99.7 %", "6 %", 1002, "1h"),
                            worst="income 99.7 %",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="one exporter that Prometheus finds as two targets, under other labels",
            series=tuple(
                line
                for target in (TARGET, {**TARGET, "endpoint": "metrics"})
                for line in (
                    *window(600, target=target),
                    *share(MISSING_RATIO, "income", 1.0, 0.06, target=target),
                    owner("data", "data-eng", target=target),
                )
            ),
            checks=(
                Check(
                    at="9m",
                    firing=(
                        Firing(
                            severity="critical",
                            labels={**_INCOME, "owner": "data-eng"},
                            description=_text("100 %", "6 %", 1200, "1h"),
                            worst="income 100 %",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="no owner: the alert comes without one",
            series=(*window(600), *share(MISSING_RATIO, "income", 1.0, 0.06)),
            checks=(
                Check(
                    at="10m",
                    firing=(
                        Firing(
                            severity="critical",
                            labels=_INCOME,
                            description=_text("100 %", "6 %", 600, "1h"),
                            worst="income 100 %",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="repaired: the long window still remembers, the short one does not",
            series=(
                *window(600),
                *window(20_000, "24h")[:1],
                *share(MISSING_RATIO, "income", 0.0, 0.06),
                *share(MISSING_RATIO, "income", 0.4, 0.06, window="24h"),
                owner("data"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
        Case(
            name="repaired before the night, when the short window has too few predictions for a threshold",
            series=(
                *window(600, values="x60 5x100"),
                *window(20_000, "24h")[:1],
                share(MISSING_RATIO, "income", 0.0, 0.06)[0],
                share(MISSING_RATIO, "income", 0.0, 0.06, values="x60 _x100")[1],
                *share(MISSING_RATIO, "income", 0.4, 0.06, window="24h"),
                owner("data"),
            ),
            checks=(Check(at="50m", firing=()), Check(at="100m", firing=())),
        ),
        Case(
            name="too few predictions have no threshold, an empty window has no share",
            series=(
                *window(10),
                *share(MISSING_RATIO, "income", 1.0, 0.06)[:1],
                series(
                    WINDOW_PREDICTIONS,
                    "0x60",
                    target={**SCOPE_LABELS, "instance": "b:10900"},
                    model="other",
                    version="1",
                    segment="all",
                    window="1h",
                ),
                owner("data"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
    ),
)
