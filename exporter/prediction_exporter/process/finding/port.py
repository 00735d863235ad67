"""By the TCP port that it listens on."""

from __future__ import annotations

from collections.abc import Mapping

from prediction_exporter.process.finding.missing import MissingError
from prediction_exporter.process.proc import DeniedError, GoneError, Proc, Stat, UnsupportedError

#: Programs that listen for a container and pass on what comes; systemd listens for units that are started by a socket.
_FORWARDERS = ("docker-proxy", "rootlessport", "rootlesskit", "slirp4netns", "pasta", "conmon", "systemd")


def by_port(port: int, proc: Proc, stats: Mapping[int, Stat]) -> list[int]:
    """Return the processes that listen on a port in the exporter's network namespace: a server and its workers, perhaps.

    Raises:
        MissingError: none listens, it may not be seen which does, or it is one that passes on to a container.
    """
    try:
        inodes = proc.listening(port)
    except (OSError, UnsupportedError) as error:
        raise MissingError("unsupported", f"this system does not tell who listens on port {port}") from error
    if not inodes:
        raise MissingError("not_found", f"nothing listens on port {port} in the exporter's network namespace")
    found, denied = [], 0
    for pid in stats:
        try:
            if inodes & proc.sockets(pid):
                found.append(pid)
        except DeniedError:
            denied += 1
        except (GoneError, UnsupportedError):
            continue
    if not found:
        raise MissingError(
            "denied",
            f"port {port} is listened on, and by whom cannot be told: {denied} processes of other users do not show their "
            "sockets; run as the model's user or with CAP_SYS_PTRACE, or find it by another way",
        )
    names = {stats[pid].name for pid in found}
    if names <= set(_FORWARDERS):
        raise MissingError(
            "not_found",
            f"port {port} is listened on by {', '.join(sorted(names))}, which passes on to the model server; find that by its "
            "command, unit or cgroup",
        )
    return [pid for pid in found if stats[pid].name not in _FORWARDERS]
