"""The way that a configuration names, followed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from prediction_exporter.config import Process
from prediction_exporter.process.cgroup import members
from prediction_exporter.process.finding.cgroup import by_cgroup
from prediction_exporter.process.finding.command import by_command
from prediction_exporter.process.finding.pid_file import by_pid_file
from prediction_exporter.process.finding.port import by_port
from prediction_exporter.process.finding.unit import by_unit
from prediction_exporter.process.proc import Proc, Stat


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Attributes:
        pids: the processes, without their children.
        folders: the cgroups that were named; empty where another way was.
        unseen: how many processes of these cgroups belong to another namespace, so that only the cgroups tell of them.
    """

    pids: tuple[int, ...]
    folders: tuple[Path, ...] = ()
    unseen: int = 0


def find(process: Process, proc: Proc, stats: Mapping[int, Stat], leaving_out: Collection[int]) -> Found:
    """Return the processes of a model server, of which none is the exporter's own.

    Args:
        process: how to find it.
        proc: where to look.
        stats: all processes.
        leaving_out: the exporter's own.

    Raises:
        MissingError: there is none.
    """
    if process.cgroup is not None:
        folders = by_cgroup(process.cgroup)
        listed = [pid for folder in folders for pid in members(folder)]
        pids = tuple(pid for pid in dict.fromkeys(listed) if pid in stats and pid not in leaving_out)
        return Found(pids, tuple(folders), sum(pid not in stats for pid in listed))
    if process.unit is not None:
        return Found(tuple(by_unit(process.unit, proc, stats, leaving_out)))
    if process.pid_file is not None:
        return Found(tuple(by_pid_file(process.pid_file, proc, stats)))
    if process.port is not None:
        return Found(tuple(by_port(process.port, proc, stats)))
    if process.command is not None:
        return Found(tuple(by_command(process.command, proc, stats, leaving_out)))
    raise ValueError("the configuration names no way")  # which its check refuses


def descendants(roots: Collection[int], stats: Mapping[int, Stat], leaving_out: Collection[int]) -> set[int]:
    """Return processes and all of their children, but for those that are left out."""
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(stat.parent, []).append(pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found and pid not in leaving_out:
            found.add(pid)
            waiting += children.get(pid, ())
    return found


def tops(pids: Collection[int], stats: Mapping[int, Stat]) -> list[int]:
    """Return those of some processes whose parent is not among them, the oldest first: the mains of servers with workers."""
    return sorted((pid for pid in pids if stats[pid].parent not in pids), key=lambda pid: (stats[pid].identity.started, pid))
