"""By the command line."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from prediction_exporter.process.finding.missing import MissingError
from prediction_exporter.process.proc import DeniedError, GoneError, Proc, Stat, UnsupportedError


def matches(pattern: str, command: str) -> bool:
    """Return whether a command line contains a text, in which ``*`` stands for any characters.

    It takes a time that is linear in the command line's length, whatever another user's holds.

    >>> matches("gunicorn*credit:app", "/usr/bin/python3 /usr/bin/gunicorn -w 4 credit:app"), matches("a*b", "ba")
    (True, False)
    """
    place = 0
    for part in pattern.split("*"):
        found = command.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return True


def by_command(pattern: str, proc: Proc, stats: Mapping[int, Stat], leaving_out: Collection[int]) -> list[int]:
    """Return the processes whose command line contains a text, the exporter's own left out.

    Raises:
        MissingError: there is none.
    """
    found = []
    for pid, stat in stats.items():
        if pid in leaving_out or stat.ended:  # what has ended has no command line
            continue
        try:
            if matches(pattern, proc.command(pid)):
                found.append(pid)
        except (GoneError, DeniedError, UnsupportedError):
            continue
    if not found:
        raise MissingError("not_found", f"none of {len(stats)} processes has a command line with {pattern!r}")
    return found
