"""What the page of a real exporter says of a model's process and cost, and why a figure is not there."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests

from pages import Element, Page
from prediction_exporter.collectors.model_process import COLLECTOR as PROCESS
from prediction_exporter.collectors.report import Collected
from prediction_exporter.config import Model, load
from prediction_exporter.cost.rates import RateCosts, Share
from prediction_exporter.exposition import Samples
from prediction_exporter.web.landing.operation import Block, Fact, blocks_of
from processes import Exporter
from watched import Watched, config_text, model_text

COST = """maturity: 1
baseline: baseline.json
importance: {amount: 3, color: 1}
process: {pid_file: model.pid}
cost: {per_hour: 3600, per_1000_predictions: 2, budget_per_month: 1, focus: {path: bill.csv, tags: {model: m}}}"""
NO_FIGURES = """maturity: 0
process: {pid_file: none.pid}
cost: {focus: {path: none.csv, tags: {model: n}}, budget_per_month: 7.5, currency: EUR}"""
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def bill(path: Path, today: datetime) -> None:
    """Write a bill of 1.25 USD for each day of the month until today, and a charge that cannot be used."""
    rows = []
    for day in range(1, today.day + 1):
        begin = today.replace(day=day)
        rows.append(
            {
                "BilledCost": "1.25",
                "BillingCurrency": "USD",
                "BillingPeriodStart": today.replace(day=1).isoformat(),
                "ChargePeriodStart": begin.isoformat(),
                "ChargePeriodEnd": (begin + timedelta(days=1)).isoformat(),
                "ChargeCategory": "Usage",
                "ServiceCategory": "Compute",
                "ServiceName": "virtual machines",
                "Tags": '{"model": "m"}',
            }
        )
    rows.append(rows[-1] | {"BilledCost": "unknown"})
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_blocks(page: Page, index: int) -> dict[str, Element]:
    """Return the sections of a model by their title."""
    model = [section for section in page.all("section") if "id" in section.attributes][index]
    return {block.one("h3").text: block for block in model.all("div", "operation")}


def facts(block: Element) -> dict[str, str]:
    """Return a section's figures by their title."""
    return {fact.one("dt").text: fact.one("dd").text for fact in block.one("dl").children}


