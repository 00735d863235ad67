"""Following files as bytes: what is delivered, from where, and where reading goes on."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prediction_exporter.errors import SourceError, StateError
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.tail import Tail

LATER = 4e9


def read(tail: Tail) -> bytes:
    """Return all bytes that a read delivers."""
    return b"".join(lines.data for lines in tail.read())


def append(path: Path, data: bytes) -> None:
    """Write more to a file."""
    with path.open("ab") as file:
        file.write(data)


def restarted(tail: Tail, pattern: Path | str) -> Tail:
    """Return a new reader at the position of another."""
    tail.close()
    new = Tail(str(pattern), clock=lambda: LATER)
    new.restore(tail.position())
    return new


def test_start_at_the_end_is_behind_the_last_newline(tmp_path: Path) -> None:
    """What was there before is left out, but a line that was being written is delivered."""
    path = tmp_path / "app.log"
    path.write_bytes(b"old\nunfin")
    tail = Tail(str(path))
    assert read(tail) == b""
    append(path, b"ished\nnew\n")
    assert read(tail) == b"unfinished\nnew\n"


def test_start_at_the_end_without_any_newline(tmp_path: Path) -> None:
    """A file that holds the beginning of one line only is read from its beginning."""
    path = tmp_path / "app.log"
    path.write_bytes(b"unfin")
    tail = Tail(str(path))
    assert read(tail) == b""
    append(path, b"ished\n")
    assert read(tail) == b"unfinished\n"


def test_start_at_the_beginning(tmp_path: Path) -> None:
    """All that is there is read."""
    path = tmp_path / "app.log"
    path.write_bytes(b"one\n\r\ntwo\r\nthr")
    tail = Tail(str(path), start="beginning")
    assert [(lines.data, lines.path, lines.rejected) for lines in tail.read()] == [(b"one\n\r\ntwo\r\n", str(path), Rejected())]
    assert tail.unread_bytes() == 3


def test_files_that_appear_later_are_read_from_their_beginning(tmp_path: Path) -> None:
    """Starting at the end concerns only files that exist at the very first start, however often it is restarted."""
    path = tmp_path / "app.log"
    tail = Tail(str(path))
    assert read(tail) == b""
    tail = restarted(tail, path)
    path.write_bytes(b"first\n")
    assert read(tail) == b"first\n"


def test_a_position_before_the_first_read_is_still_the_first_start(tmp_path: Path) -> None:
    """A position taken before anything was looked at does not turn old lines into new ones."""
    path = tmp_path / "app.log"
    path.write_bytes(b"old\n")
    tail = restarted(Tail(str(path)), path)
    assert read(tail) == b""
    append(path, b"new\n")
    assert read(tail) == b"new\n"


def test_glob_over_folders(tmp_path: Path) -> None:
    """Two stars mean folders at any depth; the oldest file comes first."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    for number, name in enumerate(["a/b/x.jsonl", "a/y.jsonl", "z.jsonl", "a/other.txt"]):
        path = tmp_path / name
        path.write_bytes(name.encode() + b"\n")
        os.utime(path, (1000 - number, 1000 - number))
    tail = Tail(str(tmp_path / "**" / "*.jsonl"), start="beginning")
    assert read(tail) == b"z.jsonl\na/y.jsonl\na/b/x.jsonl\n"


def test_where_reading_stands_is_told_in_a_few_words(tmp_path: Path) -> None:
    """Files with how far each was read, and not all of them where there are many."""
    pattern = tmp_path / "*.jsonl"
    tail = Tail(str(pattern), start="beginning")
    assert tail.reached() == "no file was read"
    for number in range(5):
        (tmp_path / f"{number}.jsonl").write_bytes(b"line\n" * (number + 1) + b"rest")
    read(tail)
    shown = ", ".join(f"{tmp_path}/{number}.jsonl at byte {5 * (number + 1)}" for number in range(3))
    assert tail.reached() == f"{shown} and 2 more"
    assert restarted(tail, pattern).reached() == tail.reached()


