"""The files source on real files: every form, every beginning, and what goes wrong with files."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.errors import ConfigError, SourceError, StateError
from prediction_exporter.sources.base import Batch
from prediction_exporter.sources.files import readers
from prediction_exporter.sources.files.ledger import Done, Ledger
from prediction_exporter.sources.files.store import FolderStore, Found
from prediction_files import DAY, ENDINGS, LAYOUT, NOW, Clock, drain, events, log_outcome, rounded, rows_of, source, write
from source_law import assert_same, outcome_of


@pytest.fixture
def clock() -> Clock:
    """The time, in Unix seconds."""
    return Clock()


@pytest.mark.parametrize("ending", ENDINGS)
def test_files_count_as_the_log(ending: str, tmp_path: Path, clock: Clock) -> None:
    """Profiles, traffic and refusals of every form equal those of the log, bin by bin."""
    rows = rounded(events(500))
    for part in range(5):
        write(tmp_path / f"in/part-{part}.{ending}", rows[part * 100 : part * 100 + 100])
    reader = source(tmp_path / "in", clock)
    outcome = drain(reader)
    assert_same(log_outcome(rows, tmp_path), outcome)
    assert rows_of(outcome) > 450
    assert reader.lag_bytes() == 0
    assert rows_of(drain(reader)) == 0
    reader.close()


def test_forms_may_be_mixed(tmp_path: Path, clock: Clock) -> None:
    """Each file is read in its own form."""
    rows = rounded(events(len(ENDINGS) * 50))
    for part, ending in enumerate(ENDINGS):
        write(tmp_path / f"in/part-{part}.{ending}", rows[part * 50 : part * 50 + 50])
    assert_same(log_outcome(rows, tmp_path), drain(source(tmp_path / "in", clock)))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_restart_at_every_batch_counts_each_row_once(
    ending: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that is killed behind any batch goes on there, whether it was committed or the one before."""
    monkeypatch.setattr(readers, "CHUNK_BYTES", 3000)
    monkeypatch.setattr(readers, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(readers, "PART_ROWS", 16)
    monkeypatch.setattr(readers, "LEAST_ROWS", 1)
    rows = rounded(events(200))
    for part in range(2):
        write(tmp_path / f"in/part-{part}.{ending}", rows[part * 100 : part * 100 + 100])
    batches: list[Batch] = []
    position = None
    for _ in range(1000):
        reader = source(tmp_path / "in", clock, position=position)
        batch = next(reader.poll(), None)
        reader.close()
        if batch is None:
            break
        batches.append(batch)
        position = reader.position()
    assert len(batches) > 4
    assert_same(log_outcome(rows, tmp_path), outcome_of(LAYOUT, batches))
    # And without a restart, but with the iterator thrown away at each batch.
    reader = source(tmp_path / "in", clock)
    kept = []
    while (batch := next(reader.poll(), None)) is not None:
        kept.append(batch)
    reader.close()
    assert_same(log_outcome(rows, tmp_path), outcome_of(LAYOUT, kept))


def test_a_folder_that_grows(tmp_path: Path, clock: Clock) -> None:
    """New files are read as they appear, also in new folders and with times before those of others."""
    folder = tmp_path / "in"
    folder.mkdir()
    reader = source(folder, clock)
    assert rows_of(drain(reader)) == 0
    assert reader.schema is None
    rows = [row | {"request_id": "r"} for row in events(100)]
    write(folder / "b.parquet", rows[:10], at=NOW - 60)
    assert rows_of(drain(reader)) == 10
    write(folder / "a.parquet", rows[10:30], at=NOW - 3600)
    write(folder / "deep/er/c.csv", rows[30:60], at=NOW - 60)
    assert rows_of(drain(reader)) == 50
    restarted = source(folder, clock, position=reader.position())
    assert rows_of(drain(restarted)) == 0
    assert restarted.schema is not None
    write(folder / "d.jsonl", rows[60:], at=NOW - 60)
    assert rows_of(drain(restarted)) == 40


def test_files_are_read_oldest_first(tmp_path: Path, clock: Clock) -> None:
    """By time of modification, then by name."""
    for name, at, count in (("c", -300, 1), ("b", -60, 3), ("a", -60, 2), ("d", -30, 4)):
        write(tmp_path / f"{name}.parquet", [row | {"request_id": "r"} for row in events(count)], at=NOW + at)
    assert [len(part) for batch in source(tmp_path, clock).poll() for part in batch.events] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "name", ["_SUCCESS", ".hidden.csv", "a.csv.tmp", "a.csv.crc", "x.inprogress", "_delta/a.csv", "readme.txt"]
)
def test_what_is_no_data(name: str, tmp_path: Path, clock: Clock) -> None:
    """By its name."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("garbage")
    os.utime(path, (NOW - 500, NOW - 500))
    reader = source(tmp_path, clock)
    outcome = drain(reader)
    assert (rows_of(outcome), outcome.rejected, reader.lag_bytes()) == (0, {}, 0)


def test_a_form_for_names_without_ending(tmp_path: Path, clock: Clock) -> None:
    """With a configured form, files of any name are of it, but for those whose ending says another."""
    rows = [row | {"request_id": "r"} for row in events(10)]
    write(tmp_path / "x.parquet", rows).rename(tmp_path / "000000_0")
    write(tmp_path / "other.csv", rows)
    assert rows_of(drain(source(tmp_path, clock, format="parquet"))) == 10


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_hive_partitions_are_columns(ending: str, tmp_path: Path, clock: Clock) -> None:
    """Their values count as the log's would, decoded, and come before what the file itself says."""
    rows = rounded(events(300))
    want = []
    for number, (folder, value) in enumerate((("s%C3%BCd", "süd"), ("1", "1"), ("__HIVE_DEFAULT_PARTITION__", None))):
        part = rows[number * 100 : number * 100 + 100]
        write(tmp_path / f"in/date=2026-01-01/region={folder}/part.{ending}", part)
        want += [row | {"region": value} for row in part]
    assert_same(log_outcome(want, tmp_path), drain(source(tmp_path / "in", clock)))


