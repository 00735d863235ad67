"""A statistic raised an error."""

from __future__ import annotations

from prediction_exporter.collectors.statistics import STATISTIC_STATUS
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import VERSION_LABELS, owner, series
from prediction_exporter.kit.promql import VERSION_KEY, by, latest
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.wording import COUNT

_STATUS = {"model": "credit-risk", "version": "2", "segment": "all", "window": "1h", "statistic": "psi"}

STATISTIC_FAILED = Alert(
    name="ModelStatisticFailed",
    area="service",
    key=(*VERSION_KEY, "statistic"),
    window=None,
    conditions=(
        Condition(
            severity="warning",
            expr=lambda scale: (
                f"max {by((*VERSION_KEY, 'statistic'))} ({latest(STATISTIC_STATUS.where(reason='error'), scale)}) > 0"
            ),
            hold=duration("15m"),
            keep=duration("5m"),
        ),
    ),
    summary="A statistic of a model fails with an error, so that alerts on it cannot fire.",
    description=lambda _: (
        "The statistic {{ $labels.statistic }} of {{ $labels.model }} version {{ $labels.version }} fails for "
        f"{COUNT.of('$value')} columns and has no value there."
    ),
    worst=None,
    action="Find the error in the exporter's log and report it with the column's configuration.",
    meaning="Computing the statistic raised an error. This is a defect of the exporter, or a baseline that does not fit.",
    impact="The statistic's series are absent for these columns; nothing else is affected.",
    diagnosis=(
        Diagnosis(
            question="Which statistics have no value, and why?",
            query=STATISTIC_STATUS.where('reason!="ok"', model="MODEL") + " > 0",
        ),
    ),
    mitigation=(
        "1. The exporter's log has the error with the statistic's name.\n"
        "2. Did it begin with a new baseline or version of the exporter? Go back to the former one.\n"
        "3. Report it; meanwhile the other statistics of the column still watch it."
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE),
    without_model=False,
    tests=(
        Case(
            name="a statistic that fails for three columns",
            series=(series(STATISTIC_STATUS, "3x40", _STATUS, reason="error"), owner("service", "ml-ops")),
            checks=(
                Check(at="14m", firing=()),
                Check(
                    at="20m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**VERSION_LABELS, "statistic": "psi", "owner": "ml-ops"},
                            description=(
                                "The statistic psi of credit-risk version 2 fails for 3 columns and has no value there."
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="too few predictions are no error",
            series=(series(STATISTIC_STATUS, "3x40", _STATUS, reason="too_few_predictions"), owner("service")),
            checks=(Check(at="20m", firing=()),),
        ),
    ),
)
