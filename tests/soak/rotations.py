"""Every way to rotate a log, in the steps that others can see: each ``yield`` lies between two system calls of who rotates.

Numbers are shifted as logrotate does by default, compression comes last and deletes what was compressed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from soak.disk import PACK, Disk

Rotation = Callable[[Disk, int], Iterator[None]]
"""Rotates a disk's log, and writes so many lines to the next file."""

PACKED = ("", *PACK)


def shift(disk: Disk, folder: Path | None = None) -> Iterator[None]:
    """Make room for number 1, from the highest number on."""
    folder = folder or disk.folder
    for number in range(8, 0, -1):
        for suffix in PACKED:
            old = folder / f"app.log.{number}{suffix}"
            if old.exists():
                disk.rename(old, folder / f"app.log.{number + 1}{suffix}")
                yield


def pack(disk: Disk, path: Path, suffix: str) -> Iterator[None]:
    """Compress a file in pieces, then delete it."""
    target = path.with_name(path.name + suffix)
    data = PACK[suffix](path.read_bytes())
    for share in (0.0, 0.4, 1.0):
        disk.put(target, data[: int(len(data) * share)])
        yield
    disk.keep_time(path, target)
    yield
    disk.remove(path)
    yield


def renamed(disk: Disk, lines: int) -> Iterator[None]:
    """Rename, and create anew."""
    yield from shift(disk)
    disk.rename(disk.path, disk.name("app.log.1"))
    yield
    disk.create()
    yield
    disk.write(lines)


def reopened_later(disk: Disk, lines: int) -> Iterator[None]:
    """Rename; the writer goes on in the old file, in the middle of a line, until it is told."""
    yield from shift(disk)
    rest = disk.begin_line()
    disk.rename(disk.path, disk.name("app.log.1"))
    yield
    disk.end_line(rest)
    disk.write(lines)
    yield
    disk.create()
    yield
    disk.write(lines)


def copied_and_truncated(disk: Disk, lines: int) -> Iterator[None]:
    """Copy in pieces, then truncate; the writer appends."""
    yield from shift(disk)
    for share in (0.0, 0.5, 1.0):
        disk.copy(disk.name("app.log.1"), share)
        yield
    disk.truncate()
    yield
    disk.write(lines)


def copied_with_hole(disk: Disk, lines: int) -> Iterator[None]:
    """Copy, then truncate under a writer that goes on at its own place, behind a hole of NULs."""
    disk.appends = False
    yield from copied_and_truncated(disk, lines)


def compressed(disk: Disk, lines: int, suffix: str = ".gz") -> Iterator[None]:
    """Rename, create and compress at once: logrotate's ``compress``."""
    yield from renamed(disk, lines)
    yield
    yield from pack(disk, disk.name("app.log.1"), suffix)


def compressed_later(disk: Disk, lines: int, suffix: str = ".gz") -> Iterator[None]:
    """Compress what was rotated before, then rename and create: logrotate's ``delaycompress``."""
    if disk.name("app.log.1").exists():
        yield from pack(disk, disk.name("app.log.1"), suffix)
    yield from renamed(disk, lines)


def copied_and_compressed(disk: Disk, lines: int) -> Iterator[None]:
    """Copy, truncate, compress."""
    yield from copied_and_truncated(disk, lines)
    yield
    yield from pack(disk, disk.name("app.log.1"), ".gz")


def dated(disk: Disk, lines: int) -> Iterator[None]:
    """Rename to a date, compress: logrotate's ``dateext``."""
    day = next(day for day in range(1, 29) if not list(disk.folder.glob(f"app.log-202601{day:02}*")))
    target = disk.name(f"app.log-202601{day:02}")
    disk.rename(disk.path, target)
    yield
    disk.create()
    yield
    disk.write(lines)
    yield
    yield from pack(disk, target, ".gz")


def moved(disk: Disk, lines: int) -> Iterator[None]:
    """Rename into another folder: logrotate's ``olddir``."""
    folder = disk.name("old")
    folder.mkdir(exist_ok=True)
    yield from shift(disk, folder)
    disk.rename(disk.path, folder / "app.log.1")
    yield
    disk.create()
    yield
    disk.write(lines)


def moved_and_compressed(disk: Disk, lines: int) -> Iterator[None]:
    """Rename into another folder and compress there."""
    yield from moved(disk, lines)
    yield
    yield from pack(disk, disk.name("old") / "app.log.1", ".gz")


def moved_copy(disk: Disk, lines: int) -> Iterator[None]:
    """Copy into another folder, then truncate."""
    folder = disk.name("old")
    folder.mkdir(exist_ok=True)
    yield from shift(disk, folder)
    for share in (0.0, 0.5, 1.0):
        disk.copy(folder / "app.log.1", share)
        yield
    disk.truncate()
    yield
    disk.write(lines)


