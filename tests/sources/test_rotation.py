"""Every line is delivered exactly once, whatever happens to the files and to the process that reads them."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from prediction_exporter.sources.tail import Tail
from prediction_exporter.sources.wrappers import Wrapper

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
            for extension in ("", ".gz", ".zst"):
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
        plain = [path for path in self.rotated() if path.suffix not in (".gz", ".zst")]
        if plain:
            source = self.rng.choice(plain)
            plain_bytes, extension = source.read_bytes(), self.rng.choice([".gz", ".zst"])
            data = gzip.compress(plain_bytes) if extension == ".gz" else zstandard.compress(plain_bytes)
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
    assert len(scenario.reader.tail.position()) < 20_000
    scenario.reader.tail.close()
