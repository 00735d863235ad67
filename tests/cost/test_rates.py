"""Rates: what was used is counted once, and costs what its price says, to the cent and beyond."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from prediction_exporter import config
from prediction_exporter.config import Cost
from prediction_exporter.cost.money import amount_of, total
from prediction_exporter.cost.months import DAY, month_of, span_of
from prediction_exporter.cost.rates import GAP_SECONDS, KEPT_DAYS, Account, RateCosts, Share
from prediction_exporter.cost.usage import Metered, Usage
from watched import config_text, model_text

#: The midnight that begins the 17th of January 2027, a Sunday.
NOW = 1_800_144_000.0
HOUR = 3600.0


def cost_of(tmp_path: Path, text: str) -> Cost:
    """Return a cost section as a configuration has it."""
    (tmp_path / "c.yml").write_text(config_text(model_text(more=f"maturity: 0\ncost: {text}")))
    cost = config.load(tmp_path / "c.yml").models[0].cost
    assert cost is not None
    return cost


def count(account: Account, cost: Cost, seconds: float, usage: Usage | None = None, *, start: float = NOW) -> RateCosts:
    """Count until so many seconds after the start, and return the costs."""
    account.count(cost, usage or Usage(), now=start + seconds, monotonic=seconds)
    return account.costs()


def test_an_hour_costs_its_price_in_whatever_steps_it_is_counted(tmp_path: Path) -> None:
    """10,000 uneven steps give the same digits as one; a float sum of them would not."""
    cost = cost_of(tmp_path, "{per_hour: 0.1, currency: EUR}")
    account, chance = Account(NOW, 0.0), random.Random(1)
    for step in sorted(chance.uniform(0, 7 * HOUR) for _ in range(10_000)):
        account.count(cost, Usage(), now=NOW + step, monotonic=step)
    found = count(account, cost, 7 * HOUR).totals
    assert found == {Share("replica", "EUR"): Decimal("0.7")}


def test_predictions_cost_their_thousandth_and_failed_requests_nothing(tmp_path: Path) -> None:
    """1,234,567 requests of two versions, of which 67 failed: 1,234,500 at 0.003 a thousand are 3.7035."""
    cost = cost_of(tmp_path, "{per_1000_predictions: 0.003}")
    account = Account(NOW, 0.0)
    count(account, cost, 10, Usage({"1": (1000, 0)}, newest=NOW + 5))
    found = count(account, cost, 20, Usage({"1": (1_200_000, 60), "2": (34_567, 7)}, newest=NOW + 15))
    assert found.totals == {Share("predictions", "USD"): Decimal("3.7035")}


def test_a_version_that_is_dropped_and_comes_back_costs_what_it_answers(tmp_path: Path) -> None:
    """Its counter begins anew: 500, then 200 of the new count."""
    cost = cost_of(tmp_path, "{per_1000_predictions: 1}")
    account = Account(NOW, 0.0)
    count(account, cost, 1, Usage({"1": (500, 0), "2": (1, 0)}))
    count(account, cost, 2, Usage({"2": (1, 0)}))
    found = count(account, cost, 3, Usage({"1": (200, 0), "2": (1, 0)}))
    assert found.totals[Share("predictions", "USD")] == Decimal("0.701")


def test_rows_that_turn_out_to_have_failed_are_made_up_for_and_no_cost_falls(tmp_path: Path) -> None:
    """100 answered, 30 of them found to have failed, 50 more answered: 120 in the end, and never fewer than before."""
    cost = cost_of(tmp_path, "{per_1000_predictions: 1}")
    account, seen = Account(NOW, 0.0), []
    for second, counts in enumerate(((100, 0), (100, 30), (120, 30), (150, 30)), start=1):
        seen.append(count(account, cost, second, Usage({"1": counts})).totals[Share("predictions", "USD")])
    assert seen == [Decimal("0.1"), Decimal("0.1"), Decimal("0.1"), Decimal("0.12")]


def test_what_a_process_uses_costs_by_seconds_and_by_gigabytes_over_time(tmp_path: Path) -> None:
    """CPU time from when it was first seen; 2 GiB for half an hour at 0.01 are 0.01, half a GPU at 3 is 0.75."""
    plain = cost_of(tmp_path, "{per_hour: 0}")
    prices = {"per_cpu_second": "0.00001", "per_gb_hour": "0.01", "per_gpu_hour": "3", "per_retraining_run": "12.50"}
    cost = plain.model_copy(update={key: Decimal(price) for key, price in prices.items()})
    account = Account(NOW, 0.0)

    def used(cpu: float, runs: int) -> Usage:
        return Usage(metered=Metered({"17-5": cpu}, 2 * 2.0**30, 0.5, None, {"train": runs}))

    count(account, cost, 0, used(1000.0, 3))
    count(account, cost, 900, used(1500.25, 4))
    account.count(cost, Usage(), now=NOW + 1000, monotonic=1000)  # not seen meanwhile: no memory is made up
    found = count(account, cost, 1900, used(1600.0, 4))
    assert found.totals[Share("cpu", "USD")] == Decimal("0.006")
    assert found.totals[Share("memory", "USD")] == Decimal("0.01")
    assert found.totals[Share("gpu", "USD")] == Decimal("0.75")
    assert found.totals[Share("retraining", "USD")] == Decimal("12.50")


def test_a_price_that_changes_holds_from_then_on(tmp_path: Path) -> None:
    """An hour at 1, an hour at 2, and an hour in another currency, which is added to neither."""
    account = Account(NOW, 0.0)
    count(account, cost_of(tmp_path, "{per_hour: 1}"), HOUR)
    count(account, cost_of(tmp_path, "{per_hour: 2}"), 2 * HOUR)
    found = count(account, cost_of(tmp_path, "{per_hour: 5, currency: CHF}"), 3 * HOUR)
    assert found.totals == {Share("replica", "USD"): Decimal(3), Share("replica", "CHF"): Decimal(5)}
    assert found.month_to_date == {"USD": Decimal(3), "CHF": Decimal(5)}


def restarted(account: Account, cost: Cost, *, after: float, seconds: float) -> Account:
    """Return the account as another process finds it, which starts so long after the last one's end."""
    stored = json.loads(json.dumps(account.to_json()))
    return Account.from_json(stored, cost, now=NOW + seconds + after, monotonic=77.0)


