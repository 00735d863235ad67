"""Most features of a model have drifted at once."""

from __future__ import annotations

from prediction_exporter.collectors.evidence import IMPORTANCE
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, figure, own, query
from prediction_exporter.kit.alerts.baseline_mismatch import BASELINE_MISMATCH
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.no_predictions import NO_PREDICTIONS
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import VERSION_LABELS, bar, bins, evidence, importance, moments, owner, psi, window
from prediction_exporter.kit.columns import DRIFT_ALONE, AboveThreshold
from prediction_exporter.kit.figures import PSI, values
from prediction_exporter.kit.promql import VERSION_KEY, WINDOW_KEY, by, joined, latest, on
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT, NUMBER, PERCENT
from prediction_exporter.statistics.drifted_columns import DRIFTED_COLUMNS

#: Share and number of drifted features from which the whole input is another, and not a feature.
SHARE, LEAST = 0.5, 3
#: What part of the score features carry that surely moved from which on it does not matter how many they are.
CARRIED = 0.5
_FEATURES = 'role="feature"'
_ABOVE = AboveThreshold(figures=(PSI,), matchers=(_FEATURES,), now=False, counted=values, show=NUMBER, alone=DRIFT_ALONE)


def _widespread(scale: Scale) -> str:
    drifted = f"count {by(WINDOW_KEY)} ({_ABOVE.windows(scale)})"
    comparable = f"count {by(WINDOW_KEY)} ({latest(PSI.over.where(_FEATURES), scale)})"
    most = f"max {by(VERSION_KEY)} (\n  ({drifted} >= {LEAST})\n  / {comparable}\n  >= {SHARE}\n)"
    return joined(most, f"or {on(VERSION_KEY)}", f"max {by(VERSION_KEY)} ({_ABOVE.carried(scale)} >= {CARRIED})")


def _description(scale: Scale) -> str:
    drifted = " ".join(_ABOVE.windows(scale, VERSION_KEY).split())
    comparable = latest(own(PSI.over.name, VERSION_KEY, _FEATURES), scale)
    most = figure(f"max(count by (window) ({drifted}))", VERSION_KEY, COUNT)
    part = figure(f"max(count by (window) ({drifted}) / count by (window) ({comparable}))", VERSION_KEY, PERCENT)
    carried = query(PERCENT.scaled(f"max({' '.join(_ABOVE.carried(scale, VERSION_KEY).split())})"), VERSION_KEY)
    return (
        f"{part} of the features of {{{{ $labels.model }}}} version {{{{ $labels.version }}}} have drifted, {most} in all: "
        f"their PSI is above the threshold.{{{{ with {carried} }}}} Those that surely moved carry "
        f"{PERCENT.of('(. | first | value)')} of the score.{{{{ end }}}} The alert fires from {SHARE * 100:g} % and {LEAST} "
        f"features, or from {CARRIED * 100:g} % of the score."
    )


def _window(scale: Scale) -> str:
    drifted = " ".join(_ABOVE.windows(scale, VERSION_KEY).split())
    return query(f"topk(1, count by (window) ({drifted}))", VERSION_KEY)


_SHIFTED, _STEADY = (900, 100), (500, 500)
#: Features whose importance is known, of which the first two are just half of what the score depends on.
_IMPORTANCE = {"age": 0.3, "income": 0.2, "amount": 0.3, "term": 0.2}


def _text(part: str, features: int, carried: str = "") -> str:
    return (
        f"{part} of the features of credit-risk version 2 have drifted, {features} in all: their PSI is above the threshold."
        f"{carried} The alert fires from 50 % and 3 features, or from 50 % of the score."
    )


