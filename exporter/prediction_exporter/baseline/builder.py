"""Building a baseline from a table: what each column is, its bins, and its counts."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.baseline.expected import Outside, outside_range, outside_table
from prediction_exporter.baseline.kinds import (
    IDENTIFIER,
    IGNORED,
    LEAST_TABLE_SHARE,
    MAX_CATEGORIES,
    Found,
    LeftOutError,
    held_in,
    numbers_of,
    recognise,
)
from prediction_exporter.baseline.numbers import DRIFT_BINS, numeric_column
from prediction_exporter.baseline.record import BaselineRecord, ColumnRecord, Task, to_columns
from prediction_exporter.baseline.tables import Table
from prediction_exporter.config import Column as Setting
from prediction_exporter.config import Fields
from prediction_exporter.config.values import suggest
from prediction_exporter.counting.categories import NAN, NON_FINITE_WORDS, is_container, meaning
from prediction_exporter.counting.events import Events, ValueState
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import ALL, Profiler
from prediction_exporter.errors import BaselineError
from prediction_exporter.sources.fields.names import MAX_LIST
from prediction_exporter.sources.fields.roles import Roles, assign
from prediction_exporter.sources.frames import texts_of_values
from prediction_exporter.sources.values import text_of

__all__ = ["DRIFT_BINS", "IDENTIFIER", "IGNORED", "BuildResult", "ColumnReport", "build", "numeric_column"]

#: A category that the baseline has at least so often has a drift bin of its own; a test of two samples needs as many.
LEAST_IN_OWN_BIN = 5


@dataclass(frozen=True, kw_only=True)
class ColumnReport:
    """What was made of a column of the data, for the person who builds the baseline."""

    name: str
    role: Role
    result: str


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """A baseline and what was made of each column."""

    record: BaselineRecord
    columns: tuple[ColumnReport, ...]


@dataclass(frozen=True, kw_only=True)
class _Profiled:
    """A profile of one column alone, a few words on what it is, and how many rows of another sample lie outside of it."""

    profile: Profile
    words: str
    outside: Outside | None = None


def build(
    table: Table,
    fields: Fields,
    *,
    kinds: Mapping[str, str],
    task: Task | None,
    where: str,
    settings: Mapping[str, Setting] | None = None,
    track: Callable[[Iterable[str]], Iterable[str]] = iter,
    labels: Sequence[str] = (),
) -> BuildResult:
    """Build a baseline from a table.

    Args:
        table: training or validation data.
        fields: the roles of its columns, as the configuration says.
        kinds: by column, ``numeric``, ``categorical``, ``presence`` or ``ignore``, where the configuration overrides what is
            found.
        task: what the model does, or None to tell from the columns.
        where: the place of ``fields`` in the configuration, for messages.
        settings: by column, what else the configuration says of it.
        track: wraps the columns' names, to show progress.
        labels: columns that hold the truth.

    Raises:
        BaselineError: the table has no rows, no column to watch, or not what a setting says.
    """
    if table.rows == 0:
        raise BaselineError(f"{table.name}: has no rows; a baseline is built from data")
    roles = assign(list(table.columns), fields, where=where, labels=labels)
    wanted = {name: (at, Role.FEATURE) for name, at in roles.features.items()}
    if roles.prediction is not None:
        wanted[roles.prediction] = (roles.prediction, Role.PREDICTION)
    wanted |= {roles.classes.get(name, name): (name, Role.SCORE) for name in roles.scores}
    wanted = {name: (at, role) for name, (at, role) in wanted.items() if at in table.columns}
    left_out = _other_columns(table.columns, roles, {at for at, _ in wanted.values()})
    known = {name: _setting(settings, kinds, name) for name in {**dict(settings or {}), **kinds}}
    place = f"{where.removesuffix('.predictions.fields')}.columns"
    left_out |= {
        f"{name}[{MAX_LIST}]": f"the list has {items} items, of which the first {MAX_LIST} are columns"
        for name, items in table.longest.items()
    }
    _refuse_settings(table, known, wanted, left_out, place)
    several = sum(role is Role.SCORE for _, role in wanted.values()) > 1
    found: list[_Profiled] = []
    reports: list[ColumnReport] = []
    for name in track(wanted):
        at, role = wanted[name]
        setting = known.get(name, Setting())
        if setting.kind == "ignore":
            left_out[name] = IGNORED
            continue
        try:
            values, written = table.column(at), table.written.get(at)
            # What has scores of several classes predicts a class, also one of many that are written as numbers.
            is_class = several and role is Role.PREDICTION and _is_whole(values, written)
            one = _profile_column(name, role, values, written, setting, task or ("multiclass" if is_class else None))
            found.append(one)
            result = one.words
        except BaselineError as error:
            raise BaselineError(f"{place}.{name}: {error}") from error
        except LeftOutError as reason:
            if setting.kind is not None:
                raise BaselineError(f"{place}.{name}.kind: is {setting.kind}, and the column is {reason}") from reason
            left_out[name] = str(reason)
            result = f"left out, {reason}"
        reports.append(ColumnReport(name=name, role=role, result=result))
    if not found:
        raise BaselineError(f"{table.name}: has no column to watch: " + "; ".join(f"{k}: {v}" for k, v in left_out.items()))
    record = BaselineRecord(
        rows=table.rows,
        task=task or _recognise_task([one.profile for one in found]),
        left_out=left_out,
        columns=tuple(_record(one) for one in found),
    )
    return BuildResult(record=record, columns=tuple(reports))


def _record(one: _Profiled) -> ColumnRecord:
    [record] = to_columns(one.profile)
    if one.outside is None:
        return record
    return record.model_copy(update={"outside": one.outside.rows, "outside_variance": one.outside.variance})


def _setting(settings: Mapping[str, Setting] | None, kinds: Mapping[str, str], name: str) -> Setting:
    setting = (settings or {}).get(name, Setting())
    return setting if name not in kinds else setting.model_copy(update={"kind": kinds[name]})


def _refuse_settings(
    table: Table, settings: Mapping[str, Setting], wanted: Container[str], left_out: Mapping[str, str], place: str
) -> None:
    """Refuse settings of columns that the data lacks, or that are no columns of the model."""
    for name in settings:
        if name in wanted or settings[name].kind == "ignore":
            continue
        if name in left_out:
            raise BaselineError(f"{place}.{name}: is set, and the column is no feature ({left_out[name]})")
        raise BaselineError(f"{place}.{name}: {table.name} has no column {name}{suggest(name, table.columns)}")


def _other_columns(names: Iterable[str], roles: Roles, wanted: Container[str]) -> dict[str, str]:
    """Return why each column is not looked at that is neither a feature nor an output."""
    reasons = dict.fromkeys(roles.labels, "label: the truth, which production does not know yet")
    for role in ("time", "id", "version", "latency", "status"):
        name = getattr(roles, role)
        if name is not None:
            reasons[name] = f"the {role} of a prediction"
    return {name: reasons.get(name, "not among the features") for name in names if name not in wanted}


def _is_whole(values: pl.Series, written: Held | None) -> bool:
    """Return whether a column has whole numbers alone."""
    numbers = numbers_of(values, held_in(values, written), written)
    return numbers is not None and bool((numbers.drop_nulls() % 1 == 0).all())


def _forced_kind(role: Role, task: Task | None, configured: str | None) -> Kind | None:
    if configured is not None:
        return Kind(configured)
    if role is Role.SCORE:
        return Kind.NUMERIC
    if role is Role.PREDICTION and task is not None:
        return Kind.NUMERIC if task == "regression" else Kind.CATEGORICAL
    return None


def _recognise_task(profiles: Iterable[Profile]) -> Task | None:
    columns = [profile.layout.columns[0] for profile in profiles]
    for column in columns:
        if column.role is Role.PREDICTION and column.kind is not Kind.PRESENCE:
            if column.kind is Kind.NUMERIC:
                return "regression"
            return "binary" if len(column.categories) <= 2 else "multiclass"  # noqa: PLR2004 - that is what binary means
    scores = [column for column in columns if column.role is Role.SCORE]
    if len(scores) == 1:
        return "binary"
    return "multiclass" if scores else None


def _profile_column(
    name: str, role: Role, values: pl.Series, written: Held | None, setting: Setting, task: Task | None
) -> _Profiled:
    if values.null_count() == len(values):
        raise LeftOutError("empty: every value is missing")
    forced = _forced_kind(role, task, setting.kind)
    if values.dtype == pl.Binary:
        values = texts_of_values(values)
    if written is None and values.dtype == pl.String:
        values = _without_empty(values)
    held = held_in(values, written)
    values, numbers = _numbers(values, held, written, setting, is_forced=forced is Kind.NUMERIC)
    if forced is None:
        found = recognise(name, role, values, numbers, held)
    else:
        found = Found(kind=forced, held=held, why="as configured")
    nan_is_missing = _nan_is_missing(values, numbers, setting)
    column = Column(name=name, role=role, kind=found.kind, held=found.held, nan_is_missing=nan_is_missing)
    if found.kind is Kind.NUMERIC:
        if numbers is None:
            raise LeftOutError(f"not numeric: of type {values.dtype}")
        return _profile_numeric(column, values, numbers)
    if column.is_number and numbers is not None:
        clean, states = _clean(values, numbers)
        return _Profiled(profile=_profile(column, clean, states), words=f"presence alone, {found.why}")
    texts = _as_texts(values, numbers if values.dtype == pl.String else None)
    if found.kind is Kind.PRESENCE:
        return _Profiled(profile=_profile(column, texts, None), words=f"presence alone, {found.why}")
    return _profile_categorical(column, texts, forced=setting.kind is not None)


def _numbers(
    values: pl.Series, held: Held, written: Held | None, setting: Setting, *, is_forced: bool
) -> tuple[pl.Series, pl.Series | None]:
    """Return a column, and the same as numbers where they are or are to be some; both rounded as they are logged."""
    numbers = numbers_of(values, held, written)
    if numbers is None and is_forced and values.dtype == pl.String:
        numbers = values.cast(pl.Float64, strict=False)
    if setting.decimals is None:
        return values, numbers
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


def _profile_numeric(column: Column, values: pl.Series, numbers: pl.Series) -> _Profiled:
    # Sorted, so that sums are the same for the same rows in any order; and without negative zeros for the same reason.
    order = numbers.arg_sort()
    clean, states = _clean(values.gather(order), numbers.gather(order))
    finite = clean.drop_nulls().to_numpy()
    if not len(finite):
        raise LeftOutError("empty: no finite value")
    binned = numeric_column(column.name, column.role, finite)
    column = replace(binned, held=Held.NUMBER, nan_is_missing=column.nan_is_missing)
    words = f"numeric, {finite[0]:.6g} to {finite[-1]:.6g}, {len(column.drift_edges) + 1} drift bins"
    outside = outside_range(int((finite == finite[0]).sum()), int((finite == finite[-1]).sum()))
    return _Profiled(profile=_profile(column, clean, states), words=words, outside=outside)


def _profile_categorical(column: Column, texts: pl.Series, *, forced: bool) -> _Profiled:
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
    if not forced and sum(count for _, count in table) < LEAST_TABLE_SHARE * sum(counts):
        raise LeftOutError(f"{IDENTIFIER}: {len(totals)} distinct values, the {MAX_CATEGORIES} most frequent are rare")
    frequent = sum(count >= LEAST_IN_OWN_BIN for _, count in table)
    column = replace(
        column,
        categories=tuple(text for text, _ in table),
        # One that was seen too seldom to be compared shares the bin of the rest.
        own_bins=frequent if 0 < frequent < len(table) else None,
    )
    if len(totals) == 1:
        words = f"constant, {ranked[0][0]!r}"
    else:
        rest = f", {len(totals) - len(table)} more counted as other" if len(totals) > len(table) else ""
        words = f"categorical, {len(table)} values{rest}"
    return _Profiled(profile=_profile(column, texts, None), words=words, outside=outside_table(counts, len(table)))


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


def _profile(column: Column, values: pl.Series, states: NDArray[np.uint8] | None) -> Profile:
    layout = Layout([column])
    events = Events(
        times=np.zeros(len(values), np.int64),
        versions=pl.repeat("baseline", len(values), eager=True),
        failed=np.zeros(len(values), np.bool_),
        latencies=None,
        columns={column.name: values},
        states={} if states is None else {column.name: states},
    )
    [(key, profile)] = list(Profiler(layout, bucket_seconds=1).fold(events))
    if key.segment != ALL:
        raise AssertionError("a profiler without segments folds into one")
    return profile