@pytest.fixture
def server() -> Iterator[subprocess.Popen[bytes]]:
    """A process in the place of a model server."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]) as process:
        yield process
        process.kill()


@pytest.fixture
def exporter(tmp_path: Path, server: subprocess.Popen[bytes]) -> Iterator[Exporter]:
    """A real exporter of a model with a process, rates and a bill, and of one of which none is found."""
    watched = Watched(tmp_path)
    watched.configure(config_text(model_text(more=COST), model_text("n", "other.log", more=NO_FIGURES)))
    (tmp_path / "model.pid").write_text(str(server.pid))
    (tmp_path / "none.pid").write_text("0")
    bill(tmp_path / "bill.csv", TODAY)
    for file in ("app.log", "other.log"):
        watched.log(60, at=datetime.now(UTC).timestamp(), to=file)
    found = Exporter(watched.file)
    try:
        found.start()
        yield found
    finally:
        if found.process is not None:
            found.process.kill()
            found.process.wait()


def test_what_runs_and_what_it_costs(exporter: Exporter, server: subprocess.Popen[bytes]) -> None:
    """Figures of a live process, of rates and of a bill; words where there is none; and a process that ends."""

    def page() -> Page:
        return Page(requests.get(exporter.url, timeout=20).content)

    def told(title: str, fact: str) -> bool:
        return any(mark in facts(read_blocks(page(), 0)[title])[fact] for mark in ("USD", "up"))

    exporter.wait_for(lambda: told("Process", "State"), "a look at the process")
    exporter.wait_for(lambda: told("Cost of this replica, by its rates", "Projected month's end"), "costs", seconds=90)
    exporter.wait_for(lambda: told("Cost as billed", "Month to date"), "a bill")
    seen = page()
    blocks = read_blocks(seen, 0)
    assert list(blocks) == ["Process", "Cost of this replica, by its rates", "Cost as billed"]

    process = facts(blocks["Process"])
    assert process["State"].startswith("up, 1 process")
    assert process["Restarts seen"] == "0"
    resident = int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    shown, unit = process["Memory"].split()[:2]
    assert float(shown) * 2**20 == pytest.approx(resident, rel=0.1)
    assert unit.startswith("MiB")

    rates = facts(blocks["Cost of this replica, by its rates"])
    assert rates["Budget of a month"] == "1.00 USDall replicas together"
    assert rates["Projected month's end"].endswith("above the budget")  # a dollar a second, and a budget of one

    billed = facts(blocks["Cost as billed"])
    assert billed["Month to date"].startswith(f"{TODAY.day * 1.25:,.2f} USD")
    assert blocks["Cost as billed"].one("p", "problem").text == "1 charge cannot be used, and the sums are too small."

    importance = [small.text for small in seen.all("small") if small.text.startswith("importance")]
    assert sorted(set(importance)) == ["importance 25 %", "importance 75 %"]  # 3 and 1 of 4

    missing = read_blocks(seen, 1)
    assert missing["Process"].one("p", "problem").text == "It is not found; the log says what was looked for."
    assert missing["Cost as billed"].one("p", "problem").text == "The bill cannot be read; the log has why."
    assert facts(missing["Cost as billed"]) == {"Budget of a month": "7.50 EURall replicas together"}
    assert [pill.text for pill in seen.all("section")[0].all("span", "pill")][1] == "process down"
    for block in missing.values():
        link = urljoin(exporter.url, str(block.one("a").attributes["href"]))
        assert requests.get(link, timeout=5).status_code == 200

    server.kill()
    server.wait()
    exporter.wait_for(lambda: bool(read_blocks(page(), 0)["Process"].all("p", "problem")), "the end of the process")
    assert page().all("section")[0].all("span", "pill")[0].text == "process down"


# What a real exporter is in for moments alone


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A model with a process and a price."""
    watched = Watched(tmp_path)
    watched.configure(config_text(model_text(more="maturity: 0\nprocess: {port: 80}\ncost: {per_hour: 1.5}")))
    return load(watched.file).models[0]


def of(
    model: Model, *, looked: Collected | None = None, costs: dict[str, RateCosts] | None, counts: bool = True
) -> list[Block]:
    """Return the sections of a model with a poll of its process."""
    return blocks_of(model, {PROCESS.name: looked}, costs, counts_costs=counts, now=0.0)


def test_before_anything_is_known(model: Model) -> None:
    """It is said that nobody has looked, and not that there is nothing."""
    process, rates = of(model, costs={})
    assert process.facts == (Fact("State", "not asked yet", absent=True),)
    assert rates.facts == (Fact("Month to date", "nothing counted yet", absent=True),)


def test_what_fails_says_where_to_look(model: Model) -> None:
    """A look that hangs, and a state that costs cannot be counted with."""
    process, rates = of(model, looked=Collected(Samples(), success=False, seconds=10.0), costs=None)
    assert [block.problem is not None and "log" in block.problem.words for block in (process, rates)] == [True, True]
    assert [fact for block in (process, rates) for fact in block.facts] == []


def test_what_is_switched_off_is_not_there(model: Model) -> None:
    """No section is left of what nobody collects."""
    assert blocks_of(model, {}, {}, counts_costs=False, now=0.0) == []


def test_currencies_are_never_added_up(model: Model) -> None:
    """After a change of the currency there are amounts of both."""
    month = {"EUR": Decimal("1.5"), "USD": Decimal(2)}
    hourly = {
        Share("replica", "EUR"): Decimal(1),
        Share("cpu", "EUR"): Decimal("0.25"),
        Share("replica", "USD"): Decimal("0.001"),
    }
    costs = {model.name: RateCosts(hourly, hourly, "2026-11", month, {}, 0.0)}
    _, rates = of(model, costs=costs)
    texts = {fact.title: fact.text.replace("\u202f", " ") for fact in rates.facts}
    assert texts == {
        "Month to date": "1.50 EUR + 2.00 USD",
        "Projected month's end": "too little is known yet",
        "An hour": "1.25 EUR + < 0.01 USD",
    }
    assert rates.facts[2].notes == ("most of it replica",)
