"""Tables: every kind of file gives columns by the names that configuration writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prediction_exporter.baseline.tables import read_table
from prediction_exporter.errors import BaselineError
from prediction_exporter.sources.fields.names import MAX_LIST


def contents(path: Path) -> dict[str, list[Any]]:
    """Return the columns of a file."""
    table = read_table(path)
    found = {name: table.column(name).to_list() for name in table.columns}
    assert all(len(values) == table.rows for values in found.values())
    return found


def test_nested_columns(tmp_path: Path) -> None:
    """Objects and lists are columns of their own, named alike in Parquet and JSON lines."""
    rows = [
        {"a": {"b": 1.5, "c": {"d": "x"}}, "s": [0.5, 0.25]},
        {"a": None, "s": [1.5]},
        {"a": {"b": None, "c": None}, "s": None},
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert contents(tmp_path / "a.parquet") == {
        "a.b": [1.5, None, None],
        "a.c.d": ["x", None, None],
        "s[0]": [0.5, 1.5, None],
        "s[1]": [0.25, None, None],
    }
    assert contents(tmp_path / "a.jsonl") == {
        "a.b": ["1.5", None, None],
        "a.c.d": ["x", None, None],
        "s[0]": ["0.5", "1.5", None],
        "s[1]": ["0.25", None, None],
    }


def test_arrays_and_long_lists(tmp_path: Path) -> None:
    """Arrays of a fixed size are lists; of a very long list the first items count."""
    pl.DataFrame(
        {"x": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int64, 2)), "y": [list(range(1000)), []], "z": [[], []]},
        schema_overrides={"z": pl.List(pl.Int64)},
    ).write_parquet(tmp_path / "a.parquet")
    found = contents(tmp_path / "a.parquet")
    assert found["x[0]"] == [1, 3]
    assert found["y[1]"] == [1, None]
    assert len(found) == 2 + MAX_LIST


@pytest.mark.parametrize("name", ["*", "^a.*$", "", "a.b", "a b", "é", "literal", "col('x')"])
def test_names_that_are_patterns(name: str, tmp_path: Path) -> None:
    """A column may be called like a pattern of polars."""
    columns = {name: ["1", "2"], "ab": ["3", "4"]}
    pl.DataFrame(columns | {"s": [columns | {name: "5"}] * 2}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(columns).write_csv(tmp_path / "a.csv")
    (tmp_path / "a.jsonl").write_text(json.dumps({name: "1", "ab": "3"}) + "\n" + json.dumps({name: "2", "ab": "4"}))
    assert contents(tmp_path / "a.csv") == columns
    if name:  # a key that is empty has no name to configure
        assert contents(tmp_path / "a.jsonl") == columns
    found = contents(tmp_path / "a.parquet")
    assert found[name] == ["1", "2"]
    assert found[f"s.{name}"] == ["5", "5"]


def test_csv_keeps_its_words(tmp_path: Path) -> None:
    """Nothing is made of a CSV field: an empty one is missing, one of two quotes is empty text."""
    (tmp_path / "a.csv").write_text('\ufeffcode,b\n007,"x, ""y"""\n1.50,\n,""\n')
    assert contents(tmp_path / "a.csv") == {"code": ["007", "1.50", None], "b": ['x, "y"', None, ""]}


def test_json_lines_with_bad_lines(tmp_path: Path) -> None:
    """Lines that are no objects are counted and lost alone; a byte order mark is no part of a line."""
    lines = [b'\xef\xbb\xbf{"a": 1}', b"", b"text", b'{"a": "x", "b": NaN}', b'{"a": \xff}', b"[1]", b'{"b": 2}']
    (tmp_path / "a.ndjson").write_bytes(b"\r\n".join(lines))
    table = read_table(tmp_path / "a.ndjson")
    assert table.refused.counts == {"malformed": 2, "encoding": 1}
    assert sorted(map(str, table.column("a"))) == ["1", "None", "x"]
    assert sorted(map(str, table.column("b"))) == ["2", "NaN", "None"]


def test_fields_of_two_shapes(tmp_path: Path) -> None:
    """A field that is an object in some lines is its fields, and missing in the others."""
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"a": {"b": 2}}\n{"a": null}\n')
    assert {name: sorted(map(str, values)) for name, values in contents(tmp_path / "a.jsonl").items()} == {
        "a.b": ["2", "None", "None"]
    }


def broken_middle(path: Path) -> None:
    """Write a CSV file that breaks behind its first lines."""
    path.write_bytes(b"a,b\n" + b"1,2\n" * 5000 + b"\xff\xfe,3\n")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", b"", r"a\.xlsx: of an unknown kind; allowed endings: \.parquet, \.pq, \.csv, \.jsonl, \.ndjson, \.json"),
        ("a", b"", "of an unknown kind"),
        ("none.parquet", None, r"none\.parquet: cannot be read"),
        ("none.csv", None, r"none\.csv: cannot be read"),
        ("none.jsonl", None, r"none\.jsonl: cannot be read"),
        ("a.parquet", b"PAR1 no", r"a\.parquet: cannot be read"),
        ("a.csv", b"", r"a\.csv: cannot be read"),
        ("a.jsonl", b"", r"a\.jsonl: has no JSON object among its first 1000 lines; write one a line"),
        ("a.json", b'[\n{"a": 1}\n]', None),
        ("a.json", b'[{"a": 1}, {"a": 2}]', "has no JSON object among"),
    ],
)
def test_unreadable_files(name: str, content: bytes | None, message: str | None, tmp_path: Path) -> None:
    """A file that is not there, of an unknown kind, or broken, is told by name."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    if message is None:
        assert read_table(path).rows == 1
        return
    with pytest.raises(BaselineError, match=message):
        read_table(path)


def test_a_file_that_breaks_in_the_middle(tmp_path: Path) -> None:
    """What polars finds while it reads a column is told as well."""
    broken_middle(tmp_path / "a.csv")
    with pytest.raises(BaselineError, match=r"a\.csv: (column a )?cannot be read"):
        contents(tmp_path / "a.csv")
