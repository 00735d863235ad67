"""A folder that a program logs into: numbered lines, files that are rotated, and what of it is still to be had.

Device numbers and times come from here and not from the machine, so that a run is the same everywhere: an inode that was
freed is given to the next new file, as ext4 does, and all files of one moment have the same time.
"""

from __future__ import annotations

import bz2
import gzip
import heapq
import lzma
import os
import shutil
import stat
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

BEGIN = 1_800_000_000.0

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, 1, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def unpack(path: Path) -> bytes:
    """Return what a file holds, as far as it is written."""
    data = path.read_bytes()
    match path.suffix:
        case ".gz":
            return zlib.decompressobj(wbits=31).decompress(data) if data else b""
        case ".bz2":
            return bz2.BZ2Decompressor().decompress(data) if data else b""
        case ".xz":
            return lzma.LZMADecompressor().decompress(data) if data else b""
        case _:
            return data


def lines_of(data: bytes) -> set[bytes]:
    """Return the numbered lines of a file; NULs before a line are what a writer without O_APPEND leaves."""
    return {line.lstrip(b"\0") for line in data.split(b"\n")[:-1]} - {b""}


class Inodes:
    """The numbers of files, and which of them the reader has open.

    Attributes:
        open: how often each file is open.
        held: lines that only an open file holds.
    """

    def __init__(self) -> None:
        self._given: dict[int, int] = {}
        self._free: list[int] = []
        self._next = 100
        self.open: Counter[int] = Counter()
        self.held: dict[int, set[bytes]] = {}
        self._nameless: set[int] = set()

    def given(self, real: int) -> int:
        """Return the number that the reader sees."""
        return self._given.get(real, real)

    def create(self, real: int) -> None:
        """Give a new file the lowest free number."""
        if self._free:
            number = heapq.heappop(self._free)
        else:
            number = self._next = self._next + 1
        self._given[real] = number

    def opened(self, real: int) -> None:
        """Note that the reader has opened a file."""
        self.open[real] += 1

    def closed(self, real: int) -> None:
        """Note that the reader has closed a file; one without a name is gone then."""
        self.open[real] -= 1
        if not self.open[real] and real in self._nameless:
            self.removed(real)

    def removed(self, real: int) -> None:
        """Note that a file has no name any more; its number is given back once nobody has it open."""
        self._nameless.add(real)
        if not self.open[real]:
            self._nameless.remove(real)
            heapq.heappush(self._free, self._given.pop(real))


