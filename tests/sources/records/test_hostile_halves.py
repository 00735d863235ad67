"""Records that are no halves, or claim to be: each is a half, skipped, or refused for a reason, read at once or one by one."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from halves import configuration
from prediction_exporter.config import Predictions
from prediction_exporter.counting.state import State, StoredModel
from prediction_exporter.counting.state_days import HALVES
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.records.joining import Joiner, joiner_of
from prediction_exporter.sources.sieve import Sieve
from watched import Watched

JOIN = "{id: meta.id, request: \"kind = 'request' or kind = 'both'\", response: \"kind = 'response' or kind = 'both'\"}"

#: Ids as they are written, and as what they are known; None where they are none.
IDS: list[tuple[bytes, str | None]] = [
    (b'"a"', "a"),
    (b'"\\u0061"', "a"),
    (b"1", "1"),
    (b'"1"', "1"),
    (b"1.0", "1"),
    (b"-7", "-7"),
    (b"12345678901234567890123", "12345678901234567890123"),
    (b"true", "true"),
    (b'"\xc3\xa9 \xf0\x9f\x98\x80"', "é 😀"),
    (b'"x\\u0000y"', "x\0y"),
    (b'"' + b"long" * 50_000 + b'"', "long" * 50_000),
    (b'["trace", 1]', '["trace", 1]'),
    (b'[ "trace",1 ]', '["trace", 1]'),
    (b'"[ not a list"', "[ not a list"),
    (b'{"of": "b"}', '{"of": "b"}'),
    (b"null", None),
    (b'""', None),
    (b'" "', None),
    (b'"-"', None),
    (b'"None"', None),
    (b"NaN", None),
]

#: Lines that are no halves, and what becomes of each: skipped where that is no reason.
OTHERS: list[tuple[bytes, str]] = [
    (b'{"kind": "both", "meta": {"id": "a"}}', "both_sides"),
    (b'{"kind": "neither", "meta": {"id": "a"}}', "skipped"),
    (b'{"kind": ["request"], "meta": {"id": "a"}}', "skipped"),
    (b'{"meta": {"id": "a"}}', "skipped"),
    (b"{}", "skipped"),
    (b'{"kind": "request"}', "missing_id"),
    (b'{"kind": "request", "meta": "a"}', "missing_id"),
    (b'{"kind": "request", "meta": []}', "missing_id"),
    (b'{"kind": "request", "meta": {"id": "\xff"}}', "encoding"),
    (b'{"kind": "request", "meta": {"id": "a"', "malformed"),
    (b'{"kind": "request", "meta": {"id": "a"}} {}', "malformed"),
    (b'[{"kind": "request", "meta": {"id": "a"}}]', "malformed"),
    (b"request a", "malformed"),
    (b"[" * 3000, "malformed"),
    (b'{"kind": "request", "meta": {"id": ' + b"[" * 3000 + b"]" * 3000 + b"}}", "malformed"),
    (b'\0{"kind": "neither"}\0', "skipped"),
    (b"\xef\xbb\xbf{}", "skipped"),
    (b"", "nothing"),
]


def hostile(chance: random.Random, count: int) -> Iterator[tuple[bytes, tuple[str, str] | str]]:
    """Yield lines, and which half each is by id and side, or what becomes of it."""
    for number in range(count):
        if chance.random() < 0.3:
            yield chance.choice(OTHERS)
            continue
        written, name = chance.choice(IDS)
        side = chance.choice(["request", "response"])
        flat = chance.random() < 0.3
        at = b'"meta.id": %b' % written if flat else b'"meta": {"id": %b, "id": "twice"}' % written
        yield b'{"kind": "%b", %b, "n": %d}' % (side.encode(), at, number), "missing_id" if name is None else (name, side)


def expected(lines: list[tuple[bytes, tuple[str, str] | str]]) -> tuple[list[tuple[bytes, bytes]], dict[str, int], int]:
    """Return the pairs of lines, what is refused, and how many are skipped: the later of two with the same id counts."""
    waits: dict[str, tuple[str, bytes]] = {}
    pairs, refused, skipped = [], dict[str, int](), 0
    for text, what in lines:
        if isinstance(what, str):
            skipped += what == "skipped"
            if what not in ("skipped", "nothing"):
                refused[what] = refused.get(what, 0) + 1
            continue
        name, side = what
        other_side, other = waits.pop(name, ("", b""))
        if other_side == side:
            refused["same_id"] = refused.get("same_id", 0) + 1
        if other_side in ("", side):
            waits[name] = side, text
        else:
            pairs.append((text, other) if side == "request" else (other, text))
    return pairs, refused, skipped


@pytest.fixture
def predictions(tmp_path: Path) -> Predictions:
    """Return how predictions are read."""
    text = configuration('log: {path: "*.jsonl", start: beginning}', join=JOIN)
    return Watched(tmp_path).configure(text).models[0].predictions


def joined(joiner: Joiner, blocks: list[bytes], rejected: Rejected) -> tuple[list[tuple[bytes, bytes]], int]:
    """Return the pairs that blocks of lines make, and how many lines are skipped."""
    found = [joiner.join(block, rejected) for block in blocks]
    return [pair for one in found for pair in one.pairs], sum(one.skipped for one in found)


@pytest.mark.parametrize("seed", range(4))
def test_each_is_a_half_or_skipped_or_refused(tmp_path: Path, predictions: Predictions, seed: int) -> None:
    """Whether lines are read together or one by one, from memory or from the state file; nothing is raised."""
    chance = random.Random(seed)
    lines = list(hostile(chance, 300))
    pairs, refused, skipped = expected(lines)
    assert len(pairs) > 20
    together = b"".join(line + b"\n" for line, _ in lines)
    for way, blocks in (("together", [together]), ("one by one", [line + b"\n" for line, _ in lines])):
        with closing(State(tmp_path / way, models=["m"])) as state:
            joiner, rejected = joiner_of(predictions, state.kept("m", HALVES), lambda: 1000.0), Rejected()
            assert joiner is not None
            assert joined(joiner, blocks, rejected) == (pairs, skipped), way
            assert rejected.counts == refused, way
    cut = chance.randrange(300)
    with closing(State(tmp_path / "state", models=["m"])) as state:
        joiner, rejected = joiner_of(predictions, state.kept("m", HALVES), lambda: 1000.0), Rejected()
        assert joiner is not None
        found: list[tuple[bytes, bytes]] = []
        for part in (lines[:cut], lines[cut:]):
            found += joined(joiner, [b"".join(line + b"\n" for line, _ in part)], rejected)[0]
            with state.step("m", claim=state.claim("m")) as step:
                joiner.halves.put(step)
                step.commit(StoredModel("log", "1", {}), None, (), keep_from={})
            joiner.halves.restore(resumed=True)
        assert found == pairs
        assert rejected.counts == refused


def test_what_is_joined_is_a_record_of_both(predictions: Predictions) -> None:
    """However odd its two lines were."""
    joiner, rejected = joiner_of(predictions, None, lambda: 1000.0), Rejected()
    assert joiner is not None
    odd = b'\0\xef\xbb\xbf{"kind": "request", "meta": {"id": 1}, "x": NaN}\r\n  {"meta.id": "1", "kind": "response"} \t\n'
    ((request, response),), _ = joined(joiner, [odd], rejected)
    both = json.loads(b'{"request":%b,"response":%b}' % (request, response))
    assert (both["request"]["kind"], both["response"]["kind"]) == ("request", "response")
    assert rejected.total == 0


@pytest.mark.parametrize("condition", ["h.k = 'x' AND h IS NOT NULL", "h IS NOT NULL AND h.k = 'x'"])
def test_a_condition_may_name_a_field_and_another_inside_of_it(tmp_path: Path, condition: str) -> None:
    """In whatever order: no schema has both, so that lines are parsed; as in ``where``, of which the same is true."""
    join = f'{{id: h.id, request: "{condition}", response: "h.k = \'y\'"}}'
    text = configuration('log: {path: "*.jsonl", start: beginning}', join=join)
    joiner, rejected = joiner_of(Watched(tmp_path).configure(text).models[0].predictions, None, lambda: 1000.0), Rejected()
    assert joiner is not None
    lines = [b'{"h": {"k": "%b", "id": 1}}' % kind for kind in (b"x", b"y", b"z")]
    assert joined(joiner, [b"\n".join(lines)], rejected) == ([(lines[0], lines[1])], 1)
    chosen = Filter.written(condition, key="where")
    assert chosen is not None
    assert Sieve(chosen).sift(b"\n".join(lines)) == (lines[0] + b"\n", 2)
