"""Building a baseline from a table: what each column is, its bins, and its counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.baseline.record import BaselineRecord, Task, to_columns
from prediction_exporter.baseline.tables import Table
from prediction_exporter.config import Fields
from prediction_exporter.counting.categories import NON_FINITE_WORDS, canonical, is_container
from prediction_exporter.counting.events import Events, ValueState
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import ALL, Profiler
from prediction_exporter.errors import BaselineError
from prediction_exporter.sources.fields.roles import Roles, assign
from prediction_exporter.sources.values import text_of

#: Drift bins of a numeric column, for the distances; a value with this share's inverse of the mass gets a bin of its own.
DRIFT_BINS = 10

#: Shares that the fine bins end at, beside the drift bins: percentiles, and finer in the tails.
FINE_SHARES = np.concatenate(([0.001, 0.005], np.arange(1, 100) / 100, [0.995, 0.999]))

#: A numeric column with at most so many distinct values is counted as categories.
MAX_DISCRETE = 10

#: Most categories in a table; the rest of a column's values are counted together.
MAX_CATEGORIES = 50

#: A text column whose table would hold less than this share of its values names things rather than sorts them.
LEAST_TABLE_SHARE = 0.5

#: Share of texts that must be numbers for a text column to be numeric.
NUMERIC_SHARE = 0.99

#: Shares of the baseline between which a column's scale is measured.
SCALE_SHARES = (0.005, 0.995)
IQR_OF_NORMAL = 1.349

#: Numbers beyond the first are squared in units of their size; the second is the largest double.
LARGE = 1e150
LARGEST = float(np.finfo(np.float64).max)

#: Why a column is left out: a setting says so, or what such a reason begins with that a setting overrides.
IGNORED = "ignored, as configured"
IDENTIFIER = "identifier-like"

# What pandas calls the index of a frame that is written with it: in Parquet, in CSV that was written twice, and in CSV.
_FRAME_INDEX = re.compile(r"__index_level_[0-9]+__|Unnamed: [0-9]+|")
_IDENTIFIER_ENDINGS = ("id", "_id", "uuid", "guid", "_key", "hash")


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


class _LeftOutError(Exception):
    """A column is no use to watch; the message says why."""


def build(
    table: Table,
    fields: Fields,
    *,
    kinds: Mapping[str, str],
    task: Task | None,
    where: str,
    track: Callable[[Iterable[str]], Iterable[str]] = iter,
    labels: Sequence[str] = (),
) -> BuildResult:
    """Build a baseline from a table.

    Args:
        table: training or validation data.
        fields: the roles of its columns, as the configuration says.
        kinds: by column, ``numeric``, ``categorical`` or ``ignore``, where the configuration overrides what is found.
        task: what the model does, or None to tell from the columns.
        where: the place of ``fields`` in the configuration, for messages.
        track: wraps the columns' names, to show progress.
        labels: columns that hold the truth.

    Raises:
        BaselineError: the table has no rows, or no column to watch.
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
    profiles: list[Profile] = []
    reports: list[ColumnReport] = []
    for name in track(wanted):
        at, role = wanted[name]
        if kinds.get(name) == "ignore":
            left_out[name] = IGNORED
            continue
        try:
            profile, result = _profile_column(name, role, table.column(at), forced=_forced_kind(role, task, kinds.get(name)))
            profiles.append(profile)
        except _LeftOutError as reason:
            left_out[name] = str(reason)
            result = f"left out, {reason}"
        reports.append(ColumnReport(name=name, role=role, result=result))
    if not profiles:
        raise BaselineError(f"{table.name}: has no column to watch: " + "; ".join(f"{k}: {v}" for k, v in left_out.items()))
    record = BaselineRecord(
        rows=table.rows,
        task=task or _recognise_task(profiles),
        left_out=left_out,
        columns=tuple(record for profile in profiles for record in to_columns(profile)),
    )
    return BuildResult(record=record, columns=tuple(reports))


def _other_columns(names: Iterable[str], roles: Roles, wanted: Container[str]) -> dict[str, str]:
    """Return why each column is not looked at that is neither a feature nor an output."""
    reasons = dict.fromkeys(roles.labels, "label: the truth, which production does not know yet")
    for role in ("time", "id", "version", "latency", "status"):
        name = getattr(roles, role)
        if name is not None:
            reasons[name] = f"the {role} of a prediction"
    return {name: reasons.get(name, "not among the features") for name in names if name not in wanted}


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
        if column.role is Role.PREDICTION:
            if column.kind is Kind.NUMERIC:
                return "regression"
            return "binary" if len(column.categories) <= 2 else "multiclass"  # noqa: PLR2004 - that is what binary means
    scores = [column for column in columns if column.role is Role.SCORE]
    if len(scores) == 1:
        return "binary"
    return "multiclass" if scores else None


