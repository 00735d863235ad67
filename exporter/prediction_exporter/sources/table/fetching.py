"""How columns are asked for when rows are fetched: as a type that the driver gives as what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Double, Text, cast, func, literal_column

from prediction_exporter.sources.table.clickhouse import CLICKHOUSE
from prediction_exporter.sources.table.dialects import DUCKDB, MYSQL, POSTGRESQL, Dialect
from prediction_exporter.sources.table.spark import SPARK

#: Types that both drivers of PostgreSQL give as what they are, and arrays of these.
_PLAIN_OIDS = {
    *(16, 17, 18, 19, 20, 21, 23, 25, 26, 700, 701, 1042, 1043, 1082, 1114, 1184, 1700),
    *(1000, 1002, 1005, 1007, 1009, 1015, 1016, 1021, 1022),
}
_JSON_OIDS = {114, 3802}

_MYSQL_FLOAT = 4

#: Names of types whose values have parts, where types have names.
_NESTED = ("STRUCT", "MAP", "UNION", "ARRAY", "Tuple", "Map", "Array", "Nested", "JSON")

#: How each engine writes what has parts as JSON.
_AS_JSON: dict[str, Callable[[ColumnElement[Any]], ColumnElement[Any]]] = {
    DUCKDB.driver: lambda column: cast(func.to_json(column), Text),
    CLICKHOUSE.driver: func.toJSONString,
    SPARK.driver: func.to_json,
}


def fetched(dialect: Dialect, column: ColumnElement[Any], code: Any) -> ColumnElement[Any]:
    """Return what is asked for of a column, by the driver's code for its type."""
    if dialect is POSTGRESQL and code not in _PLAIN_OIDS:
        # One driver gives bytes of a UUID, and of an interval what polars panics at; of an enum the text is all there is.
        return cast(column, Text)
    if dialect is MYSQL and code == _MYSQL_FLOAT:
        return column * literal_column("1E0")  # it is sent as text of six digits
    if dialect is SPARK and code == "FLOAT_TYPE":
        return cast(column, Double)  # it is sent as the shortest text that reads as it
    if dialect is CLICKHOUSE and "FixedString" in str(code):
        return func.toString(column)  # without the zeros behind it
    return _AS_JSON[dialect.driver](column) if dialect.driver in _AS_JSON and _is_nested(code) else column


def is_document(dialect: Dialect, code: Any) -> bool:
    """Return whether what is asked for of a type comes as JSON."""
    if dialect is POSTGRESQL:
        return code in _JSON_OIDS
    return dialect.driver in _AS_JSON and _is_nested(code)


def _is_nested(code: Any) -> bool:
    return str(code).startswith(_NESTED) or str(code).endswith("]")
