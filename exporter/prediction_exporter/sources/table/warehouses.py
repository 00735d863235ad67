"""Warehouses that no test here can run: written by their documentation; statements for Trino are compiled by its dialect.

All of them have GROUPING SETS, so that many columns are counted in one scan, which is what they bill by.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Double, Float, cast, extract, func, literal_column
from sqlalchemy.types import TIMESTAMP

from prediction_exporter.sources.table.dialects import APPLICATION, CONNECT_SECONDS, Dialect, Expression, Settings

# Trino: https://trino.io/docs/current/admin/properties-query-management.html


def _trino(settings: Settings) -> dict[str, Any]:
    return {
        "source": APPLICATION,
        "request_timeout": CONNECT_SECONDS,
        "timezone": "UTC",
        "session_properties": {"query_max_execution_time": f"{settings.timeout:g}s"},
    }


TRINO = Dialect(
    driver="trino",
    extra="trino",
    mode="aggregate",
    style="grouping_sets",
    epoch=func.to_unixtime,
    connect_args=_trino,
)

# BigQuery: has no sessions and no limit of time that SQL could set; its quotas bound what a query may scan.


def _unix_seconds(column: Expression) -> Expression:
    return func.unix_seconds(cast(column, TIMESTAMP))


BIGQUERY = Dialect(
    driver="bigquery",
    extra="",
    mode="aggregate",
    style="grouping_sets",
    epoch=_unix_seconds,
    double=lambda column: cast(column, Float),  # its only floating-point type, of 64 bits
)

# Snowflake: https://docs.snowflake.com/en/sql-reference/parameters


def _snowflake(settings: Settings) -> dict[str, Any]:
    return {
        "login_timeout": CONNECT_SECONDS,
        "session_parameters": {
            "QUERY_TAG": APPLICATION,
            "STATEMENT_TIMEOUT_IN_SECONDS": max(int(settings.timeout), 1),
            "TIMEZONE": "UTC",
        },
    }


SNOWFLAKE = Dialect(
    driver="snowflake",
    extra="",
    mode="aggregate",
    style="grouping_sets",
    epoch=lambda column: func.date_part(literal_column("epoch_second"), column),
    connect_args=_snowflake,
)

# Redshift: https://docs.aws.amazon.com/redshift/latest/dg/statement_timeout.html


def _redshift_session(settings: Settings) -> list[str]:
    return [f"SET statement_timeout TO {int(settings.timeout * 1000)}", "SET TimeZone TO 'UTC'"]


REDSHIFT = Dialect(
    driver="redshift+psycopg2",
    extra="",
    mode="aggregate",
    style="grouping_sets",
    epoch=lambda column: cast(extract("epoch", column), Double),
    connect_args=lambda _: {"application_name": APPLICATION, "connect_timeout": CONNECT_SECONDS},
    session=_redshift_session,
)

WAREHOUSES: dict[str, Dialect] = {"trino": TRINO, "bigquery": BIGQUERY, "snowflake": SNOWFLAKE, "redshift": REDSHIFT}
