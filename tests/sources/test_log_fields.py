"""Which field is what, over outages, restarts, reloads and other forms of the log."""

from __future__ import annotations

import json
import logging
import os
import random
from pathlib import Path
from typing import Any

import pytest

from prediction_exporter.config import Predictions, parse
from prediction_exporter.counting.functions import Function
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.fields.schema import describe
from prediction_exporter.sources.log import LogSource
from typed_events import made, presence


def layout_of(*names: str) -> Layout:
    """Return a layout with numeric features of these names, and a decision."""
    features = [Column(name=name, role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0,)) for name in names]
    return Layout([*features, Column(name="approved", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("yes", "no"))])


LAYOUT = layout_of("amount", "age")


def good(number: int, **changes: Any) -> dict[str, Any]:
    """Return an event of a request that succeeded."""
    features = {"amount": number, "age": 30}
    return {"ts": 1e9 + number, "latency_ms": 5, "status": 200, "decision": "yes", "in": features} | changes


def bad(number: int) -> dict[str, Any]:
    """Return an event of a request that failed: nothing was computed."""
    return {"ts": 1e9 + number, "latency_ms": 1, "status": 503}


def write(path: Path, events: list[dict[str, Any]]) -> None:
    """Append events to a file."""
    with path.open("a") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)


def predictions_of(path: Path, **fields: Any) -> Predictions:
    """Return the configuration of a log."""
    log = {"path": str(path), "start": "beginning"}
    model = {"name": "m", "owner": "o", "maturity": 0, "predictions": {"log": log, "fields": fields or {"features": "in"}}}
    text = json.dumps({"owners": {"o": {"slack": "#o"}}, "models": [model]})
    return parse(text, name="exporter.yml", base=path.parent, environ={}).models[0].predictions


def source(path: Path, position: str | None = None, *, layout: Layout = LAYOUT, **fields: Any) -> LogSource:
    """Return a source that starts, or goes on from a position."""
    reader = LogSource(predictions_of(path, **fields), layout, where="models[0]", clock=lambda: 0.0)
    reader.restore(position)
    return reader


def read(reader: LogSource) -> tuple[int, int, list[Any]]:
    """Return the events and failures that a source has now, and of the others the amounts and decisions."""
    count, failures, values = 0, 0, []
    for batch in reader.poll():
        assert not batch.rejected.total
        for events in batch.events:
            count, failures = count + len(events), failures + int(events.failed.sum())
            rows = zip(events.columns["amount"], events.columns["approved"], events.failed, strict=True)
            values += [(amount, decision) for amount, decision, failed in rows if not failed]
    return count, failures, sorted(values, key=str)


def test_an_outage_at_the_first_start(tmp_path: Path) -> None:
    """A log that begins with more failures than are sampled is read by what succeeds behind them."""
    path = tmp_path / "app.log"
    write(path, [*map(bad, range(250)), *map(good, range(3))])
    reader = source(path)
    assert reader.look().schema is not None
    assert read(reader) == (253, 250, [(0.0, "yes"), (1.0, "yes"), (2.0, "yes")])
    reader.close()


def test_a_log_of_nothing_but_failures(tmp_path: Path) -> None:
    """They count as they come, also after a restart, and the first success tells where the columns stand."""
    path = tmp_path / "app.log"
    write(path, [bad(number) for number in range(300)])
    reader = source(path)
    look = reader.look()
    assert look.schema is None
    told = "failed or were refused, and count; the first that succeeds tells where the baseline's columns stand"
    assert look.remarks == (f"{path}: all 200 sampled requests {told}",)
    assert read(reader) == (300, 300, [])
    write(path, [bad(1)])
    position = reader.position()
    reader.close()
    reader = source(path, position)
    assert read(reader) == (1, 1, [])
    write(path, [bad(2), good(7), bad(3), good(8)])
    assert read(reader) == (4, 2, [(7.0, "yes"), (8.0, "yes")])
    write(path, [good(9)])
    assert read(reader) == (1, 0, [(9.0, "yes")])
    reader.close()


def test_an_older_file_tells_the_fields(tmp_path: Path) -> None:
    """An outage that fills the newest file is seen by what an older one holds."""
    write(tmp_path / "a.log", [good(1)])
    write(tmp_path / "b.log", [bad(number) for number in range(300)])
    os.utime(tmp_path / "a.log", (1e9, 1e9))
    reader = source(tmp_path / "*.log")
    assert reader.look().schema is not None
    assert read(reader) == (301, 300, [(1.0, "yes")])
    reader.close()


