"""Both ways of reading JSON lines, and every mixture of them, against a slow reader of a line at a time."""

from __future__ import annotations

import gzip
import json
import math
import random
import re
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prediction_exporter.counting.events import Events, ValueState
from prediction_exporter.counting.layout import Kind
from prediction_exporter.sources import json_reader
from prediction_exporter.sources.fields.schema import ColumnField, EventSchema
from prediction_exporter.sources.fields.schema import Path as FieldPath
from prediction_exporter.sources.fields.steps import ONLY, OfLabel
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.times import NO_TIME

SCHEMA = EventSchema(
    time=("ts",),
    id=("id",),
    version=("version",),
    latency=("took",),
    latency_unit="ms",
    status=("status",),
    columns=(
        ColumnField(name="amount", kind=Kind.NUMERIC, path=("features", "amount")),
        ColumnField(name="*", kind=Kind.NUMERIC, path=("features", "*")),
        ColumnField(name="dotted", kind=Kind.NUMERIC, path=("features", "a.b")),
        ColumnField(name="region", kind=Kind.CATEGORICAL, path=("features", "region")),
        ColumnField(name="deep", kind=Kind.NUMERIC, path=("features", "é", "^x$")),
        ColumnField(name="decision", kind=Kind.CATEGORICAL, path=("decision",)),
        ColumnField(name="score[0]", kind=Kind.NUMERIC, path=("score", 0)),
        ColumnField(name="score[1]", kind=Kind.NUMERIC, path=("score", 1)),
        ColumnField(name="classes.yes", kind=Kind.NUMERIC, path=("classes", OfLabel("yes", "label", "score"))),
        ColumnField(name="classes.2", kind=Kind.NUMERIC, path=("classes", OfLabel("2", "label", "score"))),
        ColumnField(name="batch.size", kind=Kind.NUMERIC, path=("batch", ONLY, "size")),
        ColumnField(name="batch.name", kind=Kind.CATEGORICAL, path=("batch", ONLY, "name")),
    ),
)
GOOD = {
    "ts": "2026-03-01T10:00:00.5Z",
    "id": "r1",
    "version": "1.2",
    "took": 12.5,
    "status": 200,
    "features": {"amount": 1.5, "*": 3, "a.b": -2, "region": "north", "é": {"^x$": 4}},
    "decision": True,
    "score": [0.25, 0.75],
    "classes": [{"label": "yes", "score": 0.875}, {"label": 2, "score": 0.125}],
    "batch": [{"size": 3, "name": "x"}],
}

# The slow reader: one line at a time, in plain Python.


def read_line(line: bytes) -> tuple[Any, ...] | str | None:  # noqa: PLR0911 - a return for each reason
    """Return an event's values and states, the reason for which the line is refused, or None for a blank line."""
    line = line.strip(b"\0")
    if not line.strip():
        return None
    try:
        event = json.loads(line.decode("utf-8-sig"), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    except UnicodeDecodeError:
        return "encoding"
    except (ValueError, RecursionError):
        wide = re.search(rb"([ -~\t]\0[ -~\t]\0[ -~\t]\0[ -~\t]\0)|([ -~\t]\0\0\0){3}", line[:200])
        return "malformed" if wide is None else "encoding"
    if not isinstance(event, dict):
        return "malformed"
    if event.get("ts") is None:
        return "missing_time"
    when = read_time(event["ts"])
    if when is None:
        return "invalid_time"
    if event.get("id") is None:
        return "missing_id"
    version = event.get("version")
    took, state = read_number(event.get("took"))
    return (
        when,
        None if isinstance(version, dict | list) else read_text(version),
        means_failure(event.get("status")),
        took * 0.001 if state is ValueState.VALID and took is not None and took >= 0 else None,
        *(
            read_number(at(event, field.path)) if field.kind is Kind.NUMERIC else read_category(at(event, field.path))
            for field in SCHEMA.columns
        ),
    )


def at(value: Any, path: FieldPath) -> Any:
    """Return what stands at a path; nothing stands inside of a value of another type."""
    for key in path:
        if isinstance(key, str):
            value = value.get(key) if isinstance(value, dict) else None
        elif isinstance(key, int):
            value = value[key] if isinstance(value, list) and len(value) > key else None
        elif isinstance(key, OfLabel):
            found = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
            value = next((item.get("score") for item in found if str(item.get("label")) == key.label), None)
        else:
            value = value[0] if isinstance(value, list) and len(value) == 1 else None
    return value


def read_time(value: Any) -> int | None:
    """Return microseconds since the epoch."""
    if isinstance(value, bool | dict | list):
        return None
    if isinstance(value, str):
        try:
            return round(Decimal(datetime.fromisoformat(value).timestamp()) * 1_000_000)
        except ValueError:
            pass
    number, state = read_number(value.strip().replace(",", ".", 1) if isinstance(value, str) else value)
    if state is not ValueState.VALID or number is None:
        return None
    for begin, end in ((1.97e7, 2.1e7), (1.97e11, 2.1e11), (1e13, 1e14), (1e16, 1e17), (1e19, math.inf)):
        if begin <= number < end:
            return read_digits(int(number))
    for bound, factor in ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (math.inf, 1e-3)):
        if abs(number) < bound:
            return int(number * factor) if abs(number * factor) < 2**62 else None
    return None


