"""Numbers that are made of texts, lists and dates: their values, and the same ones from every form that a source has."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from counting import Counted, assert_equal, context_of, count
from prediction_exporter.counting.events import ValueState
from prediction_exporter.counting.functions import Function
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.sources.derived import derive
from prediction_exporter.sources.times import DateParser
from typed_events import NOW, made, number, presence

MISSING, INVALID, NON_FINITE = ValueState.MISSING, ValueState.INVALID, ValueState.NON_FINITE

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)


def made_of(function: Function, held: Held, values: pl.Series, timezone: str = "UTC") -> list[float | ValueState]:
    """Return what a function makes of values at ``AT``: numbers, or why there is none."""
    times = pl.Series([int(AT.timestamp() * 1e6)] * len(values)).to_numpy()
    numbers, states = derive(function, held, values, times, DateParser(timezone, None))
    return [n if n is not None else ValueState(state) for n, state in zip(numbers.to_list(), states, strict=True)]


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0.0),
        (" \t\r\n", 0.0),
        (" a ", 3.0),
        ("ä", 1.0),
        ("東京", 2.0),
        ("🙂", 1.0),
        ("a\u0308", 2.0),
        ("👍🏽", 2.0),
        ("\u00a0", 1.0),
        ("a\nb", 3.0),
        ("[Music]", MISSING),
        ('{"a": 1}', MISSING),
        ("NaN", MISSING),
        ("nan", 3.0),
        ("[a", 2.0),
        (None, MISSING),
    ],
)
def test_the_length_of_a_text(text: str | None, length: float | ValueState) -> None:
    """Code points; 0 of nothing but blanks; none of what counts as a list or as no value."""
    assert made_of(Function.LENGTH, Held.TEXT, pl.Series([text], dtype=pl.String)) == [length]


LISTS: list[tuple[Any, float | ValueState, float | ValueState]] = [
    ([3.0, 4.0], 2.0, 5.0),
    ([0.0, 0.0, 0.0], 3.0, 0.0),
    ([-2.0], 1.0, 2.0),
    ([0.6, 0.80001], 2.0, 1.0),
    ([123456.0], 1.0, 123000.0),
    ([1.2345e-9], 1.0, 1.23e-9),
    ([1e-320], 1.0, 0.0),
    ([], 0.0, MISSING),
    (None, MISSING, MISSING),
    ([1.0, None], 2.0, INVALID),
    ([math.nan, 1.0], 2.0, NON_FINITE),
    ([1e200, 1.0], 2.0, NON_FINITE),
]


@pytest.mark.parametrize("dtype", [pl.List(pl.Float64), pl.List(pl.Float32), pl.List(pl.String)])
def test_the_norm_and_the_length_of_a_list(dtype: pl.DataType) -> None:
    """Of whatever type its items are; the empty list has no norm, and one with a gap or a text none that is valid."""
    extreme = ([1e200, 1.0], [1e-320])
    kept = [case for case in LISTS if dtype == pl.List(pl.Float64) or case[0] not in extreme]
    values = pl.Series([value for value, _, _ in kept], dtype=pl.List(pl.Float64)).cast(dtype)
    assert made_of(Function.LENGTH, Held.CONTAINER, values) == [length for _, length, _ in kept]
    assert made_of(Function.NORM, Held.CONTAINER, values) == [norm for _, _, norm in kept]


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ('["a", "b,c"]', 2.0),
        ("['a', \"it's\"]", 2.0),
        ("[0.5 1.5\n 2.5]", 3.0),
        ("['a' 'b']", 2.0),
        ("[]", 0.0),
        ("[NaN, 1]", 2.0),
        ("{}", INVALID),
        ("[0.1 0.2 ... 0.9]", INVALID),
        ('["a ... b"]', 1.0),
        ("[" * 10_000 + "]" * 10_000, INVALID),
        ("a, b", MISSING),
        ("", MISSING),
        (None, MISSING),
    ],
)
def test_the_length_of_a_list_in_text(text: str | None, length: float | ValueState) -> None:
    """As JSON, Python and NumPy write it; what is cut off has none, and what is no list is the column's own to tell."""
    assert made_of(Function.LENGTH, Held.CONTAINER, pl.Series([text], dtype=pl.String)) == [length]


@pytest.mark.parametrize(
    ("value", "age"),
    [
        ("2026-05-04T12:00:00Z", 0.0),
        ("2026-05-04", 0.5),
        ("2026-05-03 12:00:00+00:00", 1.0),
        ("May 3 2026", 1.5),
        ("03-May-2026", 1.5),
        ("2026/05/03", 1.5),
        ("20260503T120000Z", 1.0),
        (str(int(AT.timestamp()) - 3600), 1 / 24),
        ("2026-05-05T12:00:00.999Z", -1.0),
        ("1875-05-04", (datetime(2026, 5, 4) - datetime(1875, 5, 4)).days + 0.5),  # noqa: DTZ001 - days between
        ("9999-12-31", MISSING),
        ("0001-01-01", MISSING),
        ("2026-02-30", INVALID),
        ("03/05/2026", INVALID),  # the third of May, or the fifth of March
        ("soon", INVALID),
        ("", MISSING),
        (None, MISSING),
    ],
)
def test_the_age_of_a_date(value: str | None, age: float | ValueState) -> None:
    """In days of whole seconds, back to when there were no epochs; of what has one meaning."""
    assert made_of(Function.AGE_DAYS, Held.TEXT, pl.Series([value], dtype=pl.String)) == [age]


