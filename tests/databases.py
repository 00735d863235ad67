"""Real databases that tests use: private servers of PostgreSQL and MariaDB on loopback, and files of SQLite and DuckDB.

A server starts when a test first wants it, serves one worker of pytest, and ends with it however it ends. Everything is in a
folder of its own in memory, where nothing waits for a disk.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import psutil
import psycopg
import pymysql
from sqlalchemy import create_engine
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from prediction_exporter.demo.sinks import LOOPBACK, free_port

#: Password of each user. The owner may do everything and the reader only read; the reader's is one that addresses must quote.
PASSWORDS = {"owner": "owner", "reader": "r:e/a@d%e r"}

#: Longest time that a server may take to start or to stop.
SERVER_SECONDS = 30.0

KINDS = ("sqlite", "postgresql", "mariadb", "duckdb")

_PR_SET_PDEATHSIG = 1
_IN_MEMORY = Path("/dev/shm")
_FREE_BYTES = 1 << 30

PREFIX = "prediction-exporter-tests-"

#: What ends a server at once, and lets PostgreSQL take its shared memory with it.
_END = {"postgresql": signal.SIGQUIT, "mariadb": signal.SIGKILL}


def ending_with_this(number: int) -> Callable[[], None]:
    """Return what a child does first, so that it gets a signal when the process that started it ends, however it does."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tell() -> None:
        prctl(_PR_SET_PDEATHSIG, number)

    return tell


