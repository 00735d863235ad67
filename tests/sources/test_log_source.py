"""The log source on real files: plain and wrapped, early and late, clear and ambiguous."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from logged import LAYOUT, docker, event
from prediction_exporter.config import Predictions, parse
from prediction_exporter.counting.layout import Layout
from prediction_exporter.errors import ConfigError, SourceError
from prediction_exporter.sources import log_sample
from prediction_exporter.sources.fields.schema import describe
from prediction_exporter.sources.log import LogSource
from prediction_exporter.sources.log_sample import sample_log


def cri(text: str) -> str:
    """Return a record of a CRI runtime."""
    return f"2026-03-01T10:00:00.000000001Z stdout F {text}"


def source(path: Path, *, layout: Layout | None = LAYOUT, log: dict[str, Any] | None = None, **predictions: Any) -> LogSource:
    """Return a source of a log that is read from its beginning."""
    configured = predictions_of(path, {"start": "beginning"} | (log or {}), **predictions)
    return LogSource(configured, layout, where="models[0]", clock=lambda: 0.0)


def predictions_of(path: Path, log: dict[str, Any], **predictions: Any) -> Predictions:
    """Return the configuration of a log."""
    model = {"name": "m", "owner": "o", "maturity": 0, "predictions": {"log": {"path": str(path), **log}, **predictions}}
    text = json.dumps({"owners": {"o": {"slack": "#o"}}, "models": [model]})
    return parse(text, name="exporter.yml", base=path.parent, environ={}).models[0].predictions


def drain(reader: LogSource) -> tuple[list[float], dict[str, int]]:
    """Return the amounts and refusals of what a source has now."""
    amounts: list[float] = []
    refused: dict[str, int] = {}
    for batch in reader.poll():
        for events in batch.events:
            amounts += events.columns["amount"].to_list()
        for reason, count in batch.rejected.counts.items():
            refused[reason] = refused.get(reason, 0) + count
    return sorted(amounts), refused


def write(path: Path, lines: list[str]) -> None:
    """Append lines to a file."""
    with path.open("a") as file:
        file.writelines(line + "\n" for line in lines)


@pytest.mark.parametrize("form", ["auto", "named"])
@pytest.mark.parametrize(("wrap", "name"), [(str, "jsonl"), (docker, "docker"), (cri, "cri")])
def test_wrapped_and_plain_files(wrap: Any, name: str, form: str, tmp_path: Path) -> None:
    """Events are the same in a file of their own and behind a container runtime, with other output between them."""
    lines = [json.dumps(event(n)) for n in range(100)]
    lines[50:50] = ["INFO: started", "", "{"]
    path = tmp_path / "app.log"
    write(path, list(map(wrap, lines)))
    reader = source(path, log={"format": name} if form == "named" else None)
    assert drain(reader) == ([float(n) for n in range(100)], {"malformed": 2})
    assert drain(reader) == ([], {})
    write(path, [wrap(json.dumps(event(100)))])
    assert drain(reader) == ([100.0], {})
    assert reader.lag_bytes() == 0
    reader.close()


def test_nothing_yet(tmp_path: Path) -> None:
    """Without a file, without lines, and without a whole line, a source waits; then it reads everything."""
    path = tmp_path / "app.log"
    reader = source(path)
    assert drain(reader) == ([], {})
    path.touch()
    assert drain(reader) == ([], {})
    text = json.dumps(event(1))
    path.write_text(text[:20])
    assert drain(reader) == ([], {})
    with path.open("a") as file:
        file.write(text[20:] + "\n")
    assert drain(reader) == ([1.0], {})
    reader.close()


def test_other_output_first(tmp_path: Path) -> None:
    """Lines before the first event are counted."""
    path = tmp_path / "app.log"
    write(path, ["starting", "listening"])
    reader = source(path)
    assert drain(reader) == ([], {"malformed": 2})
    write(path, [json.dumps(event(1))])
    assert drain(reader) == ([1.0], {})
    reader.close()


def test_a_long_beginning_without_events(tmp_path: Path) -> None:
    """Fields are recognised however much other output comes first."""
    path = tmp_path / "app.log"
    noise = ["x" * 100] * (2 * log_sample.SAMPLE_BYTES // 100)
    write(path, noise)
    reader = source(path)
    assert drain(reader) == ([], {"malformed": len(noise)})
    write(path, [json.dumps(event(1))])
    assert drain(reader) == ([1.0], {})
    reader.close()


def test_a_log_of_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long log without any event is told, and read once it has one among the files."""
    monkeypatch.setattr(log_sample, "SEARCH_BYTES", 1 << 20)
    path = tmp_path / "app.log"
    write(path, ["x" * 100] * 20_000)
    reader = source(tmp_path / "*.log")
    with pytest.raises(SourceError, match=r"app\.log: has no JSON object in its first 1 MiB"):
        list(reader.poll())
    write(tmp_path / "other.log", [json.dumps(event(1))])
    assert drain(reader) == ([1.0], {"malformed": 20_000})
    reader.close()