def read_digits(number: int) -> int | None:
    """Return microseconds since the epoch of a date that is written in digits alone."""
    digits = str(number)
    forms = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%f", 20: "%Y%m%d%H%M%S%f"}
    if len(digits) not in forms or not 1970 <= int(digits[:4]) < 2100:
        return None
    try:
        return round(datetime.strptime(digits, forms[len(digits)]).replace(tzinfo=UTC).timestamp() * 1e6)
    except ValueError:
        return None


def read_number(value: Any) -> tuple[float | None, ValueState]:  # noqa: PLR0911 - one for each state
    """Return a number and its state."""
    if value is None:
        return None, ValueState.MISSING
    if isinstance(value, bool | dict | list):
        return None, ValueState.INVALID
    if isinstance(value, str) and (not value.isascii() or any(c.isspace() or c == "_" or ord(c) < 32 for c in value)):
        return None, ValueState.INVALID
    try:
        number = float(value)
    except ValueError:
        return None, ValueState.INVALID
    except OverflowError:
        return None, ValueState.NON_FINITE
    if math.isnan(number):
        return None, ValueState.NAN
    return (number, ValueState.VALID) if math.isfinite(number) else (None, ValueState.NON_FINITE)


def read_category(value: Any) -> Any:
    """Return the text of a category; of an object, a list and a text that begins like one only that they are one."""
    text = read_text(value) if not isinstance(value, dict | list) else "{"
    return "a container" if text is not None and text[:1] in ("[", "{") else text


