"""What a layout is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from prediction_exporter.config.records import Encoding
from prediction_exporter.sources.fields.measured import Measured

Record = Mapping[str, Any]

Side = Literal["request", "response"]

#: The two sides, which are the keys of a record that two others were joined to.
SIDES: tuple[Side, Side] = ("request", "response")


class Half(NamedTuple):
    """What a record says of the prediction that it is one half of.

    Attributes:
        id: what both halves have.
        side: which of the two it is.
    """

    id: str
    side: Side


@dataclass(frozen=True, slots=True)
class Options:
    """What the configuration says beside the name of a layout.

    Attributes:
        names: of features that records have no names for.
        encoding: of payloads that are texts.
        most: predictions of one record.
        now: Unix time of reading, for records that have no time.
    """

    names: Sequence[str] = ()
    encoding: Encoding = "auto"
    most: int = 10_000
    now: float = 0.0


#: Yields the flat events of a record.
Flat = Callable[[Record, Options], Iterator[dict[str, Any]]]


def one_event(event: Callable[[Record], dict[str, Any]]) -> Flat:
    """Return what yields the flat events of records that are a prediction each, whatever the configuration says of rows.

    Args:
        event: makes the flat event of a record.
    """

    def flat(record: Record, _options: Options) -> Iterator[dict[str, Any]]:
        yield event(record)

    return flat


def every_record(_record: Record) -> bool:
    """Return True: all records of a log are meant."""
    return True


@dataclass(frozen=True, kw_only=True)
class RecordLayout:
    """How one kind of server writes its records.

    A flat event has what is there of ``time``, ``id``, ``version``, ``stage``, ``entity``, ``status``, ``latency_ms``,
    ``features`` (an object), ``prediction`` and ``score``, under these names.

    Attributes:
        name: as the configuration writes it.
        writer: who writes such records, for the documentation.
        evidence: what its tests' records are, for the documentation: genuine ones, or whose documentation tells them.
        flat: yields the flat events of a record; of two that were joined, of an object with one under ``request`` and one under
            ``response``. It raises ``PayloadError`` where the record cannot be read.
        half: tells which half of a prediction a record is, None where it is whole; left out where each record is. What is a
            half is meant.
        is_meant: whether a record is one of this layout at all; others of a log are skipped, as those that a filter leaves out.
        reads: reads a line of text that is no JSON, None where it is no record and skipped; left out where all lines are JSON.
        measured: what is added up and observed beside the latency, of fields of a flat event, without configuration.
        notes: sentences for the documentation and ``check config``, as where the time comes from.
    """

    name: str
    writer: str
    evidence: str
    flat: Flat
    half: Callable[[Record], Half | None] | None = None
    is_meant: Callable[[Record], bool] = every_record
    reads: Callable[[str], Record | None] | None = None
    measured: Measured = field(default_factory=Measured)
    notes: tuple[str, ...] = ()
