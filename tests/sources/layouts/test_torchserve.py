"""Lines that TorchServe logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layout_records import DATA, layout_with, read, unfolded

#: 2018-10-15 13:56:18 and 2022-03-01 00:19:27 in UTC.
FIRST, SECOND = 1539611778, 1646093967


def test_requests_to_models_are_read_among_all_lines() -> None:
    """Three of nine lines: others manage the server, measure it, or tell of its workers."""
    found = read(DATA / "torchserve/ts_log.log", "torchserve", None)
    told = [(event["failed"], event["latency"]) for event in found.events]
    assert told == [(False, 0.118), (False, 0.015), (False, 86.831)]
    assert found.events[0]["time"] == FIRST + 0.976
    assert (found.rejected, found.skipped) == ({}, 6)


def test_the_access_log_alone() -> None:
    """Its own file has neither levels nor threads (pytorch/serve#1476)."""
    [event] = read(DATA / "torchserve/access_log.log", "torchserve", None).events
    assert (event["time"], event["latency"], event["failed"]) == (SECOND + 0.304, 0.039, False)


def test_its_lines_in_the_wrapper_of_a_container(tmp_path: Path) -> None:
    """As Docker keeps what the server prints."""
    log = tmp_path / "container.log"
    lines = (DATA / "torchserve/ts_log.log").read_text().splitlines(keepends=True)
    log.write_text(
        "".join(json.dumps({"log": line, "stream": "stdout", "time": "2026-01-01T00:00:00Z"}) + "\n" for line in lines)
    )
    assert [event["latency"] for event in read(log, "torchserve", None).events] == [0.118, 0.015, 86.831]


def access(request: str, status: int = 200) -> str:
    """Return a line of the access log."""
    return f'2026-01-01T00:00:00,000 [INFO ] W-9000-m_1.0 ACCESS_LOG - /10.0.0.1:1 "{request}" {status} 5'


@pytest.mark.parametrize(
    ("request_", "version"),
    [
        ("POST /predictions/m HTTP/1.1", None),
        ("PUT /predictions/m/2.0 HTTP/1.1", "2.0"),
        ("POST /v1/models/m:predict HTTP/1.1", None),
        ("POST /v2/models/m/versions/3/infer HTTP/1.1", "3"),
        ("POST /invocations HTTP/1.1", None),
        ("gRPC org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions HTTP/2.0", None),
    ],
)
def test_requests_of_every_interface(request_: str, version: str | None) -> None:
    """The version is in the path where it is asked for; gRPC's status 0 is success."""
    [event], refused, skipped = unfolded("torchserve", access(request_, 0 if request_.startswith("gRPC") else 200))
    assert (event.get("version"), event["status"], event["latency_ms"], refused, skipped) == (version, 200, 5, {}, 0)


@pytest.mark.parametrize(
    "request_", ["GET /ping HTTP/1.1", "GET /models HTTP/1.1", "POST /explanations/m HTTP/1.1", "GET /v2/models/m HTTP/1.1"]
)
def test_other_requests_are_left_out(request_: str) -> None:
    """Health, management, metadata and explanations are no predictions."""
    assert unfolded("torchserve", access(request_)) == ([], {}, 1)


def test_a_full_queue_is_a_failed_request(tmp_path: Path) -> None:
    """TorchServe answers 503 or 507 then."""
    log = tmp_path / "access_log.log"
    log.write_text("\n".join(access("POST /predictions/m HTTP/1.1", status) for status in (200, 503, 400, 507)) + "\n")
    assert [event["failed"] for event in read(log, "torchserve", None).events] == [False, True, False, True]


def handled(told: Any) -> str:
    """Return a line that a handler printed."""
    return f"2026-01-01 00:00:00,250 [INFO ] W-9000-m_1.0-stdout MODEL_LOG - {told}"


def test_what_a_handler_prints_as_json(tmp_path: Path) -> None:
    """An object is a prediction like one of any log, with the line's time; other lines of the handler are none."""
    log = tmp_path / "model_log.log"
    told = {"request_id": "r1", "features": {"a": 1.5}, "prediction": 2}
    log.write_text("\n".join([handled(json.dumps(told)), handled("loading {weights}"), handled("done")]) + "\n")
    found = read(log, "torchserve", layout_with(numbers=("a",)))
    [event] = found.events
    assert (event["id"], event["a"], event["prediction"], event["time"] % 1) == ("r1", 1.5, 2.0, 0.25)
    assert (found.rejected, found.skipped) == ({}, 2)


def test_a_filter_keeps_what_handlers_print(tmp_path: Path) -> None:
    """A line of text is filtered by what it says, as a record is by its fields."""
    log = tmp_path / "ts_log.log"
    log.write_text("\n".join([handled('{"prediction": 3}'), access("POST /predictions/m HTTP/1.1")]) + "\n")
    found = read(log, "torchserve", layout_with(), where="logger = 'MODEL_LOG'")
    assert ([event["prediction"] for event in found.events], found.skipped) == ([3.0], 1)


def test_a_line_full_of_beginnings_is_read_once() -> None:
    """It is no record; reading it anew from each of them would take hours."""
    line = "2026-01-01T00:00:00,000 [INFO ] " + "a MODEL_LOG - " * 50_000 + "{"
    assert unfolded("torchserve", line) == ([], {}, 1)