def read_text(value: Any) -> str | None:
    """Return a scalar's text."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if isinstance(value, float):
        text = format(Decimal(repr(value)), "f")
        return text.removesuffix(".0")
    return "".join("?" if 0xD800 <= ord(c) < 0xE000 else c for c in str(value))


def means_failure(value: Any) -> bool:
    """Return whether a status is that of a failed request."""
    if value is None or value in ([], {}):
        return False
    if isinstance(value, dict | list):
        return True
    text = str(read_text(value))
    if text.strip(" ").lower() in ("", "ok", "okay", "success", "succeeded", "successful", "false", "none", "null", "nan"):
        return False
    try:
        return not (float(text) == 0 or 100 <= float(text) < 500)
    except ValueError:
        return True


# What the parser gives, in the same form.


def rows_of(events: Events) -> list[tuple[Any, ...]]:
    """Return events as the slow reader gives them."""
    columns = []
    for field in SCHEMA.columns:
        values, states = events.columns[field.name], events.states.get(field.name)
        if field.kind is Kind.CATEGORICAL:
            assert states is None
            assert values.dtype == pl.String
            columns.append(["a container" if v is not None and v[:1] in ("[", "{") else v for v in values.to_list()])
            continue
        assert values.dtype == pl.Float64
        found = [(None if v is None else v) for v in values.to_list()]
        missing = [ValueState.MISSING if v is None else ValueState.VALID for v in found]
        columns.append(list(zip(found, missing if states is None else map(ValueState, states.tolist()), strict=True)))
    assert events.latencies is not None
    latencies = [None if math.isnan(v) else v for v in events.latencies.tolist()]
    return list(zip(events.times.tolist(), events.versions.to_list(), events.failed.tolist(), latencies, *columns, strict=True))


def outcome(parser: JsonLinesParser, chunks: Iterable[bytes]) -> tuple[Counter[tuple[Any, ...]], Counter[str]]:
    """Return what a parser makes of chunks: events and refusals, counted."""
    events: Counter[tuple[Any, ...]] = Counter()
    refused: Counter[str] = Counter()
    for chunk in chunks:
        batch = parser.parse(chunk)
        for part in batch.events:
            events.update(rows_of(part))
        refused.update(batch.rejected.counts)
    return events, refused


def expected(lines: Iterable[bytes]) -> tuple[Counter[tuple[Any, ...]], Counter[str]]:
    """Return what the slow reader makes of lines."""
    events: Counter[tuple[Any, ...]] = Counter()
    refused: Counter[str] = Counter()
    for line in lines:
        row = read_line(line)
        if isinstance(row, str):
            refused[row] += 1
        elif row is not None:
            events[row] += 1
    return events, refused


def agree(lines: list[bytes], parser: JsonLinesParser | None = None, *, chunk: int | None = None) -> None:
    """Check the parser against the slow reader, the lines being cut into chunks."""
    chunk = chunk or len(lines)
    chunks = [b"".join(line + b"\n" for line in lines[i : i + chunk]) for i in range(0, len(lines), chunk)]
    assert outcome(parser or JsonLinesParser(SCHEMA), chunks) == expected(lines)


# Hostile lines.

SCALARS = [
    *("0", "1", "-0", "-0.0", "1.0", "1.50", "1e5", "1E-7", "5e-324", "1e-400", "1e400", "-1e400", "1.7976931348623157e308"),
    *(str(n) for n in (2**53 + 1, -(2**53) - 1, 2**63, 2**64 + 1, 10**25, 10**309, -(10**400))),
    *("true", "false", "null", "NaN", "Infinity", "-Infinity", " NaN ", "-NaN", "nan", "0.1234567890123456789", "1e22", "1e23"),
    *('""', '" "', '"0"', '"12.5"', '" 12.5"', '"1_000"', '"+1"', '".5"', '"1."', '"1,5"', '"0x10"', '"007"', '"1e400"'),
    *('"NaN"', '"nan"', '"inf"', '"-Infinity"', '"Infinity"', '"true"', '"n/a"', '"None"', '"null"', '"9007199254740993"'),
    *('"é"', r'"\u00e9\/\n"', r'"\ud83d\ude00"', r'"\ud800"', r'"a\udc00b"', r'"\ud800\uffff"', r'"\\ud800"', r'"\u0000"'),
    *(
        '":NaN,"',
        '"[ NaN ]"',
        '"x: Infinity}"',
        '"\u2028"',
        '"😀"',
        '"OK"',
        '"500"',
        '"503 Service"',
        '"error"',
        '"2026-03-01"',
    ),
    *("200", "404", "499.5", "500", "599", "-3", "1772359200", "1772359200123", "1772359200123456", "1772359200123456789"),
    *('"1772359200"', '" 1772359200.25 "', '"2026-03-01T10:00:00+05:30"', '"2026-03-01 10:00:00"', '"2026-13-01T10:00:00Z"'),
]
CONTAINERS = ["{}", "[]", "[1]", "[0.5, 0.5]", "[0.5, null]", '["0.5", 1]', "[[1]]", "[NaN, 1]", "[true]", '["a", {}]']
CONTAINERS += ['[{"label": "yes", "score": 1}]', '[{"score": "0.5", "label": "2"}, {"label": "yes"}]', '[{"label": "yes"}, 5]']
CONTAINERS += ['[{"label": 2, "score": 0.5, "x": [{}]}, {"label": 2, "score": 1}]', '[{"label": null, "score": NaN}]', "[null]"]
CONTAINERS += ['[{"size": "5", "name": 7}]', '[{"size": 1}, {"size": 2}]', '[{"name": ["x"]}]', '[{"size": null}, null]']
CONTAINERS += ['{"amount": 1}', '{"amount": "2", "*": null}', '{"^x$": 5}', '{"^x$": "5", "^x$": 6}', '{"é": 1}', "[{}]"]
BROKEN = [
    "",
    "01",
    "+1",
    ".5",
    "1.",
    "tru",
    "'x'",
    '"',
    '"\\x"',
    '"\x01"',
    "[1,]",
    "{",
    "}",
    "1 2",
    "--1",
    "nul",
    '"\t"',
    "[" * 3,
]
KEYS = ["ts", "id", "version", "took", "status", "features", "decision", "score", "note", "classes", "batch"]
INNER = ["amount", "*", "a.b", "region", "é", "note"]

scalars = st.sampled_from(SCALARS) | st.floats(allow_nan=False, allow_infinity=False).map(repr)
scalars |= st.integers(-(10**30), 10**30).map(str) | st.text(max_size=8).map(json.dumps)
anything = scalars | st.sampled_from(CONTAINERS)


def key(text: str, *, escaped: bool) -> str:
    """Return a key as JSON, perhaps with its first character escaped."""
    return f'"\\u{ord(text[0]):04x}{text[1:]}"' if escaped else json.dumps(text, ensure_ascii=False)


@st.composite
def lines_of_json(draw: st.DrawFn) -> bytes:
    """Draw an object of the schema in which any value may be any other, or stand twice, or not at all."""
    inner = {json.dumps(name, ensure_ascii=False): json.dumps(value) for name, value in GOOD["features"].items()}  # type: ignore[attr-defined]  # an object
    pairs = [(json.dumps(name), json.dumps(value)) for name, value in GOOD.items() if name != "features"]
    changed = draw(st.lists(st.tuples(st.sampled_from(INNER), st.booleans(), anything), max_size=3))
    inner_pairs = list(inner.items()) + [(key(name, escaped=escaped), value) for name, escaped, value in changed]
    pairs.append(('"features"', "{" + ",".join(f"{k}:{v}" for k, v in draw(st.permutations(inner_pairs))) + "}"))
    pairs += [
        (key(name, escaped=escaped), value)
        for name, escaped, value in draw(st.lists(st.tuples(st.sampled_from(KEYS), st.booleans(), anything), max_size=3))
    ]
    pairs = draw(st.permutations(pairs))
    pairs = pairs[: draw(st.integers(0, 3)) * -1 or None]
    space = draw(st.sampled_from(["", " ", "\t", "  \t "]))
    return ("{" + f",{space}".join(f"{k}{space}:{v}{space}" for k, v in pairs) + "}").encode("utf-8", "surrogatepass")


@st.composite
def odd_lines(draw: st.DrawFn) -> bytes:  # noqa: PLR0911 - a return for each kind
    """Draw a line that is no object of the schema, or hardly."""
    good = json.dumps(GOOD).encode()
    kind = draw(st.integers(0, 8))
    if kind == 0:
        return draw(
            st.sampled_from([b"", b" \t", b"\r", b"\x0b", b"\x00", b"{}", b"[]", b"null", b"5", b'"x"', b"INFO: started"])
        )
    if kind == 1:
        return good.replace(b"12.5", draw(st.sampled_from(BROKEN)).encode())
    if kind == 2:
        return good + draw(st.sampled_from([b"\r", b" ", b"}", b",", b"\x00", good, b" " + good, b"//", b"\x0c"]))
    if kind == 3:
        return draw(st.sampled_from([b"\xef\xbb\xbf", b"\xff", b" ", b"[", b","])) + good
    if kind == 4:
        return good.replace(
            b"north", draw(st.sampled_from([b"\xff", b"\xed\xa0\x80", b"\xc3", b"x" * 50_000, b"\xe2\x82\xac"]))
        )
    if kind == 5:
        depth = draw(st.sampled_from([5, 200, 3000]))
        return good.replace(b"12.5", b'1, "note": ' + b"[" * depth + b"]" * depth)
    if kind == 6:
        return good[: draw(st.integers(0, len(good)))]
    if kind == 7:
        return good.replace(b'"r1"', b"9" * draw(st.sampled_from([300, 4000, 5000])) + b".5")
    return draw(st.binary(max_size=30)).replace(b"\n", b"")


SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@SETTINGS
@given(st.lists(lines_of_json() | odd_lines(), min_size=1, max_size=12), st.integers(1, 12), st.booleans())
def test_every_line_is_read_as_the_slow_reader_reads_it(lines: list[bytes], chunk: int, time_is_text: bool) -> None:
    """Values, states and refusals agree, and every line is counted once."""
    events, refused = outcome(JsonLinesParser(SCHEMA, time_is_text=time_is_text), [b"\n".join(lines)])
    assert (events, refused) == expected(lines)
    assert events.total() + refused.total() == sum(1 for line in lines if line.strip(b"\0").strip())
    agree(lines, chunk=chunk)


@SETTINGS
@given(st.lists(lines_of_json() | odd_lines(), min_size=1, max_size=3), lines_of_json(), st.integers(0, 60))
@example([b""], b'{"ts":"2026-03-01T10:00:00Z","features":{"\xc3\xa9":{"^x$":"5"}}}', 0)  # a name that looks like a pattern
def test_what_was_learnt_changes_nothing(odd: list[bytes], teacher: bytes, position: int) -> None:
    """A parser that has seen other lines, whatever it learnt of them, reads lines as a fresh one does."""
    parser = JsonLinesParser(SCHEMA)
    for _ in range(2):
        parser.parse((teacher + b"\n") * 3)
    lines = [json.dumps(GOOD).encode()] * 60
    lines[position:position] = odd
    agree(lines, parser)


@pytest.mark.parametrize("size", [1, 2, 47, 48, 49, 50, 400, 5000])
@pytest.mark.parametrize("share", [0.0, 0.002, 0.3])
def test_bad_lines_at_random_places(size: int, share: float) -> None:
    """A chunk with bad lines loses these lines alone, however they are spread."""
    rng = random.Random(size)
    bad = [b"{", b'{"ts": x}', b"[]", b"text between", b'{"ts": "\xff"}', b'{"ts": "2026-03-01T10:00:00Z"}', b"{} {}"]
    good = json.dumps(GOOD).encode()
    lines = [rng.choice(bad) if rng.random() < share else good.replace(b"1.5", b"%d.5" % n) for n in range(size)]
    agree(lines)
    agree(lines, chunk=rng.randint(1, size))


def test_all_ways_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bad line in many: the chunk is divided, most lines are read by polars and few one by one."""
    asked: list[int] = []
    one_by_one: list[bytes] = []
    read_ndjson, parse_lines = pl.read_ndjson, json_reader.parse_lines

    def counting_read(source: Any, **options: Any) -> pl.DataFrame:
        asked.append(source.getvalue().count(b"\n"))
        return read_ndjson(source, **options)

    def counting_parse(lines: Iterable[bytes], rejected: Any) -> Iterable[Mapping[str, Any]]:
        one_by_one.extend(lines)
        return parse_lines(one_by_one, rejected)

    monkeypatch.setattr(pl, "read_ndjson", counting_read)
    monkeypatch.setattr(json_reader, "parse_lines", counting_parse)
    lines = [json.dumps(GOOD).encode()] * 4999
    lines.insert(3000, b'{"ts":')
    agree(lines)
    assert asked[0] == 5000
    assert 10 < len(asked) < 60
    assert 1 <= len(one_by_one) <= json_reader.SLOW_LINES + 1


