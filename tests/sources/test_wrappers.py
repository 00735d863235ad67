"""Taking off the wrappers of container runtimes."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.tail import Tail

SAMPLES = Path(__file__).parent / "data" / "container_runtime"


def docker(text: str, stream: str = "stdout") -> bytes:
    """Return a record of Docker's json-file driver."""
    return json.dumps({"log": text, "stream": stream, "time": "2026-01-01T00:00:00.000000001Z"}).encode() + b"\n"


def cri(text: str, tag: str = "F", stream: str = "stdout") -> bytes:
    """Return a record of a CRI runtime."""
    return f"2026-01-01T00:00:00.000000001Z {stream} {tag} {text}\n".encode()


class Wrapped:
    """A wrapped log and its reader."""

    def __init__(self, path: Path, wrapper: Literal["auto", "none", "docker", "cri"] = "auto", limit: int = 1000) -> None:
        self.path, self.wrapper, self.limit = path, wrapper, limit
        self.rejected = Rejected()
        self.tail = self.new()

    def new(self) -> Tail:
        """Return a new reader."""
        return Tail(str(self.path), start="beginning", wrapper=self.wrapper, max_line_bytes=self.limit, chunk_bytes=1)

    def write(self, *records: bytes) -> None:
        """Append records."""
        with self.path.open("ab") as file:
            file.write(b"".join(records))

    def read(self, *records: bytes) -> bytes:
        """Append records, read in a process of its own, and return the lines."""
        self.write(*records)
        data = b""
        for lines in self.tail.read():
            data += lines.data
            self.rejected.merge(lines.rejected)
        position = self.tail.position()
        self.tail.close()
        self.tail = self.new()
        self.tail.restore(position)
        return data


@pytest.fixture
def log(tmp_path: Path) -> Wrapped:
    """Return a log that is being followed."""
    return Wrapped(tmp_path / "app.log")


def test_genuine_docker_records(log: Wrapped) -> None:
    """The log value is unescaped; additional keys do not matter."""
    assert log.read((SAMPLES / "docker_json_file.log").read_bytes()) == (
        b"Starting server\nListening on port 8080\n"
        b'{"message":"HEAD1 / 200 1ms - 9.0B"}\n'
        b"2018-11-06 07:26:59.331 [DEBUG][141] int_dataplane.go 672: Throttle kick received\n"
    )
    assert log.rejected.total == 0


def test_genuine_cri_records(log: Wrapped) -> None:
    """What stands behind the tag is the line, with its leading tab."""
    assert log.read((SAMPLES / "cri.log").read_bytes()) == (
        b"\t/root/repos/aimd-server/gen/component/repos/aimd-server/pkg/lakefs/client.go:102 +0x251\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        b'{"prediction": 1}\n',
        b'{"log": "text", "prediction": 1}\n',
        b'{"log": "text", "stream": "clicks", "time": 1}\n',
        b'{"log": {"a": 1}, "stream": "stdout", "time": 1}\n',
        b"2026-01-01T00:00:00Z stdout says hello\n",
        b"[1]\n",
        b"\xff\xfe\n",
    ],
)
def test_lines_without_wrapper(log: Wrapped, line: bytes) -> None:
    """A file whose first line has no wrapper is delivered as it is, whatever follows."""
    following = docker("text\n") + cri("text")
    assert log.read(b"\n\r\n" + line + following) == b"\n\r\n" + line + following


def test_wrapper_that_is_told(tmp_path: Path) -> None:
    """A configured wrapper is not guessed at."""
    log = Wrapped(tmp_path / "a.log", "none")
    assert log.read(docker("x\n")) == docker("x\n")
    log = Wrapped(tmp_path / "b.log", "cri")
    assert log.read(docker("x\n"), cri("y")) == b"y\n"
    assert log.rejected.counts == {"malformed": 1}


def test_each_file_has_its_own_wrapper(tmp_path: Path) -> None:
    """Files of one glob may come from different runtimes."""
    for name, data in (("a.log", docker("a\n")), ("b.log", cri("b")), ("c.log", b"c\n")):
        (tmp_path / name).write_bytes(data)
    tail = Tail(str(tmp_path / "*.log"), start="beginning")
    assert sorted(lines.data for lines in tail.read()) == [b"a\n", b"b\n", b"c\n"]
    tail.close()


