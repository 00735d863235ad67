"""A damaged state file: every figure is right, or it is dropped and that is said; nothing ends in a traceback."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from prediction_exporter.baseline import load
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.state import FILE_NAME, State, StoredModel
from prediction_exporter.errors import StateError
from prediction_exporter.monitor.backups import Backups
from processes import Exporter
from watched import NOW, Watched, config_text, model_text, read, total

PAGE = 4096
MINUTES = 12
LINES = 25 * MINUTES
MODEL = model_text(more="baseline: baseline.json\nsegments: [color]")
SEED = 11

#: A bucket by version, segment, window and start, and the bytes of its profile.
Buckets = dict[tuple[str, str, str, int], bytes]


def buckets_of(state: State, layout: Layout) -> Buckets:
    """Return the stored buckets."""
    return {
        (b.version, b.segment, b.window, b.start): b"".join(
            part.tobytes() for part in (b.profile.counts, b.profile.sums, b.profile.extremes)
        )
        for b in state.buckets("m", layout)
    }


@dataclass(frozen=True)
class Stored:
    """A folder with a state of two versions and three segments, and what it holds."""

    watched: Watched
    whole: bytes
    buckets: Buckets
    model: StoredModel
    layout: Layout

    @property
    def folder(self) -> Path:
        """The state's folder."""
        return self.watched.folder / "state"

    @property
    def file(self) -> Path:
        """The state's file."""
        return self.folder / FILE_NAME

    def put(self, data: bytes) -> None:
        """Put these bytes in the place of the state."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        self.file.write_bytes(data)

    def judge(self) -> str:
        """Open the state; return what came of it after checking that nothing is wrong with what is there."""
        try:
            state = State(self.folder, models=["m"])
        except StateError as error:
            assert "--state.recover" in str(error)  # noqa: PT017 - most damage does not come to this
            State(self.folder, models=["m"], recover=True).close()
            return "refused"
        with closing(state):
            try:
                found = state.load("m")
            except StateError as error:
                assert "--state.recover" in str(error)  # noqa: PT017 - as above
                return "refused"
            assert found == self.model
            there = buckets_of(state, self.layout)
            assert there.items() <= self.buckets.items()
            lost = len(self.buckets) - len(there) + (state.evidence("m", self.layout) is None)
            assert state.damage("m").get("window", 0) == lost
            claim = state.claim("m")
            state.commit("m", found, self.layout, [], keep_from={"1h": 0, "24h": 0}, claim=claim)
            return "dropped" if lost else "whole"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """A state that was closed."""
    watched = Watched(tmp_path_factory.mktemp("stored"))
    loaded = watched.configure(config_text(MODEL))
    monitor = watched.start(loaded)
    for _ in range(MINUTES):
        watched.log(15, version="1")
        watched.log(10, version="2")
        read(monitor, watched.clock)
        watched.clock.now += 60
    monitor.close()
    assert watched.state is not None
    layout = load(watched.folder / "baseline.json").layout
    buckets, model = buckets_of(watched.state, layout), watched.state.load("m")
    watched.state.close()
    assert model is not None
    # Two versions, each whole and by two colors, in as many minutes and in one quarter of an hour.
    assert len(buckets) == 2 * 3 * (MINUTES + 1)
    return Stored(watched, (watched.folder / "state" / FILE_NAME).read_bytes(), buckets, model, layout)


def flipped(data: bytes, at: int, bit: int) -> bytes:
    """Return bytes with one bit that is another."""
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def damages(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Yield files with one damage each, in every page."""
    chance = random.Random(SEED)
    for begin in range(0, len(data), PAGE):
        yield "flip", begin, flipped(data, begin + chance.randrange(12), chance.randrange(8))  # the page's own header
        yield "flip", begin, flipped(data, begin + chance.randrange(PAGE), chance.randrange(8))
        yield "cut", begin, data[: begin + chance.randrange(1, PAGE)]
        yield "zeros", begin, data[:begin] + bytes(PAGE) + data[begin + PAGE :]
        yield "noise", begin, data[:begin] + chance.randbytes(PAGE) + data[begin + PAGE :]


def test_damage_in_any_page_costs_what_it_hit_and_is_told(stored: Stored) -> None:
    """Bits, pages and ends: what is there afterwards is right, what is not is counted, and the next start finds it whole."""
    came: dict[str, list[str]] = {}
    for kind, begin, data in damages(stored.whole):
        stored.put(data)
        (stored.folder / f"{FILE_NAME}.new").touch()  # as somebody left it who was killed while doing what is done now
        outcome = stored.judge()
        assert not (stored.folder / f"{FILE_NAME}.new").exists()
        came.setdefault(kind, []).append(outcome)
        if outcome != "refused":
            with closing(State(stored.folder, models=["m"])) as again:
                assert not again.damage("m"), (kind, begin)
    for kind, outcomes in came.items():
        assert len(outcomes) > 10
        assert "dropped" in outcomes, (kind, outcomes)
        # One page never stops the model: its position is on two. What is cut short has neither, at the file's beginning.
        assert kind == "cut" or "refused" not in outcomes, (kind, outcomes)
    assert "refused" not in came["cut"][8:]


