"""The state file: what is committed is there, whole or not at all."""

from __future__ import annotations

import errno
import json
import shutil
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from prediction_exporter.counting import state as state_module
from prediction_exporter.counting import state_database as database
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.state import FILE_NAME, State, StoredBucket, StoredModel, SupersededError, pack, unpack
from prediction_exporter.counting.state_database import LOCK_NAME
from prediction_exporter.errors import StateError

NUMBER = Column(name="x", role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0, 1.0), drift_edges=(1.0,))
TEXT = Column(name="c", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("a", "b"))
LAYOUT = Layout([NUMBER, TEXT])
OTHER_LAYOUT = Layout([TEXT])
STORED = StoredModel("app.log", '{"offset": 7}', {"events": 3, "versions": {"ü\n": 1.5}})


def bucket(start: int, *, window: str = "1h", version: str = "1", rows: int = 1, layout: Layout = LAYOUT) -> StoredBucket:
    """Return a bucket with so many rows."""
    profile = Profile.empty(layout)
    profile.counts[layout.rows_slot] = rows
    return StoredBucket(version, "all", window, start, profile)


def found(state: State, layout: Layout = LAYOUT, model: str = "m") -> dict[tuple[str, str, int], int]:
    """Return the rows of the stored buckets."""
    return {(b.version, b.window, b.start): b.profile.rows for b in state.buckets(model, layout)}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """Open a state file."""
    opened = State(tmp_path)
    yield opened
    opened.close()


PROFILES = st.builds(
    lambda counts, sums, extremes: Profile(LAYOUT, counts, sums, extremes),
    arrays.arrays(np.int64, LAYOUT.width, elements=st.integers(0, 2**62)),
    arrays.arrays(np.float64, (2, 1), elements=st.floats(width=64)),
    arrays.arrays(np.float64, (2, 1), elements=st.floats(width=64)),
)


@given(PROFILES)
def test_packing_keeps_every_bit(profile: Profile) -> None:
    """Also of infinities and NaN; what comes back can be added to."""
    again = unpack(LAYOUT, pack(profile))
    for name in ("counts", "sums", "extremes"):
        one, other = getattr(profile, name), getattr(again, name)
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes()
    again.add(profile)


def test_a_profile_of_another_layout_is_refused() -> None:
    """Its length tells."""
    with pytest.raises(StateError, match="a stored profile has"):
        unpack(OTHER_LAYOUT, pack(Profile.empty(LAYOUT)))


def test_a_commit_is_there_after_reopening(tmp_path: Path) -> None:
    """Position, counters and buckets of each model, the last ones."""
    state = State(tmp_path)
    assert state.load("m") is None
    claim, other = state.claim("m"), state.claim("n")
    state.commit("m", STORED, LAYOUT, [bucket(60), bucket(120)], keep_from={"1h": 0}, claim=claim)
    state.commit("m", STORED, LAYOUT, [bucket(120, rows=2)], keep_from={"1h": 0}, claim=claim)
    state.commit("n", StoredModel("x", None, {}), None, [], keep_from={"1h": 0}, claim=other)
    state.close()
    state = State(tmp_path)
    assert state.load("m") == STORED
    assert state.load("n") == StoredModel("x", None, {})
    assert found(state) == {("1", "1h", 60): 1, ("1", "1h", 120): 2}
    assert found(state, model="n") == {}
    state.close()


def test_old_buckets_other_windows_and_other_layouts_are_deleted(state: State) -> None:
    """What no window holds any more is gone with the next commit, of this model alone."""
    claim, other = state.claim("m"), state.claim("n")
    state.commit("n", STORED, LAYOUT, [bucket(0)], keep_from={"1h": 0}, claim=other)
    buckets = [bucket(0), bucket(60), bucket(60, window="24h")]
    state.commit("m", STORED, LAYOUT, buckets, keep_from={"1h": 0, "24h": 0}, claim=claim)
    state.commit("m", STORED, LAYOUT, [], keep_from={"1h": 60}, claim=claim)
    assert found(state) == {("1", "1h", 60): 1}
    state.commit("m", STORED, OTHER_LAYOUT, [bucket(60, layout=OTHER_LAYOUT)], keep_from={"1h": 0}, claim=claim)
    assert found(state) == {}
    assert found(state, OTHER_LAYOUT) == {("1", "1h", 60): 1}
    state.commit("m", STORED, None, [], keep_from={"1h": 0}, claim=claim)
    assert found(state, OTHER_LAYOUT) == {}
    assert found(state, model="n") == {("1", "1h", 0): 1}


