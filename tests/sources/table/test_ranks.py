"""Labels of a ranking: the same sets of ranks from logs, files and tables, however they were written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from databases import Database
from prediction_exporter.counting.ranks import set_of
from prediction_exporter.performance import PerformanceLayout
from read_labels import NOW, labels_in, section

RANKING = PerformanceLayout(task="ranking")

#: What a label says in JSON, and the ranks of it; None where it says none.
SAID: list[tuple[Any, set[int] | None]] = [
    (1, {1}),
    (0, set()),
    (3.0, {3}),
    ("7", {7}),
    ([1, 3], {1, 3}),
    ([], set()),
    ("[2, 5]", {2, 5}),
    ("6, 2", {2, 6}),
    ("1,000", None),
    ("{}", None),
    (52, {52}),
    (53, {53}),
    ([60, 900], {53}),
    ([1, 1], None),
    ([0, 1, 0], None),
    (-1, None),
    (1.5, None),
    (True, None),
    ("first", None),
    ([1, None], None),
    ({"rank": 1}, None),
    (1e300, {53}),
    (None, None),
]

FIELDS = {"id": "id", "label": "label", "time": "ts"}


def sets(said: list[tuple[Any, set[int] | None]]) -> list[float | None]:
    """Return the sets of ranks, by value."""
    return sorted((None if ranks is None else set_of(ranks) for _, ranks in said), key=repr)


def found(labels: Any) -> list[Any]:
    """Return the sets that a source gives."""
    return sorted((one for _, one, _, _ in labels_in(labels, RANKING)[0]), key=repr)


def test_logs(tmp_path: Path) -> None:
    """Ranks alone, lists alone, and all that there is side by side."""
    kinds = [[one for one in SAID if type(one[0]) is kind] for kind in (int, list)]
    for number, said in enumerate([*kinds, SAID]):
        lines = [json.dumps({"id": n, "label": value, "ts": NOW}) + "\n" for n, (value, _) in enumerate(said)]
        (tmp_path / f"{number}.jsonl").write_text("".join(lines))
        log = {"path": f"{number}.jsonl", "start": "beginning"}
        assert found(section(tmp_path, log=log, fields=FIELDS)) == sets(said)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_files(tmp_path: Path, ending: str) -> None:
    """With lists as such, or as text where a format has none."""
    for name, wanted in (("numbers", (int, float)), ("lists", list), ("texts", str)):
        said = [one for one in SAID if isinstance(one[0], wanted) and not isinstance(one[0], bool)]
        values = [json.dumps(one) if ending == "csv" and wanted is list else one for one, _ in said]
        frame = pl.DataFrame({"id": range(len(said)), "label": pl.Series(values, strict=False), "ts": NOW})
        (tmp_path / name).mkdir()
        path = tmp_path / name / f"labels.{ending}"
        if ending == "parquet":
            frame.write_parquet(path)
        else:
            (frame.write_csv if ending == "csv" else frame.write_ndjson)(path)
        assert found(section(tmp_path, files={"path": name, "settle": "0s"}, fields=FIELDS)) == sets(said)


def test_tables(database: Database, tmp_path: Path) -> None:
    """Numbers and texts; and lists, where a database has such."""
    forms: dict[str, tuple[str, type | tuple[type, ...]]] = {
        "numbers": ("DOUBLE PRECISION", (int, float)),
        "texts": ("VARCHAR(99)", str),
    }
    if database.kind != "sqlite":
        forms["lists"] = ("BIGINT[]", list)
    for name, (kind, wanted) in forms.items():
        said = [one for one in SAID if isinstance(one[0], wanted) and not isinstance(one[0], bool)]
        database.execute(f"CREATE TABLE {name} (id BIGINT, label {kind}, ts BIGINT)")
        database.insert(name, [{"id": n, "label": value, "ts": int(NOW) - 600} for n, (value, _) in enumerate(said)])
        assert found(section(tmp_path, table={"url": database.url(), "name": name}, fields=FIELDS)) == sets(said)


@pytest.fixture(params=["sqlite", "duckdb", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Return a fresh database of each kind."""
    made: Database = request.getfixturevalue(request.param)
    return made


def test_the_view_that_the_documentation_shows(postgresql: Database, tmp_path: Path) -> None:
    """Of items in rows of their own it makes lists, also of those of which nothing was clicked."""
    page = (Path(__file__).parents[3] / "docs/performance.md").read_text("utf-8")
    view = page.partition("```sql\nCREATE VIEW")[2].partition("```")[0]
    columns = "search_id TEXT, position INT, clicked BOOLEAN, clicked_at BIGINT, shown_at BIGINT"
    postgresql.execute(f"CREATE TABLE impressions ({columns})")
    clicked: dict[str, set[int]] = {"a": {1, 4}, "b": set(), "c": {5}}
    at = int(NOW) - 600
    rows = [(name, rank, rank in ranks) for name, ranks in clicked.items() for rank in range(1, 6)]
    names = ("search_id", "position", "clicked", "clicked_at", "shown_at")
    made = [dict(zip(names, (*row, at + 9 if row[2] else None, at), strict=True)) for row in rows]
    postgresql.insert("impressions", made)
    postgresql.execute(f"CREATE VIEW{view}")
    table = {"url": postgresql.url(), "name": "chosen"}
    fields = {"id": "search_id", "label": "positions", "time": "updated_at"}
    read = labels_in(section(tmp_path, table=table, fields=fields), RANKING)[0]
    assert sorted((one, known // 1_000_000 - at) for _, one, known, _ in read) == sorted(
        (set_of(ranks), 9 if ranks else 0) for ranks in clicked.values()
    )
