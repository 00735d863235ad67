"""The dashboard of the exporters that watch models, of their sources, and of what both cost."""

from __future__ import annotations

from prediction_exporter.collectors.exporter import SERIES, SERIES_LIMIT
from prediction_exporter.collectors.running import COLLECTOR_DURATION
from prediction_exporter.collectors.source import EVALUATION_DURATION, EVENTS, SOURCE_LAG, SOURCE_UNREAD
from prediction_exporter.collectors.volume import VOLUME_FREE, VOLUME_SIZE
from prediction_exporter.kit import looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.boards import choices
from prediction_exporter.kit.boards.annotations import happened
from prediction_exporter.kit.boards.board import Board
from prediction_exporter.kit.boards.selectors import MODEL, rate, watching
from prediction_exporter.kit.layout import Row
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import Series
from prediction_exporter.kit.volume import COST, GROWTH

_NO_FILES = "the predictions are in no local files"


def board() -> Board:
    """Return the dashboard."""
    return Board(
        name="exporter",
        title="Exporter",
        question="Is the monitoring itself healthy?",
        variables=[*choices.places(), choices.model()],
        annotations=happened(),
        rows=[Row(title="Exporter", panels=exporter())],
    )


def exporter() -> list[Panel]:
    """Return the panels of the row."""

    def of_each(series: Series) -> Query:
        return Query(expr=series.where(*MODEL), legend="{{instance}}")

    def own(metric: str) -> str:
        return f"{metric} {watching()}"

    return [
        p.timeseries(
            "Age of the newest event",
            "Time since the newest event that was read; it grows while nothing new comes.",
            of_each(SOURCE_LAG),
            unit="s",
        ),
        p.timeseries("Unread", "Bytes of the source that are known and not yet read.", of_each(SOURCE_UNREAD), unit="bytes"),
        p.timeseries(
            "Lines or rows read",
            "Lines or rows of the source that were used, a second, by replica.",
            Query(expr=f"sum by (instance) ({rate(EVENTS, MODEL)})", legend="{{instance}}"),
            unit="cps",
        ),
        p.timeseries(
            "Duration of an evaluation",
            "Time that the last evaluation of the model's statistics took.",
            of_each(EVALUATION_DURATION),
            unit="s",
        ),
        p.timeseries(
            "Memory",
            "Resident memory of the exporters that watch the model.",
            Query(expr=own("process_resident_memory_bytes"), legend="{{instance}}"),
            unit="bytes",
        ),
        p.timeseries(
            "Series",
            "Series that the exporter serves, and how many the configuration allows.",
            Query(expr=own(str(SERIES)), legend="{{instance}}"),
            Query(expr=f"max({own(str(SERIES_LIMIT))})", legend="limit", role=looks.THRESHOLD),
            unit="short",
        ),
        p.timeseries(
            "Processor time of a million events",
            "Processor time that the exporters of the model spent in an hour, for each million of events that they read.",
            Query(expr=own(str(COST)), legend="{{instance}}"),
            unit="s",
            no_data="no events in the last hour",
        ),
        p.timeseries(
            "Duration of collectors",
            "Time that the last run of each collector took, of the replica that took longest.",
            Query(expr=f"max by (collector) ({COLLECTOR_DURATION.where(*MODEL)})", legend="{{collector}}"),
            unit="s",
        ),
        p.timeseries(
            "Growth of the log in a day",
            "Bytes that the log or files grew by in the last 24 hours, all replicas together.",
            Query(expr=f"sum({GROWTH.where(*MODEL)})", legend="written"),
            unit="bytes",
            no_data=_NO_FILES,
        ),
        p.timeseries(
            "Free space for the log",
            "Room that is left on the volume of the newest file, and the size of the smallest volume.",
            of_each(VOLUME_FREE),
            Query(expr=f"min({VOLUME_SIZE.where(*MODEL)})", legend="size", role=looks.THRESHOLD),
            unit="bytes",
            no_data=_NO_FILES,
        ),
    ]
