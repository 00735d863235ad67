"""Databases that tests of the table source use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import KINDS, Database, Server, new_file


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A server of PostgreSQL for this worker."""
    server = Server("postgresql")
    yield server
    server.remove()


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    """A server of MariaDB for this worker."""
    server = Server("mariadb")
    yield server
    server.remove()


def _fresh(server: Server) -> Iterator[Database]:
    if server.process is None:  # a test that failed left it so
        server.start()
    database = server.new_database()
    yield database
    if server.process is None:
        server.start()
    server.drop(database)


@pytest.fixture
def postgresql(postgresql_server: Server) -> Iterator[Database]:
    """A fresh database of PostgreSQL."""
    yield from _fresh(postgresql_server)


@pytest.fixture
def mariadb(mariadb_server: Server) -> Iterator[Database]:
    """A fresh database of MariaDB."""
    yield from _fresh(mariadb_server)


@pytest.fixture
def sqlite(tmp_path: Path) -> Database:
    """A fresh file of SQLite."""
    return new_file("sqlite", tmp_path)


@pytest.fixture
def duckdb(tmp_path: Path) -> Database:
    """A fresh file of DuckDB."""
    return new_file("duckdb", tmp_path)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> Database:
    """A fresh database of each kind."""
    found: Database = request.getfixturevalue(request.param)
    return found
