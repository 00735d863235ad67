"""Typed frames give what the log gives for the same values in JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prediction_exporter.counting.events import ValueState
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.sources.fields.schema import ColumnField, EventSchema
from prediction_exporter.sources.frames import FrameParser
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.times import NO_TIME
from prediction_exporter.sources.typed import numbers_of, texts_of_values
from source_law import assert_same, outcome_of

EDGES = (-1e300, -1.0, -5e-324, 0.0, 0.5, 1.0, 2.0**53, 2.0**53 + 2, 1e19, 1e300)
CATEGORIES = ("true", "false", "1", "0", "0.1", "9007199254740993", "18446744073709551615", "é", "", "a", "-1", "2.5", "1e-7")
NAMES = ("*", "^x.*$", "plain", "a.b")


def layout_of(categories: tuple[str, ...] = CATEGORIES) -> Layout:
    """Return a layout that counts each value once as a number and once as a category."""
    columns = [Column(name=f"number {name}", role=Role.FEATURE, kind=Kind.NUMERIC, edges=EDGES) for name in NAMES]
    columns += [
        Column(name=f"category {name}", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=categories) for name in NAMES
    ]
    return Layout(columns)


def schema_of(layout: Layout, timezone: str = "UTC", unit: str | None = None) -> EventSchema:
    """Return a schema in which every value stands under two names, in objects and at the top."""
    fields = []
    for column in layout.columns:
        kind, name = column.name.split(" ", 1)
        path = ("features", kind, name) if name in ("*", "a.b") else (column.name,)
        fields.append(ColumnField(name=column.name, kind=column.kind, path=path, categories=column.categories))
    return EventSchema(
        time=("t",),
        id=("id",),
        version=("v",),
        latency=("took_ms",),
        latency_unit="ms",
        status=("s",),
        columns=tuple(fields),
        timezone=timezone,
        time_unit=unit,
    )


LAYOUT = layout_of()


def to_json(value: Any) -> str:
    """Return a value as a careful logger writes it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {to_json(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date | time):
        return json.dumps(value.isoformat())
    if isinstance(value, bytes):
        return json.dumps(value.decode())
    return json.dumps(value)


#: Around these hours, local time, clocks change in New York and in Berlin.
CHANGES = [datetime(2026, *when, tzinfo=UTC) for when in ((3, 8, 2), (3, 29, 2), (10, 25, 2), (11, 1, 1))]

# A typed column: its values and the type that polars holds them in.

Typed = tuple[list[Any], pl.DataType]


def typed(values: st.SearchStrategy[Any], dtype: pl.DataType, rows: int) -> st.SearchStrategy[Typed]:
    """Draw a column of a type, with nulls."""
    return st.lists(st.none() | values, min_size=rows, max_size=rows).map(lambda drawn: (drawn, dtype))


def integers(dtype: pl.DataType, low: int, high: int, rows: int) -> st.SearchStrategy[Typed]:
    """Draw integers, also at the ends of their type and where doubles end."""
    ends = [n for n in (low, high, 0, 1, -1, 2**53 + 1, -(2**53) - 1, 10**19) if low <= n <= high]
    return typed(st.integers(low, high) | st.sampled_from(ends), dtype, rows)


def decimal_of(digits: int, scale: int) -> Decimal:
    """Return ``digits / 10**scale``, not rounded to the precision of the context."""
    return Decimal((int(digits < 0), tuple(map(int, str(abs(digits)))), -scale))


def decimals(rows: int) -> st.SearchStrategy[Typed]:
    """Draw decimals of any scale."""
    return st.integers(0, 30).flatmap(
        lambda scale: typed(
            st.integers(-(10**36), 10**36).map(lambda n: decimal_of(n, scale)) | st.just(Decimal(0)),
            pl.Decimal(38, scale),
            rows,
        )
    )


def value_columns(rows: int) -> st.SearchStrategy[Typed]:
    """Draw a column of values of any type."""
    texts = st.text(max_size=6) | st.sampled_from([*CATEGORIES, "1.0", "True", "NaN", "inf", "1e400", "[1]", "{}", " 1", "007"])
    return st.one_of(
        typed(st.floats(), pl.Float64(), rows),
        typed(st.sampled_from([0.1, 1.0, -0.0, math.nan, math.inf, -math.inf, 1e16, 5e-324]), pl.Float64(), rows),
        typed(st.floats(width=32).map(lambda x: float(np.float32(x))), pl.Float32(), rows),
        integers(pl.Int8(), -(2**7), 2**7 - 1, rows),
        integers(pl.Int64(), -(2**63), 2**63 - 1, rows),
        integers(pl.UInt64(), 0, 2**64 - 1, rows),
        integers(pl.Int128(), -(2**127), 2**127 - 1, rows),
        decimals(rows),
        typed(st.booleans(), pl.Boolean(), rows),
        typed(texts, pl.String(), rows),
        typed(texts, pl.Categorical(), rows),
        typed(st.sampled_from(CATEGORIES), pl.Enum(CATEGORIES), rows),
        typed(texts.map(str.encode), pl.Binary(), rows),
        typed(st.lists(st.integers(0, 2), max_size=2), pl.List(pl.Int64()), rows),
        typed(st.fixed_dictionaries({"x": st.integers(0, 2)}), pl.Struct({"x": pl.Int64()}), rows),
        typed(st.nothing(), pl.Null(), rows),
    )


def time_columns(rows: int, zone: str) -> st.SearchStrategy[Typed]:
    """Draw a column of times: dates with and without a zone, epoch numbers, texts."""
    naive = st.builds(
        lambda change, minutes, us: change.replace(tzinfo=None) + timedelta(minutes=minutes, microseconds=us),
        st.sampled_from(CHANGES),
        st.integers(-90, 90),
        st.integers(0, 999_999),
    )
    aware = naive.map(lambda when: when.replace(tzinfo=UTC))
    seconds = st.integers(1_700_000_000, 1_800_000_000)
    texts = (
        naive.map(datetime.isoformat)
        | seconds.map(str)
        | st.sampled_from(["", "soon", "2026-13-01T00:00:00Z", "2026-03-08 02:30:00,5"])
    )
    return st.one_of(
        typed(naive, pl.Datetime("us"), rows),
        typed(naive.map(lambda when: when.replace(microsecond=when.microsecond // 1000 * 1000)), pl.Datetime("ms"), rows),
        typed(naive, pl.Datetime("ns"), rows),
        typed(aware.map(lambda when: when.astimezone(ZoneInfo(zone))), pl.Datetime("us", zone), rows),
        typed(seconds, pl.Int64(), rows),
        typed(seconds.map(lambda n: n * 1000 + 7), pl.UInt64(), rows),
        typed(seconds.map(lambda n: n * 10**9 + 123), pl.Int64(), rows),
        typed(st.floats() | seconds.map(lambda n: n + 0.25), pl.Float64(), rows),
        typed(seconds.map(lambda n: Decimal(n) + Decimal("0.125")), pl.Decimal(38, 6), rows),
        typed(texts, pl.String(), rows),
        typed(st.booleans(), pl.Boolean(), rows),
    )


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, Typed], int, str]:
    """Draw columns of all roles, some of them absent."""
    rows = draw(st.integers(1, 12))
    zone = draw(st.sampled_from(["UTC", "America/New_York", "Europe/Berlin"]))
    columns: dict[str, Typed] = {"t": draw(time_columns(rows, zone))}
    ids = st.one_of(typed(st.text(max_size=3), pl.String(), rows), typed(st.integers(0, 9), pl.Int32(), rows))
    statuses = [
        typed(st.sampled_from(["OK", "500", "boom", ""]), pl.String(), rows),
        typed(st.sampled_from([0, 1, 200, 503]), pl.Int16(), rows),
    ]
    durations = [
        typed(st.floats() | st.sampled_from([5.0, -1.0]), pl.Float64(), rows),
        typed(st.sampled_from(["1", "x", "-2"]), pl.String(), rows),
    ]
    columns["id"] = draw(ids)
    columns["v"] = draw(value_columns(rows))
    columns["s"] = draw(st.one_of(*statuses, value_columns(rows)))
    columns["took_ms"] = draw(st.one_of(*durations, value_columns(rows)))
    for name in NAMES:
        columns[name] = draw(value_columns(rows))
    absent = draw(st.sets(st.sampled_from(sorted(columns)), max_size=1) if draw(st.booleans()) else st.just(set()))
    return {name: column for name, column in columns.items() if name not in absent}, rows, zone


def both_forms(columns: Mapping[str, Typed], rows: int) -> tuple[bytes, pl.DataFrame]:
    """Return the same rows as JSON lines and as a typed frame, the values under their two names."""
    top: dict[str, Typed] = {}
    inside: dict[str, dict[str, Typed]] = {"number": {}, "category": {}}
    for name, column in columns.items():
        if name not in NAMES:
            top[name] = column
        elif name in ("*", "a.b"):
            inside["number"][name] = inside["category"][name] = column
        else:
            top[f"number {name}"] = top[f"category {name}"] = column
    series = [pl.Series(name, values, dtype=dtype) for name, (values, dtype) in top.items()]
    features = {
        kind: pl.DataFrame([pl.Series(name, values, dtype=dtype) for name, (values, dtype) in found.items()]).to_struct(kind)
        for kind, found in inside.items()
        if found
    }
    if features:
        series.append(pl.DataFrame(list(features.values())).to_struct("features"))
    events = []
    for row in range(rows):
        event: dict[str, Any] = {name: values[row] for name, (values, _) in top.items()}
        event["features"] = {kind: {name: values[row] for name, (values, _) in found.items()} for kind, found in inside.items()}
        events.append(to_json(event))
    return "".join(line + "\n" for line in events).encode(), pl.DataFrame(series)


SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@SETTINGS
@given(tables(), st.booleans())
def test_a_frame_counts_as_its_rows_in_the_log(table: tuple[dict[str, Typed], int, str], text: bool) -> None:
    """Profiles, traffic and refusals of typed columns equal those of the same rows as JSON lines."""
    columns, rows, zone = table
    lines, frame = both_forms(columns, rows)
    schema = schema_of(LAYOUT, timezone=zone)
    of_log = outcome_of(LAYOUT, [JsonLinesParser(schema, time_is_text=text).parse(lines)])
    of_frame = outcome_of(LAYOUT, [FrameParser(schema).parse(frame)])
    assert_same(of_log, of_frame)


@pytest.mark.parametrize(
    ("values", "times"),
    [
        (pl.Series([date(2026, 3, 8), None]), [1772946000_000000, NO_TIME]),
        (pl.Series([datetime(2026, 3, 8, 2, 30)]), [NO_TIME]),  # noqa: DTZ001 - naive on purpose
        (pl.Series([datetime(2026, 11, 1, 1, 30)]), [1793511000_000000]),  # noqa: DTZ001 - naive on purpose
        (pl.Series(["2026-11-01 01:30:00"]), [1793511000_000000]),
        (pl.Series([-1, 2**62, -(2**63), None]).cast(pl.Datetime("ms", "UTC")), [-1000, NO_TIME, NO_TIME, NO_TIME]),
        (pl.Series([-1, 1999]).cast(pl.Datetime("ns", "UTC")), [-1, 1]),
        (pl.Series([2**62, None]).cast(pl.Datetime("us")), [NO_TIME, NO_TIME]),
        (pl.Series([2**31 - 1, -(2**31)], dtype=pl.Int32).cast(pl.Date), [NO_TIME, NO_TIME]),
        (pl.Series([timedelta(1)]), [NO_TIME]),
        (pl.Series([time(1)]), [NO_TIME]),
        (pl.Series([[1]]), [NO_TIME]),
        (pl.Series([b"2026-03-08T10:00:00Z", b"\xff"]), [1772964000_000000, NO_TIME]),
    ],
)
def test_times(values: pl.Series, times: list[int]) -> None:
    """Dates are midnights; what no clock shows, and what no zone has, is no time."""
    parser = FrameParser(EventSchema(time=("t",), columns=(), timezone="America/New_York"))
    batch = parser.parse(pl.DataFrame({"t": values}))
    assert [t for part in batch.events for t in part.times.tolist()] == [t for t in times if t != NO_TIME]
    refused = sum(t == NO_TIME for t in times)
    assert batch.rejected.total == refused
    assert batch.rejected.counts.get("missing_time", 0) == values.null_count()


def test_refused_rows_have_telling_examples() -> None:
    """As refused lines have."""
    schema = EventSchema(time=("at", "t"), id=("n",), columns=())
    frame = pl.DataFrame({"at": [{"t": "x"}, {"t": None}, None, {"t": "1772964000"}, {"t": "0"}], "n": [1, 1, 1, None, 2]})
    batch = FrameParser(schema).parse(frame)
    assert batch.rejected.counts == {"missing_time": 2, "invalid_time": 1, "missing_id": 1}
    assert batch.rejected.examples == {"missing_time": "no at.t", "invalid_time": "x", "missing_id": "no n"}
    assert [part.times.tolist() for part in batch.events] == [[0]]


def test_nothing_usable() -> None:
    """A frame without rows, without columns, or without the time gives no events."""
    schema = EventSchema(time=("t",), columns=())
    assert FrameParser(schema).parse(pl.DataFrame()).events == ()
    batch = FrameParser(schema).parse(pl.DataFrame({"other": [1, 2]}))
    assert (batch.events, batch.rejected.counts) == ((), {"missing_time": 2})


@pytest.mark.parametrize("own", [("true", "false"), ("false",), ("1", "0"), (), ("true", "false", "maybe")])
def test_integers_as_booleans(own: tuple[str, ...]) -> None:
    """Only where it is said, and only in columns whose baseline knows nothing but booleans."""
    field = ColumnField(name="c", kind=Kind.CATEGORICAL, path=("c",), categories=own)
    schema = EventSchema(time=("t",), columns=(field,))
    frame = pl.DataFrame({"t": [1.0] * 4, "c": [0, 1, None, 2]})

    def texts(*, integers_are_booleans: bool) -> list[str | None]:
        [events] = FrameParser(schema, integers_are_booleans=integers_are_booleans).parse(frame).events
        found: list[str | None] = events.columns["c"].to_list()
        return found

    boolean = own in (("true", "false"), ("false",))
    assert texts(integers_are_booleans=True) == (["false", "true", None, "2"] if boolean else ["0", "1", None, "2"])
    assert texts(integers_are_booleans=False) == ["0", "1", None, "2"]


def test_types_without_a_json_form() -> None:
    """They are no numbers; as categories, points in time and spans are texts, and bytes that are no text are invalid."""
    for values in ([time(1, 2, 3)], [timedelta(hours=1)], [date(2026, 1, 2)], [b"\xff"], [[1]], [{"a": 1}], [object()]):
        numbers, states = numbers_of(pl.Series(values))
        assert numbers.to_list() == [None]
        assert states is not None
        assert states.tolist() == [ValueState.INVALID]
    assert texts_of_values(pl.Series([date(2026, 1, 2), None])).to_list() == ["2026-01-02", None]
    assert texts_of_values(pl.Series([time(1, 2, 3)])).to_list() == ["01:02:03"]
    assert texts_of_values(pl.Series([timedelta(hours=1)])).to_list() == ["PT1H"]
    assert texts_of_values(pl.Series([CHANGES[0]])).to_list() == ["2026-03-08T02:00:00+00:00"]
    assert texts_of_values(pl.Series([b"a", b"\xff", None])).to_list() == ["a", "[0]", None]
    assert texts_of_values(pl.Series([[1], [], None])).to_list() == ["[0]", "[]", None]


def test_years_that_no_calendar_has() -> None:
    """Such dates are no times, and no categories either; nothing panics over them."""
    huge = pl.Series([2**62, 0, None])
    for values in (
        huge.cast(pl.Datetime("us")),
        huge.cast(pl.Datetime("ms", "UTC")),
        pl.Series([2**30, 0, None]).cast(pl.Date),
    ):
        schema = EventSchema(time=("t",), columns=(), version=("t",))
        batch = FrameParser(schema).parse(pl.DataFrame({"t": values}))
        assert batch.rejected.counts == {"missing_time": 1, "invalid_time": 1}
        odd, usual, missing = texts_of_values(values).to_list()
        assert (odd, usual[:10], missing) == ("[0]", "1970-01-01", None)


def test_a_duration_says_its_unit() -> None:
    """A latency of the type Duration needs no unit."""
    schema = EventSchema(time=("t",), columns=(), latency=("d",), latency_unit="ms")
    frame = pl.DataFrame({"t": [1.0] * 3, "d": [timedelta(seconds=2), None, timedelta(seconds=-1)]})
    [events] = FrameParser(schema).parse(frame).events
    assert events.latencies is not None
    np.testing.assert_array_equal(events.latencies, [2.0, np.nan, np.nan])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(10**38) + 1, 10**38 - 1), min_size=1, max_size=40), st.integers(0, 38))
def test_decimals_become_the_nearest_doubles(digits: list[int], scale: int) -> None:
    """Not by way of a rounded integer."""
    values = [decimal_of(n, scale) for n in digits]
    numbers, _ = numbers_of(pl.Series(values, dtype=pl.Decimal(38, scale)))
    assert numbers.to_list() == [float(format(value, "f")) for value in values]
