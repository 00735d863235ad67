"""What is counted of a model's performance, by its configuration and its baseline, and what the baseline says of it.

The baseline's data fix bins and classes, the configuration says what the figures are of: the positive class, the threshold,
weights. Where both agree, the baseline's counts are compared with; where they do not, a warning says what to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from prediction_exporter.baseline.record import Baseline, Task
from prediction_exporter.config import Model
from prediction_exporter.config.labels import Labels, PerformanceSection
from prediction_exporter.config.suggesting import suggest
from prediction_exporter.counting.categories import CategoryEncoder
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.errors import ConfigError
from prediction_exporter.performance import MEASURES, Performance, PerformanceLayout, measure, performance_layout
from prediction_exporter.performance.label_drift import LABEL_DRIFT
from prediction_exporter.performance.roc_auc import ROC_AUC
from prediction_exporter.sources.filtering import Filter

#: Where in a model's configuration stands what an error of a layout is about, where that is no key of ``performance``.
_PLACES = {"task": "task", "score_classes": "performance.classes"}

#: What builds a baseline anew.
COMMAND = "prediction-exporter baseline"

#: The ROC AUC of scores that say nothing, and how many standard errors below it are no chance.
_CHANCE, _SURE = 0.5, 3

_ITEM = re.compile(r".*\[(\d+)\]")


def performance_of(model: Model, baseline: Baseline, place: str) -> tuple[PerformanceLayout, Performance | None]:
    """Return what is counted of predictions with labels, and how good the model was on the baseline's data.

    The latter is None where the baseline has no labels, or was built with other settings: see :func:`not_compared`.

    Args:
        model: its configuration, with labels.
        baseline: its baseline.
        place: where the model stands in the configuration, for messages.

    Raises:
        ConfigError: what the configuration says of performance does not fit the baseline, or is too little.
    """
    built = baseline.performance
    task = model.task or baseline.task
    known = built.layout.classes if built is not None else ()
    labels = model.labels
    # Lists of a sample weigh the same, whatever that is.
    weighted = labels is not None and (labels.fields.weight is not None or (labels.sample < 1 and task != "ranking"))
    wanted = layout_of(model, baseline.layout, task, place, weighted=weighted, known=known)
    stored = _stored(baseline, wanted)
    if stored is None or _differences(model, baseline, wanted):
        return wanted, None
    of_baseline = stored.weighted() if wanted.weighted else stored
    return of_baseline.layout, of_baseline


def not_compared(model: Model, baseline: Baseline, place: str, command: str = COMMAND) -> list[str]:
    """Return why performance is not compared with the baseline, or in vain, and what to do, a sentence; nothing where it is.

    Args:
        model: its configuration.
        baseline: its baseline.
        place: where the model stands in the configuration.
        command: what builds the baseline anew.

    Raises:
        ConfigError: as :func:`performance_of`.
    """
    if model.labels is None:
        return []
    wanted, labelled = performance_of(model, baseline, place)
    if labelled is not None:
        return of_other_class(labelled, place)
    differences = "; ".join(f"{key} was {was}, and is {now}" for key, was, now in _differences(model, baseline, wanted))
    what = f"was built with other settings: {differences}" if differences else "has no labels"
    until = f"until it is built anew from data with predictions and labels: {command}"
    return [f"{place}.baseline: {what}; performance is measured, and compared with nothing, {until}"]


def of_other_class(performance: Performance | None, place: str) -> list[str]:
    """Return that a binary model's score seems to be of the other class, a sentence; nothing where it does not.

    Args:
        performance: how good it was on the baseline's data.
        place: where the model stands in the configuration.
    """
    layout = performance.layout if performance is not None else None
    if performance is None or layout is None or layout.positive is None or not layout.scores:
        return []
    found = measure((ROC_AUC,), performance, None, alpha=0.5, min_labels=1)[ROC_AUC.key]
    [value], [error] = found.values, found.errors
    if not value + _SURE * error < _CHANCE:
        return []
    positive = layout.classes[layout.positive]
    others = [name for name in layout.classes if name != positive]
    remedy = f"; where it is of {others[0]}, write positive: {others[0]}" if others else ""
    return [f"{place}.performance.positive: the score is lower where the label is {positive} (ROC AUC {value:.2g}){remedy}"]


def _stored(baseline: Baseline, wanted: PerformanceLayout) -> Performance | None:
    """Return what a baseline says of performance, at the wanted threshold where that is an edge of its bins.

    The counts are the same then, unless it was the threshold that decided what was predicted.
    """
    found = baseline.performance
    if found is None or found.layout.threshold == wanted.threshold or _prediction(baseline.layout) is None:
        return found
    edges = {edge for score in found.layout.scores for edge in score.edges}
    if wanted.threshold is not None and wanted.threshold not in edges:
        return found
    return Performance(replace(found.layout, threshold=wanted.threshold), found.counts)


def _differences(model: Model, baseline: Baseline, wanted: PerformanceLayout) -> list[tuple[str, str, str]]:
    """Return what a baseline was built with, and what the configuration has in its place; empty where they agree."""
    stored = _stored(baseline, wanted)
    if stored is None or model.labels is None:
        return []
    built = stored.layout
    found: list[tuple[str, object, object]] = [
        ("task", built.task, wanted.task),
        ("performance.classes", built.classes, wanted.classes),
        ("performance.threshold", built.threshold, wanted.threshold),
        ("performance.quantile", built.quantile, wanted.quantile),
        ("performance.cutoff", built.cutoff, wanted.cutoff),
        ("performance.positive", _positive(built), _positive(wanted)),
        ("predictions.fields.score", _scores(built), _scores(wanted)),
        ("labels.only_for", _Population(baseline.only_for), _Population(model.labels.only_for)),
    ]
    if built.weighted and not wanted.weighted:
        found.append(("labels.fields.weight", "one of the data", None))
    differ = [(key, _said(was), _said(now)) for key, was, now in found if was != now]
    if differ or replace(wanted, scores=built.scores, weighted=built.weighted) == built:
        return differ
    return [("the version of the exporter", "another one", "this")]


class _Population:
    """Which predictions can get a label; two expressions that differ in blanks or case of words alone are of the same."""

    def __init__(self, only_for: tuple[str, ...] | str) -> None:
        self._only_for = only_for
        seen = Filter.written(only_for, key="only_for") if isinstance(only_for, str) else None
        self._means = only_for if seen is None else seen.condition

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Population) and self._means == other._means

    def __hash__(self) -> int:
        return hash(self._means)

    def __str__(self) -> str:
        return self._only_for if isinstance(self._only_for, str) else _said(self._only_for)


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "not set" if value is None else str(value)


def _positive(layout: PerformanceLayout) -> str | None:
    return None if layout.positive is None else layout.classes[layout.positive]


def _scores(layout: PerformanceLayout) -> tuple[str, ...]:
    return tuple(f"{score.column} of {layout.classes[score.of_class]}" for score in layout.scores)


def layout_of(
    model: Model, layout: Layout, task: Task | None, place: str, *, weighted: bool, known: Sequence[str]
) -> PerformanceLayout:
    """Return what is counted of predictions with labels.

    Args:
        model: its configuration, with labels.
        layout: the baseline's.
        task: what the model does, where that is known.
        place: where the model stands in the configuration, for messages.
        weighted: whether pairs have weights.
        known: classes that the baseline's data have, the predicted ones and those that labels add.

    Raises:
        ConfigError: as :func:`performance_of`.
    """
    if task is None:
        raise ConfigError(
            f"{place}.task: is not told by the baseline, and labels need it; one of binary, multiclass, regression, ranking"
        )
    section, labels = model.performance, model.labels
    _refuse_effects(section.effects, place)
    _refuse_ranks(section, task, place)
    if task == "ranking" and labels is not None:
        _refuse_of_labels(labels, place)
    positive, score_classes, classes = section.positive, None, section.classes
    if task in ("binary", "multiclass"):
        classes = classes_of(layout, known, section.classes)
        if task == "multiclass":
            layout = _without_confidence(layout, classes)
        elif positive is None:
            positive = _named_by_score(layout, classes)
        score_classes = _score_classes(layout, classes, section.classes, place)
    try:
        made = performance_layout(
            layout,
            task,
            classes=classes or None,
            positive=positive,
            score_classes=score_classes,
            threshold=section.threshold,
            quantile=section.quantile,
            cutoff=section.cutoff,
            weighted=weighted,
        )
    except ValueError as error:
        key, colon, problem = str(error).partition(": ")
        raise ConfigError(f"{place}.{_PLACES.get(key, f'performance.{key}')}{colon}{problem}") from error
    if labels is not None:
        _refuse_only_for(labels.only_for_classes, made, place)
    return made


def classes_of(layout: Layout, *more: Sequence[str]) -> tuple[str, ...]:
    """Return the classes of a model: those that the baseline's predictions have, and those of more that these do not spell."""
    prediction = _prediction(layout)
    names = list(prediction.categories) if prediction is not None else []
    for name in (name for several in more for name in several):
        if _encoder(prediction, names).code(name) == len(names):
            names.append(name)
    return tuple(names)


