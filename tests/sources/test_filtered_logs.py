"""Logs that also hold other lines: what passes ``where`` counts, the rest is no alarm, and a filter that nothing passes is."""

from __future__ import annotations

import json
import os
import random
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from counting import context_of
from logged import LAYOUT, docker, event
from prediction_exporter import config
from prediction_exporter.config.where_parser import parse_where
from prediction_exporter.monitor.inspection import inspect
from prediction_exporter.sources.base import Look
from prediction_exporter.sources.fields.schema import EventSchema, path_text
from prediction_exporter.sources.files.source import FilesSource
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.log import LogSource
from prediction_exporter.sources.registry import open_source

WHERE = "event = 'prediction'"


def model_of(place: dict[str, Any], base: Path, where: str) -> config.Model:
    """Return a model whose predictions are filtered."""
    model = {"name": "m", "owner": "o", "maturity": 0, "predictions": {**place, "where": where}}
    text = json.dumps({"owners": {"o": {"slack": "#o"}}, "models": [model]})
    return config.parse(text, name="exporter.yml", base=base, environ={}).models[0]


def source(path: Path, *, where: str) -> LogSource:
    """Return a source of a log that is read from its beginning."""
    predictions = model_of({"log": {"path": path.name, "start": "beginning"}}, path.parent, where).predictions
    return LogSource(predictions, LAYOUT, where="models[0]", clock=lambda: 0.0)


def write(path: Path, lines: list[str]) -> None:
    """Append lines to a file."""
    with path.open("a") as file:
        file.writelines(line + "\n" for line in lines)


def prediction(number: int, **changes: Any) -> str:
    """Return a line with a prediction."""
    return json.dumps({"event": "prediction"} | event(number, **changes))


#: Lines that a service writes beside its predictions: without a time or an id, and of other shapes under the same names.
OTHERS = [
    '{"event": "start", "pid": 1, "ts": "now"}',
    '{"event": "health", "status": "ok", "features": "none", "latency_ms": {"p50": 1}}',
    '{"event": "train", "features": {"amount": "high", "region": ["north"]}, "ts": null}',
    '{"event": null, "decision": [1, 2], "request_id": 7}',
    '{"message": "prediction", "ts": "2026-03-01T10:00:00Z", "features": {"amount": 1e9}}',
    '{"event": ["prediction"], "loss": NaN}',
    '{"event": "predictio\\ud800n"}',
]


def taken(reader: LogSource) -> tuple[list[float], int, dict[str, int]]:
    """Return the amounts that count, how many lines a filter left out, and what was refused."""
    amounts: list[float] = []
    skipped, refused = 0, dict[str, int]()
    for batch in reader.poll():
        amounts += [value for events in batch.events for value in events.columns["amount"].to_list()]
        skipped += batch.skipped
        for reason, count in batch.rejected.counts.items():
            refused[reason] = refused.get(reason, 0) + count
    return sorted(amounts), skipped, refused


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
@pytest.mark.parametrize("wrap", [str, docker])
def test_other_lines_are_left_out_and_not_refused(tmp_path: Path, share: float, wrap: Any) -> None:
    """Whatever they look like and however many they are; lines that are no JSON objects are malformed as ever."""
    chance = random.Random(7)
    lines = [prediction(at) if chance.random() < share else chance.choice(OTHERS) for at in range(4000)]
    wanted = [float(at) for at, line in enumerate(lines) if '"request_id": "r' in line]
    lines[100:100] = ["plain text", "{torn", '{"event": "prediction"}']
    path = tmp_path / "app.log"
    write(path, [wrap(line) for line in lines])
    with closing(source(path, where=WHERE)) as reader:
        amounts, skipped, refused = taken(reader)
    assert amounts == wanted
    assert skipped == 4000 - len(wanted)
    assert refused == {"malformed": 2, "missing_time": 1}


