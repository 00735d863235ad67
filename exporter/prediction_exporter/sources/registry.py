"""The list of sources."""

from __future__ import annotations

from collections.abc import Callable

from prediction_exporter.sources.base import Source
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.none import NoSource


def _log(context: SourceContext) -> Source:
    from prediction_exporter.sources.log import LogSource

    return LogSource(
        context.predictions,
        context.layout,
        where=context.where,
        clock=context.clock,
        eligible=context.eligible,
        kept=context.kept,
    )


def _table(context: SourceContext) -> Source:
    from prediction_exporter.sources.table.source import TableSource

    return TableSource(context)


def _files(context: SourceContext) -> Source:
    from prediction_exporter.sources.files.source import FilesSource

    return FilesSource(
        context.predictions,
        context.layout,
        where=context.where,
        clock=context.clock,
        horizon_seconds=max(context.waits, *(span.seconds for span in context.spans)),
        eligible=context.eligible,
        kept=context.kept,
    )


#: What opens each kind of source, by its key in the configuration. Each is imported when it is used: some need large libraries.
SOURCES: dict[str, Callable[[SourceContext], Source]] = {
    "log": _log,
    "table": _table,
    "files": _files,
}


def open_source(context: SourceContext) -> Source:
    """Return the source that a model's configuration names; nothing is read yet."""
    if not context.predictions.are_read:
        return NoSource(context.predictions.source.shown)
    kind = next(kind for kind in SOURCES if getattr(context.predictions, kind, None) is not None)
    return SOURCES[kind](context)