def test_bytes_that_are_no_text_are_no_list() -> None:
    """A vector that was written as its bytes has neither norm nor length."""
    values = pl.Series([b"\x00\xff\x10", b"[3, 4]", None])
    assert made_of(Function.NORM, Held.CONTAINER, values) == [INVALID, 5.0, MISSING]
    assert made_of(Function.LENGTH, Held.TEXT, values) == [MISSING, MISSING, MISSING]


def test_the_age_of_typed_dates_is_of_their_zone() -> None:
    """A date begins at midnight of the configured zone, an instant is what it is."""
    day = pl.Series([date(2026, 5, 4)])
    assert made_of(Function.AGE_DAYS, Held.ANY, day, "Europe/Berlin") == [14 / 24]
    instant = pl.Series([AT - timedelta(hours=6)], dtype=pl.Datetime("us", "UTC"))
    assert made_of(Function.AGE_DAYS, Held.ANY, instant, "Europe/Berlin") == [0.25]
    seconds = pl.Series([AT.timestamp() - 86_400, None, math.nan])
    assert made_of(Function.AGE_DAYS, Held.NUMBER, seconds) == [1.0, MISSING, MISSING]


# The same from every form


ITEMS = tuple(number(f"vector[{position}]") for position in range(3))
LAYOUT = Layout(
    [
        presence("review", Held.TEXT),
        made("review", Function.LENGTH, Held.TEXT, (0.0, 1.0, 5.0)),
        presence("tags", Held.CONTAINER),
        made("tags", Function.LENGTH, Held.CONTAINER, (0.0, 1.0, 2.0)),
        *ITEMS,
        made("vector", Function.NORM, Held.CONTAINER, (0.0, 1.0, 5.0, 5.5)),
        made("vector", Function.LENGTH, Held.CONTAINER, (0.0, 2.5, 3.5)),
        presence("born", Held.TEXT),
        made("born", Function.AGE_DAYS, Held.TEXT, (-1.0, 0.0, 10_000.0)),
        Column(name="decision", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("yes",)),
    ]
)

Rows = list[dict[str, Any]]


def rows_of(count_: int) -> Rows:
    """Return events, each of whose columns has all the forms that it has in every file."""
    reviews = ["good", "", "   ", None, "très bien", "👍"]
    tags = [["a"], ["a", 'b"c'], [], None, ["x", "y", "z"]]
    vectors = [[3.0, 4.0, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0, 2.0], None, [0.5, 0.5, 7.0]]
    born = ["1990-01-31", None, "2026-01-01", "2030-12-31"]
    return [
        {
            "ts": NOW - 3000 + row,
            "review": reviews[row % 6],
            "tags": tags[row % 5],
            "vector": vectors[row * 3 % 5],
            "born": born[row % 4],
            "decision": "yes",
        }
        for row in range(count_)
    ]


def counted(folder: Path, source: Mapping[str, Any]) -> Counted:
    """Count what a source gives."""
    fields = {"time": "ts", "prediction": "decision"}
    return count(context_of(folder, {"fields": fields, **source}, LAYOUT, clock=lambda: NOW))


def of_log(folder: Path, lines: Sequence[str]) -> Counted:
    """Count lines of a log."""
    (folder / "app.log").write_text("".join(line + "\n" for line in lines))
    return counted(folder, {"log": {"path": "app.log", "start": "beginning"}})


def of_file(folder: Path, frame: pl.DataFrame, form: str) -> Counted:
    """Count rows of a file."""
    file = folder / f"rows.{form}"
    frame.write_parquet(file) if form == "parquet" else frame.write_csv(file)
    os.utime(file, (NOW - 60, NOW - 60))
    counts = counted(folder, {"files": {"path": str(file), "start": "beginning"}})
    file.unlink()
    return counts


def test_a_log_and_files_come_to_the_same(tmp_path: Path) -> None:
    """Lists as lists, fixed arrays or text; lines that polars reads, and lines that are read one by one."""
    rows = rows_of(120)
    log = of_log(tmp_path, [json.dumps(row) for row in rows])
    assert log.tally.events == 120
    # Polars refuses a line with half of a character, wherever it stands.
    assert_equal(log, of_log(tmp_path, [json.dumps({**row, "note": "\ud800"}) for row in rows]))
    mixed = [json.dumps({**row, "note": "\ud800"} if number % 3 == 0 else row) for number, row in enumerate(rows)]
    assert_equal(log, of_log(tmp_path, mixed))
    frame = pl.DataFrame(rows, infer_schema_length=None)
    assert_equal(log, of_file(tmp_path, frame, "parquet"))
    typed = frame.with_columns(pl.col("vector").cast(pl.Array(pl.Float32, 3)), pl.col("born").str.to_date())
    assert_equal(log, of_file(tmp_path, typed, "parquet"))
