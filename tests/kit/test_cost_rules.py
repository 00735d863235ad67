"""Costs of a fleet: replicas are added up, a bill that several read is not, and currencies never are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from prediction_exporter.collectors.bill import BILL_SHARED, BILLED_MONTH_END, BILLED_MONTH_TO_DATE, BILLED_RATE
from prediction_exporter.collectors.cost import COST, COST_MONTH_END, COST_MONTH_TO_DATE, COST_RATE
from prediction_exporter.collectors.traffic import REQUESTS, REQUESTS_FAILED
from prediction_exporter.kit.cases import TARGET, series, shared
from prediction_exporter.kit.cost import ANOMALY, HOURLY, LARGEST, MONTH_END, MONTH_TO_DATE, PER_1000, RATE
from prediction_exporter.kit.groups import RECORDING_GROUPS
from prediction_exporter.kit.promql import Recorded
from prediction_exporter.kit.rules import RECORDING_FILE
from quick_yaml import dump as dump_yaml
from quick_yaml import load as load_yaml

Run = Callable[..., str]
Expect = Callable[..., None]

B = {**TARGET, "instance": "b:10900"}
OF = {"model": "credit-risk", "currency": "USD"}
METHOD = "mean_of_7_days"


@pytest.fixture(scope="module")
def expect(run: Run, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Expect:
    """Check values of recorded series, by the labels beside the model's, from series at steps of so many minutes."""
    names = {str(each) for each in (HOURLY, RATE, LARGEST, PER_1000, MONTH_TO_DATE, MONTH_END, ANOMALY)}

    def check(lines: Sequence[str], at: str, *expected: tuple[Recorded, dict[str, str], float], minutes: int = 10) -> None:
        rules = load_yaml((folder / RECORDING_FILE).read_text())
        for group in rules["groups"]:
            group["rules"] = [rule for rule in group["rules"] if rule["record"] in names or "_shared" in rule["record"]]
        rules["groups"] = [group for group in rules["groups"] if group["rules"]]
        path = tmp_path_factory.mktemp("costs")
        (path / "rules.yml").write_text(dump_yaml(rules))
        left = {group["name"] for group in rules["groups"]}
        queries = [
            (f"sum(round({each.where(**of)}, 0.0001) or absent({each.where(**of)}) - 2)", of) for each, of, _ in expected
        ]
        parts = [line.partition("} ") for line in lines]
        test = {
            "interval": f"{minutes}m",
            "input_series": [{"series": f"{name}}}", "values": values} for name, _, values in parts],
            "promql_expr_test": [
                {"expr": expr, "eval_time": at, "exp_samples": [{"labels": "{}", "value": value}]}
                for (expr, _), (*_, value) in zip(queries, expected, strict=True)
            ],
        }
        content = {
            "rule_files": ["rules.yml"],
            "evaluation_interval": f"{minutes}m",
            "group_eval_order": [group.name for group in RECORDING_GROUPS if group.name in left],
            "tests": [test],
        }
        (path / "costs.test.yml").write_text(dump_yaml(content))
        run("promtool", "test", "rules", path / "costs.test.yml")

    return check


NOTHING = -1.0


def test_rates_of_replicas_add_up_and_those_of_one_source_count_once(expect: Expect) -> None:
    """Two replicas at 3 an hour are 6; where both read one table they are 3."""
    lines = [
        line
        for target in (TARGET, B)
        for line in (
            series(COST, "0+0.5x30", OF, target=target, component="replica"),
            series(COST_RATE, "3x30", OF, target=target, component="replica"),
            series(COST_RATE, "7x30", {**OF, "currency": "EUR"}, target=target, component="replica"),
            series(REQUESTS, "0+100x30", target=target, model="credit-risk", version="1"),
            series(REQUESTS_FAILED, "0+50x30", target=target, model="credit-risk", version="1"),
        )
    ]
    rates = {"basis": "rates", "currency": "USD"}
    # 300 of 600 requests an hour were answered on each: 3 for 300 are 10 for 1,000, however many replicas there are.
    expect(
        lines, "2h", (RATE, rates, 6), (HOURLY, {"currency": "USD"}, 6), (PER_1000, rates, 10), (RATE, {"currency": "EUR"}, 14)
    )
    both = [*lines, *(shared(target, "1x30") for target in (TARGET, B))]
    expect(both, "2h", (RATE, rates, 3), (HOURLY, {"currency": "USD"}, 3), (PER_1000, rates, 10))