def test_a_commit_that_fails_changes_nothing(state: State) -> None:
    """Neither the position nor the buckets before the one that failed."""
    claim = state.claim("m")
    state.commit("m", STORED, LAYOUT, [bucket(60)], keep_from={"1h": 0}, claim=claim)
    after = StoredModel("app.log", "further", {"events": 99})
    broken = StoredBucket("1", "all", "1h", "not a number", Profile.empty(LAYOUT))  # type: ignore[arg-type]  # it is what is refused
    with pytest.raises(sqlite3.IntegrityError):
        state.commit("m", after, LAYOUT, [bucket(120), broken], keep_from={"1h": 100}, claim=claim)
    assert state.load("m") == STORED
    assert found(state) == {("1", "1h", 60): 1}
    state.commit("m", after, LAYOUT, [], keep_from={"1h": 0}, claim=claim)
    assert state.load("m") == after


def test_a_claim_ends_the_former_one(state: State) -> None:
    """A thread that was given up cannot commit any more, nor after closing."""
    old, other = state.claim("m"), state.claim("n")
    new = state.claim("m")
    with pytest.raises(SupersededError, match="model m is watched by another thread"):
        state.commit("m", STORED, LAYOUT, [], keep_from={"1h": 0}, claim=old)
    assert state.load("m") is None
    state.commit("m", STORED, LAYOUT, [], keep_from={"1h": 0}, claim=new)
    state.commit("n", STORED, LAYOUT, [], keep_from={"1h": 0}, claim=other)
    state.close()
    with pytest.raises(SupersededError):
        state.commit("m", STORED, LAYOUT, [], keep_from={"1h": 0}, claim=new)


def test_a_second_exporter_on_the_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and can have the file when the first one has ended."""
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    first = State(tmp_path)
    for _ in range(2):
        with pytest.raises(StateError, match="another exporter uses it; each needs a state_dir of its own"):
            State(tmp_path)
    first.commit("m", STORED, None, [], keep_from={}, claim=first.claim("m"))
    first.close()
    State(tmp_path).close()


@pytest.mark.parametrize("size", [10, 5000])
def test_a_file_that_is_no_state_is_refused(tmp_path: Path, size: int) -> None:
    """The message says what to do, and the file is left as it is."""
    (tmp_path / FILE_NAME).write_bytes(b"nonsense! " * (size // 10))
    with pytest.raises(
        StateError, match=r"is no usable state file: .*; no position in it is whole. .* start with --state.recover"
    ):
        State(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == b"nonsense! " * (size // 10)


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    """The message names both versions."""
    State(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(
        StateError, match=r"has version 99, this exporter reads 2: a newer release .* move it away to start afresh"
    ):
        State(tmp_path)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """With the key of the configuration and the reason."""
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"state_dir: .*/file/state cannot be created: Not a directory"):
        State(tmp_path / "file" / "state")
    (tmp_path / "folder" / FILE_NAME).mkdir(parents=True)
    with pytest.raises(StateError, match=r"folder/prediction-exporter.db: cannot be opened: unable to open database file"):
        State(tmp_path / "folder")


def test_a_folder_without_access_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write everywhere, so the question alone is asked here."""
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(StateError, match=r"state_dir: files cannot be written in .*: it belongs to another user or is read-"):
        State(tmp_path)


# What may happen to the file, and other versions of it