@dataclass
class Server:
    """A database server of its own, with a user ``owner`` and a user ``reader``."""

    kind: str
    port: int = field(default_factory=free_port)
    folder: Path = field(init=False)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        in_memory = _IN_MEMORY.is_dir() and os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free > _FREE_BYTES
        # Not in pytest's folder: that is of this user alone, and a server that does not run as root is of another.
        place = _IN_MEMORY if in_memory else Path(tempfile.gettempdir())
        remove_left_behind(place)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-{self.kind}-", dir=place))
        (self.folder / "tmp").mkdir()
        if os.getuid() == 0:
            for path in (self.folder, self.folder / "tmp"):
                shutil.chown(path, "nobody")
        self._databases = 0
        atexit.register(self.remove)
        try:
            self._install()
            self.start()
            self._make_users()
        except BaseException:
            self.remove()
            raise

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.folder / "log"

    # What each kind does in its own way

    def _install(self) -> None:
        data, tmp = self.folder / "data", self.folder / "tmp"
        if self.kind == "postgresql":
            password = self.folder / "password"
            password.write_text(PASSWORDS["owner"])
            options = ["--username=owner", f"--pwfile={password}", "--auth=scram-sha-256", "--no-sync", "--wal-segsize=1"]
            self._run([_program("initdb"), f"--pgdata={data}", "--encoding=UTF8", "--locale=C", *options])
            return
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        install = [_program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", f"--tmpdir={tmp}", *options]
        self._run([*install, "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M", f"--user={self._name}"])

    def _command(self) -> list[str]:
        data, tmp = self.folder / "data", self.folder / "tmp"
        if self.kind == "postgresql":
            settings = {
                "listen_addresses": LOOPBACK,
                "unix_socket_directories": "",
                "dynamic_shared_memory_type": "mmap",  # which goes with the folder
                "fsync": "off",
                "full_page_writes": "off",
                "shared_buffers": "32MB",
                "max_wal_size": "64MB",
                "autovacuum": "off",
                "log_timezone": "UTC",
                "TimeZone": "America/New_York",  # the exporter must not rely on it
            }
            options = [f"--{name}={value}" for name, value in settings.items()]
            return [_program("postgres"), "-D", str(data), "-p", str(self.port), *options]
        options = [
            f"--datadir={data}",
            f"--tmpdir={tmp}",
            f"--socket={self.folder / 'socket'}",
            f"--port={self.port}",
            f"--bind-address={LOOPBACK}",
            f"--user={self._name}",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=4M",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-flush-method=nosync",
            "--performance-schema=off",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_general_ci",  # Debian's, to which a and A are equal
            "--default-time-zone=-05:00",  # the exporter must not rely on it
        ]
        return [_program("mariadbd"), "--no-defaults", *options]

    def _make_users(self) -> None:
        quoted = PASSWORDS["reader"].replace("'", "''")
        if self.kind == "postgresql":
            self.execute(f"CREATE ROLE reader LOGIN PASSWORD '{quoted}'")
            return
        with closing(pymysql.connect(unix_socket=str(self.folder / "socket"), user="root")) as root, root.cursor() as cursor:
            cursor.execute(f"CREATE USER owner@'{LOOPBACK}' IDENTIFIED BY '{PASSWORDS['owner']}'")
            cursor.execute(f"GRANT ALL ON *.* TO owner@'{LOOPBACK}' WITH GRANT OPTION")
            cursor.execute(f"CREATE USER reader@'{LOOPBACK}' IDENTIFIED BY '{quoted}'")

    # The process

    @property
    def _user(self) -> str | None:
        """Who it runs as; None for who runs the tests. PostgreSQL refuses root."""
        return "nobody" if os.getuid() == 0 else None

    @property
    def _name(self) -> str:
        return self._user or pwd.getpwuid(os.getuid()).pw_name

    def _run(self, command: Sequence[str]) -> None:
        group = pwd.getpwnam(self._user).pw_gid if self._user else None
        with self.log.open("ab") as log:
            code = subprocess.run(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._user,
                group=group,
                extra_groups=[] if self._user else None,
                env=os.environ | {"TMPDIR": str(self.folder / "tmp")},
                check=False,
            ).returncode
        assert code == 0, f"{command[0]} failed:\n{self.log.read_text()[-5000:]}"

    def start(self) -> None:
        """Start it, and wait until it answers. Only in a thread that lives as long: the server ends with it."""
        assert self.process is None
        group = pwd.getpwnam(self._user).pw_gid if self._user else None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._user,
                group=group,
                extra_groups=[] if self._user else None,
                start_new_session=True,  # ctrl-C is for the tests, which end it
                preexec_fn=ending_with_this(_END[self.kind]),  # noqa: PLW1509 - it takes no lock
            )
        deadline = time.monotonic() + SERVER_SECONDS
        while not self.answers():
            ended = self.process.poll() is not None
            assert not ended, f"{self.kind} ended with {self.process.returncode}:\n{self.log.read_text()[-5000:]}"
            assert time.monotonic() < deadline, f"{self.kind} does not answer:\n{self.log.read_text()[-5000:]}"
            time.sleep(0.02)

    def answers(self) -> bool:
        """Return whether it lets clients in."""
        if self.kind == "postgresql":
            try:
                psycopg.connect(self._conninfo()).close()
            except psycopg.OperationalError:
                return False
            return True
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.folder / "socket")) == 0

    def _conninfo(self) -> str:
        return f"host={LOOPBACK} port={self.port} user=owner password={PASSWORDS['owner']} dbname=postgres connect_timeout=10"

    def kill(self) -> None:
        """End it as a power cut would, with all its processes."""
        assert self.process is not None
        processes = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(SERVER_SECONDS)
        self.process = None
        deadline = time.monotonic() + SERVER_SECONDS
        while any(map(_runs, processes)):
            assert time.monotonic() < deadline, f"{self.kind} cannot be killed"
            time.sleep(0.01)

    def stop(self) -> None:
        """End it politely, without waiting for clients."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT if self.kind == "postgresql" else signal.SIGTERM)
        try:
            self.process.wait(SERVER_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def remove(self) -> None:
        """End it, and remove all that it has."""
        if self.process is not None:
            self.process.send_signal(_END[self.kind])
            self.process.wait(SERVER_SECONDS)
        self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.remove)

    # Databases

    def execute(self, sql: str) -> None:
        """Do something as the owner, outside of every database."""
        if self.kind == "postgresql":
            with closing(psycopg.connect(self._conninfo(), autocommit=True)) as connection:
                connection.execute(sql.encode())
            return
        connected = pymysql.connect(host=LOOPBACK, port=self.port, user="owner", password=PASSWORDS["owner"], autocommit=True)
        with closing(connected) as owner, owner.cursor() as cursor:
            cursor.execute(sql)

    def new_database(self) -> Database:
        """Return a fresh database, in which the reader may read whatever the owner makes."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.execute(f"CREATE DATABASE {name}")
        database = Database(self.kind, name, self)
        if self.kind == "postgresql":
            database.execute("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader")
            database.execute("ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO reader")
        else:
            self.execute(f"GRANT SELECT, SHOW VIEW ON {name}.* TO reader@'{LOOPBACK}'")
        return database

    def drop(self, database: Database) -> None:
        """Drop a database, whoever is in it."""
        if self.process is not None:
            self.execute(f"DROP DATABASE {database.name}" + (" WITH (FORCE)" if self.kind == "postgresql" else ""))


