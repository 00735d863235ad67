"""Many columns moved together, each by little."""

from __future__ import annotations

from prediction_exporter.collectors.evidence import EVIDENCE, MOVED_COLUMNS
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, figure, own, query
from prediction_exporter.kit.alerts.baseline_mismatch import BASELINE_MISMATCH
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.no_predictions import NO_PREDICTIONS
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.alerts.widespread_drift import WIDESPREAD_DRIFT
from prediction_exporter.kit.cases import VERSION_LABELS, bar, evidence, owner
from prediction_exporter.kit.columns import LISTED
from prediction_exporter.kit.evidence import MOVED, MOVED_RATIO
from prediction_exporter.kit.promql import VERSION_KEY, latest, on
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT, NUMBER, PERCENT, ranked

#: Share and number of moved columns from which it is the population that changed, and not a column.
SHARE, LEAST = 0.5, 3


def _broad(scale: Scale) -> str:
    return (
        f"({latest(MOVED_RATIO.name, scale)} >= {SHARE})\nand {on(VERSION_KEY)}\n{latest(MOVED_COLUMNS.name, scale)} >= {LEAST}"
    )


def _description(scale: Scale) -> str:
    moved = figure(f"max({latest(own(MOVED_COLUMNS.name, VERSION_KEY), scale)})", VERSION_KEY, COUNT)
    return (
        f"{moved} columns of {{{{ $labels.model }}}} version {{{{ $labels.version }}}}, {PERCENT.of_unscaled('$value')} of "
        "all, surely moved away from the baseline, most of them by less than alerts on single columns ask for. The alert fires "
        f"from {SHARE * 100:g} % and {LEAST} columns. Listed is how many times over the evidence is enough."
    )


def _worst(scale: Scale) -> str:
    listed = query(f"sort_desc(topk({LISTED}, {latest(own(MOVED.name, VERSION_KEY), scale)}))", VERSION_KEY)
    return ranked(listed, f"{{{{ $each.Labels.column }}}} {NUMBER.of('$each.Value')} times")


_COLUMNS = ("age", "amount", "income", "term")

BROAD_CHANGE = Alert(
    name="ModelBroadChange",
    area="drift",
    key=VERSION_KEY,
    window=None,
    conditions=(Condition(severity="warning", expr=_broad, hold=duration("15m"), keep=duration("30m")),),
    summary="Many columns of a model moved together, each by little.",
    description=_description,
    worst=_worst,
    action="Look for one cause of all: another season, market or mix of customers. Check how good the model still is.",
    meaning=(
        f"At least {SHARE * 100:g} % of the columns, and at least {LEAST}, moved by more than what they vary by without drift. "
        "That is certain: no more than one false alarm in all columns together is expected in the time that the budget gives. "
        "How far each moved is another question, which its PSI answers."
    ),
    impact=(
        "A model learns how columns go together. When all of them shift a little its accuracy may fall by much, while no "
        "single distance is large."
    ),
    diagnosis=(
        Diagnosis(
            question="Which columns, and how sure is it?",
            query=f"sort_desc({MOVED.where(model='MODEL')})",
        ),
        Diagnosis(
            question="Since when?",
            query=f"max by (version) ({MOVED_COLUMNS.where(model='MODEL')})",
        ),
        Diagnosis(
            question="How sure is each replica?",
            query=f"max by (instance, column) ({EVIDENCE.where(model='MODEL')})",
        ),
    ),
    mitigation=(
        "1. A new client, region or campaign since then: is the model meant for it?\n"
        "2. A change of the population or of the season: measure the model on labels as soon as there are some, and retrain.\n"
        "3. Expected, as a sale: say so to those who use the predictions, and build the baseline from such a time."
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE, NO_PREDICTIONS, BASELINE_MISMATCH, WIDESPREAD_DRIFT),
    without_model=False,
    graphed=(MOVED_RATIO,),
    tests=(
        Case(
            name="three of four columns moved",
            series=(*evidence(dict(zip(_COLUMNS, (9, 8, 6, 1), strict=True)), moved=3), owner("drift")),
            checks=(
                Check(at="14m", firing=()),
                Check(
                    at="20m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**VERSION_LABELS, "owner": "risk-ds"},
                            description=(
                                "3 columns of credit-risk version 2, 75 % of all, surely moved away from the baseline, most "
                                "of them by less than alerts on single columns ask for. The alert fires from 50 % and 3 "
                                "columns. Listed is how many times over the evidence is enough."
                            ),
                            # 1.6 / 1.8 = 0.89, 1.2 / 1.8 = 0.67
                            worst=f"{bar(10)} age 1.80 times, {bar(9)} amount 1.60 times, {bar(7)} income 1.20 times",
                            window="",
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="two of two",
            series=(*evidence({"age": 9, "income": 9}, moved=2), owner("drift")),
            checks=(Check(at="60m", firing=()),),
        ),
        Case(
            name="three of seven",
            series=(*evidence({name: 9 if name in "abc" else 0 for name in "abcdefg"}, moved=3), owner("drift")),
            checks=(Check(at="60m", firing=()),),
        ),
    ),
)
