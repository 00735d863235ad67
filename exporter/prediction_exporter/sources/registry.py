"""The list of sources, and what each is opened with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prediction_exporter.config import Predictions
from prediction_exporter.layout import Layout
from prediction_exporter.sources.base import Source
from prediction_exporter.traffic import Traffic
from prediction_exporter.windows import Span


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
    """

    predictions: Predictions
    layout: Layout | None
    spans: Sequence[Span]
    segments: Sequence[str]
    traffic: Traffic
    labels_of: Callable[[Sequence[str | None]], Mapping[str | None, str]]
    where: str
    clock: Callable[[], float]


def _log(context: SourceContext) -> Source:
    from prediction_exporter.sources.log import LogSource

    return LogSource(context.predictions, context.layout, where=context.where, clock=context.clock)


def _table(context: SourceContext) -> Source:
    from prediction_exporter.sources.table.source import TableSource

    return TableSource(context)


#: What opens each kind of source, by its key in the configuration. Each is imported when it is used: some need large libraries.
SOURCES: dict[str, Callable[[SourceContext], Source]] = {
    "log": _log,
    "table": _table,
}


def open_source(context: SourceContext) -> Source:
    """Return the source that a model's configuration names; nothing is read yet."""
    kind = next(kind for kind in SOURCES if getattr(context.predictions, kind, None) is not None)
    return SOURCES[kind](context)