def only_copied(disk: Disk, lines: int) -> Iterator[None]:
    """Copy and leave the log as it is: logrotate's ``copy``."""
    yield from shift(disk)
    for share in (0.0, 0.5, 1.0):
        disk.copy(disk.name("app.log.1"), share)
        yield
    disk.write(lines)


def overwritten(disk: Disk, lines: int) -> Iterator[None]:
    """Rename over the one old file that is kept, as Python's handler does with one backup."""
    disk.rename(disk.path, disk.name("app.log.1"))
    yield
    disk.create()
    yield
    disk.write(lines)


def deleted(disk: Disk, lines: int) -> Iterator[None]:
    """Delete, and create anew: the new file may well get the old one's inode."""
    disk.remove(disk.path)
    yield
    disk.create()
    yield
    disk.write(lines)


def truncated(disk: Disk, lines: int) -> Iterator[None]:
    """Truncate without any copy: what was not read is lost."""
    disk.truncate()
    yield
    disk.write(lines)


def in_halves(disk: Disk, lines: int) -> Iterator[None]:
    """Rotate nothing: write a line in two pieces."""
    rest = disk.begin_line()
    yield
    disk.end_line(rest)
    yield
    disk.write(lines)


def reserved(disk: Disk, lines: int) -> Iterator[None]:
    """Rotate nothing: make the file longer in advance, and write into what is there."""
    disk.reserve(1500)
    yield
    disk.write(2)
    yield
    disk.write(min(lines, 8))


def packed_in_place(disk: Disk, lines: int) -> Iterator[None]:
    """Compress the log itself, over what was compressed before, and create anew: ``gzip -f app.log``."""
    packed = disk.name("app.log.gz")
    if packed.exists():
        disk.remove(packed)
        yield
    yield from pack(disk, disk.path, ".gz")
    disk.create()
    yield
    disk.write(lines)


def named_otherwise(disk: Disk, lines: int) -> Iterator[None]:
    """Rename to what no rotation of that log would be called."""
    number = next(number for number in range(1, 9) if not disk.name(f"appold{number}.log").exists())
    disk.rename(disk.path, disk.name(f"appold{number}.log"))
    yield
    disk.create()
    yield
    disk.write(lines)


def linked_away(disk: Disk, lines: int) -> Iterator[None]:
    """Give the file a second name, then take the first one from it."""
    yield from shift(disk)
    disk.name("app.log.1").hardlink_to(disk.path)
    yield
    disk.remove(disk.path)
    yield
    disk.create()
    yield
    disk.write(lines)


def relinked(disk: Disk, lines: int) -> Iterator[None]:
    """The log's name is a link, which is moved to the next file in one step."""
    day = next(day for day in range(1, 29) if not list(disk.folder.glob(f"app-202602{day:02}*")))
    target, link = disk.name(f"app-202602{day:02}.log"), disk.name(".link")
    disk.create(target)
    yield
    link.symlink_to(target)
    if not disk.path.is_symlink():
        disk.rename(disk.path, disk.name("app-20260131.log"))
        yield
    link.rename(disk.path)
    yield
    disk.write(lines)


def replaced(disk: Disk, lines: int) -> Iterator[None]:
    """Replace the log by a longer copy of itself in one step, as rsync does."""
    new = disk.name(".app.log.new")
    disk.put(new, disk.path.read_bytes() + b"".join(disk.line() for _ in range(lines)))
    yield
    disk.rename(new, disk.path)
    yield
    disk.create()


def by_month(disk: Disk, lines: int) -> Iterator[None]:
    """Rename to a name with a month's word and compress: Log4j's ``%d{dd-MMM-yyyy}-%i``."""
    number = next(number for number in range(1, 99) if not list(disk.folder.glob(f"app-28-Nov-2026-{number}.log*")))
    target = disk.name(f"app-28-Nov-2026-{number}.log")
    disk.rename(disk.path, target)
    yield
    disk.create()
    yield
    disk.write(lines)
    yield
    yield from pack(disk, target, ".gz")


ROTATIONS: dict[str, Rotation] = {
    rotation.__name__: rotation
    for rotation in (
        renamed,
        reopened_later,
        copied_and_truncated,
        copied_with_hole,
        compressed,
        compressed_later,
        copied_and_compressed,
        dated,
        moved,
        moved_and_compressed,
        moved_copy,
        only_copied,
        overwritten,
        deleted,
        truncated,
        by_month,
        in_halves,
        reserved,
        packed_in_place,
        named_otherwise,
        linked_away,
        relinked,
        replaced,
    )
}