def test_what_was_recognised_is_kept(tmp_path: Path) -> None:
    """A restart in an outage knows the fields from before, and so does one while the log tells something ambiguous."""
    path = tmp_path / "app.log"
    write(path, [good(number) for number in range(3)])
    reader = source(path)
    read(reader)
    known, position = reader.schema, reader.position()
    reader.close()
    path.unlink()
    write(path, [bad(number) for number in range(300)])
    reader = source(path, position)
    assert read(reader)[:2] == (300, 300)
    assert reader.schema == known
    write(path, [good(4)])
    assert read(reader) == (1, 0, [(4.0, "yes")])
    position = reader.position()
    reader.close()
    path.unlink()
    write(path, [good(5, output="no")])  # which of the two is the prediction?
    reader = source(path, position)
    assert read(reader) == (1, 0, [(5.0, "yes")])
    reader.close()
    with pytest.raises(ConfigError, match="several fields could be the prediction"):
        source(path).look()


def test_features_that_are_away_are_no_mistake(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Requests that succeed and log no features count with all of them missing, and it is told once."""
    path = tmp_path / "app.log"
    write(path, [good(1)])
    reader = source(path)
    read(reader)
    position = reader.position()
    reader.close()
    reader = source(path, position)
    caplog.set_level(logging.WARNING)
    for _ in range(3):
        write(path, [{**good(2), "in": {}} for _ in range(500)])
        assert read(reader)[0] == 500
    assert len(caplog.records) == 1
    assert "none of the baseline's features (amount, age)" in caplog.text
    write(path, [good(3)])
    assert read(reader) == (1, 0, [(3.0, "yes")])
    reader.close()


@pytest.mark.parametrize(
    ("layout", "fields"),
    [(layout_of("amount"), {}), (layout_of("amount", "age", "more"), {}), (LAYOUT, {"features": ["amount"]})],
)
def test_another_configuration_begins_anew(layout: Layout, fields: dict[str, Any], tmp_path: Path) -> None:
    """Another baseline, or other settings of fields, make what was recognised worthless."""
    path = tmp_path / "app.log"
    write(path, [good(1)])
    reader = source(path)
    read(reader)
    position = reader.position()
    reader.close()
    write(path, [bad(1)] * 250)
    path.rename(tmp_path / "other.log")
    path.touch()
    assert source(path, position).schema is not None
    assert source(path, position, layout=layout, **fields).schema is None


def test_positions_of_before_are_read(tmp_path: Path) -> None:
    """A position that knows of no fields is gone on from; one that does is read by the versions before."""
    path = tmp_path / "app.log"
    write(path, [good(1)])
    reader = source(path)
    read(reader)
    position = json.loads(reader.position())
    reader.close()
    assert position.keys() == {"fields", "version", "horizon", "streams"}
    write(path, [good(2)])
    del position["fields"]
    reader = source(path, json.dumps(position))
    assert read(reader) == (1, 0, [(2.0, "yes")])
    reader.close()


def moved(number: int) -> dict[str, Any]:
    """Return an event of the next release, which names most of its fields otherwise."""
    return {"time": 1e9 + number, "duration_s": 0.5, "status": 200, "prediction": "no", "inputs": {"amount": number, "age": 1}}


def test_another_form_of_the_log_is_seen(tmp_path: Path) -> None:
    """A release that names its fields otherwise is followed while running: no line is refused for what is known to be moved."""
    path = tmp_path / "app.log"
    reader = source(path, status="status")
    write(path, [{**good(number), "in": None, "features": good(number)["in"]} for number in range(300)])
    assert read(reader)[:2] == (300, 0)
    write(path, [moved(number) for number in range(250)])
    count, _, values = read(reader)
    assert count == 250
    assert {decision for _, decision in values} == {"no"}
    assert {amount for amount, _ in values} == set(map(float, range(250)))
    assert reader.schema is not None
    assert describe(reader.schema, LAYOUT) == [
        "time: time",
        "id: none",
        "version: none",
        "latency: duration_s in s",
        "status: status",
        "feature: inputs.amount, inputs.age",
        "prediction: prediction",
    ]
    reader.close()


def test_a_restart_finds_what_is_new(tmp_path: Path) -> None:
    """A field that is logged since the last release is recognised at the next start, beside what is known."""
    path = tmp_path / "app.log"
    write(path, [good(1)])
    reader = source(path)
    read(reader)
    position = reader.position()
    reader.close()
    path.unlink()
    write(path, [good(2, model_version="2")])
    reader = source(path, position)
    [batch] = reader.poll()
    assert batch.events[0].versions.to_list() == ["2"]
    reader.close()


def test_a_latency_counts_alike_whatever_else_is_looked_for(tmp_path: Path) -> None:
    """How often a latency is there is told by what was read of the lines, or by these where other fields are looked for."""
    path = tmp_path / "app.log"
    write(path, [good(number) for number in range(30)])
    features = {"pattern": "in.*"}
    readers = [source(path, features=features), source(path, features=features, time="ts")]
    rng = random.Random(0)
    found = []
    for number in range(60):
        odd: list[Any] = [
            {},
            {"latency_ms": None},
            {"latency_ms": -1},
            {"latency_ms": "5"},
            {"latency_ms": "x"},
            {"status": 500},
        ]
        share = rng.choice([0, 0, 0.05, 0.5, 1])
        lines = [good(number) | (rng.choice(odd) if rng.random() < share else {}) for _ in range(rng.randint(1, 90))]
        for line in lines:
            if rng.random() < share / 4:
                del line["latency_ms"]
        for reader in readers:
            list(reader.poll())
        write(path, lines)
        found.append([reader.seen.ratios()["latency"] for reader in readers])
    assert [one for one, _ in found] == [other for _, other in found]
    assert min(one for one, _ in found) < 0.9 < max(one for one, _ in found)
    for reader in readers:
        reader.close()


def test_no_line_is_lost_to_a_log_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that come behind the look and do not tell their fields are read when the configuration is mended."""
    path = tmp_path / "app.log"
    write(path, [good(1, output="no")])
    reader = source(path)
    with monkeypatch.context() as patched:
        patched.setattr(LogSource, "_sample", lambda *_: None)  # the look was before the lines came
        with pytest.raises(ConfigError, match="several fields could be the prediction"):
            list(reader.poll())
    position = reader.position()
    reader.close()
    reader = source(path, position, prediction="output", features="in")
    assert read(reader) == (1, 0, [(1.0, "no")])
    reader.close()


def test_columns_of_every_kind_are_kept_over_a_restart(tmp_path: Path) -> None:
    """They are read afterwards as before: texts as texts, lists as lists, and what is made of them."""
    layout = Layout(
        [
            *LAYOUT.columns,
            presence("note", Held.TEXT),
            made("note", Function.LENGTH, Held.TEXT, (0.0, 5.0)),
            presence("serial", Held.NUMBER),
            presence("tags", Held.CONTAINER),
            made("tags", Function.LENGTH, Held.CONTAINER, (0.0, 1.0)),
        ]
    )
    path = tmp_path / "app.log"
    values = {"note": "some words", "serial": 5, "tags": ["a", "b"]}
    write(path, [good(n, **{"in": {"amount": n, "age": 30, **values}}) for n in range(3)])
    first = source(path, layout=layout)
    assert read(first)[0] == 3
    second = source(path, first.position(), layout=layout)
    assert second.schema == first.schema
    first.close()
    second.close()


def refused(number: int, **changes: Any) -> dict[str, Any]:
    """Return an event of a request that was turned away before anything was looked at."""
    return {"ts": 1e9 + number, "status": 422, "detail": "no JSON"} | changes


def test_a_log_of_nothing_but_refusals(tmp_path: Path) -> None:
    """What a server turned away says nothing of the columns: it counts, and the first answer tells where they stand."""
    path = tmp_path / "app.log"
    write(path, [refused(number) for number in range(300)])
    reader = source(path)
    assert reader.look().schema is None
    count, failures, _ = read(reader)
    assert (count, failures) == (300, 0)
    assert reader.seen.ratios() == {}
    write(path, [refused(1), good(7)])
    assert read(reader)[:2] == (2, 0)
    assert reader.seen.ratios() == {"features": 1.0, "latency": 1.0}
    assert reader.seen.unseen() == ()
    reader.close()


def test_what_was_refused_is_looked_for_in_no_field(tmp_path: Path) -> None:
    """Where it holds nothing; with anything in it, it shows what was sent."""
    path = tmp_path / "app.log"
    sent = {"in": {"amount": 4}}
    write(path, [good(number) for number in range(4)])
    reader = source(path, features="in", version="model.version")
    read(reader)
    write(path, [refused(number) for number in range(4)])
    read(reader)
    assert reader.seen.ratios() == {"version": 0.0, "features": 1.0, "latency": 1.0}
    write(path, [refused(number, **sent) for number in range(4)])
    read(reader)
    assert reader.seen.ratios() == {"version": 0.0, "features": 1.0, "latency": 8 / 12}  # the first lines were looked at twice
    reader.close()
