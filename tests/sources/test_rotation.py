"""Every line is delivered exactly once, whatever happens to the files and to the process that reads them."""

from __future__ import annotations

import bz2
import gzip
import json
import logging
import lzma
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import blake2b
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest
import zstandard

from prediction_exporter.sources.content import Content
from prediction_exporter.sources.discovery import File
from prediction_exporter.sources.streams import Stream
from prediction_exporter.sources.tail import Tail
from prediction_exporter.sources.tracker import Tracker
from prediction_exporter.sources.wrappers import Wrapper

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}
SCENARIOS = 400
STEPS = 40
LIMIT = 2000
MARK = 10  # bytes at both ends of a line that name it


class Clock:
    """Time that can be moved ahead; it starts at the real time, as the files' time stamps do."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return time.time() + self.ahead


def docker(text: bytes, stream: str, *, ends: bool) -> bytes:
    """Return a record of Docker's json-file driver."""
    return json.dumps({"log": text.decode() + "\n" * ends, "stream": stream, "time": "t"}).encode() + b"\n"


def cri(text: bytes, stream: str, *, ends: bool) -> bytes:
    """Return a record of a CRI runtime."""
    return b"2026-01-01T00:00:00.000000001Z %s %s %s\n" % (stream.encode(), b"F" if ends else b"P", text)


