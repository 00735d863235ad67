"""Requests fail so fast that the error budget will not last."""

from __future__ import annotations

from prediction_exporter.collectors.identity import SLO_OBJECTIVE
from prediction_exporter.collectors.traffic import REQUESTS, REQUESTS_FAILED, VERSION_FIRST_SEEN
from prediction_exporter.kit.alert import SEVERITIES, Alert, Case, Check, Diagnosis, Firing
from prediction_exporter.kit.burn import BudgetBurn, enough_requests
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series, shared
from prediction_exporter.kit.promql import MODEL_KEY
from prediction_exporter.kit.recording import FAILED_SHARES

_BURN = BudgetBurn(slo="availability", shares=FAILED_SHARES, enough=enough_requests("availability", REQUESTS_FAILED))
_OBJECTIVE = (
    series(SLO_OBJECTIVE, "0.999x2000", model="credit-risk", slo="availability"),
    owner("service", "ml-ops", "1x2000"),
)
_VERSION = {"model": "credit-risk", "version": "2"}
_BURNING = tuple(
    Firing(
        severity=severity,
        labels={**MODEL_LABELS, "owner": "ml-ops"},
        description=(
            "Of requests to credit-risk, 10 % failed in the last 5 minutes, 10 % in the last hour (3,600 requests) and 10 % in "
            "the last day: its error budget is used up 100 times as fast as the objective of 99.9 % allows."
        ),
    )
    for severity in SEVERITIES[:2]
)

ERROR_BUDGET_BURN = Alert(
    name="ModelErrorBudgetBurn",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=_BURN.conditions(),
    summary="Requests to a model fail so often that its error budget will be used up early.",
    description=_BURN.requests("failed"),
    worst=None,
    action="Look at the model server's errors. Did they begin with a new version? Roll it back.",
    meaning=(
        "The share of failed requests is many times what the availability objective allows: 14.4 times over an hour and still "
        "over 5 minutes, or 6 times over 6 hours and 30 minutes (critical), or 3 times over a day and 2 hours, or more than it "
        "allows over 3 days and 6 hours (warning)."
    ),
    impact="Callers get errors instead of predictions. At 14.4 times, the budget of 30 days lasts two days.",
    diagnosis=(
        Diagnosis(
            question="Which version fails?",
            query=(
                f"sum by (version) (rate({REQUESTS_FAILED.where(model='MODEL')}[5m]))"
                f" / sum by (version) (rate({REQUESTS.where(model='MODEL')}[5m]))"
            ),
        ),
        Diagnosis(question="When was each version first seen?", query=f"time() - {VERSION_FIRST_SEEN.where(model='MODEL')}"),
        Diagnosis(question="What is the objective?", query=SLO_OBJECTIVE.where(model="MODEL")),
    ),
    mitigation=(
        "1. One version fails: roll it back or take its traffic away.\n"
        "2. All versions fail: look at what they share, as a feature store, the model registry, memory limits.\n"
        "3. Is invalid input the cause? See `ModelInvalidValues` and `ModelMissingValues` of the same model."
    ),
    muted_by=(),
    without_model=False,
    graphed=_BURN.series,
    tests=(
        Case(
            name="one in ten requests fails",
            series=(
                series(REQUESTS, "0+60x120", _VERSION),
                series(REQUESTS_FAILED, "0+6x120", _VERSION),
                *_OBJECTIVE,
            ),
            checks=(
                Check(at="2m", firing=()),
                Check(
                    at="90m",
                    firing=_BURNING,
                ),
            ),
        ),
        Case(
            name="one in ten requests fails, as two replicas read in one table",
            series=(
                *(
                    line
                    for target in (TARGET, {**TARGET, "instance": "b:10900"})
                    for line in (
                        series(REQUESTS, "0+60x120", _VERSION, target=target),
                        series(REQUESTS_FAILED, "0+6x120", _VERSION, target=target),
                        shared(target),
                    )
                ),
                *_OBJECTIVE,
            ),
            checks=(Check(at="90m", firing=_BURNING),),
        ),
        Case(
            name="four failures that two replicas read in one table",
            series=(
                *(
                    line
                    for target in (TARGET, {**TARGET, "instance": "b:10900"})
                    for line in (
                        series(REQUESTS, "0+1x60", _VERSION, target=target),
                        series(REQUESTS_FAILED, "0x50 1 2 3 4 4x10", _VERSION, target=target),
                        shared(target),
                    )
                ),
                *_OBJECTIVE,
            ),
            checks=(Check(at="56m", firing=()),),
        ),
        Case(
            name="failures at half the rate that the objective allows",
            series=(
                series(REQUESTS, "0+6000x150", _VERSION),
                series(REQUESTS_FAILED, "0+3x150", _VERSION),
                *_OBJECTIVE,
            ),
            checks=(Check(at="2h", firing=()),),
        ),
        Case(
            name="three failures among few requests",
            series=(
                series(REQUESTS, "0+1x60", _VERSION),
                series(REQUESTS_FAILED, "0x50 1 2 3 3x10", _VERSION),
                *_OBJECTIVE,
            ),
            checks=(Check(at="55m", firing=()),),
        ),
        Case(
            name="no requests, and a model without an objective",
            series=(
                series(REQUESTS, "100x120", _VERSION),
                series(REQUESTS_FAILED, "100x120", _VERSION),
                series(REQUESTS, "0+60x120", model="other", version="1"),
                series(REQUESTS_FAILED, "0+60x120", model="other", version="1"),
                *_OBJECTIVE,
            ),
            checks=(Check(at="100m", firing=()),),
        ),
    ),
)
