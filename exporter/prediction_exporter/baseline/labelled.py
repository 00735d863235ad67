"""How good a model was on the data that its baseline is built from: their predictions beside their labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.baseline.columns import Profiled, profile_column
from prediction_exporter.baseline.kinds import LeftOutError
from prediction_exporter.baseline.performance import classes_of, layout_of, of_other_class
from prediction_exporter.baseline.performance_record import PerformanceRecord
from prediction_exporter.baseline.record import Task
from prediction_exporter.baseline.tables import Table
from prediction_exporter.config import Column as Setting
from prediction_exporter.config import Model
from prediction_exporter.config.conditions import fields_of, needed_fields
from prediction_exporter.counting.categories import CategoryEncoder
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Kind, Layout, Role
from prediction_exporter.errors import BaselineError, ConfigError
from prediction_exporter.performance import Performance, PerformanceLayout
from prediction_exporter.performance.classes import decided
from prediction_exporter.performance.summary import summary
from prediction_exporter.sources.fields.roles import LABEL_NAMES
from prediction_exporter.sources.fields.stated import stated
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.label_classes import meant, without_blanks
from prediction_exporter.sources.ranks import FORMS, sets_of
from prediction_exporter.sources.typed import names_of, texts_of_lists

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

#: How many classes a message names.
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Where the data have the truth, for a model with labels.

    Attributes:
        model: its configuration.
        place: where it stands in the configuration, for messages.
        label: the column of the labels; None where the data have none.
        weight: the column of what each pair weighs; None for 1.
    """

    model: Model
    place: str
    label: str | None
    weight: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are no features."""
        return tuple(name for name in (self.label, self.weight) if name is not None)

    @property
    def left_out(self) -> dict[str, str]:
        """Why columns are no features that are not labels themselves."""
        return {} if self.weight is None else {self.weight: "the weight of a label"}


def truth_of(model: Model, place: str, columns: Sequence[str], named: Sequence[str]) -> Truth | None:
    """Return where the data have the truth; None for a model without labels.

    The label is the column that is called like the field of the labels, unless one is named: the first that is, where several
    are and none is called so. Without either it is the only column that is called like a label.

    Args:
        model: its configuration.
        place: where it stands in the configuration.
        columns: those of the data.
        named: columns that hold the truth, as the command line says.
    """
    if model.labels is None:
        return None
    fields = model.labels.fields
    taken = {one.name for one in stated(model.predictions.fields)}
    usual = [name for name in columns if name.lower() in LABEL_NAMES and name not in taken]
    label: str | None = None
    if named:
        label = fields.label if fields.label in named else named[0]
    elif fields.label in columns and fields.label not in taken:
        label = fields.label
    elif len(usual) == 1:
        [label] = usual
    weight = fields.weight if fields.weight in columns and fields.weight not in taken else None
    return Truth(model=model, place=place, label=label, weight=weight)


def labelled(
    table: Table, truth: Truth | None, columns: Sequence[Profiled], task: Task | None
) -> tuple[PerformanceRecord | None, list[str]]:
    """Return how good the model was on its data, and what is said of it, a line; None and why where it is not told.

    Args:
        table: the data.
        truth: where they have the labels; None of a model without any: then nothing is said.
        columns: those of the baseline; those of the prediction and of scores with their rows.
        task: what the model does.

    Raises:
        ConfigError: as :func:`prediction_exporter.baseline.performance.performance_of`.
    """
    if truth is None or truth.model.labels is None:
        return None, []
    outputs = [
        one
        for one in columns
        if one.column.role is not Role.FEATURE and one.events is not None and one.column.kind is not Kind.PRESENCE
    ]
    try:
        found, name = _pairs(table, truth, outputs, Layout([one.column for one in columns]), task), truth.label
    except LeftOutError as reason:
        return None, [f"how good the model was is not told: {reason}"]
    only_for = truth.model.labels.only_for
    told = [_words(found, str(name)), *of_other_class(found, truth.place)]
    return PerformanceRecord.of(found, label=str(name), only_for=only_for), told


def _pairs(table: Table, truth: Truth, outputs: Sequence[Profiled], layout: Layout, task: Task | None) -> Performance:
    """Return the counts of the pairs.

    Raises:
        LeftOutError: there are none.
    """
    labels = truth.model.labels
    if labels is None or truth.label is None:
        name = labels.fields.label if labels is not None else ""
        raise LeftOutError(f"{table.name} has no column {name}; where the label is called otherwise, name it by --label")
    if task == "ranking":
        return _of_lists(table, truth, truth.label, layout)
    if not outputs:
        raise LeftOutError(f"{table.name} has no prediction and no score")
    setting = Setting(kind="numeric" if task == "regression" else "categorical")
    try:
        values, written = _meant(table, truth.label, labels.values, layout)
        label = profile_column(truth.label, Role.PREDICTION, values, written, setting, task)
    except (BaselineError, LeftOutError) as reason:
        raise LeftOutError(f"the label {truth.label} is {reason}") from reason
    _refuse_other_names(truth, label.column.categories, layout)
    made = layout_of(
        truth.model,
        layout,
        task,
        truth.place,
        weighted=truth.weight is not None,
        known=(*truth.model.performance.classes, *label.column.categories),
    )
    weights = None if truth.weight is None else _numbers(table.column(truth.weight))
    predicted = next((one for one in outputs if one.column.role is Role.PREDICTION), None)
    eligible = _eligible(table, truth.model)
    if made.is_regression:
        assert predicted is not None  # noqa: S101 - the layout is of its column
        numbers = (_numbers(_rows(predicted))[eligible], _numbers(_rows(label))[eligible])
        found = Performance.of(made, *numbers, None, None if weights is None else weights[eligible])
    else:
        found = _of_classes(made, predicted, label, _scores(made, outputs), weights, labels.only_for_classes, eligible)
    if not found.rows:
        raise LeftOutError(f"no row has both a prediction and a label {truth.label}")
    return found


def _of_lists(table: Table, truth: Truth, label: str, layout: Layout) -> Performance:
    """Return the counts of the lists of a ranking, each a row.

    Raises:
        LeftOutError: no label says what was chosen.
    """
    made = layout_of(truth.model, layout, "ranking", truth.place, weighted=False, known=())
    texts, settings = texts_of_lists(table.column(label)), truth.model.performance
    sets = sets_of(texts, settings.first_rank)
    if settings.without_label is not None:
        sets = sets.set(texts.is_null(), 0.0)
    found = Performance(made, Performance.of_sets(made, sets.fill_null(np.nan).to_numpy())[0])
    if not found.rows:
        raise LeftOutError(f"no row says in {label} what was chosen: {FORMS}")
    return found


def _meant(table: Table, name: str, meanings: Mapping[str, str], layout: Layout) -> tuple[pl.Series, Held | None]:
    """Return the labels, by the classes that they mean where that is configured, and what these are in the file."""
    values = table.column(name)
    if values.dtype == pl.String:
        values = without_blanks(values, CategoryEncoder(classes_of(layout)))
    if not meanings:
        return values, table.written.get(name)
    return meant(names_of(values), meanings).alias(name), Held.TEXT


def _refuse_other_names(truth: Truth, labels: Sequence[str], layout: Layout) -> None:
    """Refuse labels none of which is a predicted class: each would be a class of its own, and every prediction wrong.

    Raises:
        ConfigError: it is so, and ``performance.classes`` does not name them.
    """
    predicted, listed = classes_of(layout), truth.model.performance.classes
    known = classes_of(layout, listed)
    if not predicted or not labels or len(classes_of(layout, listed, labels)) < len(known) + len(labels):
        return
    example = f"{json.dumps(labels[0], ensure_ascii=False)}: {json.dumps(predicted[0], ensure_ascii=False)}"
    raise ConfigError(
        f"{truth.place}.labels.values: the labels are {_some(labels)}, and what is predicted is {_some(predicted)}; write "
        f"which class each label means, as in {{{example}}}, or, where they are classes, all classes to performance.classes"
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _eligible(table: Table, model: Model) -> NDArray[np.bool_]:
    """Return which rows are predictions that can get a label, as far as their record decides it, (n,).

    Raises:
        LeftOutError: the data lack a field that decides it.
    """
    chosen = None if model.labels is None else Filter.written(model.labels.only_for_records, key="only_for")
    if chosen is None:
        return np.ones(table.rows, np.bool_)
    found = {name: column for name in fields_of(chosen.condition) if (column := _column_of(name, table, model)) is not None}
    absent = [name for name in needed_fields(chosen.condition) if name not in found]
    if absent:
        raise LeftOutError(f"labels.only_for names {_some(absent)}, and {table.name} has no such column")
    nothing = pl.repeat(None, table.rows, dtype=pl.Null, eager=True)
    columns = {name: table.column(column) for name, column in found.items()}
    return chosen.among(table.rows, lambda path: columns.get(str(path[0]), nothing) if len(path) == 1 else nothing).to_numpy()


def _column_of(name: str, table: Table, model: Model) -> str | None:
    """Return the column of the data that has a field of a record: where features are an object, they may stand alone there."""
    parent = model.predictions.fields.features
    names = [name, name.removeprefix(f"{parent}.")] if isinstance(parent, str) else [name]
    return next((one for one in names if one in table.columns), None)


def _of_classes(
    layout: PerformanceLayout,
    predicted: Profiled | None,
    label: Profiled,
    scores: Floats | None,
    weights: Floats | None,
    only_for: Sequence[str],
    eligible: NDArray[np.bool_],
) -> Performance:
    if predicted is not None:
        codes = _codes(layout, _rows(predicted))
    else:
        assert scores is not None  # noqa: S101 - there is an output
        codes = decided(layout, scores)
    wanted = eligible
    if only_for:
        wanted = wanted & np.isin(codes, [layout.encoder().code(name) for name in only_for])
    scores, weights = (None if of_rows is None else of_rows[wanted] for of_rows in (scores, weights))
    return Performance.of(layout, codes[wanted], _codes(layout, _rows(label))[wanted], scores, weights)


def _rows(one: Profiled) -> pl.Series:
    """Return the values of a column, in the order of the data."""
    assert one.events is not None  # noqa: S101 - they were kept
    return one.events.columns[one.column.name]


def _numbers(values: pl.Series) -> Floats:
    """Return numbers, NaN where there is none, (n,)."""
    return values.cast(pl.Float64, strict=False).to_numpy().astype(np.float64)


def _codes(layout: PerformanceLayout, texts: pl.Series) -> Codes:
    """Return the codes of classes, (n,); -1 where there is no value."""
    codes: Codes = np.where(texts.is_null().to_numpy(), -1, layout.encoder().encode(texts.cast(pl.String))).astype(np.intp)
    return codes


def _scores(layout: PerformanceLayout, outputs: Sequence[Profiled]) -> Floats | None:
    """Return the scores in the order of the layout, (n, S); None where it has none."""
    of_columns = {one.column.name: one for one in outputs}
    if not layout.scores:
        return None
    return np.column_stack([_numbers(_rows(of_columns[score.column])) for score in layout.scores])


def _words(performance: Performance, label: str) -> str:
    without = "one" if performance.layout.task == "ranking" else "one or without a prediction"
    unusable = f", {performance.unusable:,} rows without {without}" if performance.unusable else ""
    return f"by {performance.rows:,} labels in {label}{unusable}: {summary(performance)}"