@pytest.mark.parametrize("habit", ['"12.5"', "NaN", "-Infinity", "true"])
@pytest.mark.parametrize("name", ["took", "amount", "note", "score"])
def test_habits_are_learnt(habit: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a logger writes in every line is read the fast way from the second chunk on, except what has no other reading."""
    value = f"[{habit}, 0.5]" if name == "score" else habit
    line = json.dumps({**GOOD, "note": 1})
    old = {"took": '"took": 12.5', "amount": '"amount": 1.5', "note": '"note": 1', "score": '"score": [0.25, 0.75]'}[name]
    assert old in line
    lines = [line.replace(old, f'"{name}": {value}').encode()] * 100
    parser = JsonLinesParser(SCHEMA)
    agree(lines, parser)
    slow: list[bytes] = []
    parse_lines = json_reader.parse_lines

    def noting_parse(lines: Iterable[bytes], rejected: Any) -> Iterable[Mapping[str, Any]]:
        slow.extend(lines)
        return parse_lines(slow, rejected)

    monkeypatch.setattr(json_reader, "parse_lines", noting_parse)
    agree(lines, parser)
    assert not slow


def test_a_panic_of_polars_is_a_failed_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A panic in polars, which is no Exception, costs the fast way and not the process."""

    def panic(*_: Any, **__: Any) -> pl.DataFrame:
        raise pl.exceptions.PanicException("index out of bounds")

    monkeypatch.setattr(pl, "read_ndjson", panic)
    agree([json.dumps(GOOD).encode()] * 200)


def test_fuzzed_bytes() -> None:
    """Lines with bytes changed, inserted, removed and moved at random are read as the slow reader reads them."""
    rng = random.Random(7)
    seeds = [json.dumps(GOOD, ensure_ascii=False).encode(), json.dumps(GOOD).encode()]
    pool = bytes(range(256)).replace(b"\n", b"") + b'"{}[]:,\\u0eE+-. ' * 12
    for _ in range(150):
        lines = []
        for _ in range(20):
            line = bytearray(rng.choice(seeds))
            for _ in range(rng.choice([0, 1, 1, 2, 5])):
                place = rng.randrange(len(line))
                match rng.randrange(4):
                    case 0:
                        line[place] = rng.choice(pool)
                    case 1:
                        line.insert(place, rng.choice(pool))
                    case 2:
                        del line[place : place + rng.randint(1, 4)]
                    case _:
                        other = rng.randrange(len(line))
                        line[place:place] = line[other : other + rng.randint(1, 20)]
            lines.append(bytes(line))
        agree_where_times_do(lines)


def agree_where_times_do(lines: list[bytes]) -> None:
    """Check lines, but for the leniency of polars with dates, which test_times is about."""
    got_events, got_refused = outcome(JsonLinesParser(SCHEMA), [b"\n".join(lines)])
    want_events, want_refused = expected(lines)
    timely = ("missing_id", "invalid_time")
    assert {k: v for k, v in got_refused.items() if k not in timely} == {
        k: v for k, v in want_refused.items() if k not in timely
    }
    assert got_events.total() + got_refused.total() == want_events.total() + want_refused.total()


@pytest.mark.parametrize("compress", [gzip.compress, *(partial(zlib.compress, level=level) for level in (0, 1, 6, 9))])
def test_compressed_bytes_in_a_log_are_no_lines(compress: Callable[[bytes], bytes]) -> None:
    """They are not decompressed, whatever stands in them and wherever a chunk begins."""
    good = json.dumps(GOOD).encode()
    odd = compress(good * 100).split(b"\n")
    agree([*odd, *[good] * 60])
    agree([good, *odd, good], chunk=1)


def test_ten_thousand_brackets_and_huge_lines_do_not_hurt() -> None:
    """Deep nesting is malformed, an enormous string is a string."""
    good = json.dumps(GOOD).encode()
    for depth in (10_000, 100_000):
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            agree([good, good.replace(b"12.5", opening * depth + b"1" + closing * depth), b"[" * depth, good])
    agree([good, good.replace(b"north", b"n" * 3_000_000), good])


def test_one_bad_line_costs_little() -> None:
    """A bad line among 20,000 costs a few times the clean chunk at most."""
    lines = [json.dumps({**GOOD, "took": n}).encode() for n in range(20_000)]
    clean = b"\n".join(lines)
    lines[12_345] = b'{"ts":'
    bad = b"\n".join(lines)

    def seconds(data: bytes) -> float:
        parser = JsonLinesParser(SCHEMA)
        best = math.inf
        for _ in range(3):
            start = time.process_time()
            parser.parse(data)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(bad) < 4 * seconds(clean) + 0.05


def parse(*events: dict[str, Any], schema: EventSchema = SCHEMA) -> Events:
    """Parse events."""
    batch = JsonLinesParser(schema).parse("".join(json.dumps(event) + "\n" for event in events).encode())
    assert not batch.rejected.total
    [parsed] = batch.events
    return parsed


@pytest.mark.parametrize(
    ("status", "failed"),
    [
        *((200, False), (404, False), (499, False), (500, True), (503, True), ("500", True), ("200", False), (0, False)),
        *((1, True), (True, True), (False, False), (None, False), ("", False), ("OK", False), ("error", True), ("None", False)),
        *(("Success", False), ({"code": 3}, True), ({}, False), ([], False), (["x"], True), (-1, True), ("nan", False)),
    ],
)
def test_status(status: Any, failed: bool) -> None:
    """A server error, or a field that is set, is a failed request."""
    assert parse({**GOOD, "status": status}).failed.tolist() == [failed]


@pytest.mark.parametrize(("unit", "seconds"), [("s", 12.5), ("ms", 0.0125), ("us", 12.5e-6), ("ns", 12.5e-9)])
def test_latency_units(unit: str, seconds: float) -> None:
    """Durations are converted to seconds; negative ones are unknown."""
    schema = EventSchema(time=("ts",), columns=(), latency=("took",), latency_unit=unit)
    latencies = parse(GOOD, {**GOOD, "took": -1}, {**GOOD, "took": 0}, {**GOOD, "took": None}, schema=schema).latencies
    assert latencies is not None
    np.testing.assert_allclose(latencies, [seconds, np.nan, 0.0, np.nan])
    assert parse(GOOD, schema=EventSchema(time=("ts",), columns=())).latencies is None


def test_refused_lines_have_telling_examples() -> None:
    """The example of a missing field is its name, that of a bad one what stands there."""
    lines = [b'{"ts": null}', b'{"ts": "yesterday"}', b'{"ts": 1772359200}', b"no JSON", b'"\xff"']
    examples = JsonLinesParser(SCHEMA).parse(b"\n".join(lines)).rejected.examples
    assert examples == {
        "missing_time": "no ts",
        "invalid_time": "yesterday",
        "missing_id": "no id",
        "malformed": "no JSON",
        "encoding": '"\\xff"',
    }


def test_a_field_in_two_roles() -> None:
    """The time, and a field that is read as text, may be numeric columns as well."""
    columns = tuple(
        ColumnField(name=name, kind=kind, path=("ts",)) for name, kind in (("n", Kind.NUMERIC), ("c", Kind.CATEGORICAL))
    )
    schema = EventSchema(time=("ts",), id=("ts",), columns=columns)
    parser = JsonLinesParser(schema, time_is_text=False)
    [events] = parser.parse(b'{"ts": 1772359200}\n').events
    assert events.columns["n"].to_list() == [1772359200.0]
    assert events.columns["c"].to_list() == ["1772359200"]
    assert events.times.tolist() == [1772359200_000_000]
    assert events.times[0] != NO_TIME


def test_list_items_of_two_kinds() -> None:
    """Items of a list that are read as text and as numbers do not hinder each other."""
    columns = (
        ColumnField(name="a", kind=Kind.NUMERIC, path=("x", 0)),
        ColumnField(name="b", kind=Kind.CATEGORICAL, path=("x", 1)),
    )
    schema = EventSchema(time=("ts",), columns=columns)
    events = parse({"ts": 1772359200, "x": [1.5, "a"]}, {"ts": 1772359200, "x": [2, 7]}, schema=schema)
    assert events.columns["a"].to_list() == [1.5, 2.0]
    assert events.columns["b"].to_list() == ["a", "7"]
