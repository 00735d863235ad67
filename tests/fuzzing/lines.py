"""Lines of a prediction log: as the parser reads a chunk, and as a whole log is recognised, read and counted."""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from counting import context_of, count_poll
from fuzzing.target import Target
from prediction_exporter import baseline
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Kind
from prediction_exporter.counting.profiler import ALL
from prediction_exporter.errors import PredictionExporterError
from prediction_exporter.sources.fields.schema import ColumnField, DurationPaths, EventSchema
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.registry import open_source
from watched import NOW, event, save_baseline

#: Refusals that depend on dates, which polars reads with more leniency in a chunk that has none but dates.
_TIMELY = ("missing_id", "invalid_time")

_SCHEMA = EventSchema(
    time=("ts",),
    id=("id",),
    version=("version",),
    latency=("latency_ms",),
    latency_unit="ms",
    status=("status",),
    columns=(
        ColumnField(name="amount", kind=Kind.NUMERIC, path=("amount",)),
        ColumnField(name="color", kind=Kind.CATEGORICAL, path=("color",)),
        ColumnField(name="nested", kind=Kind.NUMERIC, path=("features", "a.b")),
        ColumnField(name="score", kind=Kind.NUMERIC, path=("score", 0)),
    ),
    sums={"cost": ("cost",)},
    attributions={"amount": ("features", "a.b")},
    durations=(DurationPaths(name="queue", begin=("queue",), unit="ms"),),
)

#: How a line begins that no wrapper is around.
_PLAIN = b'{"ts"'

_TOKENS = (
    *(
        b'"ts"',
        b'"id"',
        b'"version"',
        b'"status"',
        b'"features"',
        b'"a.b"',
        b'"color"',
        b'"amount"',
        b'"cost"',
        b'"latency_ms"',
    ),
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"\n", b"\r\n", b"\0", b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80"),
    *(b"NaN", b"-Infinity", b"1e400", b"-0.0", b"9223372036854775808", b"0.1e-400", b"true", b"null", b'"NaN"', b'"1_0"'),
    *(b'"2026-03-01T10:00:00Z"', b'"2026-03-01T25:00:00+99:99"', b"1772359200123", b"1e99", b"\\ud800", b"\\u0000", b" "),
)


def _samples(_: Path) -> list[bytes]:
    rng = random.Random(1)
    plain = [event(NOW - n, rng, id=f"r{n}") for n in range(5)]
    nested = [{"ts": "2026-03-01T10:00:00.5Z", "id": n, "features": {"a.b": n}, "score": [0.5, n]} for n in range(3)]
    odd = [
        *plain[:2],
        {**plain[2], "amount": "12.5", "color": None, "status": "error"},
        {**plain[3], "amount": [1], "color": {}, "cost": "0.25", "queue": 3},
        {**plain[3], "cost": -1, "queue": "soon"},
    ]
    dumped = ["\n".join(map(json.dumps, rows)) + "\n" for rows in (plain, nested, odd)]
    dumped.append("\n".join(json.dumps(row, ensure_ascii=False, indent=None) for row in [{**plain[0], "color": "grün\u2028"}]))
    wrapped = "\n".join(json.dumps({"level": "info", "message": json.dumps(row)}) for row in plain)
    return [text.encode() for text in (*dumped, wrapped)]


def _parsing(_: Path) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        lines = data.split(b"\n")
        together = _outcome(data)
        alone = [_outcome(line) for line in lines]
        each: Counter[str] = Counter()
        events: Counter[tuple[Any, ...]] = Counter()
        for line, (found, refused) in zip(lines, alone, strict=True):
            is_line = bool(line.strip(b"\0").strip())
            assert found.total() + refused.total() == is_line, f"counted and refused are not one line: {line!r}"
            events += found
            each += refused
        assert together[0].total() + together[1].total() == events.total() + each.total(), "lines are lost or counted twice"
        for reason in (together[1].keys() | each.keys()) - set(_TIMELY):
            assert together[1][reason] == each[reason], f"{reason}: a line is refused for what stands beside it"
        if all(together[1][reason] == each[reason] for reason in _TIMELY):
            assert together[0] == events, "a line is read otherwise for what stands beside it"

    return check


def _outcome(data: bytes) -> tuple[Counter[tuple[Any, ...]], Counter[str]]:
    batch = JsonLinesParser(_SCHEMA).parse(data)
    events: Counter[tuple[Any, ...]] = Counter()
    for part in batch.events:
        events.update(_rows(part))
    return events, Counter(batch.rejected.counts)


def _rows(events: Events) -> list[tuple[Any, ...]]:
    assert events.latencies is not None
    columns: list[list[Any]] = [
        events.times.tolist(),
        events.versions.to_list(),
        events.failed.tolist(),
        events.latencies.tolist(),
    ]
    for field in _SCHEMA.columns:
        columns.append(events.columns[field.name].to_list())
        states = events.states.get(field.name)
        if states is None:
            missing = events.columns[field.name].is_null().to_numpy()
            states = np.where(missing, 1, 0).astype(np.uint8)
        columns.append(states.tolist())
    for amounts in (*events.sums.values(), *events.attributions.values()):
        columns += [amounts.values.tolist(), amounts.missing.tolist()]
    columns += [seconds.tolist() for seconds in events.durations.values()]
    return [tuple(None if isinstance(v, float) and math.isnan(v) else v for v in row) for row in zip(*columns, strict=True)]


def _counting(folder: Path) -> Callable[[bytes], None]:
    save_baseline(folder / "baseline.json")
    layout = baseline.load(folder / "baseline.json").layout
    log = folder / "app.log"

    def check(data: bytes) -> None:
        log.write_bytes(data)
        predictions = {"log": {"path": "app.log", "start": "beginning"}}
        context = context_of(folder, predictions, layout, clock=lambda: NOW, segments=("color",))
        source = open_source(context)
        try:
            source.restore(None)
            counted = count_poll(source, context)
            recognised = source.schema is not None
        except PredictionExporterError:
            return  # what is no log, or fits no baseline, is refused as a whole
        finally:
            source.close()
        found = counted.tally.events + counted.rejected.total()
        # What a writer has not ended is not read yet; NULs, which a crash leaves, end a line or not.
        lines = [line.strip() for line in re.split(rb"\n|\0+", data)[:-1]]
        written = sum(map(bool, lines))
        assert found <= written, f"{found} events and refusals of {written} lines"
        if (
            recognised and b"\0" not in data and all(line.startswith(_PLAIN) for line in lines)
        ):  # else it may be a wrapper of several lines
            assert found == written, f"{found} events and refusals of {written} lines"
        folded = sum(profile.rows for key, profile in counted.tally.profiles.items() if key.segment == ALL)
        assert folded <= counted.tally.events, "events are folded twice"

    return check


LINES = Target(
    name="lines",
    what="lines of JSON: each is counted or refused, and read alike alone and among others",
    samples=_samples,
    open=_parsing,
    tokens=_TOKENS,
)
LOGS = Target(
    name="logs",
    what="whole logs, recognised, read and counted: counted and refused are their lines",
    samples=_samples,
    open=_counting,
    tokens=_TOKENS,
)
