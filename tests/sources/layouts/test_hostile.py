"""Hostile records of every layout: what cannot be read is counted, and nothing else happens."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from layout_records import DATA, NOW, predictions_of
from prediction_exporter.config.records import LayoutName
from prediction_exporter.sources import layouts
from prediction_exporter.sources.base import REASONS, Rejected
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.layouts.base import SIDES, Options
from prediction_exporter.sources.layouts.registry import NAMES, layout_of
from prediction_exporter.sources.log_fields import recognise_log
from prediction_exporter.sources.records.payloads import PayloadError
from prediction_exporter.sources.records.unfolding import Unfolding

#: The layouts that have a module.
WRITTEN = [name for name in NAMES if (Path(layouts.__path__[0]) / f"{name.replace('-', '_')}.py").exists()]

#: What stands where another value should.
WRONG: list[Any] = [
    *(None, True, 0, -1, 2**70, 1e308, "", "x", "{", "[1, 2", '{"a": [1]}', "\x00\ud800", "A" * 2000),
    *([], {}, [[]], [[1], [2, 3]], [None], [{}], {"": {}}, {"shape": [10**40], "data": [1]}, {"shape": [-1, -2], "data": []}),
    {"names": ["a", "a"], "ndarray": [[1, 2]]},
]

#: Depths at which JSON is refused by some parsers, and taken by others.
DEEP = ("[" * 5000 + "]" * 5000, '{"a":' * 800 + "1" + "}" * 800)

#: Mutations of each layout's records.
ROUNDS = 300


def records_of(name: str) -> list[Any]:
    """Return the records of a layout's folder: objects, and lines of text that are none."""
    found: list[Any] = []
    for path in sorted((DATA / name).glob("*")):
        if path.suffix in (".md", ".csv", ".parquet"):
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                told = json.loads(line)
            except ValueError:
                told = line
            found.extend(told if isinstance(told, list) else [told])
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside of another, the first twenty of a list."""
    inside = value.items() if isinstance(value, dict) else enumerate(value[:20]) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a record with another value at a place; the place is gone where it is ``...``."""
    if not path:
        return value
    key, *rest = path
    copied: Any = dict(record) if isinstance(record, dict) else list(record)
    if value is ... and not rest:
        del copied[key]
    else:
        copied[key] = changed(copied[key], tuple(rest), value)
    return copied


def line_of(record: Any) -> bytes:
    """Return a record as a line."""
    text = record if isinstance(record, str) else json.dumps(record)
    return text.replace("\n", " ").encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("name", WRITTEN)
def test_hostile_records_are_refused_by_reason(name: LayoutName) -> None:
    """A wrong value at any place, one that is gone, cut lines and deep ones: each is read, skipped, or refused by a reason."""
    records = records_of(name)
    assert records, f"{name} has no records in {DATA / name}"
    chance = random.Random(name)
    lines = [line_of(record) for record in records]
    hostile = [*lines, *(line[: chance.randrange(len(line))] for line in lines), *(deep.encode() for deep in DEEP)]
    objects = [record for record in records if isinstance(record, dict)]
    for _ in range(ROUNDS if objects else 0):
        record = chance.choice(objects)
        for _ in range(chance.randint(1, 2)):
            found = list(places(record))
            if found:
                record = changed(record, chance.choice(found), chance.choice([*WRONG, ...]))
        hostile.append(line_of(record))
    for deep in DEEP:
        hostile += [line_of(changed(record, chance.choice(list(places(record))), deep)) for record in objects[:3]]
    unfolding = Unfolding(
        predictions_of(name, {"log": {"path": "/x"}}, rows={"names": ["a", "b"], "max": 50}), None, None, clock=lambda: NOW
    )
    for line in hostile:
        rejected = Rejected()
        flat = unfolding.unfold(line + b"\n", rejected)
        told = [json.loads(event) for event in flat.data.splitlines()]
        assert all(isinstance(event, dict) for event in told)
        assert set(rejected.counts) <= set(REASONS)
        assert len(told) <= 50 * 16  # of a line of text that is a list of records