class Disk:
    """The log's folder, the program that writes it, and the oracle.

    Attributes:
        path: the log.
        now: the time.
        written: every line that was written.
        lost: lines that nobody need deliver, because for some time nothing held them that a reader knows of.
        seen: what the reader delivered.
        banners: how many files began with the banner.
    """

    def __init__(self, folder: Path, *, width: int, banner: bytes, sees: Callable[[Path], bool]) -> None:
        self.folder = folder
        self.path = folder / "app.log"
        self.now = BEGIN
        self.inodes = Inodes()
        self.written: set[bytes] = set()
        self.lost: set[bytes] = set()
        self.seen: Counter[bytes] = Counter()
        self.appends = True
        self._sees = sees
        self._width = width
        self._banner = banner
        self._file = -1
        self._at = 0
        self._number = 0
        self.banners = 0
        self.create()

    # The program that logs.

    def create(self, path: Path | None = None) -> None:
        """Create the log where there is none, and write to it from now on; perhaps under another name."""
        if self._file >= 0:
            os.close(self._file)
        path = path or self.path
        new = not path.exists()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        self._at = os.fstat(self._file).st_size
        if new:
            self.inodes.create(os.fstat(self._file).st_ino)
            self._stamp(path)
            if self._banner:
                self._put(self._banner)
                self.banners += 1

    def write(self, count: int) -> None:
        """Write lines."""
        self._put(b"".join(self.line() for _ in range(count)))

    def line(self) -> bytes:
        """Return the next line."""
        self._number += 1
        line = b"%06d" % self._number + b"." * (self._number * 7 % self._width)
        self.written.add(line)
        return line + b"\n"

    def begin_line(self) -> bytes:
        """Write the first half of a line; return the other."""
        line = self.line()
        self._put(line[:4])
        return line[4:]

    def end_line(self, rest: bytes) -> None:
        """Write the other half of a line."""
        self._put(rest)

    def reserve(self, size: int) -> None:
        """Make the log longer than it is, and fill it from where it ended."""
        end = os.fstat(self._file).st_size
        if self.appends:
            self._at, self.appends = end, False
        os.ftruncate(self._file, end + size)
        os.utime(self._file, ns=(self._nanoseconds, self._nanoseconds))

    def write_beside(self, path: Path, count: int) -> None:
        """Write to the log of another process, which begins like this one."""
        begin = b"" if path.exists() else self._banner
        self.banners += bool(begin)
        before = path.read_bytes() if path.exists() else b""
        self.put(path, before + begin + b"".join(self.line() for _ in range(count)))

    def _put(self, data: bytes) -> None:
        at = os.fstat(self._file).st_size if self.appends else self._at
        self._at = at + os.pwrite(self._file, data, at)
        os.utime(self._file, ns=(self._nanoseconds, self._nanoseconds))

    # Who rotates.

    def name(self, name: str) -> Path:
        """Return a path beside the log."""
        return self.folder / name

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file, over another one perhaps."""
        if new.exists():
            self._unname(new)
        if self._sees(old) and not self._sees(new):
            self._risk(old)
        old.rename(new)

    def remove(self, path: Path) -> None:
        """Delete a file."""
        self._unname(path)
        path.unlink()

    def truncate(self) -> None:
        """Truncate the log."""
        path = self.path.resolve()
        self._risk(path, truncated=True)
        os.truncate(path, 0)
        self._stamp(path)

    def copy(self, target: Path, share: float = 1.0) -> None:
        """Copy the log, or the first part of it."""
        data = self.path.read_bytes()
        self.put(target, data[: int(len(data) * share)])

    def put(self, target: Path, data: bytes) -> None:
        """Write a file as a whole, or on in the one that is there."""
        new = not target.exists()
        with target.open("ab") as file:
            file.write(data[file.tell() :])
            if new:
                self.inodes.create(os.fstat(file.fileno()).st_ino)
        self._stamp(target)

    def keep_time(self, source: Path, target: Path) -> None:
        """Give a file the time of the one that it was made of, as compressors do."""
        shutil.copystat(source, target)

    def _stamp(self, path: Path) -> None:
        os.utime(path, ns=(self._nanoseconds, self._nanoseconds))

    @property
    def _nanoseconds(self) -> int:
        return int(self.now * 1e9)

    # The oracle.

    def _unname(self, path: Path) -> None:
        """Note that a file is about to lose a name."""
        if not path.is_symlink():
            self._risk(path, removed=path.stat().st_nlink == 1)

    def _risk(self, path: Path, *, removed: bool = False, truncated: bool = False) -> None:
        """Note which lines a file takes with it; where it keeps them, they are there while the reader has it open."""
        real = path.stat().st_ino
        alone = lines_of(unpack(path)) - self._held(path) - set(self.seen)
        if truncated or not self.inodes.open[real]:
            self.lost |= alone
        else:
            self.inodes.held.setdefault(real, set()).update(alone)
        if removed:
            self.inodes.removed(real)

    def _held(self, besides: Path) -> set[bytes]:
        """Return the lines of all other files that the reader can know of."""
        held: set[bytes] = set()
        for path in self.folder.rglob("*"):
            if path != besides and stat.S_ISREG(path.lstat().st_mode) and self._sees(path):
                held |= lines_of(unpack(path))
        return held

    def forget(self) -> None:
        """Count from here: what was written before is not expected."""
        self.written.clear()
        self.banners = 1 if self._banner else 0

    def reader_died(self) -> None:
        """Note what is out of reach for the next reader."""
        for lines in self.inodes.held.values():
            self.lost |= lines - set(self.seen)

    def faults(self) -> list[str]:
        """Return what is wrong with what was delivered."""
        repeated = set(self._banner.split(b"\n")) - {b""}
        times = self._banner.count(b"\n") * self.banners
        twice = sorted(line for line, count in self.seen.items() if count > 1 and line not in repeated)
        strange = sorted(set(self.seen) - self.written - repeated)
        missing = sorted(self.written - self.lost - set(self.seen))
        found = {"twice": twice, "missing": missing, "never written": strange}
        texts = [f"{len(lines)} {what}, first {lines[0][:12]!r}" for what, lines in found.items() if lines]
        for line in repeated:
            count = self.seen[line]
            if count > times or (count < times and not self.lost):
                texts.append(f"banner {count} times for {times}")
        return texts

    def close(self) -> None:
        """Stop writing."""
        os.close(self._file)
