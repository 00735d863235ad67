"""How columns are asked for when rows are fetched: as a type that the driver gives as what it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, literal_column

from prediction_exporter.sources.table.dialects import DUCKDB, MYSQL, POSTGRESQL, Dialect

#: Types that both drivers of PostgreSQL give as what they are, and arrays of these.
_PLAIN_OIDS = {
    *(16, 17, 18, 19, 20, 21, 23, 25, 26, 700, 701, 1042, 1043, 1082, 1114, 1184, 1700),
    *(1000, 1002, 1005, 1007, 1009, 1015, 1016, 1021, 1022),
}
_JSON_OIDS = {114, 3802}

_MYSQL_FLOAT = 4


def fetched(dialect: Dialect, column: ColumnElement[Any], code: Any) -> ColumnElement[Any]:
    """Return what is asked for of a column, by the driver's code for its type."""
    if dialect is POSTGRESQL and code not in _PLAIN_OIDS:
        # One driver gives bytes of a UUID, and of an interval what polars panics at; of an enum the text is all there is.
        return cast(column, Text)
    if dialect is MYSQL and code == _MYSQL_FLOAT:
        return column * literal_column("1E0")  # it is sent as text of six digits
    if dialect is DUCKDB and _is_nested(code):
        return cast(func.to_json(column), Text)
    if dialect is DUCKDB and str(code) == "JSON":
        return cast(column, Text)
    return column


def is_document(dialect: Dialect, code: Any) -> bool:
    """Return whether what is asked for of a type comes as JSON."""
    if dialect is POSTGRESQL:
        return code in _JSON_OIDS
    return dialect is DUCKDB and (str(code) == "JSON" or _is_nested(code))


def _is_nested(code: Any) -> bool:
    return str(code).startswith(("STRUCT", "MAP", "UNION")) or str(code).endswith("]")
