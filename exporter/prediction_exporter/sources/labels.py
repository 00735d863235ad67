"""Labels and the predictions that they are joined with, as they are read: from a source's events to what the store takes.

Labels are read by the sources of predictions: of a log, a table or files whose one column is the label. Nothing is recognised
of them, so that a ``status`` beside a label is not taken for that of a request: what the configuration names is read, no more.

Both sides of a join are spelt alike. An id is its text, whatever type it had: ``7`` of a log, ``"7"`` of a CSV file and ``7.0``
of a column that pandas made floats of for a missing value. A class is spelt as the baseline spells it. Blanks around either are
none of it: columns of type CHAR are filled up with them, and CSV has them behind commas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.config import Fields, Model, Predictions
from prediction_exporter.config.labels import Labels as Section
from prediction_exporter.counting.answers import served
from prediction_exporter.counting.breakdowns import NONE, STAGES
from prediction_exporter.counting.categories import CategoryEncoder, is_container
from prediction_exporter.counting.entities import NOBODIES
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profiler import UNVERSIONED
from prediction_exporter.counting.traffic import Traffic
from prediction_exporter.counting.windows import Span
from prediction_exporter.labels import LabelKind, Labels, Shape
from prediction_exporter.labels import Predictions as Waiting
from prediction_exporter.performance import PerformanceLayout
from prediction_exporter.sources.base import Source
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.fields.schema import OF_READING, EventSchema, Path, path_text
from prediction_exporter.sources.label_classes import classes_of, meant, named, stranger
from prediction_exporter.sources.ranks import sets_of
from prediction_exporter.sources.typed import names_of

if TYPE_CHECKING:  # where no table is read, no library for tables is loaded
    from prediction_exporter.sources.table.joining import EngineJoin

#: The columns of a label's event.
LABEL, WEIGHT, ROW = "label", "score.weight", "score.row"

#: No record has so many predictions.
_MOST_ROWS = 2**31

#: Labels are short, and a chunk of them is put in one transaction, for which other models wait.
CHUNK_BYTES = 1 << 20

#: From which score on a binary model predicts its positive class, where neither it nor the configuration says so.
HALF = 0.5

#: Labels that are called like the classes.
NO_MEANINGS: Mapping[str, str] = MappingProxyType({})

#: What else names a prediction beside its id.
Parts = Literal["version", "stage"] | None


class _LabelFields(Fields):
    """The fields of a label, by what a prediction has in their place."""

    RECOGNISED: ClassVar[bool] = False
    KEYS: ClassVar[Mapping[str, str]] = {"prediction": "label", WEIGHT: "weight", ROW: "row"}


class _LabelEvents(Predictions):
    """A source of labels, as one of predictions."""

    SECTION: ClassVar[str] = Section.SECTION


# The source


def open_labels(labels: Section, kind: LabelKind, *, where: str, clock: Callable[[], float]) -> Source:
    """Return the source of a model's labels; nothing is read yet.

    Its events have the label in the column :data:`LABEL`, as text of a class or of ranks or as a number, and in :data:`WEIGHT`
    its weight where one is configured. Their time is that at which the label became known, or of reading where no field says
    it. A table is read for as long back as predictions wait, and files are read again when they change: a label that comes
    again changes nothing.

    Args:
        labels: where they are.
        kind: whether they are classes, numbers or ranks.
        where: the place of the model in the configuration, for messages.
        clock: Unix time.

    Raises:
        ConfigError: the database of a table is of an unknown kind, or its driver is not installed.
    """
    settings, layout = label_events(labels), label_layout(labels, kind)
    horizon = labels.horizon.seconds
    if labels.log is not None:
        from prediction_exporter.sources.log import LogSource

        return LogSource(settings, layout, where=where, clock=clock, chunk_bytes=CHUNK_BYTES)
    if labels.files is not None:
        from prediction_exporter.sources.files.source import FilesSource

        return FilesSource(settings, layout, where=where, clock=clock, horizon_seconds=horizon, rereads=True)
    from prediction_exporter.sources.table.source import TableSource

    return TableSource(
        SourceContext(
            predictions=settings,
            layout=layout,
            spans=(Span.of("horizon", horizon),),
            segments=(),
            traffic=Traffic(layout),
            labels_of=lambda versions: {version: version or UNVERSIONED for version in versions},
            where=where,
            clock=clock,
            by_rows=True,
        )
    )


def open_joining(
    model: Model, layout: Layout, performance: PerformanceLayout, *, where: str, clock: Callable[[], float]
) -> EngineJoin:
    """Return the source of a model's predictions and labels as their database joins them; nothing is read yet.

    Args:
        model: both are tables of one database.
        layout: the columns that are counted of predictions.
        performance: what is counted of pairs.
        where: the place of the model in the configuration, for messages.
        clock: Unix time.

    Raises:
        ConfigError: the database is of an unknown kind, or its driver is not installed.
    """
    if model.labels is None:
        raise ValueError("the model has no labels")
    from prediction_exporter.sources.table.joining import EngineJoin

    predicted = (column.name for column in layout.columns if column.role is Role.PREDICTION and not column.is_derived)
    return EngineJoin(
        model,
        label_events(model.labels),
        layout,
        label_layout(model.labels, kind_of(performance)),
        [*predicted, *(score.column for score in performance.scores), *model.segments],
        where=where,
        clock=clock,
    )


def label_events(labels: Section) -> Predictions:
    """Return where labels are, as a source of predictions has it."""
    fields = labels.fields
    numbers = {WEIGHT: fields.weight, ROW: fields.row}
    return _LabelEvents(
        log=labels.log,
        table=labels.table,
        files=labels.files,
        timezone=labels.timezone,
        null_values=labels.null_values,
        where=labels.where,
        fields=_LabelFields(
            id=fields.id,
            time=fields.time,
            version=fields.version,
            stage=fields.stage,
            prediction=fields.label,
            score={column.removeprefix("score."): at for column, at in numbers.items() if at is not None} or None,
        ),
    )


def label_layout(labels: Section, kind: LabelKind) -> Layout:
    """Return the columns of labels, of which nothing is counted."""
    of_label = Kind.NUMERIC if kind == "number" else Kind.CATEGORICAL
    held = Held.CONTAINER if kind == "ranks" else Held.ANY  # which may be lists
    columns = [Column(name=LABEL, role=Role.PREDICTION, kind=of_label, held=held)]
    numbers = {WEIGHT: labels.fields.weight, ROW: labels.fields.row}
    columns += [Column(name=name, role=Role.SCORE, kind=Kind.NUMERIC) for name, at in numbers.items() if at is not None]
    return Layout(columns)


def describe_labels(schema: EventSchema) -> list[str]:
    """Return which field of a source of labels is what, a line for each, for a person to check."""
    columns = {column.name: column.path for column in schema.columns}
    found: dict[str, Path | None] = {
        "id": schema.id,
        "label": columns[LABEL],
        "version": schema.version,
        "stage": schema.stage,
        "row": columns.get(ROW),
        "weight": columns.get(WEIGHT),
    }
    time = OF_READING if schema.time is None else path_text(schema.time)
    return [f"time: {time}", *(f"{role}: {path_text(path)}" for role, path in found.items() if path is not None)]


# What is joined


def parts_of(model: Model) -> Parts:
    """Return what else names a model's predictions: the stage where they have one, the version where labels name it."""
    if model.predictions.fields.stage is not None:
        return "stage"
    return "version" if model.labels is not None and model.labels.fields.version is not None else None


