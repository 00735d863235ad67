"""What a cgroup's files say of memory and CPU, in version 1 and 2, and which folders are a process's.

Sources: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of Linux, and sched-bwc.rst for quotas.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prediction_exporter.process.proc import DeniedError, GoneError, Proc, UnsupportedError

#: From this on a limit of v1 is none: it has no word for that, and rounds the largest number down to a page.
_UNLIMITED = 1 << 60

#: Cgroups below one that are looked at, at most.
MOST_BELOW = 1000

#: The controllers of v1 whose folders are read, and the empty name of v2.
_MEMORY, _CPU, _CPU_TIME, _UNIFIED = "memory", "cpu", "cpuacct", ""


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a cgroup and those below it, in bytes.

    Attributes:
        resident: what processes have mapped, files among it: what their resident memory is, shared pages once.
        working_set: what counts against the limit, without the file cache that the kernel takes back first.
        limit: None where it has none of its own.
    """

    resident: int
    working_set: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Cpu:
    """The CPU of a cgroup and those below it.

    Attributes:
        seconds: that it has spent; None where this is told elsewhere.
        quota: cores that it may use; None where it has no quota of its own.
        periods, throttled_periods: of the quota that had something to run, and in which it was used up.
        throttled: seconds for which it had to wait, of all its cores together.
    """

    seconds: float | None
    quota: float | None
    periods: int
    throttled_periods: int
    throttled: float


def memory_of(folder: Path) -> Memory | None:
    """Return the memory of a cgroup; None where the folder tells none, as that of another controller or of all there is."""
    stat = _pairs(folder / "memory.stat")
    used = _number(folder / "memory.current")
    if used is not None:
        resident, inactive, limit = (
            stat.get("anon", 0) + stat.get("file_mapped", 0),
            "inactive_file",
            _number(folder / "memory.max"),
        )
    else:
        used = _number(folder / "memory.usage_in_bytes")
        if used is None:
            return None
        resident, inactive = stat.get("total_rss", 0) + stat.get("total_mapped_file", 0), "total_inactive_file"
        limit = _number(folder / "memory.limit_in_bytes")
    if limit is not None and limit >= _UNLIMITED:
        limit = None
    return Memory(resident, max(used - stat.get(inactive, 0), 0), limit)


def cpu_of(folder: Path) -> Cpu | None:
    """Return the CPU of a cgroup; None where the folder tells none."""
    stat = _pairs(folder / "cpu.stat")
    spent = _number(folder / "cpuacct.usage")
    seconds = None if spent is None else spent / 1e9
    if "usage_usec" in stat:
        quota, period = _words(folder / "cpu.max", 2)
        seconds, throttled = stat["usage_usec"] / 1e6, stat.get("throttled_usec", 0) / 1e6
    elif stat or seconds is not None:
        quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        throttled = stat.get("throttled_time", 0) / 1e9
    else:
        return None
    cores = quota / period if quota is not None and quota > 0 and period else None
    return Cpu(seconds, cores, stat.get("nr_periods", 0), stat.get("nr_throttled", 0), throttled)


def tightest_memory(folders: Iterable[Path]) -> tuple[int, int] | None:
    """Return working set and limit of the cgroup that is nearest to its limit, among folders and all above them."""
    found = [memory for folder in _with_those_above(folders) if (memory := memory_of(folder)) is not None]
    pairs = [(memory.working_set, memory.limit) for memory in found if memory.limit]
    return max(pairs, key=lambda pair: pair[0] / pair[1], default=None)


def tightest_cpu(folders: Iterable[Path]) -> tuple[Path, Cpu] | None:
    """Return the cgroup with the smallest quota among folders and all above them, and its CPU."""
    found = [(folder, cpu) for folder in _with_those_above(folders) if (cpu := cpu_of(folder)) is not None]
    return min((each for each in found if each[1].quota is not None), key=lambda each: each[1].quota or 0.0, default=None)


