"""What a look at the source of a model's labels shows: whether they would be taken, joined, and are of the classes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.baseline.settings import Findings
from prediction_exporter.config import Config, Model
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.profiler import MICROSECONDS
from prediction_exporter.labels import Labels
from prediction_exporter.monitor.id_forms import OFTEN_AGAIN, unlike
from prediction_exporter.monitor.inspection import refused, shown_sample
from prediction_exporter.performance import PerformanceLayout
from prediction_exporter.sources.base import EXAMPLE_BYTES, Look, Source
from prediction_exporter.sources.labels import (
    LABEL,
    NO_MEANINGS,
    ids_of,
    kind_of,
    labels_of,
    open_labels,
    parts_of,
    parts_of_events,
    stranger,
)

#: Values that a message names.
_SHOWN = 5

#: Predictions of a sample from which on it is told that their ids repeat.
_FEW = 20

#: Seconds that the newest label may lie ahead of the clock.
_AHEAD = 600.0


def open_labels_to_look(config: Config, index: int, performance: PerformanceLayout) -> Source:
    """Return the source of a model's labels, of which nothing will count as read."""
    labels = config.models[index].labels
    if labels is None:
        raise ValueError("the model has no labels")
    return open_labels(labels, kind_of(performance), where=f"models[{index}]", clock=time.time)


def inspect_labels(
    performance: PerformanceLayout,
    look: Look,
    predictions: Look | None,
    *,
    index: int,
    meanings: Mapping[str, str] = NO_MEANINGS,
) -> tuple[list[str], Findings]:
    """Return lines about the sample, and what is wrong with it.

    Args:
        performance: the classes of the model.
        look: what the source of its labels shows.
        predictions: what that of its predictions shows; None where it could not be looked at.
        index: its number in the configuration.
        meanings: the class that a label means which is not called like one.
    """
    place = f"models[{index}].labels"
    found = Findings(
        [*(f"{place}: {fault}" for fault in look.faults), *(f"{place}.{sentence}" for sentence in look.unseen)],
        [f"{place}: {remark}" for remark in look.remarks],
    )
    batch = look.batch if look.batch.events or look.batch.rejected.total else look.rows
    rows = sum(map(len, batch.events))
    found.add(refused(batch.rejected, rows, place))
    lines = [line for line in (shown_sample(look.place, batch.rejected, rows, batch.skipped),) if line]
    if not rows:
        return lines, found
    read = [(events, labels_of(events, performance, None, meanings=meanings)) for events in batch.events]
    found.add(_empty(read, look, place, performance))
    found.warnings += _ahead(look, place)
    told = unlike(_sampled_ids(predictions), _sampled_ids(look)) if predictions is not None else None
    if told is not None:
        found.warnings.append(f"{place}.fields.id: labels find no prediction, as long as {told}")
    if performance.has_classes:
        line, of_classes = _classes(read, performance, place)
        lines += [line] if line else []
        found.add(of_classes)
    return lines, found


def check_joinable(model: Model, look: Look, *, index: int) -> Findings:
    """Return what keeps labels from being joined with predictions, by what the source of these shows."""
    if model.labels is None:
        return Findings()
    stated, schema, place = model.predictions.fields.id, look.schema, f"models[{index}].predictions.fields.id"
    if stated is None and schema is not None and schema.id is None:
        return Findings([f"{place}: labels are joined by it, and no field is recognised as the id; write which one it is"])
    parts = parts_of(model)
    found = _rows(model.labels.fields.row, _events(look), f"models[{index}].labels.fields.row")
    if found.errors:
        return found
    named = [
        pl.DataFrame({"id": ids_of(one), "part": parts_of_events(one, parts), "row": pl.Series(_row_numbers(one))})
        for one in _events(look)
    ]
    names = pl.concat(named).drop_nulls("id") if named else pl.DataFrame()
    again = names.height - names.n_unique()
    if names.height < _FEW or again < OFTEN_AGAIN * names.height:
        return found
    such = names.filter(names.is_duplicated()).item(0, "id")
    problem = f"{again:,} of {names.height:,} sampled predictions have the id of an earlier one, such as {such!r}"
    return Findings(warnings=[*found.warnings, f"{place}: {problem}; labels are joined with the first alone"])


