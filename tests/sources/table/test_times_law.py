"""Times of every type and form count as the log counts them, also where clocks change."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting import assert_equal, context_of, count
from databases import Database
from prediction_exporter.counting.layout import Layout, Role
from prediction_exporter.sources.registry import open_source
from typed_events import Types, bounded, category, number
from watched import Clock

LAYOUT = Layout([number("amount"), category("decision", ["yes"], role=Role.PREDICTION)])
_tables = itertools.count()

#: Midnight of a usual day, and the instants at which clocks change in Berlin and in New York.
MOMENTS = [
    datetime(2026, 6, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
]
ZONES = ["UTC", "Europe/Berlin", "America/New_York"]


@dataclass(frozen=True)
class Form:
    """How an instant is written.

    Attributes:
        types: the column's type by kind of database; only these kinds have it.
        value: what the driver takes, of an instant and a zone.
        text: what the log has, where it is something else.
    """

    types: Types
    value: Callable[[datetime, ZoneInfo], Any]
    text: Callable[[Any], Any] = lambda value: value


def _naive(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _epoch(factor: int) -> Callable[[datetime, ZoneInfo], int]:
    def value(instant: datetime, _: ZoneInfo) -> int:
        return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * factor // 1_000_000

    return value


ANY: Types = {"sqlite": "TEXT", "postgresql": "TEXT", "mariadb": "VARCHAR(40)", "duckdb": "VARCHAR"}
WHOLE: Types = dict.fromkeys(["sqlite", "postgresql", "mariadb", "duckdb"], "BIGINT")
DOUBLE: Types = {"sqlite": "DOUBLE", "postgresql": "DOUBLE PRECISION", "mariadb": "DOUBLE", "duckdb": "DOUBLE"}

FORMS = {
    "instants": Form({"postgresql": "TIMESTAMPTZ", "duckdb": "TIMESTAMPTZ"}, lambda at, _: at, datetime.isoformat),
    "local": Form(
        {"postgresql": "TIMESTAMP", "duckdb": "TIMESTAMP", "mariadb": "DATETIME(6)"}, _naive, lambda v: v.isoformat()
    ),
    "local to the second": Form(
        {"postgresql": "TIMESTAMP(0)", "mariadb": "DATETIME"},
        lambda at, zone: _naive(at, zone).replace(microsecond=0),
        lambda v: v.isoformat(),
    ),
    "instants of MariaDB": Form(
        {"mariadb": "TIMESTAMP(6)"},
        # The owner's session is five hours behind UTC, and gives its own time.
        lambda at, _: at.replace(tzinfo=None) - timedelta(hours=5),
        lambda v: (v + timedelta(hours=5)).isoformat() + "Z",
    ),
    "seconds": Form(WHOLE, _epoch(1)),
    "milliseconds": Form(WHOLE, _epoch(1000)),
    "microseconds": Form(WHOLE, _epoch(1_000_000)),
    "nanoseconds": Form(WHOLE, _epoch(1_000_000_000)),
    "fractions": Form(DOUBLE, lambda at, _: at.timestamp()),
    "decimals": Form(
        {"postgresql": "NUMERIC(20,6)", "mariadb": "DECIMAL(20,6)", "duckdb": "DECIMAL(20,6)"},
        lambda at, _: Decimal(_epoch(1_000_000)(at, ZoneInfo("UTC"))).scaleb(-6),
        float,
    ),
    "text with Z": Form(ANY, lambda at, _: at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")),
    "text with an offset": Form(ANY, lambda at, _: at.isoformat(" ", "seconds")),
    "local text": Form(ANY, lambda at, zone: _naive(at, zone).isoformat(" ")),
    "local text of milliseconds": Form(ANY, lambda at, zone: _naive(at, zone).isoformat("T", "milliseconds")),
}
CASES = [(form, kind) for form, found in FORMS.items() for kind in found.types]


def instants(moment: datetime) -> st.SearchStrategy[list[datetime]]:
    """Draw instants around a moment, also at the edges of minutes."""
    seconds = st.integers(-3480, 1700)
    around = st.one_of(
        st.builds(lambda s, us: timedelta(seconds=s, microseconds=us), seconds, st.integers(0, 999_999)),
        seconds.map(lambda s: timedelta(seconds=s // 60 * 60)),
        seconds.map(lambda s: timedelta(seconds=s // 60 * 60, microseconds=-1)),
    )
    return st.lists(around.map(lambda delta: moment + delta), min_size=1, max_size=12)


@pytest.mark.parametrize("mode", ["rows", "aggregate"])
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_time_is_what_the_log_takes_it_for(
    name: str, kind: str, mode: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Each event lies in the slice that the same time in the log lies in."""
    database: Database = request.getfixturevalue(kind)
    form = FORMS[name]

    @bounded(3)
    @given(
        st.sampled_from(MOMENTS).flatmap(lambda moment: st.tuples(st.just(moment), instants(moment))), st.sampled_from(ZONES)
    )
    def law(drawn: tuple[datetime, list[datetime]], zone: str) -> None:
        moment, at = drawn
        rows = [{"ts": form.value(when, ZoneInfo(zone)), "amount": 0.5, "decision": "yes"} for when in at]
        table = f"p{next(_tables)}"
        texts = "VARCHAR(9)"
        database.execute(f"CREATE TABLE {table} (ts {form.types[kind]}, amount {DOUBLE[kind]}, decision {texts})")
        database.insert(table, rows)
        log = tmp_path / "app.log"
        log.write_text("".join(json.dumps(row | {"ts": form.text(row["ts"])}) + "\n" for row in rows))
        common = {"timezone": zone, "fields": {"time": "ts"}}
        clock = (moment + timedelta(minutes=30)).timestamp

        def context(source: dict[str, Any]) -> Any:
            return context_of(tmp_path, common | source, LAYOUT, clock=clock, windows=["2h"])

        of_log = count(context({"log": {"path": "app.log", "start": "beginning"}}))
        of_table = count(context({"table": {"url": database.url(), "name": table, "mode": mode}}))
        log.unlink()
        assert_equal(of_log, of_table)

    law()


