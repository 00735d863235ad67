"""Databases fail in many ways: the source says how, comes back by itself, and every row counts once."""

from __future__ import annotations

import logging
import random
import shutil
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from databases import Database, Server, insert
from prediction_exporter.counting.ledger import Ledger
from prediction_exporter.counting.reading import Reading
from prediction_exporter.counting.tally import Tally
from watched import NOW
from watched_table import Table, look, requests, watching, windows

LATENESS = 300

#: Seconds after which a failed source is certainly tried again, early on.
AGAIN = 20


@pytest.fixture(params=["postgresql", "mariadb"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Table:
    """A table in a server."""
    return Table(request.getfixturevalue(request.param), tmp_path)


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Table:
    """A table that can be written while it is read."""
    return Table(request.getfixturevalue(request.param), tmp_path)


def server_of(table: Table) -> Server:
    """Return the table's server."""
    assert table.database.server is not None
    return table.database.server


# Servers that go away


def test_a_server_killed_in_the_middle_of_a_read(served: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before stays; the rest is read when it is back: nothing is lost, nothing counted twice."""
    from prediction_exporter.sources.table import source

    monkeypatch.setattr(source, "HISTORY_ROWS", 1000)
    total = 0
    for minute in range(30):
        served.insert(200, NOW - 3000 + 60 * minute)
        total += 200
    server = server_of(served)
    parse = source.TableSource._as_reading
    read = 0

    def kill(self: Any, *arguments: Any) -> Any:
        nonlocal read
        read += 1
        for batch in parse(self, *arguments):
            if read == 3 and server.process is not None:
                server.kill()
            yield batch

    monkeypatch.setattr(source.TableSource, "_as_reading", kill)
    with watching(served) as monitor:
        problem = look(monitor)
        assert problem is not None
        assert "password" not in problem
        assert 0 < windows(monitor)["1h"] < total
        server.start()
        assert look(monitor) == problem  # it is left alone for a while
        served.clock.now += AGAIN
        assert look(monitor) is None
        assert windows(monitor)["1h"] == total
        assert requests(monitor) == 0  # all of it happened before anybody watched
        server.kill()
        served.clock.now += 1
        assert look(monitor) is not None
        server.start()
        served.insert(7)
        served.clock.now += AGAIN
        assert look(monitor) is None
        assert requests(monitor) == 7
        assert windows(monitor)["1h"] == total + 7


def test_a_server_killed_in_the_middle_of_a_span(served: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read of the span counts once it is read as a whole, and then once."""
    from prediction_exporter.sources.table import adbc, rows

    monkeypatch.setattr(rows, "FETCH_ROWS", 2000)
    monkeypatch.setattr(adbc, "BATCH_BYTES", 200_000)
    server = server_of(served)
    read = rows.RowsReader.read
    served.insert(10_000, NOW - 600)
    for _ in range(4):  # more than what is on the way in buffers, also where the reader is slow
        served.database.execute("INSERT INTO p SELECT * FROM p")
    batches = 0

    def kill(self: rows.RowsReader, *arguments: Any) -> Any:
        nonlocal batches
        for batch in read(self, *arguments):
            batches += 1
            if batches == 2:
                server.kill()
            yield batch

    monkeypatch.setattr(rows.RowsReader, "read", kill)
    with watching(served) as monitor:
        problem = look(monitor)
        assert problem is not None
        assert windows(monitor) == {}
        server.start()
        served.clock.now += AGAIN
        assert look(monitor) is None
        assert windows(monitor)["1h"] == 160_000


def test_a_database_that_is_away_at_the_start(served: Table) -> None:
    """The model is watched, and says what is wrong until it comes."""
    server = server_of(served)
    served.insert(5)
    server.kill()
    with watching(served) as monitor:
        problem = look(monitor)
        assert problem is not None
        assert "onnect" in problem
        server.start()
        served.clock.now += AGAIN
        assert look(monitor) is None
        assert windows(monitor)["1h"] == 5


# Rows that come late, change, and go


def test_transactions_that_commit_late_and_out_of_order(served: Table) -> None:
    """Counts equal the table in the end, whichever transaction commits first."""
    chance = random.Random(3)
    written = 0
    with watching(served) as monitor:
        assert look(monitor) is None
        waiting: list[tuple[float, Any, ExitStack]] = []
        for _ in range(60):
            served.clock.now += chance.choice([1, 5, 30])
            for _ in range(2):
                stack = ExitStack()
                connection = stack.enter_context(served.database.connect())
                count = chance.randint(1, 5)
                insert(served.database, connection, "p", served.rows(count, served.clock() - chance.uniform(0, 100)))
                written += count
                waiting.append((served.clock() + chance.uniform(0, LATENESS - 170), connection, stack))
            for entry in [entry for entry in waiting if entry[0] <= served.clock()]:
                entry[1].commit()
                entry[2].close()
                waiting.remove(entry)
            assert look(monitor) is None
        for _, connection, stack in waiting:
            connection.commit()
            stack.close()
        assert look(monitor) is None
        assert requests(monitor) == written
        served.clock.now += LATENESS + 120
        assert look(monitor) is None
        assert requests(monitor) == windows(monitor)["1h"] == written
        assert monitor.evaluate().source.rejected == {}


def test_rows_later_than_the_lateness_are_told_once(table: Table) -> None:
    """They enter no count and no window."""
    with watching(table) as monitor:
        assert look(monitor) is None
        table.insert(4)
        for _ in range(8):
            table.clock.now += 60
            assert look(monitor) is None
        assert requests(monitor) == 4
        table.insert(3, NOW)
        for _ in range(5):
            table.clock.now += 1
            assert look(monitor) is None
        report = monitor.evaluate().source
        assert report.rejected == {"late": 3}
        assert requests(monitor) == windows(monitor)["1h"] == 4
    with watching(table) as monitor:
        assert look(monitor) is None
        assert monitor.evaluate().source.rejected == {"late": 3}


def test_rows_that_are_deleted_and_updated_while_their_slice_is_open(table: Table) -> None:
    """Windows follow where the number of rows tells; counters never fall."""
    with watching(table) as monitor:
        assert look(monitor) is None
        table.insert(10, color="red")
        assert look(monitor) is None
        assert (requests(monitor), windows(monitor)["1h"]) == (10, 10)
        keep = "SELECT MIN(amount) FROM (SELECT amount FROM p) AS q"
        table.database.execute(f"DELETE FROM p WHERE amount > ({keep})")
        assert look(monitor) is None
        assert (requests(monitor), windows(monitor)["1h"]) == (10, 1)
        table.database.execute("UPDATE p SET color = 'blue'")
        table.clock.now += LATENESS + 120  # read a last time when it is closed
        assert look(monitor) is None
        assert (requests(monitor), windows(monitor)["1h"]) == (10, 1)
        [window] = [w for w in monitor.evaluate().windows if w.window == "1h" and w.segment == "all"]
        column = next(c for c in window.profile.layout.columns if c.name == "color")
        assert window.profile.column_values("color")[column.categories.index("blue")] == 1
        table.insert(3)
        assert look(monitor) is None
        assert requests(monitor) >= 10
        assert windows(monitor)["1h"] == 4


# Tables that change their form


def test_a_feature_column_is_renamed_and_back(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    """Rows go on, and the column counts as missing; a warning says which columns there are."""
    with watching(table) as monitor:
        table.insert(2)
        assert look(monitor) is None
        table.database.execute("ALTER TABLE p RENAME COLUMN amount TO sum_total")
        table.clock.now += 60
        rows = [{("sum_total" if name == "amount" else name): value for name, value in row.items()} for row in table.rows(3)]
        table.database.insert("p", rows)
        look(monitor)
        table.clock.now += AGAIN
        assert look(monitor) is None
        assert "amount, which count as missing" in caplog.text
        assert "sum_total" in caplog.text
        table.database.execute("ALTER TABLE p RENAME COLUMN sum_total TO amount")
        table.insert(1)
        look(monitor)
        table.clock.now += AGAIN
        assert look(monitor) is None
        assert requests(monitor) == 6


def test_the_time_column_is_renamed_and_back(table: Table) -> None:
    """The source is down with a text that says which columns there are, and comes back by itself."""
    with watching(table) as monitor:
        table.insert(2)
        assert look(monitor) is None
        table.database.execute("ALTER TABLE p RENAME COLUMN ts TO happened")
        look(monitor)
        table.clock.now += AGAIN
        problem = look(monitor)
        assert problem is not None
        assert "happened" in problem
        table.database.execute("ALTER TABLE p RENAME COLUMN happened TO ts")
        table.insert(1)
        table.clock.now += AGAIN
        assert look(monitor) is None
        assert requests(monitor) == 3


def test_a_table_is_dropped_and_created_again(table: Table) -> None:
    """What was counted stays counted."""
    with watching(table) as monitor:
        table.insert(2)
        assert look(monitor) is None
        table.database.execute("DROP TABLE p")
        problem = look(monitor)
        assert problem is not None
        assert "p" in problem
        table.create()
        table.clock.now += AGAIN
        table.insert(5)
        assert look(monitor) is None
        assert requests(monitor) == 5  # what is open now, which is more than what was shown


# Slow and locked


LOCKS = {"postgresql": "LOCK TABLE p IN ACCESS EXCLUSIVE MODE", "mariadb": "LOCK TABLES p WRITE", "sqlite": "BEGIN EXCLUSIVE"}


def test_a_locked_table(table: Table) -> None:
    """The statement's limit ends the wait, and the problem says what can be done."""
    table.insert(2)
    with watching(table, timeout="1s") as monitor:
        assert look(monitor) is None
        with table.database.connect() as connection:
            if table.database.kind == "sqlite":
                connection.isolation_level = None
            cursor = connection.cursor()
            cursor.execute(LOCKS[table.database.kind])
            problem = look(monitor)
            assert problem is not None
            assert "1 s" in problem or "locked" in problem
            assert "raise timeout" in problem
        table.insert(1)
        table.clock.now += AGAIN
        assert look(monitor) is None
        assert windows(monitor)["1h"] == 3


# Rights


def test_a_wrong_password_and_a_new_one(served: Table) -> None:
    """A file's password is read at every connect."""
    file = served.folder / "password"
    file.write_text("wrong\n")
    served.insert(3)
    url = served.database.url(password=False)
    with watching(served, url=url, password_file=str(file)) as monitor:
        problem = look(monitor)
        assert problem is not None
        assert "reader" in problem
        assert "wrong" not in problem
        file.write_text("r:e/a@d%e r\n")
        served.clock.now += AGAIN
        assert look(monitor) is None
        assert windows(monitor)["1h"] == 3
        file.unlink()
        assert look(monitor) is None  # the connection that is open needs none


def test_a_reader_without_the_right_to_read(served: Table) -> None:
    """It says so, and goes on when it has it."""
    revoke, grant = (
        ("REVOKE SELECT ON p FROM reader", "GRANT SELECT ON p TO reader")
        if served.database.kind == "postgresql"
        else (
            f"REVOKE SELECT ON {served.database.name}.* FROM reader@'127.0.0.1'",
            f"GRANT SELECT ON {served.database.name}.* TO reader@'127.0.0.1'",
        )
    )
    served.insert(3)
    served.database.execute(revoke)
    with watching(served) as monitor:
        problem = look(monitor)
        assert problem is not None
        assert "denied" in problem
        served.database.execute(grant)
        served.clock.now += AGAIN
        assert look(monitor) is None
        assert windows(monitor)["1h"] == 3


# Restarts


def test_after_a_restart_only_what_was_open_is_read_again(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The past is not, and counters and windows go on."""
    from prediction_exporter.sources.table.rows import RowsReader

    read: list[tuple[int, int]] = []
    original = RowsReader.read

    def noted(self: RowsReader, start: int, end: int, width: int) -> Any:
        read.append((start, end))
        return original(self, start, end, width)

    monkeypatch.setattr(RowsReader, "read", noted)
    for minute in range(0, 40, 5):
        table.insert(3, NOW - 3000 + 60 * minute)
    with watching(table) as monitor:
        assert look(monitor) is None
        table.insert(4)
        assert look(monitor) is None
        before = windows(monitor)["1h"]
    read.clear()
    table.clock.now += 1
    with watching(table) as monitor:
        told = monitor._source.reached()
        assert windows(monitor)["1h"] == before - 4  # what is open is in no file
        assert requests(monitor) == 4
        assert look(monitor) is None
        assert min(start for start, _ in read) >= NOW - LATENESS
        assert told == f"rows before {datetime.fromtimestamp(NOW - LATENESS, UTC):%Y-%m-%dT%H:%M:%SZ}"
        assert windows(monitor)["1h"] == before
        assert requests(monitor) == 4


def test_other_windows_are_filled_from_the_table(table: Table) -> None:
    """Counters do not jump where windows or bins are others."""
    from watched import save_baseline

    table.insert(6, NOW - 7200)
    with watching(table, more="windows: [1h]") as monitor:
        assert look(monitor) is None
        table.insert(4)
        assert look(monitor) is None
        assert windows(monitor) == {"1h": 4}
        assert requests(monitor) == 4
    with watching(table, more="windows: [1h, 1d]") as monitor:
        assert look(monitor) is None
        assert windows(monitor) == {"1h": 4, "1d": 10}
        assert requests(monitor) == 4
    save_baseline(table.folder / "baseline.json", colors=("red", "green"), seed=5)
    with watching(table, more="windows: [1h, 1d]") as monitor:
        assert look(monitor) is None
        assert windows(monitor) == {"1h": 4, "1d": 10}
        assert requests(monitor) == 4


# Manners


def test_the_session_cannot_write(table: Table) -> None:
    """Also where its user could."""
    from sqlalchemy import text

    from prediction_exporter.errors import SourceError

    with watching(table, user="owner") as monitor:
        source: Any = monitor._source
        for statement in ("INSERT INTO p (version) VALUES ('x')", "CREATE TABLE q (a INTEGER)", "DELETE FROM p"):
            with pytest.raises(SourceError, match=r"(?i)read.?only"), source._database.connect() as connection:
                connection.execute(text(statement))


def test_one_connection_that_says_whose_it_is(postgresql: Database, tmp_path: Path) -> None:
    """And another one for rows, which ADBC fetches."""
    table = Table(postgresql, tmp_path)
    table.insert(2)
    with watching(table) as monitor:
        for _ in range(3):
            assert look(monitor) is None
            table.insert(1)
        rows = postgresql.query("SELECT application_name FROM pg_stat_activity WHERE usename = 'reader'")
        assert rows == [("prediction-exporter",)] * 2
    left = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader'"
    deadline = time.monotonic() + 30.0
    while postgresql.query(left) != [(0,)]:
        assert time.monotonic() < deadline, "a connection is open after the end"
        time.sleep(0.05)  # the server sees a moment later that its client has gone


def test_one_connection_of_mariadb(mariadb: Database, tmp_path: Path) -> None:
    """Whose statements are limited."""
    from sqlalchemy import text

    table = Table(mariadb, tmp_path)
    table.insert(2)
    with watching(table, timeout="7s") as monitor:
        for _ in range(3):
            assert look(monitor) is None
            table.insert(1)
        source: Any = monitor._source
        with source._database.connect() as connection:
            found = connection.execute(text("SELECT @@max_statement_time, @@time_zone, @@tx_read_only")).one()
        assert tuple(found) == (7.0, "+00:00", 1)
        assert mariadb.query("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'reader'") == [(1,)]


def test_a_time_without_an_index_is_told_once(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    """And only then."""
    caplog.set_level(logging.WARNING)
    table.insert(1)
    with watching(table) as monitor:
        assert look(monitor) is None
    assert "no index" not in caplog.text
    table.database.execute("DROP INDEX p_ts" + (" ON p" if table.database.kind == "mariadb" else ""))
    with watching(table) as monitor:
        for _ in range(3):
            assert look(monitor) is None
            table.clock.now += 60
    assert caplog.text.count("no index begins with ts") == 1


# A past of many groups


@pytest.mark.parametrize("mode", ["rows", "aggregate"])
@pytest.mark.parametrize("table", ["sqlite"], indirect=True)
def test_the_past_is_read_in_spans_of_few_profiles(table: Table, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few of them may be kept apart until their span is read, the windows are the same."""
    from prediction_exporter.sources.table import source

    for minute in range(0, 1380, 10):
        table.insert(2, NOW - 83_000 + 60 * minute)
    found, staged = [], []
    usual = Ledger.replace

    def replace(ledger: Ledger, reading: Reading, tally: Tally, *, now: float) -> None:
        staged.append(len(tally.profiles))
        usual(ledger, reading, tally, now=now)

    monkeypatch.setattr(Ledger, "replace", replace)
    for most in (1 << 30, 1):
        staged.clear()
        monkeypatch.setattr(source, "HISTORY_BYTES", most)
        with watching(table, mode=mode) as monitor:
            assert look(monitor) is None
            found.append((windows(monitor), requests(monitor)))
        if most == 1:
            assert max(staged) == 1  # a slice of one version
        else:
            assert max(staged) > 50
        shutil.rmtree(table.folder / "state")
    assert found[0] == found[1]
    assert found[0][0]["24h"] == 2 * 138