FIRST_VERSION = """
CREATE TABLE model (name TEXT PRIMARY KEY, source TEXT NOT NULL, position TEXT, counters TEXT NOT NULL) STRICT;
CREATE TABLE bucket (
    model TEXT NOT NULL, layout TEXT NOT NULL, version TEXT NOT NULL, segment TEXT NOT NULL, window TEXT NOT NULL,
    start INTEGER NOT NULL, profile BLOB NOT NULL, PRIMARY KEY (model, version, segment, window, start)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
"""


def write_first_version(folder: Path, *, damaged: int = 0) -> None:
    """Write a file as the first release did; so many of its three buckets are damaged."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection, connection:
        connection.executescript(FIRST_VERSION)
        connection.execute("INSERT INTO model VALUES ('m', ?, ?, ?)", ("app.log", STORED.position, json.dumps(STORED.counters)))
        for number in range(3):
            packed = pack(bucket(60 * number, rows=number + 1).profile)
            blob = packed[:-1] if number < damaged else packed
            connection.execute("INSERT INTO bucket VALUES ('m', ?, '1', 'all', '1h', ?, ?)", (LAYOUT.digest, 60 * number, blob))


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_file_of_the_first_version_is_taken_over(tmp_path: Path, damaged: int) -> None:
    """Position, counters and windows; what is damaged in it is found by its compression, and told once."""
    write_first_version(tmp_path, damaged=damaged)
    for lost in (damaged, 0):
        with closing(State(tmp_path, models=["m"])) as state:
            assert state.load("m") == STORED
            assert found(state) == {("1", "1h", 60 * number): number + 1 for number in range(damaged, 3)}
            assert state.damage("m").get("window", 0) == lost
            state.commit("m", STORED, LAYOUT, [], keep_from={"1h": 0}, claim=state.claim("m"))


def test_one_bit_of_the_version_is_no_other_version(tmp_path: Path) -> None:
    """It stands a second time in the file."""
    State(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {2 | 1 << 20}")
    State(tmp_path).close()


def test_models_that_are_not_configured_any_more_are_deleted(tmp_path: Path) -> None:
    """At a start and at a reload; whoever still watches one cannot bring it back."""
    with closing(State(tmp_path)) as state:
        for model in "abc":
            state.commit(model, STORED, LAYOUT, [bucket(0)], keep_from={"1h": 0}, claim=state.claim(model))
    with closing(State(tmp_path, models=["a", "b"])) as state:
        left_behind = state.claim("b")
        assert [name for name in "abc" if state.load(name)] == ["a", "b"]
        state.keep(["a"])
        assert [name for name in "abc" if state.load(name)] == ["a"]
        assert found(state, model="b") == {}
        with pytest.raises(SupersededError):
            state.commit("b", STORED, None, [], keep_from={}, claim=left_behind)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        assert connection.execute("SELECT DISTINCT model FROM bucket").fetchall() == [("a",)]


def test_a_full_disk_is_told_and_nothing_is_half_stored(state: State) -> None:
    """What was committed stays, and the next commit that finds room succeeds."""
    claim = state.claim("m")
    state.commit("m", STORED, LAYOUT, [bucket(60)], keep_from={"1h": 0}, claim=claim)
    large = StoredModel("app.log", "x" * 1_000_000, {})
    with state._file.use() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 10}")
    for _ in range(2):
        with pytest.raises(StateError, match=r"prediction-exporter.db: the disk is full; make room"):
            state.commit("m", large, LAYOUT, [bucket(120)], keep_from={"1h": 0}, claim=claim)
        assert state.load("m") == STORED
        assert found(state) == {("1", "1h", 60): 1}
    with state._file.use() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    state.commit("m", large, LAYOUT, [bucket(120)], keep_from={"1h": 0}, claim=claim)
    assert state.load("m") == large


@pytest.mark.parametrize("what", [[FILE_NAME], [f"{FILE_NAME}-wal"], [FILE_NAME, f"{FILE_NAME}-wal", LOCK_NAME], None])
def test_a_file_that_is_deleted_while_it_is_in_use_is_written_anew(tmp_path: Path, what: list[str] | None) -> None:
    """With all that it held, as its folder is; a process that is killed afterwards finds it."""
    folder, killed = tmp_path / "state", tmp_path / "killed"
    with closing(State(folder)) as state:
        claim = state.claim("m")
        state.commit("m", STORED, LAYOUT, [bucket(60)], keep_from={"1h": 0}, claim=claim)
        if what is None:
            shutil.rmtree(folder)
        for name in what or ():
            (folder / name).unlink()
        state.commit("m", STORED, LAYOUT, [bucket(120)], keep_from={"1h": 0}, claim=claim)
        shutil.copytree(folder, killed)
        with pytest.raises(StateError, match="another exporter uses it"):
            State(folder)
    for left in (killed, folder):
        with closing(State(left)) as again:
            assert found(again) == {("1", "1h", 60): 1, ("1", "1h", 120): 1}


def test_a_file_that_takes_the_place_of_one_in_use_is_left_alone(tmp_path: Path) -> None:
    """A backup that is put back while the exporter runs is neither overwritten nor passed over in silence."""
    folder, copy = tmp_path / "state", tmp_path / "copy"
    with closing(State(folder)) as state:
        claim = state.claim("m")
        state.commit("m", STORED, LAYOUT, [bucket(60)], keep_from={"1h": 0}, claim=claim)
        copy.mkdir()
        state.backup(copy)
        (copy / FILE_NAME).replace(folder / FILE_NAME)
        with pytest.raises(StateError, match="another file was put in its place while it was in use"):
            state.commit("m", STORED, LAYOUT, [bucket(120)], keep_from={"1h": 0}, claim=claim)
    with closing(State(folder)) as again:
        assert found(again) == {("1", "1h", 60): 1}


def test_a_file_system_without_such_locks_is_left_to_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems know the one kind and not the other."""
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", fail)
    with closing(State(tmp_path)), pytest.raises(StateError, match="another exporter uses it"):
        State(tmp_path)