def folders_of(proc: Proc, pids: Iterable[int]) -> list[Path]:
    """Return the cgroups of processes that tell memory or CPU, each once.

    Raises:
        DeniedError: they may not be asked.
        UnsupportedError: none can be seen, as from within a container those outside of it.
    """
    mounts = _mounts(proc)
    found: dict[Path, None] = {}
    for pid in pids:
        try:
            paths = proc.cgroups(pid)
        except GoneError:
            continue
        for controller in (_MEMORY, _CPU, _CPU_TIME, _UNIFIED):
            if controller in paths and controller in mounts:
                mounted, root = mounts[controller]
                found.setdefault(Path(os.path.normpath(mounted / os.path.relpath(paths[controller], root))))
    there = [folder for folder in found if (folder / "cgroup.procs").exists()]
    if not there:
        raise UnsupportedError("no cgroup of it can be seen")
    return there


def own_folder(proc: Proc) -> tuple[int, int] | None:
    """Return what tells the exporter's own cgroup of v2 from others, or None where it cannot be seen."""
    try:
        mounted, root = _mounts(proc)[_UNIFIED]
        found = (mounted / os.path.relpath(proc.cgroups("self")[_UNIFIED], root)).stat()
    except (KeyError, OSError, GoneError, DeniedError, UnsupportedError):
        return None
    return found.st_dev, found.st_ino


def below(folder: Path) -> Iterator[Path]:
    """Yield a cgroup and those below it."""
    for count, (path, _, files) in enumerate(os.walk(folder)):
        if count >= MOST_BELOW:
            return
        if "cgroup.procs" in files:
            yield Path(path)


def without(folder: Path, own: tuple[int, int] | None) -> list[Path]:
    """Return a cgroup, or those parts of it that are not the exporter's own, where this one is below it."""
    inner = next((path for path in below(folder) if path != folder and _identity(path) == own), None) if own else None
    if inner is None:
        return [folder]
    found, here = [], folder
    for part in inner.relative_to(folder).parts:
        found += sorted(path for path in here.iterdir() if path.is_dir() and path.name != part)
        here /= part
    return found


def beside(folder: Path) -> list[Path]:
    """Return a cgroup's folder, and those of the same cgroup in the trees of v1's other controllers."""
    found = [folder]
    for index, part in enumerate(folder.parts):
        if part in {_MEMORY, _CPU, _CPU_TIME, "cpu,cpuacct", "pids"}:
            others = (Path(*folder.parts[:index], name, *folder.parts[index + 1 :]) for name in (_MEMORY, _CPU, _CPU_TIME))
            found += [other for other in others if other != folder and other.is_dir()]
            break
    return found


def populated(folder: Path) -> bool:
    """Return whether a cgroup or one below it has a process, also where this one may not see which."""
    events = _pairs(folder / "cgroup.events")
    if "populated" in events:
        return events["populated"] == 1
    if any(_text(path / "cgroup.procs").strip() for path in below(folder)):
        return True
    memory = memory_of(folder)  # v1 lists no process of another namespace
    return memory is not None and memory.resident > 0


def members(folder: Path) -> list[int]:
    """Return the numbers of the processes of a cgroup and those below it; 0 for each of another namespace."""
    return [int(line) for path in below(folder) for line in _text(path / "cgroup.procs").split()]


def _with_those_above(folders: Iterable[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for folder in folders:
        here = folder
        while (here / "cgroup.procs").exists():
            found.setdefault(here)
            here = here.parent
    return list(found)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _mounts(proc: Proc) -> dict[str, tuple[Path, str]]:
    """Return where each controller's tree is mounted, and which cgroup is at its root."""
    found: dict[str, tuple[Path, str]] = {}
    for line in (proc.root / "self/mountinfo").read_text(errors="replace").splitlines():
        mount, _, kind = line.partition(" - ")
        root, point = mount.split()[3:5]
        system, _, options = kind.split(" ", 2)
        if root.startswith("/.."):  # of the machine, mounted into a container: paths are told from the container's own
            continue
        place = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point)), root
        if system == "cgroup2":
            found.setdefault(_UNIFIED, place)
        elif system == "cgroup":
            for option in re.split("[ ,]", options):
                found.setdefault(option, place)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it is gone, or the kernel does not tell it here
        return ""


def _number(path: Path) -> int | None:
    return _words(path, 1)[0]


def _words(path: Path, count: int) -> list[int | None]:
    """Return the numbers of a file; None for the word max and for what is missing."""
    words = [int(word) if word.lstrip("-").isdigit() else None for word in _text(path).split()]
    return [*words, *[None] * count][:count]


def _pairs(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}  # noqa: PLR2004 - a pair
