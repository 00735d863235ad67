"""Distributed engines that tests use: Spark with its Thrift server, and ClickHouse's engine behind an HTTP interface.

Each is a process of its own on loopback, which starts when a test first wants it, serves one worker of pytest, and ends with it
however it ends.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from pyhive import hive
from sqlalchemy.engine import URL
from thrift.Thrift import TException

from databases import PASSWORDS, PREFIX, Database, ending_with_this, remove_left_behind
from prediction_exporter.demo.sinks import LOOPBACK, free_port

#: Longest time that an engine may take to start.
START_SECONDS = 180.0


@dataclass
class Engine:
    """An engine in a process of its own."""

    port: int = field(default_factory=free_port)
    folder: Path = field(init=False)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        place = Path(tempfile.gettempdir())
        remove_left_behind(place)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-{self.kind}-", dir=place))
        self._databases = 0
        atexit.register(self.remove)
        try:
            self.start()
        except BaseException:
            self.remove()
            raise

    def _command(self) -> tuple[list[str], dict[str, str]]:
        """Return what starts it, with the environment."""
        raise NotImplementedError

    def execute(self, sql: str, database: str = "default") -> list[tuple[Any, ...]]:
        """Do something as its owner, and return the rows."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and wait until it answers. Only in a thread that lives as long: the engine ends with it."""
        assert self.process is None
        command, environment = self._command()
        log = self.folder / "log"
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.folder,
                env=os.environ | environment,
                start_new_session=True,
                preexec_fn=ending_with_this(signal.SIGKILL),  # noqa: PLW1509 - it takes no lock
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert self.process.poll() is None, f"{command[0]} ended:\n{log.read_text()[-5000:]}"
            assert time.monotonic() < deadline, f"{command[0]} does not answer:\n{log.read_text()[-5000:]}"
            time.sleep(0.1)

    def answers(self) -> bool:
        """Return whether it lets clients in."""
        try:
            self.execute("SELECT 1")
        except (OSError, TException):
            return False
        return True

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def remove(self) -> None:
        """End it, and remove all that it has."""
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.remove)

    def new_database(self) -> EngineDatabase:
        """Return a fresh database."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.execute(f"CREATE DATABASE {name}")
        return EngineDatabase(self.kind, name, engine=self)

    @property
    def kind(self) -> str:
        """What it is."""
        return type(self).__name__.lower()

    def url(self, user: str, database: str, *, password: bool) -> str:
        """Return the address of a database as a configuration has it."""
        raise NotImplementedError


class ClickHouse(Engine):
    """ClickHouse's engine, with a user ``owner`` and a user ``reader``; tables are of the kind MergeTree."""

    def _command(self) -> tuple[list[str], dict[str, str]]:
        front = Path(__file__).with_name("clickhouse_front.py")
        # The exporter must not rely on the server's zone.
        environment = {"PASSWORDS": json.dumps(PASSWORDS), "TZ": "America/New_York"}
        return [sys.executable, str(front), str(self.port), str(self.folder / "data")], environment

    def execute(self, sql: str, database: str = "default") -> list[tuple[Any, ...]]:
        """Do something as the owner, and return the rows."""
        settings = {"database": database, "default_format": "JSONCompactEachRow"}
        request = Request(f"http://{LOOPBACK}:{self.port}/?{urlencode(settings)}", data=sql.encode())
        request.add_header("X-ClickHouse-User", "owner")
        request.add_header("X-ClickHouse-Key", PASSWORDS["owner"])
        try:
            with urlopen(request, timeout=60) as response:
                return [tuple(json.loads(line)) for line in response.read().splitlines()]
        except HTTPError as error:
            raise AssertionError(error.read().decode()) from error

    def url(self, user: str, database: str, *, password: bool) -> str:
        """Return the address of a database."""
        secret = PASSWORDS[user] if password else None
        url = URL.create("clickhousedb", user, secret, host=LOOPBACK, port=self.port, database=database)
        return url.render_as_string(hide_password=False)


