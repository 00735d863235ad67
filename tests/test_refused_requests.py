"""Requests that were refused: one that holds nothing is no prediction, wherever it is read; one that holds anything counts."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from counting import context_of, count
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.traffic import VersionTraffic
from prediction_exporter.sources.outcomes import outcomes_of, statuses_of
from watched import LABELLED, NOW, WITH_ID, Watched, close_all, config_text, model_text, read, total

LAYOUT = Layout(
    [
        Column(name="amount", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0, 1.0), nan_is_missing=True),
        Column(name="color", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("red",), nan_is_missing=True),
        Column(name="decision", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("yes", "no")),
    ]
)

NOTHING = {"amount": None, "color": None, "decision": None}

#: Statuses and columns; of each whether a window has it.
REQUESTS: list[tuple[bool, dict[str, Any]]] = [
    (True, {"status": 200, "amount": 0.5, "color": "red", "decision": "yes"}),
    (True, {"status": 200, **NOTHING}),  # an answer to nothing is a fault of the data, and shown as such
    (False, {"status": 422, **NOTHING}),
    (False, {"status": 404, **NOTHING, "amount": float("nan"), "color": "NaN"}),  # as pandas writes nothing
    (True, {"status": 422, **NOTHING, "amount": 7.0}),
    (True, {"status": 400, **NOTHING, "color": "blue"}),
    (True, {"status": 404, **NOTHING, "decision": "no"}),
    (False, {"status": 503, **NOTHING}),
    (False, {"status": 500, "amount": 0.5, "color": "red", "decision": "yes"}),
]
KEPT = [request for is_kept, request in REQUESTS if is_kept]


def records() -> Iterator[dict[str, Any]]:
    """Yield the records of these requests, two seconds apart."""
    for place, (_, request) in enumerate(REQUESTS):
        yield {"ts": NOW - 600 + 2 * place, **request}


def in_a_log(folder: Path) -> dict[str, Any]:
    """Write a log, of which a line is read by itself."""
    lines = [json.dumps(record) for record in records()]
    lines.append(f'{{"ts": {NOW - 570}, "status": "422", "extra": NaN}}')
    (folder / "app.log").write_text("".join(f"{line}\n" for line in lines))
    return {"log": {"path": "app.log", "start": "beginning"}}


def in_files(folder: Path) -> dict[str, Any]:
    """Write Parquet."""
    (folder / "parts").mkdir()
    more = {"ts": NOW - 570, "status": 422, **NOTHING}
    pl.DataFrame([*records(), more]).write_parquet(folder / "parts" / "a.parquet")
    os.utime(folder / "parts" / "a.parquet", (NOW, NOW))
    return {"files": {"path": "parts", "settle": "0s"}}


def in_a_table(folder: Path, mode: str = "rows") -> dict[str, Any]:
    """Write a table."""
    with sqlite3.connect(folder / "events.db") as database:
        database.execute("CREATE TABLE events (ts, status, amount, color, decision)")
        rows = [*records(), {"ts": NOW - 570, "status": 422, **NOTHING}]
        database.executemany("INSERT INTO events VALUES (:ts, :status, :amount, :color, :decision)", rows)
    database.close()
    return {"table": {"url": f"sqlite:///{folder / 'events.db'}", "name": "events", "mode": mode, "lateness": "1s"}}


def in_a_counted_table(folder: Path) -> dict[str, Any]:
    """Write a table that the database counts."""
    return in_a_table(folder, "aggregate")


@pytest.mark.parametrize("write", [in_a_log, in_files, in_a_table, in_a_counted_table])
def test_what_holds_nothing_is_no_prediction(tmp_path: Path, write: Callable[[Path], dict[str, Any]]) -> None:
    """It counts as a request of its class; profiles have the others, with what these lack."""
    predictions = {
        "fields": {"time": {"field": "ts", "unit": "s"}, "status": "status", "prediction": "decision"},
        **write(tmp_path),
    }
    counted = count(context_of(tmp_path, predictions, LAYOUT, clock=lambda: NOW, segments=["color"])).tally
    [version] = counted.traffic.values()
    assert (version.requests, version.failed) == (len(REQUESTS) + 1, 2)
    assert version.statuses == {"2xx": 2, "4xx": 6, "5xx": 2}
    assert _known(version) == {"yes": 1, "no": 1}
    whole = sum(profile.rows for key, profile in counted.profiles.items() if key.segment == "all")
    assert whole == len(KEPT)
    for index, column in enumerate(LAYOUT.columns):
        missing = sum(int(p.states[index][0]) for key, p in counted.profiles.items() if key.segment == "all")
        assert missing == sum(request[column.name] is None for request in KEPT), column.name
    segments = {key.segment for key in counted.profiles}
    assert segments == {"all", "color=red", "color=other"}


def _known(version: VersionTraffic) -> dict[str, int]:
    return {name: rows for name, rows in version.classes.items() if rows}


@pytest.mark.parametrize(
    ("field", "stated", "refused", "others"),
    [
        (
            "status",
            {},
            ["400", "499", "HTTP/1.1 404", "HTTPStatus.NOT_FOUND", "4xx", "INVALID_ARGUMENT", "not found"],
            ["200", "500", "OK"],
        ),
        ("grpc_status", {}, ["3", "5", "16", "NOT_FOUND"], ["0", "1", "2", "13"]),
        ("error", {}, [], ["404", "not found", ""]),  # set where something failed, or holds nothing
        ("status", {"failed": ["404"]}, ["400"], ["404", "200"]),
        ("status", {"ok": ["404"]}, [], ["404", "200"]),  # what is stated to be fine is no refusal
    ],
)
def test_what_is_a_refusal(field: str, stated: dict[str, list[str]], refused: list[str], others: list[str]) -> None:
    """What HTTP and gRPC call the caller's fault, where it is not stated to be a failure or fine; none of it failed."""
    found = statuses_of(pl.Series([*refused, *others, None], dtype=pl.String), outcomes_of((field,), **stated))
    assert found.refused.tolist() == [True] * len(refused) + [False] * (len(others) + 1)
    assert not (found.refused & found.failed).any()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Yield a folder for a model."""
    yield Watched(tmp_path)
    close_all()


def test_series_of_refused_requests(watched: Watched) -> None:
    """Shares of what is missing stay, predictions of a window are those that were made, and no label is waited for."""
    loaded = watched.configure(config_text(model_text(more=f"baseline: baseline.json\n{LABELLED}", fields=WITH_ID)))
    watched.log_labelled(40)
    for place in range(20):
        watched.log(1, id=f"r{place}", status=422, amount=None, color=None, decision=None, score=None, latency_ms=None)
    series = read(watched.start(loaded), watched.clock)[1]
    assert total(series, "model_requests_total") == 60
    assert total(series, "model_responses_total", **{"class": "4xx"}) == 20
    assert total(series, "model_requests_failed_total") == 0
    assert total(series, "model_window_predictions", window="1h", segment="all") == 40
    for column in ("amount", "color", "decision", "score"):
        assert total(series, "model_column_missing_ratio", column=column, window="1h", segment="all") == 0, column
    assert total(series, "model_label_predictions_total", outcome="followed") == 40
