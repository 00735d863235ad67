"""NULs in a log: after a crash, in a hole of a sparse file, in space that is reserved ahead."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.tail import Tail

LATER = 4e9

#: Lengths below, at and above what a line may have and what is read at a time.
LENGTHS = [1, 3, 4, 17, 4096, (1 << 20) + 1, 8 << 20, 20 << 20]


def lines_of(tail: Tail, rejected: Rejected | None = None) -> list[bytes]:
    """Return the lines that a read delivers, without blank ones."""
    found = []
    for lines in tail.read():
        found += [line for line in lines.data.split(b"\n") if line.strip()]
        if rejected is not None:
            rejected.merge(lines.rejected)
    return found


def follow(path: Path, position: str | None = None, **options: Any) -> Tail:
    """Return a reader of a file from its beginning or a position."""
    tail = Tail(str(path), start="beginning", **options)
    tail.restore(position)
    return tail


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("small", [False, True])
def test_lines_around_nuls_are_delivered(tmp_path: Path, length: int, *, small: bool) -> None:
    """NULs cost no line, however many there are and wherever a line was torn; none is taken for one that is too long."""
    path, gap = tmp_path / "app.log", b"\0" * length
    path.write_bytes(gap + b'{"a":0}\n' + gap + b'{"a":1}\n{"to' + gap + b'{"a":2}\n{"a":3}' + gap + b"\n" + b'{"a":4}\n' + gap)
    options: dict[str, Any] = {"max_line_bytes": 100, "chunk_bytes": 100} if small else {}
    tail, rejected = follow(path, **options), Rejected()
    whole = [b'{"a":0}', b'{"a":1}', b'{"to', b'{"a":2}', b'{"a":3}', b'{"a":4}']
    assert lines_of(tail, rejected) == whole
    assert not rejected.total
    assert tail.unread_bytes() == 0
    with path.open("ab") as file:
        file.write(b'{"a":5}\n')
    assert lines_of(tail) == [b'{"a":5}']
    tail.close()


@pytest.mark.parametrize("kind", ["docker", "cri"])
@pytest.mark.parametrize("length", [1, 4096, 9 << 20])
def test_wrapped_lines_around_nuls_are_delivered(tmp_path: Path, kind: str, length: int) -> None:
    """A runtime's records are found behind NULs, also the first of a file, which tells the wrapper."""
    before, behind = {
        "docker": (b'{"log":"', b'\\n","stream":"stdout","time":"2026-05-04T09:30:00Z"}\n'),
        "cri": (b"2026-05-04T09:30:00.1Z stdout F ", b"\n"),
    }[kind]
    path, gap = tmp_path / "app.log", b"\0" * length
    path.write_bytes(b"".join(gap + before + text + behind for text in (b"one", b"two", b"three")))
    tail = follow(path)
    assert lines_of(tail) == [b"one", b"two", b"three"]
    tail.close()


def test_a_hole_of_terabytes_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer goes on at its old offset in a file that was truncated: what it writes is found behind 2 TiB of nothing.

    Neither following the file nor recognising it after a restart reads the hole.
    """
    path, read, pread = tmp_path / "app.log", 0, os.pread

    def counted(fd: int, length: int, position: int) -> bytes:
        nonlocal read
        data = pread(fd, length, position)
        read += len(data)
        assert read < 256 << 20, "the hole is read"
        return data

    monkeypatch.setattr(os, "pread", counted)
    with path.open("wb") as file:
        file.write(b'{"a":0}\n')
        file.seek(2 << 40)
        file.write(b'{"a":1}\n{"a":')
    tail = follow(path)
    assert lines_of(tail) == [b'{"a":0}', b'{"a":1}']
    tail.close()
    with path.open("ab") as file:
        file.write(b"2}\n")
    tail = follow(path, tail.position())
    assert lines_of(tail) == [b'{"a":2}']
    tail.close()
    path.rename(tmp_path / "app.log.1")
    path.write_bytes(b'{"a":3}\n')
    tail = follow(path, tail.position())
    assert lines_of(tail) == [b'{"a":3}']
    tail.close()


def test_a_log_with_a_hole_is_known_again_where_it_was_compressed(tmp_path: Path) -> None:
    """Its copy has the NULs written out; it is the same log all the same."""
    path = tmp_path / "app.log"
    with path.open("wb") as file:
        file.write(b'{"a":0}\n')
        file.seek(40 << 20)
        file.write(b'{"a":1}\n')
    tail = follow(path)
    assert lines_of(tail) == [b'{"a":0}', b'{"a":1}']
    tail.close()
    with path.open("ab") as file:
        file.write(b'{"a":2}\n')
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    path.write_bytes(b'{"a":3}\n')
    tail = follow(path, tail.position())
    assert lines_of(tail) == [b'{"a":2}', b'{"a":3}']
    tail.close()


@pytest.mark.parametrize("sparse", [False, True])
def test_space_reserved_ahead_is_filled_later(tmp_path: Path, *, sparse: bool) -> None:
    """NULs that nothing follows are left: lines are written over them, also after a restart, and they are no backlog."""
    path = tmp_path / "app.log"
    path.write_bytes(b"" if sparse else bytes(12 << 20))
    os.truncate(path, 12 << 20)
    tail = follow(path)
    text, written = b"".join(b'{"a":%d}\n' % number for number in range(9)), 0
    for end in (0, 3, 8, 12, 30, len(text)):
        with path.open("r+b") as file:
            file.seek(written)
            file.write(text[written:end])
        begin, written = text[:written].rfind(b"\n") + 1, end
        whole = text[:end].rfind(b"\n") + 1
        assert lines_of(tail) == text[begin:whole].split(b"\n")[:-1]
        assert tail.unread_bytes() == end - whole
        tail.close()
        tail = follow(path, tail.position())
    tail.close()


def test_reserved_space_of_a_finished_file_is_nothing(tmp_path: Path) -> None:
    """The last line of a rotated file is delivered without the NULs behind it, and the file is done with."""
    path, now = tmp_path / "app.log", [1e9]
    path.write_bytes(b'{"a":0}\n{"a":1}' + bytes(3) + bytes(5000))
    tail = follow(path, clock=lambda: now[0])
    assert lines_of(tail) == [b'{"a":0}']
    path.rename(tmp_path / "app.log.1")
    assert lines_of(tail) == []
    now[0] = LATER
    assert lines_of(tail) == [b'{"a":1}']
    assert tail.unread_bytes() == 0
    tail.close()


def test_nuls_in_a_compressed_file(tmp_path: Path) -> None:
    """A crash's NULs are in the compressed copy, too, and are read over in one pass."""
    path = tmp_path / "app.log.gz"
    path.write_bytes(gzip.compress(b'{"a":0}\n{"t' + bytes(40 << 20) + b'{"a":1}\n{"a":2}', 1))
    tail = follow(path)
    assert lines_of(tail) == [b'{"a":0}', b'{"t', b'{"a":1}', b'{"a":2}']
    tail.close()


def test_a_line_that_is_too_long_ends_at_nuls(tmp_path: Path) -> None:
    """What a crash tore is not continued behind the NULs: the line there is good."""
    path = tmp_path / "app.log"
    path.write_bytes(b"x" * 5000 + bytes(5000) + b'{"a":1}\n' + b"y" * 200 + b"\n")
    tail, rejected = follow(path, max_line_bytes=100, chunk_bytes=100, wrapper="none"), Rejected()
    assert lines_of(tail, rejected) == [b'{"a":1}']
    assert rejected.counts == {"oversized": 2}
    tail.close()