def test_a_glob(tmp_path: Path, clock: Clock) -> None:
    """Names files, or folders with all that is in them."""
    rows = [row | {"request_id": "r"} for row in events(10)]
    for name in ("date=1/a.parquet", "date=1/b.csv", "date=2/deep/a.parquet", "other/a.parquet"):
        write(tmp_path / name, rows)
    for pattern, count in (("date=*", 30), ("date=*/*.parquet", 10), ("**/*.parquet", 30), ("date=1/a.parquet", 10), ("x*", 0)):
        assert rows_of(drain(source(tmp_path / pattern, clock))) == count, pattern


def test_files_of_different_schemas(tmp_path: Path, clock: Clock) -> None:
    """A column that a file lacks is missing there, and types may differ."""
    at = datetime.fromtimestamp(NOW - 30, UTC)
    pl.DataFrame({"ts": [at], "amount": [5], "region": [1], "flag": ["True"], "decision": ["yes"]}).write_parquet(
        tmp_path / "a.parquet"
    )
    pl.DataFrame({"decision": ["no"], "amount": [Decimal("70.5")], "ts": [NOW - 40], "score": [0.75]}).write_parquet(
        tmp_path / "b.parquet"
    )
    (tmp_path / "c.csv").write_text(f"amount,ts,region\nnan,{NOW - 40},süd\n")
    for name in ("a.parquet", "b.parquet", "c.csv"):
        os.utime(tmp_path / name, (NOW - 60, NOW - 60))
    fields = {"features": ["amount", "*", "region", "flag"], "score": "score"}
    rows = [
        {"ts": at.isoformat(), "amount": 5, "region": 1, "flag": True, "decision": "yes"},
        {"ts": NOW - 40, "amount": 70.5, "decision": "no", "score": 0.75},
        {"ts": NOW - 40, "amount": math.nan, "region": "süd"},
    ]
    assert_same(log_outcome(rows, tmp_path, fields=fields), drain(source(tmp_path, clock, fields=fields)))


