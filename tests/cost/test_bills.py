"""Bills in FOCUS, 1.0 to 1.4: every charge of the model counts once, corrections and credits included, by currency."""

from __future__ import annotations

import csv
import gzip
import io
import json
import logging
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from billed import BILLS, MAY, charge, figures, poll_of, write
from prediction_exporter.cost.bill import MOST_COMPONENTS, Charge, Charges, Line, bill_of
from prediction_exporter.cost.months import DAY, month_of, span_of
from prediction_exporter.cost.rates import Share
from prediction_exporter.errors import SourceError

#: When the committed bills are read, by version: in the month that they are of. Where they come from stands beside them.
VERSIONS = {"1.0": span_of("2024-09")[1] - DAY, **dict.fromkeys(("1.1", "1.2", "1.3", "1.4"), MAY)}
TAGS = "tags: {model: credit-risk, env: prod}"


def rows_of(version: str) -> list[dict[str, str]]:
    """Return the rows of a committed bill, read without the code that is tested."""
    with (BILLS / f"focus-{version}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_model_is_billed_to_the_cent(tmp_path: Path, version: str) -> None:
    """By hand: 10.10 + 0.005 - 2.345 is 7.76; a credit of 0.75; 3.20 francs and 120 yen, which are added to nothing."""
    shutil.copy(BILLS / f"focus-{version}.csv", tmp_path / "bill.csv")
    poll = poll_of(tmp_path, f"path: bill.csv, {TAGS}", now=VERSIONS[version])
    month = month_of(VERSIONS[version])
    assert figures(poll, "model_cost_billed") == {
        ("AI and Machine Learning", "USD", month): 7.76,
        ("Storage", "USD", month): -0.75,
        ("Storage", "CHF", month): 3.2,
        ("Storage", "JPY", month): 120,
    }
    assert figures(poll, "model_cost_billed_month_to_date") == {("USD",): 7.01, ("CHF",): 3.2, ("JPY",): 120}
    assert figures(poll, "model_cost_bill_charges") == {(): 6}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet", "decimals.parquet"])
def test_every_row_of_a_whole_bill_counts_in_every_form(tmp_path: Path, version: str, form: str) -> None:
    """Sums by component and currency are those of the csv module and of decimals; doubles stand for what was written."""
    rows = rows_of(version)
    source = BILLS / f"focus-{version}.csv"
    if form == "csv":
        shutil.copy(source, tmp_path / "bill.csv")
    elif form == "csv.gz":
        (tmp_path / "bill.csv.gz").write_bytes(gzip.compress(source.read_bytes()))
    else:
        frame = pl.read_csv(source, infer_schema=False, null_values="NULL")
        kind = pl.Float64() if form == "parquet" else pl.Decimal(38, 14)
        times = [name for name in frame.columns if name.endswith(("PeriodStart", "PeriodEnd"))]
        frame.with_columns(pl.col("BilledCost").cast(kind), pl.col(times).str.to_datetime(time_zone="UTC")).write_parquet(
            tmp_path / "bill.parquet"
        )
    expected: dict[tuple[str, str, str], Decimal] = {}
    for row in rows:
        key = row["ServiceCategory"], row["BillingCurrency"], row["BillingPeriodStart"][:7]
        expected[key] = expected.get(key, Decimal(0)) + Decimal(row["BilledCost"])
    # In October, for a charge of Oracle's of September is billed then.
    now = span_of("2024-10")[0] if version == "1.0" else MAY
    found = figures(poll_of(tmp_path, f"path: 'bill.*{form.rpartition('.')[2]}'", now=now), "model_cost_billed")
    assert found == {key: float(amount) for key, amount in expected.items()}


def test_effective_costs_and_another_component(tmp_path: Path) -> None:
    """The committed purchases cost nothing effectively, and services are named."""
    shutil.copy(BILLS / "focus-1.2.csv", tmp_path / "bill.csv")
    expected: dict[str, Decimal] = {}
    for row in rows_of("1.2"):
        if row["BillingCurrency"] == "USD":
            expected[row["ServiceName"]] = expected.get(row["ServiceName"], Decimal(0)) + Decimal(row["EffectiveCost"])
    found = figures(poll_of(tmp_path, "path: bill.csv, amount: effective, component: ServiceName"), "model_cost_billed")
    assert {key[0]: value for key, value in found.items() if key[1] == "USD"} == {k: float(v) for k, v in expected.items()}


def test_resources_are_chosen_by_their_ids(tmp_path: Path) -> None:
    """With a star, and together with tags, of which both must hold."""
    shutil.copy(BILLS / "focus-1.2.csv", tmp_path / "bill.csv")
    of_buckets = poll_of(tmp_path, f'path: bill.csv, resource_ids: ["bucket/*"], {TAGS}')
    assert {key[0] for key in figures(of_buckets, "model_cost_billed")} == {"Storage"}
    assert figures(poll_of(tmp_path, f'path: bill.csv, resource_ids: ["bucket"], {TAGS}'), "model_cost_bill_charges") == {(): 0}


def test_a_map_of_parquet_is_tags(tmp_path: Path) -> None:
    """As some clouds write them, and as a structure."""
    rows = [charge("1.5", 2), charge("100", 2)]
    frame = pl.DataFrame(rows).with_columns(pl.col("BilledCost").cast(pl.Float64))
    maps = [[{"key": "model", "value": "m"}], [{"key": "model", "value": "other"}]]
    frame.with_columns(Tags=pl.Series(maps)).write_parquet(tmp_path / "bill.parquet")
    assert figures(poll_of(tmp_path, "path: bill.parquet, tags: {model: m}"), "model_cost_billed_month_to_date") == {
        ("USD",): 1.5
    }


def test_rows_that_cannot_be_used_are_told_and_nobody_elses_are(tmp_path: Path) -> None:
    """No amount, no currency, no time; what is another model's does not count, however damaged."""
    mine = json.dumps({"model": "m"})
    rows = [
        charge("2.00", 3, Tags=mine),
        charge("", 3, Tags=mine),
        charge("NaN", 3, Tags=mine),
        charge("1", 3, Tags=mine, BillingCurrency="credits"),
        charge("1", 3, Tags=mine, ChargePeriodStart="soon"),
        charge("broken", 3),
    ]
    write(tmp_path / "bill.csv", rows)
    poll = poll_of(tmp_path, "path: bill.csv, tags: {model: m}")
    assert figures(poll, "model_cost_bill_charges_rejected") == {
        ("amount",): 2, ("currency",): 1, ("time",): 1, ("further_currency",): 0,
    }  # fmt: skip
    assert figures(poll, "model_cost_billed_month_to_date") == {("USD",): 2}


def test_the_month_end_goes_on_with_usage_alone(tmp_path: Path) -> None:
    """Usage of 10 on each of four days, a purchase of 100, a credit of 5, and half of the fifth day: by hand.

    At noon of the 5th, 40 + 100 - 5 and 3 of the fifth day are billed. Projected are 27 whole days of 10.
    """
    rows = [charge("10", day) for day in range(1, 5)]
    rows += [charge("3", 5), charge("100", 1, ChargeCategory="Purchase"), charge("-5", 2, ChargeCategory="Credit")]
    write(tmp_path / "bill.csv", rows)
    poll = poll_of(tmp_path, "path: bill.csv", now=MAY + DAY / 2)
    assert figures(poll, "model_cost_billed_month_to_date") == {("USD",): 138}
    assert figures(poll, "model_cost_billed_month_end") == {("USD", "mean_of_7_days"): 135 + 27 * 10}
    assert figures(poll, "model_cost_billed_rate_per_hour") == {("Compute", "USD"): pytest.approx(10 / 24, abs=1e-12)}
    assert figures(poll, "model_cost_bill_newest_timestamp_seconds") == {(): MAY + DAY / 2}


def test_at_the_begin_of_a_month_a_whole_one_is_projected(tmp_path: Path) -> None:
    """Nothing of June is billed on its first day: 30 days of what the last days of May cost, and May stays as it is."""
    write(tmp_path / "bill.csv", [charge("10", day) for day in range(20, 31)])
    poll = poll_of(tmp_path, "path: bill.csv", now=span_of("2026-06")[0] + 3600)
    assert figures(poll, "model_cost_billed") == {("Compute", "USD", "2026-05"): 110}
    assert figures(poll, "model_cost_billed_month_to_date") == {("USD",): 0}
    assert figures(poll, "model_cost_billed_month_end") == {("USD", "mean_of_7_days"): 300}


def test_an_old_bill_projects_nothing(tmp_path: Path) -> None:
    """What ended weeks ago says nothing of now; that it is old is told."""
    write(tmp_path / "bill.csv", [charge("10", day) for day in range(1, 5)])
    poll = poll_of(tmp_path, "path: bill.csv", now=MAY + 20 * DAY)
    assert figures(poll, "model_cost_billed_month_end") == {}
    assert figures(poll, "model_cost_billed_rate_per_hour") == {}
    assert figures(poll, "model_cost_bill_newest_timestamp_seconds") == {(): MAY}


def test_a_month_that_is_written_again_counts_once_where_that_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A new folder for each run: all of them are counted and told of, or the last one of each month alone."""
    for run, amount in enumerate(("10", "12")):
        path = tmp_path / f"bill/20260501-20260531/run-{run}/part_0.csv"
        write(path, [charge(amount, 2), charge(amount, 3)])
        os.utime(path, (MAY + run, MAY + run))
    write(tmp_path / "bill/20260401-20260430/run-0/part_0.csv", [
        {**charge("7", 2), **{key: f"2026-04-{day}T00:00:00Z" for key, day in (
            ("BillingPeriodStart", "01"), ("ChargePeriodStart", "02"), ("ChargePeriodEnd", "03"))}},
    ])  # fmt: skip
    with caplog.at_level(logging.WARNING):
        every = figures(poll_of(tmp_path, "path: bill"), "model_cost_billed")
    assert every == {("Compute", "USD", "2026-05"): 44, ("Compute", "USD", "2026-04"): 7}
    assert "deliveries: newest" in caplog.text
    newest = figures(poll_of(tmp_path, "path: bill, deliveries: newest"), "model_cost_billed")
    assert newest == {("Compute", "USD", "2026-05"): 24, ("Compute", "USD", "2026-04"): 7}


def test_a_file_that_is_overwritten_takes_the_place_of_what_it_was(tmp_path: Path) -> None:
    """As clouds do until the month is closed; also where the amount is lower then. One that is gone does not count."""
    poll = poll_of(tmp_path, "path: bill")
    write(tmp_path / "bill/a.csv", [charge("10", 2)])
    write(tmp_path / "bill/b.csv", [charge("1", 2)])
    assert figures(poll, "model_cost_billed_month_to_date") == {("USD",): 11}
    write(tmp_path / "bill/a.csv", [charge("8.5", 2), charge("0", 3)])
    assert figures(poll, "model_cost_billed_month_to_date") == {("USD",): 9.5}
    (tmp_path / "bill/b.csv").unlink()
    assert figures(poll, "model_cost_billed_month_to_date") == {("USD",): 8.5}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there is no billing export"),
        ("lineItem/UnblendedCost,date\n1,2\n", "has no column BilledCost, BillingCurrency.*is it a FOCUS export"),
        ("", "has no column BilledCost"),
    ],
)
def test_what_is_no_bill_is_refused_in_words(tmp_path: Path, content: str | None, told: str) -> None:
    """With the file's name; the poll is tried again soon, then later."""
    (tmp_path / "bill").mkdir()
    if content is not None:
        (tmp_path / "bill/a.csv").write_text(content)
    poll = poll_of(tmp_path, "path: bill")
    usual = poll.interval
    waits = []
    for _ in range(8):
        with pytest.raises(SourceError, match=told):
            poll.poll()
        waits.append(poll.interval)
    assert waits == [15, 30, 60, 120, 240, 480, usual, usual]


def test_a_misspelt_tag_is_told_with_those_that_there_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is the model's: that is shown as no charges and no time, and the log helps."""
    shutil.copy(BILLS / "focus-1.2.csv", tmp_path / "bill.csv")
    poll = poll_of(tmp_path, "path: bill.csv, tags: {modell: credit-risk}")
    assert figures(poll, "model_cost_bill_charges") == {(): 0}
    assert figures(poll, "model_cost_bill_newest_timestamp_seconds") == {}
    assert "charges have the tags" in caplog.text
    assert "model" in caplog.text.partition("have the tags")[2]


def charges_of(amounts: Mapping[tuple[str, str], str]) -> Charges:
    """Return charges of the 2nd of May by component and currency."""
    found = Charges()
    for (component, currency), amount in amounts.items():
        found.take(Charge("2026-05", MAY - 3 * DAY, MAY - 2 * DAY, component, currency, Decimal(amount), usage=True))
    return found


def test_components_and_currencies_are_bounded_and_nothing_is_lost() -> None:
    """The costliest keep their names, the rest is one; a fourth currency is refused and told of."""
    many = charges_of(
        {(f"c{n:02d}", "USD"): str(n) for n in range(1, 31)} | {("c", code): "1" for code in ("CHF", "EUR", "GBP")}
    )
    bill = bill_of(many, now=MAY)
    dollars = {line.component: amount for line, amount in bill.billed.items() if line.currency == "USD"}
    assert len(dollars) == MOST_COMPONENTS + 1
    assert sum(dollars.values()) == sum(range(1, 31))
    assert dollars["other"] == sum(range(1, 31 - MOST_COMPONENTS))
    assert set(bill.month_to_date) == {"USD", "CHF", "EUR"}
    assert bill.refused == {"further_currency": 1}


def test_sums_do_not_depend_on_how_files_divide_a_bill() -> None:
    """Charges of parts, added in any order, are those of the whole."""
    parts = [charges_of({("a", "USD"): "0.1", ("b", "EUR"): "-0.3"}), charges_of({("a", "USD"): "0.2"})]
    for order in (parts, parts[::-1]):
        both = Charges()
        for part in order:
            both.add(part)
        assert both.billed == {
            Line("2026-05", "a", "USD"): Decimal("0.3"),
            Line("2026-05", "b", "EUR"): Decimal("-0.3"),
        }
        day = int(MAY - 3 * DAY) // DAY
        assert both.daily[day, Share("a", "USD")] == Decimal("0.3")


def test_times_as_clouds_write_them(tmp_path: Path) -> None:
    """Azure leaves seconds out, BigQuery writes a blank and UTC, and others a zone or none."""
    forms = ("%Y-%m-%dT%H:%MZ", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%d")
    begin = datetime(2026, 5, 2, tzinfo=UTC)
    rows = [charge("1", 2, ChargePeriodStart=begin.strftime(form), BillingPeriodStart="2026-05-01") for form in forms]
    write(tmp_path / "bill.csv", rows)
    assert figures(poll_of(tmp_path, "path: bill.csv"), "model_cost_billed") == {("Compute", "USD", "2026-05"): 5}


def test_columns_in_small_letters(tmp_path: Path) -> None:
    """As databases write them that keep no capitals, with a mark of its encoding in front."""
    text = io.StringIO()
    row = {key.replace("Cost", "_cost").lower(): value for key, value in charge("4", 2).items()}
    writer = csv.DictWriter(text, list(row))
    writer.writeheader()
    writer.writerow(row)
    (tmp_path / "bill.csv").write_text("\ufeff" + text.getvalue(), encoding="utf-8")
    assert figures(poll_of(tmp_path, "path: bill.csv"), "model_cost_billed_month_to_date") == {("USD",): 4}