def test_text_comes_through_unchanged(log: Wrapped) -> None:
    """Escapes, Unicode, empty lines and carriage returns are the container's own."""
    texts = ['{"a": "b\\"c"}', "é\u2028😀", "", "x\r", " lead", "tab\t", "\\u0041", "\x00"]
    assert log.read(*(docker(text + "\n") for text in texts)) == "".join(text + "\n" for text in texts).encode()
    log = Wrapped(log.path.with_name("cri.log"))
    del texts[-1]  # in the file itself, NULs part lines
    assert log.read(*(cri(text) for text in texts)) == "".join(text + "\n" for text in texts).encode()


@pytest.mark.parametrize("kind", ["docker", "cri"])
def test_partial_records_are_joined_by_stream(log: Wrapped, kind: str) -> None:
    """A line that comes in parts is delivered once, when it is whole, though another stream's lines lie between."""
    parts = {
        "docker": [docker("o1"), docker("e1", "stderr"), docker("o2\n"), docker("e2\n", "stderr"), docker("x\n")],
        "cri": [cri("o1", "P"), cri("e1", "P", "stderr"), cri("o2"), cri("e2", "F", "stderr"), cri("x")],
    }[kind]
    assert log.read(*parts) == b"o1o2\ne1e2\nx\n"


@pytest.mark.parametrize("kind", ["docker", "cri"])
def test_position_never_lies_inside_a_logical_line(log: Wrapped, kind: str) -> None:
    """A restart between the parts of a line neither loses nor repeats anything."""
    first, second = (docker("o1"), docker("o2\n")) if kind == "docker" else (cri("o1", "P"), cri("o2"))
    between = docker("e\n", "stderr") if kind == "docker" else cri("e", "F", "stderr")
    assert log.read(between) == b"e\n"
    assert log.read(between, first) == b"e\n"
    assert log.read(between[:20]) == b""
    assert log.read(between[20:]) == b""
    assert log.read(second) == b"e\no1o2\n"
    assert log.read(between) == b"e\n"


def test_lines_without_the_wrapper_are_counted(log: Wrapped) -> None:
    """A line that breaks the wrapper costs only itself."""
    bad = [
        b"no json\n",
        b'{"log": 5, "stream": "stdout"}\n',
        b'{"stream": "stdout"}\n',
        b"[1]\n",
        b"\xff\n",
        b"[" * 900 + b"\n",
    ]
    for line in bad:
        assert log.read(docker("a\n"), line, docker("b\n")) == b"a\nb\n"
    assert log.rejected.counts == {"malformed": len(bad)}
    assert log.rejected.examples == {"malformed": "no json"}
    log = Wrapped(log.path.with_name("cri.log"))
    bad = [b"text\n", b"2026-01-01T00:00:00Z stdin F x\n", b"2026-01-01T00:00:00Z stdout Q x\n", b"{}\n"]
    for line in bad:
        assert log.read(cri("a"), line, cri("b")) == b"a\nb\n"
    assert log.rejected.counts == {"malformed": len(bad)}


def test_cri_tags_and_empty_text(log: Wrapped) -> None:
    """More tags may follow the first, and the text may be missing altogether."""
    raw = b"2026-01-01T00:00:00Z stdout F\n" + cri("a", "P:x") + cri("b", "F:y:z") + cri("")
    assert log.read(raw) == b"\nab\n\n"


def test_blank_records_are_passed_over(log: Wrapped) -> None:
    """A blank line in a wrapped file is nothing."""
    assert log.read(docker("a\n"), b"\n", docker("b\n"), b"\n") == b"a\nb\n"
    assert log.rejected.total == 0


@pytest.mark.parametrize("kind", ["docker", "cri"])
def test_logical_line_that_is_too_long(log: Wrapped, kind: str) -> None:
    """It is counted once, its parts are skipped also after a restart, and other streams are not held up."""

    def part(text: str, *, last: bool = False, stream: str = "stdout") -> bytes:
        return docker(text + "\n" * last, stream) if kind == "docker" else cri(text, "F" if last else "P", stream)

    assert log.read(part("ok", last=True), part("x" * 600), part("x" * 600)) == b"ok\n"
    assert log.rejected.counts == {"oversized": 1}
    assert log.read(part("x" * 600), part("e", last=True, stream="stderr")) == b"e\n"
    assert log.read(part("rest", last=True), part("ok", last=True)) == b"ok\n"
    assert log.read(part("y" * 1001, last=True), part("z" * 1000, last=True)) == b"z" * 1000 + b"\n"
    assert log.rejected.counts == {"oversized": 2}


