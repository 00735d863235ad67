"""What ``/proc`` says of one process. Every read is short, needs no lock, and tells one that is gone from one that denies.

Sources of the fields: proc_pid_stat(5), proc_pid_io(5), proc_pid_limits(5), proc_pid_cgroup(5).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

#: Bytes of a command line that are looked at.
MOST_COMMAND = 64 << 10

#: States of a process that has ended: a zombie waits for its parent, and X is on its way out.
ENDED = frozenset("ZXx")


class GoneError(Exception):
    """The process is no more."""


class DeniedError(Exception):
    """This user may not read it: the process is another user's, or its system keeps processes from one another."""


class UnsupportedError(Exception):
    """This system does not tell it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A process: its number, which another one may have later, and when it was started, in ticks after the boot."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class Stat:
    """What every user may read of a process.

    Attributes:
        identity: which process it is.
        parent: number of its parent.
        name: of its program, at most 15 characters.
        state: a letter; those in :data:`ENDED` are of no running process.
        cpu: CPU seconds of its own, user and system.
        reaped_cpu: CPU seconds of its children that have ended and that it has waited for, and of theirs.
        faults: page faults of its own that needed no I/O: every process has some.
        reaped_faults: those of its children that it has waited for.
        threads: how many.
        virtual: bytes of its address space.
        resident: bytes of it that are in memory.
    """

    identity: Identity
    parent: int
    name: str
    state: str
    cpu: float
    reaped_cpu: float
    faults: int
    reaped_faults: int
    threads: int
    virtual: int
    resident: int

    @property
    def pid(self) -> int:
        """Its number."""
        return self.identity.pid

    @property
    def since_boot(self) -> float:
        """Seconds after the machine's boot at which it was started."""
        return self.identity.started / _TICKS

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class Network:
    """What a network namespace received and sent, without its loopback."""

    namespace: tuple[int, int]
    received: int
    sent: int


def parse_stat(content: bytes) -> Stat:
    """Read the line of ``/proc/PID/stat``; a program may be called ``a) b (c``.

    >>> parse_stat(b"7 (a) b (c) S 1 " + b"0 " * 5 + b"40 50 0 0 100 20 300 80 20 0 3 0 4242 8192 2 " + b"0 " * 27).parent
    1
    """
    head, _, tail = content.rpartition(b")")
    pid, _, name = head.partition(b" (")
    fields = tail.split()
    # The state is field 3 of the manual.
    number = [0, 0, 0, *(int(text) if text.lstrip(b"-").isdigit() else 0 for text in fields)]
    return Stat(
        identity=Identity(int(pid), number[22]),
        parent=number[4],
        name=name.decode(errors="replace"),
        state=fields[0].decode(),
        cpu=(number[14] + number[15]) / _TICKS,
        reaped_cpu=(number[16] + number[17]) / _TICKS,
        faults=number[10],
        reaped_faults=number[11],
        threads=number[20],
        virtual=number[23],
        resident=number[24] * _PAGE,
    )


