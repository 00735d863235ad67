"""Baseline: the profile of what a model was trained or validated on, in one small file that a person can read.

Its quantiles fix the bins of numeric columns and its most frequent values the tables of categorical ones. The file holds counts
and no rows.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from prediction_exporter.baseline.inflation import Inflation
from prediction_exporter.baseline.learnt_record import InflationRecord, LearntRecord, ReplayRecord, to_learnt
from prediction_exporter.baseline.performance_record import PerformanceRecord
from prediction_exporter.config.reading import read_bytes
from prediction_exporter.counting.cells import Cells
from prediction_exporter.counting.functions import Function
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.errors import BaselineError
from prediction_exporter.evidence.learnt import Learnt
from prediction_exporter.performance import Performance

Task = Literal["binary", "multiclass", "regression", "ranking"]

#: Characters of the content hash that name a baseline in labels.
SHORT_HASH = 12

#: What a part of an importance may be off by that is rounded.
ROUNDED = 0.0005

#: Bytes that a baseline may have: many times those of the most columns.
MOST_BYTES = 1 << 26


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A baseline as it is used.

    Attributes:
        profile: its counts; its layout is the layout of every window.
        hash: SHA-256 of its content in hexadecimal.
        created: when it was built, as Unix time.
        task: what the model does, where its outputs tell.
        left_out: columns of the data that are not watched, with the reason.
        outside: by column, how many of as many rows of another sample lie outside of the table or the range, and the variance
            of that, (2, C); NaN where it is not known, as in a baseline of a former version.
        learnt: by column, what its variation without drift was, in the order of the layout.
        inflation: by column, what its windows read without any change; none, of a file that says nothing of it.
        timezone: where the hours of its seasons are those of.
        importance: what part of the output each feature that has a distribution carries, by name; empty where it is not known.
        attributions: how large a feature's contribution was on average over the data, by name; empty where these had none.
        performance: how good the model was on the data; None where these had no labels.
        only_for: predicted classes, or an expression over records, that ``performance`` is of alone; empty for all.
    """

    profile: Profile
    hash: str
    created: float
    task: Task | None
    left_out: Mapping[str, str] = field(default_factory=dict)
    outside: NDArray[np.float64] = field(default_factory=lambda: np.empty((2, 0)))
    learnt: tuple[Learnt, ...] = ()
    inflation: tuple[Inflation, ...] = ()
    timezone: str = "UTC"
    importance: Mapping[str, float] = field(default_factory=dict)
    attributions: Mapping[str, float] = field(default_factory=dict)
    performance: Performance | None = None
    only_for: tuple[str, ...] | str = ()

    @property
    def layout(self) -> Layout:
        """The columns and their bins."""
        return self.profile.layout

    @property
    def short_hash(self) -> str:
        """The name of this baseline in labels."""
        return self.hash[:SHORT_HASH]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnRecord(_Strict):
    """A column of a baseline file."""

    name: str
    role: Role
    kind: Kind
    missing: int = Field(ge=0)
    invalid: int = Field(ge=0)
    non_finite: int = Field(ge=0)
    categories: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    drift_edges: tuple[float, ...] = ()
    counts: tuple[int, ...]
    center: float = 0.0
    scale: float = 1.0
    sums: tuple[float, float] = (0.0, 0.0)
    minimum: float | None = None
    maximum: float | None = None
    # What former versions do not have; without it the content and its hash are as they were.
    own_bins: int | None = None
    heavy: tuple[float, ...] = ()
    held: Held = Held.ANY
    nan_is_missing: bool = False
    of: str | None = None
    function: Function | None = None
    outside: float | None = None
    outside_variance: float | None = None
    learnt: LearntRecord | None = None
    inflation: InflationRecord | None = None


