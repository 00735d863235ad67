"""Replicas that share a source are counted once, wherever replicas are added: by rules and by panels."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from grafana import filled, panels
from prediction_exporter.collectors.artifacts import TIMESTAMP
from prediction_exporter.collectors.bill import BILL_SHARED, BILLED, BILLED_MONTH_END, BILLED_MONTH_TO_DATE, BILLED_RATE
from prediction_exporter.collectors.cost import COST, COST_BUDGET, COST_MONTH_END, COST_MONTH_TO_DATE, COST_RATE
from prediction_exporter.collectors.exporter import SERIES_LIMIT
from prediction_exporter.collectors.identity import (
    CAPACITY_CONCURRENT,
    CAPACITY_REQUESTS,
    MODEL_INFO,
    REPLICAS_EXPECTED,
    SLO_FRESHNESS,
    SLO_LATENCY,
    SLO_OBJECTIVE,
)
from prediction_exporter.collectors.labels import DELAY
from prediction_exporter.collectors.model_process import (
    CPU,
    CPU_QUOTA,
    FDS_RATIO,
    MEMORY_LIMIT,
    PERIODS,
    PROCESSES,
    READ,
    RECEIVED,
    RESIDENT,
    RESTARTS,
    SENT,
    THREADS,
    THROTTLED_PERIODS,
    WORKING_SET,
    WRITTEN,
)
from prediction_exporter.collectors.running import COLLECTOR_DURATION
from prediction_exporter.collectors.source import EVENTS, EVENTS_REJECTED, LAST_SUCCESS, SOURCE_LAG, SOURCE_UP
from prediction_exporter.collectors.traffic import (
    ATTRIBUTION,
    BASELINE_ATTRIBUTION,
    DURATION,
    FIELD_AMOUNT,
    FIELD_VALUES,
    PREDICTION_SCORE,
    PREDICTIONS,
    REQUEST_DURATION,
    REQUESTS,
    REQUESTS_FAILED,
    REQUESTS_SLOW,
    RESPONSES,
    STAGE_REQUESTS,
    VERSION_LAST_REQUEST,
)
from prediction_exporter.collectors.volume import VOLUME_FREE, VOLUME_SIZE
from prediction_exporter.collectors.volume import WRITTEN as WRITTEN_BYTES
from prediction_exporter.kit.boards.choices import LONG_AGO
from prediction_exporter.kit.capacity import REPLICAS
from prediction_exporter.kit.cases import TARGET, bins, evidence, moments, owner, series, share, shared, window
from prediction_exporter.kit.cost import ANOMALY
from prediction_exporter.kit.dashboards import BOARDS
from prediction_exporter.kit.figures import SEVERAL, SMOOTHED_SHARE
from prediction_exporter.kit.fleet import FRESH, FRESH_REPLICAS, LEFT_OUT, SHARED, SHARED_REQUESTS, STALE_REPLICA, counted_once
from prediction_exporter.kit.groups import RECORDED, RECORDING_GROUPS
from prediction_exporter.kit.health import EVALUATED
from prediction_exporter.kit.label_cases import at, covered, label_drift, labelled, measured, waited
from prediction_exporter.kit.performance import ACTUAL, AREAS, FLEET, PREDICTED, RIGHT, SEVERAL_LABELLED
from prediction_exporter.kit.rules import RECORDING_FILE, by_area, group_of
from prediction_exporter.kit.serving import OF_CLUSTER, OF_NAMESPACE
from prediction_exporter.kit.volume import COST as WORK
from prediction_exporter.performance.confusion_predictions import CONFUSION_PREDICTIONS
from prediction_exporter.statistics import DISTANCES
from prediction_exporter.statistics.invalid_ratio import INVALID_RATIO
from prediction_exporter.statistics.missing_ratio import MISSING_RATIO
from prediction_exporter.statistics.non_finite_ratio import NON_FINITE_RATIO
from prediction_exporter.statistics.out_of_range_ratio import OUT_OF_RANGE_RATIO
from prediction_exporter.statistics.outlier_ratio import OUTLIER_RATIO
from prediction_exporter.statistics.psi import PSI
from prediction_exporter.statistics.quantile import BASELINE_QUANTILE, QUANTILE
from prediction_exporter.statistics.unseen_ratio import UNSEEN_RATIO
from quick_yaml import dump as dump_yaml

Run = Callable[..., str]

B = {**TARGET, "instance": "b:10900"}
#: A model that one exporter watches in a log, and one with the same predictions in a table that two exporters read.
ALONE, TWICE = "alone", "twice"
FILLED = {
    "cluster": ".*",
    "namespace": ".*",
    "owner": "$model",  # of each model another one: that is how the dashboard of all models is asked of one
    "model": "$model",
    "version": "2",
    "segment": "all",
    "window": "1h",
    "column": "income",
    "worst": ".*",
    "compare": LONG_AGO,
    "measure": "roc_auc",
    "class": "",
    "__rate_interval": "5m",
    "__range": "1h",
    "__range_s": "3600",
    "__from": "3600000",
}


def exported(target: dict[str, str]) -> list[str]:
    """Return what an exporter shows of a model: every series that rules and panels read, with 40 requests a minute."""
    model = {"model": "credit-risk"}
    version = {**model, "version": "2"}
    money = {**model, "currency": "USD"}
    at = {**version, "segment": "all", "window": "1h"}
    ratios = (MISSING_RATIO, INVALID_RATIO, NON_FINITE_RATIO, OUT_OF_RANGE_RATIO, UNSEEN_RATIO)
    found = [
        *window(1000, target=target),
        *bins("income", (900, 50), target=target),
        *bins("probability", (200, 700), role="score", target=target),
        *(line for statistic in ratios for line in share(statistic, "income", 0.2, 0.05, target=target)),
        *moments("income", -3, baseline=(-4, 2), target=target),
        *seen_of_income(target),
        series(OUTLIER_RATIO.family, "0.3x200", at, target=target),
        series(REQUESTS, "0+40x200", version, target=target),
        series(REQUESTS, "0+7x200", model, target=target, version="1"),
        series(REQUESTS_FAILED, "0+4x200", version, target=target),
        series(REQUESTS_SLOW, "0+3x200", version, target=target),
        series(f"{REQUEST_DURATION}_count", "0+40x200", version, target=target),
        *bins("decision", (300, 100), role="prediction", target=target, labels=("yes", "no")),
        series(FIELD_AMOUNT, "0+900x200", version, target=target, field="tokens"),
        series(ATTRIBUTION, "0+30x200", version, target=target, column="income"),
        series(ATTRIBUTION, "0+10x200", version, target=target, column="age"),
        series(BASELINE_ATTRIBUTION, "0.6x200", model, target=target, column="income"),
        *(
            series(FIELD_VALUES, f"0+{count}x200", version, target=target, field="tokens", state=state)
            for state, count in (("valid", 30), ("missing", 10))
        ),
        *(
            series(f"{DURATION}_bucket", f"0+{count}x200", version, target=target, duration="first_token", le=bound)
            for bound, count in (("0.1", 10), ("+Inf", 40))
        ),
        series(PREDICTIONS, "0+30x200", version, target=target, **{"class": "yes"}),
        series(PREDICTIONS, "0+10x200", version, target=target, **{"class": "no"}),
        series(EVENTS, "0+47x200", model, target=target),
        series(WRITTEN_BYTES, "0+5000x200", model, target=target),
        series(VOLUME_FREE, "5e9x200", model, target=target),
        series(VOLUME_SIZE, "9e9x200", model, target=target),
        series(COLLECTOR_DURATION, "0.2x200", model, target=target, collector="windows"),
        series(RESPONSES, "0+40x200", version, target=target, **{"class": "2xx"}),
        series(STAGE_REQUESTS, "0+40x200", version, target=target, stage="champion"),
        series(VERSION_LAST_REQUEST, "0+60x200", version, target=target),
        series("process_cpu_seconds_total", "0+2x200", target=target),
        series(EVENTS_REJECTED, "0+5x200", model, target=target, reason="malformed"),
        series(EVENTS_REJECTED, "0+2x200", model, target=target, reason="encoding"),
        series(SOURCE_UP, "1x200", model, target=target),
        series(LAST_SUCCESS, "0+60x200", model, target=target),
        series(SLO_OBJECTIVE, "0.99x200", model, target=target, slo="availability"),
        series(SLO_OBJECTIVE, "0.9x200", model, target=target, slo="latency"),
        series(SLO_LATENCY, "0.1x200", model, target=target),
        series(SLO_OBJECTIVE, "0.9x200", model, target=target, slo="freshness"),
        series(SLO_FRESHNESS, "900x200", model, target=target),
        series(SOURCE_LAG, "60x100 1200x100", model, target=target),
        series(CAPACITY_REQUESTS, "2x200", model, target=target),
        series(CAPACITY_CONCURRENT, "4x200", model, target=target),
        series(REPLICAS_EXPECTED, "1x200", model, target=target),
        series(MODEL_INFO, "1x200", model, target=target, task="binary", framework="", training_data=""),
        series(f"{REQUEST_DURATION}_sum", "0+8x200", version, target=target),
        *(owner(area, target=target) for area in ("service", "data", "drift", "cost")),
        series(COST, "0+0.5x200", money, target=target, component="replica"),
        series(COST_RATE, "30x200", money, target=target, component="replica"),
        series(COST_MONTH_TO_DATE, "70x200", money, target=target, period="1970-01"),
        series(COST_MONTH_END, "900x200", money, target=target, method="mean_of_7_days"),
        series(COST_BUDGET, "1000x200", money, target=target),
        series(TIMESTAMP, "3000x200", model, target=target),
        series(BILL_SHARED, "1x200", model, target=target),
        series(BILLED, "60x200", money, target=target, component="Compute", period="1970-01"),
        series(BILLED_RATE, "25x200", money, target=target, component="Compute"),
        series(BILLED_MONTH_TO_DATE, "60x200", money, target=target),
        series(BILLED_MONTH_END, "800x200", money, target=target, method="mean_of_7_days"),
        *evidence({"income": 7, "probability": 1}, moved=1, target=target),
        *judged(target),
    ]
    for name, labels in ((f"{REQUEST_DURATION}", version), (f"{PREDICTION_SCORE}", {**version, "column": "probability"})):
        for bound, count in (("0.1", 10), ("0.5", 30), ("+Inf", 40)):
            found.append(series(f"{name}_bucket", f"0+{count}x200", labels, target=target, le=bound))
    return found


def seen_of_income(target: dict[str, str]) -> list[str]:
    """Return the quantiles of a column, and distances beside its PSI."""
    column = {"model": "credit-risk", "column": "income", "role": "feature"}
    at = {**column, "version": "2", "segment": "all", "window": "1h"}
    found = [
        line
        for q, value in (("0.05", -7), ("0.5", -3), ("0.95", 2))
        for line in (
            series(QUANTILE.family, f"{value}x200", at, target=target, q=q),
            series(BASELINE_QUANTILE, f"{value - 1}x200", column, target=target, q=q),
        )
    ]
    others = [one for one in DISTANCES if one is not PSI]
    return found + [
        series(family, "0.3x200", at, target=target) for one in others for family in (one.family, one.threshold_family)
    ]


def judged(target: dict[str, str]) -> list[str]:
    """Return what an exporter shows of labels and performance, with every measure that there is, whatever the task."""
    cells = {("yes", "yes"): 30, ("yes", "no"): 10, ("no", "yes"): 5, ("no", "no"): 55}
    found = [
        *(
            line
            for one in FLEET
            for line in measured(one.measure, 0.6, (0.8, 0.7), *("",) * len(one.measure.labels), target=target)
        ),
        *(
            series(CONFUSION_PREDICTIONS.family, f"{count}x200", at(), target=target, predicted=predicted, actual=actual)
            for (predicted, actual), count in cells.items()
        ),
        *(
            series(one.measure.error_family, "0.02x200", at(), target=target, **dict.fromkeys(one.measure.labels, ""))
            for one in FLEET
        ),
        labelled(100, target=target),
        *(
            series(f"{DELAY}_bucket", f"0+{count}x200", {"model": "credit-risk"}, target=target, le=bound, **{"class": "yes"})
            for bound, count in (("60", 1), ("300", 2), ("+Inf", 2))
        ),
        *covered({"yes": (100, "60x400")}, target=target),
        *waited(newest="0+60x200", mature="0+60x200", target=target),
        *label_drift({"yes": 400, "no": 540, "late": 60}, target=target),
    ]
    return [line.replace('window="24h"', 'window="1h"') for line in found]


def used(target: dict[str, str]) -> list[str]:
    """Return what an exporter shows of the processes of a model."""
    model = {"model": "credit-risk"}
    rates = {CPU: 30, READ: 9, WRITTEN: 8, RECEIVED: 7, SENT: 6, PERIODS: 600, THROTTLED_PERIODS: 60, RESTARTS: 1}
    gauges = {RESIDENT: 5e8, CPU_QUOTA: 2, WORKING_SET: 4e8, MEMORY_LIMIT: 1e9, PROCESSES: 3, THREADS: 9, FDS_RATIO: 0.1}
    return [
        *(series(family, f"0+{rate}x200", model, target=target) for family, rate in rates.items()),
        *(series(family, f"{value:g}x200", model, target=target) for family, value in gauges.items()),
    ]


def scenario() -> list[dict[str, str]]:
    """Return both models as promtool takes them."""
    lines = [line.replace("credit-risk", ALONE) for line in exported(TARGET)]
    # A process is that of one replica: the other one watches the source for the case that this one fails.
    lines += [line.replace("credit-risk", model) for model in (ALONE, TWICE) for line in used(TARGET)]
    for target in (TARGET, B):
        lines += [line.replace("credit-risk", TWICE) for line in (*exported(target), shared(target))]
        lines.append(series(SERIES_LIMIT, "50000x200", target=target))
    # The rules of alerts are not loaded here: without a sign of them nobody could say how a model is.
    lines += [series(EVALUATED.name, "1x200", target={}, rule_group=group_of(area)) for area in by_area()]
    lines = [_owned_by_itself(line) for line in lines]
    parts = [line.partition("} ") for line in lines]
    return [{"series": f"{name}}}", "values": values} for name, _, values in parts]


def _owned_by_itself(line: str) -> str:
    model = re.search(r'model="([^"]*)"', line)
    return line if model is None else re.sub(r'owner="[^"]*"', f'owner="{model[1]}"', line)


def _told_apart(expr: str, legend: str) -> str:
    """Return an expression whose series keep their names where these tell them apart: a difference has none."""
    return f'label_replace({expr}, "named", "$1", "__name__", "(.*)")' if "{{__name__}}" in legend else expr


#: Queries of what was there a day before the test.
OF_BEFORE = {"Distribution now C", "Distribution now D", "Mean E"}
#: Queries that have no answer where alerts are not loaded.
OF_ALERTS = {"Firing now A", "Health and alerts over time B"}


def of_panels() -> dict[str, str]:
    """Return the queries of dashboards that give no series for each replica and do not count these, by title and place."""
    return {
        f"{board.title}: {panel['title']} {target['refId']}": _told_apart(
            filled(target["expr"], FILLED), target["legendFormat"]
        )
        for board in BOARDS
        if board.name != "exporter"  # it is about the replicas
        for panel in panels(board.content())
        for target in panel["targets"]
        if "{{instance}}" not in target["legendFormat"]
        and REPLICAS.name not in target["expr"]
        and f"{panel['title']} {target['refId']}" not in OF_ALERTS | OF_BEFORE
        and "model_mean_error:threshold" not in target["expr"]  # of a regression
        and "offset 1w" not in target["expr"]  # of before the test
    }


EXPRESSIONS = {
    **{
        series.name: series.where(model="$model")
        for series in RECORDED
        # What an exporter works is of all its models together; the anomaly of costs needs days of their rates.
        if series
        not in {
            SHARED,
            SHARED_REQUESTS,
            OF_NAMESPACE,
            OF_CLUSTER,
            STALE_REPLICA,
            FRESH_REPLICAS,
            FRESH,
            LEFT_OUT,
            SEVERAL,
            SEVERAL_LABELLED,
            SMOOTHED_SHARE,
            EVALUATED,
            ANOMALY,
            WORK,
            REPLICAS,  # they are counted, whatever they read
            # Recorded of models with several replicas alone, whose counts are added up; one tells its own measures.
            RIGHT,
            PREDICTED,
            ACTUAL,
            AREAS,
        }
    },
    **of_panels(),
}


@pytest.fixture(scope="module")
def same(run: Run, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, str]], None]:
    """Check that expressions with ``$model`` have the same values for both models."""

    def check(expressions: dict[str, str]) -> None:
        compared = (
            f"max(abs(({twice}) - ignoring (model, owner) ({alone}))) < bool 1e-9"
            for twice, alone in ([expr.replace("$model", model) for model in (TWICE, ALONE)] for expr in expressions.values())
        )
        test = {
            "interval": "1m",
            "input_series": scenario(),
            "promql_expr_test": [
                {"expr": expr, "eval_time": "2h", "exp_samples": [{"labels": "{}", "value": 1}]} for expr in compared
            ],
        }
        content = {
            "rule_files": [str(folder / RECORDING_FILE)],
            "evaluation_interval": "1m",
            "group_eval_order": [group.name for group in RECORDING_GROUPS],
            "tests": [test],
        }
        path = tmp_path_factory.mktemp("fleet") / "fleet.test.yml"
        path.write_text(dump_yaml(content))
        run("promtool", "test", "rules", path)

    return check


def test_a_second_replica_of_a_shared_source_changes_no_figure(same: Callable[[dict[str, str]], None]) -> None:
    """Of every recorded series and of every panel that is not by replica; each has a value in this scenario."""
    same(EXPRESSIONS)


def test_a_plain_sum_would_be_noticed(same: Callable[[dict[str, str]], None]) -> None:
    """The comparison is no formality."""
    with pytest.raises(AssertionError, match="model_requests_total"):
        same({"requests": f'sum(rate({REQUESTS}{{model="$model"}}[5m]))'})


def test_replicas_are_joined_for_each_model() -> None:
    """Whether a source is shared is known of a model: a key without it would mix what is shared with what is not."""
    with pytest.raises(ValueError, match="does not tell models apart"):
        counted_once(("version",), REQUESTS.name)
