"""What the exporter itself wrote, and a disk gave back otherwise: baselines and state files."""

from __future__ import annotations

import logging
import random
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from fuzzing.target import Target
from prediction_exporter import baseline
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.state import FILE_NAME, State, StoredBucket, StoredModel
from prediction_exporter.errors import BaselineError, StateError
from watched import save_baseline

_MODEL = "m"
_MOST_CHARACTERS = 10_000  # of a message
_KEEP = {"1h": 0, "24h": 0}


def _baseline(folder: Path, colors: int) -> Path:
    path = folder / f"baseline-{colors}.json"
    save_baseline(path, colors=[f"color {n}" for n in range(colors)], rows=200, seed=colors)
    return path


def _baselines(folder: Path) -> list[bytes]:
    return [_baseline(folder, colors).read_bytes() for colors in (1, 2, 9)]


def _mutated_baseline(folder: Path) -> Callable[[bytes], None]:
    known = {loaded.hash: loaded for loaded in (baseline.load(_baseline(folder, colors)) for colors in (1, 2, 9))}
    file = folder / "mutated.json"

    def check(data: bytes) -> None:
        file.write_bytes(data)
        try:
            loaded = baseline.load(file)
        except BaselineError as error:
            _judge_message(str(error), f"{file}: ")
            return
        same = known[loaded.hash]  # another content with a hash that fits would be a wonder
        assert loaded.layout.digest == same.layout.digest
        assert _equal(loaded.profile, same.profile), "a damaged baseline is used"
        assert loaded.task == same.task

    return check


def _judge_message(message: str, beginning: str) -> None:
    assert message.startswith(beginning), message
    assert len(message) < _MOST_CHARACTERS
    message.encode()  # can be printed


def _equal(one: Profile, other: Profile) -> bool:
    pairs = ((one.counts, other.counts), (one.sums, other.sums), (one.extremes, other.extremes))
    return all(np.array_equal(mine, others, equal_nan=mine.dtype.kind == "f") for mine, others in pairs)


# State files


def _stored(layout: Layout, count: int) -> tuple[StoredModel, list[StoredBucket]]:
    """Return what is stored of a model after so many hours."""
    rng = random.Random(count)
    buckets = []
    for hour in range(count):
        for window in _KEEP:
            for version in ("1", "2"):
                profile = Profile.empty(layout)
                profile.counts[:] = [rng.randrange(1000) for _ in range(layout.width)]
                profile.sums[:] = rng.random()
                buckets.append(StoredBucket(version, "all", window, 3600 * hour, profile))
    return StoredModel("app.log", f'{{"offset": {count}}}', {"events": 17 * count, "newest": 3600.0 * count}), buckets


def _write(folder: Path, layout: Layout, count: int) -> bytes:
    shutil.rmtree(folder, ignore_errors=True)
    state = State(folder)
    stored, buckets = _stored(layout, count)
    state.commit(_MODEL, stored, layout, buckets, keep_from=_KEEP, claim=state.claim(_MODEL))
    state.close()
    return (folder / FILE_NAME).read_bytes()


def _layout(folder: Path) -> Layout:
    return baseline.load(_baseline(folder, 2)).layout


_HOURS = (0, 1, 12)


def _states(folder: Path) -> list[bytes]:
    layout = _layout(folder)
    return [_write(folder / "state", layout, hours) for hours in _HOURS]


def _mutated_state(folder: Path) -> Callable[[bytes], None]:
    layout = _layout(folder)
    known = {stored.position: (stored, _by_key(buckets)) for stored, buckets in (_stored(layout, hours) for hours in _HOURS)}
    place = folder / "mutated"

    def check(data: bytes) -> None:
        # Each damage is told there, a thousand times; for as long as the law runs, or other tests would hear nothing.
        told = logging.getLogger("prediction_exporter.counting")
        former = told.level
        told.setLevel(logging.CRITICAL)
        try:
            judge(data)
        finally:
            told.setLevel(former)

    def judge(data: bytes) -> None:
        for recover in (False, True):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            (place / FILE_NAME).write_bytes(data)
            try:
                state = State(place, models=[_MODEL], recover=recover)
            except StateError as error:
                _judge_message(str(error), f"{place / FILE_NAME}: ")
                assert not recover or "newer release" in str(error), f"is not recovered: {error}"  # noqa: PT017 - of one input
                continue
            try:
                _judge(state, layout, known, empty=not data)
                stored, buckets = _stored(layout, 1)
                state.commit(_MODEL, stored, layout, buckets, keep_from=_KEEP, claim=state.claim(_MODEL))
            finally:
                state.close()

    return check


def _judge(
    state: State, layout: Layout, known: Mapping[str | None, tuple[StoredModel, Mapping[object, Profile]]], *, empty: bool
) -> None:
    damaged: Mapping[str, int] = {}
    try:
        stored = state.load(_MODEL)
        found = _by_key(state.buckets(_MODEL, layout))
    except StateError:
        return
    finally:
        damaged = state.damage(_MODEL)
    if stored is None:
        assert damaged or empty, "a model is lost without a word"
        assert not found, "windows of a model without a position"
        return
    same, buckets = known[stored.position]
    assert stored == same, "a damaged position or counter is used"
    for key, profile in found.items():
        assert _equal(profile, buckets[key]), f"a damaged window is used: {key}"
    assert len(found) == len(buckets) or damaged, "windows are lost without a word"


def _by_key(buckets: Iterable[StoredBucket]) -> dict[object, Profile]:
    return {(b.version, b.segment, b.window, b.start): b.profile for b in buckets}


BASELINES = Target(
    name="baseline",
    what="damaged baselines: refused, or the same",
    samples=_baselines,
    open=_mutated_baseline,
    tokens=(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"null",
        b"-1",
        b"1e999",
        b"NaN",
        b'"hash"',
        b'"edges"',
        b'"counts"',
        b"9" * 30,
        b"\xff",
        b"\\u0000",
    ),
)
STATES = Target(
    name="state",
    what="damaged state files: refused or recovered, no wrong figure, no loss without a word",
    samples=_states,
    open=_mutated_state,
    tokens=(
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"SQLite format 3\0",
        b"app.log",
        b'{"offset": 1}',
        b"1h",
        b"24h",
        b"\0\0\x10\0",
        b"model",
        b"bucket",
    ),
)
