"""A label is the same in a log, in files and in a table of any database."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from databases import Database
from prediction_exporter.counting.held import Held
from prediction_exporter.labels.keys import hash_ids
from prediction_exporter.performance import PerformanceLayout
from read_labels import NOW, Read, labels_in, section

FIELDS = {"id": "order", "label": "truth", "time": "known_at", "weight": "share"}

PERFORMANCES = {
    "boolean": PerformanceLayout(task="binary", classes=("false", "true"), held=Held.BOOLEAN),
    "text": PerformanceLayout(task="multiclass", classes=("red", "1.10", "blue"), held=Held.TEXT),
    "number": PerformanceLayout(task="regression"),
}

TYPES = {"boolean": "BOOLEAN", "text": "VARCHAR(20)", "number": "DOUBLE PRECISION", "integers": "BIGINT", "uuids": "CHAR(36)"}

DRAWS: dict[str, Callable[[random.Random], Any]] = {
    "boolean": lambda chance: chance.choice([True, False]),
    "text": lambda chance: chance.choice(["red", "1.10", "1.1", "violet"]),
    "number": lambda chance: chance.gauss(0, 1e6),
    "integers": lambda chance: 2**53 + chance.randrange(2**40) * 2 + 1,  # no double holds them
    "uuids": lambda chance: f"{chance.getrandbits(32):08x}-0000-4000-8000-{chance.getrandbits(48):012x}",
}

Row = Mapping[str, Any]


def drawn(ids: str, kind: str) -> list[Row]:
    """Draw labels of which some lack each field; all have a time, without which no table is read."""
    chance = random.Random(f"{ids} {kind}")

    def some(value: Any) -> Any:
        return None if chance.random() < 0.1 else value

    return [
        {
            "order": some(DRAWS[ids](chance)),
            "truth": some(DRAWS[kind](chance)),
            "known_at": int(NOW) - chance.randrange(20 * 86_400),
            "share": some(chance.randrange(1, 99) / 8),
        }
        for _ in range(60)
    ]


def expected(rows: Sequence[Row], kind: str) -> list[Read]:
    """Return what rows mean: a row without an id is refused, and a class that is none of the classes is another."""
    spelt: dict[Any, Any] = {True: "true", False: "false", "1.1": "other", "violet": "other"}
    found: list[Read] = []
    for row in rows:
        if row["order"] is not None:
            truth = row["truth"] if kind == "number" else spelt.get(row["truth"], row["truth"])
            key = int(hash_ids(pl.Series([str(row["order"])])).keys[0])
            found.append((key, truth, row["known_at"] * 1_000_000, row["share"]))
    return sorted(found, key=repr)


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write rows as Python does, with True and False and nothing where a value is missing."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(params=["sqlite", "duckdb", "postgresql", "mariadb"])
def database(request: pytest.FixtureRequest) -> Database:
    """Return a fresh database of each kind."""
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(("ids", "kind"), [("integers", "boolean"), ("uuids", "text"), ("integers", "number")])
def test_log_table_and_files_say_the_same(database: Database, tmp_path: Path, ids: str, kind: str) -> None:
    """The same ids, labels, times and weights, and the same number of rows without an id."""
    rows, performance = drawn(ids, kind), PERFORMANCES[kind]
    columns = {"order": TYPES[ids], "truth": TYPES[kind], "known_at": "BIGINT", "share": "DOUBLE PRECISION"}
    if database.kind == "postgresql" and ids == "uuids":
        columns["order"] = "UUID"
    database.execute(f"CREATE TABLE truth ({', '.join(f'{database.quote(name)} {of}' for name, of in columns.items())})")
    database.insert("truth", rows)
    for folder in ("csv", "parquet", "jsonl"):
        (tmp_path / folder).mkdir()
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "truth.jsonl").write_text(lines)
    (tmp_path / "jsonl" / "truth.jsonl").write_text(lines)
    write_csv(rows, tmp_path / "csv" / "truth.csv")
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(tmp_path / "parquet" / "truth.parquet")
    sources: dict[str, Any] = {
        "log": {"log": {"path": "truth.jsonl", "start": "beginning"}},
        "table": {"table": {"url": database.url(), "name": "truth"}},
        **{form: {"files": {"path": form, "settle": "0s"}} for form in ("csv", "parquet", "jsonl")},
    }
    wanted = expected(rows, kind)
    nameless = {"missing_id": sum(row["order"] is None for row in rows)}
    assert len(wanted) + nameless["missing_id"] == len(rows) > len(wanted)
    for name, source in sources.items():
        assert labels_in(section(tmp_path, fields=FIELDS, **source), performance) == (wanted, nameless), name