def shape_of(performance: PerformanceLayout, segments: Sequence[str]) -> Shape:
    """Return what is kept of each prediction."""
    return Shape(kind_of(performance), scores=len(performance.scores), segments=len(segments))


def kind_of(performance: PerformanceLayout) -> LabelKind:
    """Return whether labels are classes, numbers or ranks."""
    if performance.task == "ranking":
        return "ranks"
    return "class" if performance.has_classes else "number"


def ids_of(events: Events) -> pl.Series:
    """Return the ids by which events are joined, String; null where one has none."""
    return _ids(events.ids, len(events))


def labels_of(
    events: Events,
    performance: PerformanceLayout,
    parts: Parts,
    *,
    meanings: Mapping[str, str] = NO_MEANINGS,
    first_rank: int | None = None,
) -> Labels:
    """Return what a source's events say of predictions.

    Args:
        events: of :func:`open_labels`.
        performance: the classes, and how they are spelt. A class that is none of them is :func:`stranger`.
        parts: what else names a prediction. Where labels do not have it, they speak of every prediction of their id.
        meanings: the class that a label means which is not called like one.
        first_rank: of a ranking, the rank of the first item; None for 1.
    """
    values, weights = events.columns[LABEL], events.columns.get(WEIGHT)
    if performance.task == "ranking":
        actual = sets_of(values, first_rank)
    else:
        actual = classes_of(meant(values, meanings), performance) if performance.has_classes else values
    ids, rows = ids_of(events), None
    if ROW in events.columns:
        numbers = events.columns[ROW].to_numpy()
        usable = (numbers >= 0) & (numbers < _MOST_ROWS) & (numbers == np.floor(numbers))
        rows = np.where(usable, numbers, 0).astype(np.int64)
        ids = ids.set(pl.Series(~usable), None)  # it is not known of which prediction it is
    has_parts = parts == "version" or (parts == "stage" and events.stages is not None)
    return Labels(
        ids=ids,
        actual=actual,
        times=events.times,
        parts=parts_of_events(events, parts) if has_parts else None,
        rows=rows,
        weights=None if weights is None else weights.to_numpy(),
    )