def _prediction(layout: Layout) -> Column | None:
    """Return the column of predicted classes."""
    return next((c for c in layout.columns if c.role is Role.PREDICTION and c.kind is Kind.CATEGORICAL), None)


def _encoder(prediction: Column | None, names: Sequence[str]) -> CategoryEncoder:
    return CategoryEncoder(names, prediction.held if prediction is not None else Held.ANY)


def _scores_in(layout: Layout) -> list[str]:
    return [c.name for c in layout.columns if c.role is Role.SCORE and c.kind is Kind.NUMERIC and not c.is_derived]


def _class_in(column: str, classes: Sequence[str], encoder: CategoryEncoder) -> str | None:
    """Return the class that a score's column is called like: ``scores.yes`` is of yes."""
    parts = column.split(".")
    codes = (encoder.code(".".join(parts[first:])) for first in range(len(parts)))
    return next((classes[code] for code in codes if code < len(classes)), None)


def _named_by_score(layout: Layout, classes: Sequence[str]) -> str | None:
    """Return the class that the name of a model's only score tells; None where it tells none."""
    scores = _scores_in(layout)
    return _class_in(scores[0], classes, _encoder(_prediction(layout), classes)) if len(scores) == 1 else None


def _without_confidence(layout: Layout, classes: Sequence[str]) -> Layout:
    """Return a layout without the only score of several classes, unless it is called like one of them.

    It is how sure the model was of what it predicted, and says nothing of each class.
    """
    scores = _scores_in(layout)
    if len(scores) != 1 or _named_by_score(layout, classes) is not None:
        return layout
    return Layout([column for column in layout.columns if column.name != scores[0]])


