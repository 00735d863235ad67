"""Hostile events whose fields are of the types that databases have, and what each database keeps of them."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from databases import Database
from prediction_exporter.counting.categories import canonical
from prediction_exporter.counting.functions import Function
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Kind, Layout, Role

#: A whole minute. Events are of the time before that an hour's window still holds in slices of a minute.
NOW = 1_800_057_600
FIRST = NOW - 59 * 60

Event = dict[str, Any]
Types = Mapping[str, str]


@dataclass(frozen=True)
class Json:
    """A JSON value that stands in a column of the type JSON, or in a log as it is."""

    value: Any


@dataclass(frozen=True)
class Field:
    """A field of events, and the column of a table that holds it.

    Attributes:
        name: of both.
        types: its type in SQL by kind of database, under ``""`` for the kinds that are not named.
        values: what a logger has, without None.
        column: how the model counts it; None for what is no column of the model.
        derived: columns that are made of it.
    """

    name: str
    types: Types
    values: st.SearchStrategy[Any]
    column: Column | None = None
    derived: tuple[Column, ...] = ()

    def type(self, kind: str) -> str:
        """Return its type in SQL."""
        return self.types.get(kind, self.types.get("", "TEXT"))


# What is made of a column


def made(of: str, function: Function, held: Held, edges: Sequence[float]) -> Column:
    """Return a derived column."""
    return Column(
        name=function.name_for(of),
        role=Role.FEATURE,
        kind=Kind.NUMERIC,
        edges=tuple(edges),
        drift_edges=tuple(edges[1::2]),
        center=1.0,
        scale=2.0,
        held=held,
        of=of,
        function=function,
    )


# What databases keep


def kept(kind: str, value: Any) -> Any:
    """Return what a database keeps of a value."""
    if isinstance(value, float) and not math.isfinite(value):
        if kind == "mariadb":
            return None  # its numbers are finite
        if kind == "sqlite" and math.isnan(value):
            return None  # which it stores NaN as
    if isinstance(value, Json) and kind in ("mariadb", "sqlite"):
        return json.dumps(value.value)  # JSON is text to them
    return value


def bound(kind: str, value: Any) -> Any:
    """Return a value as the driver of a database takes it."""
    if isinstance(value, Json):
        return json.dumps(value.value)
    if isinstance(value, uuid.UUID):
        return str(value)
    if kind == "sqlite" and isinstance(value, Decimal):
        return float(value)
    if kind == "sqlite" and isinstance(value, date):
        return value.isoformat()
    return value


def logged(value: Any) -> str:
    """Return a value as a careful logger writes it in JSON."""
    if isinstance(value, Json):
        return json.dumps(value.value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return json.dumps(value.isoformat())
    if isinstance(value, uuid.UUID):
        return json.dumps(str(value))
    return json.dumps(value)


def lines(events: Sequence[Event]) -> str:
    """Return events as JSON lines; what is None is null."""
    return "".join(
        "{" + ", ".join(f"{json.dumps(name)}: {logged(value)}" for name, value in event.items()) + "}\n" for event in events
    )


def as_kept(kind: str, events: Sequence[Event]) -> list[Event]:
    """Return what a database keeps of events."""
    return [{name: kept(kind, value) for name, value in event.items()} for event in events]


def write(database: Database, table: str, fields: Sequence[Field], events: Sequence[Event]) -> None:
    """Make a table of events, with an index on its first column."""
    kind = database.kind
    columns = ", ".join(f"{database.quote(field.name)} {field.type(kind)}" for field in fields)
    database.execute(f"CREATE TABLE {table} ({columns})")
    rows = [{field.name: bound(kind, event[field.name]) for field in fields} for event in events]
    if rows:
        database.insert(table, rows)


# Numbers

EDGES = (-1e300, -100.0, -1.0, -5e-324, 0.0, 0.1, 0.5, 1.0, 2.5, 100.0, 2.0**53, 2.0**53 + 2, 1e19, 1e300)


def number(name: str, *, role: Role = Role.FEATURE) -> Column:
    """Return a column of numbers whose bins are narrow where types end."""
    return Column(name=name, role=role, kind=Kind.NUMERIC, edges=EDGES, drift_edges=EDGES[1::3], center=1.0, scale=3.0)


def category(name: str, categories: Sequence[str], *, role: Role = Role.FEATURE, **more: Any) -> Column:
    """Return a column of categories."""
    return Column(name=name, role=role, kind=Kind.CATEGORICAL, categories=tuple(categories), **more)


def presence(name: str, held: Held, *, nan_is_missing: bool = False) -> Column:
    """Return a column that is watched for presence alone."""
    return Column(name=name, role=Role.FEATURE, kind=Kind.PRESENCE, held=held, nan_is_missing=nan_is_missing)


def _single(value: float) -> float:
    return float(np.float32(value))


_ON_EDGES = st.sampled_from([0.0, -0.0, 0.1, 0.5, 1.0, 2.5, 100.0, math.nan, math.inf, -math.inf, 1e300, 5e-324, 2.0**53 + 2])
_DOUBLES = st.floats(allow_subnormal=False) | _ON_EDGES
_SINGLES = st.floats(width=32).map(_single) | st.sampled_from([0.1, 0.5, 123456.789, 16777216.0, math.nan, math.inf]).map(
    _single
)
_DECIMALS = st.integers(-(10**20) + 1, 10**20 - 1).map(lambda n: Decimal(n).scaleb(-6)) | st.sampled_from(
    [Decimal("0.100000"), Decimal("2.500000"), Decimal("1.000000"), Decimal("-0.000001"), Decimal("99999999999999.999999")]
)
_LONGS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)])
_SHORTS = st.integers(-(2**15), 2**15 - 1) | st.sampled_from([0, 1, 2])

DOUBLE: Types = {"sqlite": "DOUBLE", "postgresql": "DOUBLE PRECISION", "": "DOUBLE"}
SINGLE: Types = {"mariadb": "FLOAT", "": "REAL"}
DECIMAL: Types = {"sqlite": "DOUBLE", "": "NUMERIC(20,6)"}
TEXT: Types = {"mariadb": "VARCHAR(200) CHARACTER SET utf8mb4", "": "VARCHAR(200)"}
BOOLEAN: Types = {"": "BOOLEAN"}

# Texts

#: NUL is no character to PostgreSQL.
_CHARACTERS = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
CATEGORIES = (
    "a",
    "A",
    "a ",
    "ä",
    "a\u0308",
    "🙂",
    "",
    "1",
    "0.1",
    "true",
    "b'\"\\%:x",
    "ß",
    "ss",
    "9007199254740993",
    "ﬀ",
    "\n",
)
_TEXTS = st.sampled_from(
    [*CATEGORIES, "other", "1.0", "True", "NaN", "nan", "[1]", "{}", "007", " a", "b", "A\u0308", "1e0"]
) | st.text(_CHARACTERS, max_size=5)
_NUMBERS_AS_TEXT = st.sampled_from(
    ["1", "0.1", "1e0", " 1", "", "x", "NaN", "inf", "1e400", "-0", "2.50", "9007199254740993", "0x1"]
)
_COLORS = ("red", "Blue", "é", "")
_UUIDS = [uuid.UUID(int=n) for n in (0, 1, 2**127 + 12345)]
_DATES = st.dates(date(1970, 1, 1), date(2400, 1, 1)) | st.sampled_from([date(2026, 3, 29), date(2024, 2, 29)])
_JSONS = st.sampled_from([1, 1.0, 0.1, True, None, "a", "1", "ä🙂", "null", [], [1], {}, {"a": 1}, "", -1e-7, 2**53 + 1]).map(
    Json
)


_RATES = (repr(1 / 3), "0.1", "1", "0.25", "-2.5")
_THIRDS = st.sampled_from(
    [1 / 3, 0.333, 0.33, 0.3, float(np.float32(0.1)), 0.10000002, 0.100001, 1.0, 1.0000001, -2.5, 0.2500001]
)
_CODES = st.sampled_from(
    ["1.1", "1.10", "7", "007", "12e3", "12000", "NaN", "nan", "<NA>", "Infinity", "[1]", "['a']", "{x}", "[a", "true"]
)
_BLANKS = st.sampled_from([" ", "\t\n", "  \r\n ", "\u00a0", " a ", "👩‍👩‍👧", "[Music]", "{name}", "[a", "]", "NaN "])
_LISTS = st.sampled_from(
    ["[]", "[1, 2]", "[3.0,4.0]", '["a", "b\\"c"]', "['x', 'y', 'z']", "[0.5 1.5]", "[3, null]", "[1, NaN]", "[1e200]", "[[1]]"]
)
#: Derived columns that not every engine can count.
LISTED = (
    made("tags", Function.LENGTH, Held.CONTAINER, (0.0, 1.0, 2.0, 3.0)),
    made("tags", Function.NORM, Held.CONTAINER, (0.0, 1.0, 5.0)),
)
AGED = (made("signup", Function.AGE_DAYS, Held.ANY, (-50_000.0, 0.0, 1.0, 365.25, 20_000.0)),)
_WORDS = st.sampled_from(["1", "0", "1.0", "True", "false", "TRUE", "x", "", "NaN", "NaT"])


def enumeration(labels: Sequence[str]) -> Types:
    """Return the types of a column with these labels; that of PostgreSQL has to be there."""
    quoted = ", ".join(f"'{label}'" for label in labels)
    return {"mariadb": f"ENUM({quoted}) CHARACTER SET utf8mb4", "postgresql": "color", "duckdb": f"ENUM({quoted})", "": "TEXT"}


def make_types(database: Database) -> None:
    """Make what a table of ``FIELDS`` needs first."""
    if database.kind == "postgresql":
        labels = ", ".join(f"'{label}'" for label in _COLORS)
        database.execute(f"CREATE TYPE color AS ENUM ({labels})")


# Times

_SECONDS = st.floats(0, 3539.999).map(lambda s: timedelta(microseconds=round(s * 1e6))) | st.sampled_from(
    [timedelta(0), timedelta(minutes=58, seconds=59, microseconds=999_999), timedelta(minutes=7), timedelta(microseconds=1)]
)
INSTANTS = _SECONDS.map(lambda after: datetime.fromtimestamp(FIRST, UTC) + after)

#: Whole instants, in the type of each database that holds them best.
TIME: Types = {"postgresql": "TIMESTAMPTZ", "mariadb": "DATETIME(6)", "duckdb": "TIMESTAMPTZ", "": "TEXT"}


def time_bound(kind: str, instant: datetime) -> Any:
    """Return an instant as the driver takes it for a column of the type ``TIME``."""
    if kind == "mariadb":
        return instant.replace(tzinfo=None)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if kind == "sqlite" else instant


FIELDS = (
    Field("ts", TIME, INSTANTS),
    Field("id", TEXT, st.sampled_from(["1", "2", ""])),
    Field("version", TEXT, st.sampled_from(["1", "v2", "V2", "🙂", "1 ", "x" * 70])),
    Field("status", {"": "SMALLINT"}, st.sampled_from([200, 200, 200, 404, 500, 503, 0, 1])),
    Field("latency_ms", DOUBLE, st.floats(0, 2e4) | st.sampled_from([30.0, 30.000001, -1.0, math.nan, math.inf, 0.0])),
    Field(
        "decision",
        TEXT,
        st.sampled_from(["accept", "refuse", "Accept"]),
        category("decision", ["accept", "refuse"], role=Role.PREDICTION),
    ),
    Field("score", DOUBLE, st.floats(0, 1) | st.sampled_from([0.1, 0.3, 1.0, math.nan]), number("score", role=Role.SCORE)),
    Field("a double", DOUBLE, _DOUBLES, number("a double")),
    Field("a single", SINGLE, _SINGLES, number("a single")),
    Field("a decimal", DECIMAL, _DECIMALS, number("a decimal")),
    Field("a long", {"": "BIGINT"}, _LONGS, number("a long")),
    Field("a short", {"": "SMALLINT"}, _SHORTS, number("a short")),
    Field("a numeral", TEXT, _NUMBERS_AS_TEXT, number("a numeral")),
    Field("text", TEXT, _TEXTS, category("text", CATEGORIES)),
    Field("flag", BOOLEAN, st.booleans(), category("flag", ["true", "false"])),
    Field("color", enumeration(_COLORS), st.sampled_from(_COLORS), category("color", ["red", "Blue", "é"])),
    Field("key", {"sqlite": "TEXT", "": "UUID"}, st.sampled_from(_UUIDS), category("key", [str(_UUIDS[0]), str(_UUIDS[2])])),
    Field("day", {"sqlite": "TEXT", "": "DATE"}, _DATES, category("day", ["2026-03-29", "2024-02-29"])),
    Field("count", {"": "BIGINT"}, _LONGS, category("count", ["0", "1", "9007199254740993", str(2**63 - 1)])),
    Field("share", DECIMAL, _DECIMALS, category("share", ["0.1", "2.5", "1", "-1e-06"])),
    Field("ratio", DOUBLE, _DOUBLES, category("ratio", ["0.1", "0", "1", canonical("1e+300")])),
    # As baselines have them that know what their columns held.
    Field("a gap", DOUBLE, _DOUBLES, replace(number("a gap"), nan_is_missing=True)),
    Field("rate", DOUBLE, _DOUBLES | _THIRDS, category("rate", _RATES, held=Held.NUMBER, nan_is_missing=True)),
    Field("a rate", TEXT, _THIRDS.map(repr) | _TEXTS, category("a rate", _RATES, held=Held.NUMBER)),
    Field("code", TEXT, _CODES, category("code", ["1.1", "7", "12e3", "NaN x"], held=Held.TEXT, nan_is_missing=True)),
    Field("yes", BOOLEAN, st.booleans(), category("yes", ["0", "1"], held=Held.NUMBER, own_bins=1)),
    Field("bit", {"": "SMALLINT"}, st.sampled_from([0, 1, 2]), category("bit", ["true", "false"], held=Held.BOOLEAN)),
    Field("word", TEXT, _WORDS, category("word", ["false", "true"], held=Held.BOOLEAN)),
    Field(
        "merchant",
        TEXT,
        _TEXTS | _BLANKS,
        presence("merchant", Held.TEXT, nan_is_missing=True),
        (made("merchant", Function.LENGTH, Held.TEXT, (0.0, 1.0, 2.0, 3.0, 5.0)),),
    ),
    Field("tags", TEXT, _TEXTS | _CODES | _LISTS, presence("tags", Held.CONTAINER), LISTED),
    Field("signup", {"sqlite": "TEXT", "": "DATE"}, _DATES, presence("signup", Held.ANY), AGED),
    Field("serial", {"": "BIGINT"}, _LONGS, presence("serial", Held.NUMBER)),
    Field("seen", DOUBLE, _DOUBLES, presence("seen", Held.NUMBER, nan_is_missing=True)),
    Field(
        "document",
        {"postgresql": "JSONB", "duckdb": "JSON", "": "TEXT"},
        _JSONS,
        category("document", ["1", "a", "0.1", "true"]),
    ),
)

#: Engines that are not asked for the age of a date: SQLite has only texts for them, of Spark no law has shown it.
AGELESS = frozenset({"sqlite", "spark"})


def countable(kind: str) -> tuple[Field, ...]:
    """Return the fields that an engine can count: numbers have to be numbers, and neither JSON nor lists are looked into."""
    without = {"tags", "signup"} if kind in AGELESS else {"tags"}
    return tuple(
        replace(field, derived=()) if field.name in without else field
        for field in FIELDS
        if field.name not in {"a numeral", "document"}
    )


def bounded(examples: int) -> settings:
    """Return the settings of a law: always the same examples, and no search for a smaller one."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def layout_of(fields: Sequence[Field]) -> Layout:
    """Return the layout of a model with the columns among these fields."""
    return Layout([c for field in fields for c in (field.column, *field.derived) if c is not None])


ROLES = {
    "time": "ts",
    "id": "id",
    "version": "version",
    "status": "status",
    "latency": "latency_ms",
    "prediction": "decision",
    "score": "score",
}


#: What is added up, and another duration, where rows are fetched.
MEASURED: dict[str, dict[str, Any]] = {
    "sums": {"double": "a double", "decimal": "a decimal", "numeral": "a numeral", "long": "a long"},
    "durations": {"single": {"field": "a single", "unit": "ms"}, "since": {"from": "ts", "to": "ts"}},
}


def events_of(
    fields: Sequence[Field], most: int = 30, *, change: Callable[[Event], Event] = lambda event: event
) -> st.SearchStrategy[list[Event]]:
    """Draw events; the first field is the time and never None."""
    first, *others = fields
    optional = {field.name: st.one_of(*[field.values] * 5, st.none()) for field in others}
    one = st.fixed_dictionaries({first.name: first.values} | optional)
    return st.lists(one.map(change), min_size=1, max_size=most)
