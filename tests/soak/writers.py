"""Programs that write numbered lines, and what rotates their logs in the field: logrotate, handlers of libraries, runtimes."""

from __future__ import annotations

import gzip
import json
import logging.handlers
import os
import random
import shutil
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

CATEGORIES = 10
VALUES = 100
KEEP = 1000  # old files: none is deleted before it was read, as that would be a loss by nature

LOGROTATE = shutil.which("logrotate", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "logrotate"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: predictions by category and by value, requests that failed, and bad lines."""

    categories: Counter[str]
    values: Counter[int]
    failed: int
    bad: int

    @property
    def requests(self) -> int:
        """Number of lines that are requests."""
        return self.categories.total() + self.failed


class Writer(threading.Thread, ABC):
    """Writes lines, some of them bad, and rotates now and then, until it is told to stop.

    Args:
        folder: where the log lies.
        seed: of what it does when.
    """

    def __init__(self, folder: Path, seed: str) -> None:
        super().__init__(daemon=True, name=folder.name)
        folder.mkdir()
        self.folder = folder
        self.path = folder / "app.log"
        self.random = random.Random(f"{seed} {folder.name}")
        self.stopping = threading.Event()
        self.rotations = 0
        self.failure: BaseException | None = None
        self._number = 0
        self._categories: Counter[str] = Counter()
        self._values: Counter[int] = Counter()
        self._failed = 0
        self._bad = 0

    def run(self) -> None:
        """Write and rotate."""
        try:
            while not self.stopping.is_set():
                self.write(self.random.choice([1, 5, 30, 120]))
                if self.random.random() < 0.12:
                    self.rotations += 1
                    self.rotate()
                time.sleep(self.random.uniform(0.0, 0.25))
        except BaseException as error:
            self.failure = error
            raise

    def lines(self, count: int) -> bytes:
        """Return the next lines, and count them."""
        return b"".join(self._line() for _ in range(count))

    def _line(self) -> bytes:
        chance = self.random.random()
        if chance < 0.01:
            self._bad += 1
            return b'{"ts": broken\n'
        self._number += 1
        event = {"ts": datetime.now(UTC).isoformat(), "id": str(self._number)}
        if chance < 0.02:
            self._failed += 1
            return json.dumps(event | {"status": 500}).encode() + b"\n"
        category, value = f"k{self.random.randrange(CATEGORIES)}", self.random.randrange(VALUES)
        self._categories[category] += 1
        self._values[value] += 1
        return json.dumps(event | {"status": 200, "kind": category, "value": value}).encode() + b"\n"

    def written(self) -> Written:
        """Return what was written so far."""
        return Written(self._categories.copy(), self._values.copy(), self._failed, self._bad)

    @abstractmethod
    def write(self, count: int) -> None:
        """Write lines."""

    @abstractmethod
    def rotate(self) -> None:
        """Rotate the log."""

    def settle(self) -> None:
        """Complete what was begun."""

    @abstractmethod
    def close(self) -> None:
        """Close the files."""


class Program(Writer):
    """A program that opens its log itself, and opens it anew when it is told to.

    Attributes:
        appends: whether it opens the log with O_APPEND.
        files: how many logs it writes.
    """

    appends = True
    files = 1

    def __init__(self, folder: Path, seed: str) -> None:
        super().__init__(folder, seed)
        self.paths = [self.path] if self.files == 1 else [folder / f"worker-{n}.log" for n in range(self.files)]
        self._open = [self._opened(path) for path in self.paths]

    def _opened(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if self.appends else 0), 0o644)

    def write(self, count: int) -> None:
        """Write lines in two pieces, so that a reader may see the first alone."""
        data = self.lines(count)
        cut = self.random.randint(0, len(data))
        file = self.random.choice(self._open)
        for piece in (data[:cut], data[cut:]):
            while piece:
                piece = piece[os.write(file, piece) :]  # noqa: PLW2901  # a write may be cut short

    def close(self) -> None:
        """Close the logs."""
        for file in self._open:
            os.close(file)

    def reopen(self) -> None:
        """Turn to the files that have the logs' names now."""
        for index, path in enumerate(self.paths):
            os.close(self._open[index])
            self._open[index] = self._opened(path)


class Logrotate(Program):
    """A program whose log is rotated by the real logrotate.

    Attributes:
        options: directives of its configuration.
        meanwhile: whether the program writes while logrotate works; where that copies or compresses at once, lines are lost.
        force: whether logrotate is told to rotate now, and does not find out itself.
    """

    options = ""
    meanwhile = False
    force = True

    def __init__(self, folder: Path, seed: str) -> None:
        super().__init__(folder, seed)
        self.config = folder.parent / f"{folder.name}.conf"
        (folder / "old").mkdir()
        names = " ".join(str(path) for path in self.paths)
        self.config.write_text(f"{names} {{\nsu root root\nrotate {KEEP}\nmissingok\n{self.options}\n}}\n")
        self.config.chmod(0o644)

    def rotate(self) -> None:
        """Run logrotate."""
        state = self.config.with_suffix(".state")
        command = [LOGROTATE, *(["--force"] if self.force else []), "--state", str(state), str(self.config)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while self.meanwhile and process.poll() is None:
            self.write(3)
        _, said = process.communicate()
        if process.returncode and b"already exists, skipping rotation" not in said:  # twice in one second
            raise RuntimeError(f"{self.folder.name}: logrotate failed: {said.decode()}")
        if "copy" not in self.options.split():
            self.reopen()


def logrotate(options: str, **more: object) -> type[Logrotate]:
    """Return a class of programs whose log is rotated with these directives."""
    return type("Rotated", (Logrotate,), {"options": options.replace(", ", "\n"), **more})


class Handler(Writer):
    """A program that logs through Python's ``logging``."""

    def __init__(self, folder: Path, seed: str) -> None:
        super().__init__(folder, seed)
        self.handlers = self.make()

    def make(self) -> list[logging.Handler]:
        """Return the handlers, one for each process that writes the log."""
        return [logging.handlers.RotatingFileHandler(self.path, maxBytes=20_000, backupCount=KEEP, delay=True)]

    def write(self, count: int) -> None:
        """Log lines one by one."""
        for line in self.lines(min(count, 60)).splitlines():
            record = logging.LogRecord("app", logging.INFO, "", 0, line.decode(), None, None)
            self.random.choice(self.handlers).handle(record)

    def rotate(self) -> None:
        """Leave it to the handler."""

    def close(self) -> None:
        """Close the handlers."""
        for handler in self.handlers:
            handler.close()


class GzipHandler(Handler):
    """Python's handler with a rotator that compresses."""

    def make(self) -> list[logging.Handler]:
        """Return the handler."""
        handler = logging.handlers.RotatingFileHandler(self.path, maxBytes=20_000, backupCount=KEEP)
        handler.namer = "{}.gz".format
        handler.rotator = lambda source, target: pack(Path(source), Path(target))
        return [handler]


class TwoProcesses(Handler):
    """Two processes with a rotating handler each on the same file, which rename it under each other."""

    def make(self) -> list[logging.Handler]:
        """Return both handlers."""
        return super().make() + super().make()


class TimedHandler(Handler):
    """Python's handler that rotates by the clock."""

    def make(self) -> list[logging.Handler]:
        """Return the handler."""
        return [logging.handlers.TimedRotatingFileHandler(self.path, when="S", interval=3, backupCount=KEEP, utc=True)]


class WatchedHandler(Handler):
    """Python's handler that notices that its file was renamed."""

    def make(self) -> list[logging.Handler]:
        """Return the handler."""
        return [logging.handlers.WatchedFileHandler(self.path)]

    def rotate(self) -> None:
        """Rename the log."""
        if self.path.exists():
            self.path.rename(self.path.with_name(f"app.log.{self.rotations}"))


def pack(source: Path, target: Path) -> None:
    """Compress a file, then delete it."""
    with source.open("rb") as plain, gzip.open(target, "wb") as packed:
        shutil.copyfileobj(plain, packed, 4096)
    shutil.copystat(source, target)
    source.unlink()


class Log4j(Program):
    """Log4j's and Logback's rolling policies: a new name by a pattern, and compression in the background.

    Attributes:
        pattern: of names of old files.
        packed: whether they are compressed.
    """

    pattern = "app-%d-%b-%Y-{}.log"
    packed = True

    def __init__(self, folder: Path, seed: str) -> None:
        super().__init__(folder, seed)
        self._packing: threading.Thread | None = None

    def rotate(self) -> None:
        """Rename, open anew, compress beside."""
        self.settle()
        old = self.folder / datetime.now(UTC).strftime(self.pattern).format(self.rotations)
        self.path.rename(old)
        self.reopen()
        if self.packed:
            self._packing = threading.Thread(target=pack, args=(old, old.with_name(f"{old.name}.gz")))
            self._packing.start()

    def settle(self) -> None:
        """Wait until all is compressed."""
        if self._packing is not None:
            self._packing.join()


class Logback(Log4j):
    """Logback's size and time based policy."""

    pattern = "app.%Y-%m-%d.{}.log"


class DirectWrite(Log4j):
    """Log4j without a fixed name: the newest file is the one that is written."""

    pattern = "app-%Y-%m-%d-{}.log"

    def rotate(self) -> None:
        """Go on in the next file, compress the last one beside."""
        self.settle()
        old = self.paths[0]
        self.paths = [self.folder / datetime.now(UTC).strftime(self.pattern).format(self.rotations)]
        self.reopen()
        self._packing = threading.Thread(target=pack, args=(old, old.with_name(f"{old.name}.gz")))
        self._packing.start()


class Docker(Log4j):
    """Docker's json-file driver with ``compress``: numbers are shifted, the newest old file is compressed."""

    def lines(self, count: int) -> bytes:
        """Return the next lines as the driver writes them."""
        lines = super().lines(count).splitlines(keepends=True)
        return b"".join(json.dumps({"log": line.decode(), "stream": "stdout", "time": "t"}).encode() + b"\n" for line in lines)

    def rotate(self) -> None:
        """Shift, rename, open anew, compress beside."""
        self.settle()
        for number in range(self.rotations, 0, -1):
            old = self.folder / f"app.log.{number}.gz"
            if old.exists():
                old.rename(self.folder / f"app.log.{number + 1}.gz")
        old = self.folder / "app.log.1"
        self.path.rename(old)
        self.reopen()
        self._packing = threading.Thread(target=pack, args=(old, old.with_name("app.log.1.gz")))
        self._packing.start()


class Kubelet(Program):
    """The kubelet: a date behind the name, the last but one is compressed under another name and then renamed."""

    def lines(self, count: int) -> bytes:
        """Return the next lines as a CRI runtime writes them."""
        lines = super().lines(count).splitlines(keepends=True)
        return b"".join(b"2026-01-01T00:00:00.000000001Z stdout F " + line for line in lines)

    def rotate(self) -> None:
        """Compress what was rotated before, rename, open anew."""
        for old in self.folder.glob("app.log.*"):
            if old.suffix != ".gz":
                temporary = old.with_name(f"{old.name}.tmp")
                with old.open("rb") as plain, gzip.open(temporary, "wb") as packed:
                    shutil.copyfileobj(plain, packed)
                temporary.rename(old.with_name(f"{old.name}.gz"))
                old.unlink()
        self.path.rename(self.path.with_name(f"app.log.{datetime.now(UTC):%Y%m%d-%H%M%S}{self.rotations:03}"))
        self.reopen()


class Linked(Program):
    """The log's name is a link to the newest file, as cronolog and others make it."""

    def rotate(self) -> None:
        """Go on in the next file, then move the link."""
        target, link = self.folder / f"app-{datetime.now(UTC):%Y%m%d}-{self.rotations}.log", self.folder / ".link"
        os.close(self._open[0])
        self._open = [self._opened(target)]
        link.symlink_to(target)
        if not self.path.is_symlink():
            self.path.rename(self.folder / "app-20260101-0.log")
        link.rename(self.path)


class Synchronised(Program):
    """A log that is written elsewhere, and copied anew as a whole, as rsync does."""

    def _opened(self, path: Path) -> int:
        path.touch()
        return super()._opened(path.parents[1] / f"{path.parent.name}.source")

    def rotate(self) -> None:
        """Copy the log, and let the copy take its name."""
        new = self.folder / ".app.log.Xq7Lfa"
        shutil.copyfile(self.folder.parent / f"{self.folder.name}.source", new)
        new.rename(self.path)

    def settle(self) -> None:
        """Copy what was written last."""
        self.rotate()


@dataclass(frozen=True, slots=True)
class Way:
    """A way to rotate, and what the exporter is told of the log.

    Attributes:
        writer: makes the writer in a folder, from a seed.
        path: the log's path or glob below that folder.
    """

    writer: Callable[[Path, str], Writer]
    path: str = "app.log"


NUMBERED = "dateext, dateformat -%Y%m%d-%s"

#: By name, as a model and as a row of the report.
WAYS: dict[str, Way] = {
    "logrotate-create": Way(logrotate("create, nocompress", meanwhile=True)),
    "logrotate-nocreate": Way(logrotate("nocreate, start 0", meanwhile=True), "app.log*"),
    "logrotate-compress": Way(logrotate("compress")),
    "logrotate-delaycompress": Way(logrotate("compress, delaycompress", meanwhile=True)),
    "logrotate-compress-glob": Way(logrotate("compress"), "app.log*"),
    "logrotate-xz": Way(logrotate("compress, compresscmd /usr/bin/xz, compressext .xz")),
    "logrotate-bzip2": Way(logrotate("compress, compresscmd /bin/bzip2, compressext .bz2")),
    "logrotate-zstd": Way(logrotate("compress, compresscmd /usr/bin/zstd, compressext .zst, compressoptions -q")),
    "logrotate-shred": Way(logrotate("compress, shred, shredcycles 1")),
    "logrotate-copytruncate": Way(logrotate("copytruncate, nocompress")),
    "logrotate-copytruncate-glob": Way(logrotate("copytruncate, nocompress"), "app.log*"),
    "logrotate-copytruncate-hole": Way(logrotate("copytruncate, nocompress", appends=False)),
    "logrotate-copytruncate-compress": Way(logrotate("copytruncate, compress")),
    "logrotate-copytruncate-dateext": Way(logrotate(f"copytruncate, compress, delaycompress, {NUMBERED}")),
    "logrotate-copy": Way(logrotate("copy, nocompress")),
    "logrotate-renamecopy": Way(logrotate("renamecopy, nocompress")),
    "logrotate-dateext": Way(logrotate(f"compress, {NUMBERED}")),
    "logrotate-extension": Way(logrotate(f"compress, extension .log, {NUMBERED}")),
    "logrotate-addextension": Way(logrotate("addextension .log, compress, delaycompress", meanwhile=True)),
    "logrotate-olddir": Way(logrotate("olddir old, nocompress", meanwhile=True), "**/app.log*"),
    "logrotate-olddir-compress": Way(logrotate("olddir old, compress"), "**/app.log*"),
    "logrotate-olddir-copytruncate": Way(logrotate("olddir old, copytruncate, compress, delaycompress"), "**/app.log*"),
    "logrotate-sharedscripts": Way(
        logrotate("compress, delaycompress, sharedscripts, postrotate, true, endscript", files=3, meanwhile=True), "*.log"
    ),
    "logrotate-maxsize": Way(logrotate("daily, maxsize 20k, compress, delaycompress", force=False, meanwhile=True)),
    "python-rotating": Way(Handler),
    "python-rotating-gzip": Way(GzipHandler),
    "python-rotating-two-processes": Way(TwoProcesses),
    "python-timed": Way(TimedHandler),
    "python-watched": Way(WatchedHandler),
    "log4j-month": Way(Log4j),
    "log4j-direct": Way(DirectWrite, "app*.log"),
    "logback": Way(Logback),
    "docker": Way(Docker),
    "kubelet": Way(Kubelet),
    "symbolic-link": Way(Linked),
    "rsync": Way(Synchronised),
}