WIDESPREAD_DRIFT = Alert(
    name="ModelWidespreadDrift",
    area="drift",
    key=VERSION_KEY,
    window=_window,
    conditions=(Condition(severity="critical", expr=_widespread, hold=duration("15m"), keep=duration("15m")),),
    summary="Most of what a model decides by has drifted: its input is no longer what it was trained on.",
    description=_description,
    worst=_ABOVE.worst_and_shifts,
    action="Look for one cause: a new caller, a changed pipeline, a wrong version. Consider the fallback until it is found.",
    meaning=(
        f"In one window at least {SHARE * 100:g} % of the comparable features, and at least {LEAST}, have a PSI above their "
        "threshold, which takes the sample size into account; or, where importance is known, those of them that surely moved "
        f"carry at least {CARRIED * 100:g} % of the score, however few they are. Alerts on single features are muted meanwhile."
    ),
    impact="Predictions are extrapolations. Performance known from validation does not hold.",
    diagnosis=(
        Diagnosis(
            question="Which features, the worst first?",
            query=f"sort_desc({PSI.over.where(_FEATURES, model='MODEL')})",
        ),
        Diagnosis(
            question="Which features does the score depend on?",
            query=f"sort_desc({IMPORTANCE.where(model='MODEL')})",
        ),
        Diagnosis(
            question="Since when?",
            query=f"max by (window) ({DRIFTED_COLUMNS.family.where(model='MODEL', segment='all')})",
        ),
        Diagnosis(
            question="Only in a segment, as a new region or channel?",
            query=f"max by (segment) ({DRIFTED_COLUMNS.family.where(model='MODEL', window='WINDOW')})",
        ),
    ),
    mitigation=(
        "1. A deployment, migration or new client at the time it began: roll it back or exclude its traffic.\n"
        "2. Does the model get another model's traffic, or does its baseline belong to another version?\n"
        "3. The population has changed: retrain on recent data, and meanwhile review decisions by hand or use the fallback."
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE, NO_PREDICTIONS, BASELINE_MISMATCH),
    without_model=False,
    graphed=_ABOVE.series,
    tests=(
        Case(
            name="three of four features drifted",
            series=(
                *window(1000),
                *bins("age", (950, 50)),
                *moments("age", 21.6, baseline=(44, 11.2)),
                *bins("amount", (800, 200)),
                *bins("income", _SHIFTED),
                *bins("term", _STEADY),
                owner("drift"),
            ),
            checks=(
                Check(at="14m", firing=()),
                Check(
                    at="20m",
                    firing=(
                        Firing(
                            severity="critical",
                            labels={**VERSION_LABELS, "owner": "risk-ds"},
                            description=_text("75 %", 3),
                            worst=(
                                f"{bar(10)} age {psi((950, 50)):.2f} (mean 44 -> 22, down 2.0 sd), "
                                f"{bar(7)} income {psi(_SHIFTED):.2f} (0: 50 % -> 90 %), "
                                f"{bar(3)} amount {psi((800, 200)):.2f} (0: 50 % -> 80 %)"
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="two of five features, which surely moved and carry half of the score",
            series=(
                *window(1000),
                *bins("age", (950, 50)),
                *bins("income", _SHIFTED),
                *(line for name in ("amount", "term", "note") for line in bins(name, _STEADY)),
                *evidence({"age": 9, "income": 7, "amount": 1, "term": 0, "note": 0}, moved=2),
                *importance(_IMPORTANCE),
                owner("drift"),
            ),
            checks=(
                Check(at="14m", firing=()),
                Check(
                    at="20m",
                    firing=(
                        Firing(
                            severity="critical",
                            labels={**VERSION_LABELS, "owner": "risk-ds"},
                            description=_text("40 %", 2, " Those that surely moved carry 50 % of the score."),
                            worst=(
                                f"{bar(10)} age {psi((950, 50)):.2f} (0: 50 % -> 95 %), "
                                f"{bar(7)} income {psi(_SHIFTED):.2f} (0: 50 % -> 90 %)"
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="the same importance: of one it is not sure, another moved by little, and one is small",
            series=(
                *window(1000),
                *bins("age", (950, 50)),
                *bins("income", _SHIFTED),
                *bins("amount", (520, 480)),
                *(line for name in ("term", "note") for line in bins(name, _STEADY)),
                *evidence({"age": 4, "income": 7, "amount": 9, "term": 0, "note": 0}, moved=2),
                *importance(_IMPORTANCE),
                owner("drift"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
        Case(
            name="features that carry half of the score on the first day, when nobody can be sure",
            series=(
                *window(1000),
                *bins("age", (950, 50)),
                *bins("income", _SHIFTED),
                *(line for name in ("amount", "term", "note") for line in bins(name, _STEADY)),
                *importance(_IMPORTANCE),
                owner("drift"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
        Case(
            name="two features of two, and three of seven",
            series=(
                *window(1000),
                *bins("age", _SHIFTED),
                *bins("income", _SHIFTED),
                *window(1000, "24h"),
                *(line for name in "abc" for line in bins(name, _SHIFTED, name="24h")),
                *(line for name in "defg" for line in bins(name, _STEADY, name="24h")),
                owner("drift"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
    ),
)
