"""What every source of predictions gives: batches of events, the lines it could not use, and a position to resume from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from prediction_exporter.counting.events import Events
from prediction_exporter.counting.reading import Reading
from prediction_exporter.counting.state_step import Step
from prediction_exporter.counting.tally import Tally
from prediction_exporter.sources.fields.schema import EventSchema
from prediction_exporter.sources.fields.seen import FieldsSeen

#: Every reason for which a line or row is refused, in the order that documentation and series show.
REASONS: dict[str, str] = {
    "malformed": "no JSON object, or not the wrapper that the file's other lines have",
    "oversized": "longer than the line limit of the source",
    "encoding": "not valid UTF-8",
    "payload": "a payload that is not what its layout or `predictions.rows` says, as no base64, JSON or CSV",
    "uneven_rows": "lists, columns or tensors of a record that are not in step",
    "too_many_rows": "more predictions in a record than `predictions.rows.max`",
    "both_sides": "a record that is both a request and a response by `predictions.join`",
    "same_id": "a request or response that still waited when another one with its id came, which takes its place",
    "no_response": "a request whose response did not come within `predictions.join.within`",
    "no_request": "a response whose request did not come within `predictions.join.within`",
    "no_room": "a request or response that waited while more came than `predictions.join.max_size` holds; the oldest go first",
    "unreadable": "a whole file that is damaged, or not what its name says; its rows are not known",
    "missing_time": "no event time",
    "invalid_time": "an event time that is neither an epoch number nor a date with a time of day",
    "missing_id": "no prediction id",
    "future": "an event time further ahead of the clock than the configured tolerance",
    "too_old": "an event time before the longest window",
    "late": "written to its table after the configured lateness, when its time was closed",
}

#: Every reason for which a line or row that is in order is not counted.
SKIPPED: dict[str, str] = {
    "filtered": "does not pass the filter in `predictions.where`, or is no record of `predictions.layout`: no prediction; of "
    "labels, what does not pass `labels.where`"
}

EXAMPLE_BYTES = 200


@dataclass(slots=True)
class Rejected:
    """How many lines were refused by reason, with the first example of each, cut short."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, count: int = 1, example: bytes | str = b"") -> None:
        """Count ``count`` lines as refused for ``reason``, one of :data:`REASONS`."""
        if reason not in REASONS:
            raise KeyError(reason)
        if count <= 0:
            return
        self.counts[reason] = self.counts.get(reason, 0) + count
        if reason not in self.examples:
            text = example[:EXAMPLE_BYTES].decode("utf-8", "backslashreplace") if isinstance(example, bytes) else example
            self.examples[reason] = text[:EXAMPLE_BYTES]

    def merge(self, other: Rejected) -> None:
        """Add another's counts; keep the older example."""
        for reason, count in other.counts.items():
            self.add(reason, count, other.examples.get(reason, ""))

    @property
    def total(self) -> int:
        """Lines refused for any reason."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Batch:
    """A part of a source that was read.

    Attributes:
        events: usable events.
        rejected: lines or rows that were refused.
        skipped: how many others do not pass ``predictions.where``; a database does not tell of them.
        records: rows of a table that ``events`` were unfolded of; None where each row is an event.
        tally: what a database counted of further events, which are not among ``events``.
        reading: the span of time that this is a part of; None where events are delivered once and for good.
        is_last: whether it is the last part of its span, or of its chunk of a log: the source's position lies behind it.
    """

    events: tuple[Events, ...] = ()
    rejected: Rejected = field(default_factory=Rejected)
    tally: Tally | None = None
    reading: Reading | None = None
    is_last: bool = True
    skipped: int = 0
    records: int | None = None


@dataclass(frozen=True, slots=True)
class UnfoldedSample:
    """What records of a sample were unfolded to.

    Attributes:
        records: how many had predictions.
        predictions: how many these were.
        names: the fields of one of them.
        others: how many records are none of the layout.
    """

    records: int
    predictions: int
    names: tuple[str, ...]
    others: int = 0


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a look at a source shows to a person; nothing counts as read by it.

    Attributes:
        schema: which field is what; None where nothing tells it yet.
        place: the file that was sampled, where there is one.
        batch: the events of the sample and what of it was refused, as they would count.
        rows: some rows of a table, of any time, where each row of it is needed.
        fields: the names of the model's columns that the sample has, as a baseline and the configuration write them.
        remarks: what may come right by waiting.
        faults: what does not, and keeps the source from being read.
        unseen: what is known of the fields and is in no record, a sentence each, with the place in the configuration.
        joined: how many requests and responses of the sample found each other, in words; empty where each record is whole.
        failing: statuses of the requests that count as failed, the most frequent first, where the source tells.
        status: the field that they stand in.
        unfolded: what the sampled records hold, where a record is not one prediction as it stands.
    """

    schema: EventSchema | None = None
    place: str = ""
    batch: Batch = field(default_factory=Batch)
    rows: Batch = field(default_factory=Batch)
    fields: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    joined: str = ""
    failing: tuple[str, ...] = ()
    status: str = ""
    unfolded: UnfoldedSample | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for its other half.

    Attributes:
        requests: how many requests.
        responses: how many responses.
        size: bytes of them in the state file.
    """

    requests: int
    responses: int
    size: int


class Pending(Protocol):
    """What a source has read and could not deliver yet, as it waits for other records; it is stored with the position."""

    @property
    def is_full(self) -> bool:
        """Whether as much has come as is to be kept in memory, so that a commit should put it."""

    def put(self, step: Step) -> Rejected:
        """Put what waits now, in the step that commits the position behind it; return how much there was no room for."""

    def waiting(self) -> Waiting:
        """Return how much waits."""


class Source(Protocol):
    """A place that predictions are read from.

    ``poll`` yields batches; after a last part, ``position`` names everything yielded so far, so that a caller who commits the
    effects of batches together with the position counts every event once, whenever the process dies.

    Attributes:
        refills: whether, after ``restore``, the source begins with all that the windows hold: what is stored of them must go.
    """

    refills: bool

    @property
    def pending(self) -> Pending | None:
        """What was read and waits for other records; None where each record is whole."""

    @property
    def schema(self) -> EventSchema | None:
        """Which field is what, once it is known."""

    @property
    def seen(self) -> FieldsSeen:
        """How often the fields that the configuration names are there."""

    @property
    def name(self) -> str:
        """What is read, for people and for telling whether a stored position belongs to it."""

    def look(self) -> Look:
        """Return which field is what by a look that reads nothing, and where it is not told, why.

        Raises:
            SourceError: the source cannot be read.
            ConfigError: it does not tell which field is what.
        """

    def restore(self, position: str | None) -> None:
        """Continue from a position that ``position`` returned, or start afresh where it is ``None``."""

    def poll(self) -> Iterator[Batch]:
        """Yield what is available now, in batches of bounded size.

        Raises:
            SourceError: the source cannot be read; what was yielded before stays valid.
        """

    def position(self) -> str:
        """Return the position behind the last yielded batch, as text to be stored."""

    def reached(self) -> str:
        """Return the position in a few words, for people."""

    def lag_bytes(self) -> int | None:
        """Return how much of the source is known to be unread; None where it cannot tell."""

    def close(self) -> None:
        """Release files and connections."""