def test_relative_patterns_name_the_same_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A position does not depend on how the path was written."""
    path = tmp_path / "app.log"
    path.write_bytes(b"one\n")
    monkeypatch.chdir(tmp_path)
    tail = Tail("app.log", start="beginning")
    assert read(tail) == b"one\n"
    assert read(restarted(tail, path)) == b""


def test_symbolic_link_that_is_turned_to_a_new_file(tmp_path: Path) -> None:
    """The old target is drained first, then the new one is read from its beginning."""
    old, new, link = tmp_path / "a.txt", tmp_path / "b.txt", tmp_path / "current.log"
    old.write_bytes(b"one\n")
    link.symlink_to(old)
    tail = Tail(str(link), start="beginning")
    assert read(tail) == b"one\n"
    append(old, b"two\n")
    new.write_bytes(b"three\n")
    link.unlink()
    link.symlink_to(new)
    assert read(tail) == b"two\nthree\n"
    append(old, b"late\n")
    assert read(restarted(tail, link)) == b"late\n"


def test_two_names_of_one_file_are_one_stream(tmp_path: Path) -> None:
    """A link beside its target does not double the lines."""
    path = tmp_path / "app.log"
    path.write_bytes(b"one\n")
    (tmp_path / "link.log").symlink_to(path)
    (tmp_path / "hard.log").hardlink_to(path)
    assert read(Tail(str(tmp_path / "*.log"), start="beginning")) == b"one\n"


def test_link_to_nothing_is_no_error(tmp_path: Path) -> None:
    """A target that does not exist yet may come later."""
    link, target = tmp_path / "current.log", tmp_path / "a.txt"
    link.symlink_to(target)
    tail = Tail(str(link))
    assert read(tail) == b""
    target.write_bytes(b"one\n")
    assert read(tail) == b"one\n"


def test_position_is_exact_after_each_item(tmp_path: Path) -> None:
    """Whoever stores the position with each item gets each line once, wherever reading was broken off."""
    path = tmp_path / "app.log"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(100)))
    seen, position = b"", None
    for _ in range(150):
        tail = Tail(str(path), start="beginning", chunk_bytes=64, max_line_bytes=50, wrapper="none")
        tail.restore(position)
        lines = next(iter(tail.read()), None)
        position = tail.position()
        tail.close()
        if lines is None:
            break
        seen += lines.data
    assert seen == path.read_bytes()


def test_position_is_deterministic_and_small(tmp_path: Path) -> None:
    """The same files give the same text, and a reader that restores it returns it again."""
    path = tmp_path / "app.log"
    path.write_bytes(b"x" * 5000 + b"\n")
    first, second = (Tail(str(path), start="beginning", clock=lambda: LATER) for _ in range(2))
    read(first)
    read(second)
    assert first.position() == second.position()
    assert len(first.position()) < 500
    assert restarted(first, path).position() == second.position()


def test_position_of_another_version_is_refused(tmp_path: Path) -> None:
    """A position that cannot be understood is told, not guessed."""
    with pytest.raises(StateError, match=r"app\.log"):
        Tail(str(tmp_path / "app.log")).restore(json.dumps({"version": 0}))


def test_streams_that_the_pattern_does_not_name_any_more_are_forgotten(tmp_path: Path) -> None:
    """A changed pattern keeps the places in files that it still names, and leaves the others alone."""
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_bytes(b"one\n")
    tail = Tail(str(tmp_path / "*.log"), start="beginning")
    assert read(tail) == b"one\none\n"
    for name in ("a.log", "b.log"):
        append(tmp_path / name, b"two\n")
    tail = restarted(tail, tmp_path / "a*")
    assert read(tail) == b"two\n"
    assert "b.log" not in tail.position()


def test_oversized_lines_are_counted_and_skipped(tmp_path: Path) -> None:
    """A line that is too long costs only itself, wherever it lies in a chunk."""
    path = tmp_path / "app.log"
    path.write_bytes(b"a\n" + b"x" * 11 + b"\n" + b"y" * 10 + b"\nb\n" + b"z" * 500 + b"\nc\n")
    for chunk_bytes in (1, 7, 100, 1 << 20):
        tail = Tail(str(path), start="beginning", max_line_bytes=10, chunk_bytes=chunk_bytes, wrapper="none")
        rejected = Rejected()
        data = b""
        for lines in tail.read():
            data += lines.data
            rejected.merge(lines.rejected)
        assert data == b"a\n" + b"y" * 10 + b"\nb\nc\n"
        assert rejected.counts == {"oversized": 2}
        assert rejected.examples["oversized"].startswith("xxxx")
        tail.close()


def test_skipping_a_line_survives_a_restart(tmp_path: Path) -> None:
    """A line that is too long and not yet ended is counted once; its rest is no line of its own."""
    path = tmp_path / "app.log"
    path.write_bytes(b"x" * 100)

    def new(position: str | None) -> Tail:
        tail = Tail(str(path), start="beginning", max_line_bytes=10, chunk_bytes=16, wrapper="none")
        tail.restore(position)
        return tail

    tail = new(None)
    assert [lines.rejected.counts for lines in tail.read()] == [{"oversized": 1}]
    position = tail.position()
    tail.close()
    append(path, b"x" * 50)
    tail = new(position)
    assert list(tail.read()) == []
    position = tail.position()
    tail.close()
    append(path, b"xx\nok\n")
    tail = new(position)
    assert [(lines.data, lines.rejected.counts) for lines in tail.read()] == [(b"ok\n", {})]


def test_limit_is_exact(tmp_path: Path) -> None:
    """A line of the limit's length passes, with one byte more it does not."""
    path = tmp_path / "app.log"
    path.write_bytes(b"x" * 10)
    tail = Tail(str(path), start="beginning", max_line_bytes=10, wrapper="none")
    assert list(tail.read()) == []
    append(path, b"\n" + b"x" * 11)
    assert [(lines.data, lines.rejected.counts) for lines in tail.read()] == [(b"x" * 10 + b"\n", {"oversized": 1})]