@pytest.mark.parametrize("name", [name for name in WRITTEN if layout_of(name).half is not None])
def test_hostile_halves_are_refused_by_reason(name: LayoutName) -> None:
    """A body that is wrong, gone or deep, of either of two records that were joined: one is read or refused, and no other."""
    chance = random.Random(name)
    records = [record for record in records_of(name) if isinstance(record, dict)]
    layout = layout_of(name)
    assert layout.half is not None
    sides: dict[str, list[Any]] = {side: [] for side in SIDES}
    for record in records:
        half = layout.half(record)
        if half is not None:
            sides[half.side].append(record)
    pairs = [{"request": asked, "response": answered} for asked, answered in zip(*sides.values(), strict=False)]
    refused = set()
    for _ in range(ROUNDS if pairs else 0):
        pair: Any = chance.choice(pairs)
        for _ in range(chance.randint(1, 3)):
            found = [path for path in places(pair) if len(path) > 1]
            pair = changed(pair, chance.choice(found), chance.choice([*WRONG, *DEEP, ...]))
        try:
            told = list(layout.flat(pair, Options(names=("a", "b"), most=50, now=NOW)))
        except PayloadError as error:
            refused.add(error.reason)
        else:
            assert len(told) <= 50
            assert all(isinstance(event, dict) for event in told)
    assert refused <= set(REASONS)


@pytest.mark.parametrize("name", WRITTEN)
def test_hostile_events_of_layouts_count_or_are_refused(name: LayoutName) -> None:
    """What a layout adds up and observes, too: whatever stands in a record, its events are counted or refused one by one."""
    chance = random.Random(name)
    records = [record for record in records_of(name) if isinstance(record, dict)] or records_of(name)
    configured = predictions_of(name, {"log": {"path": "/x"}})
    unfolding = Unfolding(configured, None, None, clock=lambda: NOW)
    sample = b"".join(line_of(record) + b"\n" for record in records)
    events = [json.loads(line) for line in unfolding.unfold(sample, Rejected()).data.splitlines()]
    schema = recognise_log(events, configured, None, where="models[0]")
    hostile = []
    for _ in range(ROUNDS):
        event: Any = chance.choice(events)
        path = chance.choice(list(places(event)))
        hostile.append(json.dumps(changed(event, path, chance.choice([*WRONG, ...]))).encode())
    batch = JsonLinesParser(schema).parse(b"\n".join(hostile) + b"\n")
    assert sum(map(len, batch.events)) + batch.rejected.total == len(hostile)
    assert set(batch.rejected.counts) <= set(REASONS)
    for found in batch.events:
        assert set(found.sums) == set(schema.sums)
        assert all(len(amounts.values) == len(found) for amounts in found.sums.values())
        assert all(not (seconds < 0).any() for seconds in found.durations.values())


def test_every_layout_has_records() -> None:
    """And each of them says whence they are."""
    assert [name for name in WRITTEN if not (DATA / name / "README.md").exists()] == []


@pytest.mark.parametrize("name", [name for name in WRITTEN if layout_of(name).half is not None])
def test_what_is_a_half_is_of_its_layout(name: LayoutName) -> None:
    """Whichever value of a record is wrong: a half that no other record of its kind is like would wait in vain."""
    layout = layout_of(name)
    assert layout.half is not None
    records = [record for record in records_of(name) if isinstance(record, dict)]
    wrong: tuple[Any, ...] = (None, "x", [], ...)
    changes = [changed(record, path, value) for record in records for path in places(record) for value in wrong]
    halves = [record for record in [*records, *changes] if layout.half(record) is not None]
    assert all(layout.is_meant(record) for record in halves)
    if name != "torchserve":  # whose records are of the access log, and whole
        assert halves