class Proc:
    """The tree of ``/proc``, or one that is mounted elsewhere.

    Each method raises GoneError, DeniedError or UnsupportedError where it cannot answer.
    """

    def __init__(self, root: Path = Path("/proc")) -> None:
        self.root = root

    @contextmanager
    def _reading(self, pid: int | str) -> Iterator[str]:
        folder = f"{self.root}/{pid}"
        try:
            yield folder
        except PermissionError as error:
            raise DeniedError(error.filename) from error
        except (FileNotFoundError, ProcessLookupError) as error:
            # A file that the kernel does not have is missing while the process is there.
            if os.path.exists(f"{folder}/stat") and not isinstance(error, ProcessLookupError):  # noqa: PTH110 - of text, for speed
                raise UnsupportedError(error.filename) from error
            raise GoneError(str(pid)) from error

    def _bytes(self, pid: int | str, name: str, most: int = -1) -> bytes:
        with self._reading(pid) as folder, open(f"{folder}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - the same
            return file.read(most) or b""

    def pids(self) -> list[int]:
        """Return the numbers of all processes that this one sees."""
        try:
            return [int(name) for name in os.listdir(self.root) if name.isdigit()]  # noqa: PTH208 - the same
        except OSError as error:
            raise UnsupportedError(f"{self.root}: {error.strerror}") from error

    def stats(self) -> dict[int, Stat]:
        """Return all processes that this one sees, by number."""
        found = {}
        for pid in self.pids():
            try:
                found[pid] = self.stat(pid)
            except (GoneError, DeniedError):  # it ended meanwhile, or the system hides it
                continue
        return found

    def stat(self, pid: int) -> Stat:
        """Return what every user may read of a process."""
        return parse_stat(self._bytes(pid, "stat"))

    def command(self, pid: int) -> str:
        """Return a process's command line, its arguments joined by spaces; empty for threads of the kernel."""
        return self._bytes(pid, "cmdline", MOST_COMMAND).rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")

    def io(self, pid: int) -> tuple[int, int]:
        """Return the bytes that a process, and those of its children it has waited for, read from storage and wrote to it."""
        values = dict(line.split(b": ") for line in self._bytes(pid, "io").splitlines())
        return int(values[b"read_bytes"]), int(values[b"write_bytes"])

    def open_fds(self, pid: int) -> int:
        """Return how many file descriptors a process has open.

        From Linux 6.2 on the folder's size tells it to everybody; before, its names do, to those who may read them.
        """
        with self._reading(pid) as folder:
            return os.stat(f"{folder}/fd").st_size or len(os.listdir(f"{folder}/fd"))  # noqa: PTH116, PTH208 - the same

    def sockets(self, pid: int) -> set[int]:
        """Return the inodes of the sockets that a process has open."""
        found = set()
        with self._reading(pid) as folder:
            for name in os.listdir(f"{folder}/fd"):  # noqa: PTH208 - the same
                try:
                    target = os.readlink(f"{folder}/fd/{name}")  # noqa: PTH115 - the same
                except FileNotFoundError:  # closed meanwhile
                    continue
                if target.startswith("socket:["):
                    found.add(int(target[8:-1]))
        return found

    def max_fds(self, pid: int) -> int | None:
        """Return how many file descriptors a process may open; None without a limit."""
        match = re.search(rb"^Max open files\s+(\S+)", self._bytes(pid, "limits"), re.MULTILINE)
        if match is None:
            raise UnsupportedError("limits")
        return None if match[1] == b"unlimited" else int(match[1])

    def namespace(self, pid: int | str) -> tuple[int, int]:
        """Return the network namespace of a process."""
        with self._reading(pid) as folder:
            found = os.stat(f"{folder}/ns/net")  # noqa: PTH116 - the same
            return found.st_dev, found.st_ino

    def network(self, pid: int) -> Network:
        """Return what the network namespace of a process received and sent."""
        received = sent = 0
        for line in self._bytes(pid, "net/dev").splitlines()[2:]:
            name, _, values = line.partition(b":")
            if name.strip() != b"lo":
                fields = values.split()
                received, sent = received + int(fields[0]), sent + int(fields[8])
        return Network(self.namespace(pid), received, sent)

    def listening(self, port: int) -> set[int]:
        """Return the inodes of the TCP sockets that listen on a port, in this process's network namespace."""
        found = set()
        for name in ("tcp", "tcp6"):
            try:
                text = (self.root / "self/net" / name).read_text()
            except FileNotFoundError:  # without IPv6
                continue
            for line in text.splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(int(fields[9]))
        return found

    def cgroups(self, pid: int | str) -> dict[str, str]:
        """Return a process's cgroups: by the controller's name the path in that of v1, by the empty name that of v2."""
        found = {}
        for line in self._bytes(pid, "cgroup").decode(errors="replace").splitlines():
            _, controllers, path = line.split(":", 2)
            found.update(dict.fromkeys(controllers.split(","), path))
        return found

    def boot(self) -> str:
        """Return what tells this boot of the machine from others."""
        try:
            return (self.root / "sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return ""

    def booted(self) -> float:
        """Return when the machine was booted, as Unix time; in whole seconds where the system tells it."""
        try:
            match = re.search(r"^btime (\d+)$", (self.root / "stat").read_text(), re.MULTILINE)
        except OSError:  # where of /proc only processes are shown
            match = None
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) if match is None else float(match[1])
