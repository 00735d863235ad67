"""What differs between databases: driver, session, a few functions of SQL, and how each is read best.

Whether rows are fetched or the engine is asked for the counts goes by its kind: a row store delivers rows to Arrow faster than
it counts them by bins, a columnar or distributed engine counts where its data is. ``docs/sources/`` has the measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Integer,
    LargeBinary,
    String,
    and_,
    case,
    cast,
    collate,
    event,
    extract,
    func,
    literal,
    literal_column,
    null,
    type_coerce,
)
from sqlalchemy.engine import URL, Engine

Expression = ColumnElement[Any]

APPLICATION = "prediction-exporter"

#: Seconds to wait for a connection.
CONNECT_SECONDS = 10

#: Words that texts may have for numbers that are not finite, in lower case.
NOT_FINITE = ("nan", "inf", "-inf", "+inf", "infinity", "-infinity", "+infinity")

#: How the counts of all columns are asked for, see ``counts``.
Style = Literal["grouping_sets", "histograms", "conditional_counts", "unpivot"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a session is opened with.

    Attributes:
        url: address with user and password.
        timeout: seconds that a statement may take.
    """

    url: URL
    timeout: float


def _nothing(_: Settings) -> dict[str, Any]:
    return {}


def _no_statements(_: Settings) -> list[str]:
    return []


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """A database.

    Attributes:
        driver: driver of an address that names none.
        extra: extra of this package that brings the driver.
        mode: how it is read where the configuration leaves it open.
        style: how counts are asked for.
        epoch: seconds since 1970 of a timestamp, as UTC where it has no zone.
        floor: rounding down.
        number: a double as SQL writes it.
        double: a column of numbers as doubles, rounded to the nearest.
        text: a column of text as it is compared: byte by byte.
        length: characters of a column of text, where they are code points.
        seconds: whole seconds since 1970 of a timestamp or a date, rounded down, also before then; without a zone it is in UTC.
            None where no test has shown it.
        lower: such a text with the letters A to Z in lower case.
        bins: the number of edges up to a finite double, where the database has a function of them.
        histogram: counts of the bins of a number as a list, in the order of their upper bounds, which lie in them.
        unpivot: a row for each of some expressions, where the database has a function that gives several rows.
        instant: an instant as SQL writes it, where it is not what the driver makes of one.
        type_name: the name of a column's type, where the driver does not tell ``timestamp``, an instant, from local time.
        is_utc: whether the driver gives instants as timestamps without a zone, in UTC.
        is_dynamic: whether each value has a type of its own, whatever the column's is.
        has_non_finite: whether its numbers may be NaN or infinite.
        has_booleans: whether it has a type for booleans; without one they come as 0 and 1.
        interrupts: whether it runs in this process and has no limit of its own for statements.
        is_snapshot: whether a session goes on to show a table as it was at first, so that each poll needs a new one.
        has_indexes: whether a time column without an index makes every read a scan of the whole table.
        connect_args: arguments of the driver.
        session: statements that begin a session.
        adapt: what an engine of SQLAlchemy needs beyond these.
    """

    driver: str
    extra: str
    mode: Literal["rows", "aggregate"]
    style: Style
    epoch: Callable[[Expression], Expression]
    floor: Callable[[Expression], Expression] = func.floor
    number: Callable[[float], Expression] = lambda value: literal(value, Double())
    double: Callable[[Expression], Expression] = lambda column: cast(column, Double)
    text: Callable[[Expression], Expression] = lambda column: cast(column, String)
    length: Callable[[Expression], Expression] = lambda column: func.length(cast(column, String))
    seconds: Callable[[Expression], Expression] | None = None
    lower: Callable[[Expression], Expression] = func.lower
    bins: Callable[[Expression, Sequence[float]], Expression] | None = None
    histogram: Callable[[Expression, Sequence[Any]], Expression] | None = None
    unpivot: Callable[[Sequence[Expression]], Expression] | None = None
    instant: Callable[[datetime], Expression] | None = None
    type_name: Callable[[Expression], Expression] | None = None
    is_utc: bool = False
    is_dynamic: bool = False
    has_non_finite: bool = True
    has_booleans: bool = True
    has_indexes: bool = False
    interrupts: bool = False
    is_snapshot: bool = False
    connect_args: Callable[[Settings], dict[str, Any]] = field(default=_nothing)
    session: Callable[[Settings], list[str]] = field(default=_no_statements)
    adapt: Callable[[Engine, Settings], None] | None = None


