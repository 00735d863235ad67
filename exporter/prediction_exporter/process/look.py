"""A look at the processes of a model server: what they use now, what they have spent, and why a part of that is not known."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from prediction_exporter.config import Process
from prediction_exporter.process import totals as counted
from prediction_exporter.process.cgroup import (
    Cpu,
    beside,
    cpu_of,
    folders_of,
    memory_of,
    own_folder,
    populated,
    tightest_cpu,
    tightest_memory,
    without,
)
from prediction_exporter.process.finding.missing import MissingError
from prediction_exporter.process.finding.ways import Found, descendants, find, tops
from prediction_exporter.process.proc import DeniedError, GoneError, Identity, Proc, Stat, UnsupportedError
from prediction_exporter.process.totals import Totals, key_of


class Part(StrEnum):
    """What is asked apart, because it may be denied or missing apart."""

    PROCESS = "process"
    FDS = "fds"
    IO = "io"
    NETWORK = "network"
    MEMORY_LIMIT = "memory_limit"
    CPU_QUOTA = "cpu_quota"
    GPU = "gpu"


#: It is as it is asked for.
OK = "ok"
#: The network namespace is the exporter's too, so that its bytes are not the model's.
SHARED = "shared"
#: There is no limit or quota.
UNLIMITED = "unlimited"
ZOMBIE = "zombie"
#: Only the cgroup tells of the processes.
UNSEEN = "unseen"


@dataclass(slots=True)
class Look:
    """What a look shows.

    Attributes:
        status: why each part is not known, or ``ok``.
        problem: why no process is found, for people; empty where one is.
        gauges: what is used now, by the name of its series behind ``model_process_``; what is not known is not there.
        counters: what the counters are of whose part is known.
        pids: the processes that run.
    """

    status: dict[Part, str] = field(default_factory=dict)
    problem: str = ""
    gauges: dict[str, float] = field(default_factory=dict)
    counters: dict[str, float] = field(default_factory=dict)
    pids: tuple[int, ...] = ()

    @property
    def up(self) -> bool:
        """Whether the server runs."""
        return self.status[Part.PROCESS] == OK


class Looker:
    """Looks at one model server again and again.

    Args:
        process: how to find it.
        totals: its counters.
        proc: where to look.
    """

    def __init__(self, process: Process, totals: Totals, proc: Proc | None = None) -> None:
        self._process = process
        self._proc = proc or Proc()
        self._main: tuple[Identity, float] | None = None
        self.totals = totals

    def look(self) -> Look:
        """Look."""
        ticks = int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))
        self.totals.rebooted(self._proc.boot())
        result = Look()
        try:
            stats = self._proc.stats()
            own = {os.getpid()}
            found = find(self._process, self._proc, stats, own)
        except UnsupportedError as error:
            return self._missing(result, "unsupported", f"this system has no processes to read: {error}")
        except MissingError as error:
            # Everybody has a first process, and sees it unless those of others are hidden.
            hidden = "" if 1 in stats else "; processes of other users are hidden from the exporter (hidepid, ProtectProc=)"
            return self._missing(result, error.reason, f"{error}{hidden}")
        if found.folders and (found.unseen or not found.pids):
            self._look_at_cgroups(result, found)
        else:
            self._look_at_processes(result, found, stats, own, ticks)
        return result

    def _missing(self, result: Look, reason: str, problem: str) -> Look:
        result.status = {part: reason for part in Part if part is not Part.GPU}
        result.problem = problem
        if self.totals.since is not None:  # they go on when it is back
            result.counters = dict(self.totals.counts)
        return result

    # Processes

    def _look_at_processes(self, result: Look, found: Found, stats: Mapping[int, Stat], own: set[int], ticks: int) -> None:
        roots = [pid for pid in found.pids if pid in stats and pid not in own and not _is_sandbox(stats[pid], found)]
        follows = self._process.children and not found.folders
        whole = descendants(roots, stats, own) if follows else set(roots)
        running = sorted(pid for pid in whole if not stats[pid].ended)
        mains = [pid for pid in tops(roots, stats) if not stats[pid].ended]
        if mains:
            self.totals.mains_are([key_of(stats[pid].identity) for pid in mains])
        io, result.status[Part.IO] = self._io(running)
        self.totals.look(
            [stats[pid] for pid in sorted(whole)],
            io,
            self._alive,
            {pid: stat.identity for pid, stat in stats.items()},
            children=self._process.children,
            ticks=ticks,
        )
        if not mains:
            if roots:
                zombies = ", ".join(map(str, roots))
                self._missing(result, ZOMBIE, f"its process has ended, and its parent has not waited for it: {zombies}")
            else:
                self._missing(result, "not_found", "what is found is the exporter itself")
            return
        self._begin(self._proc.booted() + min(stats[pid].since_boot for pid in running))
        result.pids = tuple(running)
        result.status[Part.PROCESS] = OK
        result.gauges = {
            "processes": len(running),
            "resident_memory_bytes": sum(stats[pid].resident for pid in running),
            "virtual_memory_bytes": sum(stats[pid].virtual for pid in running),
            "threads": sum(stats[pid].threads for pid in running),
            "start_time_seconds": self._started(stats[mains[0]]),
        }
        result.status[Part.FDS] = self._fds(running, result.gauges)
        result.status[Part.NETWORK] = self._network(running)
        self._limits(result, lambda: self._folders(running, found))
        self._show_counters(result)

    def _started(self, main: Stat) -> float:
        """Return when a process was started, the same at each look: a clock that is set moves the time of the boot."""
        if self._main is None or self._main[0] != main.identity:
            self._main = main.identity, self._proc.booted() + main.since_boot
        return self._main[1]

    def _folders(self, running: Collection[int], found: Found) -> list[Path]:
        try:
            return folders_of(self._proc, running)
        except UnsupportedError:
            # From within a container the cgroups of others have no place, unless the one that was named is mounted.
            if found.folders:
                return [folder for each in found.folders for folder in beside(each)]
            raise

    def _alive(self, identity: Identity) -> bool:
        try:
            return self._proc.stat(identity.pid).identity == identity
        except GoneError:
            return False
        except (DeniedError, UnsupportedError):
            return True

    def _io(self, pids: Iterable[int]) -> tuple[dict[int, tuple[int, int]], str]:
        found: dict[int, tuple[int, int]] = {}
        status = OK
        for pid in pids:
            try:
                found[pid] = self._proc.io(pid)
            except GoneError:
                continue
            except DeniedError:
                status = "denied"
            except UnsupportedError:  # a kernel without accounting of it
                status = "unsupported"
        return found, status

    def _fds(self, pids: Iterable[int], gauges: dict[str, float]) -> str:
        open_, limits, ratios = 0, [], []
        for pid in pids:
            try:
                count, most = self._proc.open_fds(pid), self._proc.max_fds(pid)
            except GoneError:
                continue
            except DeniedError:
                return "denied"
            except UnsupportedError:
                return "unsupported"
            open_ += count
            if most:
                limits.append(most)
                ratios.append(count / most)
        gauges["open_fds"] = open_
        if limits:
            gauges |= {"max_fds": min(limits), "open_fds_ratio": max(ratios)}
        return OK

    def _network(self, pids: Iterable[int]) -> str:
        try:
            own = self._proc.namespace("self")
        except (GoneError, DeniedError, UnsupportedError):
            return "unsupported"
        found = {}
        for pid in pids:
            try:
                network = self._proc.network(pid)
            except GoneError:
                continue
            except DeniedError:
                return "denied"
            except (UnsupportedError, OSError):
                return "unsupported"
            if network.namespace != own:
                found[f"{network.namespace[0]}:{network.namespace[1]}"] = network
        for key, network in found.items():
            self.totals.value(counted.RECEIVED, key, network.received)
            self.totals.value(counted.SENT, key, network.sent)
        for name in (counted.RECEIVED, counted.SENT):
            self.totals.forget(name, found)
        return OK if found else SHARED

    # Cgroups

    def _look_at_cgroups(self, result: Look, found: Found) -> None:
        """Look at cgroups whose processes belong to another namespace; the exporter's own, where it is below one, is not."""
        own = own_folder(self._proc)
        parts = [part for folder in found.folders for part in without(folder, own) if populated(part)]
        if not parts:
            self._missing(result, "not_found", f"no process is in the cgroup {found.folders[0]}")
            return
        whole = [folder for part in parts for folder in beside(part)]
        keys = [_key(folder) for folder in whole]
        resident, seconds = [], 0
        for folder, key in zip(whole, keys, strict=True):
            memory, cpu = memory_of(folder), cpu_of(folder)
            if memory is not None:
                resident.append(memory.resident)
            if cpu is not None and cpu.seconds is not None:
                seconds += 1
                self.totals.value(counted.CPU, key, cpu.seconds)
        self.totals.forget(counted.CPU, keys)
        self.totals.parts_are([_key(part) for part in parts])
        self._begin(time.time())
        result.status = dict.fromkeys((Part.FDS, Part.IO, Part.NETWORK), UNSEEN)
        result.status[Part.PROCESS] = OK
        if resident:
            result.gauges["resident_memory_bytes"] = sum(resident)
        # Their limits are often those of the cgroup that was named, such as a pod's.
        self._limits(result, lambda: whole)
        self._show_counters(result)
        if not seconds:
            result.counters.pop(counted.CPU, None)

    def _limits(self, result: Look, folders: Callable[[], list[Path]]) -> None:
        try:
            found = folders()
        except DeniedError:
            result.status |= dict.fromkeys((Part.MEMORY_LIMIT, Part.CPU_QUOTA), "denied")
            return
        except (UnsupportedError, OSError):
            result.status |= dict.fromkeys((Part.MEMORY_LIMIT, Part.CPU_QUOTA), "unsupported")
            return
        memory, cpu = tightest_memory(found), tightest_cpu(found)
        result.status[Part.MEMORY_LIMIT] = UNLIMITED if memory is None else OK
        result.status[Part.CPU_QUOTA] = UNLIMITED if cpu is None else OK
        if memory is not None:
            working_set, limit = memory
            result.gauges |= {"memory_working_set_bytes": working_set, "memory_limit_bytes": limit}
        if cpu is not None:
            self._throttled(result, *cpu)

    def _throttled(self, result: Look, folder: Path, cpu: Cpu) -> None:
        result.gauges["cpu_quota_cores"] = cpu.quota or 0.0
        key = _key(folder)
        for name, value in (
            (counted.PERIODS, cpu.periods),
            (counted.THROTTLED_PERIODS, cpu.throttled_periods),
            (counted.THROTTLED, cpu.throttled),
        ):
            self.totals.value(name, key, value)
            self.totals.forget(name, [key])

    # Counters

    def _begin(self, at: float) -> None:
        if self.totals.since is None:
            self.totals.since = at

    def _show_counters(self, result: Look) -> None:
        parts = {
            Part.PROCESS: (counted.CPU, counted.RESTARTS),
            Part.IO: (counted.READ, counted.WRITTEN),
            Part.NETWORK: (counted.RECEIVED, counted.SENT),
            Part.CPU_QUOTA: (counted.PERIODS, counted.THROTTLED_PERIODS, counted.THROTTLED),
        }
        for part, names in parts.items():
            if result.status[part] == OK:
                result.counters |= {name: self.totals.of(name) for name in names}


def _is_sandbox(stat: Stat, found: Found) -> bool:
    """Return whether a process only holds a pod's namespaces, and is in its cgroup for that."""
    return bool(found.folders) and stat.name == "pause"


def _key(folder: Path) -> str:
    """Return a cgroup as a text that another one of the same name does not have."""
    try:
        return f"{folder}@{folder.stat().st_ino}"
    except FileNotFoundError:  # it ended meanwhile
        return str(folder)
