"""Predictions among the lines of structured logs: structlog, Loguru, Elastic Common Schema, and BentoML's monitor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from platform_records import RECORDS, columns, flat, read, records_of

CHURN = columns({"tenure": 1.0, "plan": "basic"}, "churn", score=0.5)


def test_lines_of_structlog(tmp_path: Path) -> None:
    """Predictions count, one of them failed; what the service says of itself is skipped and not refused."""
    found = read(RECORDS / "structlog/service.jsonl", CHURN, folder=tmp_path, layout="structlog")
    assert (found.rejected, found.skipped) == ({}, 3)
    assert found.rows[0] == {
        "time": "2026-11-29T16:42:55.081647+00:00",
        "id": "8c2e1f0a",
        "version": "3",
        "failed": False,
        "latency_ms": 7.4,
        "tenure": 12.0,
        "plan": "basic",
        "prediction": "churn",
        "score": 0.81,
    }
    assert [(row["id"], row["failed"]) for row in found.rows[1:]] == [("8c2e1f0b", False), ("8c2e1f0c", True)]
    others = read(RECORDS / "structlog/documentation.jsonl", None, folder=tmp_path, layout="structlog")
    assert (others.rows, others.rejected, others.skipped) == ([], {}, 3)


def test_lines_of_loguru(tmp_path: Path) -> None:
    """Fields are those that were bound, and the time that of the record."""
    layout = columns({"age": 1.0, "region": "north"}, 1.0, score=0.5)
    found = read(RECORDS / "loguru/service.jsonl", layout, folder=tmp_path, layout="loguru")
    assert (found.rejected, found.skipped) == ({}, 2)
    assert found.rows[0] == {
        "time": "2026-11-29T16:42:55.090298+00:00",
        "id": "r-1",
        "version": "2026.11",
        "failed": False,
        "latency_ms": 3.25,
        "age": 41.0,
        "region": "north",
        "prediction": 1.0,
        "score": 0.93,
    }
    assert [(row["id"], row["failed"], row["prediction"]) for row in found.rows[1:]] == [
        ("r-2", False, 0.0),
        ("r-3", True, None),
    ]


@pytest.mark.parametrize(
    ("path", "rows", "skipped"),
    [
        (
            "stdlib",
            [("4bf92f3577b34da6a3ce929d0e0e4736", False, 7.4, 12.0), ("4bf92f3577b34da6a3ce929d0e0e4737", True, 1.2, None)],
            1,
        ),
        ("structlog", [("a1", False, 5.1, 48.0)], 0),
        ("documentation", [], 2),
    ],
)
def test_lines_of_elastic_common_schema(tmp_path: Path, path: str, rows: list[Any], skipped: int) -> None:
    """Status, latency in nanoseconds, version and id are where the schema has them, the rest where the application does."""
    found = read(RECORDS / f"ecs/{path}.jsonl", CHURN if rows else None, folder=tmp_path, layout="ecs")
    assert (found.rejected, found.skipped) == ({}, skipped)
    assert [(row["id"], row["failed"], row["latency_ms"], row["tenure"]) for row in found.rows] == rows
    assert {row["version"] for row in found.rows} <= {"1.4.2"}


@pytest.mark.parametrize(
    "line",
    [
        {"http.response.status_code": 200, "event.duration": 2_000_000, "service.version": "7", "trace.id": "t"},
        {
            "http": {"response": {"status_code": 200}},
            "event": {"duration": 2e6},
            "service": {"version": "7"},
            "trace": {"id": "t"},
        },
        {"http": {"response.status_code": 200}, "event.duration": 2e6, "service": {"version": "7"}, "trace": {"id": "t"}},
    ],
)
@pytest.mark.parametrize("home", ["top", "labels", "dotted", "object"])
def test_dots_and_objects_are_the_same(line: dict[str, Any], home: str) -> None:
    """Of the schema as of what the application adds, beside it, under labels, or in an object of its own."""
    own = {"prediction": "yes", "score": 0.5}
    added: dict[str, dict[str, Any]] = {
        "top": own,
        "labels": {"labels": own},
        "dotted": {f"labels.{key}": own[key] for key in own},
        "object": {"ml": own},
    }
    [event] = flat("ecs", {"@timestamp": "2026-11-02T10:00:00Z", "message": "x", "ecs.version": "1.6.0", **line, **added[home]})
    assert event == {"time": "2026-11-02T10:00:00Z", "id": "t", "version": "7", "status": 200, "latency_ms": 2.0, **own}


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ({"y_pred": 1}, True),
        ({"confidence": 0.613, "latency_ms": 116.37, "dialect": "BH"}, True),
        ({"features": {"a": 1}}, True),
        ({"request_id": "a", "latency_ms": 3}, True),
        ({"request_id": "a", "status": "500"}, True),
        ({"result": {"prediction": 1}}, True),
        ({"request_id": "a", "status": "ready"}, False),
        ({"request_id": "a", "method": "POST", "path": "/predict", "status_code": 200, "latency_ms": 3}, False),
        ({"status_code": 200, "latency_ms": 3}, False),
        ({"error": "timeout", "request_id": "a"}, False),
        ({"input": "a.csv", "features": 17}, False),
        ({"prediction": None}, False),
    ],
)
@pytest.mark.parametrize("layout", ["structlog", "loguru", "ecs"])
def test_which_lines_are_predictions(tmp_path: Path, layout: str, line: dict[str, Any], is_one: bool) -> None:
    """Those that have a prediction, a score or features, or an id with a code or a latency; no line of a request."""
    when = "2026-11-02T10:00:00Z"
    wrapped: dict[str, Any] = {
        "structlog": {"event": "x", "level": "info", "timestamp": when, **line},
        "loguru": {
            "text": "x",
            "record": {"message": "x", "extra": {"extra": line}, "time": {"repr": when, "timestamp": 1793613600.0}},
        },
        "ecs": {"@timestamp": when, "log.level": "info", "message": "x", **line},
    }
    found = read([wrapped[layout]], None, folder=tmp_path, layout=layout)
    assert (len(found.rows), found.skipped, found.rejected) == (int(is_one), int(not is_one), {})


def test_the_monitor_of_bentoml(tmp_path: Path) -> None:
    """Times are local, so that the zone of the configuration counts; the schema beside the data is no prediction."""
    features = {"sepal length": 1.0, "petal width": 1.0}
    lines: list[Any] = [*records_of("bentoml/data.jsonl"), {"meta_data": {"bento_name": "iris"}, "columns": []}]
    lines[1]["trace_id"] = "0"
    found = read(lines, columns(features, "setosa"), folder=tmp_path, layout="bentoml", timezone="Asia/Taipei")
    assert (len(found.rows), found.rejected, found.skipped) == (10, {}, 1)
    assert found.rows[0] == {
        "time": "2022-11-09T07:31:26.781914+00:00",
        "id": "10655923893485958044",
        "version": None,
        "failed": False,
        "latency_ms": None,
        "sepal length": 6.3,
        "petal width": 1.3,
        "prediction": "versicolor",
    }
    assert "trace_id" not in flat("bentoml", lines[1])[0]["features"]


def test_a_prediction_of_another_name(tmp_path: Path) -> None:
    """It stands among the features, where the configuration names it."""
    lines = [{"age": 4, "species": "cat", "timestamp": "2026-11-02T10:00:00", "request_id": "1"}]
    found = read(
        lines, columns({"age": 1.0}, "cat"), folder=tmp_path, layout="bentoml", fields={"prediction": "features.species"}
    )
    assert [(row["age"], row["prediction"]) for row in found.rows] == [(4.0, "cat")]


@pytest.mark.parametrize(
    "line",
    [
        {"time": 1793613600.0, "level": "INFO", "message": "x", "request_id": "r", "prediction": 1, "latency_ms": 2.5},
        {
            "time": 1793613600.0,
            "level": "INFO",
            "message": "x",
            "extra": {"request_id": "r", "prediction": 1, "latency_ms": 2.5},
        },
    ],
)
def test_serializers_of_ones_own(tmp_path: Path, line: dict[str, Any]) -> None:
    """Loguru's recipes replace its own JSON by a flat object (Delgan/loguru, issue 855)."""
    other = {"time": 1793613600.0, "level": "INFO", "message": "started", "function": "main", "total_runtime": 3}
    found = read([line, other], columns({}, 1.0), folder=tmp_path, layout="loguru")
    assert [(row["time"], row["id"], row["prediction"], row["latency_ms"]) for row in found.rows] == [
        ("2026-11-02T10:00:00+00:00", "r", 1.0, 2.5)
    ]
    assert (found.rejected, found.skipped) == ({}, 1)
