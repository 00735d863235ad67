"""What a source is opened with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from prediction_exporter.config import Model, Predictions
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.state_kept import Kept
from prediction_exporter.counting.traffic import Traffic
from prediction_exporter.counting.windows import Span
from prediction_exporter.sources.filtering import Filter


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
        is_labelled: whether labels are joined with predictions anywhere: a look shows rows then, and a position says of which
            predictions that is done.
        waits: for how many seconds predictions wait in the state file for their labels; 0 where none does.
        eligible: tells predictions that can get a label, where their records decide it.
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
    is_labelled: bool = False
    waits: int = 0
    eligible: Filter | None = None
    kept: Kept | None = None

    @classmethod
    def of_model(
        cls,
        model: Model,
        layout: Layout | None,
        spans: Sequence[Span],
        traffic: Traffic,
        labels_of: Callable[[Sequence[str | None]], Mapping[str | None, str]],
        *,
        where: str,
        clock: Callable[[], float],
        eligible: Filter | None = None,
        kept: Kept | None = None,
    ) -> Self:
        """Return what the source of a model's predictions is opened with; see the attributes."""
        labels = None if model.joins_in_engine else model.labels
        return cls(
            predictions=model.predictions,
            layout=layout,
            spans=spans,
            segments=model.segments,
            traffic=traffic,
            labels_of=labels_of,
            where=where,
            clock=clock,
            by_rows=labels is not None,
            is_labelled=model.labels is not None and layout is not None,
            waits=0 if labels is None or layout is None else int(labels.horizon.seconds),
            eligible=eligible,
            kept=kept,
        )
