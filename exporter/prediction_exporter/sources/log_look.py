"""What is told of a log that has nothing to recognise its fields by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prediction_exporter.config import Predictions
from prediction_exporter.errors import SourceError
from prediction_exporter.sources.base import Look, Rejected
from prediction_exporter.sources.content import CompressedContent
from prediction_exporter.sources.decompress import COMPRESSIONS
from prediction_exporter.sources.discovery import discover
from prediction_exporter.sources.nature import fault_of, gzip_fault
from prediction_exporter.sources.records.unfolding import REFUSALS, told_of

#: Bytes from the beginning of a file that tell what it is.
HEAD_BYTES = 4096

#: Compressed files that are looked into, the newest first.
COMPRESSED_FILES = 20


@dataclass(frozen=True, slots=True)
class Sample:
    """Lines from the beginning of a file.

    Attributes:
        events: the JSON objects among them, at most as many as fields are recognised by.
        data: the lines, without wrapper.
        path: the file.
        rejected: what the wrapper or the length of a line was wrong for.
        problem: why the file was not searched further; empty where it was to its end.
        tells: whether the events tell all fields.
        others: where there are no events, how many JSON objects did not pass the filter.
    """

    events: Sequence[Mapping[str, Any]]
    data: bytes
    path: str
    rejected: Rejected
    problem: str = ""
    tells: bool = False
    others: int = 0


def _of_refused(refused: Rejected, wrapper: str, shown_as: Callable[[str], str]) -> str:
    """Return what lines are that are all refused before anything of them is known."""
    reason, example = next(iter(refused.examples.items()))
    if reason == "oversized":
        return "every line is longer than max_line_size"
    return told_of(refused) if reason in REFUSALS else f"no line has the wrapper of format: {wrapper}, as {shown_as(example)!r}"


def look_at_no_event(sample: Sample, wrapper: str, shown_as: Callable[[str], str]) -> Look:
    """Return what lines are that hold no JSON object; ``shown_as`` tells how a part of one may be shown."""
    if sample.others:  # told with what the filter is about
        return Look(place=sample.path)
    refused = sample.rejected
    if refused.counts and not sample.data.strip():
        return Look(place=sample.path, faults=(f"{sample.path}: {_of_refused(refused, wrapper, shown_as)}",))
    lines = [line for line in sample.data.split(b"\n") if line.strip()]
    if not lines:
        return Look(place=sample.path, remarks=(f"{sample.path}: is empty yet",))
    fault = fault_of(sample.data[:HEAD_BYTES]) or sample.problem
    if fault:
        return Look(place=sample.path, faults=(f"{sample.path}: {fault}",))
    shown = shown_as(lines[0][:HEAD_BYTES].decode("utf-8", "replace").strip()[:100])
    count = f"{len(lines)} lines" if len(lines) > 1 else "one line"
    return Look(place=sample.path, remarks=(f"{sample.path}: has no JSON object yet, but {count} of text, as {shown!r}",))


def strange_remarks(sample: Sample, predictions: Predictions) -> tuple[str, ...]:
    """Return what is said of records none of which is one of the configured layout."""
    if predictions.layout is None or not sample.others:
        return ()
    filtered = "" if predictions.where is None else " that passes predictions.where"
    return (f"{sample.path}: none of its first {sample.others} records is one of layout: {predictions.layout}{filtered}",)


def outage_remark(sample: Sample) -> str:
    """Return what lines are of which no request was served."""
    count = f"all {len(sample.events)} sampled requests" if len(sample.events) > 1 else "the one request"
    became = "failed or were refused" if len(sample.events) > 1 else "failed or was refused"
    return f"{sample.path}: {count} {became}, and count; the first that succeeds tells where the baseline's columns stand"


def look_at_no_file(pattern: str, start: str) -> Look:
    """Return what is there where no uncompressed file has a line.

    Raises:
        SourceError: a folder or file on the way cannot be read.
    """
    found = discover(pattern, (), ())
    if found.errors:
        path, error = next(iter(found.errors.items()))
        raise SourceError(f"cannot read {path}: {error.strerror or error}")
    plain = [file for file in found.files if file.matched and file.compression is None]
    if plain:
        newest = max(plain, key=lambda file: file.mtime_ns)
        state = "has no whole line yet: a line counts when its newline is written" if newest.size else "is empty yet"
        return Look(remarks=(f"{newest.label}: {state}",))
    compressed = [file.label for file in found.files if file.matched]
    if not compressed:
        return Look()
    ignored = "" if start == "beginning" else ", and with start: end they are not read"
    return Look(remarks=(f"{pattern}: only compressed files are there, as {compressed[0]}{ignored}",))


def compressed_faults(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return what is wrong with compressed files, the newest first."""
    faults = []
    for path in paths[:COMPRESSED_FILES]:
        try:
            content = CompressedContent(str(path), COMPRESSIONS[path.suffix])
        except OSError as error:
            faults.append(f"{path}: cannot be read: {error.strerror or error}")
            continue
        try:
            if not content.read_at(0, 1) and content.damage:
                with path.open("rb") as file:
                    faults.append(f"{path}: {gzip_fault(file.read(HEAD_BYTES))}")
        finally:
            content.close()
    return tuple(faults)