def _profile_column(name: str, role: Role, values: pl.Series, *, forced: Kind | None) -> tuple[Profile, str]:
    """Return a profile with this column alone, and a few words on what it is."""
    if values.null_count() == len(values):
        raise _LeftOutError("empty: every value is missing")
    numbers = _as_numbers(values, forced=forced is Kind.NUMERIC)
    kind = forced or _recognise_kind(name, role, values, numbers)
    if kind is Kind.NUMERIC:
        if numbers is None:
            raise _LeftOutError(f"not numeric: of type {values.dtype}")
        return _profile_numeric(name, role, values, numbers)
    return _profile_categorical(name, role, values, numbers)


def _as_numbers(values: pl.Series, *, forced: bool) -> pl.Series | None:
    """Return a column as Float64 where its values are numbers, or almost all of its texts are, or it is to be numeric."""
    if values.dtype.is_numeric():
        return values.cast(pl.Float64)
    if values.dtype != pl.String:
        return None
    numbers = values.cast(pl.Float64, strict=False)
    if forced:
        return numbers
    found, present = len(numbers) - numbers.null_count(), len(values) - values.null_count()
    padded = values.str.contains(r"^-?0[0-9]").any()  # as in postcodes: 01234 is not 1234
    return None if padded or found < NUMERIC_SHARE * present else numbers


def _recognise_kind(name: str, role: Role, values: pl.Series, numbers: pl.Series | None) -> Kind:
    if role is Role.FEATURE and _FRAME_INDEX.fullmatch(name):
        raise _LeftOutError(f"{IDENTIFIER}: the index of a data frame")
    if numbers is None:
        return Kind.CATEGORICAL
    finite = numbers.filter(numbers.is_finite())
    if not len(finite):
        raise _LeftOutError("empty: no finite value")
    whole = bool((finite == finite.floor()).all())
    # Of the values themselves: beyond 2^53 different whole numbers are the same as floats.
    if role is Role.FEATURE and whole and len(values) > MAX_DISCRETE and values.n_unique() == len(values):
        if finite.is_sorted() or finite.is_sorted(descending=True):
            raise _LeftOutError(f"{IDENTIFIER}: whole numbers that only rise or fall, each once")
        if name.lower().endswith(_IDENTIFIER_ENDINGS):
            raise _LeftOutError(f"{IDENTIFIER}: whole numbers, each once")
    return Kind.CATEGORICAL if finite.n_unique() <= MAX_DISCRETE else Kind.NUMERIC


def _profile_numeric(name: str, role: Role, values: pl.Series, numbers: pl.Series) -> tuple[Profile, str]:
    # Sorted, so that sums are the same for the same rows in any order; and without negative zeros for the same reason.
    order = numbers.arg_sort()
    values, numbers = values.gather(order), numbers.gather(order)
    present = numbers.to_numpy() + 0.0
    finite = present[np.isfinite(present)]
    if not len(finite):
        raise _LeftOutError("empty: no finite value")
    column = numeric_column(name, role, finite)
    states = np.full(len(numbers), ValueState.VALID, dtype=np.uint8)
    states[~np.isfinite(present)] = ValueState.NON_FINITE
    states[numbers.is_null().to_numpy()] = ValueState.INVALID
    states[values.is_null().to_numpy()] = ValueState.MISSING
    clean = pl.Series(np.where(np.isfinite(present), present, np.nan), nan_to_null=True)
    words = f"numeric, {finite[0]:.6g} to {finite[-1]:.6g}, {len(column.drift_edges) + 1} drift bins"
    return _profile(column, clean, states), words