def test_features_that_come_late(tmp_path: Path) -> None:
    """A feature that the first lines lack is read where the others stand."""
    path = tmp_path / "app.log"
    lines = [event(n) for n in range(300)]
    for early in lines[:250]:
        del early["features"]["amount"]
    write(path, list(map(json.dumps, lines)))
    reader = source(path)
    amounts = [amount for batch in reader.poll() for part in batch.events for amount in part.columns["amount"].to_list()]
    assert [amount for amount in amounts if amount is not None] == [float(n) for n in range(250, 300)]
    reader.close()


def test_epoch_times_and_zones(tmp_path: Path) -> None:
    """Numbers need no zone; dates without one are in the configured."""
    for name, stamp in (("a.log", 1772359200.5), ("b.log", "1772359200500"), ("c.log", "2026-03-01 11:00:00,500")):
        write(tmp_path / name, [json.dumps(event(1, ts=stamp))])
        reader = source(tmp_path / name, timezone="Europe/Berlin")
        [batch] = reader.poll()
        assert batch.events[0].times.tolist() == [1772359200_500_000]
        reader.close()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timestamp": 1}, r"models\[0\]\.predictions\.fields\.time: several fields could be the time: ts, timestamp"),
        ({"id": 1}, r"models\[0\]\.predictions\.fields\.id: several fields could be the id: id, request_id; write"),
        ({"prediction": 1}, r"fields\.prediction: several fields could be the prediction: prediction, decision"),
        ({"features": {"x": 1}}, r"fields\.features: none of the baseline's features \(amount, region\) stands in"),
        ({"decision": {"class": "yes", "p": 0.5}}, r"fields\.prediction: .*decision\.class, decision\.p"),
    ],
)
def test_recognition_errors(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    """What is ambiguous in the first lines is an error that says what to write; it stays one until it is written."""
    write(tmp_path / "app.log", [json.dumps(event(1, **changes))])
    reader = source(tmp_path / "app.log")
    for _ in range(2):
        with pytest.raises(ConfigError, match=message):
            list(reader.poll())
    reader.close()


def test_configured_fields_settle_it(tmp_path: Path) -> None:
    """A field that is written is not ambiguous."""
    write(tmp_path / "app.log", [json.dumps(event(1, id="x", timestamp=1))])
    reader = source(tmp_path / "app.log", fields={"id": "request_id", "time": "ts"})
    assert drain(reader) == ([1.0], {})
    assert reader.schema is not None
    assert describe(reader.schema, LAYOUT) == [
        "time: ts",
        "id: request_id",
        "version: none",
        "latency: latency_ms in ms",
        "status: status",
        "feature: features.amount, features.region",
        "prediction: decision",
    ]
    reader.close()


def test_the_newest_file_tells_the_fields(tmp_path: Path) -> None:
    """Of several files the newest that has events is looked at; compressed ones are not."""
    write(tmp_path / "a.log", [json.dumps({"time": 1, "old": 1})])
    write(tmp_path / "b.log", [json.dumps(event(1))])
    write(tmp_path / "c.log", ["no event"])
    (tmp_path / "d.gz").write_bytes(b"\x1f\x8b")
    for age, name in enumerate(["d.gz", "c.log", "b.log", "a.log"]):
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    log = predictions_of(tmp_path / "*", {}).log
    assert log is not None
    sample = sample_log(log, lambda events: "features" in events[0])
    assert sample is not None
    assert [list(found) for found in sample.events] == [list(event(1))]


def test_service_only(tmp_path: Path) -> None:
    """Without a baseline, only the service's fields are read."""
    write(tmp_path / "app.log", [json.dumps(event(n)) for n in range(3)])
    reader = source(tmp_path / "app.log", layout=None)
    [batch] = reader.poll()
    assert batch.events[0].columns == {}
    assert len(batch.events[0]) == 3
    assert reader.schema is not None
    assert reader.schema.time == ("ts",)
    reader.close()


def test_every_line_is_counted_once_over_restarts(tmp_path: Path) -> None:
    """A source that goes on from a stored position counts what is new, and oversized lines as one each."""
    path = tmp_path / "app.log"
    write(path, [json.dumps(event(n)) for n in range(10)] + ["x" * 5000])
    first = source(path, log={"max_line_size": "1KiB"})
    assert drain(first) == ([float(n) for n in range(10)], {"oversized": 1})
    position = first.position()
    first.close()
    write(path, [json.dumps(event(10)), "{", json.dumps(event(11, ts=None))])
    second = source(path, log={"max_line_size": "1KiB"})
    second.restore(position)
    assert drain(second) == ([10.0], {"malformed": 1, "missing_time": 1})
    second.close()