def test_line_that_never_ends_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """When a whole chunk lies behind the beginning of a line, the line is given up."""
    log = Wrapped(tmp_path / "app.log", "cri")
    lines = [cri(f"line {number}", "F", "stderr") for number in range(300)]
    data = log.read(cri("never", "P"), *lines)
    assert log.rejected.counts == {"oversized": 1}
    assert data == b"".join(b"line %d\n" % number for number in range(300))
    assert log.read(cri("ends"), cri("next")) == b"next\n"


def test_oversized_record_inside_a_logical_line(tmp_path: Path) -> None:
    """A record that is too long itself does not stop what follows."""
    log = Wrapped(tmp_path / "app.log", "cri", limit=100)
    assert log.read(cri("a", "P"), cri("x" * 20_000, "P"), cri("b"), cri("ok")) == b"ok\n"
    assert log.rejected.counts == {"oversized": 2}


def test_rotated_file_ends_inside_a_logical_line(tmp_path: Path) -> None:
    """When the file is finished, what there is of the line is delivered, also of a record that was cut off."""
    now = [time.time()]
    for name, raw, expected in (
        ("cri.log", cri("one") + cri("par", "P") + cri("tial", "P"), b"partial\n"),
        ("docker.log", docker("one\n") + docker("par") + docker("tial"), b"partial\n"),
        ("cut.log", cri("one") + cri("two")[:-1], b"two\n"),
    ):
        path = tmp_path / name
        path.write_bytes(raw)
        tail = Tail(str(path), start="beginning", clock=lambda: now[0])
        assert [lines.data for lines in tail.read()] == [b"one\n"]
        path.rename(path.with_name(name + ".1"))
        assert list(tail.read()) == []
        now[0] += 61
        assert [lines.data for lines in tail.read()] == [expected]
        assert list(tail.read()) == []
        tail.close()


@pytest.mark.parametrize("kind", ["docker", "cri"])
def test_whole_and_partial_records_give_the_same_lines(tmp_path: Path, kind: str) -> None:
    """However lines are cut into records and reads, they come out as they went in."""
    rng = random.Random(7)
    log = Wrapped(tmp_path / "app.log", limit=3000)
    data, expected = b"", b""
    for number in range(300):
        text = f"{number} " + "".join(rng.choices('ab"\\é😀 ', k=rng.choice([0, 10, 400])))
        size = rng.choice([50, 1000])
        parts = [text[at : at + size] for at in range(0, len(text), size)]
        raw = b"".join(
            docker(part + "\n" * (part is parts[-1])) if kind == "docker" else cri(part, "F" if part is parts[-1] else "P")
            for part in parts
        )
        cut = rng.randint(0, len(raw))
        data += log.read(raw[:cut]) + log.read(raw[cut:])
        expected += text.encode() + b"\n"
    assert data == expected
    assert log.rejected.total == 0


@pytest.mark.parametrize("kind", ["docker", "cri"])
def test_unwrapping_is_fast(tmp_path: Path, kind: str) -> None:
    """It takes no more than a few times of what ``json.loads`` takes for the same lines; it is less, on a quiet machine."""
    text = json.dumps({"x": "y" * 800})
    record = docker(text + "\n") if kind == "docker" else cri(text)
    path = tmp_path / "app.log"
    path.write_bytes(record * 20_000)

    def unwrapped() -> int:
        tail = Tail(str(path), start="beginning")
        count = sum(lines.data.count(b"\n") for lines in tail.read())
        tail.close()
        return count

    def loaded() -> int:
        return sum(bool(json.loads(line)) for line in [docker(text + "\n")] * 20_000)

    def seconds(work: Callable[[], int]) -> float:
        start = time.process_time()
        assert work() == 20_000
        return time.process_time() - start

    pairs = [(seconds(unwrapped), seconds(loaded)) for _ in range(5)]
    assert min(unwrapping for unwrapping, _ in pairs) < 4 * min(loading for _, loading in pairs)