def test_a_restart_loses_no_time_and_counts_nothing_twice(tmp_path: Path) -> None:
    """An hour, half a minute's restart in which 40 more were predicted, and an hour: two hours and 30 seconds, and 140."""
    cost = cost_of(tmp_path, "{per_hour: 36, per_1000_predictions: 1000}")
    account = Account(NOW, 0.0)
    count(account, cost, HOUR, Usage({"1": (100, 0)}))
    second = restarted(account, cost, after=30, seconds=HOUR)
    second.count(cost, Usage({"1": (140, 0)}), now=NOW + 2 * HOUR + 30, monotonic=77.0 + HOUR)
    found = second.costs()
    assert found.totals == {Share("replica", "USD"): Decimal("72.30"), Share("predictions", "USD"): Decimal(140)}
    assert found.month_to_date["USD"] == Decimal("212.30")
    assert found.since == NOW


def test_an_absence_of_longer_than_a_restart_costs_no_time(tmp_path: Path) -> None:
    """Nobody knows whether the replica ran; a clock that was put back makes no time either."""
    cost = cost_of(tmp_path, "{per_hour: 36}")
    for away in (GAP_SECONDS + 1, -500.0):
        account = Account(NOW, 0.0)
        count(account, cost, HOUR)
        assert restarted(account, cost, after=away, seconds=HOUR).costs().totals == {Share("replica", "USD"): Decimal(36)}


def test_a_month_begins_at_its_first_midnight_in_utc(tmp_path: Path) -> None:
    """Six hours around the turn of the year: two of them are of December."""
    cost = cost_of(tmp_path, "{per_hour: 1.5}")
    start = span_of("2027-01")[0] - 2 * HOUR
    account = Account(start, 0.0)
    assert count(account, cost, HOUR, start=start).period == "2026-12"
    found = count(account, cost, 6 * HOUR, start=start)
    assert (found.period, found.month_to_date) == ("2027-01", {"USD": Decimal(6)})
    assert found.totals == {Share("replica", "USD"): Decimal(9)}


