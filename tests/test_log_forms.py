"""Logs as writers of all kinds leave them, read by the real exporter: a model for each."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from prediction_exporter.sources.base import REASONS
from processes import Exporter
from watched import Series, Watched, config_text, model_text, save_baseline, total


def event(number: int, **changes: Any) -> dict[str, Any]:
    """Return an event of this minute."""
    features = {"amount": number % 20, "color": "red" if number % 2 else "blue"}
    return {"ts": time.time() - 5, "status": 200, "score": 0.25, "decision": "accept", "features": features} | changes


def failure(_: int) -> dict[str, Any]:
    """Return an event of a request that failed."""
    return {"ts": time.time() - 5, "status": 503}


def lines(count: int, make: Callable[[int], Mapping[str, Any]] = event, **changes: Any) -> bytes:
    """Return lines of events."""
    return b"".join(json.dumps({**make(number), **changes}).encode() + b"\n" for number in range(count))


def digits(form: str) -> str:
    """Return this minute's time in a form."""
    return datetime.fromtimestamp(time.time() - 5, UTC).strftime(form)


#: What statuses of requests that succeeded look like, of several protocols and hands, and of ones that failed.
SUCCEEDED = ("200 OK", "HTTP/1.1 204", "404 Not Found", "Completed", "done", "SUCCESS", "StatusCode.OK", "UNSET", "2xx", "0")
FAILED = ("503 Service Unavailable", "HTTP/1.1 500", "StatusCode.UNAVAILABLE", "ERROR", "timeout", "5xx", "Failed")


LOGS: dict[str, Callable[[], bytes]] = {
    "outage": lambda: lines(250, failure) + lines(100),
    "failures_only": lambda: lines(250, failure),
    "utf16": lambda: lines(50).decode().encode("utf-16"),
    "utf16_bare": lambda: lines(50).replace(b"\n", b"\r\n").decode().encode("utf-16-le"),
    "utf16_other": lambda: lines(50).decode().encode("utf-16-be"),
    "utf16_behind": lambda: lines(10) + lines(40).decode().encode("utf-16-le"),
    "seconds": lambda: lines(20, ts=int(digits("%Y%m%d%H%M%S"))),
    "seconds_text": lambda: lines(20, ts=digits("%Y%m%d%H%M%S")),
    "minutes": lambda: lines(20, ts=int(digits("%Y%m%d%H%M"))),
    "milliseconds": lambda: lines(20, ts=int(digits("%Y%m%d%H%M%S123"))),
    "basic": lambda: lines(20, ts=digits("%Y%m%dT%H%M%S.%fZ")),
    "java": lambda: lines(20, ts=digits("%Y-%m-%dT%H:%MZ[UTC]")),
    "day": lambda: lines(20, ts=int(digits("%Y%m%d"))),
    "jackson": lambda: lines(20, ts=[2026, 11, 28, 18, 15, 0]),
    "protobuf": lambda: lines(20, ts={"nanos": 5, "seconds": int(time.time())}),
    "escaped": lambda: lines(20, lambda number: {"ts": time.time() - 5, "message": json.dumps(event(number))}),
    "list_of_one": lambda: lines(50, decision=["accept"]),
    "lists_of_one": lambda: lines(50, features={"amount": [5.0], "color": ["red"]}, decision=["accept"], status=["200"]),
    "nuls": lambda: lines(20) + bytes(4096) + lines(2),
    "many_nuls": lambda: bytes(3 << 20) + lines(20) + b'{"ts": 17' + bytes(12 << 20) + lines(2),
    "ended_by_nuls": lambda: lines(20).replace(b"\n", b"\0"),
    "bom": lambda: b"\xef\xbb\xbf" + lines(20),
    "words": lambda: b"".join(lines(1, status=word) for word in SUCCEEDED),
    "failing": lambda: lines(1) + b"".join(lines(1, status=word) for word in FAILED),
    "stated_failed": lambda: lines(3, status="fertig") + lines(2, status="ABGEBROCHEN"),
    "stated_ok": lambda: lines(3, status=7) + lines(2, status=200),
    "errors": lambda: lines(5, error=None) + lines(2, error="completed") + lines(1, error=404) + lines(2, error=""),
    "latency_text": lambda: lines(20, latency_ms="12.5ms"),
    "misspelt": lambda: lines(20, latency_ms=5),
    "listed": lambda: lines(20, features={"amount": 5.0}, color="red", state=1, status="x"),
}

#: Fields that are stated of some of them, instead of the features.
STATED: dict[str, str] = {
    "stated_failed": "{features: features, status: {field: status, failed: [Abgebrochen]}}",
    "stated_ok": "{features: features, status: {field: status, ok: [7]}}",
    "errors": "{features: features, status: error}",
    "misspelt": "{features: features, status: http, latency: took_ms, version: release}",
    "listed": "{features: [features.amount, color, status]}",
}


#: What each counts as; nothing of what is not named.
COUNTS: dict[str, dict[str, float]] = {
    "outage": {"requests": 350, "failed": 250},
    "failures_only": {"requests": 250, "failed": 250},
    "utf16": {"encoding": 50},
    "utf16_bare": {"encoding": 50},
    "utf16_other": {"encoding": 50},
    "utf16_behind": {"requests": 10, "encoding": 40},
    **{form: {"requests": 20} for form in ("seconds", "seconds_text", "minutes", "milliseconds", "basic", "java")},
    "day": {"invalid_time": 20},
    "jackson": {"down": 1},
    "protobuf": {"down": 1},
    "escaped": {"down": 1},
    "list_of_one": {"requests": 50},
    "lists_of_one": {"requests": 50},
    "nuls": {"requests": 22},
    "many_nuls": {"requests": 22, "malformed": 1},
    "ended_by_nuls": {"requests": 19},  # the last one waits for what follows
    "bom": {"requests": 20},
    "words": {"requests": len(SUCCEEDED)},
    "failing": {"requests": 1 + len(FAILED), "failed": len(FAILED)},
    "stated_failed": {"requests": 5, "failed": 2},
    "stated_ok": {"requests": 5, "failed": 2},
    "errors": {"requests": 10, "failed": 3},
    "latency_text": {"requests": 20},
    "misspelt": {"requests": 20},
    "listed": {"requests": 20},
}

