"""By the systemd unit, whose name is a part of its processes' cgroup."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from prediction_exporter.process.finding.missing import MissingError
from prediction_exporter.process.proc import DeniedError, GoneError, Proc, Stat, UnsupportedError


def by_unit(unit: str, proc: Proc, stats: Mapping[int, Stat], leaving_out: Collection[int]) -> list[int]:
    """Return the processes of a unit, also those in cgroups that it made itself.

    Args:
        unit: with its ending, as ``model.service``.
        proc: where to look.
        stats: all processes.
        leaving_out: the exporter's own.

    Raises:
        MissingError: it has none.
    """
    # What would be a file of a cgroup's folder is written with _ there, as _memory.service and __own.service (cg_escape).
    names = {unit, f"_{unit}"}
    found = []
    for pid in stats:
        if pid in leaving_out:
            continue
        try:
            paths = proc.cgroups(pid)
        except (GoneError, DeniedError, UnsupportedError):
            continue
        if any(names & set(path.split("/")) for path in (paths.get("", ""), paths.get("name=systemd", ""))):
            found.append(pid)
    if not found:
        raise MissingError("not_found", f"the unit {unit} has no process: it is not running, or not seen from here")
    return found