LOCAL: Types = {"postgresql": "TIMESTAMP", "mariadb": "DATETIME(6)", "duckdb": "TIMESTAMP", "sqlite": "VARCHAR(40)"}


@pytest.mark.parametrize("mode", ["rows", "aggregate"])
@pytest.mark.parametrize("first", [(0, 50), (2, 6)])
def test_times_that_no_clock_showed_are_refused_once(
    database: Database, tmp_path: Path, mode: str, first: tuple[int, int]
) -> None:
    """In the hour that summer time leaves out; what lies around it counts, whether it is the past or happens now."""
    database.execute(
        f"CREATE TABLE p (ts {LOCAL[database.kind]}, id VARCHAR(9), amount {DOUBLE[database.kind]}, decision VARCHAR(9))"
    )
    whens = [(1, 59, 59), (2, 0, 0), (2, 30, 0), (2, 59, 59), (3, 0, 0), (3, 1, 0)]
    local = [datetime(2026, 3, 29, *when) for when in whens]  # noqa: DTZ001 - as a column without a zone holds it
    times = [when.isoformat(" ") for when in local] if database.kind == "sqlite" else local
    rows = [{"ts": when, "id": "1", "amount": 0.5, "decision": "yes"} for when in times]
    database.insert("p", [*rows, rows[-1] | {"id": None}, rows[0] | {"id": None}])
    predictions = {
        "timezone": "Europe/Berlin",
        "fields": {"time": "ts", "id": "id"},
        "table": {"url": database.url(), "name": "p", "mode": mode},
    }
    clock = Clock(datetime(2026, 3, 29, *first, tzinfo=UTC).timestamp())
    context = context_of(tmp_path, predictions, LAYOUT, clock=clock, windows=["2h"])
    source = open_source(context)
    source.restore(None)
    counts: Counter[str] = Counter()
    while clock.now < datetime(2026, 3, 29, 2, 10, tzinfo=UTC).timestamp():
        for batch in source.poll():
            if batch.reading is None or batch.reading.closed:
                counts.update(batch.rejected.counts)
                counts["events"] += sum(map(len, batch.events)) + (batch.tally.events if batch.tally is not None else 0)
        clock.now += 60
    source.close()
    assert counts == {"events": 3, "invalid_time": 3, "missing_id": 2}