HOSTILE = (
    *("5", "5.0", "1.50", '"5"', '"5.0"', '"x"', "null", "true", '"true"', "[1]", "[]", '{"a": 1}', '"[1]"', '"[INFO] x]"'),
    *('"é\\ud83d\\ude00"', '""', '" 5"', '"1e2"', "1e2", "1e300", "-0", '"007"', '"10%"', '"\\u0000"', '"a\\nb"', "0.1", "1E5"),
)


@pytest.mark.parametrize(
    "where",
    [
        *(
            "f = '5'",
            "f = 5",
            "NOT f = 'x'",
            "f <> 5",
            "f IS NULL",
            "f LIKE '%5%'",
            "f LIKE '_'",
            "f > 1",
            "f",
            "NOT f",
            "f < 'b'",
        ),
        *("f IN (5, 'x', '1.5')", "f.a = 1", "f.a IS NULL", "f = '100000' OR f = '0.1' OR f LIKE 'a%b'"),
    ],
)
def test_each_way_of_reading_passes_the_same(where: str) -> None:
    """Beside the fields of events, sieved out before them, and line by line: it is told by what was read before."""
    lines = [f'{{"t": {1_700_000_000 + at}, "f": {value}}}'.encode() for at, value in enumerate(HOSTILE * 10)]
    schema = EventSchema(time=("t",), columns=())

    def taken_by(parser: JsonLinesParser, chunks: list[list[bytes]]) -> tuple[list[int], int]:
        batches = [parser.parse(b"\n".join([*chunk, b""])) for chunk in chunks]
        times = [int(time) for batch in batches for events in batch.events for time in events.times]
        return sorted(times), sum(batch.skipped for batch in batches)

    def parser() -> JsonLinesParser:
        return JsonLinesParser(schema, time_is_text=False, chosen=Filter(parse_where(where)))

    together = taken_by(parser(), [lines])
    assert taken_by(parser(), [[line] for line in lines]) == together
    few = parser()
    few.parse(b'{"t": 1, "f": "other", "a": 1}\n' * 100 if "NOT" not in where and "<" not in where else b'{"t": 1}\n' * 100)
    assert taken_by(few, [lines]) == together
    odd = [line.replace(b'"t": 17', b'"t": NaN, "u": 17') for line in lines[:1]]
    assert taken_by(parser(), [lines[1:] + odd * 60])[0] == [time for time in together[0] if time != 1_700_000_000_000_000]


def test_fields_are_recognised_by_what_passes(tmp_path: Path) -> None:
    """A thousand lines of another kind, with names that look like a time, a status and a latency, tell nothing."""
    path = tmp_path / "app.log"
    write(path, ['{"event": "access", "timestamp": 5, "code": 200, "duration_ms": 3, "amount": 1}'] * 1000)
    write(path, [prediction(at) for at in range(3)])
    with closing(source(path, where=WHERE)) as reader:
        assert taken(reader) == ([0.0, 1.0, 2.0], 1000, {})
        schema = reader.schema
        assert schema is not None
        assert schema.time is not None
        assert [path_text(at) for at in (schema.time, *schema.optional)] == ["ts", "request_id", "latency_ms", "status"]
        assert reader.seen.unseen() == ()
        assert reader.seen.ratios()["where"] == pytest.approx(3 / 1003)


def test_what_passes_may_come_later(tmp_path: Path) -> None:
    """Lines before the first prediction count as left out, and the position goes on behind them."""
    path = tmp_path / "app.log"
    write(path, OTHERS)
    with closing(source(path, where=WHERE)) as reader:
        assert taken(reader) == ([], len(OTHERS), {})
        position = reader.position()
        [told] = reader.seen.unseen()
        assert told.startswith(f"where: none of {len(OTHERS)} records passes the filter (they have: event")
        assert reader.seen.ratios() == {"where": 0.0}
    write(path, [prediction(5)])
    with closing(source(path, where=WHERE)) as reader:
        reader.restore(position)
        assert taken(reader) == ([5.0], 0, {})