@dataclass
class Database:
    """A fresh database.

    Attributes:
        kind: one of ``KINDS``.
        name: its name on its server; the path of a file.
        server: its server, where it is no file.
    """

    kind: str
    name: str
    server: Server | None = None

    def url(self, user: str = "reader", *, password: bool = True) -> str:
        """Return its address as a configuration has it."""
        if self.server is None:
            return URL.create(self.kind, database=self.name).render_as_string()
        secret = PASSWORDS[user] if password else None
        url = URL.create(self.kind, user, secret, host=LOOPBACK, port=self.server.port, database=self.name)
        return url.render_as_string(hide_password=False)

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """Give the owner's connection, of the DB-API; it commits where its user says so."""
        drivers = {"postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}
        url = self.url("owner").replace(self.kind, drivers.get(self.kind, self.kind), 1)
        arguments = {"connect_timeout": 10} if self.server is not None else {}
        if self.kind == "duckdb":
            with closing(duckdb.connect(self.name)) as connection:
                yield connection
            return
        engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
        raw = engine.raw_connection()
        try:
            yield raw.driver_connection
        finally:
            raw.close()
            engine.dispose()

    def execute(self, sql: str, rows: Iterable[Sequence[Any]] = ()) -> None:
        """Do something as the owner, once or for each row, and commit it. Values stand at ``?`` in ``sql``."""
        with self.connect() as connection:
            if self.kind == "duckdb":
                connection.execute("BEGIN")
            execute(self, connection, sql, rows)
            connection.commit()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return rows, as the owner sees them."""
        with self.connect() as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, all with the columns of the first, and commit them. The table's name is written as it stands."""
        with self.connect() as connection:
            if self.kind == "duckdb":
                connection.execute("BEGIN")
            insert(self, connection, table, rows)
            connection.commit()

    def quote(self, name: str) -> str:
        """Return a name as SQL has it."""
        mark = "`" if self.kind == "mariadb" else '"'
        return f"{mark}{name.replace(mark, mark * 2)}{mark}"


def execute(database: Database, connection: Any, sql: str, rows: Iterable[Sequence[Any]] = ()) -> None:
    """Do something on a connection, once or for each row; it commits nothing."""
    cursor = connection.cursor()
    values = [list(row) for row in rows]
    if not values:
        cursor.execute(sql)
    else:
        cursor.executemany(sql if database.server is None else sql.replace("%", "%%").replace("?", "%s"), values)
    cursor.close()


def insert(database: Database, connection: Any, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows on a connection; it commits nothing."""
    names = list(rows[0])
    into = f"{table} ({', '.join(map(database.quote, names))})"
    if database.server is not None:
        into = into.replace("%", "%%")
    mark = "?" if database.server is None else "%s"
    sql = f"INSERT INTO {into} VALUES ({', '.join([mark] * len(names))})"
    cursor = connection.cursor()
    cursor.executemany(sql, [[row[name] for name in names] for row in rows])
    cursor.close()


def new_file(kind: str, folder: Path) -> Database:
    """Return a fresh database in a file."""
    database = Database(kind, str(folder / f"predictions.{kind}"))
    with database.connect():
        return database


def remove_left_behind(place: Path) -> None:
    """Remove the folders of servers of tests that were killed."""
    for folder in place.glob(f"{PREFIX}*"):
        if not psutil.pid_exists(int(folder.name.removeprefix(PREFIX).split("-")[0])):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def _program(name: str) -> str:
    """Return where a program of a server is; Debian keeps those of PostgreSQL in a folder for each version."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, versions), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=path)
    assert found is not None, f"{name} is not installed: run scripts/test-tools"
    return found