@pytest.mark.parametrize("extension", ["", ".gz", ".zst", ".xz", ".bz2"])
def test_memory_is_bounded_for_a_huge_line(tmp_path: Path, extension: str) -> None:
    """A line of 150 MB without newline, compressed or not, is skipped in the memory of a few chunks."""
    path = tmp_path / f"app.log{extension}"
    script = f"""
import bz2, gzip, lzma, resource, sys, zstandard
from pathlib import Path
from prediction_exporter.sources.tail import Tail
path = Path({str(path)!r})
opened = {{"": lambda: path.open("wb"), ".gz": lambda: gzip.open(path, "wb", 1),
          ".zst": lambda: zstandard.open(path, "wb"), ".xz": lambda: lzma.open(path, "wb", preset=0),
          ".bz2": lambda: bz2.open(path, "wb", 1)}}[{extension!r}]
with opened() as file:
    for _ in range(150):
        file.write(b"x" * 1_000_000)
    file.write(b"\\nend\\n")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tail = Tail(str(path), start="beginning", chunk_bytes=4 << 20)
data, oversized = b"", 0
for lines in tail.read():
    data += lines.data
    oversized += lines.rejected.counts.get("oversized", 0)
tail.close()
assert (data, oversized) == (b"end\\n", 1), (data, oversized)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100_000


def test_reading_is_not_slowed_by_lines(tmp_path: Path) -> None:
    """No work is done per line: 200 MB of short lines take well under a second of processor time."""
    path = tmp_path / "app.log"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(b"0123456789abcde\n" * 131072)
    tail = Tail(str(path), start="beginning")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    assert sum(len(lines.data) for lines in tail.read()) == path.stat().st_size
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 1
    tail.close()


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    """A path that names a folder cannot be read, and the message names it; a glob may meet folders."""
    (tmp_path / "app.log").mkdir()
    with pytest.raises(SourceError, match=r"cannot read .*app\.log"):
        list(Tail(str(tmp_path / "app.log")).read())
    (tmp_path / "b.log").write_bytes(b"one\n")
    assert read(Tail(str(tmp_path / "*.log"), start="beginning")) == b"one\n"


def test_a_loop_of_links_is_an_error(tmp_path: Path) -> None:
    """What the system reports about a path is passed on."""
    (tmp_path / "app.log").symlink_to(tmp_path / "app.log")
    with pytest.raises(SourceError, match=r"app\.log"):
        list(Tail(str(tmp_path / "app.log")).read())


@contextmanager
def unprivileged(tmp_path: Path) -> Iterator[None]:
    """Give up the privileges that make root ignore permissions."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o755)
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    try:
        yield
    finally:
        os.seteuid(user)


def test_no_permission(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that may not be read is an error that names it; beside readable ones it is logged once, and read later."""
    secret, path = tmp_path / "a.log", tmp_path / "b.log"
    secret.write_bytes(b"secret\n")
    secret.chmod(0)
    tail = Tail(str(tmp_path / "*.log"), start="beginning")
    with unprivileged(tmp_path), pytest.raises(SourceError, match=r"cannot read .*a\.log: Permission denied"):
        list(tail.read())
    path.write_bytes(b"one\n")
    caplog.clear()
    with unprivileged(tmp_path):
        assert read(tail) == b"one\n"
        assert read(tail) == b""
    secret.chmod(0o644)
    assert read(tail) == b"secret\n"
    assert not caplog.records


def test_a_folder_without_permission(tmp_path: Path) -> None:
    """A folder that may not be listed is not mistaken for an empty one."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.log").write_bytes(b"one\n")
    folder.chmod(0)
    with unprivileged(tmp_path):
        for pattern in ("logs/*.log", "logs/a.log"):
            with pytest.raises(SourceError, match="Permission denied"):
                list(Tail(str(tmp_path / pattern)).read())
    folder.chmod(0o755)


def test_many_files_do_not_use_up_descriptors(tmp_path: Path) -> None:
    """More files than may be open at once are followed all the same."""
    paths = [tmp_path / f"{number}.log" for number in range(600)]
    for path in paths:
        path.write_bytes(b"one\n")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 300, limits[1]))  # noqa: PTH208 - a list
    try:
        tail = Tail(str(tmp_path / "*.log"), start="beginning")
        assert read(tail) == b"one\n" * 600
        for path in paths:
            append(path, b"two\n")
        assert read(tail) == b"two\n" * 600
        tail.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