def test_another_filter_recognises_anew(tmp_path: Path) -> None:
    """What was recognised under a former filter is not taken over: it may be of other lines."""
    path = tmp_path / "app.log"
    write(path, ['{"event": "old", "timestamp": "2026-03-01T10:00:00Z", "decision": "no", "amount": 1, "region": "north"}'])
    with closing(source(path, where="event = 'old'")) as reader:
        assert taken(reader)[0] == [1.0]
        position = reader.position()
    write(path, [prediction(5)])
    with closing(source(path, where=WHERE)) as reader:
        reader.restore(position)
        assert taken(reader)[:2] == ([5.0], 0)


def test_names_with_dots_and_objects_are_the_same(tmp_path: Path) -> None:
    """A dot leads into an object, or is a part of the name, from line to line."""
    path = tmp_path / "app.log"
    flat: dict[str, Any] = {"http.request": "/predict"}
    deep: dict[str, Any] = {"http": {"request": "/predict"}}
    kinds: list[dict[str, Any]] = [
        flat,
        deep,
        {"http": "text"},
        {"http": {"request": "/health"}},
        flat | deep,
        {"http.request": "/other"} | deep,
    ]
    write(path, [json.dumps(event(at) | kinds[at % len(kinds)]) for at in range(600)])
    with closing(source(path, where="http.request = '/predict'")) as reader:
        amounts, skipped, _ = taken(reader)
    assert amounts == [float(at) for at in range(600) if at % len(kinds) in (0, 1, 4)]
    assert skipped == 300


def test_the_filter_may_name_what_the_model_reads(tmp_path: Path) -> None:
    """Fields that are features, their object, or inside of what is read as one value; numbers stay numbers."""
    path = tmp_path / "app.log"
    write(path, [json.dumps(event(at, status=200 if at % 3 else 404)) for at in range(300)])
    expected = {
        "features.amount >= 290": [float(at) for at in range(290, 300)],
        "features IS NOT NULL AND status = 404": [float(at) for at in range(0, 300, 3)],
        "decision = 'yes' AND decision.inside IS NULL AND features.amount < 2": [0.0, 1.0],
        "ts LIKE '%:00Z' AND request_id <> 'r0'": [60.0, 120.0, 180.0, 240.0],
        "features = 'x' OR NOT features = 'x'": [],
        "kind.of = 'a' AND kind IS NOT NULL": [],
    }
    for where, amounts in expected.items():
        with closing(source(path, where=where)) as reader:
            assert taken(reader)[0] == amounts, where


@pytest.mark.parametrize("others", [1, 2000])
def test_an_object_and_what_is_inside_of_it(tmp_path: Path, others: int) -> None:
    """Both may be asked of the same line, sieved out or beside the fields of events; a text has nothing inside."""
    path = tmp_path / "app.log"
    kinds: list[dict[str, Any]] = [{"http": {"code": 200}}, {"http": {"code": 500}}, {"http": "text"}, {"http": None}, {}]
    write(path, [json.dumps(event(at) | kinds[at % 5]) for at in range(50)] + ['{"http": {"code": 500}}'] * others)
    expected = {
        "http IS NOT NULL AND http.code = 200": range(0, 50, 5),
        "http IS NULL OR http.code = 200": [at for at in range(50) if at % 5 in (0, 3, 4)],
        "http = 'text' AND http.code IS NULL": range(2, 50, 5),
    }
    for where, amounts in expected.items():
        with closing(source(path, where=where)) as reader:
            assert taken(reader)[0] == [float(at) for at in amounts], where


def test_numbers_are_numbers_however_long_their_text_is(tmp_path: Path) -> None:
    """The smallest and the largest doubles have more digits than a text may have that is taken for a number."""
    path = tmp_path / "app.log"
    write(path, [json.dumps(event(at, p=p)) for at, p in enumerate([1e-310, 5e-324, -2.2250738585072014e-308, 1.7e308, 0.5])])
    write(path, [json.dumps(event(5, p="9" * 320)), json.dumps(event(6, p=f"0.{'1' * 320}"))])
    for where, amounts in {"p < 0.01": [0.0, 1.0, 2.0], "p > 1e300": [3.0], "p IS NOT NULL AND NOT p < 1": [3.0]}.items():
        with closing(source(path, where=where)) as reader:
            assert taken(reader)[0] == amounts, where


