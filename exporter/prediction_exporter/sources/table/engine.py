"""The connection to a database: one, read-only, with a limit for each statement; and errors that a person can act on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from prediction_exporter.config import Table
from prediction_exporter.config.reading import read_bytes
from prediction_exporter.errors import ConfigError, SourceError
from prediction_exporter.sources.table.dialects import Dialect, Settings
from prediction_exporter.sources.table.kinds import KINDS

#: Longest part of a database's message that is shown.
MESSAGE_LENGTH = 500


class Database:
    """A database that is read.

    Args:
        table: its section of the configuration.
        where: the place of that section, for messages.

    Raises:
        ConfigError: the database is of an unknown kind, or its driver is not installed.
    """

    def __init__(self, table: Table, *, where: str) -> None:
        self._table = table
        self._where = where
        url = make_url(table.url)
        self.dialect = dialect_of(url, where=where)
        self._engine: Engine | None = None
        self.fast: Any = None  # a connection that fetches rows faster than SQLAlchemy, where there is one

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Give the connection; one that failed is made anew the next time.

        Raises:
            SourceError: the database is away, refuses, or fails.
        """
        try:
            if self._engine is None:
                self._engine = self._open()
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            self.close()
            raise SourceError(f"{self._table.shown}: {explain(error, self._table.timeout.seconds)}") from error
        except SourceError:  # of the other driver; not before the connection is back, which would be left open
            self.close()
            raise
        finally:
            if self.dialect.is_snapshot:
                self.close()

    def settings(self) -> Settings:
        """Return the address with the password as it is now, and the limits.

        Raises:
            SourceError: the password's file cannot be read.
        """
        url = make_url(self._table.url)
        if "+" not in url.drivername:
            url = url.set(drivername=self.dialect.driver)
        if self._table.password_file is not None:
            try:
                password = read_bytes(self._table.password_file).decode().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SourceError(
                    f"{self._where}.password_file: {self._table.password_file} cannot be read: {error}"
                ) from error
            url = url.set(password=password)
        return Settings(url=url, timeout=self._table.timeout.seconds)

    def _open(self) -> Engine:
        settings = self.settings()
        url = settings.url
        if "options" in url.query:  # they are among the arguments
            url = url.difference_update_query(["options"])
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=not self.dialect.is_snapshot,
            connect_args=self.dialect.connect_args(settings),
            # A statement's values are the edges of bins and times; they help nobody in a message.
            hide_parameters=True,
        )

        @event.listens_for(engine, "connect")
        def _begin(connection: Any, _: Any) -> None:
            cursor = connection.cursor()
            for statement in self.dialect.session(settings):
                cursor.execute(statement)
            cursor.close()

        if self.dialect.adapt is not None:
            self.dialect.adapt(engine, settings)
        if self.dialect.interrupts:
            _limit(engine, settings.timeout)
        return engine

    def close(self) -> None:
        """Close the connection."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
        if self.fast is not None:
            fast, self.fast = self.fast, None
            fast.close()


def dialect_of(url: URL, *, where: str) -> Dialect:
    """Return the kind of database that an address is of.

    Raises:
        ConfigError: it is unknown, or its driver is not installed.
    """
    dialect = KINDS.get(url.get_backend_name())
    if dialect is None:
        raise ConfigError(f"{where}.url: {url.get_backend_name()} is no known kind of database (one of: {', '.join(KINDS)})")
    named = url if "+" in url.drivername else url.set(drivername=dialect.driver)
    try:
        named.get_dialect().import_dbapi()
    except (ImportError, NoSuchModuleError) as error:
        install = f"pip install 'prediction-exporter[{dialect.extra}]'" if dialect.extra else f"pip install {named.drivername}"
        raise ConfigError(f"{where}.url: the driver {named.drivername} is not installed: {install}") from error
    return dialect


def _limit(engine: Engine, seconds: float) -> None:
    """Interrupt statements that run for too long, in engines of this process, which have no limit of their own."""
    timers: dict[int, threading.Timer] = {}

    @event.listens_for(engine, "before_cursor_execute")
    def _start(connection: Connection, *_: Any) -> None:
        raw = connection.connection.driver_connection
        timer = threading.Timer(seconds, getattr(raw, "interrupt"))  # noqa: B009 - drivers share no type that has it
        timer.daemon = True
        timers[id(connection)] = timer
        timer.start()

    @event.listens_for(engine, "after_cursor_execute")
    def _stop(connection: Connection, *_: Any) -> None:
        timers.pop(id(connection)).cancel()

    @event.listens_for(engine, "handle_error")
    def _fail(context: Any) -> None:
        timer = timers.pop(id(context.connection), None)
        if timer is not None:
            timer.cancel()


def explain(error: Exception, timeout: float) -> str:
    """Return what a database says, on one line, with what can be done where that is known."""
    told: BaseException = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = " ".join(str(told).split())[:MESSAGE_LENGTH] or type(told).__name__
    if any(
        word in text.lower()
        for word in ("timeout", "is locked", "max_statement_time", "interrupt", "maximum statement execution")
    ):
        text += f" (a statement may take {timeout:g} s: raise timeout, give the time column an index, or see who holds a lock)"
    return text