def test_any_byte_of_the_header_may_be_damaged(stored: Stored) -> None:
    """It says nothing that cannot be known without it."""
    chance = random.Random(SEED)
    for at in range(0, 100, 3):
        stored.put(flipped(stored.whole, at, chance.randrange(8)))
        assert stored.judge() == "whole", at


def test_rows_of_another_moment_are_told_apart(stored: Stored) -> None:
    """A page of an older copy, whose checksums are right, is not counted beside a newer position."""
    stored.put(stored.whole)
    with closing(sqlite3.connect(stored.file)) as connection, connection:
        connection.execute("CREATE TABLE former AS SELECT * FROM bucket WHERE start = ? AND window = '1h'", (int(NOW),))
    with closing(State(stored.folder)) as state:
        kept = [b for b in state.buckets("m", stored.layout) if (b.start, b.window) == (int(NOW), "1h")]
        for bucket in kept:
            bucket.profile.counts[stored.layout.rows_slot] += 1
        state.commit("m", stored.model, stored.layout, kept, keep_from={"1h": 0, "24h": 0}, claim=state.claim("m"))
    with closing(sqlite3.connect(stored.file)) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO bucket SELECT * FROM former")
    assert len(kept) == 6
    with closing(State(stored.folder)) as state:
        assert len(buckets_of(state, stored.layout)) == len(stored.buckets) - len(kept)
        assert state.damage("m") == {"window": len(kept)}


def running_copy(watched: Watched, target: Path) -> None:
    """Copy a state as a process that is killed leaves it: the newest commits are in the log beside the file."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(watched.folder / "state", target)


def test_a_damaged_write_ahead_log_costs_commits_and_no_count(tmp_path: Path) -> None:
    """The last commits are gone, whole, and their lines are read again."""
    watched = Watched(tmp_path)
    loaded = watched.configure()
    monitor = watched.start(loaded)
    for _ in range(5):
        watched.log(20)
        read(monitor, watched.clock)
    monitor.close()
    assert watched.state is not None
    killed, log = tmp_path / "killed", f"{FILE_NAME}-wal"
    running_copy(watched, killed)
    data = (killed / log).read_bytes()
    assert len(data) > 10 * PAGE
    chance = random.Random(SEED)
    logs = [flipped(data, begin + chance.randrange(PAGE), 3) for begin in range(0, len(data) - PAGE, 4 * PAGE)]
    logs += [data[: len(data) // 2], b"", chance.randbytes(len(data)), data + chance.randbytes(3 * PAGE)]
    for damaged in logs:
        watched.state.close()
        running_copy_back(killed, watched, log, damaged)
        series = read(watched.start(loaded), watched.clock)[1]
        assert (total(series, "model_requests_total"), total(series, "model_window_predictions", window="1h")) == (100, 100)
        assert total(series, "prediction_exporter_state_damaged_total") == 0


def running_copy_back(killed: Path, watched: Watched, log: str, data: bytes) -> None:
    """Put a killed process's state back, with another log and nonsense where shared memory would be."""
    folder = watched.folder / "state"
    shutil.rmtree(folder)
    shutil.copytree(killed, folder)
    (folder / log).write_bytes(data)
    (folder / f"{FILE_NAME}-shm").write_bytes(data[::-1])


def test_an_empty_file_begins_anew_and_says_so(stored: Stored, caplog: pytest.LogCaptureFixture) -> None:
    """A first start that was killed leaves one; with a log beside it, it is what is left of a damaged file."""
    stored.put(b"")
    with closing(State(stored.folder)) as state:
        assert state.load("m") is None
    assert "is empty; begins as if nothing had been counted" in caplog.text
    stored.put(b"")
    (stored.folder / f"{FILE_NAME}-wal").write_bytes(b"x" * 100)
    with pytest.raises(StateError, match=r"is no usable state file: it is empty.*--state.recover"):
        State(stored.folder)