def _score_classes(layout: Layout, classes: Sequence[str], listed: Sequence[str], place: str) -> Mapping[str, str] | None:
    """Return the class of each score, by column: by its name, or by its place in a list of scores.

    None where there is one that is called like no class: of a binary model, it is of the positive one.
    """
    columns = _scores_in(layout)
    if len(columns) == 1 and _named_by_score(layout, classes) is None:
        return None
    encoder = _encoder(_prediction(layout), classes)
    found: dict[str, str] = {}
    for column in columns:
        item = _ITEM.fullmatch(column)
        of = _class_in(column, classes, encoder) if item is None else _class_at(int(item[1]), len(columns), listed, classes)
        if of is None and item is not None:
            raise ConfigError(
                f"{place}.performance.classes: must name the classes of {', '.join(columns)} in this order, as the scores "
                f"are a list; the classes are {', '.join(classes)}"
            )
        found[column] = of if of is not None else column
    return found


def _class_at(position: int, scores: int, listed: Sequence[str], classes: Sequence[str]) -> str | None:
    """Return the class of an item of a list of scores: as listed, or the number of its place."""
    if len(listed) == scores:
        return listed[position]
    numbers = {str(number) for number in range(scores)}
    return str(position) if numbers <= set(classes) else None


def _refuse_effects(effects: Mapping[str, float], place: str) -> None:
    compared = [*(measure.key for measure in MEASURES if measure.effect is not None), LABEL_DRIFT]
    strange = next((key for key in effects if key not in compared), None)
    if strange is not None:
        raise ConfigError(
            f"{place}.performance.effects.{strange}: must be one of {', '.join(compared)}{suggest(strange, compared)}"
        )


def _refuse_ranks(section: PerformanceSection, task: Task, place: str) -> None:
    given = {"first_rank": section.first_rank, "without_label": section.without_label}
    wrong = next((key for key, value in given.items() if value is not None and task != "ranking"), None)
    if wrong is not None:
        raise ConfigError(f"{place}.performance.{wrong}: means nothing for task {task}")


def _refuse_of_labels(labels: Labels, place: str) -> None:
    """Refuse what labels of a ranking cannot have."""
    if labels.fields.weight is not None:
        raise ConfigError(f"{place}.labels.fields.weight: means nothing for task ranking, whose lists all count the same")
    if labels.values:
        raise ConfigError(f"{place}.labels.values: means nothing for task ranking, whose labels are ranks and no classes")


def _refuse_only_for(names: Sequence[str], layout: PerformanceLayout, place: str) -> None:
    if names and not layout.has_classes:
        made = "ranks lists" if layout.task == "ranking" else "predicts numbers"
        raise ConfigError(f"{place}.labels.only_for: names predicted classes, and the model {made}")
    encoder = layout.encoder()
    strange = next((name for name in names if encoder.code(name) >= layout.other), None)
    if strange is not None:
        raise ConfigError(f"{place}.labels.only_for: {strange} is no class; they are {', '.join(layout.classes)}")
