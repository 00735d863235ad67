"""A feature is distributed otherwise than in the baseline."""

from __future__ import annotations

from dataclasses import replace

from prediction_exporter.collectors.evidence import IMPORTANCE
from prediction_exporter.collectors.windows import BASELINE_BIN_RATIO
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, Severity
from prediction_exporter.kit.alerts.baseline_mismatch import BASELINE_MISMATCH
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.invalid_values import INVALID_VALUES
from prediction_exporter.kit.alerts.missing_values import MISSING_VALUES
from prediction_exporter.kit.alerts.no_predictions import NO_PREDICTIONS
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.alerts.widespread_drift import WIDESPREAD_DRIFT
from prediction_exporter.kit.cases import (
    TARGET,
    VERSION_LABELS,
    bar,
    bins,
    changes,
    evidence,
    importance,
    moments,
    owner,
    psi,
    psi_threshold,
    window,
)
from prediction_exporter.kit.columns import DRIFT_ALONE, AboveThreshold
from prediction_exporter.kit.evidence import LITTLE, MOVED
from prediction_exporter.kit.figures import BIN_KEY, BIN_SHARE, PSI, chosen, expected_bins, values
from prediction_exporter.kit.promql import VERSION_COLUMN_KEY, on
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.wording import NUMBER

_ABOVE = AboveThreshold(figures=(PSI,), matchers=('role="feature"',), now=False, counted=values, show=NUMBER, alone=DRIFT_ALONE)
_SHOWN = chosen('model="MODEL"', 'column="COLUMN"', 'segment="all"', 'window="WINDOW"')
_B = {**TARGET, "instance": "b:10900"}
_SHIFTED = (900, 100)
_SLIGHT = (750, 250)
_SMALL = (50, 10)


def _firing(
    counts: tuple[int, int],
    moved: str,
    windowed: str = "1h",
    column: str = "income",
    expected: tuple[float, float] | None = None,
    *,
    severity: Severity = "warning",
    carries: str = "",
) -> Firing:
    rows = sum(counts)
    return Firing(
        severity=severity,
        labels={**VERSION_LABELS, "column": column, "role": "feature", "owner": "risk-ds"},
        description=(
            f"{column} of credit-risk version 2 has drifted ({moved}): PSI {psi(counts, expected):.2f} against a threshold of "
            f"{psi_threshold(rows):.2f}, over {rows:,} values in {windowed}.{carries}"
        ),
        worst=f"{column} {psi(counts, expected):.2f}",
        window=windowed,
    )


# 0.88 / 1.02 = 0.86
_BOTH = f"{bar(10)} region {psi((80, 920)):.2f}, {bar(9)} income {psi(_SHIFTED):.2f}"
_QUOTED = 'annual "income" in % \\ {{x}}'
_WHERE = "0: 50 % -> 90 %"
# 0.88 / 1.32 = 0.66, 0.61 / 1.32 = 0.46
_BARS = (10, 7, 5)
_THREE = {"note": (950, 50), "income": _SHIFTED, "rate": (850, 150)}
_OF_HOURS = _firing((900, 1100), "1: 20 % -> 55 %", column="age", expected=(1600, 400))
_UP = _firing(_SHIFTED, "mean 14,560 -> 23,442, up 0.9 sd")


def _of_three(column: str, moved: str, carries: str, *, severity: Severity = "warning") -> Firing:
    firing = _firing(_THREE[column], moved, column=column, severity=severity, carries=carries)
    return replace(
        firing,
        worst=", ".join(
            f"{bar(full)} {each} {psi(counts):.2f}" for full, (each, counts) in zip(_BARS, _THREE.items(), strict=True)
        ),
    )