def _extract_epoch(column: Expression) -> Expression:
    return extract("epoch", column)


# PostgreSQL


def _libpq(settings: Settings) -> dict[str, Any]:
    seconds = settings.timeout
    options = [
        settings.url.query.get("options", ""),
        "-c default_transaction_read_only=on",
        f"-c statement_timeout={int(seconds * 1000)}",
        "-c TimeZone=UTC",
    ]
    return {
        "application_name": APPLICATION,
        "connect_timeout": CONNECT_SECONDS,
        # A server that vanishes without a word is noticed a while after the statement should have ended.
        "tcp_user_timeout": int((seconds + CONNECT_SECONDS) * 1000),
        "options": " ".join(filter(None, map(str, options))),
    }


def _as_written(column: Expression) -> Expression:
    # A cast would drop the blanks at the end of a char(n). Collations may hold different texts for equal.
    return collate(func.concat(column), "C")


def _width_bucket(value: Expression, edges: Sequence[float]) -> Expression:
    return func.width_bucket(value, literal(list(edges), ARRAY(Double())))


def _without_jit(engine: Engine, _: Settings) -> None:
    """Compile nothing: for hundreds of counts that takes longer than it saves. Not every server of this protocol could."""

    @event.listens_for(engine, "connect")
    def _set(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT set_config('jit', 'off', false) FROM pg_settings WHERE name = 'jit'")
        cursor.close()
        connection.commit()


POSTGRESQL = Dialect(
    driver="postgresql+psycopg",
    extra="postgresql",
    mode="rows",
    style="conditional_counts",
    epoch=_extract_epoch,
    text=_as_written,
    length=lambda column: func.char_length(_as_written(column)),
    seconds=lambda column: func.floor(_extract_epoch(column)),
    bins=_width_bucket,
    has_indexes=True,
    connect_args=_libpq,
    adapt=_without_jit,
)

# MySQL and MariaDB


def _pymysql(settings: Settings) -> dict[str, Any]:
    return {
        "program_name": APPLICATION,
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": int(settings.timeout + CONNECT_SECONDS),
        "write_timeout": CONNECT_SECONDS,
    }


def _mysql_session(settings: Settings) -> list[str]:
    milliseconds = int(settings.timeout * 1000)
    return [
        "SET SESSION TRANSACTION READ ONLY",
        "SET time_zone = '+00:00'",
        # MariaDB's name for the limit, and MySQL's; each takes the other's for a comment.
        f"/*M! SET SESSION max_statement_time = {settings.timeout:g} */",
        f"/*!50708 SET SESSION max_execution_time = {milliseconds} */",
    ]


def _mysql_epoch(column: Expression) -> Expression:
    return func.timestampdiff(literal_column("SECOND"), literal_column("'1970-01-01 00:00:00'"), column)


def _mysql_text(column: Expression) -> Expression:
    # As bytes: its collations take letters of both cases for equal, and ignore blanks at the end.
    return type_coerce(cast(func.convert(column.op("USING")(literal_column("utf8mb4"))), LargeBinary), String)


def _mysql_lower(text: Expression) -> Expression:
    return _mysql_text(func.lower(func.convert(text.op("USING")(literal_column("utf8mb4")))))  # bytes have no case


MYSQL = Dialect(
    driver="mysql+pymysql",
    extra="mysql",
    mode="rows",
    style="conditional_counts",
    epoch=_mysql_epoch,
    double=lambda column: column + literal_column("0e0"),  # the cast came late, and float(4) is a double then too
    text=_mysql_text,
    length=lambda column: func.char_length(func.convert(column.op("USING")(literal_column("utf8mb4")))),
    seconds=_mysql_epoch,
    lower=_mysql_lower,
    has_non_finite=False,
    has_booleans=False,
    has_indexes=True,
    connect_args=_pymysql,
    session=_mysql_session,
)

# SQLite


def _sqlite_floor(number: Expression) -> Expression:
    whole = cast(number, Integer)  # towards zero; FLOOR is not in every build
    return case((number < whole, whole - 1), else_=whole)


def _sqlite_text(column: Expression) -> Expression:
    # An expression converts nothing that it is compared with to the type of the column.
    text = case((func.typeof(column) == literal("blob"), cast(column, String)), else_=column)
    return collate(text, "BINARY")


def _sqlite_length(column: Expression) -> Expression:
    # The function ends at a NUL, which is a character: of the hexadecimal digits of UTF-8 it can be told.
    return func.length(cast(column, String))


def _sqlite_double(column: Expression) -> Expression:
    """Return numbers, and texts that are numbers; null for all else. NaN is stored as null."""
    kind, text = func.typeof(column), cast(column, String)
    is_number = kind.in_([literal("integer"), literal("real")])
    # Compared with a number, text that is one becomes one, and other text stays what it is.
    reads = and_(kind.in_([literal("text"), literal("blob")]), text == cast(text, Double), func.trim(text) == text)
    words = func.lower(text).in_([literal(word) for word in NOT_FINITE])
    return case((is_number, cast(column, Double)), (reads, cast(text, Double)), (words, literal_column("9e999")), else_=null())


SQLITE = Dialect(
    driver="sqlite+pysqlite",
    extra="",
    mode="rows",
    style="conditional_counts",
    epoch=lambda column: type_coerce(func.strftime("%s", column), Integer),
    floor=_sqlite_floor,
    double=_sqlite_double,
    text=_sqlite_text,
    length=_sqlite_length,
    is_dynamic=True,
    has_booleans=False,
    has_indexes=True,
    interrupts=True,
    connect_args=lambda settings: {"timeout": settings.timeout},
    session=lambda _: ["PRAGMA query_only = ON"],
)

# Columnar and distributed engines


def _duckdb(settings: Settings) -> dict[str, Any]:
    # It runs inside of this process, which is a sidecar.
    config: dict[str, Any] = {"threads": 1, "memory_limit": "256MB", "autoinstall_known_extensions": False}
    in_memory = settings.url.database in (None, "", ":memory:")
    return {"config": config, "read_only": not in_memory}


def _duckdb_histogram(value: Expression, bounds: Sequence[Any]) -> Expression:
    of = ARRAY(Double()) if isinstance(bounds[0], float) else ARRAY(Integer())
    # Without the bounds, which would be fetched again for each group.
    return func.map_values(func.histogram(value, cast(literal(list(bounds), of), of)))


DUCKDB = Dialect(
    driver="duckdb",
    extra="duckdb",
    mode="aggregate",
    style="histograms",
    epoch=func.epoch,
    text=lambda column: collate(cast(column, String), "binary"),
    seconds=lambda column: func.floor(func.epoch(column)),
    histogram=_duckdb_histogram,
    interrupts=True,
    connect_args=_duckdb,
    session=lambda _: ["SET TimeZone = 'UTC'", "SET enable_progress_bar = false"],
)

DIALECTS: dict[str, Dialect] = {
    "postgresql": POSTGRESQL,
    "mysql": MYSQL,
    "mariadb": MYSQL,
    "sqlite": SQLITE,
    "duckdb": DUCKDB,
}