def _rows(stated: str | None, sampled: Sequence[Events], place: str) -> Findings:
    """Return what keeps labels from naming one of the predictions that share the id of their record."""
    shared = any(bool(_row_numbers(events).any()) for events in sampled)
    if shared and stated is None:
        problem = "predictions of a record share its id, and no field of labels says which of them each is of"
        return Findings([f"{place}: {problem}; write it, or have each prediction logged with an id of its own (rows.id)"])
    if stated is not None and not shared and sampled:
        return Findings(
            warnings=[f"{place}: no sampled prediction shares its id with another of its record; leave it out then"]
        )
    return Findings()


def _row_numbers(events: Events) -> NDArray[np.int64]:
    return np.zeros(len(events), np.int64) if events.rows is None else events.rows


def _ahead(look: Look, place: str) -> list[str]:
    """Return that labels are known only in the future, where that is so: their times are of another zone then."""
    ahead = max((int(events.times.max()) / MICROSECONDS for events in _events(look) if len(events)), default=0.0) - time.time()
    if ahead < _AHEAD:
        return []
    problem = f"the newest sampled label lies {ahead / 3600:.1f} hours ahead of the clock"
    return [f"{place}.fields.time: {problem}; where times carry no zone, write theirs to labels.timezone"]


def _events(look: Look) -> tuple[Events, ...]:
    """Return the events of a sample, which are rows of a table where only these show single ones."""
    return (look.batch if look.batch.events or look.batch.rejected.total else look.rows).events


def _sampled_ids(look: Look) -> list[str]:
    return [text for events in _events(look) for text in ids_of(events).drop_nulls().to_list()]


def _empty(read: Sequence[tuple[Events, Labels]], look: Look, place: str, performance: PerformanceLayout) -> Findings:
    """Return which part of labels has nothing in a field that each needs; that no record has it at all is told already."""
    found = Findings()
    rows = sum(len(labels) for _, labels in read)
    absent = {
        "id": sum(labels.ids.null_count() for _, labels in read),
        "label": sum(labels.actual.null_count() for _, labels in read),
        "weight": sum(
            int(np.count_nonzero(~(np.isfinite(labels.weights) & (labels.weights > 0))))
            for _, labels in read
            if labels.weights is not None
        ),
    }
    wanted = {
        "id": "usable id",
        "label": "usable label" if performance.has_classes else "number as its label",
        "weight": "weight above 0",
    }
    for key, count in absent.items():
        if not count or any(sentence.startswith(f"fields.{key}:") for sentence in look.unseen):
            continue
        if count < rows:
            problem = f"{count:,} of {rows:,} sampled labels have no {wanted[key]}; they do not count"
            found.warnings.append(f"{place}.fields.{key}: {problem}")
            continue
        values = [text for events, _ in read if key == "label" for text in map(str, events.columns[LABEL].drop_nulls())]
        such = f", such as {values[0][:EXAMPLE_BYTES]!r}" if values else ""
        if key == "label" and not performance.has_classes:
            such = "; a text like 1,234.50 or 12,5 or $12 is none"
        found.errors.append(f"{place}.fields.{key}: none of the {rows:,} sampled labels has a {wanted[key]}{such}")
    return found


def _classes(read: Sequence[tuple[Events, Labels]], performance: PerformanceLayout, place: str) -> tuple[str, Findings]:
    """Return a line on how many labels are of the model's classes, and what of them is not."""
    actual = pl.concat([labels.actual for _, labels in read])
    texts = pl.concat([events.columns[LABEL] for events, _ in read])
    present = actual.len() - actual.null_count()
    if not present:
        return "", Findings()
    strange = (actual == stranger(performance)).fill_null(value=False)
    many = int(strange.sum())
    line = f"labels: {present - many:,} of {present:,} are of the classes {_named(performance.classes)}"
    if not many:
        return line, Findings()
    others = texts.filter(strange).value_counts(sort=True).get_column(texts.name).to_list()
    known = f"the model's classes, which are {_named(performance.classes)}"
    remedy = (
        "write to labels.values which class each of them means, or, where they are classes, all classes to performance.classes"
    )
    problem = f"{place}.fields.label: {many:,} of {present:,} sampled labels are none of {known}: {_named(others)}; {remedy}"
    return line, Findings([problem]) if many == present else Findings(warnings=[problem])


def _named(values: Sequence[str]) -> str:
    more = len(values) - _SHOWN
    return ", ".join(map(str, values[:_SHOWN])) + (f" and {more:,} more" if more > 0 else "")
