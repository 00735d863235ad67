"""Rows of PostgreSQL through ADBC, whose columns need not become Python objects: several times the speed of a cursor."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import polars as pl
from sqlalchemy import Select
from sqlalchemy.dialects import postgresql

from prediction_exporter.errors import SourceError
from prediction_exporter.sources.table.dialects import POSTGRESQL, Dialect, Settings
from prediction_exporter.sources.table.engine import Database, explain

#: Bytes of a batch; the driver's own 16 MiB would be most of this process's memory.
BATCH_BYTES = 4 << 20


def serves(dialect: Dialect) -> bool:
    """Return whether the rows of a database come through ADBC: its driver is there."""
    return dialect is POSTGRESQL and all(find_spec(name) is not None for name in ("adbc_driver_postgresql", "nanoarrow"))


def frames(database: Database, query: Select[Any]) -> Iterator[pl.DataFrame]:
    """Yield the rows of a query in batches of bounded size.

    Raises:
        SourceError: the database fails.
    """
    import adbc_driver_manager
    import nanoarrow

    # The bounds of time are written into the text: with bound values the driver fetches the whole result at once, without COPY.
    dialect: Any = postgresql.dialect
    sql = str(query.compile(dialect=dialect(paramstyle="named"), compile_kwargs={"literal_binds": True}))
    try:
        if database.fast is None:
            database.fast = _connect(database.settings())
        with contextlib.closing(database.fast.cursor()) as cursor:
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
            cursor.execute(sql)
            with nanoarrow.ArrayStream(cursor.fetch_arrow()) as stream:
                for batch in stream:
                    yield _plain(pl.DataFrame(batch))
    except (adbc_driver_manager.Error, RuntimeError) as error:  # nanoarrow's error is a RuntimeError of no public name
        raise SourceError(explain(error, database.settings().timeout)) from error


def _connect(settings: Settings) -> Any:
    from adbc_driver_postgresql import dbapi
    from psycopg.conninfo import make_conninfo

    # What SQLAlchemy would connect with, as libpq reads it: an address would have to escape what passwords are made of.
    _, arguments = settings.url.get_dialect()().create_connect_args(settings.url)
    return dbapi.connect(make_conninfo(**{**arguments, **POSTGRESQL.connect_args(settings)}), autocommit=True)


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose columns of types that Arrow does not know, as PostgreSQL's numeric, are what they are stored as."""
    return frame.with_columns(
        [series.ext.storage() for series in frame.get_columns() if isinstance(series.dtype, pl.BaseExtension)]
    )