class ImportanceRecord(_Strict):
    """What permutation importance taught.

    Attributes:
        explains: what part of the output's variance a surrogate model explained that learnt it from the features.
        features: what part of that each feature carries, those that have a distribution; at least 0, in sum about 1.
    """

    explains: float = Field(gt=0, le=1)
    features: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(min_length=1)

    @field_validator("features")
    @classmethod
    def _parts_of_one(cls, parts: dict[str, float]) -> dict[str, float]:
        if abs(sum(parts.values()) - 1) > ROUNDED * max(len(parts), 1):
            raise ValueError("is not parts of 1")
        return parts


#: The keys that former versions do not have.
_ADDED = {"own_bins", "heavy", "held", "nan_is_missing", "of", "function", "outside", "outside_variance", "learnt", "inflation"}


class BaselineRecord(_Strict):
    """A baseline file."""

    format: Literal[1] = 1
    hash: str = ""
    created: str = ""
    rows: int = Field(ge=1)
    task: Task | None = None
    left_out: dict[str, str] = {}
    replay: ReplayRecord | None = None
    importance: ImportanceRecord | None = None
    attributions: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None = None
    performance: PerformanceRecord | None = None
    columns: tuple[ColumnRecord, ...] = Field(min_length=1)

    def content_hash(self) -> str:
        """Return the SHA-256 of everything but the hash and the date."""
        content = self.model_dump(mode="json", exclude={"hash", "created"})
        for key in self._absent():
            del content[key]
        if self.performance is not None and self.performance.cutoff is None:
            del content["performance"]["cutoff"]  # as in former versions
        for column, written in zip(self.columns, content["columns"], strict=True):
            for key in _ADDED:
                if getattr(column, key) == ColumnRecord.model_fields[key].default:
                    del written[key]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def _absent(self) -> set[str]:
        """Return which keys that former versions do not have say nothing."""
        return {key for key in ("replay", "importance", "attributions", "performance") if getattr(self, key) is None}

    def readable(self) -> str:
        """Return JSON with a key a line and each list on one line, so that a person and a diff can read it."""
        content = self.model_dump(mode="json", exclude={"columns", "performance", *self._absent()})
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in content.items()]
        if self.performance is not None:
            lines.append(f'  "performance": {_readable(self.performance, "  ")}')
        columns = [f"    {_readable(column, '    ')}" for column in self.columns]
        return "{\n" + ",\n".join(lines) + ',\n  "columns": [\n' + ",\n".join(columns) + "\n  ]\n}\n"


def _readable(record: BaseModel, indent: str) -> str:
    """Return what of a record is no default, a key a line."""
    items = record.model_dump(mode="json", exclude_defaults=True).items()
    return "{\n" + ",\n".join(f"{indent}  {json.dumps(k)}: {json.dumps(v)}" for k, v in items) + f"\n{indent}}}"


#: What a column of a file has of the column that is counted.
_OF_COLUMNS = tuple(one.name for one in fields(Column))


def to_profile(record: BaselineRecord) -> Profile:
    """Return the profile that a file's counts describe."""
    layout = Layout([Column(**{name: getattr(column, name) for name in _OF_COLUMNS}) for column in record.columns])
    profile = Profile.empty(layout)
    for index, column in enumerate(record.columns):
        first, end = layout.value_offsets[index : index + 2]
        if len(column.counts) != end - first:
            raise BaselineError(f"column {column.name} has {len(column.counts)} counts for {end - first} bins")
        profile.counts[first:end] = column.counts
        profile.states[index] = (column.missing, column.invalid, column.non_finite)
        if sum(column.counts) + int(profile.states[index].sum()) != record.rows:
            raise BaselineError(f"the counts of column {column.name} do not add up to the {record.rows} rows")
    for row, index in enumerate(layout.numeric):
        column = record.columns[index]
        profile.sums[:, row] = column.sums
        if column.minimum is not None and column.maximum is not None:
            profile.extremes[:, row] = column.minimum, -column.maximum
    profile.counts[layout.rows_slot] = record.rows
    return profile


