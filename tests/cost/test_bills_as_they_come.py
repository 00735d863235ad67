"""Bills as clouds and their users write them: what public reports tell of, each with the amount that it is to give."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from billed import BILLS, MAY, charge, figures, poll_of, write
from prediction_exporter.cost.months import DAY, span_of
from prediction_exporter.errors import SourceError

TO_DATE, MONTH_END = "model_cost_billed_month_to_date", "model_cost_billed_month_end"
MINE = json.dumps({"model": "m"})


def text_of(rows: list[dict[str, Any]]) -> str:
    """Return a bill as CSV."""
    return pl.DataFrame(rows).write_csv()


def two_marks(text: str) -> str:
    """Return a text with a byte order mark before its header and before its first record (azure-sdk-for-net, issue 34129)."""
    header, _, records = text.partition("\n")
    return f"\ufeff{header}\n\ufeff{records}"


def in_words(text: str) -> str:
    """Return a text whose nulls are words, as in the samples of the FinOps Foundation."""
    return text.replace("Usage,,Compute", "Usage,NULL,Compute").replace("Usage,Correction,Compute", "Usage,(null),Compute")


def alike(text: str) -> str:
    """Return a text with a column of another tool's whose name differs in its case and an underscore."""
    header, *records = text.splitlines()
    return "\n".join([f"{header},billed_cost", *(f"{record},99" for record in records)])


@pytest.mark.parametrize("written", [two_marks, in_words, alike])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_a_whole_month_of_usage(tmp_path: Path, written: Callable[[str], str], ending: str) -> None:
    """By hand: ten on each of four days, of 31; every one is usage that goes on."""
    rows = [charge("10", day, ChargeClass="", ServiceCategory="Compute") for day in range(1, 5)]
    order = ["BilledCost", *(name for name in rows[0] if name not in {"BilledCost", "ChargeClass", "ServiceCategory", "Tags"})]
    text = pl.DataFrame(rows).select(*order, "ChargeClass", "ServiceCategory", "Tags").write_csv(quote_style="never")
    content = written(text).encode()
    (tmp_path / f"bill{ending}").write_bytes(gzip.compress(content) if ending == ".csv.gz" else content)
    poll = poll_of(tmp_path, f"path: bill{ending}")
    assert figures(poll, TO_DATE) == {("USD",): 40}
    assert figures(poll, MONTH_END) == {("USD", "mean_of_7_days"): 310}


