"""By the file that a daemon writes its number into."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from prediction_exporter.process.finding.missing import MissingError
from prediction_exporter.process.proc import Proc, Stat

#: Bytes of the file that are read.
_MOST = 1024

#: Seconds by which a process may be younger than the file that names it: a clock may have been set between the two.
TOLERANCE = 10.0


def by_pid_file(path: Path, proc: Proc, stats: Mapping[int, Stat]) -> list[int]:
    """Return the process that a file names.

    Raises:
        MissingError: there is no such file, it names no process, or one that got the number after the file was written.
    """
    try:
        with path.open("rb") as file:
            text, written = file.read(_MOST), path.stat().st_mtime
    except FileNotFoundError as error:
        raise MissingError("not_found", f"there is no pid file {path}") from error
    except PermissionError as error:
        raise MissingError("denied", f"the pid file {path} may not be read by this user") from error
    except OSError as error:
        raise MissingError("not_found", f"the pid file {path} cannot be read: {error.strerror}") from error
    words = text.split()
    if not words or not words[0].isdigit():
        raise MissingError("not_found", f"the pid file {path} holds no number of a process")
    pid = int(words[0])
    if pid not in stats:
        raise MissingError("not_found", f"the pid file {path} names process {pid}, which is not there")
    if proc.booted() + stats[pid].since_boot > written + TOLERANCE:
        raise MissingError(
            "not_found", f"the pid file {path} names process {pid}, which was started after it was written: another program's"
        )
    return [pid]
