"""What a look at the source of a model's labels shows: whether they would be taken, joined, and are of the classes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.baseline.settings import Findings
from prediction_exporter.config import Config, Model, Predictions
from prediction_exporter.config.labels import Labels as Section
from prediction_exporter.config.labels import PerformanceSection
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profiler import MICROSECONDS
from prediction_exporter.counting.ranks import MOST_RANKS, chosen
from prediction_exporter.errors import in_short
from prediction_exporter.labels import LabelKind, Labels
from prediction_exporter.monitor.id_forms import OFTEN_AGAIN, unlike
from prediction_exporter.monitor.inspection import refused, shown_sample
from prediction_exporter.monitor.performing import always_chosen
from prediction_exporter.performance import Performance, PerformanceLayout
from prediction_exporter.sources.base import EXAMPLE_BYTES, Look, Source
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.label_classes import stranger
from prediction_exporter.sources.labels import (
    LABEL,
    NO_MEANINGS,
    ids_of,
    kind_of,
    labels_of,
    open_joining,
    open_labels,
    parts_of,
    parts_of_events,
)
from prediction_exporter.sources.ranks import FIRST, FORMS

#: What a label that counts is called.
_USABLE: Mapping[LabelKind, str] = {"class": "usable label", "number": "number as its label", "ranks": "rank or list of ranks"}

_PLACES = {"log": "a log", "table": "a table", "files": "files"}

#: Values that a message names.
_SHOWN = 5

#: Predictions of a sample from which on it is told that their ids repeat.
_FEW = 20

#: Seconds that the newest label may lie ahead of the clock.
_AHEAD = 600.0


def open_labels_to_look(config: Config, index: int, layout: Layout, performance: PerformanceLayout) -> Source:
    """Return the source of a model's labels, or what joins them in their database; nothing of it will count as read."""
    model, place = config.models[index], f"models[{index}]"
    if model.labels is None:
        raise ValueError("the model has no labels")
    if model.joins_in_engine:
        return open_joining(model, layout, performance, where=place, clock=time.time)
    return open_labels(model.labels, kind_of(performance), where=place, clock=time.time)


def joined_where(model: Model) -> str:
    """Return where the labels of a model are joined with its predictions, and why there, for people."""
    labels, table = model.labels, model.predictions.table
    if labels is None:
        raise ValueError("the model has no labels")
    if model.joins_in_engine:
        return "joined in the database, as predictions and labels are tables of one"
    if table is None or labels.table is None:
        why = f"predictions are in {_place_of(model.predictions)} and labels in {_place_of(labels)}"
    else:
        why = "labels.join says so" if labels.join == "state" else "the urls of predictions and labels are of two databases"
    return f"joined in the state file, as {why}"


def _place_of(section: Section | Predictions) -> str:
    return next(place for key, place in _PLACES.items() if getattr(section, key) is not None)


def inspect_labels(
    performance: PerformanceLayout,
    look: Look,
    predictions: Look | None,
    *,
    index: int,
    meanings: Mapping[str, str] = NO_MEANINGS,
    settings: PerformanceSection | None = None,
    baseline: Performance | None = None,
) -> tuple[list[str], Findings]:
    """Return lines about the sample, and what is wrong with it.

    Args:
        performance: the classes of the model.
        look: what the source of its labels shows.
        predictions: what that of its predictions shows; None where it could not be looked at.
        index: its number in the configuration.
        meanings: the class that a label means which is not called like one.
        settings: of a ranking, how its labels are read.
        baseline: how good the model was on its baseline's data.
    """
    place = f"models[{index}].labels"
    first_rank = None if settings is None else settings.first_rank
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
    read = [(events, labels_of(events, performance, None, meanings=meanings, first_rank=first_rank)) for events in batch.events]
    found.add(_empty(read, look, place, performance, first_rank))
    found.warnings += _ahead(look, place)
    told = unlike(_sampled_ids(predictions), _sampled_ids(look)) if predictions is not None else None
    if told is not None:
        found.warnings.append(f"{place}.fields.id: labels find no prediction, as long as {told}")
    if performance.has_classes:
        line, of_classes = _classes(read, performance, place)
        lines += [line] if line else []
        found.add(of_classes)
    if performance.task == "ranking":
        sets = np.concatenate([labels.actual.drop_nulls().to_numpy() for _, labels in read])
        of_ranks, odd = _ranks(sets, first_rank, place)
        lines += of_ranks
        found.warnings += odd
        told = always_chosen(Performance(performance, Performance.of_sets(performance, sets)[0]), baseline)
        if told is not None and (settings is None or settings.without_label is None):
            found.warnings.append(f"{place}.fields.label: {told}")
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


