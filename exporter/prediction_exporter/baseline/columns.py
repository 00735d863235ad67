"""The profile of one column of training data: what it is, its bins, its counts, and the columns that are made of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.baseline.arithmetic import without_left_overs
from prediction_exporter.baseline.derived import MEANINGS, Moment, Raw, derived_columns
from prediction_exporter.baseline.expected import Outside, outside_range, outside_table, own_bins
from prediction_exporter.baseline.inflation import Inflation
from prediction_exporter.baseline.kinds import (
    IDENTIFIER,
    MAX_CATEGORIES,
    Found,
    LeftOutError,
    held_in,
    is_rare,
    numbers_of,
    rarity,
    recognise,
)
from prediction_exporter.baseline.numbers import numeric_column
from prediction_exporter.baseline.record import Task
from prediction_exporter.config import Column as Setting
from prediction_exporter.counting.categories import NAN, NON_FINITE_WORDS, is_container, meaning
from prediction_exporter.counting.events import Events, ValueState
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import ALL, Profiler
from prediction_exporter.errors import BaselineError
from prediction_exporter.evidence.learnt import Learnt
from prediction_exporter.sources.typed import texts_of_values
from prediction_exporter.sources.values import text_of


@dataclass(frozen=True, kw_only=True)
class Profiled:
    """A column alone.

    Attributes:
        profile: its profile.
        events: what that is of, in the order of the data, until they have taught.
        words: what it is.
        outside: how many rows of another sample lie outside of it.
        meaning: what its values are, where that is more than their kind.
        learnt: what its hours taught; None where the data has no time.
        inflation: what its windows read without any change.
    """

    profile: Profile
    events: Events | None
    words: str
    outside: Outside | None = None
    meaning: str = ""
    learnt: Learnt | None = None
    inflation: Inflation = field(default_factory=Inflation)

    @property
    def column(self) -> Column:
        """The column."""
        return self.profile.layout.columns[0]


def profile_column(
    name: str, role: Role, values: pl.Series, written: Held | None, setting: Setting, task: Task | None
) -> Profiled:
    """Return the profile of a column.

    Args:
        name: the column.
        role: what it is to the model.
        values: its values.
        written: what the file says that they are, where their type does not.
        setting: what the configuration says of it.
        task: what the model does, where that is known.

    Raises:
        BaselineError: its values are not what the configuration says.
        LeftOutError: it is no use to watch.
    """
    if values.null_count() == len(values):
        raise LeftOutError("empty: every value is missing")
    forced = _forced_kind(role, task, setting.kind)
    if values.dtype == pl.Binary:
        values = texts_of_values(values)
    if written is None and values.dtype == pl.String:
        values = _without_empty(values)
    held = held_in(values, written)
    values, numbers = _numbers(values, held, written, setting, is_forced=forced is Kind.NUMERIC)
    found = recognise(name, role, values, numbers, held) if forced is None else _stated(setting.kind, forced, held)
    nan_is_missing = _nan_is_missing(values, numbers, setting)
    column = Column(name=name, role=role, kind=found.kind, held=found.held, nan_is_missing=nan_is_missing)
    if found.kind is Kind.NUMERIC:
        if numbers is None:
            raise LeftOutError(f"not numeric: of type {values.dtype}")
        return _profile_numeric(column, values, numbers)
    if column.is_number and numbers is not None:
        clean, states = _clean(values, numbers)
        return _profiled(column, clean, states, words=found.why, meaning=found.meaning)
    texts = _as_texts(values, numbers if values.dtype == pl.String else None)
    if found.kind is Kind.PRESENCE:
        return _profiled(column, texts, None, words=found.why, meaning=found.meaning)
    return _profile_categorical(column, texts, forced=setting.kind is not None)


def _numbers(
    values: pl.Series, held: Held, written: Held | None, setting: Setting, *, is_forced: bool
) -> tuple[pl.Series, pl.Series | None]:
    """Return a column, and the same as numbers where they are or are to be some; both rounded as they are logged."""
    numbers = numbers_of(values, held, written)
    if numbers is None and is_forced and values.dtype == pl.String:
        numbers = values.cast(pl.Float64, strict=False)
    if setting.decimals is None:
        return without_left_overs(values, numbers)
    if numbers is None:
        raise BaselineError("decimals are set, and its values are no numbers")
    rounded = numbers.round(setting.decimals)
    return rounded, rounded


def _without_empty(texts: pl.Series) -> pl.Series:
    """Return texts of CSV without those in quotes that hold nothing, where the others are numbers: these are missing there."""
    empty = texts == ""
    if not empty.any():
        return texts
    others = texts.set(empty, None)
    return others if others.null_count() < len(others) and held_in(others, None) is Held.NUMBER else texts


def is_whole(values: pl.Series, written: Held | None) -> bool:
    """Return whether a column has whole numbers alone."""
    numbers = numbers_of(values, held_in(values, written), written)
    return numbers is not None and bool((numbers.drop_nulls() % 1 == 0).all())


def _nan_is_missing(values: pl.Series, numbers: pl.Series | None, setting: Setting) -> bool:
    """Return whether NaN is what a missing value was written as: where the data have both, they are told apart."""
    if setting.nan is not None:
        return setting.nan == "missing"
    if numbers is not None:
        nan = int((numbers.is_nan() & numbers.is_not_null()).sum())
    else:
        nan = int((values == NAN).sum()) if values.dtype == pl.String else 0
    return (nan > 0) != (values.null_count() > 0)


def _clean(values: pl.Series, numbers: pl.Series) -> tuple[pl.Series, NDArray[np.uint8]]:
    """Return finite numbers, null for the others, and the state of each."""
    present = numbers.to_numpy() + 0.0  # without negative zeros
    states = np.full(len(numbers), ValueState.VALID, dtype=np.uint8)
    states[~np.isfinite(present)] = ValueState.NON_FINITE
    states[np.isnan(present)] = ValueState.NAN
    states[numbers.is_null().to_numpy()] = ValueState.INVALID
    states[values.is_null().to_numpy()] = ValueState.MISSING
    return pl.Series(np.where(np.isfinite(present), present, np.nan), nan_to_null=True), states


def _profile_numeric(column: Column, values: pl.Series, numbers: pl.Series) -> Profiled:
    clean, states = _clean(values, numbers)
    finite = np.sort(clean.drop_nulls().to_numpy())
    if not len(finite):
        raise LeftOutError("empty: no finite value")
    binned = numeric_column(column.name, column.role, finite)
    column = replace(binned, held=Held.NUMBER, nan_is_missing=column.nan_is_missing)
    outside = outside_range(int((finite == finite[0]).sum()), int((finite == finite[-1]).sum()))
    return _profiled_numbers(column, clean, states, numbers.arg_sort(), outside)


def _profiled_numbers(
    column: Column, clean: pl.Series, states: NDArray[np.uint8], order: pl.Series, outside: Outside
) -> Profiled:
    low, high = (float(str(value)) for value in (clean.min(), clean.max()))
    bins = len(column.drift_edges) + 1
    words = f"numeric, {low:.6g} to {high:.6g}, {bins} drift bin{'s' if bins > 1 else ''}"
    # Sorted, so that sums are the same for the same rows in any order; and without negative zeros for the same reason.
    profile = _profile(Layout([column]), _events(column, clean.gather(order), states[order.to_numpy()]))
    return Profiled(profile=profile, events=_events(column, clean, states), words=words, outside=outside)


def _profile_categorical(column: Column, texts: pl.Series, *, forced: bool) -> Profiled:
    counted = texts.drop_nulls().value_counts(sort=True)
    totals: dict[str, int] = {}
    for text, count in zip(counted[texts.name], counted["count"], strict=True):
        if not is_container(text) and text not in NON_FINITE_WORDS:
            category = meaning(text, column.held, frozenset())
            category = text if column.held is Held.TEXT else category
            totals[category] = totals.get(category, 0) + count
    if not totals:
        is_words = set(counted[texts.name]) <= NON_FINITE_WORDS
        raise LeftOutError("empty: no finite value" if is_words else "no category: its values are objects or lists")
    # Equal counts in the order of the text: the same data gives the same file.
    ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    table, counts = ranked[:MAX_CATEGORIES], [count for _, count in ranked]
    if not forced and is_rare(counts):
        raise LeftOutError(f"{IDENTIFIER}: {rarity(counts)}")
    own = own_bins(counts, len(table))
    column = replace(
        column,
        categories=tuple(text for text, _ in table),
        # One that was seen too seldom to be compared shares the bin of the rest.
        own_bins=own if 0 < own < len(table) else None,
    )
    if len(totals) == 1:
        words = f"constant, {ranked[0][0]!r}"
    else:
        rest = f", {len(totals) - len(table)} more counted as other" if len(totals) > len(table) else ""
        words = f"categorical, {len(table)} values{rest}"
    return _profiled(column, texts, None, words=words, outside=outside_table(counts, len(table)))


def _as_texts(values: pl.Series, numbers: pl.Series | None) -> pl.Series:
    """Return values as the texts that a log has of them, with one spelling for what is no finite number.

    A number of 32 bits is taken at its exact value, as ``float(x)`` and ``x.tolist()`` give it to a logger.
    """
    if values.dtype.is_float() or values.dtype.is_decimal():
        return pl.Series(values.name, [text_of(value) for value in values.cast(pl.Float64).to_list()], pl.String)
    texts = texts_of_values(values)
    if numbers is None:
        return texts
    spelled = pl.select(
        pl.when(numbers.is_nan())
        .then(pl.lit(NAN))
        .when(numbers.is_infinite())
        .then(pl.when(numbers > 0).then(pl.lit("Infinity")).otherwise(pl.lit("-Infinity")))
    ).to_series()
    return spelled.fill_null(texts).alias(texts.name)


def _profiled(
    column: Column,
    values: pl.Series,
    states: NDArray[np.uint8] | None,
    *,
    words: str,
    outside: Outside | None = None,
    meaning: str = "",
) -> Profiled:
    events = _events(column, values, states)
    profile = _profile(Layout([column]), events)
    return Profiled(profile=profile, events=events, words=words, outside=outside, meaning=meaning)


def _events(column: Column, values: pl.Series, states: NDArray[np.uint8] | None) -> Events:
    return Events(
        times=np.zeros(len(values), np.int64),
        versions=pl.repeat("baseline", len(values), eager=True),
        failed=np.zeros(len(values), np.bool_),
        latencies=None,
        columns={column.name: values},
        states={} if states is None else {column.name: states},
    )


def _profile(layout: Layout, events: Events) -> Profile:
    [(key, profile)] = list(Profiler(layout, bucket_seconds=1).fold(events))
    if key.segment != ALL:
        raise AssertionError("a profiler without segments folds into one")
    return profile


def derived_of(raw: Raw, moment: Moment, taken: Collection[str], *, is_stated: bool = False) -> list[Profiled]:
    """Return the columns that are made of a column, see :func:`derived_columns`."""
    try:
        made = list(derived_columns(raw, moment, taken=taken, is_stated=is_stated))
    except BaselineError as error:
        raise BaselineError(f"kind {error}") from error
    return [_profiled_numbers(one.column, one.numbers, one.states, one.numbers.arg_sort(), one.outside) for one in made]


def _stated(configured: str | None, kind: Kind, held: Held) -> Found:
    """Return what a column is by the configuration, or by what the model does.

    Raises:
        BaselineError: its values are something else.
    """
    meaning = configured if configured is not None and configured in MEANINGS else ""
    if meaning == "text" and held is not Held.TEXT:
        raise BaselineError(f"kind is text, and its values are {_HELD[held]}")
    if meaning in ("vector", "list") and held is not Held.CONTAINER:
        raise BaselineError(f"kind is {meaning}, and its values are {_HELD[held]}")
    return Found(kind=kind, held=held, why="as configured", meaning=meaning)


#: What values are called that are something else than is stated.
_HELD = {
    Held.ANY: "dates or times",
    Held.TEXT: "texts",
    Held.NUMBER: "numbers",
    Held.BOOLEAN: "booleans",
    Held.CONTAINER: "lists or objects",
}


def _forced_kind(role: Role, task: Task | None, configured: str | None) -> Kind | None:
    if configured is not None:
        return Kind.PRESENCE if configured in MEANINGS else Kind(configured)
    if role is Role.SCORE:
        return Kind.NUMERIC
    if role is Role.PREDICTION and task is not None and task != "ranking":  # what it says of a list may be anything
        return Kind.NUMERIC if task == "regression" else Kind.CATEGORICAL
    return None