class Spark(Engine):
    """Spark in local mode, with its Thrift server; tables are of Parquet files. It lets everybody do everything."""

    def _command(self) -> tuple[list[str], dict[str, str]]:
        found = find_spec("pyspark")
        assert found is not None, "pyspark is not installed"
        assert found.submodule_search_locations is not None
        (home,) = found.submodule_search_locations
        assert shutil.which("java") is not None, "java is not installed: run scripts/test-tools"
        java = f"-Dderby.system.home={self.folder / 'derby'} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
        settings = {
            "spark.ui.enabled": "false",
            "spark.sql.session.timeZone": "America/New_York",  # the exporter must not rely on it
            "spark.sql.shuffle.partitions": "2",
            # Every statement of a test is another one, and compiling it takes longer than interpreting it.
            "spark.sql.codegen.wholeStage": "false",
            "spark.sql.codegen.factoryMode": "NO_CODEGEN",
            "spark.sql.adaptive.enabled": "false",
            "spark.driver.bindAddress": LOOPBACK,
            "spark.sql.warehouse.dir": str(self.folder / "warehouse"),
            "spark.local.dir": str(self.folder),
            "spark.driver.extraJavaOptions": java,
        }
        return [
            f"{home}/bin/spark-submit",
            "--class=org.apache.spark.sql.hive.thriftserver.HiveThriftServer2",
            "--master=local[2]",
            "--driver-memory=1g",
            *(f"--conf={name}={value}" for name, value in settings.items()),
            "spark-internal",
            *("--hiveconf", f"hive.server2.thrift.port={self.port}"),
            *("--hiveconf", f"hive.server2.thrift.bind.host={LOOPBACK}"),
        ], {"SPARK_HOME": home, "SPARK_LOCAL_IP": LOOPBACK}

    def execute(self, sql: str, database: str = "default") -> list[tuple[Any, ...]]:
        """Do something, and return the rows."""
        with closing(hive.connect(LOOPBACK, self.port, database=database)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def url(self, user: str, database: str, *, password: bool) -> str:  # noqa: ARG002 - it knows no passwords
        """Return the address of a database."""
        return URL.create("hive", user, host=LOOPBACK, port=self.port, database=database).render_as_string()


@dataclass
class EngineDatabase(Database):
    """A fresh database of an engine."""

    engine: Engine = field(kw_only=True)

    def url(self, user: str = "reader", *, password: bool = True) -> str:
        """Return its address as a configuration has it."""
        return self.engine.url(user, self.name, password=password)

    def execute(self, sql: str, rows: Any = ()) -> None:
        """Do something as the owner."""
        assert not rows
        self.engine.execute(sql, self.name)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return rows, as the owner sees them."""
        return self.engine.execute(sql, self.name)

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, all with the columns of the first."""
        if not rows:
            return
        columns = ", ".join(map(self.quote, rows[0]))
        values = ", ".join("(" + ", ".join(map(self.write, row.values())) + ")" for row in rows)
        self.execute(f"INSERT INTO {table} ({columns}) VALUES {values}")

    def write(self, value: Any) -> str:
        """Return a value as SQL has it."""
        return WRITERS[self.kind](value)

    def quote(self, name: str) -> str:
        """Return a name as SQL has it."""
        if self.kind == "clickhouse":
            return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
        return f"`{name.replace('`', '``')}`"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def _spark(value: Any) -> str:
    """Return a value as Spark has it."""
    if value is None or isinstance(value, bool):
        return "NULL" if value is None else str(value)
    if isinstance(value, float):
        return f"{value!r}D" if math.isfinite(value) else f"double('{value}')"
    if isinstance(value, Decimal):
        return f"{value:f}BD"
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%fZ}'" if value.tzinfo else f"TIMESTAMP_NTZ '{value}'"
    if isinstance(value, date):
        return f"DATE '{value}'"
    return _text(value) if isinstance(value, str) else str(value)


def _clickhouse(value: Any) -> str:
    """Return a value as ClickHouse has it."""
    if value is None or isinstance(value, bool):
        return "NULL" if value is None else str(value).lower()
    if isinstance(value, Decimal):
        return f"'{value:f}'"
    if isinstance(value, datetime):
        # A text would be read in the zone of the column.
        return f"fromUnixTimestamp64Micro({(value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)})"
    return str(value) if isinstance(value, int | float) else _text(str(value))


WRITERS: dict[str, Callable[[Any], str]] = {"clickhouse": _clickhouse, "spark": _spark}