def look_of(path: Path, where: str) -> tuple[Look, list[str]]:
    """Return what a look at a log shows, and what check config calls an error."""
    model = model_of({"log": {"path": path.name, "start": "beginning"}}, path.parent, where)
    with closing(LogSource(model.predictions, None, where="models[0]", clock=lambda: 0.0)) as reader:
        look = reader.look()
    shown, found = inspect(model, None, look, index=0, file=path, now=1.8e9)
    return look, [shown, *found.errors]


def test_a_look_tells_a_filter_that_nothing_passes(tmp_path: Path) -> None:
    """A misspelt value, a misspelt name and a name in one half of the filter are errors; what may be absent is none."""
    path = tmp_path / "app.log"
    write(path, [prediction(at) for at in range(20)] + OTHERS[:1])
    _, told = look_of(path, WHERE)
    assert told == [f"sample: 21 lines of {path}, 1 left out by where, 0 refused, 20 usable"]
    look, told = look_of(path, "event = 'predicton'")
    assert (look.faults, look.remarks) == ((), ())
    assert told[1].startswith("models[0].predictions.where: none of 21 records passes the filter (they have: event, ts")
    _, told = look_of(path, "evnt = 'prediction'")
    assert told[1].startswith(
        "models[0].predictions.where: none of 21 records passes the filter, and none has evnt; did you mean event? (they have"
    )
    _, told = look_of(path, "event = 'prediction' OR kind = 'prediction'")
    assert told[1:] == ["models[0].predictions.where: none of 21 records has kind"]
    _, told = look_of(path, "event = 'prediction' AND error IS NULL")
    assert told[1:] == []


def test_files_tell_it_too(tmp_path: Path) -> None:
    """JSON lines that do not pass are read, counted as left out, and told; partitions are fields."""
    for name, kind in (("event=prediction", 3), ("event=health", 5)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "a.jsonl", [json.dumps(event(at)) for at in range(kind)])
    for file in tmp_path.rglob("*.jsonl"):
        os.utime(file, (1000, 1000))
    for where, (passed, skipped) in {WHERE: (3, 5), "event = 'x'": (0, 0)}.items():
        predictions = model_of({"files": {"path": "."}}, tmp_path, where).predictions
        with closing(FilesSource(predictions, LAYOUT, where="models[0]", clock=lambda: 2000.0)) as reader:
            reader.restore(None)
            batches = list(reader.poll())
            assert sum(len(events) for batch in batches for events in batch.events) == passed
            assert sum(batch.skipped for batch in batches) == skipped
            told = reader.seen.unseen()
            assert re.match("where: none of 8 records passes the filter", told[0]) if not passed else not told
    for rows in ({}, {"rows": "nested"}):
        predictions = model_of({"files": {"path": "."}, **rows}, tmp_path, "event = 'x'").predictions
        with closing(FilesSource(predictions, None, where="models[0]", clock=lambda: 2000.0)) as reader:
            look = reader.look()
        assert (look.remarks, len(look.unseen)) == ((), 1)
        assert look.unseen[0].startswith("where: none of 8 records passes the filter (they have: ")


def test_a_field_that_is_written_otherwise_is_suggested(tmp_path: Path) -> None:
    """Names of fields differ by the case of their letters, which is easily overlooked."""
    (tmp_path / "app.log").write_text('{"ts": 1800000000, "kind": "prediction", "amount": 1}\n' * 3)
    predictions = {"log": {"path": "app.log", "start": "beginning"}, "where": "KIND = 'prediction'"}
    with closing(open_source(context_of(tmp_path, predictions, None, clock=lambda: 1_800_000_060))) as source:
        source.restore(None)
        assert not [batch for batch in source.poll() if batch.events]
        assert source.seen.unseen() == (
            "where: none of 3 records passes the filter, and none has KIND; did you mean kind? (they have: ts, kind, amount)",
        )
