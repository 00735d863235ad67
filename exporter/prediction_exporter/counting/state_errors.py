"""What went wrong with the state file, told to a person: SQLite's own words say neither where nor what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prediction_exporter.errors import StateError

RECOVER_FLAG = "--state.recover"

#: What SQLite reports, by the beginning of its name, the longer ones first.
_MEANINGS = {
    "SQLITE_FULL": "the disk is full; make room, nothing is lost while the log is kept",
    "SQLITE_IOERR_NOMEM": "there is not enough memory",
    "SQLITE_IOERR_LOCK": "the file system knows no locks; state_dir must be on one that does",
    "SQLITE_IOERR": "cannot be read or written ({name}): a failing disk, a size limit, a network file system",
    "SQLITE_READONLY": "cannot be written: the file or its file system is read-only",
    "SQLITE_PERM": "cannot be written: it belongs to another user",
    "SQLITE_CANTOPEN": "cannot be opened: {error}; it or its -wal is no file, belongs to another user, or the disk is full",
    "SQLITE_BUSY": "another exporter uses it, or another program has it open",
    "SQLITE_LOCKED": "another exporter uses it, or another program has it open",
    "SQLITE_NOLFS": "is too large for its file system",
    "SQLITE_NOMEM": "there is not enough memory",
    "SQLITE_PROTOCOL": "the file system knows no locks; state_dir must be on one that does",
}

_DAMAGE = (
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_FORMAT",
    "SQLITE_ERROR",
    "SQLITE_SCHEMA",
    "SQLITE_TOOBIG",
    "SQLITE_MISMATCH",
)


#: What statements on a damaged file raise: messages may quote what is no text.
FAULTS = (sqlite3.Error, UnicodeDecodeError)


class SupersededError(StateError):
    """A model is watched by somebody else now, who must not be interfered with."""


class DamagedError(StateError):
    """Something in the file is not what was written."""


def is_damage(error: Exception) -> bool:
    """Return whether an error that statements without fault gave tells that the file is damaged."""
    return isinstance(error, UnicodeDecodeError) or getattr(error, "sqlite_errorname", "").startswith(_DAMAGE)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Raise what SQLite raises as what it means for the state file.

    Raises:
        DamagedError: the file is damaged.
        StateError: it cannot be used now.
    """
    try:
        yield
    except FAULTS as error:
        name = getattr(error, "sqlite_errorname", "")
        if is_damage(error):
            raise DamagedError(f"{path}: is no usable state file: {error}") from error
        for beginning, meaning in _MEANINGS.items():
            if name.startswith(beginning):
                raise StateError(f"{path}: {meaning.format(name=name, error=error)}") from error
        raise