@pytest.mark.parametrize("hours", [8, 5.5, 11, -7, -11])
def test_months_and_days_of_local_time(tmp_path: Path, hours: float) -> None:
    """A month of a provider that is ahead of UTC begins on the last day of the one before; its days are no days of UTC."""

    def moved(text: str) -> str:
        return (datetime.fromisoformat(text) - timedelta(hours=hours)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    rows = [charge("10", day) for day in range(1, 29)]
    write(tmp_path / "bill.csv", [{k: moved(v) if "Period" in k else v for k, v in row.items()} for row in rows])
    poll = poll_of(tmp_path, "path: bill.csv", now=span_of("2026-05")[0] + 28.9 * DAY)
    assert figures(poll, "model_cost_billed") == {("Compute", "USD", "2026-05"): 280}
    assert figures(poll, MONTH_END) == {("USD", "mean_of_7_days"): 310}


def test_the_day_of_25_hours_is_a_day(tmp_path: Path) -> None:
    """When the clocks of California go back."""
    days = {"ChargePeriodStart": "2026-11-01T07:00:00Z", "ChargePeriodEnd": "2026-11-02T08:00:00Z"}
    write(tmp_path / "bill.csv", [charge("10", 1, BillingPeriodStart="2026-11-01T07:00:00Z", **days)])
    poll = poll_of(tmp_path, "path: bill.csv", now=span_of("2026-11")[0] + 2 * DAY)
    assert figures(poll, MONTH_END) == {("USD", "mean_of_7_days"): 300}


def test_usage_by_the_month_is_usage(tmp_path: Path) -> None:
    """Tokens that are charged once a month are usage; where there is usage by the day too, the bill is as old as that."""
    month = charge("42", 1, ChargePeriodEnd="2026-06-01T00:00:00Z")
    write(tmp_path / "bill.csv", [month])
    assert figures(poll_of(tmp_path, "path: bill.csv"), "model_cost_bill_newest_timestamp_seconds") == {(): MAY}
    write(tmp_path / "bill.csv", [month, charge("1", 2)])
    assert figures(poll_of(tmp_path, "path: bill.csv"), "model_cost_bill_newest_timestamp_seconds") == {(): MAY - 2 * DAY}


@pytest.mark.parametrize(
    "tags",
    [
        '"model": "m","env": "prod"',  # Azure (kubecost issue 414)
        '[{"key": "model", "value": "m"}]',  # Google
        '{"model": "m", "note": "a \\"quote\\"\nand a line"}',
    ],
)
def test_tags_in_other_forms(tmp_path: Path, tags: str) -> None:
    """Those of another model beside them."""
    write(tmp_path / "bill.csv", [charge("7", 2, Tags=tags), charge("100", 2, Tags=tags.replace('"m"', '"x"')), charge("9", 2)])
    assert figures(poll_of(tmp_path, "path: bill.csv, tags: {model: m}"), TO_DATE) == {("USD",): 7}


def test_tags_of_spark_and_what_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Spark writes quotes behind backslashes (ClickHouse issue 10624); what is no tags is shown to who finds nothing."""
    text = text_of([charge("7", 2, Tags=MINE), charge("8", 3, Tags=MINE)]).replace('""', '\\"')
    (tmp_path / "bill.csv").write_text(text)
    assert figures(poll_of(tmp_path, "path: bill.csv, tags: {model: m}"), TO_DATE) == {("USD",): 15}
    write(tmp_path / "bill.csv", [charge("7", 2, Tags="model=m;env=prod")])
    poll_of(tmp_path, "path: bill.csv, tags: {model: m}").poll()
    assert "these are no tags: model=m;env=prod" in caplog.text


def test_amounts_of_every_kind_of_parquet_add_up_exactly(tmp_path: Path) -> None:
    """Azure writes decimals, AWS doubles (FOCUS_Spec issue 1077), others short floats, text or bytes: 0.1 is 0.1 in each."""
    frame = pl.DataFrame([charge("0.1", day, Tags=MINE) for day in range(1, 4)])
    for kind in (pl.Decimal(38, 18), pl.Float64(), pl.Float32(), pl.String()):
        name = str(kind).partition("(")[0].lower()
        frame.with_columns(pl.col("BilledCost").cast(kind)).write_parquet(tmp_path / f"{name}.parquet")
    in_bytes = pl.col("BilledCost", "BillingCurrency", "Tags").cast(pl.Binary)
    frame.with_columns(in_bytes).write_parquet(tmp_path / "bytes.parquet")
    assert figures(poll_of(tmp_path, "path: '*.parquet', tags: {model: m}"), TO_DATE) == {("USD",): 1.5}


def test_numbers_as_people_write_them_are_refused_and_told(tmp_path: Path) -> None:
    """An exponent is a number, also behind a blank; a currency, a separator of thousands or a comma for a point is none."""
    amounts = ["1E-7", "2.5e+1", " 3 ", "-0.0", "$10,100.00 ", "1,50", "1 000"]
    write(tmp_path / "bill.csv", [charge(amount, 2) for amount in amounts])
    poll = poll_of(tmp_path, "path: bill.csv")
    assert figures(poll, TO_DATE) == {("USD",): 28.0000001}
    assert figures(poll, "model_cost_bill_charges_rejected")[("amount",)] == 3


def test_what_was_delivered_before_is_not_counted(tmp_path: Path) -> None:
    """Neither its charges nor what was wrong with them (finops-toolkit issues 320 and 1896)."""
    for run, rows in enumerate(([charge("1", 2), charge("broken", 3)], [charge("1", 2), charge("2", 3)])):
        path = tmp_path / f"bill/20260501-20260531/run-{run}/part_0.csv"
        write(path, rows)
        os.utime(path, (MAY + run, MAY + run))
    poll = poll_of(tmp_path, "path: bill, deliveries: newest")
    assert figures(poll, TO_DATE) == {("USD",): 3}
    assert figures(poll, "model_cost_bill_charges") == {(): 2}
    assert figures(poll, "model_cost_bill_charges_rejected")[("amount",)] == 0


def test_a_compressed_file_whose_name_does_not_say_so_is_told(tmp_path: Path) -> None:
    """It is not taken for a bill without charges."""
    packed = io.BytesIO()
    with gzip.open(packed, "wb") as file:
        file.write(text_of([charge("1", 2)]).encode())
    (tmp_path / "bill.csv").write_bytes(packed.getvalue())
    with pytest.raises(SourceError, match=r"bill\.csv cannot be read: is compressed, and its name does not say so"):
        poll_of(tmp_path, "path: bill.csv").poll()


@pytest.mark.parametrize(("amount", "cost"), [("billed", 500_000), ("effective", 50)])
def test_tokens_of_a_prepayment(tmp_path: Path, amount: str, cost: float) -> None:
    """The specification's example: 500,000 are paid, and tokens for 20 and 30 dollars used of it in the first month."""
    shutil.copy(BILLS / "specification/drawdown_via_prepayment_foundation_model_api.csv", tmp_path / "bill.csv")
    poll = poll_of(tmp_path, f"path: bill.csv, amount: {amount}", now=span_of("2025-05")[1] - 1)
    assert figures(poll, TO_DATE) == {("USD",): cost}


def test_dates_that_may_be_of_two_months_are_refused(tmp_path: Path) -> None:
    """4/1/25 in the specification's own example of 1.2, which asks for another form; each of its five charges is told of."""
    shutil.copy(BILLS / "specification/saas_spend_agreements_b1.csv", tmp_path / "bill.csv")
    poll = poll_of(tmp_path, "path: bill.csv", now=span_of("2025-04")[1] - 1)
    assert figures(poll, "model_cost_billed") == {}
    assert figures(poll, "model_cost_bill_charges_rejected")[("time",)] == 5
