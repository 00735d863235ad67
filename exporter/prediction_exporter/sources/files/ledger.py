"""The ledger of files: which were read, which in part, and which need no memory any more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from prediction_exporter.errors import StateError
from prediction_exporter.sources.files.store import Found

POSITION_VERSION = 1

#: Stands for a time of modification that the version ends with.
UNTOLD = -1


class Done(IntEnum):
    """What stands in place of an offset where a file is not to be read any further."""

    READ = -1
    GIVEN_UP = -2
    """It cannot be read, and none of its rows was; it is tried again when it changes."""


@dataclass(slots=True)
class Entry:
    """What is known of a file.

    Attributes:
        version, modified, identity: as they were when it was read.
        at: rows (Parquet) or bytes (CSV and JSON lines, decompressed) that were read, or one of :class:`Done`.
    """

    version: str
    modified: int
    identity: str
    at: int


@dataclass(slots=True)
class Ledger:
    """The entries of files by path.

    Files that were last modified before ``floor``, in nanoseconds since the epoch, have none and are not read: what they hold
    happened before it.

    Attributes:
        looked: whether the very first look has been taken.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    floor: int = 0
    looked: bool = False

    def note(self, file: Found, at: int) -> None:
        """Note how far a file was read."""
        self.entries[file.path] = Entry(file.version, file.modified, file.identity, at)

    def advance(self, now: float, horizon: float, files: Iterable[Found]) -> None:
        """Move the floor to ``horizon`` seconds before now, and forget what lies below; it never moves back.

        Of the files that there are, those read in part stay: their rest is still to be read.
        """
        wanted = int((now - horizon) * 1e9)
        if self.floor > now * 1e9:  # a clock was ahead and has been put right
            self.floor = wanted
        self.floor = max(self.floor, wanted)
        there = {file.path for file in files}
        self.entries = {
            path: entry
            for path, entry in self.entries.items()
            if entry.modified >= self.floor or (entry.at >= 0 and path in there)
        }

    def follow_renames(self, files: Iterable[Found]) -> Iterator[Found]:
        """Give the entry of a file that was renamed to its new path; yield these files."""
        found = {file.path: file for file in files}
        gone = {
            (entry.identity, entry.version): path
            for path, entry in self.entries.items()
            if entry.identity and path not in found
        }
        if not gone:
            return
        for path, file in found.items():
            old = gone.get((file.identity, file.version)) if path not in self.entries else None
            if old is not None and old in self.entries:
                self.entries[path] = self.entries.pop(old)
                yield file

    def to_text(self) -> str:
        """Return the ledger as JSON. It is stored at each commit, so it says nothing twice: there may be many files."""
        folders: dict[str, dict[str, list[str | int]]] = {}
        for path, entry in self.entries.items():
            folder, _, name = path.rpartition("/")
            told = entry.version.partition("-")[2] == str(entry.modified)
            folders.setdefault(folder, {})[name] = [
                entry.version,
                UNTOLD if told else entry.modified,
                entry.identity,
                entry.at,
            ]
        content = {"version": POSITION_VERSION, "looked": self.looked, "floor": self.floor, "folders": folders}
        return json.dumps(content, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Ledger:
        """Return the ledger that a text stands for.

        Raises:
            StateError: it is of a later version.
        """
        content = json.loads(text)
        if content["version"] != POSITION_VERSION:
            raise StateError(f"a position of version {content['version']} is not known here; a later exporter wrote it")
        entries = {}
        for folder, files in content["folders"].items():
            for name, (version, modified, identity, at) in files.items():
                when = int(version.partition("-")[2]) if modified == UNTOLD else modified
                entries[f"{folder}/{name}" if folder else name] = Entry(version, when, identity, at)
        return cls(entries, content["floor"], content["looked"])
