"""Access logs: requests with their status and latency, and nothing of those that only ask how the service is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from platform_records import RECORDS, flat, read


def test_lines_of_uvicorn(tmp_path: Path) -> None:
    """Its own lines have a local time and the status in the message; what the server says of itself is skipped."""
    found = read(RECORDS / "uvicorn/server.jsonl", None, folder=tmp_path, layout="uvicorn", timezone="Europe/Zurich")
    assert (found.rejected, found.skipped) == ({}, 9)
    assert [(row["time"], row["failed"]) for row in found.rows] == [
        ("2026-11-29T15:42:57.310000+00:00", False),
        ("2026-11-29T15:42:57.315000+00:00", False),
        ("2026-11-29T15:42:57.323000+00:00", True),
    ]


def test_published_lines(tmp_path: Path) -> None:
    """Of a log that an application writes, too, only its requests count."""
    found = read(RECORDS / "uvicorn/published.jsonl", None, folder=tmp_path, layout="uvicorn")
    assert (found.rejected, found.skipped) == ({}, 4)
    assert [(row["time"], row["failed"], row["latency_ms"]) for row in found.rows] == [
        ("2025-09-21T17:28:55.123456+00:00", False, 28.09)
    ]


@pytest.mark.parametrize("path", ["access", "published_format"])
def test_lines_of_nginx(tmp_path: Path, path: str) -> None:
    """The time to the second, the status, and seconds as milliseconds, whatever the fields are called; no health check."""
    found = read(RECORDS / f"nginx/{path}.jsonl", None, folder=tmp_path, layout="nginx")
    assert (found.rejected, found.skipped) == ({}, 1)
    assert [(row["failed"], row["latency_ms"]) for row in found.rows] == [(False, 0.0), (False, 0.0), (True, 0.0), (True, 18.0)]
    assert {row["time"] for row in found.rows} == {"2026-11-29T16:42:58+00:00"}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ({"time": 1, "status": "200", "request_time": "0.25"}, {"time": 1, "status": "200", "latency_ms": 250.0}),
        (
            {"@timestamp": 1, "@fields": {"status": "502", "request_time": "-", "upstream_response_time": "0.001, 0.002"}},
            {"time": 1, "status": "502"},
        ),
        (
            {"timestamp": 1, "http": {"response": {"status_code": "200", "time": 0.5}, "request": {"method": "POST"}}},
            {"time": 1, "status": "200"},
        ),
        (
            {"msec": "1793613600.123", "status": 200, "duration_ms": 12.5},
            {"time": "1793613600.123", "status": 200, "latency_ms": 12.5},
        ),
    ],
)
def test_other_formats_of_nginx(line: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Fields may be nested, and a duration be none, or one of each server that was tried."""
    assert flat("nginx", line) == [wanted]


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ({"logger": "uvicorn.access", "message": "127.0.0.1 - POST /predict HTTP/1.1 201"}, True),
        ({"name": "gunicorn.access", "message": '10.0.0.1 - - [x] "POST /invocations HTTP/1.1" 200 15 "-" "curl"'}, True),
        ({"event": '1.1.1.1:5 - "POST /predict HTTP/1.1" 422', "http": {"url": "http://x/predict", "status_code": 422}}, True),
        ({"logger": "app", "method": "POST", "path": "/predict", "status_code": 200}, True),
        ({"logger": "uvicorn.access", "message": '1.1.1.1:5 - "POST / HTTP/1.1" 200'}, True),
        ({"logger": "uvicorn.access", "message": '1.1.1.1:5 - "GET /metrics HTTP/1.1" 200'}, False),
        ({"logger": "uvicorn.access", "message": "reloaded"}, False),
        ({"logger": "app", "message": "POST /predict HTTP/1.1 failed", "status": "retrying"}, False),
        ({"logger": "app", "status_code": 200}, False),
    ],
)
def test_which_lines_are_requests(tmp_path: Path, line: dict[str, Any], is_one: bool) -> None:  # noqa: FBT001 - a case
    """Those of an access logger, and those of others that have a method, a path and a status."""
    found = read([{"timestamp": "2026-11-02T10:00:00Z", **line}], None, folder=tmp_path, layout="uvicorn")
    assert (len(found.rows), found.skipped, found.rejected) == (int(is_one), int(not is_one), {})


def test_a_filter_beside_the_layout(tmp_path: Path) -> None:
    """It looks at lines as they are logged."""
    found = read(RECORDS / "uvicorn/server.jsonl", None, folder=tmp_path, layout="uvicorn", where="message LIKE '%/predict%'")
    assert (len(found.rows), found.skipped) == (2, 10)