@pytest.mark.parametrize("place", ["/proc/nope", "/sys/nope", "/proc/self/fd", "/dev/null"])
def test_no_state_is_kept_where_no_file_can_be(place: str) -> None:
    """The message names the key and the folder."""
    with pytest.raises(StateError, match=f"state_dir: .*{place}"):
        State(Path(place))


def test_all_buckets_come_back_however_many_are_read_at_a_time(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pages end amid versions, segments, windows and times; also where nobody has checked them yet."""
    monkeypatch.setattr(state_module, "PAGE_BUCKETS", 2)
    stored = [
        bucket(start, window=window, version=version)
        for version in "12"
        for window in ("1h", "24h")
        for start in (60, 120, 180)
    ]
    stored += [replace(one, segment="c=a") for one in stored[:3]]
    state.commit("m", STORED, LAYOUT, stored, keep_from={"1h": 0, "24h": 0}, claim=state.claim("m"))
    for _ in range(2):
        keys = [(b.version, b.segment, b.window, b.start) for b in state.buckets("m", LAYOUT)]
        assert sorted(keys) == keys
        assert sorted((b.version, b.segment, b.window, b.start) for b in stored) == keys


def test_memory_does_not_grow_with_the_buckets(state: State) -> None:
    """Those that are stored and those that are read are not held at once."""
    edges = tuple(map(float, range(2000)))
    wide = Layout([Column(name="x", role=Role.FEATURE, kind=Kind.NUMERIC, edges=edges, drift_edges=(1.0,))])
    random = np.random.default_rng(1)

    def many() -> Iterator[StoredBucket]:
        for start in range(400):
            counts = random.integers(0, 2**62, wide.width)
            yield StoredBucket("1", "all", "1h", start, Profile(wide, counts, np.zeros((2, 1)), np.zeros((2, 1))))

    tracemalloc.start()
    try:
        state.commit("m", STORED, wide, many(), keep_from={"1h": 0}, claim=state.claim("m"))
        assert sum(b.start for b in state.buckets("m", wide)) == sum(range(400))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 400 * 8 * wide.width / 2