def to_columns(profile: Profile) -> tuple[ColumnRecord, ...]:
    """Return the file's form of a profile's columns."""
    layout = profile.layout
    records = []
    for index, column in enumerate(layout.columns):
        missing, invalid, non_finite = (int(count) for count in profile.states[index])
        numeric: dict[str, Any] = {}
        if column.kind is Kind.NUMERIC:
            row = int(np.searchsorted(layout.numeric, index))
            low, high = float(profile.extremes[0, row]), -float(profile.extremes[1, row])
            numeric = {
                "sums": tuple(float(total) for total in profile.sums[:, row]),
                "minimum": low if np.isfinite(low) else None,
                "maximum": high if np.isfinite(high) else None,
            }
        records.append(
            ColumnRecord(
                **{name: getattr(column, name) for name in _OF_COLUMNS},
                missing=missing,
                invalid=invalid,
                non_finite=non_finite,
                counts=tuple(int(count) for count in profile.column_values(column.name)),
                **numeric,
            )
        )
    return tuple(records)


def load(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        BaselineError: there is none, or it is not what ``prediction-exporter baseline`` wrote.
    """
    try:
        text = read_bytes(path, MOST_BYTES).decode()
    except OSError as error:
        raise BaselineError(
            f"{path}: cannot be read: {error.strerror}; build it with `prediction-exporter baseline`"
        ) from error
    except UnicodeDecodeError as error:
        raise BaselineError(f"{path}: is no baseline file: {error}; build it anew") from error
    try:
        record = BaselineRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"{part}: " for part in [".".join(str(part) for part in first["loc"])] if part)
        raise BaselineError(f"{path}: is no baseline file: {place}{first['msg']}; build it anew") from error
    if record.content_hash() != record.hash:
        raise BaselineError(f"{path}: the content does not match its hash; a baseline is not edited by hand, build it anew")
    try:
        profile = to_profile(record)
        learnt = _learnt(record, profile)
        importance = _importance(record)
        performance = record.performance.to_performance() if record.performance is not None else None
        created = datetime.fromisoformat(record.created).timestamp()
    except (BaselineError, ValueError, OverflowError) as error:
        raise BaselineError(f"{path}: {error}; build it anew") from error
    return Baseline(
        profile=profile,
        hash=record.hash,
        created=created,
        task=record.task,
        left_out=record.left_out,
        outside=np.array([[np.nan if x is None else x for x in (c.outside, c.outside_variance)] for c in record.columns]).T,
        learnt=learnt,
        inflation=tuple(c.inflation.to_inflation() if c.inflation is not None else Inflation() for c in record.columns),
        timezone=record.replay.timezone if record.replay is not None else "UTC",
        importance=importance,
        attributions=record.attributions or {},
        performance=performance,
        only_for=record.performance.only_for if record.performance is not None else (),
    )


def _importance(record: BaselineRecord) -> Mapping[str, float]:
    """Return what a file says of its features' importance."""
    if record.importance is None:
        return {}
    features = {column.name for column in record.columns if column.role is Role.FEATURE}
    if strange := set(record.importance.features) - features:
        raise BaselineError(f"importance: there is no feature {min(strange)}")
    return record.importance.features


def _learnt(record: BaselineRecord, profile: Profile) -> tuple[Learnt, ...]:
    """Return what each column of a file taught."""
    cells = Cells(profile.layout)
    of_columns = np.split(cells.of(profile), cells.offsets[1:-1])
    columns = zip(record.columns, profile.layout.columns, of_columns, strict=True)
    return tuple(to_learnt(written.learnt, column, whole) for written, column, whole in columns)


def save(record: BaselineRecord, path: Path, *, now: datetime | None = None) -> bool:
    """Write a baseline file, unless the same content stands there already; return whether it was written.

    The file appears whole or not at all.

    Raises:
        BaselineError: it cannot be written.
    """
    digest = record.content_hash()
    try:
        if load(path).hash == digest:
            return False
    except BaselineError:
        pass  # none there, or a broken one: that is what is being mended
    created = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    complete = record.model_copy(update={"hash": digest, "created": created})
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(complete.readable(), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise BaselineError(f"{path}: cannot be written: {error.strerror}") from error
    return True
