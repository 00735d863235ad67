"""ClickHouse, through its own driver, by HTTP."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import case, event, func, literal, literal_column, null
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.sql.functions import Function

from prediction_exporter.sources.table.dialects import APPLICATION, CONNECT_SECONDS, Dialect, Expression, Settings

#: What the server says, and what a connection failed for, inside of what the driver says.
_TOLD = (
    re.compile(r"DB::Exception: (.*?)(?: \(for url [^)]*\))?$"),
    re.compile(r"Caused by .*?(\[Errno [^\]]*\] [\w ]+|(?<=, ')[^']*)"),
)

_names = itertools.count()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _arguments(settings: Settings) -> dict[str, Any]:
    return {
        "client_name": APPLICATION,
        "connect_timeout": CONNECT_SECONDS,
        # The server ends a statement that takes too long. One that vanishes without a word is noticed a while after that.
        "send_receive_timeout": int(settings.timeout + CONNECT_SECONDS),
        "query_retries": 0,  # a source that fails is tried again at the next poll
        # No session: the server would refuse all statements of one while an abandoned statement of it still runs.
        "autogenerate_session_id": False,
        # Settings of the server, which the driver's own arguments are told apart from by the prefix.
        "ch_readonly": 2,  # 1 forbids the driver to set anything, the limit included
        "ch_max_execution_time": settings.timeout,
        "ch_max_query_size": 16 << 20,  # a statement has the bins of many columns
    }


def message_of(text: str) -> str:
    """Return what an error is about: the driver says more, in another order."""
    found = (pattern.search(text) for pattern in _TOLD)
    return next((told[1] for told in found if told is not None), text)


def _adapt(engine: Engine, _: Settings) -> None:
    engine.dialect.div_is_floordiv = False

    @event.listens_for(engine, "handle_error")
    def _shorten(context: ExceptionContext) -> None:
        context.original_exception.args = (message_of(str(context.original_exception)),)


def _instant(instant: datetime) -> Expression:
    # A text would be read in the zone of the column that it is compared with.
    microseconds = (instant - _EPOCH) // timedelta(microseconds=1)
    return func.fromUnixTimestamp64Micro(func.toInt64(literal(microseconds)), literal("UTC"))


def _double(column: Expression) -> Expression:
    # Of a decimal the function gives a double near to it, and of its text the nearest. Only one of both is computed.
    is_decimal = func.toTypeName(column).like(literal("%Decimal%"))
    nearest: Expression = getattr(func, "if")(is_decimal, func.toFloat64(func.toString(column)), func.toFloat64(column))
    return nearest


def _position(value: Expression, bounds: Sequence[Any], first: int = 0) -> Expression:
    """Return ``first`` and the number of bounds below a value: a binary search, written out."""
    if not bounds:
        return literal(first)
    middle = len(bounds) // 2
    below = _position(value, bounds[:middle], first)
    above = _position(value, bounds[middle + 1 :], first + middle + 1)
    return case((value <= literal(bounds[middle]), below), else_=above)


def _histogram(value: Expression, bounds: Sequence[Any]) -> Expression:
    # Named where it stands first: written out at each bound it would be most of the statement.
    name: Expression = literal_column(f"pe_h{next(_names)}")
    place = case((value.op("AS")(name).is_(None), null()), else_=_position(name, bounds))
    count: Function[Any] = Function(quoted_name(f"countResample(0, {len(bounds) + 1}, 1)", quote=False), place)
    return count


def _seconds(column: Expression) -> Expression:
    # Of dates and times before 1970 too, which Unix timestamps are not made of.
    return func.dateDiff("second", func.toDateTime64("1970-01-01 00:00:00", 0, "UTC"), func.toDateTime64(column, 0, "UTC"))


CLICKHOUSE = Dialect(
    driver="clickhousedb",
    extra="clickhouse",
    mode="aggregate",
    style="histograms",
    epoch=func.toUnixTimestamp,
    double=_double,
    text=func.toString,  # a cast would not take null
    length=lambda column: func.lengthUTF8(func.toString(column)),
    seconds=_seconds,
    histogram=_histogram,
    instant=_instant,
    is_utc=True,
    connect_args=_arguments,
    adapt=_adapt,
)
