"""The databases that tests use are real, private, and survive what tests do to them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from databases import Database, Server

ENDLESS = """
import sys, time
sys.path.insert(0, sys.argv[1])
from databases import Server
print(Server(sys.argv[2]).process.pid, flush=True)
time.sleep(60)
"""


def test_the_owner_writes_and_reads(database: Database) -> None:
    """Names and values are what they were."""
    name = 'x"`%'
    database.execute(f"CREATE TABLE p (a INTEGER, {database.quote(name)} VARCHAR(9))")
    database.insert("p", [{"a": 1, name: "é🙂%"}, {"a": None, name: ""}])
    database.execute("INSERT INTO p VALUES (?, '%')", [[2], [3]])
    assert database.query("SELECT * FROM p") == [(1, "é🙂%"), (None, ""), (2, "%"), (3, "%")]


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_the_reader_only_reads_and_a_kill_loses_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    """What was committed is there after a power cut, at the same address."""
    database: Database = request.getfixturevalue(kind)
    database.execute("CREATE TABLE p (a INTEGER)")
    database.insert("p", [{"a": 1}])
    assert database.server is not None
    database.server.kill()
    database.server.start()
    engine = create_engine(database.url().replace("postgresql:", "postgresql+psycopg:").replace("mariadb:", "mariadb+pymysql:"))
    with engine.connect() as connection:
        assert list(connection.execute(text("SELECT a FROM p"))) == [(1,)]
        with pytest.raises(DBAPIError, match="denied"):
            connection.execute(text("INSERT INTO p VALUES (2)"))
    engine.dispose()


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_server_ends_with_its_tests(kind: str) -> None:
    """Also where these are killed."""
    tests = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", ENDLESS, str(tests), kind], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        server = psutil.Process(int(process.stdout.readline()))
        process.kill()
    psutil.wait_procs([server], timeout=10)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE


def test_a_server_that_does_not_start_tells_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its log is in the failure."""
    monkeypatch.setattr(Server, "_command", lambda _: ["/bin/sh", "-c", "echo 'no space left'; exit 3"])
    with pytest.raises(AssertionError, match=r"(?s)ended with 3.*no space left"):
        Server("postgresql")
