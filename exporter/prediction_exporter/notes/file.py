"""The file of notes: lines are appended, by as many writers as there are, and the exporter reads each once."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from prediction_exporter.errors import NoteError
from prediction_exporter.notes.note import Note, note_of_line

#: The file's name, in the folder of the state: the one place that the exporter may write to and keeps.
NOTES_NAME = "notes.jsonl"

#: How much of the end of the file is looked at for the last notes.
TAIL_BYTES = 1 << 16

#: Why it cannot be written, where the system's own words do not say what to do.
_HINTS = {
    errno.EACCES: "run it as the user of the exporter",
    errno.EROFS: "run it where the exporter runs, whose state_dir can be written",
    errno.ENOENT: "the folder is made when the exporter starts; run it where the exporter runs",
}


def append(folder: Path, note: Note) -> Path:
    """Append a note to the file in a folder; return the file. When this returns, the note has reached the disk.

    A line is one write at the end of the file, which writers do one after the other. Where an earlier one was cut short, by a
    full disk, the line begins anew, and costs the torn one alone.

    Raises:
        NoteError: it cannot be written.
    """
    path = folder / NOTES_NAME
    try:
        is_new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
        try:
            _append(descriptor, note.to_line())
            if is_new:
                _hand_over(descriptor, folder)
        finally:
            os.close(descriptor)
        if is_new:
            _keep_name(folder)
    except OSError as error:
        hint = _HINTS.get(error.errno or 0)
        raise NoteError(
            f"{path}: cannot be written, nothing is noted: {error.strerror}" + (f"; {hint}" if hint else "")
        ) from error
    return path


def _append(descriptor: int, line: bytes) -> None:
    size = os.fstat(descriptor).st_size
    # Also where another writer is in the middle of a line: ours comes behind it, and the empty one between them counts nowhere.
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line
    written = os.write(descriptor, line)
    while written < len(line):  # on a disk that is nearly full; the next write says so
        written += os.write(descriptor, line[written:])
    os.fsync(descriptor)


def _hand_over(descriptor: int, folder: Path) -> None:
    """Give a file that root has made to the exporter, which is to write it too."""
    owner = folder.stat()
    if os.geteuid() == 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _keep_name(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def last_notes(folder: Path, most: int, *, model: str | None = None) -> list[Note]:
    """Return the last notes of a file, the newest first.

    Args:
        folder: where the file is.
        most: how many.
        model: of this model alone.

    Raises:
        NoteError: the file cannot be read.
    """
    path = folder / NOTES_NAME
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - TAIL_BYTES, 0))
            lines = file.read(TAIL_BYTES).split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise NoteError(f"{path}: cannot be read: {error.strerror}") from error
    return list(_newest(lines, model))[:most]


def _newest(lines: list[bytes], model: str | None) -> Iterator[Note]:
    for line in reversed(lines):
        note = note_of_line(line)
        if note is not None and model in (None, note.model):
            yield note
