"""Memory: how much of it this process may still take, and how large the steps are that it works in because of that.

A limit ends the process where the system enforces it (a container's), and is an error at some allocation where the process has
it itself (``ulimit``). Neither can be left to happen: the libraries that parse end the process when an allocation fails. So
whatever grows with what is read is done in steps, each of which takes a small share of what is left.
"""

from __future__ import annotations

import logging
import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)

#: A step takes this share of what is left, so that one of each kind at a time, and what the allocators keep, find room.
SHARE = 8

#: A step is at least this part of the largest one: smaller ones cost more time than they spare memory.
LEAST_PART = 64

#: Seconds after which steps that were shortened for an error are doubled again.
CALM_SECONDS = 300.0

#: What is left is asked for at most so often.
ASK_SECONDS = 0.2

_UNLIMITED = 1 << 60  # the old control groups write their lack of a limit as a number close to 2**63


class Room:
    """The memory that is left to this process, and the size of steps that fit.

    Args:
        left: returns how many bytes are left; None where there is no limit.
        clock: seconds of a clock that is not put back.
    """

    def __init__(self, left: Callable[[], int | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._left = left
        self._clock = clock
        self._lock = threading.Lock()
        self._divisor = 1
        self._calm_since = 0.0
        self._asked = float("-inf")
        self._answer: int | None = None

    def step(self, largest: int) -> int:
        """Return how many bytes a step may take whose result does not depend on it: ``largest`` where there is room."""
        with self._lock:
            now = self._clock()
            if self._divisor > 1 and now - self._calm_since >= CALM_SECONDS:
                self._divisor //= 2
                self._calm_since = now
            if now - self._asked >= ASK_SECONDS:
                self._asked, self._answer = now, self._left()
            least = max(largest // LEAST_PART, 1)
            fitting = largest if self._answer is None else min(max(self._answer, 0) // SHARE, largest)
            return max(fitting // self._divisor, least)

    def shorten(self) -> bool:
        """Halve the steps after one that found no room; return whether they were not the smallest already."""
        with self._lock:
            self._calm_since = self._clock()
            self._asked = float("-inf")
            if self._divisor >= LEAST_PART:
                return False
            self._divisor *= 2
            return True


def left() -> int | None:
    """Return how many bytes this process may still take, by its own limits and those of its control group; None without any."""
    found = [room for room in (_own(), _group()) if room is not None]
    return min(found, default=None)


def _own() -> int | None:
    found = []
    for limit, field in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        most = resource.getrlimit(limit)[0]
        if most != resource.RLIM_INFINITY:
            found.append(most - _status(field))
    return min(found, default=None)


def _status(field: str) -> int:
    """Return a size of this process; 0 on systems that do not tell."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    _, found, rest = text.partition(f"\n{field}:")
    return int(rest.split(maxsplit=1)[0]) << 10 if found else 0


def _group() -> int | None:
    """Return what is left to the control group that this process is in, and to those around it."""
    found = [most - used for most, used in map(_of_group, _GROUPS) if most is not None]
    return min(found, default=None)


def _of_group(folder: Path) -> tuple[int | None, int]:
    """Return a group's limit and what it uses; files in the page cache make room when it is needed."""
    most, used = ("memory.max", "memory.current")
    if not (folder / most).exists():
        most, used = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    try:
        limit = (folder / most).read_text(encoding="ascii").strip()
        if limit == "max" or int(limit) >= _UNLIMITED:
            return None, 0
        usage = int((folder / used).read_text(encoding="ascii"))
        counters = dict(line.split(" ", 1) for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):  # another kind of system, or a group that has just gone
        return None, 0
    cached = counters.get("total_inactive_file", counters.get("inactive_file", "0"))
    return int(limit), max(usage - int(cached), 0)


def groups(root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> tuple[Path, ...]:
    """Return the folders of the control groups that may limit this process, the innermost first.

    In a container the file system often shows the container's own group as the root, and its path is one outside.
    """
    try:
        lines = membership.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ()
    found: list[Path] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in {"", "memory"}:
            continue
        base = root / controllers
        inner = base / path.lstrip("/")
        found += [folder for folder in (inner, *inner.parents) if folder.is_relative_to(base) and _limits(folder)]
    return tuple(dict.fromkeys(found))


def _limits(folder: Path) -> bool:
    return (folder / "memory.max").exists() or (folder / "memory.limit_in_bytes").exists()


_GROUPS = groups()

#: The memory of this process.
ROOM = Room(left)