def test_nested_columns(tmp_path: Path, clock: Clock) -> None:
    """Objects and lists of Parquet are those of the log, also where a name has dots or stars."""
    layout = Layout(
        [
            Column(name="amount", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0,)),
            Column(name="in.a*", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0,)),
            Column(name="scores[0]", role=Role.SCORE, kind=Kind.NUMERIC, edges=(0.5,)),
            Column(name="scores[1]", role=Role.SCORE, kind=Kind.NUMERIC, edges=(0.5,)),
        ]
    )
    rows = [
        {"t": NOW - n, "features": {"amount": n, "in": {"a*": 1.5}}, "scores": [0.25, 0.75][: 2 - n % 2]} for n in range(10)
    ]
    pl.DataFrame(rows, schema_overrides={"t": pl.Float64}).rename({"t": "time"}).write_parquet(tmp_path / "a.parquet")
    reader = source(tmp_path, clock, layout=layout)
    [batch] = list(reader.poll())
    [part] = batch.events
    assert part.columns["amount"].to_list() == list(range(10))
    assert part.columns["in.a*"].to_list() == [1.5] * 10
    assert part.columns["scores[1]"].to_list() == [0.75, None] * 5


# What goes wrong with files


def test_a_half_written_parquet_file(tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """It waits for its footer while the others are read; one that stays without is told and counted, once."""
    rows = [row | {"request_id": "r"} for row in events(100)]
    whole = write(tmp_path / "ref/x.parquet", rows).read_bytes()
    folder = tmp_path / "in"
    write(folder / "other.parquet", rows[:10])
    half = folder / "half.parquet"
    reader = source(folder, clock)
    for share in (0, 10, len(whole) // 2, len(whole) - 4):
        half.write_bytes(whole[:share])
        os.utime(half, (clock.now, clock.now))
        clock.now += 30
        drained = drain(reader)
        assert (rows_of(drained), drained.rejected) == (10 if share == 0 else 0, {})
    assert not caplog.records
    clock.now += 31
    assert drain(reader).rejected == {"unreadable": 1}
    assert "half.parquet" in str(caplog.records[-1].__dict__["path"])
    reader = source(folder, clock, position=reader.position())
    assert drain(reader).rejected == {}
    assert len(caplog.records) == 1
    half.write_bytes(whole)
    os.utime(half, (clock.now, clock.now))
    assert rows_of(drain(reader)) == 100
    assert rows_of(drain(reader)) == 0


def test_a_file_of_another_kind(tmp_path: Path, clock: Clock) -> None:
    """What is no Parquet is counted at once where it is old; the others are read, and the source is up."""
    (tmp_path / "a.parquet").write_text("ts,amount\n1,2\n")
    os.utime(tmp_path / "a.parquet", (NOW - 3600, NOW - 3600))
    write(tmp_path / "b.parquet", [row | {"request_id": "r"} for row in events(10)])
    batches = list(source(tmp_path, clock).poll())
    outcome = outcome_of(LAYOUT, batches)
    assert (rows_of(outcome), outcome.rejected) == (10, {"unreadable": 1})
    assert str(tmp_path / "a.parquet") in batches[0].rejected.examples["unreadable"]


def test_damage_in_the_middle(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before stays counted, once, and the rest is told."""
    monkeypatch.setattr(readers, "CHUNK_BYTES", 100_000)
    monkeypatch.setattr(readers, "MAX_LINE_BYTES", 10_000)
    rows = [row | {"request_id": "r"} for row in events(20_000)]
    path = write(tmp_path / "a.jsonl.gz", rows)
    data = path.read_bytes()
    for cut in (data[: len(data) // 2], data[: len(data) // 2] + b"\0" * 50 + data[len(data) // 2 :]):
        path.write_bytes(cut)
        os.utime(path, (NOW - 100, NOW - 100))
        reader = source(tmp_path, clock)
        outcome = drain(reader)
        assert 2000 < rows_of(outcome) < 19_000
        assert outcome.rejected["unreadable"] == 1
        assert rows_of(drain(source(tmp_path, clock, position=reader.position()))) == 0


def test_csv_and_lines_settle_first(tmp_path: Path, clock: Clock) -> None:
    """A file that is being written is left alone, by its own time or by how long it was seen unchanged."""
    rows = [row | {"request_id": "r"} for row in events(10)]
    write(tmp_path / "a.csv", rows, at=NOW - 9)
    write(tmp_path / "ahead.jsonl", rows, at=NOW + 500)
    reader = source(tmp_path, clock)
    assert rows_of(drain(reader)) == 0
    assert reader.lag_bytes() > 0
    clock.now += 2
    assert rows_of(drain(reader)) == 10
    clock.now += 6
    write(tmp_path / "ahead.jsonl", rows + rows, at=clock.now + 500)
    assert rows_of(drain(reader)) == 0
    clock.now += 9
    assert rows_of(drain(reader)) == 0
    clock.now += 1
    assert rows_of(drain(reader)) == 20


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_file_that_changes_after_it_was_read(
    ending: str, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not read again, and that is told once."""
    rows = [row | {"request_id": "r"} for row in events(20)]
    path = write(tmp_path / f"a.{ending}", rows[:10])
    reader = source(tmp_path, clock)
    assert rows_of(drain(reader)) == 10
    for count in (15, 20):
        write(path, rows[:count], at=NOW - 50 + count)
        assert rows_of(drain(reader)) == 0
        assert rows_of(drain(source(tmp_path, clock, position=reader.position()))) == 0
    told = [record for record in caplog.records if "write predictions to new files" in record.getMessage()]
    assert len(told) == 1


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken of it stays, its new content does not count."""
    monkeypatch.setattr(readers, "PART_ROWS", 16)
    monkeypatch.setattr(readers, "LEAST_ROWS", 1)
    rows = [row | {"request_id": "r"} for row in events(100)]
    path = write(tmp_path / "a.parquet", rows)
    reader = source(tmp_path, clock)
    batches = reader.poll()
    first = next(batches)
    write(path, rows[:50], at=NOW - 10)
    rest = outcome_of(LAYOUT, batches)
    assert rows_of(outcome_of(LAYOUT, [first])) == 16
    assert rows_of(rest) == 0
    assert rows_of(drain(reader)) == 0


def test_files_that_vanish(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was read may go; one that was read in part is told, and goes on when it is back."""
    monkeypatch.setattr(readers, "PART_ROWS", 16)
    monkeypatch.setattr(readers, "LEAST_ROWS", 1)
    rows = [row | {"request_id": "r"} for row in events(40)]
    path = write(tmp_path / "a.parquet", rows)
    reader = source(tmp_path, clock)
    next(reader.poll())
    path.rename(tmp_path / "_away")
    assert rows_of(drain(reader)) == 0
    assert rows_of(drain(reader)) == 0
    assert [record.getMessage() for record in caplog.records] == [
        "a file is gone before it was read to its end; its rest is not counted"
    ]
    (tmp_path / "_away").rename(path)
    assert rows_of(drain(reader)) == 24
    path.unlink()
    assert rows_of(drain(reader)) == 0


def test_a_renamed_file_is_known(tmp_path: Path, clock: Clock) -> None:
    """Moving a file that was read, as archives do, counts nothing twice; nor does a rename in the middle."""
    path = write(tmp_path / "new/a.parquet", [row | {"request_id": "r"} for row in events(10)])
    reader = source(tmp_path, clock)
    assert rows_of(drain(reader)) == 10
    (tmp_path / "old").mkdir()
    path.rename(tmp_path / "old/b.parquet")
    assert rows_of(drain(source(tmp_path, clock, position=reader.position()))) == 0


def test_old_files_need_no_memory(tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """The position forgets what is older than the longest window, and these files are not read again, also by an old clock."""
    rows = [row | {"request_id": "r"} for row in events(10)]
    write(tmp_path / "a.parquet", rows)
    write(tmp_path / "old.parquet", rows, at=NOW - 3 * DAY)
    reader = source(tmp_path, clock)
    assert rows_of(drain(reader)) == 10
    assert '"a.parquet"' in reader.position()
    assert "old.parquet" not in reader.position()
    clock.now += 3 * DAY
    assert rows_of(drain(reader)) == 0
    assert "a.parquet" not in reader.position()
    clock.now -= DAY  # the files are within the window again
    assert rows_of(drain(source(tmp_path, clock, position=reader.position()))) == 0
    assert not caplog.records
    write(tmp_path / "late.parquet", rows, at=NOW - 5 * DAY)
    assert rows_of(drain(reader)) == 0
    assert "touch it if it is new" in caplog.text


def test_a_clock_that_was_ahead(tmp_path: Path, clock: Clock) -> None:
    """When it is put right, new files are read."""
    reader = source(tmp_path, clock)
    clock.now += 365 * DAY
    assert rows_of(drain(reader)) == 0
    clock.now -= 365 * DAY
    write(tmp_path / "a.parquet", [row | {"request_id": "r"} for row in events(10)])
    assert rows_of(drain(reader)) == 10


def test_start_at_the_end(tmp_path: Path, clock: Clock) -> None:
    """Files that are there at the very first look are not read; later ones are, also after a restart before them."""
    rows = [row | {"request_id": "r"} for row in events(10)]
    write(tmp_path / "a.parquet", rows)
    reader = source(tmp_path, clock, start="end")
    assert rows_of(drain(reader)) == 0
    assert reader.schema is not None
    write(tmp_path / "b.parquet", rows)
    assert rows_of(drain(source(tmp_path, clock, start="end", position=reader.position()))) == 10


def test_a_look_reads_nothing(tmp_path: Path, clock: Clock) -> None:
    """It tells the fields, and what it saw is there at the very first look still."""
    reader = source(tmp_path, clock)
    assert reader.look().schema is None
    write(tmp_path / "a.parquet", [row | {"request_id": "r"} for row in events(10)])
    before = reader.position()
    schema = reader.look().schema
    assert schema is not None
    assert schema.time == ("ts",)
    assert (reader.position(), reader.lag_bytes()) == (before, 0)
    assert rows_of(drain(reader)) == 10


def test_no_such_folder(tmp_path: Path, clock: Clock) -> None:
    """It is told, and read as soon as it is there."""
    reader = source(tmp_path / "in", clock)
    with pytest.raises(SourceError, match=r"cannot read .*in: No such file"):
        drain(reader)
    write(tmp_path / "in/a.parquet", [row | {"request_id": "r"} for row in events(10)])
    assert rows_of(drain(reader)) == 10


def test_files_that_may_not_be_read(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are tried again however long it takes; where none can be read, the source is down."""
    rows = [row | {"request_id": "r"} for row in events(10)]
    write(tmp_path / "a.csv", rows, at=NOW - 3600)
    open_file = FolderStore.open

    def forbidden(store: FolderStore, file: Any, compression: Any) -> Any:
        if file.path == "a.csv":
            raise PermissionError(13, "Permission denied")
        return open_file(store, file, compression)

    monkeypatch.setattr(FolderStore, "open", forbidden)
    reader = source(tmp_path, clock)
    for _ in range(3):
        clock.now += 100
        with pytest.raises(SourceError, match=r"a\.csv: Permission denied"):
            drain(reader)
    write(tmp_path / "b.csv", rows)
    assert rows_of(drain(reader)) == 10
    monkeypatch.undo()
    assert rows_of(drain(reader)) == 10


def test_unclear_fields_name_the_file(tmp_path: Path, clock: Clock) -> None:
    """The message says which file was looked at."""
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match=r"a\.parquet: models\[0\]\.predictions\.fields\.time: no field"):
        drain(source(tmp_path, clock))


def test_empty_files(tmp_path: Path, clock: Clock) -> None:
    """They hold no rows, whatever their form; only Parquet is never of no bytes."""
    rows = [row | {"request_id": "r"} for row in events(5)]
    for name in ("a.csv", "a.jsonl", "a.csv.gz", "header.csv"):
        write(tmp_path / name, [])
    (tmp_path / "a.csv").write_bytes(b"")
    os.utime(tmp_path / "a.csv", (NOW - 60, NOW - 60))
    write(tmp_path / "none.parquet", [])
    write(tmp_path / "z.parquet", rows, at=NOW - 3600)
    reader = source(tmp_path, clock)
    outcome = drain(reader)
    assert (rows_of(outcome), outcome.rejected, reader.lag_bytes()) == (5, {}, 0)


@pytest.mark.parametrize(
    ("text", "amounts", "refused"),
    [
        ("ts,amount\r\n1,2\r\n1,3\r\n", [2, 3], {}),
        ("\ufeffts,amount\n1,2\n\n", [2], {}),
        ("ts,amount\n1,2,9\n1,3\n", [3], {"malformed": 1}),
        ("ts,amount\n1\n1,3", [None, 3], {}),
        ('ts,amount\n1,"4"\n"1",\n1,""\n', [4, None, None], {}),
        ('ts,amount,note\n1,2,"a\nb"\n1,3,"c ""d"" \n e"\n1,4,\n', [2, 3, 4], {}),
        ("amount,amount,ts\n1,2,3\n", [1], {}),
        ('ts,amount,note\n1,2,x\n1,3,"open\n1,4,y\n', [2, 4], {"malformed": 1}),
    ],
)
def test_csv(text: str, amounts: list[float | None], refused: dict[str, int], tmp_path: Path, clock: Clock) -> None:
    """Line ends, marks of byte order, quotes, and records that are too short or too long."""
    layout = Layout([Column(name="amount", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0,))])
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    os.utime(path, (NOW - 60, NOW - 60))
    batches = list(source(tmp_path, clock, layout=layout, fields={"features": ["amount"]}).poll())
    found = [value for batch in batches for part in batch.events for value in part.columns["amount"].to_list()]
    assert found == amounts
    assert {reason: count for batch in batches for reason, count in batch.rejected.counts.items()} == refused


def test_bytes_that_are_no_text(tmp_path: Path, clock: Clock) -> None:
    """A record of CSV loses itself alone."""
    rows = [row | {"request_id": "r"} for row in events(2000)]
    path = write(tmp_path / "a.csv", rows)
    lines = path.read_bytes().split(b"\n")
    lines[700] = lines[700].replace(b"T", b"\xff", 1)
    path.write_bytes(b"\n".join(lines))
    os.utime(path, (NOW - 60, NOW - 60))
    outcome = drain(source(tmp_path, clock))
    assert outcome.rejected["encoding"] == 1
    assert rows_of(outcome) >= 1998


def test_long_lines(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted and skipped, also where they are longer than what is read at a time."""
    monkeypatch.setattr(readers, "CHUNK_BYTES", 3000)
    monkeypatch.setattr(readers, "MAX_LINE_BYTES", 1000)
    rows = [row | {"request_id": "r"} for row in events(20)]
    long = [row | {"note": "x" * size} for row, size in zip(rows, [0, 900, 5000, 0, 20_000, 0] + [0] * 14, strict=True)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in long) + json.dumps(rows[0] | {"note": "y" * 9000}))
    os.utime(path, (NOW - 60, NOW - 60))
    outcome = drain(source(tmp_path, clock))
    assert (rows_of(outcome), outcome.rejected) == (17, {"oversized": 4})


def test_the_ledger_comes_back_as_it_was() -> None:
    """Also with times before 1970, names of every kind, and versions that do not tell the time."""
    ledger = Ledger(floor=5, looked=True)
    for path, version, modified in (("a", "1-7", 7), ("x=1/y/b c", '9-"etag"', 7), ('é/"', "1--7", -7), ("z/1", "3-17", 7)):
        ledger.note(Found(path, 1, modified, version, "i"), Done.READ if path == "a" else 12)
    again = Ledger.from_text(ledger.to_text())
    assert (again.floor, again.looked) == (5, True)
    assert {path: (e.version, e.identity, e.at) for path, e in again.entries.items()} == {
        path: (e.version, e.identity, e.at) for path, e in ledger.entries.items()
    }
    assert [e.modified for e in again.entries.values()] == [7, 7, -7, 7]


def test_a_position_of_a_later_exporter(tmp_path: Path, clock: Clock) -> None:
    """It is refused."""
    with pytest.raises(StateError, match="later exporter"):
        source(tmp_path, clock, position='{"version": 2}')


def test_flat_files_with_dots_in_their_names(tmp_path: Path, clock: Clock) -> None:
    """A feature or a score that the file recognised by lacks stands beside the others in the other files."""
    layout = Layout(
        [
            Column(name="amount", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0,)),
            Column(name="age", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0,)),
            Column(name="scores.a", role=Role.SCORE, kind=Kind.NUMERIC, edges=(0.5,)),
            Column(name="scores.b", role=Role.SCORE, kind=Kind.NUMERIC, edges=(0.5,)),
        ]
    )
    for name, text, at in (
        ("old.csv", "time,features.age,features.amount,scores.a,scores.b\n1,40,7,0.1,0.9\n", NOW - 500),
        ("new.csv", "time,features.amount,scores.a\n1,8,0.2\n", NOW - 60),
    ):
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (at, at))
    reader = source(tmp_path, clock, layout=layout)
    found = [part.columns for batch in reader.poll() for part in batch.events]
    assert [[columns[name].to_list() for name in layout.names] for columns in found] == [
        [[7.0], [40.0], [0.1], [0.9]],
        [[8.0], [None], [0.2], [None]],
    ]


def test_a_file_without_any_field(tmp_path: Path, clock: Clock) -> None:
    """Each of its rows lacks the time, whatever its columns are called."""
    write(tmp_path / "z.parquet", [row | {"request_id": "r"} for row in events(5)])
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x,0\n1,2\n3,4\n" if name == "a.csv" else "0\n1\n")
        os.utime(tmp_path / name, (NOW - 100, NOW - 100))
    pl.DataFrame({"x": [1, 2, 3]}).write_parquet(tmp_path / "c.parquet")
    os.utime(tmp_path / "c.parquet", (NOW - 100, NOW - 100))
    outcome = drain(source(tmp_path, clock))
    assert (rows_of(outcome), outcome.rejected) == (5, {"missing_time": 6})


def test_names_that_are_hard_to_read(tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Wildcards in the name of a folder are no wildcards; pipes and names that are no text are left alone."""
    rows = [row | {"request_id": "r"} for row in events(5)]
    folder = tmp_path / "in [1]*"
    write(folder / "a?.parquet", rows)
    write(folder / "[b].csv", rows)
    os.mkfifo(folder / "pipe.csv")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.csv")).write_text("ts\n1\n")
    (folder / "nowhere.csv").symlink_to(tmp_path / "nothing")
    assert rows_of(drain(source(str(tmp_path).replace("[", "[[]") + "/in [[]1][*]", clock))) == 10
    assert [record.getMessage() for record in caplog.records] == ["a file has a name that is no UTF-8, and is not read"]


def test_where_reading_stands_is_told_in_a_few_words(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many files are done with, and how many are not, also after a restart."""
    monkeypatch.setattr(readers, "PART_ROWS", 16)
    monkeypatch.setattr(readers, "LEAST_ROWS", 1)
    for part in range(3):
        write(tmp_path / f"in/part-{part}.parquet", rounded(events(100)))
    reader = source(tmp_path / "in", clock)
    told = [reader.reached()]
    for _ in reader.poll():
        told.append(reader.reached())
        again = source(tmp_path / "in", clock, position=reader.position())
        assert again.reached() == told[-1]
    reader.close()
    assert told[0] == "0 files read, 0 in part"
    assert "1 files read, 1 in part" in told
    assert reader.reached() == "3 files read, 0 in part"


def test_one_file(tmp_path: Path, clock: Clock) -> None:
    """A path may name it, also before it is there."""
    reader = source(tmp_path / "a.parquet", clock)
    with pytest.raises(SourceError, match="No such file"):
        drain(reader)
    write(tmp_path / "a.parquet", [row | {"request_id": "r"} for row in events(5)])
    write(tmp_path / "b.parquet", [row | {"request_id": "r"} for row in events(5)])
    assert rows_of(drain(reader)) == 5


def test_wide_rows_are_read_in_smaller_parts(tmp_path: Path) -> None:
    """The bound is on values, also inside of objects and lists."""
    wide = pl.Struct({str(n): pl.Float64 for n in range(1000)})
    pl.DataFrame({"o": [None] * 20_000, "l": [[]] * 20_000}, schema={"o": wide, "l": pl.List(pl.Int8)}).write_parquet(
        tmp_path / "a.parquet"
    )
    reader = readers.ParquetReader(pl.scan_parquet(tmp_path / "a.parquet"))
    assert reader.read(0, {"o"}).end == 1 << 12
    assert reader.read(0, {"o", "l"}).end == 1 << 12
    assert reader.read(0, {"l"}).end == 20_000
    assert reader.read(5000, {"o"}).end == 1 << 13


MEMORY = """
import re, sys, time
from pathlib import Path
from prediction_files import source
reader = source(sys.argv[1], time.time, settle="0s", fields={"features": ["amount", "*"]})
rows = sum(len(part) for batch in reader.poll() for part in batch.events)
# Not that of getrusage, which begins with the size of the parent.
print(rows, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10)
"""


def peak_of(folder: Path, rows: int) -> int:
    """Return the most memory that reading files of so many rows takes, in MiB."""
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    counted, peak = map(int, run.stdout.split())
    assert counted == rows
    return peak


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_memory_is_bounded(ending: str, tmp_path: Path) -> None:
    """Ten times as many rows, in one row group, take no more memory."""
    peaks: list[int] = []
    for rows in (150_000, 1_500_000):
        rng = np.random.default_rng(1)
        frame = pl.DataFrame(
            {
                "ts": np.full(rows, NOW),
                "amount": rng.random(rows),
                "*": rng.random(rows),
                "decision": rng.choice(["yes", "no"], rows),
            }
            | {f"other {n}": rng.random(rows) for n in range(4)}
        )
        folder = tmp_path / str(rows)
        folder.mkdir()
        path = folder / f"a.{ending}"
        if ending == "parquet":
            frame.write_parquet(path, row_group_size=rows)
        elif ending == "csv":
            frame.write_csv(path)
        else:
            frame.write_ndjson(path)
        peaks.append(peak_of(folder, rows))
        # What threads hold on a busy machine differs from time to time; what grows with the rows does so each time.
        for _ in range(3):
            if peaks[-1] >= peaks[0] + 60:
                peaks[-1] = min(peaks[-1], peak_of(folder, rows))
    assert peaks[1] < peaks[0] + 60, peaks
