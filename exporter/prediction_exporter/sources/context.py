"""What a source is opened with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prediction_exporter.config import Predictions
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.state_kept import Kept
from prediction_exporter.counting.traffic import Traffic
from prediction_exporter.counting.windows import Span


@dataclass(frozen=True, kw_only=True)
class SourceContext:
    """What a source may need to know of the model whose events it reads.

    Attributes:
        predictions: what is read, and how.
        layout: the model's columns; None where only its service is watched.
        spans: its windows.
        segments: columns whose values are profiled apart.
        traffic: tells the shape of the counters.
        labels_of: gives the versions that events are counted under, see ``Ledger.labels_of``.
        where: the model's place in the configuration, for messages.
        clock: Unix time.
        by_rows: whether each row of a table is needed, and not only how many there are.
        kept: what the state file has of records that wait for others; None where the source is only looked at.
    """

    predictions: Predictions
    layout: Layout | None
    spans: Sequence[Span]
    segments: Sequence[str]
    traffic: Traffic
    labels_of: Callable[[Sequence[str | None]], Mapping[str | None, str]]
    where: str
    clock: Callable[[], float]
    by_rows: bool = False
    kept: Kept | None = None