def test_a_clock_that_jumps_ahead_and_back_loses_no_day_of_the_month(tmp_path: Path) -> None:
    """An hour, a second in another year, and an hour: two hours of this month, and the old days of a long log are dropped."""
    cost = cost_of(tmp_path, "{per_hour: 3600}")
    account = Account(NOW, 0.0)
    count(account, cost, HOUR)
    account.count(cost, Usage(), now=NOW + 400 * DAY, monotonic=HOUR + 1)
    account.count(cost, Usage(), now=NOW + 2 * HOUR + 1, monotonic=2 * HOUR + 1)
    assert account.costs().month_to_date == {"USD": Decimal(7200)}
    priced = cost_of(tmp_path, "{per_1000_predictions: 1000}")
    for day in range(400, 0, -1):
        usage = Usage({"1": (401 - day, 0)}, newest=NOW - day * DAY)
        account.count(priced, usage, now=NOW + 2 * HOUR + 1, monotonic=2 * HOUR + 1)
    assert len(account.to_json()["days"]) == KEPT_DAYS
    assert account.costs().month_to_date == {"USD": Decimal(7200 + 16)}  # the 17th is today


def test_the_month_end_is_what_is_spent_and_the_mean_of_seven_days(tmp_path: Path) -> None:
    """A replica at 2 an hour since the 7th, seen on the 17th at noon: 252 hours are spent, and 348 are to come."""
    cost = cost_of(tmp_path, "{per_hour: 2}")
    start = NOW - 10 * DAY
    account = Account(start, 0.0)
    for hour in range(1, 253):
        account.count(cost, Usage(), now=start + hour * HOUR, monotonic=hour * HOUR)
    found = account.costs()
    assert found.month_to_date == {"USD": Decimal(504)}
    assert found.month_end == {"USD": Decimal(504 + 2 * 348)}
    assert found.per_hour == {Share("replica", "USD"): Decimal(2)}


def test_an_old_log_that_is_caught_up_with_costs_its_own_days(tmp_path: Path) -> None:
    """Predictions of last month are in the total, and neither in this month nor in the present rate."""
    cost = cost_of(tmp_path, "{per_1000_predictions: 1000}")
    account = Account(NOW, 0.0)
    old = span_of(month_of(NOW))[0] - 5 * DAY
    count(account, cost, 30, Usage({"1": (1000, 0)}, newest=old, first=old - DAY))
    found = count(account, cost, 90, Usage({"1": (1010, 0)}, newest=NOW + 85, first=old - DAY))
    assert found.totals == {Share("predictions", "USD"): Decimal(1010)}
    assert found.month_to_date == {"USD": Decimal(10)}
    assert found.per_hour[Share("predictions", "USD")] == pytest.approx(Decimal(400))  # 10 in 90 seconds


def test_sums_are_those_of_fractions() -> None:
    """Whatever the order and the number of digits: checked against rational numbers."""
    chance = random.Random(3)
    texts = [f"{chance.randint(-(10**12), 10**12)}e{-chance.randint(0, 20)}" for _ in range(5000)]
    amounts = [amount for text in texts if (amount := amount_of(text)) is not None]
    assert len(amounts) == len(texts)
    assert Fraction(total(amounts)) == sum(Fraction(text) for text in texts)


@pytest.mark.parametrize("value", ["", "free", "1,5", "1e16", "NaN", "-Infinity", None, True, float("inf"), [1], "1_000.0.0"])
def test_what_is_no_amount(value: object) -> None:
    """None of it becomes a figure."""
    assert amount_of(value) is None


@pytest.mark.parametrize("price", ["0.1", "1200", "${PRICE}"])
def test_a_price_is_read_as_it_is_written(tmp_path: Path, price: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from the environment, whose values are text."""
    monkeypatch.setenv("PRICE", "0.30")
    cost = cost_of(tmp_path, f"{{per_hour: {price!r}}}" if "$" in price else f"{{per_hour: {price}}}")
    assert cost.rates == {"per_hour": Decimal(price.replace("${PRICE}", "0.30"))}
