"""Halves that wait in a damaged state file: what is whole is joined, what is not is dropped and told, nothing is mixed up."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from halves import Predictions, configuration, counted, line
from prediction_exporter.counting.state import FILE_NAME
from prediction_exporter.counting.state_days import HALVES
from prediction_exporter.counting.state_rows import BucketKey, BucketRow
from prediction_exporter.errors import StateError
from prediction_exporter.monitor.model_monitor import ModelMonitor
from prediction_exporter.sources.records import chunks, waiting
from watched import Watched, read

LOG = 'log: {path: "*.jsonl", start: beginning}'


def part(number: int, model: str = "m") -> BucketKey:
    """Return the key of a chunk."""
    return BucketKey(model, "", "", "", HALVES, number)


def change(connection: sqlite3.Connection, number: int, data: bytes, *, checksum: int | None = None) -> None:
    """Put bytes in the place of a chunk, with a checksum of what they are, or with another one."""
    row = BucketRow.of(part(number), data)
    row = row if checksum is None else row._replace(checksum=checksum)
    connection.execute("INSERT OR REPLACE INTO bucket VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def flip(connection: sqlite3.Connection, rows: list[BucketRow]) -> None:
    """Change a bit."""
    data = rows[1].profile
    change(connection, 1, data[:50] + bytes([data[50] ^ 4]) + data[51:], checksum=rows[1].checksum)


def truncate(connection: sqlite3.Connection, rows: list[BucketRow]) -> None:
    """Leave the beginning."""
    change(connection, 1, rows[1].profile[: len(rows[1].profile) // 2], checksum=rows[1].checksum)


def remove(connection: sqlite3.Connection, rows: list[BucketRow]) -> None:
    """Leave nothing."""
    del rows
    connection.execute("DELETE FROM bucket WHERE window = ? AND start = 1", (HALVES,))


def take_another(connection: sqlite3.Connection, rows: list[BucketRow]) -> None:
    """Put another chunk in its place, whose halves would wait twice."""
    change(connection, 1, rows[0].profile)


def take_one_of_another_model(connection: sqlite3.Connection, rows: list[BucketRow]) -> None:
    """Put the row of a model in its place whose ids are the same: its checksum is right for that one."""
    lines = [b'{"kind": "request", "id": "r%d", "version": "of another"}' % number for number in range(len(rows) * 40)]
    entries = [chunks.Entry(int(key), 0, 1, one) for key, one in zip(range(len(lines)), lines, strict=True)]
    other = BucketRow.of(part(1, "other"), chunks.pack(entries))
    change(connection, 1, other.profile, checksum=other.checksum)


@contextmanager
def used(watched: Watched, *, runs: bool) -> Iterator[sqlite3.Connection]:
    """Give the state file, which nobody else can open while it is used."""
    if runs:
        assert watched.state is not None
        with watched.state._file.use() as connection:
            yield connection
        return
    watched.close()
    with closing(sqlite3.connect(watched.folder / "state" / FILE_NAME)) as connection, connection:
        yield connection


@pytest.mark.parametrize("runs", [False, True], ids=["at a start", "while it runs"])
@pytest.mark.parametrize("damage", [flip, truncate, remove, take_another, take_one_of_another_model])
def test_what_is_whole_is_joined_and_the_rest_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[sqlite3.Connection, list[BucketRow]], None],
    runs: bool,
) -> None:
    """The other halves of those that are lost wait, and are given up in time; all other predictions count as they are."""
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 4096)
    monkeypatch.setattr(waiting, "_SMALL", 0)
    watched, predictions = Watched(tmp_path), Predictions(random.Random(3))
    loaded = watched.configure(configuration(LOG))
    pairs = [predictions.make(at=watched.clock()) for _ in range(60)]
    watched.write("".join(line(request) for request, _ in pairs), to="a.jsonl")
    monitor = watched.start(loaded)
    read(monitor, watched.clock)
    with used(watched, runs=runs) as connection:
        rows = [
            BucketRow._make(row)
            for row in connection.execute("SELECT * FROM bucket WHERE window = ? ORDER BY start", (HALVES,))
        ]
        assert len(rows) >= 3
        damage(connection, rows)
    chunk = chunks.Chunk(rows[1].profile)
    lost = {json.loads(entry.line)["id"] for entry in chunk.entries(np.ones(len(chunk.keys), np.bool_))}
    watched.write("".join(line(response) for _, response in pairs), to="a.jsonl")
    if runs:
        with pytest.raises(StateError, match="of halves of model m was damaged"):
            read(monitor, watched.clock)
        assert watched.state is not None
        monitor.close()  # and its worker makes it anew, on the same state
        monitor = ModelMonitor(
            loaded, loaded.models[0], place="models[0]", state=watched.state, max_versions=8, clock=watched.clock
        )
        watched.monitors.append(monitor)
    else:
        monitor = watched.start(loaded)
    report, _ = read(monitor, watched.clock)
    assert report.source.damaged == {"window": 1}
    assert report.source.waiting is not None
    assert (report.source.waiting.requests, report.source.waiting.responses) == (0, len(lost))
    predictions.made = [pair for pair in pairs if pair[0]["id"] not in lost]
    flat = Watched(tmp_path / "flat", clock=watched.clock)
    flat.folder.mkdir()
    flat.write(predictions.flat(), to="flat.jsonl")
    expected, _ = read(flat.start(flat.configure(configuration(LOG, join=None))), flat.clock)
    assert counted(report) == counted(expected)
    assert report.source.events == 60 - len(lost)
    watched.clock.now += 601
    report, _ = read(watched.start(loaded), watched.clock)
    assert {reason: count for reason, count in report.source.rejected.items() if count} == {"no_request": len(lost)}