class Log:
    """A writer, and the rotation of its log."""

    def __init__(self, folder: Path, rng: random.Random, wrapper: Wrapper) -> None:
        self.path = folder / "app.log"
        self.rng = rng
        self.wrapper = wrapper
        self.naming = rng.choice(["app.log.{}", "app-{}.log", "app.log-202601{:02}"])
        self.file = self.path.open("ab", buffering=0)
        self.expected: Counter[bytes] = Counter()
        self.oversized = 0
        self.lines = 0
        self.rotations = 0
        self.rest: tuple[bytes, bytes, list[bytes]] | None = None  # written, to be written, the lines they make
        self.old: Path | None = None  # where a writer that has not reopened its log still writes
        self.copy: Path | None = None  # a copy in progress
        self.compressing: tuple[Path, Path, bytes] | None = None

    # The writer.

    def write(self) -> None:
        """Append some lines; any may be cut in the middle until the next is written."""
        for _ in range(self.rng.randint(1, 6)):
            self.finish_line()
            lines = [self.line()] if self.wrapper == "none" or self.rng.random() < 0.7 else [self.line(), self.line()]
            raw = self.wrap(lines)
            cut = self.rng.randint(MARK, len(raw) - MARK) if self.rng.random() < 0.3 else len(raw)
            self.file.write(raw[:cut])
            self.rest = raw[:cut], raw[cut:], lines
            if cut == len(raw):
                self.finish_line()

    def line(self) -> bytes:
        """Return a new line; also its beginning and its end are unlike those of any other."""
        self.lines += 1
        size = self.rng.choice([0, 0, 5, 100, 1000, 1500, 1500, 3000])
        return b"%09d:%s:%09d\n" % (self.lines, bytes(self.rng.choices(b'abcde"\\\r ', k=size)), self.lines)

    def wrap(self, lines: list[bytes]) -> bytes:
        """Return the bytes that a container runtime writes for lines printed at the same time on different streams."""
        if self.wrapper == "none":
            return lines[0]
        record, pending = docker if self.wrapper == "docker" else cri, []
        for stream, line in zip(("stdout", "stderr"), lines, strict=False):
            size = self.rng.choice([100, 700, 1300, 5000])
            texts = [line[at : min(at + size, len(line) - 1)] for at in range(0, len(line) - 1, size)]
            pending.append([record(text, stream, ends=text is texts[-1]) for text in texts])
        raw = b""
        while any(pending):
            raw += self.rng.choice([records for records in pending if records]).pop(0)
        return raw

    def finish_line(self) -> None:
        """Write what is missing of the last lines."""
        if self.rest is not None:
            _, rest, lines = self.rest
            self.file.write(rest)
            self.expect(lines)
            self.rest = None

    def expect(self, lines: list[bytes]) -> None:
        """Note what must be delivered."""
        for line in lines:
            if len(line) - 1 > LIMIT:
                self.oversized += 1
            else:
                self.expected[line] += 1

    def begun(self) -> Counter[bytes]:
        """Return what may be delivered by now: of two lines that are written at the same time one may be complete."""
        return self.expected + Counter(self.rest[2] if self.rest else [])

    def reopen(self) -> None:
        """Finish the line and turn to the new file, if the log was renamed."""
        if self.old is not None:
            self.finish_line()
            self.file.close()
            self.file = self.path.open("ab", buffering=0)
            self.old = None

    # The rotation.

    def rename(self) -> None:
        """Rotate by renaming; the writer reopens its log at once or later."""
        self.finish_copy()
        if self.old is None:
            self.old = self.make_room()
            self.path.rename(self.old)
            if self.rng.random() < 0.3:
                self.path.touch()
            if self.rng.random() < 0.6:
                self.reopen()

    def begin_copy(self) -> None:
        """Begin to rotate by copying and truncating."""
        self.finish_copy()
        if self.old is None:
            self.copy = self.make_room()
            data = self.path.read_bytes()
            self.copy.write_bytes(data[: self.rng.choice([0, 10, len(data) // 2, len(data)])])
            if self.rng.random() < 0.5:
                self.finish_copy()

    def finish_copy(self) -> None:
        """Complete the copy and truncate; a line that was cut in the middle becomes two."""
        if self.copy is None:
            return
        if self.wrapper != "none":
            self.finish_line()
        with self.copy.open("r+b") as copy:
            copy.write(self.path.read_bytes())
        if self.rng.random() < 0.5:
            shutil.copystat(self.path, self.copy)
        os.truncate(self.path, 0)
        self.copy = None
        if self.rest is not None:
            written, rest, _ = self.rest
            self.file.write(rest)
            self.expect([written + b"\n", rest])
            self.rest = None
        if self.rng.random() < 0.5:
            self.write()

    def make_room(self) -> Path:
        """Return the name for the next rotated file; numbers are shifted."""
        self.finish_compression()
        self.rotations += 1
        if "202601" in self.naming:
            return self.named(self.rotations)
        for number in range(self.rotations, 0, -1):
            for extension in ("", *PACK):
                source = self.named(number, extension)
                if source.exists():
                    source.rename(self.named(number + 1, extension))
        return self.named(1)

    def named(self, number: int, extension: str = "") -> Path:
        """Return the name of a rotated file."""
        return self.path.with_name(self.naming.format(number) + extension)

    def rotated(self) -> list[Path]:
        """Return the rotated files that nobody writes to."""
        return sorted(path for path in self.path.parent.iterdir() if path not in (self.path, self.old, self.copy))

    def compress(self) -> None:
        """Compress a rotated file, or begin to."""
        self.finish_compression()
        plain = [path for path in self.rotated() if path.suffix not in PACK]
        if plain:
            source = self.rng.choice(plain)
            extension = self.rng.choice(list(PACK))
            data = PACK[extension](source.read_bytes())
            target = source.with_name(source.name + extension)
            target.write_bytes(data[: self.rng.choice([0, len(data) // 3, len(data) - 3])])
            self.compressing = source, target, data
            if self.rng.random() < 0.5:
                self.finish_compression()

    def finish_compression(self) -> None:
        """Write the rest of the compressed file and delete the plain one."""
        if self.compressing is not None:
            source, target, data = self.compressing
            target.write_bytes(data)
            if self.rng.random() < 0.5:
                shutil.copystat(source, target)
            source.unlink()
            self.compressing = None

    def delete(self) -> None:
        """Delete some of the old files."""
        self.finish_compression()
        for path in self.rotated():
            if self.rng.random() < 0.5:
                path.unlink()

    def settle(self) -> None:
        """Complete what was begun."""
        self.finish_copy()
        self.finish_line()
        self.reopen()
        self.finish_compression()


class Reader:
    """A process that stores its position together with what it counts, and dies now and then."""

    def __init__(self, pattern: str, rng: random.Random, wrapper: Wrapper, clock: Clock) -> None:
        self.pattern, self.rng, self.clock = pattern, rng, clock
        self.wrapper: Wrapper | None = None if rng.random() < 0.5 else wrapper
        # Records of a logical line that do not fit into a chunk are given up, so chunks are small without wrapper only.
        self.chunk = rng.choice([1, 300, 5000, 1 << 20] if wrapper == "none" else [20_000, 1 << 20])
        self.seen: Counter[bytes] = Counter()
        self.rejected: Counter[str] = Counter()
        self.stored: str | None = None
        self.tail = self.new()

    def new(self) -> Tail:
        """Return a reader as the process starts with."""
        return Tail(
            self.pattern,
            start="beginning",
            wrapper=self.wrapper or "auto",
            max_line_bytes=LIMIT,
            chunk_bytes=self.chunk,
            clock=self.clock,
        )

    def restart(self) -> None:
        """Die and start again at the stored position."""
        self.tail.close()
        self.tail = self.new()
        self.tail.restore(self.stored)

    def read(self, batches: int | None = None) -> None:
        """Read all, or only some batches."""
        for number, lines in enumerate(self.tail.read()):
            assert lines.data.endswith(b"\n") or not lines.data
            self.seen.update(line + b"\n" for line in lines.data.split(b"\n")[:-1])
            self.rejected.update(lines.rejected.counts)
            self.stored = self.tail.position()
            if number + 1 == batches:
                return
        self.stored = self.tail.position()

    def crash(self) -> None:
        """Die after some batches."""
        self.read(self.rng.randint(1, 3))
        self.restart()


class Scenario:
    """A log and its reader, and what can happen to them."""

    def __init__(self, folder: Path, seed: int) -> None:
        rng = random.Random(seed)
        wrapper: Wrapper = rng.choice(["none", "none", "docker", "cri"])
        self.rng, self.clock = rng, Clock()
        self.log = Log(folder, rng, wrapper)
        pattern = rng.choice(["app.log", "app.log", "app*", "**/app.log*"])
        self.reader = Reader(str(folder / pattern), rng, wrapper, self.clock)

    def wait(self) -> None:
        """Let time pass, but not over a line that its writer has not finished."""
        if self.log.rest is None:
            self.clock.ahead += 61

    def clean(self) -> None:
        """Delete old files when all was read."""
        self.reader.read()
        if self.complete():
            self.log.delete()
            self.reader.read()

    def complete(self) -> bool:
        """Return whether all lines were delivered."""
        return self.reader.seen == self.log.expected and self.reader.rejected["oversized"] == self.log.oversized

    def step(self) -> None:
        """Let something happen."""
        log, reader = self.log, self.reader
        often = [log.write] * 5 + [reader.read] * 4 + [reader.crash] * 3 + [log.compress] * 2
        self.rng.choice([*often, log.rename, log.begin_copy, log.reopen, reader.restart, self.wait, self.clean])()

    def finish(self) -> None:
        """Let everything come to rest."""
        self.log.settle()
        for _ in range(3):
            self.reader.read()
            self.clock.ahead += 61
        self.log.file.close()


@pytest.mark.parametrize("seed", range(SCENARIOS))
def test_every_line_is_delivered_exactly_once(seed: int, tmp_path: Path) -> None:
    """Random writing, rotation, compression, deletion and crashes lose nothing and repeat nothing."""
    scenario = Scenario(tmp_path, seed)
    scenario.reader.read()
    for _ in range(STEPS):
        scenario.step()
        assert not scenario.reader.seen - scenario.log.begun()
    scenario.finish()
    assert scenario.reader.seen == scenario.log.expected
    assert scenario.reader.rejected == Counter(oversized=scenario.log.oversized)
    assert scenario.reader.tail.unread_bytes() == 0
    assert len(scenario.reader.tail.position()) < 30_000
    scenario.reader.tail.close()


def append(path: Path, data: bytes) -> None:
    """Write more to a file."""
    with path.open("ab") as file:
        file.write(data)


def read(tail: Tail) -> bytes:
    """Return all bytes that a read delivers."""
    return b"".join(lines.data for lines in tail.read())


class Case:
    """A log that is being followed, and its reader."""

    def __init__(self, folder: Path, pattern: str = "app.log", content: bytes = b"one\n") -> None:
        self.path = folder / "app.log"
        self.pattern = str(folder / pattern)
        self.clock = Clock()
        self.path.write_bytes(content)
        self.tail = Tail(self.pattern, start="beginning", clock=self.clock)
        assert self.read() == content

    def read(self) -> bytes:
        """Return all bytes that a read delivers."""
        return read(self.tail)

    def stop(self) -> str:
        """End the process; return what it stored."""
        self.tail.close()
        return self.tail.position()

    def start(self, position: str) -> None:
        """Start the process again."""
        self.tail = Tail(self.pattern, start="beginning", clock=self.clock)
        self.tail.restore(position)

    def sibling(self, name: str) -> Path:
        """Return a path beside the log."""
        return self.path.with_name(name)


@pytest.fixture(params=["app.log", "app*"])
def case(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Case]:
    """Follow a log by its name, or by a glob that matches its rotated files too."""
    case = Case(tmp_path, request.param)
    yield case
    case.tail.close()


NAMES = [
    "app.log.1",
    "app.log-20260101",
    "app-20260101.log",
    "app.1.log",
    "app.log.2026-01-01T00-00-00",
    "app.log.old",
    "app-Nov-28-2026.log",
    "app.28-November.log",
    "app.log.Sat-28-Nov-2026_1",
]


def test_renamed_file_is_drained_before_the_new_one(case: Case) -> None:
    """What was written before the rotation comes before what was written after it."""
    append(case.path, b"two\n")
    case.path.rename(case.sibling("app.log.1"))
    case.path.write_bytes(b"three\n")
    assert case.read() == b"two\nthree\n"


def test_writer_goes_on_in_the_renamed_file(case: Case) -> None:
    """A process that has not reopened its log is followed until it has."""
    old = case.path.rename(case.sibling("app.log.1"))
    case.path.write_bytes(b"two\n")
    append(old, b"three\nfo")
    assert sorted(case.read().split()) == [b"three", b"two"]
    case.clock.ahead += 59
    append(old, b"ur\n")
    assert case.read() == b"four\n"
    case.clock.ahead += 3600
    assert case.read() == b""
    append(old, b"five\n")
    assert case.read() == b"five\n"


def test_renamed_and_deleted_at_once(case: Case) -> None:
    """The open file is read to its end although it has no name any more."""
    append(case.path, b"two\nthr")
    old = case.path.rename(case.sibling("app.log.1"))
    old.unlink()
    case.path.write_bytes(b"four\n")
    assert case.read() == b"two\nfour\n"
    assert case.tail.unread_bytes() == 3
    case.clock.ahead += 61
    assert case.read() == b"thr\n"
    assert case.tail.unread_bytes() == 0


def test_unterminated_last_line_is_delivered_after_the_grace(case: Case) -> None:
    """A rotated file's last line is taken as ended when its writer has been quiet for a while; a live file's is not."""
    append(case.path, b"two")
    case.clock.ahead += 3600
    assert case.read() == b""
    case.path.rename(case.sibling("app.log.1"))
    assert case.read() == b""
    case.clock.ahead += 59
    assert case.read() == b""
    case.clock.ahead += 2
    assert case.read() == b"two\n"
    assert case.read() == b""


@pytest.mark.parametrize("name", NAMES)
def test_copy_and_truncate(case: Case, name: str) -> None:
    """What was unread is drained from the copy at the old offset, then the file is read from its beginning."""
    append(case.path, b"two\n")
    shutil.copy(case.path, case.sibling(name))
    os.truncate(case.path, 0)
    append(case.path, b"3\n")
    assert case.read() == b"two\n3\n"
    assert case.read() == b""


def test_truncated_and_grown_beyond_the_offset(case: Case) -> None:
    """A file that is longer than before is not mistaken for a grown one."""
    append(case.path, b"two\n")
    shutil.copy(case.path, case.sibling("app.log.1"))
    os.truncate(case.path, 0)
    append(case.path, b"a much longer line than before\n")
    assert case.read() == b"two\na much longer line than before\n"


def test_truncated_behind_an_equal_beginning(tmp_path: Path) -> None:
    """Files whose first kilobyte is the same are told apart by what lies before the offset."""
    banner = b"banner " * 300 + b"\n"
    case = Case(tmp_path, content=banner + b"one\n")
    append(case.path, b"two\n")
    shutil.copy(case.path, case.sibling("app.log.1"))
    os.truncate(case.path, 0)
    append(case.path, banner + b"six\n" * 10)
    assert case.read() == b"two\n" + banner + b"six\n" * 10
    case.tail.close()


def test_truncated_without_a_copy_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be recovered is named in the log, once."""
    case = Case(tmp_path)
    append(case.path, b"lost")
    assert case.read() == b""
    os.truncate(case.path, 0)
    append(case.path, b"two\n")
    assert case.read() == b"two\n"
    for _ in range(3):
        case.clock.ahead += 61
        assert case.read() == b""
    assert [(record.__dict__["path"], record.__dict__["lost_bytes_at_least"]) for record in caplog.records] == [
        (str(case.path), 4)
    ]
    case.tail.close()


def test_truncated_while_it_is_read(tmp_path: Path) -> None:
    """A truncation between two items of one read is noticed, also if the file has grown again."""
    lines = [b"%04d\n" % number for number in range(2000)]
    path = tmp_path / "app.log"
    path.write_bytes(b"".join(lines))
    tail = Tail(str(path), start="beginning", chunk_bytes=1000, max_line_bytes=100, wrapper="none")
    reading = tail.read()
    data = next(reading).data
    shutil.copy(path, tmp_path / "app.log.1")
    path.write_bytes(b"".join(b"n%03d\n" % number for number in range(1000)) * 3)
    data += b"".join(item.data for item in reading) + read(tail)
    assert Counter(data.splitlines(keepends=True)) == Counter(lines) + Counter(path.read_bytes().splitlines(keepends=True))
    tail.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("extension", ["", *PACK])
def test_rotation_while_nobody_looked(tmp_path: Path, name: str, extension: str) -> None:
    """The file that was being read is found again at its offset, whatever it is called now, compressed or not."""
    case = Case(tmp_path)
    position = case.stop()
    append(case.path, b"two\nthree")
    compress(case.path.rename(case.sibling(name)), extension)
    case.path.write_bytes(b"four\n")
    case.start(position)
    data = case.read()
    case.clock.ahead += 61
    assert sorted((data + case.read()).split()) == [b"four", b"three", b"two"]
    case.start(case.stop())
    assert case.read() == b""
    case.tail.close()


def compress(path: Path, extension: str) -> None:
    """Compress a file as gzip and zstd do, in place."""
    if extension:
        pack = PACK[extension]
        target = path.with_name(path.name + extension)
        target.write_bytes(pack(path.read_bytes()))
        shutil.copystat(path, target)
        path.unlink()


def test_many_rotations_while_nobody_looked(case: Case) -> None:
    """All files since the position are read whole, the oldest first."""
    position = case.stop()
    append(case.path, b"1\n")
    for number in range(5, 0, -1):
        case.path.rename(case.sibling(f"app.log.{number}"))
        case.path.write_bytes(b"%d\n" % (7 - number))
        os.utime(case.path, (time.time() + 100 - number, time.time() + 100 - number))
        os.utime(case.sibling(f"app.log.{number}"), (time.time() + 50 - number, time.time() + 50 - number))
        if number > 2:
            compress(case.sibling(f"app.log.{number}"), ".gz")
    case.start(position)
    assert case.read() == b"1\n2\n3\n4\n5\n6\n"


def test_rotated_files_of_before_the_first_start_are_left_alone(tmp_path: Path) -> None:
    """A log's history is none of the first start's business, nor of any later one's, whatever becomes of its files."""
    for number in range(1, 4):
        (tmp_path / f"app.log.{number}").write_bytes(b"old %d\n" % number * 300)
    compress(tmp_path / "app.log.3", ".zst")
    case = Case(tmp_path)
    compress(case.sibling("app.log.2"), ".gz")
    os.utime(case.sibling("app.log.2.gz"))
    case.sibling("app.log.1").rename(case.sibling("app.log.4"))
    assert case.read() == b""
    case.start(case.stop())
    assert case.read() == b""
    case.tail.close()


def test_unknown_files_older_than_the_position_are_left_alone(tmp_path: Path) -> None:
    """A backup that is put back beside the log is not read."""
    case = Case(tmp_path)
    position = case.stop()
    case.sibling("app.log.7").write_bytes(b"old\n")
    os.utime(case.sibling("app.log.7"), (1e9, 1e9))
    case.start(position)
    assert case.read() == b""
    case.tail.close()


def test_compressed_copy_beside_the_file(case: Case) -> None:
    """As long as both exist, and after either is gone, nothing is read twice."""
    old = case.path.rename(case.sibling("app.log.1"))
    append(old, b"two\n")
    packed = case.sibling("app.log.1.gz")
    packed.write_bytes(gzip.compress(old.read_bytes()))
    case.path.write_bytes(b"three\n")
    assert case.read() == b"two\nthree\n"
    case.start(case.stop())
    assert case.read() == b""
    old.unlink()
    assert case.read() == b""
    case.start(case.stop())
    assert case.read() == b""


@pytest.mark.parametrize("extension", PACK)
def test_compressed_file_that_is_still_written(tmp_path: Path, extension: str) -> None:
    """A stream that ends early gives its whole lines once, and the rest when it is there."""
    path = tmp_path / f"app.log{extension}"
    lines = b"".join(b"%d %s\n" % (number, os.urandom(30).hex().encode()) for number in range(1000))
    packed = PACK[extension](lines)
    tail = Tail(str(path), start="beginning")
    data = b""
    for end in [*range(0, len(packed), 5000), len(packed) - 4, len(packed)]:
        path.write_bytes(packed[:end])
        data += read(tail)
        assert lines.startswith(data)
    assert data == lines
    assert read(tail) == b""
    tail.close()


def test_compressed_files_of_many_members(tmp_path: Path) -> None:
    """Concatenated gzip members and zstd frames, and padding, are one stream."""
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\nthree") + b"\0" * 512)
    for extension in (".zst", ".xz", ".bz2"):
        pack = PACK[extension]
        (tmp_path / f"b.log{extension}").write_bytes(pack(b"four\n") + pack(b"five %s" % extension.encode()))
    (tmp_path / "c.log.xz").write_bytes(lzma.compress(b"six") + b"\0" * 8)
    tail = Tail(str(tmp_path / "*"), start="beginning")
    words = [b"five", b"four"] * 3 + [b".bz2", b".xz", b".zst", b"one", b"six", b"three", b"two"]
    assert sorted(read(tail).split()) == sorted(words)
    tail.close()


@pytest.mark.parametrize(("extension", "pack"), PACK.items())
def test_damaged_compressed_file_is_reported(
    tmp_path: Path, extension: str, pack: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """What is readable before the damage is delivered, the rest named in the log once, and other files are read."""
    lines = b"".join(b"%d\n" % number for number in range(100_000))
    (tmp_path / f"a.log{extension}").write_bytes(pack(lines) + b"damage" * 100)
    (tmp_path / f"b.log{extension}").write_bytes(b"no compressed file at all")
    (tmp_path / "c.log").write_bytes(b"fine\n")
    tail = Tail(str(tmp_path / "*"), start="beginning", chunk_bytes=100_000, max_line_bytes=10_000)
    assert read(tail) in (lines + b"fine\n", b"fine\n" + lines)
    for _ in range(2):
        assert read(tail) == b""
    assert sorted(record.__dict__["path"] for record in caplog.records) == [
        str(tmp_path / f"{name}.log{extension}") for name in "ab"
    ]
    tail.close()


def test_replaced_by_a_longer_copy(case: Case) -> None:
    """A file that is replaced by a copy of itself with more lines, as rsync does, is read on at the offset."""
    new = case.sibling("new")
    new.write_bytes(b"one\ntwo\n")
    new.rename(case.path)
    assert case.read() == b"two\n"


def test_copied_but_not_yet_truncated(case: Case) -> None:
    """A copy is not read beside its original, at whatever time the truncation comes."""
    shutil.copy(case.path, case.sibling("app.log.1"))
    assert case.read() == b""
    case.start(case.stop())
    assert case.read() == b""
    append(case.path, b"two\n")
    assert case.read() == b"two\n"
    shutil.copy(case.path, case.sibling("app.log.1"))
    os.truncate(case.path, 0)
    assert case.read() == b""
    append(case.path, b"three\n")
    assert case.read() == b"three\n"


def test_files_that_come_back_are_known(case: Case) -> None:
    """A volume that is away for an hour does not look new when it is back, and one that is away for days is forgotten."""
    away = case.path.parent.with_name(case.path.parent.name + "-away")
    position = case.stop()
    case.path.parent.rename(away)
    case.path.parent.mkdir()
    case.start(position)
    assert case.read() == b""
    case.clock.ahead += 3600
    case.start(case.stop())
    assert case.read() == b""
    case.path.parent.rmdir()
    away.rename(case.path.parent)
    append(case.path, b"two\n")
    assert case.read() == b"two\n"
    case.path.unlink()
    for _ in range(4):
        case.clock.ahead += 90_000
        assert case.read() == b""
    assert str(case.path) not in case.stop()


def test_position_does_not_grow_with_rotations(tmp_path: Path) -> None:
    """Files that are gone are forgotten but for the last few."""
    case = Case(tmp_path)
    sizes = []
    for number in range(200):
        append(case.path, b"%d\n" % number)
        assert case.read() == b"%d\n" % number
        case.path.rename(case.sibling("app.log.1"))
        case.path.touch()
        assert case.read() == b""
        case.clock.ahead += 61
        sizes.append(len(case.tail.position()))
    assert max(sizes[100:]) < 1.1 * sizes[99] < 30_000
    case.tail.close()


def test_target_of_a_link_is_rotated_while_nobody_looked(tmp_path: Path) -> None:
    """Rotated files lie beside the file that a link names, as kubelet keeps them, not beside the link."""
    pod, links = tmp_path / "pod", tmp_path / "links"
    pod.mkdir()
    links.mkdir()
    target = pod / "0.log"
    target.write_bytes(b"one\n")
    (links / "app.log").symlink_to(target)
    tail = Tail(str(links / "*.log"), start="beginning")
    assert read(tail) == b"one\n"
    tail.close()
    append(target, b"two\n")
    compress(target.rename(pod / "0.log.20260101-000000"), ".gz")
    target.write_bytes(b"three\n")
    target.rename(pod / "0.log.20260101-000001")
    target.write_bytes(b"four\n")
    new = Tail(str(links / "*.log"), start="beginning")
    new.restore(tail.position())
    assert sorted(read(new).split()) == [b"four", b"three", b"two"]
    new.close()


def test_newest_file_that_a_link_names_is_no_rotated_one(tmp_path: Path) -> None:
    """Its unterminated last line waits for its end, whatever date its own name bears."""
    target, clock = tmp_path / "app-20260201.log", Clock()
    target.write_bytes(b"one\nha")
    (tmp_path / "app.log").symlink_to(target)
    tail = Tail(str(tmp_path / "app.log"), start="beginning", clock=clock)
    assert read(tail) == b"one\n"
    clock.ahead += 61
    assert read(tail) == b""
    append(target, b"lf\n")
    assert read(tail) == b"half\n"
    tail.close()


def test_copied_and_truncated_before_anything_was_read_of_it(tmp_path: Path) -> None:
    """What a copy was made of is told by what was read, and of nothing that is nothing: after a restart the copy is read."""
    path, copy = tmp_path / "app.log", tmp_path / "app.log.1"
    path.write_bytes(b"one\n" * 3)
    tracker = Tracker(str(path), "beginning", time.time)
    tracker.look()
    shutil.copyfile(path, copy)
    tracker.look()
    assert [stream.path for stream in tracker.streams] == [str(path)]
    stored, horizon = json.dumps([stream.to_json() for stream in tracker.streams]), tracker.horizon
    path.write_bytes(b"another\n" * 5)
    again = Tracker(str(path), "beginning", time.time)
    again.restore([Stream.from_json(stream, time.time()) for stream in json.loads(stored)], horizon)
    again.look()
    assert {stream.path for stream in again.streams if not stream.ignored and stream.offset == 0} == {str(path), str(copy)}
    for stream in (*tracker.streams, *again.streams):
        stream.close()


def test_a_new_log_with_the_inode_and_the_lines_of_a_rotated_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No rotation gives a rotated file the log's name again: its lines are read, and the doubt is logged."""
    path, rotated, spare = tmp_path / "app.log", tmp_path / "app.log.1", tmp_path / "spare"
    lines = b"".join(b"line %d\n" % number for number in range(200))
    path.write_bytes(lines)
    tail = Tail(str(path), start="beginning")
    assert b"".join(part.data for part in tail.read()) == lines
    for _ in range(3):
        tail = reopened(tail, str(path))
        if rotated.exists():
            rotated.rename(spare)  # as if it were deleted, and its inode the next to be given out
        path.rename(rotated)
        spare.write_bytes(lines)
        os.utime(spare, ns=(time.time_ns(), time.time_ns()))
        spare.rename(path)
        assert b"".join(part.data for part in tail.read()) == lines
    tail.close()
    assert "begins with the lines that another one had" in caplog.text


def reopened(tail: Tail, pattern: str) -> Tail:
    """Return a tail that goes on where another one stood, after a restart."""
    position = tail.position()
    tail.close()
    again = Tail(pattern, start="beginning")
    again.restore(position)
    return again


def test_inode_of_a_deleted_file_is_used_again(tmp_path: Path) -> None:
    """A new file that the file system gives the old one's inode is read from its beginning."""
    for number in range(20):
        case = Case(tmp_path, content=b"first %d\n" % number)
        position = case.stop()
        case.path.unlink()
        case.path.write_bytes(b"another and longer %d\n" % number)
        case.start(position)
        assert case.read() == b"another and longer %d\n" % number
        case.tail.close()
        case.path.unlink()


def test_unrelated_files_beside_the_log(tmp_path: Path) -> None:
    """Names that rotation does not give are never looked at."""
    case = Case(tmp_path)
    for name in ("application.log", "app.log.txt", "app.logs", "myapp.log", "app.log.1.tmp", "app.csv.1"):
        case.sibling(name).write_bytes(b"other\n")
    assert case.read() == b""
    case.tail.close()


@pytest.mark.parametrize("more", [0, 40, 4000])
def test_truncated_while_the_copies_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    """A log that is truncated after a look has recognised it, and before the look comes to its copy, is not read again."""
    path = tmp_path / "app.log"
    before = [b"line %d of the first file\n" % number for number in range(500)]
    after = [b"line %d of the second file\n" % number for number in range(more)]
    path.write_bytes(b"".join(before))
    tail = Tail(str(path), start="beginning")
    read = [lines.data for lines in tail.read()]
    shutil.copyfile(path, tmp_path / "app.log.1")
    adopt = Tracker._adopt

    def truncate_first(tracker: Tracker, unknown: list[File]) -> list[File]:
        with path.open("r+b") as file:
            file.truncate(0)
            file.write(b"".join(after))
        monkeypatch.setattr(Tracker, "_adopt", adopt)
        return adopt(tracker, unknown)

    monkeypatch.setattr(Tracker, "_adopt", truncate_first)
    for _ in range(3):
        read += [lines.data for lines in tail.read()]
    tail.close()
    assert b"".join(read) == b"".join(before + after)


@pytest.mark.parametrize("more", [0, 40, 4000])
def test_truncated_after_it_was_recognised_by_a_new_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    """The stream is found in its copy by what the former process saw of it, not by what stands in the file meanwhile."""
    path = tmp_path / "app.log"
    before = [b"line %d of the first file\n" % number for number in range(500)]
    after = [b"line %d of the second file\n" % number for number in range(more)]
    path.write_bytes(b"".join(before))
    tail = Tail(str(path), start="beginning")
    read = [lines.data for lines in tail.read()]
    position = tail.position()
    tail.close()
    attach = Stream.attach

    def truncate_first(stream: Stream, file: File, content: Content | None, now: float) -> None:
        monkeypatch.setattr(Stream, "attach", attach)
        shutil.copyfile(path, tmp_path / "app.log.1")
        with path.open("r+b") as log:
            log.truncate(0)
            log.write(b"".join(after))
        attach(stream, file, content, now)

    monkeypatch.setattr(Stream, "attach", truncate_first)
    tail = Tail(str(path), start="beginning")
    tail.restore(position)
    for _ in range(3):
        read += [lines.data for lines in tail.read()]
    tail.close()
    assert b"".join(read) == b"".join(before + after)


BANNER = b"=== model server 1.2.3 starting, this line never changes ===\n" * 40
LAYOUTS: dict[str, tuple[bytes, Callable[[int], bytes]]] = {
    "a banner": (BANNER, lambda number: b'{"id": %d}\n' % number),
    "a banner of different lines": (b"".join(b"option %d is on\n" % number for number in range(200)), lambda n: b"%d\n" % n),
    "lines that are all alike": (b"", lambda _: b'{"status": 200}\n'),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("extension", ["", ".gz"])
@pytest.mark.parametrize("sizes", [(50, 30, 20), (20, 30, 50), (5, 50, 5)])
def test_files_that_are_alike_are_told_apart(case: Case, layout: str, extension: str, sizes: tuple[int, ...]) -> None:
    """Each file has its own inode, so nothing is lost in however many rotations between two looks."""
    head, line = LAYOUTS[layout]
    expected: Counter[bytes] = Counter()
    number = 0
    for turn, size in enumerate(sizes):
        if turn:
            for older in (2, 1):
                for suffix in ("", extension):
                    path = case.sibling(f"app.log.{older}{suffix}")
                    if path.exists():
                        path.rename(case.sibling(f"app.log.{older + 1}{suffix}"))
            case.path.rename(case.sibling("app.log.1"))
        lines = [head, *(line(number + at) for at in range(size))]
        number += size
        append(case.path, b"".join(lines))
        expected.update(b"".join(lines).splitlines())
        if not turn:
            append(case.path, b"")
            expected.subtract(case.read().splitlines())
    if extension and sizes[0] > sizes[1]:  # of files that begin alike the open one's copy is told by its end
        compress(case.sibling("app.log.2"), extension)
    for _ in range(3):
        expected.subtract(case.read().splitlines())
        case.clock.ahead += 61
    case.start(case.stop())
    expected.subtract(case.read().splitlines())
    assert not +expected
    assert not -expected


@pytest.mark.parametrize("chunk_bytes", [1000, 1 << 20])
@pytest.mark.parametrize("more", [0, 1, 3000])
def test_truncated_between_two_items_of_a_read(tmp_path: Path, chunk_bytes: int, more: int) -> None:
    """A short window is no progress: what was unread is drained from the copy, what was read is not read again."""
    path = tmp_path / "app.log"
    before = [b"old %d\n" % number for number in range(2000)]
    after = [b"new %d\n" % number for number in range(more)]
    path.write_bytes(b"".join(before))
    tail = Tail(str(path), start="beginning", chunk_bytes=chunk_bytes, max_line_bytes=100, wrapper="none")
    reading = tail.read()
    data = next(reading).data
    shutil.copyfile(path, tmp_path / "app.log.1")
    os.truncate(path, 0)
    append(path, b"".join(after))
    data += b"".join(lines.data for lines in reading) + read(tail) + read(tail)
    assert Counter(data.splitlines(keepends=True)) == Counter(before + after)
    tail.close()


@pytest.mark.parametrize("extension", ["", *PACK])
def test_renamed_between_being_seen_and_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extension: str) -> None:
    """What a name stands for by now is not taken for the file that had it: numbers are shifted at any moment."""
    case = Case(tmp_path)
    case.stop()
    expected = [b"one"]
    for number in (2, 1):
        lines = [b"%d of %d" % (at, number) for at in range(100)]
        expected += lines
        path = case.sibling(f"app.log.{number}")
        path.write_bytes(b"\n".join(lines) + b"\n")
        compress(path, extension)
    position = case.tail.position()
    opened = File.open
    shifted = False

    def shift(file: File) -> Content:
        nonlocal shifted
        if not shifted and file.path.endswith(f".1{extension}"):
            shifted = True
            for number in (2, 1):
                case.sibling(f"app.log.{number}{extension}").rename(case.sibling(f"app.log.{number + 1}{extension}"))
            expected.append(b"shifted")
            case.sibling("app.log.1").write_bytes(b"shifted\n")
            compress(case.sibling("app.log.1"), extension)
        return opened(file)

    monkeypatch.setattr(File, "open", shift)
    case.start(position)
    data = b"one\n" + b"".join(case.read() for _ in range(3))
    assert shifted
    assert sorted(data.splitlines()) == sorted(expected)
    case.tail.close()


def test_lines_that_come_while_an_empty_file_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are remembered as read, so that a new process does not read them again."""
    case = Case(tmp_path, content=b"")
    attach = Stream.attach
    case.tail.close()
    case.tail = Tail(case.pattern, start="beginning", clock=case.clock)

    def write(stream: Stream, file: File, content: Content | None, now: float) -> None:
        attach(stream, file, content, now)
        monkeypatch.setattr(Stream, "attach", attach)
        append(case.path, b"two\nthree\n")

    monkeypatch.setattr(Stream, "attach", write)
    assert case.read() == b"two\nthree\n"
    case.start(case.stop())
    assert case.read() == b""
    case.tail.close()


def test_a_writer_that_does_not_append_leaves_nuls_behind_a_truncation(tmp_path: Path) -> None:
    """Each file begins with NULs up to where its writer stood; they are no likeness."""
    case = Case(tmp_path, content=b"")
    data, written = b"", []
    with case.path.open("r+b", buffering=0) as writer:
        for turn in range(4):
            lines = [b"%d of %d\n" % (at, turn) for at in range(10)]
            written += lines
            writer.write(b"".join(lines[:5]))
            data += case.read()
            writer.write(b"".join(lines[5:]))
            shutil.copyfile(case.path, case.sibling(f"app.log-2026010{turn + 1}"))
            os.truncate(case.path, 0)
    data += case.read()
    assert Counter(line.strip(b"\0 ") + b"\n" for line in data.splitlines() if line.strip(b"\0 ")) == Counter(written)
    case.tail.close()


@pytest.mark.parametrize("extension", ["", ".gz"])
@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("up", [False, True])
def test_rotated_into_another_folder_that_the_glob_names(tmp_path: Path, extension: str, copied: bool, up: bool) -> None:
    """A rotated file is the same log in whichever folder it lies."""
    (tmp_path / "archive").mkdir()
    case = Case(tmp_path, "**/*")
    position = None if up else case.stop()
    append(case.path, b"two\n")
    old = tmp_path / "archive" / "app.log.1"
    if copied:
        shutil.copyfile(case.path, old)
        os.truncate(case.path, 0)
    else:
        case.path.rename(old)
    compress(old, extension)
    append(case.path, b"three\n")
    if position is not None:
        case.start(position)
    assert sorted(case.read().split()) == [b"three", b"two"]
    case.start(case.stop())
    assert case.read() == b""
    case.tail.close()


@pytest.mark.parametrize("same_inode", [False, True])
@pytest.mark.parametrize("taken", [0, 7, 19])
def test_edited_in_place(tmp_path: Path, caplog: pytest.LogCaptureFixture, same_inode: bool, taken: int) -> None:
    """A line taken out, as ``sed -i`` does, does not count the others again, and the log says so."""
    lines = [b"line %d\n" % number for number in range(40)]
    case = Case(tmp_path, content=b"".join(lines))
    edited = b"".join(lines[:taken] + lines[taken + 1 :]) + b"unread\n"
    if same_inode:
        case.path.write_bytes(edited)
    else:
        case.sibling("sedX").write_bytes(edited)
        case.sibling("sedX").rename(case.path)
    assert case.read() == b"unread\n"
    append(case.path, b"later\n")
    assert case.read() == b"later\n"
    assert [record.message for record in caplog.records] == [
        "a log file was edited; reading goes on behind the line that was read last"
    ]
    case.tail.close()


def test_a_log_that_keeps_its_last_lines(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    """A script that writes the last lines of a log over it takes nothing away that was read, and adds nothing."""
    lines = [b"line %d\n" % number for number in range(100)]
    append(case.path, b"".join(lines))
    assert case.read() == b"".join(lines)
    case.path.write_bytes(b"".join(lines[60:]))
    append(case.path, b"new\n")
    assert case.read() == b"new\n"
    assert [record.__dict__["path"] for record in caplog.records] == [str(case.path)]


def test_pythons_rotating_handler(tmp_path: Path) -> None:
    """Small files are shifted many times between two looks."""
    case = Case(tmp_path, content=b"")
    handler = RotatingFileHandler(case.path, maxBytes=300, backupCount=99)
    handler.setFormatter(logging.Formatter("%(message)s"))
    data = b""
    for number in range(300):
        handler.handle(logging.makeLogRecord({"msg": f"line {number}"}))
        data += case.read() if number % 97 == 0 else b""
    handler.close()
    data += case.read()
    assert sorted(data.splitlines()) == sorted(b"line %d" % number for number in range(300))
    case.tail.close()


def test_a_copy_that_ends_before_the_last_byte_that_was_read(case: Case) -> None:
    """What was written and read between copying and truncating does not make the copy another log, also for a new process."""
    shutil.copyfile(case.path, case.sibling("app.log.1"))
    append(case.path, b"two\n")
    assert case.read() == b"two\n"
    os.truncate(case.path, 0)
    append(case.path, b"three and more\n")
    assert case.read() == b"three and more\n"
    case.start(case.stop())
    assert case.read() == b""


def test_copies_that_are_kept_are_known_to_a_new_process(case: Case) -> None:
    """Copies of a log that goes on, as logrotate's ``copy`` makes them, count never, and are the log once it is truncated."""
    for number in (3, 2, 1):
        append(case.path, b"more %d\n" % number)
        assert case.read() == b"more %d\n" % number
        shutil.copyfile(case.path, case.sibling(f"app.log.{number}"))
        assert case.read() == b""
    position = case.stop()
    append(case.path, b"unread\n")
    shutil.copyfile(case.path, case.sibling("app.log.0"))
    os.truncate(case.path, 0)
    case.start(position)
    assert case.read() == b"unread\n"
    assert case.read() == b""


def test_a_position_of_the_first_version(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is gone on from, in the file itself and in its rotated copy, and what it cannot tell is said."""
    path, other = tmp_path / "app.log", tmp_path / "b.log"
    lines = [b"line %d\n" % number for number in range(400)]
    digest = {at: blake2b(b"".join(lines)[:at][-1024:] if at > 1024 else b"", digest_size=12).hexdigest() for at in (0, 2000)}
    head = blake2b(b"".join(lines)[:1024], digest_size=12).hexdigest()
    for log in (path, other):
        log.write_bytes(b"".join(lines)[:2000] + b"\nnew\n")
    compress(other.rename(tmp_path / "b.log.1"), ".gz")
    streams = [
        {"home": str(log), "path": str(log), "head": [1024, head], "offset": 2000, "anchor": digest[2000], "id": list(inode)}
        for log, inode in ((path, (path.stat().st_dev, path.stat().st_ino)), (other, (1, 1)))
    ]
    position = json.dumps({"version": 1, "horizon": 0, "streams": streams})
    tail = Tail(str(tmp_path / "*"), start="beginning")
    tail.restore(position)
    assert read(tail) == b"\nnew\n" * 2
    assert [record.message[:60] for record in caplog.records] == [
        "the position of a log was stored by an earlier version: its "
    ]
    tail.close()
    new = Tail(str(tmp_path / "*"), start="beginning")
    new.restore(tail.position())
    assert read(new) == b""
    assert len(caplog.records) == 1
    new.close()


def calls_of_a_look(tail: Tail, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return how often a read with nothing new makes each kind of call."""
    calls: Counter[str] = Counter()

    def counted(name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def call(*args: object, **more: object) -> object:
            calls[name] += 1
            return real(*args, **more)

        return call

    with monkeypatch.context() as patch:
        for name in ("open", "pread", "stat", "lstat", "fstat"):
            patch.setattr(os, name, counted(name))
        assert read(tail) == b""
    return calls


@pytest.mark.parametrize(("name", "each"), [("{}.jsonl", 1), ("app-{}.log", 1), ("{}/app.log", 4)])
def test_many_files_in_which_nothing_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, each: int) -> None:
    """Each costs one call, and its folder some: a look grows with the files, not with their square, kept open or not."""
    for files in (50, 300, 900):
        pattern = tmp_path / str(files) / "**" / "*.*"
        for number in range(files):
            path = tmp_path / str(files) / name.format(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(BANNER + b"line of %d\n" % number)
        tail = Tail(str(pattern), start="beginning")
        assert len(read(tail).splitlines()) == files * 41
        restarted = Tail(str(pattern), start="beginning")
        restarted.restore(tail.position())
        for reader in (tail, restarted):
            assert sum(calls_of_a_look(reader, monkeypatch).values()) <= files * each + 50
            reader.close()