FEATURE_DRIFT = Alert(
    name="ModelFeatureDrift",
    area="drift",
    key=VERSION_COLUMN_KEY,
    window=_ABOVE.window,
    conditions=(
        Condition(severity="warning", expr=_ABOVE.expr_of_weight, hold=duration("30m"), keep=duration("15m")),
        Condition(severity="info", expr=_ABOVE.expr_of_little, hold=duration("30m"), keep=duration("15m")),
    ),
    summary="A feature is no longer distributed as it was when the model was trained.",
    description=_ABOVE.description(
        "{{ $labels.column }} of {{ $labels.model }} version {{ $labels.version }} has drifted<shift>: PSI <value> against a "
        "threshold of <threshold>, over <count> values in <window>.<importance>"
    ),
    worst=_ABOVE.worst,
    action="Find out when it began and what changed then: broken upstream, or a real change to retrain for?",
    meaning=(
        "The feature surely moved, and its PSI against the baseline, of all replicas together, is above its threshold in at "
        "least one window for 30 minutes. The threshold is the largest of the effect that matters, of what its windows "
        "read without any change where no effect is configured, and of what chance rarely exceeds at this size. "
        f"On a version's first day, when nobody can be sure, it fires from {DRIFT_ALONE:g} times that. "
        f"Info: the feature's importance is known, and is less than {LITTLE * 100:g} % of an equal share."
    ),
    impact=(
        "The model sees input that it has learnt less about. How much that harms depends on what part of the score the feature "
        "carries, which the message says where it is known."
    ),
    diagnosis=(
        Diagnosis(
            question="How many times its threshold is it, by window?",
            query=PSI.over.where(model="MODEL", column="COLUMN"),
        ),
        Diagnosis(
            question="How sure is it? From 1 on, no chance and no season explains it.",
            query=MOVED.where(model="MODEL", column="COLUMN"),
        ),
        Diagnosis(
            question="How large is it on each replica, and against which threshold?",
            query=f'{{__name__=~"{PSI.statistic.family}(_threshold)?", model="MODEL", column="COLUMN", segment="all"}}',
        ),
        Diagnosis(
            question="How much does it matter, beside the others?",
            query=f"sort_desc({IMPORTANCE.where(model='MODEL')})",
        ),
        Diagnosis(
            question="Which bins have grown?",
            query=(
                f"{BIN_SHARE.where(model='MODEL', column='COLUMN', segment='all', window='WINDOW')}"
                " - on (cluster, namespace, job, model, column, role, bin) group_left () "
                f"max by (cluster, namespace, job, model, column, role, bin) ({BASELINE_BIN_RATIO.where(model='MODEL')})"
            ),
        ),
        Diagnosis(
            question="Which have grown against the baseline's same hours, where the column has a season?",
            query=(
                f"{BIN_SHARE.where(model='MODEL', column='COLUMN', segment='all', window='WINDOW')} - {on(BIN_KEY)} "
                f"{expected_bins(_SHOWN)}"
            ),
        ),
        Diagnosis(
            question="Only in a segment?", query=f"topk(10, {PSI.statistic.family.where(model='MODEL', column='COLUMN')})"
        ),
    ),
    mitigation=(
        "1. A step at one point in time: look for a deployment upstream, another unit, a changed default.\n"
        "2. A slow trend: the population changes. Plan retraining, and check performance as labels arrive.\n"
        "3. A daily or weekly cycle: build the baseline of data that has times and covers the cycle, so that it knows it; or "
        "use a window of a whole cycle.\n"
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
    graphed=_ABOVE.series,
    tests=(
        Case(
            name="a shifted feature beside a steady one; then its scrape fails, then the exporter restarts",
            series=(
                *window(1000, values="x10 _x1 1000x35 _x3 1000x40"),
                bins("income", _SHIFTED, values="x10 _x1 900x35 _x3 900x40")[0],
                bins("income", _SHIFTED, values="x10 _x1 100x35 _x3 100x40")[1],
                *bins("income", _SHIFTED)[2:],
                moments("income", 23_442, baseline=(14_560, 9_868), values="x10 _x1 23442x35 _x3 23442x40")[0],
                *moments("income", 23_442, baseline=(14_560, 9_868))[1:],
                *bins("age", (500, 500)),
                owner("drift"),
            ),
            checks=(
                Check(at="29m", firing=()),
                Check(at="35m", firing=(_UP,)),
                Check(at="49m", firing=(_UP,)),
                Check(at="60m", firing=(_UP,)),
            ),
        ),
        Case(
            # At 35 minutes a day ago is 84,300 s before the begin, and a day before the alert began 86,400 s or less.
            name="what changed: a version, and one in the day before it began; the baseline, and the configuration",
            series=(
                *window(1000),
                *bins("income", _SHIFTED),
                *changes(versions={"1": -90_000, "1.1": -86_000, "2": 300}, baseline=-86_100, configuration=240),
                owner("drift"),
            ),
            checks=(
                Check(
                    at="35m",
                    firing=(
                        replace(
                            _firing(_SHIFTED, _WHERE),
                            changed=(
                                "version 2 first seen 1 Jan 00:05 UTC, configuration read 1 Jan 00:04 UTC, "
                                "version 1.1 first seen 31 Dec 00:06 UTC"
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="a season, of which the evidence says that nothing moved; a small distance that is sure",
            series=(
                *window(1000),
                *bins("hour", _SHIFTED),
                *bins("income", _SLIGHT),
                *evidence({"hour": 1.5, "income": 7}, moved=1),
                owner("drift"),
            ),
            checks=(
                Check(
                    at="35m",
                    firing=(_firing(_SLIGHT, "0: 50 % -> 75 %"),),
                ),
            ),
        ),
        Case(
            name="the same small distance on the first day, when there is no evidence yet",
            series=(*window(1000), *bins("income", _SLIGHT), owner("drift")),
            checks=(Check(at="60m", firing=()),),
        ),
        Case(
            name="one that matters next to nothing, one that matters, and one of which nobody knows",
            series=(
                *window(1000),
                *(line for name, counts in _THREE.items() for line in bins(name, counts)),
                # An equal share of four is 25 %, a tenth of that 2.5 %.
                *importance({"note": 0.024, "income": 0.026, "age": 0.45, "amount": 0.5}),
                owner("drift"),
            ),
            checks=(
                Check(
                    at="35m",
                    firing=(
                        _of_three("note", "0: 50 % -> 95 %", " It carries 2.4 % of the score.", severity="info"),
                        _of_three("income", _WHERE, " It carries 2.6 % of the score."),
                        _of_three("rate", "0: 50 % -> 85 %", ""),
                    ),
                ),
            ),
        ),
        Case(
            name="equal importance: none matters less than the others",
            series=(
                *window(1000),
                *bins("income", _SHIFTED),
                *importance(dict.fromkeys(("income", "age", "amount", "rate"), 0.25)),
                owner("drift"),
            ),
            checks=(Check(at="35m", firing=(_firing(_SHIFTED, _WHERE, carries=" It carries 25 % of the score."),)),),
        ),
        Case(
            # (900 * 0.52 + 100 * 0.02) / 1000 = 0.47
            name="the mean of two replicas, of which one has nine times the values of the other",
            series=(
                *window(900),
                *bins("rate", (810, 90)),
                *moments("rate", 0.52, baseline=(0.5, 0.02)),
                *window(100, target=_B),
                *bins("rate", (90, 10), target=_B),
                *moments("rate", 0.02, baseline=(0.5, 0.02), target=_B),
                owner("drift"),
            ),
            checks=(Check(at="35m", firing=(_firing(_SHIFTED, "mean 0.500 -> 0.470, down 1.5 sd", column="rate"),)),),
        ),
        Case(
            name="a season: replicas that serve the night and the day as the baseline did, and one that does not any more",
            series=(
                *window(1000),
                *bins("income", (950, 50), expected=(950, 50)),
                *bins("age", (900, 100), expected=(900, 100)),
                *moments("age", 23_442, baseline=(14_560, 9_868)),
                *window(1000, target=_B),
                *bins("income", (800, 200), expected=(800, 200), target=_B),
                *bins("age", (0, 1000), expected=(700, 300), target=_B),
                *moments("age", 23_442, baseline=(14_560, 9_868), target=_B),
                owner("drift"),
            ),
            checks=(Check(at="35m", firing=(_OF_HOURS,)),),
        ),
        Case(
            name="a mean that stays while the values go to one side of it, and a category",
            series=(
                *window(1000),
                *bins("income", _SHIFTED, labels=("0 [-Inf, 1200)", "1 [1200, +Inf)")),
                *moments("income", 1_000, baseline=(1_040, 500)),
                *bins("region", (80, 920), labels=("north", 'the "south"')),
                owner("drift"),
            ),
            checks=(
                Check(
                    at="35m",
                    firing=(
                        replace(_firing(_SHIFTED, "below 1200: 50 % -> 90 %"), worst=_BOTH),
                        replace(_firing((80, 920), 'the "south": 50 % -> 92 %', column="region"), worst=_BOTH),
                    ),
                ),
            ),
        ),
        Case(
            name="a column that was constant, and whose name is not what names should be",
            series=(
                *window(1000),
                *bins(_QUOTED, _SHIFTED),
                *moments(_QUOTED, -7_654_321.4, baseline=(5, 0)),
                owner("drift"),
            ),
            checks=(
                Check(
                    at="35m",
                    firing=(_firing(_SHIFTED, "mean 5 -> -7,654,321, down from a constant", column=_QUOTED),),
                ),
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
                *bins("income", _SMALL, name="24h"),
                owner("drift"),
            ),
            checks=(Check(at="35m", firing=(_firing(_SMALL, "0: 50 % -> 83 %", "24h"),)),),
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
