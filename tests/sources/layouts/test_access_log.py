"""Access logs: requests with their status and latency, and nothing of those that only ask how the service is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from platform_records import RECORDS, flat, read
from prediction_exporter.sources.layouts.registry import layout_of


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
def test_which_lines_are_requests(tmp_path: Path, line: dict[str, Any], is_one: bool) -> None:
    """Those of an access logger, and those of others that have a method, a path and a status."""
    found = read([{"timestamp": "2026-11-02T10:00:00Z", **line}], None, folder=tmp_path, layout="uvicorn")
    assert (len(found.rows), found.skipped, found.rejected) == (int(is_one), int(not is_one), {})


def test_a_filter_beside_the_layout(tmp_path: Path) -> None:
    """It looks at lines as they are logged."""
    found = read(RECORDS / "uvicorn/server.jsonl", None, folder=tmp_path, layout="uvicorn", where="message LIKE '%/predict%'")
    assert (len(found.rows), found.skipped) == (2, 10)


@pytest.mark.parametrize(
    ("line", "when", "latency"),
    [
        (  # allinurl/goaccess, issue 2530
            {"time_local": "26/Jun/2023:14:24:53 +0800", "method": "POST", "uri": "/api/wxwork/update", "status": "200"}
            | {"request_body": '{"conversation_id": "R:10702974330125216"}', "upstream_response_time": "0.304"},
            "2023-06-26T06:24:53+00:00",
            304.0,
        ),
        (  # issue 1747 there
            {"@timestamp": "2020-04-28T00:00:41+08:00", "http_status": "200", "request": "GET /H5/jy/app.js HTTP/1.1"}
            | {"uri": "/H5/jy/app.js", "responsetime": "0.125", "upstream_response_time": "0.000", "upstreamstatus": "200"},
            "2020-04-27T16:00:41+00:00",
            125.0,
        ),
        (  # issue 1196 there
            {"user_ip": "-", "log_time": "2018-08-09T17:45:09+08:00", "user_req": "GET /common/js/index.js HTTP/1.1"}
            | {"http_code": "200", "req_time": "0.012", "user_ua": "Mozilla/5.0"},
            "2018-08-09T09:45:09+00:00",
            12.0,
        ),
        (  # issue 2438 there
            {
                "time": 1673085237.244,
                "method": "GET",
                "request": "GET /search/? HTTP/1.1",
                "status": "307",
                "request_time": 0.002,
            },
            "2023-01-07T09:53:57.244000+00:00",
            2.0,
        ),
        (  # fluent/fluent-bit, issue 9469
            {"time": "07/Oct/2024:11:40:51 +0000", "method": "GET", "status": 200, "uri": "/Login", "resp_time": 0.250},
            "2024-10-07T11:40:51+00:00",
            250.0,
        ),
        (  # kubernetes/ingress-nginx, issue 10566: fields as Google's logging calls them
            {
                "timestamp": "2023-10-25T12:53:53+00:00",
                "requestID": "8a0b",
                "proxyUpstreamName": "m-80",
                "upstreamStatus": "200",
            }
            | {"httpRequest": {"requestMethod": "POST", "requestUrl": "m/predict", "status": 200, "latency": "0.125 s"}},
            "2023-10-25T12:53:53+00:00",
            125.0,
        ),
        (  # issue 9819 there
            {"time": "2023-04-01T10:00:00+00:00", "request_id": "8a0b", "remote_user": "", "request_time": 0.250, "status": 200}
            | {"path": "/predict", "duration": 0.250, "method": "POST", "request_proto": "HTTP/1.1"},
            "2023-04-01T10:00:00+00:00",
            250.0,
        ),
        (  # CodeForPhilly/paws-data-pipeline, pull request 592
            {"timestamp": "1701829064.328", "address": "192.168.80.1", "method": "GET", "request": "GET /api/user/tes HTTP/1.1"}
            | {"body_bytes_sent": 232, "response_status": 404, "http_user_agent": "curl/7.58.0"},
            "2023-12-06T02:17:44.328000+00:00",
            None,
        ),
        (  # intershop/intershop-pwa, pull request 1086
            {"time_local": "28/Mar/2022:11:54:42 +0000"}
            | {"core": {"remote_addr": "172.18.0.1", "request": "GET /en/home HTTP/1.1", "status": "200"}},
            "2022-03-28T11:54:42+00:00",
            None,
        ),
    ],
)
def test_formats_of_reports(tmp_path: Path, line: dict[str, Any], when: str, latency: float | None) -> None:
    """Formats that other tools could not read, as those who reported it wrote them."""
    found = read([line], None, folder=tmp_path, layout="nginx")
    assert [(row["time"], row["latency_ms"]) for row in found.rows] == [(when, latency)]
    assert found.rejected == {}


MESSAGE = '10.2.66.141:47584 - "POST /api/conversations HTTP/1.1" 201'


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        # All-Hands-AI/OpenHands, pull request 12442: before, and after it.
        ({"message": MESSAGE, "client_addr": None, "request_line": None, "status_code": None}, {"status": "201"}),
        ({"message": MESSAGE, "http.method": "POST", "http.url": "/api", "http.status_code": 201}, {"status": 201}),
        # benoitc/gunicorn, issue 1706: the message is JSON itself.
        (
            {"logger": "gunicorn.access", "message": '{"request": "POST /format HTTP/1.1", "http_status_code": "200"}'},
            {"status": "200"},
        ),
        # lsst-sqre/gafaelfawr, pull request 584: as Google's logging has it.
        (
            {"event": "x", "httpRequest": {"requestMethod": "POST", "requestUrl": "/p", "status": "503", "latency": "0.25s"}},
            {"status": "503", "latency_ms": 250.0},
        ),
        ({"event": '1.1.1.1 - "POST /predict HTTP/1.1" 200 OK', "level": "info"}, {"status": "200"}),
    ],
)
def test_lines_of_reports(line: dict[str, Any], wanted: dict[str, Any]) -> None:
    """How people get JSON out of Uvicorn and Gunicorn."""
    assert layout_of("uvicorn").is_meant(line)
    assert flat("uvicorn", {"timestamp": 1, **line}) == [{"time": 1, **wanted}]