def break_position(file: Path, model: str) -> None:
    """Change a stored position and its spare without their checksums."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for table in ("model", "spare"):
            assert connection.execute(f"UPDATE {table} SET position = '{{}}' WHERE name = ?", (model,)).rowcount == 1


TWO = model_text("a", "a.log"), model_text("b", "b.log")


def test_a_damaged_position_stops_its_model_alone_until_it_is_told_to_go_on(tmp_path: Path) -> None:
    """It then begins as if it were new: its log is counted once more from nothing, by counters that begin at 0."""
    watched = Watched(tmp_path)
    watched.configure(config_text(*TWO))
    for log in ("a.log", "b.log"):
        watched.clock.now = time.time()
        watched.log(30, to=log)
    exporter = Exporter(watched.file)
    exporter.start()
    assert exporter.stop() == 0
    break_position(tmp_path / "state" / FILE_NAME, "a")
    exporter.start()
    assert exporter.total("prediction_exporter_source_up", model="a") == 0
    assert exporter.total("model_requests_total", model="b") == 30
    assert exporter.stop() == 0
    assert "position and counters of model a are damaged" in exporter.log.read_text()
    assert "start with --state.recover" in exporter.log.read_text()
    assert "Traceback" not in exporter.log.read_text()
    exporter.arguments = ("--state.recover",)
    for _ in range(2):
        exporter.start()
        for model, damaged in (("a", 1), ("b", 0)):
            assert exporter.total("model_requests_total", model=model) == 30
            assert exporter.total("prediction_exporter_state_damaged_total", model=model, part="position") == damaged
        assert exporter.stop() == 0
    assert "model a: its position and counters are damaged; it begins as if it were new" in exporter.log.read_text()


def test_what_is_no_database_is_refused_by_the_command_and_recovered_from(tmp_path: Path) -> None:
    """Exit code 2 and what to do, without a traceback; what was there is kept beside."""
    watched = Watched(tmp_path)
    watched.clock.now = time.time()
    watched.configure()
    watched.log(10)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / FILE_NAME).write_bytes(b"nonsense! " * 2000)
    exporter = Exporter(watched.file)
    exporter.start(ready=False)
    assert exporter.process is not None
    assert exporter.process.wait(30) == 2
    assert exporter.log.read_text().endswith("every model begins then as if it were new, with its counters at 0\n")
    assert "Traceback" not in exporter.log.read_text()
    exporter.arguments = ("--state.recover",)
    exporter.start()
    assert exporter.total("model_requests_total") == 10
    assert exporter.total("prediction_exporter_state_damaged_total", part="position") == 1
    assert exporter.stop() == 0
    assert (tmp_path / "state" / f"{FILE_NAME}.damaged").read_bytes() == b"nonsense! " * 2000


def test_damage_while_it_runs_is_mended(stored: Stored) -> None:
    """The model fails once, and goes on from what is whole."""
    stored.put(stored.whole)
    with closing(State(stored.folder, models=["m"])) as state:
        one = next(iter(state.buckets("m", stored.layout)))  # the first time they have just been checked
        with state._file.use() as connection:
            key = (one.version, one.segment, one.window, one.start)
            connection.execute("UPDATE bucket SET profile = x'00' WHERE (version, segment, window, start) = (?, ?, ?, ?)", key)
        with pytest.raises(StateError, match="windows of model m were damaged"):
            list(state.buckets("m", stored.layout))
        assert len(list(state.buckets("m", stored.layout))) == len(stored.buckets) - 1
        assert state.load("m") == stored.model
        assert state.damage("m") == {"window": 1}


def test_a_backup_of_a_running_exporter_is_restored_as_after_a_crash(tmp_path: Path) -> None:
    """It is a state file like any other: what the log has beyond it is read again, once."""
    watched = Watched(tmp_path)
    watched.configure(config_text(interval="1s"))
    watched.clock.now = time.time()
    watched.log(20)
    folder = tmp_path / "backup"
    exporter = Exporter(watched.file, arguments=("--state.backup-dir", str(folder), "--state.backup-interval", "1h"))
    exporter.start()
    exporter.wait_for((folder / FILE_NAME).exists, "backed up")
    watched.log(30)
    exporter.wait_for(lambda: exporter.total("model_requests_total") == 50, "read")
    exporter.kill()
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]
    shutil.rmtree(tmp_path / "state")
    shutil.copytree(folder, tmp_path / "state")
    with closing(State(tmp_path / "state")) as state:
        restored = state.load("m")
    assert restored is not None
    assert restored.counters["events"] == 20
    exporter.start()
    assert exporter.total("model_requests_total") == 50
    assert exporter.total("model_window_predictions", window="1h", segment="all") == 50
    assert exporter.stop() == 0
    assert exporter.log.read_text().count("backup of the state written") == 1  # a restart does not put it off, nor repeat it


def test_a_backup_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """At the start, and not at the first backup."""
    with closing(State(tmp_path / "state")) as state:
        with pytest.raises(StateError, match=r"--state.backup-dir: .*state is the folder of the state itself"):
            Backups(state, tmp_path / "state", 60)
        (tmp_path / "file").touch()
        with pytest.raises(StateError, match=r"--state.backup-dir: .*file cannot be created: File exists"):
            Backups(state, tmp_path / "file", 60)
