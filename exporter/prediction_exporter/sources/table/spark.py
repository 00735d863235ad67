"""Spark's Thrift server, through PyHive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import event, func, literal_column
from sqlalchemy.engine import Engine

from prediction_exporter.sources.table.dialects import Dialect, Expression, Settings


def _session(settings: Settings) -> list[str]:
    return [
        "SET spark.sql.session.timeZone = UTC",
        "SET hive.resultset.use.unique.column.names = false",
        f"SET spark.sql.thriftServer.queryTimeout = {max(int(settings.timeout), 1)}s",
    ]


def _adapt(engine: Engine, settings: Settings) -> None:
    from prediction_exporter.sources.table import hive

    hive.adapt(engine.dialect)
    engine.update_execution_options(hive_raw_colnames=True)  # what stands before a dot is no table's name

    @event.listens_for(engine, "do_connect")
    def _connect(_: Any, __: Any, ___: Any, arguments: dict[str, Any]) -> Any:
        return hive.connect(arguments, timeout=settings.timeout)


def _explode(values: Sequence[Expression]) -> Expression:
    return func.explode(func.array(*values))


SPARK = Dialect(
    driver="hive",
    extra="spark",
    mode="aggregate",
    style="unpivot",
    epoch=func.unix_timestamp,
    number=lambda value: literal_column(f"{float(value)!r}D"),  # without the D it is a decimal
    unpivot=_explode,
    type_name=func.typeof,
    is_utc=True,
    is_snapshot=True,  # of the files that a table has
    session=_session,
    adapt=_adapt,
)