def predictions_of(
    events: Events,
    *,
    layout: Layout,
    performance: PerformanceLayout,
    segments: Sequence[str],
    parts: Parts,
    only_for: Sequence[str] = (),
) -> Waiting:
    """Return the predictions of events that wait for labels: those that were made, see :func:`~counting.answers.served`.

    Args:
        events: as the source gave them: their versions are those that labels name, and those that are not eligible get none.
        layout: the columns that are counted of predictions.
        performance: the classes and the scores.
        segments: names of the categorical columns that predictions are segmented by.
        parts: what else names a prediction.
        only_for: predicted classes that can get a label; all where there are none.
    """
    scores = np.empty((len(events), len(performance.scores)))
    for place, score in enumerate(performance.scores):
        scores[:, place] = events.columns[score.column].to_numpy()
    predicted = _predicted(events, layout, performance, scores)
    kept = served(events, layout)
    if events.eligible is not None:
        kept &= events.eligible
    if only_for:
        kept &= predicted.is_in(classes_of(pl.Series(only_for), performance)).fill_null(value=False).to_numpy()
    return Waiting(
        ids=ids_of(events),
        times=events.times,
        versions=events.versions.fill_null(UNVERSIONED),
        predicted=predicted,
        parts=None if parts is None else parts_of_events(events, parts),
        segments=tuple(_segment(events, layout.columns[layout.index(name)]) for name in segments),
        scores=scores if performance.scores else None,
        rows=events.rows,
    ).take(np.flatnonzero(kept))


def _predicted(events: Events, layout: Layout, performance: PerformanceLayout, scores: NDArray[np.float64]) -> pl.Series:
    """Return what was predicted; by the scores where nothing else tells it, and of a ranking nothing but that it was."""
    if performance.task == "ranking":
        return pl.repeat(0.0, len(events), dtype=pl.Float64, eager=True)
    column = next((c for c in layout.columns if c.role is Role.PREDICTION and not c.is_derived), None)
    if column is not None:
        values = events.columns[column.name]
        if not performance.has_classes:
            return values.cast(pl.Float64, strict=False)
        # Of a model whose classes are numbers, the baseline may have numbers.
        return classes_of(names_of(values), performance)
    if performance.task == "binary" and performance.positive is not None and performance.scores:
        negative = next((code for code in range(len(performance.classes)) if code != performance.positive), performance.other)
        threshold = HALF if performance.threshold is None else performance.threshold
        with np.errstate(invalid="ignore"):
            codes = np.where(scores[:, 0] >= threshold, performance.positive, negative)
    elif performance.scores:
        largest = np.where(np.isnan(scores), -np.inf, scores).argmax(axis=1)
        codes = np.array([score.of_class for score in performance.scores])[largest]
    else:
        return _nothing(len(events))
    absent: NDArray[np.bool_] = np.logical_and.reduce(np.isnan(scores), axis=1)
    return named((*performance.classes, stranger(performance)), codes.astype(np.int32), absent)


def _segment(events: Events, column: Column) -> pl.Series:
    """Return the segment of each event by a column, as windows call it; null where it has no valid value."""
    values = events.columns[column.name]
    codes = CategoryEncoder(column.categories, column.held).encode(values)
    absent: NDArray[np.bool_] = codes >= column.bins
    return named(column.value_labels, codes, absent | values.is_null().to_numpy())


def parts_of_events(events: Events, parts: Parts) -> pl.Series:
    """Return what else names each prediction, String; null where nothing does."""
    if parts == "version":
        return events.versions
    if parts is None or events.stages is None:
        return _nothing(len(events))
    names = pl.Series([None if stage == NONE else stage for stage in STAGES], dtype=pl.String)
    return names.gather(pl.Series(events.stages.astype(np.uint32)))


def _ids(ids: pl.Series | None, rows: int) -> pl.Series:
    """Return ids as texts; null where there is none: nothing, a word for nothing, a list or an object."""
    if ids is None:
        return _nothing(rows)
    texts = names_of(ids).str.strip_chars()
    nobody = texts.is_in(NOBODIES)
    bracketed = texts.str.starts_with("[") | texts.str.starts_with("{")
    if bracketed.any():
        contained = [text for text in texts.filter(bracketed).unique().to_list() if is_container(text)]
        nobody |= texts.is_in(contained)
    return texts.set(nobody, None) if nobody.any() else texts


def _nothing(rows: int) -> pl.Series:
    return pl.repeat(None, rows, dtype=pl.String, eager=True)