def eligible_of(model: Model) -> Filter | None:
    """Return what tells predictions that can get a label, where their records decide it."""
    return None if model.labels is None else Filter.written(model.labels.only_for_records, key="only_for")


def check_eligible(chosen: Filter | None, *, index: int) -> tuple[list[str], Findings]:
    """Return a line on how many sampled predictions can get a label, and what is wrong where none can.

    Args:
        chosen: what was asked of the sample; None where records do not decide it.
        index: the number of the model in the configuration.
    """
    if chosen is None or not chosen.seen.records:
        return [], Findings()
    line = f"labels: {chosen.seen.passed:,} of {chosen.seen.records:,} sampled predictions can get one"
    told = [f"models[{index}].labels.{sentence}" for sentence in chosen.seen.unseen()]
    return [line], Findings(told) if chosen.seen.is_lacking else Findings(warnings=told)


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


def _empty(
    read: Sequence[tuple[Events, Labels]], look: Look, place: str, performance: PerformanceLayout, first_rank: int | None
) -> Findings:
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
        "label": _USABLE[kind_of(performance)],
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
        if key == "label" and performance.task == "ranking":
            such += f"; it is {FORMS}; the first is {FIRST if first_rank is None else first_rank}"
        elif key == "label" and not performance.has_classes:
            such = "; a text like 1,234.50 or 12,5 or $12 is none"
        found.errors.append(f"{place}.fields.{key}: none of the {rows:,} sampled labels has a {wanted[key]}{such}")
    return found


def _ranks(sets: NDArray[np.float64], first_rank: int | None, place: str) -> tuple[list[str], list[str]]:
    """Return a line on what was chosen of lists, and what is strange of it."""
    if not len(sets):
        return [], []
    first = FIRST if first_rank is None else first_rank
    ranks = chosen(sets)
    nothing = int(np.count_nonzero(sets == 0))
    told = np.flatnonzero(ranks[:, :MOST_RANKS].any(axis=0))
    at = f" at ranks {told[0] + first} to {told[-1] + first}" if len(told) else ""
    line = f"labels: {len(sets) - nothing:,} of {len(sets):,} say that something was chosen{at}"
    if nothing and first_rank is None:
        line += f"; {nothing:,} say that nothing was: where 0 is the first item, write performance.first_rank: 0"
    warnings = []
    beyond = int(np.count_nonzero(ranks[:, MOST_RANKS]))
    if beyond:
        problem = f"{beyond:,} of {len(sets):,} sampled labels are of ranks beyond {MOST_RANKS + first - 1}"
        warnings.append(
            f"{place}.fields.label: {problem}; which they are does not count, and none of them is a reciprocal rank"
        )
    if len(sets) >= _FEW and nothing and set(np.unique(sets)) <= {0.0, 1.0}:
        problem = f"every sampled label is {first - 1} or {first}, as a flag is that says whether something was chosen"
        warnings.append(f"{place}.fields.label: {problem}; a label is the rank of what was chosen")
    return [line], warnings


def _classes(read: Sequence[tuple[Events, Labels]], performance: PerformanceLayout, place: str) -> tuple[str, Findings]:
    """Return a line on how many labels are of the model's classes, and what of them is not."""
    actual = pl.concat([labels.actual for _, labels in read])
    texts = pl.concat([events.columns[LABEL] for events, _ in read])
    present = actual.len() - actual.null_count()
    if not present:
        return "", Findings()
    strange = (actual == stranger(performance)).fill_null(value=False)
    many = int(strange.sum())
    line = f"labels: {present - many:,} of {present:,} are of the classes {in_short(performance.classes, _SHOWN)}"
    if not many:
        return line, Findings()
    others = texts.filter(strange).value_counts(sort=True).get_column(texts.name).to_list()
    known = f"the model's classes, which are {in_short(performance.classes, _SHOWN)}"
    remedy = (
        "write to labels.values which class each of them means, or, where they are classes, all classes to performance.classes"
    )
    these = in_short(others, _SHOWN)
    problem = f"{place}.fields.label: {many:,} of {present:,} sampled labels are none of {known}: {these}; {remedy}"
    return line, Findings([problem]) if many == present else Findings(warnings=[problem])
