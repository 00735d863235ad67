"""Lines of a log that its fields are recognised by."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from prediction_exporter.config import Log
from prediction_exporter.errors import SourceError
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.decompress import COMPRESSIONS
from prediction_exporter.sources.filtering import Filter, passing
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.log_look import Sample
from prediction_exporter.sources.tail import Lines, Tail

Sampled = Sequence[Mapping[str, Any]]
Tells = Callable[[Sampled], bool]
Flat = Callable[[Lines], tuple[Lines, int]]

#: Events that fields are recognised by: the first of a file, and as many from where they tell.
SAMPLE_EVENTS = 200

#: Bytes of a log that are read at a time for them, and in all: what a server prints at its start may come first.
SAMPLE_BYTES = 256 << 10
SEARCH_BYTES = 32 << 20

#: Events of a read, and bytes of a file, that are looked through where the first do not tell, as those of an outage.
SEARCH_EVENTS = 20_000
OUTAGE_BYTES = 4 << 20

#: Files that are looked through for them, the newest first.
SEARCH_FILES = 5

COMPRESSED = tuple(COMPRESSIONS)


def wrapper_of(log: Log) -> Literal["auto", "none", "docker", "cri"]:
    """Return what a log's lines are wrapped in."""
    return "none" if log.format == "jsonl" else log.format


def sample_log(log: Log, tells: Tells, chosen: Filter | None = None, flat: Flat | None = None) -> Sample | None:
    """Return lines of the newest uncompressed file of a log that tells, or else of the newest with events, or with any.

    Args:
        log: where it is.
        tells: whether events tell all fields.
        chosen: tells predictions from other records.
        flat: makes lines of flat events of lines of records, and tells how many records are none.

    Raises:
        SourceError: nothing is found, and a file cannot be read.
    """
    best: Sample | None = None
    problem: SourceError | None = None
    searched = 0
    for path in files_of(log):
        if path.suffix in COMPRESSED:
            continue
        try:
            sample = _sample_file(path, log, tells, chosen, flat)
        except SourceError as error:
            problem = problem or error
            continue
        if sample is None:
            continue
        if best is None or (sample.tells and not best.tells) or (sample.events and not best.events):
            best = sample
        searched += bool(sample.events)
        if best.tells or searched == SEARCH_FILES:
            return best
    if best is None and problem is not None:
        raise problem
    return best


def sample_of(lines: Lines, tells: Tells, *, search: int = SEARCH_EVENTS, chosen: Filter | None = None) -> Sample:
    """Return the first events of some lines, with the first behind them that tell, looking through so many.

    Only what passes the filter is an event.
    """
    objects = _Counted(parse_lines(lines.data.split(b"\n"), Rejected()))
    parsed = passing(objects, chosen)
    first = list(islice(parsed, SAMPLE_EVENTS))
    if not first:
        return Sample(first, lines.data, lines.path, lines.rejected, others=objects.count)
    events = sample = first
    for _ in range(search // SAMPLE_EVENTS):
        if not events or tells(sample):
            return Sample(sample if events else first, lines.data, lines.path, lines.rejected, tells=bool(events))
        events = list(islice(parsed, SAMPLE_EVENTS))
        sample = [*first, *events]
    return Sample(first, lines.data, lines.path, lines.rejected)


class _Counted:
    """Records, and how many there were."""

    def __init__(self, records: Iterator[Mapping[str, Any]]) -> None:
        self._records = records
        self.count = 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for record in self._records:
            self.count += 1
            yield record


def _sample_file(path: Path, log: Log, tells: Tells, chosen: Filter | None, flat: Flat | None) -> Sample | None:
    """Return lines from the beginning of a file: those that tell, else the first with events, else the very first."""
    tail = Tail(
        glob.escape(str(path)),
        start="beginning",
        wrapper=wrapper_of(log),
        max_line_bytes=log.max_line_size,
        chunk_bytes=SAMPLE_BYTES,
    )
    best: Sample | None = None
    searched = others = 0
    try:
        for lines in tail.read():
            read = len(lines.data)
            if flat is not None:
                lines, skipped = flat(lines)  # noqa: PLW2901 - what follows is of flat lines alone
                others += skipped
            sample = sample_of(lines, tells, chosen=chosen)
            others += sample.others
            if best is None or (sample.events and not best.events):
                best = sample
            elif sample.tells:
                best = replace(sample, events=[*best.events, *sample.events])
            searched += read
            if best.tells or (best.events and searched > OUTAGE_BYTES):
                return best
            if searched > SEARCH_BYTES:
                if others:  # what passes may come yet
                    return replace(best, others=others)
                return replace(best, problem=f"has no JSON object in its first {SEARCH_BYTES >> 20} MiB")
    finally:
        tail.close()
    return best if best is None or best.events else replace(best, others=others)


def files_of(log: Log) -> list[Path]:
    """Return the files that the log's path names, the newest first."""
    paths = [Path(name) for name in glob.glob(log.path, recursive=True)]  # noqa: PTH207 - the pattern is absolute
    files = [path for path in paths if os.path.isfile(path)]  # noqa: PTH113 - Path raises where it may not look
    return sorted(files, key=_written, reverse=True)


def _written(path: Path) -> float:
    """Return when a file was last written; 0 where it has just gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