#: What is told of some.
TOLD = {
    "utf16": "refused 50 lines as encoding, such as 'UTF-16, not UTF-8: {",
    "jackson": "ts is a list of numbers, as Jackson writes dates by default; have it write text",
    "protobuf": "write the right one, for example time: ts.seconds",
    "latency_text": "fields.latency: no value of latency_ms is a duration, such as '12.5ms'",
    "misspelt": "fields.latency: none of ",
    "escaped": "message holds JSON as text, which is not looked into: have it written as an object",
}


@dataclass(frozen=True)
class Read:
    """What an exporter showed and logged when it had read all logs."""

    series: Series
    log: str


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Run an exporter once over all logs."""
    folder = tmp_path_factory.mktemp("forms")
    watched = Watched.live(folder)
    save_baseline(folder / "baseline.json")
    models = []
    for name, content in LOGS.items():
        (folder / f"{name}.log").write_bytes(content())
        models.append(model_text(name, f"{name}.log", fields=STATED.get(name, "{features: features}")))
    watched.configure(config_text(*models, more="series_limit: 1000000"))
    exporter = Exporter(watched.file)
    exporter.start()
    try:
        # A machine that is busy is ready before it has read the longest one.
        exporter.wait_for(lambda: not exporter.total("prediction_exporter_source_unread_bytes", model="many_nuls"), "done")
        return Read(exporter.metrics(), exporter.log.read_text())
    finally:
        exporter.kill()


@pytest.mark.parametrize("model", LOGS)
def test_each_form_counts(read: Read, model: str) -> None:
    """Good lines count whatever stands around them, and what cannot be read is refused for what it is."""
    found = {
        "requests": total(read.series, "model_requests_total", model=model),
        "failed": total(read.series, "model_requests_failed_total", model=model),
        "down": 1 - (total(read.series, "prediction_exporter_source_up", model=model) or 0),
    }
    for reason in REASONS:
        found[reason] = total(read.series, "prediction_exporter_events_rejected_total", model=model, reason=reason)
    assert {name: count for name, count in found.items() if count} == COUNTS[model]


@pytest.mark.parametrize("model", TOLD)
def test_what_is_wrong_is_told(read: Read, model: str) -> None:
    """The log names what it is, and what to do."""
    told = [line for line in read.log.splitlines() if f"model {model}" in line]
    assert any(TOLD[model] in line for line in told), told


#: How often the fields are seen that some are looked for.
SEEN = {
    "latency_text": {"features": 1.0, "latency": 0.0},
    "misspelt": {"features": 1.0, "latency": 0.0, "status": 0.0, "version": 0.0},
    "errors": {"features": 1.0},
    "listed": {"features": 1.0},
    "failures_only": {},
}


@pytest.mark.parametrize("model", SEEN)
def test_how_often_fields_are_seen_is_told(read: Read, model: str) -> None:
    """A name that no record has is at 0; what is written on failure alone, and an outage, tell nothing."""
    found = {
        dict(labels)["field"]: value
        for (name, labels), value in read.series.items()
        if name == "prediction_exporter_field_seen_ratio" and ("model", model) in labels
    }
    assert found == SEEN[model]


@pytest.mark.parametrize("model", ["list_of_one", "lists_of_one"])
def test_the_only_text_of_a_list_is_the_value(read: Read, model: str) -> None:
    """A decision in a list is that decision, and so is a feature."""
    assert total(read.series, "model_predictions_total", model=model, **{"class": "accept"}) == 50
    ratios = {
        dict(labels)["column"]: v
        for (n, labels), v in read.series.items()
        if n == "model_column_invalid_ratio" and ("model", model) in labels
    }
    assert ratios.keys() >= {"amount", "color", "decision"}
    assert set(ratios.values()) == {0.0}


def test_an_outage_over_restarts_and_reloads(tmp_path: Path, start_exporter: Callable[..., Exporter]) -> None:
    """While everything fails the exporter starts and reloads: it stays up, counts, and knows the fields from before."""
    watched = Watched.live(tmp_path)
    save_baseline(tmp_path / "baseline.json")
    watched.configure(config_text(model_text(fields="{features: features}")))
    log = tmp_path / "app.log"

    def counted(requests: int, failed: int) -> Callable[[], bool]:
        def condition() -> bool:
            series = exporter.metrics()
            figures = {"model_requests_total": requests, "model_requests_failed_total": failed}
            return {name: total(series, name) for name in figures} == figures

        return condition

    log.write_bytes(lines(20))
    exporter = start_exporter(watched.file)
    exporter.wait_for(counted(20, 0), "counts")
    exporter.stop()
    log.rename(tmp_path / "old")
    log.write_bytes(lines(300, failure))
    exporter = start_exporter(watched.file)
    exporter.wait_for(counted(320, 300), "counts failures after a restart")
    exporter.signal(signal.SIGHUP)
    with log.open("ab") as file:
        file.write(lines(10, failure) + lines(5))
    exporter.wait_for(counted(335, 310), "counts after a reload")
    series = exporter.metrics()
    assert total(series, "prediction_exporter_source_up") == 1
    assert total(series, "prediction_exporter_config_last_reload_successful") == 1
    assert total(series, "model_predictions_total", **{"class": "accept"}) == 25