@pytest.mark.parametrize(("value", "billed"), [("1", 40), ("0", 70)])
def test_a_bill_that_both_read_counts_once(expect: Expect, value: str, billed: float) -> None:
    """40 and 30, of which one has not read the newest file: 40 where it is the same bill, 70 where each has its own."""
    lines = [
        line
        for target, amount in ((TARGET, 40), (B, 30))
        for line in (
            series(BILLED_MONTH_TO_DATE, f"{amount}x30", OF, target=target),
            series(BILLED_MONTH_END, f"{10 * amount}x30", OF, target=target, method=METHOD),
            series(BILLED_RATE, f"{amount}x30", OF, target=target, component="Compute"),
            series(BILLED_RATE, "1x30", OF, target=target, component="Storage"),
            series(BILL_SHARED, f"{value}x30", target=target, model="credit-risk"),
        )
    ]
    of = {"basis": "billed", "currency": "USD"}
    largest = (LARGEST, {**of, "component": "Compute"}, billed)
    expect(lines, "2h", (MONTH_TO_DATE, of, billed), (MONTH_END, of, 10 * billed), largest, (LARGEST, of, billed))


def test_the_month_to_date_has_what_a_replica_cost_that_is_gone(expect: Expect) -> None:
    """One cost 6 an hour for ten hours and went with what it remembered; the other one remembers 20 of its own.

    Of the first, Prometheus saw 9 whole hours between its first and last scrape; of the second, nothing grew.
    """
    lines = [
        series(COST, "0+1x60", OF, component="replica"),
        series(COST, "20x200", OF, target=B, component="replica"),
        series(COST_MONTH_TO_DATE, "0+1x60", OF, period="1970-01"),
        series(COST_MONTH_TO_DATE, "20x200", OF, target=B, period="1970-01"),
        series(COST_MONTH_END, "100+1x60", OF, method=METHOD),
        series(COST_MONTH_END, "120x200", OF, target=B, method=METHOD),
    ]
    of = {"basis": "rates", "currency": "USD"}
    expect(lines, "9h", (MONTH_TO_DATE, of, 74), (MONTH_END, of, 154 + 120))
    expect(lines, "20h", (MONTH_TO_DATE, of, 60), (MONTH_END, of, 60 + 100))


def hours(days: int, hour: int, of_hour: str, otherwise: str) -> str:
    """Return values at steps of half an hour: each day one hour of another cost."""
    day = f"{otherwise}x{2 * hour - 1} {of_hour}x1 {otherwise}x{2 * (23 - hour) - 1}"
    return " ".join([day] * days)


def test_an_hour_is_compared_with_the_same_one_of_other_days(expect: Expect) -> None:
    """A job of 20 an hour each noon is no anomaly at noon, and 20 at one o'clock is ten times what that hour costs.

    It is compared with the mean, which is more than the 2 that this hour costs: of the 268 half hours until the day before, 12
    cost 18 more than 2.
    """
    of = {"basis": "rates", "currency": "USD"}
    usual = series(COST_RATE, hours(7, 12, "20", "2"), OF, component="replica")
    expect([usual], "6d12h", (ANOMALY, of, 1), minutes=30)
    late = series(COST_RATE, f"{hours(6, 12, '20', '2')} 2x26 20x3", OF, component="replica")
    expect([late], "6d13h30m", (ANOMALY, of, round(20 / (2 + 12 * 18 / 268), 4)), minutes=30)
    young = series(COST_RATE, f"{hours(3, 12, '20', '2')} 2x26 20x3", OF, component="replica")
    expect([young], "3d13h30m", (ANOMALY, of, NOTHING), minutes=30)