def numeric_column(name: str, role: Role, finite: NDArray[np.float64]) -> Column:
    """Return a numeric column with bins from its baseline values, sorted and finite, at least one.

    Edges are values of the baseline. A value with at least 1 / DRIFT_BINS of the mass gets a bin of its own, in the drift bins
    too; the first and the last fine bin lie outside the baseline's range.
    """
    distinct, counts = np.unique(finite, return_counts=True)
    heavy = distinct[counts * DRIFT_BINS >= len(finite)]
    with np.errstate(over="ignore"):  # behind the largest double is infinity, which is no edge
        own = np.concatenate((heavy, np.nextafter(heavy, np.inf)))
        end = np.nextafter(finite[-1:], np.inf)
    drift = np.concatenate((np.quantile(finite, np.arange(1, DRIFT_BINS) / DRIFT_BINS, method="inverted_cdf"), own))
    drift = np.unique(drift[(drift > finite[0]) & (drift <= finite[-1])])
    fine = np.concatenate(
        (
            drift,
            own,
            finite[[0, -1]],
            end,
            np.quantile(finite, FINE_SHARES, method="inverted_cdf"),
        )
    )
    edges = np.unique(fine[np.isfinite(fine)])
    center, scale = _center_and_scale(finite)
    return Column(
        name=name,
        role=role,
        kind=Kind.NUMERIC,
        edges=tuple(edges.tolist()),
        drift_edges=tuple(drift.tolist()),
        center=center,
        scale=scale,
    )


def _center_and_scale(finite: NDArray[np.float64]) -> tuple[float, float]:
    """Return a median and a robust standard deviation of sorted values, both finite however large these are."""
    low, high = np.quantile(finite, SCALE_SHARES, method="inverted_cdf")
    lower, median, upper = np.quantile(finite, (0.25, 0.5, 0.75), method="inverted_cdf")
    size = max(abs(float(low)), abs(float(high)))
    unit = size if size > LARGE else 1.0
    scale = max(float(np.std(np.clip(finite, low, high) / unit)) * unit, float(upper / IQR_OF_NORMAL - lower / IQR_OF_NORMAL))
    # A column that hardly varies is measured against its size, so that a rounding error is no drift.
    scale = max(scale, 1e-9 * abs(float(median)))
    # Where the distance from the median overflows, that from zero does not.
    spread = max(abs(float(finite[0])), abs(float(finite[-1]))) < LARGEST / 2
    return float(median) if spread else 0.0, scale if 0 < scale < np.inf else 1.0


def _profile_categorical(name: str, role: Role, values: pl.Series, numbers: pl.Series | None) -> tuple[Profile, str]:
    texts = _as_texts(values)
    if numbers is not None and values.dtype == pl.String:  # one spelling for what is no finite number
        spelled = pl.select(
            pl.when(numbers.is_nan())
            .then(pl.lit("NaN"))
            .when(numbers.is_infinite())
            .then(pl.when(numbers > 0).then(pl.lit("Infinity")).otherwise(pl.lit("-Infinity")))
        ).to_series()
        texts = spelled.fill_null(texts)
    counted = texts.drop_nulls().value_counts(sort=True)
    totals: dict[str, int] = {}
    for text, count in zip(counted[texts.name], counted["count"], strict=True):
        if not is_container(text) and text not in NON_FINITE_WORDS:
            totals[canonical(text)] = totals.get(canonical(text), 0) + count
    if not totals:
        raise _LeftOutError("no category: its values are objects, lists or no numbers")
    # Equal counts in the order of the text: the same data gives the same file.
    ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    table = ranked[:MAX_CATEGORIES]
    if sum(count for _, count in table) < LEAST_TABLE_SHARE * sum(totals.values()):
        raise _LeftOutError(f"{IDENTIFIER}: {len(totals)} distinct values, the {MAX_CATEGORIES} most frequent are rare")
    column = Column(name=name, role=role, kind=Kind.CATEGORICAL, categories=tuple(text for text, _ in table))
    if len(totals) == 1:
        words = f"constant, {ranked[0][0]!r}"
    else:
        rest = f", {len(totals) - len(table)} more counted as other" if len(totals) > len(table) else ""
        words = f"categorical, {len(table)} values{rest}"
    return _profile(column, texts, None), words


def _as_texts(values: pl.Series) -> pl.Series:
    """Return values as the texts that a log has of them.

    A number of 32 bits is taken at its exact value, as ``float(x)`` and ``x.tolist()`` give it to a logger.
    """
    if values.dtype.is_integer() or values.dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum):
        return values.cast(pl.String)
    if values.dtype.is_float() or values.dtype.is_decimal():
        return pl.Series(values.name, [text_of(value) for value in values.cast(pl.Float64).to_list()], pl.String)
    raise _LeftOutError(f"of type {values.dtype}, which is neither a number nor a category")


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
